"""Minimum and maximum: flat, without what is dominated, common parts outside."""

from __future__ import annotations

from math import gcd

from spec_lang.shapes.atom import MAX, MIN, intern
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
    kept = [d - common for d in kept]
    factor = gcd(*(c for d in kept for c in d.terms.values()))
    if factor > 1:
        kept = [made({m: c // factor for m, c in d.terms.items()}) for d in kept]
    kept.sort(key=lambda d: (d.const is not None, str(d)))
    pick = min if kind == MIN else max
    lows = [d.bounds[0] for d in kept]
    highs = [d.bounds[1] for d in kept]
    known_lows = [x for x in lows if x is not None]
    known_highs = [x for x in highs if x is not None]
    if kind == MIN:
        low = pick(known_lows) if len(known_lows) == len(kept) else None
        high = pick(known_highs) if known_highs else None
    else:
        low = pick(known_lows) if known_lows else None
        high = pick(known_highs) if len(known_highs) == len(kept) else None
    return common + atomic(intern(kind, tuple(kept), low=low, high=high)) * factor


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
