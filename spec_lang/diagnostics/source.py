"""Source text and places in it."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

from spec_lang.frozen import Frozen, Record


class Span(NamedTuple):
    """A half-open range of character offsets in one source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The range from the start of this one to the end of the other."""
        return Span(self.start, other.end)


class Position(Record):
    """A place as people count: line and column from 1."""

    line: int
    column: int


class Source(Frozen):
    """One file's text under the name that messages show.

    Attributes:
        lines: The offsets at which lines start, of a text that is not at hand.
    """

    name: str
    text: str
    lines: tuple[int, ...] = ()

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The offset of every line's first character."""
        if self.lines:
            return self.lines
        starts = [0]
        at = self.text.find("\n")
        while at != -1:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return tuple(starts)

    def position(self, offset: int) -> Position:
        """The line and column of a character offset."""
        line = bisect_right(self.starts, offset)
        return Position(line, offset - self.starts[line - 1] + 1)

    def at(self, span: Span) -> str:
        """The text in a range."""
        return self.text[span.start : span.end]

    def line(self, number: int) -> str:
        """The text of one line, counted from 1, without its line end."""
        start = self.starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end == -1 else self.text[start:end]
