"""Tokens, and which words are keywords where."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from spec_lang.diagnostics import Span

place: Callable[[tuple[int, int]], Span] = partial(tuple.__new__, Span)
"""`Span(*pair)` in half the time."""

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
SOFT = frozenset({"from", "import", "as", "on", "layer", "fn", "list"})
# Words that are keywords at the start of a line when a name follows ...
BEFORE_NAME = frozenset({"model", "block", "fn", "record", "extern", "from", "let", "tie", "param", "buffer"})
# ... when `:` and the end of the line follow,
BEFORE_COLON = frozenset({"layers", "init"})
# ... when an expression follows.
BEFORE_EXPRESSION = frozenset({"require", "expect"})
AT_LINE_START = BEFORE_NAME | BEFORE_COLON | BEFORE_EXPRESSION
# Types that may be read as NAME where the parser expects no keyword.
CONTEXTUAL = AT_LINE_START | SOFT

CLOSING = {"(": ")", "[": "]", "{": "}"}
OPENING = {")": "(", "]": "[", "}": "{"}
LAYOUT = frozenset({"NEWLINE", "_INDENT", "_DEDENT", "$END"})


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
        return place((self.start, self.end))

    def __repr__(self) -> str:
        return f"{self.type}:{self.text!r}"
