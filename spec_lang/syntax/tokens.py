"""Text to tokens: words, numbers, strings, brackets, lines and their indentation.

A keyword is one by its position only. Every word is a NAME but for Python's operators and constants; a word that
begins a line is a keyword if what follows could not follow a name there (`model Tiny(`, `layers:` at the end of a
line, `tie a.weight`). `from`, `as`, `list` and the like keep their own type, and the parser reads them as names
wherever it expects no keyword.
"""

from __future__ import annotations

import re
from functools import cache

from spec_lang.diagnostics import Diagnostic, Edit, Fix, Label, Source, Span
from spec_lang.frozen import Frozen
from spec_lang.syntax import tables
from spec_lang.syntax.ast import Comment
from spec_lang.syntax.limits import BLOCKS, BRACKETS, CHAIN
from spec_lang.syntax.stray import explain_stray, is_name, plain
from spec_lang.syntax.token import (
    AT_LINE_START,
    BEFORE_COLON,
    BEFORE_NAME,
    CLOSING,
    OPENING,
    RESERVED,
    SOFT,
    Token,
)

TAB = 4
_STATEMENT = r"[^\W\d]\w*[ ]*(?:=(?!=)|\+=|:|\(|[^\W\d])|[\w.,() ]+=(?!=)|return\b|_\b"


class Tokens(Frozen):
    """A file's tokens up to `$END`, its comments, and what was wrong at this level.

    `faulty` holds an offset in each logical line that has a mistake already.
    """

    tokens: list[Token]
    comments: list[Comment]
    diagnostics: list[Diagnostic]
    faulty: set[int]


