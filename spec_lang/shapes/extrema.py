"""Minimum and maximum: flat, without what is dominated, common parts outside."""

from __future__ import annotations

from math import gcd

from spec_lang.shapes.atom import MAX, MIN, Bounds, intern
from spec_lang.shapes.dim import Dim, Terms, atomic, dim, made, the_atom


def minimum(*dims: Dim | int) -> Dim:
    """The least of the dims."""
    return _extremum(MIN, [dim(d) for d in dims])


def maximum(*dims: Dim | int) -> Dim:
    """The greatest of the dims."""
    return _extremum(MAX, [dim(d) for d in dims])


def _extremum(kind: str, dims: list[Dim]) -> Dim:
    kept = _undominated(kind, _flat(kind, dims))
    if len(kept) == 1:
        return kept[0]
    common = _common(kept)
    factor = gcd(*(c for d in kept for c in (d - common).terms.values()))
    if common.terms or factor > 1:
        inner = [made({m: c // factor for m, c in (d - common).terms.items()}) for d in kept]
        return common + _extremum(kind, inner) * factor
    kept.sort(key=lambda d: (d.const is not None, str(d)))
    low, high = _bounds(kind, kept)
    return atomic(intern(kind, tuple(kept), low=low, high=high))


def _bounds(kind: str, dims: list[Dim]) -> Bounds:
    lows = [low for low, _ in (d.bounds for d in dims) if low is not None]
    highs = [high for _, high in (d.bounds for d in dims) if high is not None]
    if kind == MIN:
        return min(lows) if len(lows) == len(dims) else None, min(highs, default=None)
    return max(lows, default=None), max(highs) if len(highs) == len(dims) else None


def _flat(kind: str, dims: list[Dim]) -> list[Dim]:
    result: list[Dim] = []
    for d in dims:
        atom = the_atom(d)
        if atom is not None and atom.kind == kind:
            result += atom.args
        else:
            result.append(d)
    return result


def _undominated(kind: str, dims: list[Dim]) -> list[Dim]:
    kept: list[Dim] = []
    for d in dims:
        if any(_dominates(kind, other, d) for other in kept):
            continue
        kept = [other for other in kept if not _dominates(kind, d, other)]
        kept.append(d)
    return kept


def _dominates(kind: str, a: Dim, b: Dim) -> bool:
    """Whether `a` is always at least as extreme as `b`."""
    low = (b - a if kind == MIN else a - b).bounds[0]
    return low is not None and low >= 0


def _common(dims: list[Dim]) -> Dim:
    """What can be taken out: the terms that all the dims share, and the least constant."""
    first, *others = dims
    terms: Terms = {m: c for m, c in first.terms.items() if m and all(d.terms.get(m) == c for d in others)}
    constants = [d.terms.get((), 0) for d in dims if d.const is None]
    terms[()] = min(constants) if constants else 0
    return made(terms)
