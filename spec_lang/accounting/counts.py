"""Counts: of FLOPs, of bytes, of parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from spec_lang.shapes import Dim, TooLarge

Count: TypeAlias = int | Dim | None
"""A number, an expression over dims that no size is given for, or None where that would be too long to follow."""


def plain(value: int | Dim) -> int | Dim:
    """A constant as the int that it is."""
    return value if isinstance(value, int) or value.const is None else value.const


def plus(a: Count, b: Count) -> Count:
    """The sum."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if a is None or b is None:
        return None
    try:
        return plain(a + b)
    except TooLarge:
        return None


def times(a: Count, b: Count) -> Count:
    """The product."""
    if a == 0 or b == 0:
        return 0
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if a is None or b is None:
        return None
    try:
        return plain(a * b)
    except TooLarge:
        return None


def total(counts: Iterable[Count]) -> Count:
    """The sum of all."""
    result: Count = 0
    for c in counts:
        result = plus(result, c)
    return result


def larger(a: Count, b: Count) -> Count:
    """The larger one; None where that depends on the dims."""
    if a is None or b is None:
        return None
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    least, greatest = _bounds(a - b)
    if least is not None and least >= 0:
        return a
    return b if greatest is not None and greatest <= 0 else None


def _bounds(d: int | Dim) -> tuple[int | None, int | None]:
    return (d, d) if isinstance(d, int) else (d.bounds[0], d.bounds[1])
