"""The least and greatest value of a dim, from the bounds of its atoms."""

from __future__ import annotations

from spec_lang.shapes.dim import INT64, Bounds, Dim, Monomial, Terms

_SHIFTED_TERMS = 64
"""A polynomial that has more terms once its atoms are written as `low + rest` is bounded term by term only."""


def of(d: Dim) -> Bounds:
    """Bounds of a dim: term by term, and with each atom written as its lower bound plus a rest >= 0."""
    if d.const is not None:
        return d.const, d.const
    low, high = _by_terms(d.terms)
    if all(len(m) < 2 for m in d.terms):
        return clamp(low, high)
    shifted = _shift(d.terms)
    if shifted is not None:
        least, most = _of_shifted(shifted)
        low = least if low is None else low if least is None else max(low, least)
        high = most if high is None else high if most is None else min(high, most)
    return clamp(low, high)


def clamp(low: int | None, high: int | None) -> Bounds:
    """Bounds as weak as int64, so that they never grow."""
    if low is not None:
        low = None if low < -INT64 else min(low, INT64)
    if high is not None:
        high = None if high > INT64 else max(high, -INT64)
    return low, high


def product(a: Bounds, b: Bounds) -> Bounds:
    """The bounds of a product of two numbers."""
    corners = [_times(x, y) for x in _ends(a) for y in _ends(b)]
    low, high = min(corners), max(corners)
    return (None if low == -_INF else int(low)), (None if high == _INF else int(high))


_INF = float("inf")


def _ends(b: Bounds) -> tuple[float | int, float | int]:
    low, high = b
    return (-_INF if low is None else low), (_INF if high is None else high)


def _times(x: float | int, y: float | int) -> float | int:
    if x == 0 or y == 0:
        return 0
    if isinstance(x, float) or isinstance(y, float):
        return _INF if (x > 0) == (y > 0) else -_INF
    return x * y


def _by_terms(terms: Terms) -> Bounds:
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in terms.items():
        least, most = _of_monomial(monomial)
        if coefficient < 0:
            least, most = most, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or most is None else high + coefficient * most
    return low, high


def _of_monomial(monomial: Monomial) -> Bounds:
    if not monomial:
        return 1, 1
    bounds: Bounds = (monomial[0].low, monomial[0].high)
    for atom in monomial[1:]:
        bounds = product(bounds, (atom.low, atom.high))
    return bounds


def _shift(terms: Terms) -> Terms | None:
    """The terms with each atom `a` that has a lower bound replaced by `a.low + a`, or None where that is too long."""
    result: Terms = {}
    for monomial, coefficient in terms.items():
        parts: Terms = {(): coefficient}
        for atom in monomial:
            low = atom.low
            if low is None:
                return None
            grown: Terms = {}
            for m, c in parts.items():
                grown[(*m, atom)] = grown.get((*m, atom), 0) + c
                if low:
                    grown[m] = grown.get(m, 0) + c * low
            parts = grown
            if len(parts) > _SHIFTED_TERMS:
                return None
        for m, c in parts.items():
            result[m] = result.get(m, 0) + c
        if len(result) > _SHIFTED_TERMS:
            return None
    return result


def _of_shifted(terms: Terms) -> Bounds:
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in terms.items():
        most = _range(monomial)
        least = 0 if monomial else 1
        if coefficient > 0:
            low = None if low is None else low + coefficient * least
            high = None if high is None or most is None else high + coefficient * most
        elif coefficient < 0:
            high = None if high is None else high + coefficient * least
            low = None if low is None or most is None else low + coefficient * most
    return low, high


def _range(monomial: Monomial) -> int | None:
    """The greatest value of a product of shifted atoms, whose least value is 0."""
    most = 1
    for atom in monomial:
        if atom.high is None or atom.low is None:
            return None
        most *= atom.high - atom.low
    return most