class TooDeep(Exception):
    """Brackets or blocks nest beyond what the compiler follows; the file is refused at once."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


@cache
def _scanner() -> re.Pattern[str]:
    known = tables.load()
    order = ("FSTRING", "NAME", "NUMBER", "STRING", "COMMENT")
    parts = [f"(?P<{name}>{known.patterns[name]})" for name in order]
    longer = [re.escape(op) for op in known.operators if len(op) > 1]
    single = re.escape("".join(op for op in known.operators if len(op) == 1))
    parts += [
        r"(?P<NEWLINE>\n)",
        rf"(?P<OP>{'|'.join(longer)}|[{single}])",
        r"(?P<BAD_NUMBER>\d\w*)",
        r"(?P<BAD_STRING>\"{3}[\s\S]*|'{3}[\s\S]*|\"(?:[^\"\\\n]|\\.)*\\?|'(?:[^'\\\n]|\\.)*\\?)",
        r"(?P<STRAY>[^ \t\f\r]|\r(?!\n))",
    ]
    # An operator that begins like a number (`.5`, `...`) is tried after it, and a bad number after both.
    return re.compile(rf"(?:{known.patterns['SPACE']})?(?:{'|'.join(parts)})")


def tokenize(source: Source) -> Tokens:
    """The tokens of a file.

    Raises:
        TooDeep: Brackets, blocks or operators nest too deeply to go on.
    """
    strict = _Tokenizer(source, recover=False)
    strict.run()
    if not strict.unbalanced:
        return strict.result()
    recovering = _Tokenizer(source, recover=True)
    recovering.run()
    return recovering.result()


def is_steady(source: Source) -> bool:
    """Whether a text with its brackets closed is read the same where one that is open elsewhere is looked for."""
    recovering = _Tokenizer(source, recover=True)
    recovering.run()
    return not recovering.diagnostics


class _Tokenizer:
    """One pass over a file; with `recover`, a line that looks like a statement ends a bracket left open."""

    def __init__(self, source: Source, recover: bool) -> None:
        self.source = source
        self.recover = recover
        self.unbalanced = False
        self.tokens: list[Token] = []
        self.comments: list[Comment] = []
        self.diagnostics: list[Diagnostic] = []
        self.faulty: set[int] = set()  # numbers of logical lines
        self.places: set[int] = set()  # offsets in them
        self.starts: list[int] = []
        self.levels = [0]
        self.brackets: list[Token] = []
        self.line = 0  # NEWLINE tokens so far
        self.first = 0  # index of the logical line's first token
        self.column = 0  # of the logical line
        self.branches: dict[int, int] = {}  # `elif`s so far, by level
        self.tabs: list[Span] = []
        self.spaces = False  # some line is indented with spaces

    def result(self) -> Tokens:
        return Tokens(self.tokens, self.comments, self.diagnostics, self.places)

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        help: str | None = None,
        labels: tuple[Label, ...] = (),
        ways: tuple[Fix, ...] = (),
    ) -> None:
        """Report a mistake, the first of its logical line."""
        if self.line not in self.faulty:
            self.faulty.add(self.line)
            self.places.add(span.start)
            label = Label(self.source, span)
            self.diagnostics.append(Diagnostic(code, message, label, labels, help=help, ways=ways))

    def run(self) -> None:
        text = self.source.text
        tokens, brackets = self.tokens, self.brackets
        push = tokens.append
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
            word = text[start:end]
            if kind == "COMMENT":
                self.comments.append(Comment(Span(start, end), word.rstrip()))
                continue
            if fresh:
                fresh = False
                if brackets and self.recover and self._begins_statement(line_start, start, previous):
                    self._unclosed()
                if not brackets and (word != "->" or not tokens):
                    self._new_line(line_start, start, previous)
                    if word in AT_LINE_START:
                        self.starts.append(len(tokens))
                    elif word in ("if", "elif"):
                        self._count_branch(word, Span(start, end))
            if kind == "OP":
                kind = word
                if word in CLOSING:
                    brackets.append(Token(kind, word, start, end))
                    if len(brackets) > BRACKETS:
                        raise TooDeep(self._too_deep("brackets", BRACKETS, Span(start, end)))
                elif word in OPENING and not self._close(word, start, end):
                    continue
            elif kind == "NAME":
                if previous.type != ".":
                    if word in RESERVED:
                        kind = RESERVED[word]
                    elif word in SOFT:
                        kind = word
                if not word.isascii() and not is_name(word):
                    self._stray(Span(start, end), word)
            elif kind in ("BAD_NUMBER", "BAD_STRING", "STRAY"):
                replaced = self._bad(kind, word, start, end)
                if replaced is None:
                    continue
                kind, word = replaced
            if previous.type == "list" and word != "[":
                previous.type = "NAME"
            previous = Token(kind, word, start, end)
            push(previous)
        self._finish(previous)

    # --- Lines and blocks -------------------------------------------------------------------

    def _new_line(self, line_start: int, start: int, previous: Token) -> None:
        tokens, levels = self.tokens, self.levels
        if tokens:
            self._end_line(previous)
        column = start - line_start
        if column and self.source.text.find("\t", line_start, start) != -1:
            column = len(self.source.text[line_start:start].expandtabs(TAB))
            self.tabs.append(Span(line_start, start))
        elif column:
            self.spaces = True
        if column > levels[-1]:
            levels.append(column)
            if len(levels) > BLOCKS:
                raise TooDeep(self._too_deep("blocks", BLOCKS, Span(start, start + 1)))
            tokens.append(Token("_INDENT", "", previous.end, previous.end))
        else:
            while column < levels[-1]:
                if column > levels[-2]:
                    self._misfit(column, line_start, start)
                    break
                levels.pop()
                tokens.append(Token("_DEDENT", "", previous.end, previous.end))
        self.first = len(tokens)
        self.column = column

    def _end_line(self, previous: Token) -> None:
        if len(self.tokens) - self.first > CHAIN:
            self._check_chain()
        self.tokens.append(Token("NEWLINE", "", previous.end, previous.end))
        self.line += 1

    def _misfit(self, column: int, line_start: int, start: int) -> None:
        if self.tabs:
            self.faulty.add(self.line)
            return
        inner, outer = self.levels[-1], self.levels[-2]
        self.error(
            "E0103",
            f"this line is indented by {column} {_spaces(column)}, which fits no block",
            Span(line_start, start),
            f"the block above stands at {inner} {_spaces(inner)}, the one around it at {outer}",
        )

    def _count_branch(self, word: str, span: Span) -> None:
        level = len(self.levels)
        count = self.branches[level] = self.branches.get(level, 0) + 1 if word == "elif" else 0
        if count > CHAIN:
            raise TooDeep(self._too_deep("`elif`s of one `if`", CHAIN, span))

    def _check_chain(self) -> None:
        """Refuse an expression whose tree would be too deep.

        Its depth is at most the operators since the last comma, in this bracket and in those around it.
        """
        counts = [0]
        depth = 0
        for token in self.tokens[self.first :]:
            kind = token.type
            if kind in OPENING and len(counts) > 1:
                depth -= counts.pop()
            elif kind == ",":
                depth -= counts[-1]
                counts[-1] = 0
            elif kind not in ("NAME", "NUMBER", "STRING", "=", ":"):
                depth += 1
                counts[-1] += 1
                if depth > CHAIN:
                    raise TooDeep(self._too_deep("operators in one expression", CHAIN, token.span))
            if kind in CLOSING:
                counts.append(0)

    def _finish(self, previous: Token) -> None:
        if self.brackets:
            if self.recover:
                self._unclosed()
            self.unbalanced = True
        if self.tokens:
            self._end_line(previous)
        end = len(self.source.text)
        for _ in self.levels[1:]:
            self.tokens.append(Token("_DEDENT", "", previous.end, previous.end))
        self.tokens.append(Token("$END", "", end, end))
        self.tokens.append(Token("$END", "", end, end))  # so that one token more can be looked at
        for index in self.starts:
            _line_start(self.tokens, index)
        if self.tabs and self.spaces:
            self.places.update(span.start for span in self.tabs)  # their blocks are guessed
        if self.tabs:
            more = len(self.tabs) - 1
            notes = (f"{more} more {'line has' if more == 1 else 'lines have'} them",) if more else ()
            self.diagnostics.append(
                Diagnostic(
                    "E0102",
                    "tabs in the indentation",
                    Label(self.source, self.tabs[0]),
                    notes=notes,
                    help="indent with four spaces a level",
                    ways=() if self.spaces else (self._with_spaces(),),
                )
            )

    def _with_spaces(self) -> Fix:
        """Tabs as spaces, where nothing is indented with both."""
        text = self.source.text
        changes = [(span, text[span.start : span.end].expandtabs(TAB)) for span in self.tabs]
        return Fix("indent with spaces", self._edits(changes), True)

    def _too_deep(self, what: str, limit: int, span: Span) -> Diagnostic:
        return Diagnostic(
            "E0119",
            f"more than {limit:,} {what}{' inside each other' if limit != CHAIN else ''}",
            Label(self.source, span),
            help="give parts of it names of their own",
        )

    # --- Brackets ---------------------------------------------------------------------------

    def _close(self, word: str, start: int, end: int) -> bool:
        """Take a closing bracket; False if it closes nothing and is left out."""
        brackets = self.brackets
        span = Span(start, end)
        if brackets and brackets[-1].type == OPENING[word]:
            brackets.pop()
            return True
        if not brackets:
            self.error("E0107", f"`{word}` closes a bracket that was never opened", span)
            return False
        self.unbalanced = True
        if not self.recover:
            brackets.pop()
            return True
        opened = brackets[-1]
        if any(bracket.type == OPENING[word] for bracket in brackets):
            self._unclosed(Label(self.source, span, f"`{word}` comes before `{CLOSING[opened.type]}`"))
            while brackets.pop().type != OPENING[word]:
                pass
            return True
        self._mismatch(opened, word, span)
        return False

    def _mismatch(self, opened: Token, word: str, span: Span) -> None:
        self.error(
            "E0107",
            f"`{word}` does not close `{opened.type}`",
            span,
            f"`{CLOSING[opened.type]}` does",
            (Label(self.source, opened.span, "opened here"),),
        )
        self.brackets.pop()

    def _unclosed(self, label: Label | None = None) -> None:
        opened = self.brackets[-1]
        self.error(
            "E0101",
            f"`{opened.type}` is never closed",
            opened.span,
            f"add `{CLOSING[opened.type]}` where it should end",
            (label,) if label else (),
        )
        if label is None:
            self.brackets.clear()

    def _begins_statement(self, line_start: int, start: int, previous: Token) -> bool:
        """Whether a line inside brackets looks like a new statement, so that a bracket must have been forgotten."""
        column = start - line_start
        if column > self.column and previous.type != ":":
            return False
        return re.compile(_STATEMENT).match(self.source.text, start) is not None

    # --- What is no token -------------------------------------------------------------------

    def _bad(self, kind: str, word: str, start: int, end: int) -> tuple[str, str] | None:
        """Report what is no token; the type and text to read it as, or None to leave it out."""
        if kind == "BAD_NUMBER":
            self.error("E0116", f"`{word[:40]}` is not a number", Span(start, end), _number_help(word))
            return "NUMBER", "0"
        if kind == "BAD_STRING":
            width = 3 if word[:3] in ('"""', "'''") else 1
            self.error(
                "E0108",
                "this string has no end",
                Span(start, start + width if width == 3 else end),
                f"close it with `{word[:width]}`",
            )
            return "STRING", '""'
        self._stray(Span(start, end), word)
        return None

    def _stray(self, span: Span, word: str) -> None:
        message, help = explain_stray(word)
        edits = plain(self.source.text, span.start)
        fix = Fix("write plain characters", self._edits([(Span(at, at + 1), new) for at, new in edits]), True)
        self.error("E0109", message, span, help, ways=(fix,) if edits else ())

    def _edits(self, changes: list[tuple[Span, str]]) -> tuple[Edit, ...]:
        return tuple(Edit(self.source, span, text) for span, text in changes)


def _number_help(word: str) -> str | None:
    if word.endswith("_") or "__" in word:
        return "an underscore stands between two digits"
    digits = word.rstrip("".join(c for c in word if not c.isdigit()))
    if word[:2].lower() in ("0x", "0b", "0o"):
        return "write it in decimal"
    return "names begin with a letter" if digits != word else None


def _spaces(count: int) -> str:
    return "space" if count == 1 else "spaces"


def _line_start(tokens: list[Token], index: int) -> None:
    """Make the word that begins a line a keyword, if it is one there."""
    token, after = tokens[index], tokens[index + 1]
    word = token.text
    if word in BEFORE_COLON:
        keyword = after.type == ":" and tokens[index + 2].type == "NEWLINE"
    elif word in BEFORE_NAME and not (word == "tie" and after.type == "("):
        keyword = after.text.isidentifier() or (word == "from" and after.type in (".", "..."))
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
