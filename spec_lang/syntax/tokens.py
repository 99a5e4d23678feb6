"""Text to tokens: words, numbers, strings, brackets, lines and their indentation.

A keyword is one by its position only. Every word is a NAME but for Python's operators and constants; a word that
begins a line is a keyword if what follows could not follow a name there (`model Tiny(`, `layers:` at the end of a
line, `tie a.weight`). `from`, `as`, `list` and the like keep their own type, and the parser reads them as names
wherever it expects no keyword.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from spec_lang.diagnostics import Diagnostic, Source, Span
from spec_lang.syntax import tables
from spec_lang.syntax.ast import Comment

# Words that are never names, with their token types.
RESERVED = {
    word: word for word in ("and", "or", "not", "if", "elif", "else", "for", "in", "is", "return")
} | {
    "true": "true",
    "True": "true",
    "false": "false",
    "False": "false",
    "none": "none",
    "None": "none",
    "_": "HOLE",
}
# Words whose type is their own inside a line; the parser falls back to NAME.
SOFT = frozenset({"from", "import", "as", "layer", "fn", "list"})
# Words that are keywords at the start of a line when a name follows.
BEFORE_NAME = frozenset({"model", "block", "fn", "record", "extern", "from", "let", "tie", "param", "buffer"})
# ... when `:` and the end of the line follow.
BEFORE_COLON = frozenset({"layers", "init"})
# ... when an expression follows.
BEFORE_EXPRESSION = frozenset({"require", "expect"})
AT_LINE_START = BEFORE_NAME | BEFORE_COLON | BEFORE_EXPRESSION
# Types that may be read as NAME where the parser expects no keyword.
CONTEXTUAL = AT_LINE_START | SOFT

CLOSING = {"(": ")", "[": "]", "{": "}"}
OPENING = {")": "(", "]": "[", "}": "{"}


class Token:
    """A terminal: its type in the grammar, its text and its place."""

    __slots__ = ("end", "start", "text", "type")

    def __init__(self, type: str, text: str, start: int, end: int) -> None:
        self.type = type
        self.text = text
        self.start = start
        self.end = end

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)

    def __repr__(self) -> str:
        return f"{self.type}:{self.text!r}"


class Tokens(NamedTuple):
    """A file's tokens, its comments, and what was wrong at this level."""

    tokens: list[Token]
    comments: list[Comment]
    diagnostics: list[Diagnostic]


@cache
def _scanner() -> re.Pattern[str]:
    known = tables.load()
    patterns = dict(known.patterns)
    operators = "|".join(re.escape(op) for op in known.operators)
    order = ["FSTRING", "NAME", "NUMBER", "STRING", "COMMENT"]
    parts = [f"(?P<{name}>{patterns[name]})" for name in order]
    parts += [r"(?P<NEWLINE>\n)", f"(?P<OP>{operators})", r"(?P<STRAY>[^ \t\f\r]|\r(?!\n))"]
    return re.compile(rf"(?:{patterns['SPACE']})?(?:{'|'.join(parts)})")


def tokenize(source: Source) -> Tokens:
    """The tokens of a file, ending with `$END`."""
    text = source.text
    tokens: list[Token] = []
    comments: list[Comment] = []
    diagnostics: list[Diagnostic] = []
    push = tokens.append
    starts: list[int] = []
    levels = [0]
    brackets: list[Token] = []
    line_start = 0
    fresh = True  # at the first token of a physical line
    previous = Token("NEWLINE", "", 0, 0)
    for match in _scanner().finditer(text):
        kind = match.lastgroup
        assert kind is not None
        if kind == "NEWLINE":
            line_start = match.end()
            fresh = True
            continue
        start, end = match.span(kind)
        if kind == "COMMENT":
            comments.append(Comment(Span(start, end), text[start:end].rstrip()))
            continue
        word = text[start:end]
        if fresh:
            fresh = False
            if not brackets and word != "->":
                if tokens:
                    push(Token("NEWLINE", "", previous.end, previous.end))
                column = start - line_start
                if column != levels[-1]:
                    if column > levels[-1]:
                        levels.append(column)
                        push(Token("_INDENT", "", start, start))
                    else:
                        while column < levels[-1]:
                            levels.pop()
                            push(Token("_DEDENT", "", start, start))
                if word in AT_LINE_START:
                    starts.append(len(tokens))
        if kind == "OP":
            kind = word
            if word in CLOSING:
                brackets.append(Token(kind, word, start, end))
            elif word in OPENING:
                if brackets:
                    brackets.pop()
        elif kind == "NAME":
            if previous.type == ".":
                pass
            elif word in RESERVED:
                kind = RESERVED[word]
            elif word in SOFT:
                kind = word
        previous = Token(kind, word, start, end)
        push(previous)
    if tokens:
        push(Token("NEWLINE", "", previous.end, previous.end))
    for _ in levels[1:]:
        push(Token("_DEDENT", "", previous.end, previous.end))
    push(Token("$END", "", len(text), len(text)))
    for index in starts:
        _line_start(tokens, index)
    return Tokens(tokens, comments, diagnostics)


def _line_start(tokens: list[Token], index: int) -> None:
    """Make the word that begins a line a keyword, if it is one there."""
    token, after = tokens[index], tokens[index + 1]
    word = token.text
    keyword = False
    if word in BEFORE_COLON:
        keyword = after.type == ":" and tokens[index + 2].type == "NEWLINE"
    elif word in BEFORE_NAME:
        keyword = after.text.isidentifier()
    elif after.type in ("(", "["):
        keyword = not _is_definition(tokens, index + 1)
    else:
        keyword = after.type not in ("=", ":", "+=", ",", ".")
    token.type = word if keyword else "NAME"


def _is_definition(tokens: list[Token], index: int) -> bool:
    """Whether a line `name (...` or `name [...` ends with `:` or assigns."""
    depth = 0
    opened = tokens[index].type
    while tokens[index].type != "NEWLINE":
        kind = tokens[index].type
        if kind in CLOSING:
            depth += 1
        elif kind in OPENING:
            depth -= 1
        elif kind == "=" and depth == 0 and opened == "[":
            return True
        index += 1
    return opened == "(" and tokens[index - 1].type == ":"
