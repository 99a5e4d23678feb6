"""A document as `specc fmt` lays it out."""

from __future__ import annotations

from lsprotocol import types

from spec_lang.diagnostics import Source
from spec_lang.lsp.positions import Positions
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.to_text import format_module


def formatted(source: Source, positions: Positions) -> list[types.TextEdit]:
    """The lines to replace; none where the file cannot be read, or is laid out already."""
    module, wrong = parse(source)
    if module is None or wrong:
        return []
    old, new = source.text, format_module(module)
    if old == new:
        return []
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    edit = types.TextEdit(positions.range(first, len(old) - last), new[first : len(new) - last])
    return [edit]


def _common(a: str, b: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low
