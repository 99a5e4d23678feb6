"""Offsets in a text and the positions that editors count in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

from lsprotocol import types

from spec_lang.diagnostics import Source, Span

_UNITS: Final[Mapping[str, Callable[[str], int]]] = {
    "utf-8": lambda text: len(text.encode(errors="surrogatepass")),
    "utf-16": lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2,
    "utf-32": len,
}


class Positions:
    """The lines of a text, and columns in an encoding's units (`utf-8`, `utf-16` or `utf-32`)."""

    def __init__(self, source: Source, encoding: str = "utf-16") -> None:
        self.source = source
        self._units = _UNITS[encoding]

    @cached_property
    def _plain(self) -> bool:
        return self.source.text.isascii()

    def position(self, offset: int) -> types.Position:
        offset = min(max(offset, 0), len(self.source.text))
        at = self.source.position(offset)
        column = at.column - 1
        if not self._plain:
            column = self._units(self.source.text[offset - column : offset])
        return types.Position(at.line - 1, column)

    def range(self, start: int, end: int) -> types.Range:
        return types.Range(self.position(start), self.position(end))

    def span(self, span: Span, start: int = 0) -> types.Range:
        """The range of a span that counts from a place in the text."""
        return self.range(start + span.start, start + span.end)

    def offset(self, position: types.Position) -> int:
        """The offset of a position; beyond a line's end it is that end."""
        starts = self.source.starts
        if position.line >= len(starts):
            return len(self.source.text)
        start = starts[position.line]
        line = self.source.line(position.line + 1)
        if self._plain or self._units is len:
            return start + min(position.character, len(line))
        units = 0
        for column, letter in enumerate(line):
            if units >= position.character:
                return start + column
            units += self._units(letter)
        return start + len(line)
