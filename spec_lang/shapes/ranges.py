"""Between which numbers a float lies, for all values of the names in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from spec_lang.shapes.cond import Cond
from spec_lang.shapes.dim import Dim
from spec_lang.shapes.real import IF, Number

Range: TypeAlias = tuple[float, float]
"""The least and the greatest value, infinite where nothing is known."""

ALL: Range = (-math.inf, math.inf)
_SLACK = 1e-9
"""What the rounding of floats may add to a bound, as a part of it."""


def whole_range(value: Number, function: Callable[[float], int]) -> tuple[int | None, int | None]:
    """The bounds of a float that is made an int by a function that never decreases."""
    low, high = range_of(value)
    least = low - _SLACK * max(1.0, abs(low)) if math.isfinite(low) else low
    most = high + _SLACK * max(1.0, abs(high)) if math.isfinite(high) else high
    return (
        function(least) if math.isfinite(least) else None,
        function(most) if math.isfinite(most) else None,
    )


def range_of(value: Number) -> Range:
    """The range of a number, as far as sums, products and functions that never decrease tell it."""
    if isinstance(value, float):
        return (value, value) if math.isfinite(value) else ALL
    if isinstance(value, Dim):
        low, high = value.bounds
        return _float(low, -math.inf), _float(high, math.inf)
    if not value.args or value.is_item:
        return ALL
    if value.head == IF:
        _, yes, no = value.args
        (a, b), (c, d) = range_of(yes), range_of(no)
        return min(a, c), max(b, d)
    ranges = [range_of(a) for a in value.args if not isinstance(a, Cond)]
    rule = _RULES.get((value.head, len(ranges)))
    return ALL if rule is None else rule(*ranges)


def _float(bound: int | None, unknown: float) -> float:
    try:
        return unknown if bound is None else float(bound)
    except OverflowError:
        return unknown


def _product(x: Range, y: Range) -> Range:
    if not all(map(math.isfinite, (*x, *y))):
        least = x[0] * y[0] if x[0] >= 0 and y[0] >= 0 else -math.inf
        return (0.0 if math.isnan(least) else least), math.inf
    corners = [a * b for a in x for b in y]
    return min(corners), max(corners)


def _quotient(x: Range, y: Range) -> Range:
    if y[0] <= 0:
        return ALL
    corners = [a / b for a in x for b in y if not (math.isinf(a) and math.isinf(b))]
    if math.isinf(y[1]):
        corners.append(0.0)
    return min(corners), max(corners)


def _rising(function: Callable[[float], float], least: float = -math.inf) -> Callable[[Range], Range]:
    def of(x: Range) -> Range:
        return _at(function, x[0], least), _at(function, x[1], math.inf)

    return of


def _at(function: Callable[[float], float], x: float, otherwise: float) -> float:
    try:
        return function(x)
    except (ValueError, OverflowError):
        return otherwise


_RULES: dict[tuple[str, int], Callable[..., Range]] = {
    ("+", 2): lambda x, y: (x[0] + y[0], x[1] + y[1]),
    ("-", 2): lambda x, y: (x[0] - y[1], x[1] - y[0]),
    ("-", 1): lambda x: (-x[1], -x[0]),
    ("*", 2): _product,
    ("/", 2): _quotient,
    ("float", 1): lambda x: x,
    ("log", 1): _rising(math.log),
    ("exp", 1): _rising(math.exp, 0.0),
    ("sqrt", 1): _rising(math.sqrt, 0.0),
    ("min", 2): lambda x, y: (min(x[0], y[0]), min(x[1], y[1])),
    ("max", 2): lambda x, y: (max(x[0], y[0]), max(x[1], y[1])),
}
