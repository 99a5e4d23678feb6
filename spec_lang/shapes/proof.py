"""Proofs from solved facts, within a budget of steps."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from spec_lang.shapes.atom import FLOOR, MAX, MIN, MOD, Atom
from spec_lang.shapes.dim import Dim, Monomial, dim, made
from spec_lang.shapes.division import divide, divides_exactly, sign_of, without
from spec_lang.shapes.replace import rewrite
from spec_lang.shapes.solve import impossible, primitive
from spec_lang.shapes.system import System, sign_of_or_zero

BUDGET = 64


class Budget:
    """The steps that a query may still take."""

    __slots__ = ("left",)

    def __init__(self, left: int = BUDGET) -> None:
        self.left = left

    def spend(self) -> bool:
        """Take a step, if there is one."""
        self.left -= 1
        return self.left >= 0


def is_zero(system: System, p: Dim, budget: Budget) -> bool | None:
    """Whether `p` is 0 for all values, for none, or (None) neither is proved."""
    p = system.reduce(p)
    if impossible(p):
        return False
    p = _without_remainders(p)
    if not p.terms:
        return True
    if impossible(p) or any(_same(p, q) for q in system.nonzero):
        return False
    if _only_positive_terms(p):
        return None
    if _can_split(system, p) and at_least_zero(system, p, budget) and at_least_zero(system, -p, budget):
        return True
    return None


def at_least_zero(system: System, p: Dim, budget: Budget) -> bool | None:
    """Whether `p >= 0` for all values, for none, or (None) neither is proved."""
    p = system.reduce(p)
    low, high = p.bounds
    if low is not None and low >= 0:
        return True
    if high is not None and high < 0:
        return False
    return _search(system, primitive(_without_remainders(p)), budget, 4) or None


def divides(system: System, d: Dim, a: Dim, budget: Budget) -> bool | None:
    """Whether `a % d == 0` for all values, for none, or (None) neither is proved."""
    factor = gcd(*d.terms.values(), *a.terms.values())
    if factor > 1:
        d, a = d // factor, a // factor
    d, a = system.reduce(d), system.reduce(a)
    if d.const == 0 or (sign_of_or_zero(d) == 0 and not any(_same(d, q) for q in system.nonzero)):
        return None
    for q, x, _ in system.quotients:
        if divides_exactly(q, d) is not None:
            a = divide(a, system.reduce(x))[1]
    if sign_of_or_zero(d) == 0:
        return True if divides_exactly(a, d) is not None else None
    rest = system.reduce(a % d)
    if not rest.terms:
        return True
    low, high = rest.bounds
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    if d.const is not None:
        g = gcd(d.const, *(c for m, c in a.terms.items() if m))
        if a.terms.get((), 0) % g:
            return False
    return is_zero(system, a - d * (a // d), budget) or None


def _same(p: Dim, q: Dim) -> bool:
    return p.terms == q.terms or p.terms == (-q).terms


def _only_positive_terms(p: Dim) -> bool:
    """Whether no bound from below could come from a difference."""
    return all(c > 0 for m, c in p.terms.items()) or all(c < 0 for m, c in p.terms.items())


def _can_split(system: System, p: Dim) -> bool:
    return bool(system.orders) or any(a.kind in (FLOOR, MIN, MAX) for m in p.terms for a in m)


def _without_remainders(d: Dim) -> Dim:
    """The dim with `a % b` written as `a - b*(a//b)`."""
    if not any(a.kind == MOD for m in d.terms for a in m):
        return d

    def expanded(atom: Atom) -> Dim | None:
        if atom.kind != MOD or sign_of_or_zero(atom.args[1]) <= 0:
            return None
        a, b = atom.args
        return a - b * (a // b)

    return rewrite(d, expanded)


def _search(system: System, p: Dim, budget: Budget, depth: int) -> bool:
    """Whether `p >= 0` is found to hold."""
    low = p.bounds[0]
    if low is not None and low >= 0:
        return True
    high = p.bounds[1]
    if depth == 0 or (high is not None and high < 0) or not budget.spend():
        return False
    for goals in _reductions(system, p):
        if budget.left <= 0:
            return False
        if all(_search(system, primitive(system.reduce(g)), budget, depth - 1) for g in goals):
            return True
    return False


def _reductions(system: System, p: Dim) -> Iterator[list[Dim]]:
    """Lists of dims; where all of one list are >= 0, `p` is."""
    for known in system.orders:
        factor = _multiple(p, known)
        if factor is not None:
            yield [p - factor * known]
    for atom in dict.fromkeys(a for m in p.terms for a in m):
        if atom.kind in (MIN, MAX):
            yield from _by_cases(p, atom)
        elif atom.kind == FLOOR:
            yield from _without_floor(p, atom)


def _multiple(p: Dim, known: Dim) -> Dim | None:
    """A dim >= 0 whose product with `known` removes a term of `p`, a negative one if it can."""
    for monomial, c in p.terms.items():
        if c >= 0 or not monomial:
            continue
        for m, k in known.terms.items():
            left = without(monomial, m) if m and k < 0 and c % k == 0 else None
            if left is not None and all(a.low is not None and a.low >= 0 for a in left):
                return Dim({left: c // k})
    shared = [p.terms[m] // k for m, k in known.terms.items() if m and k > 0 and p.terms.get(m, 0) >= k]
    return dim(min(shared)) if shared else None


def _split(p: Dim, atom: Atom) -> tuple[Dim, Dim] | None:
    """`a`, `b` with `p == a*atom + b`, where the atom is linear and inside no other."""
    factor: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, c in p.terms.items():
        left = without(monomial, (atom,))
        if left is None:
            rest[monomial] = c
        else:
            factor[left] = c
    if any(atom in m for m in factor):
        return None
    return made(factor), made(rest)


def _by_cases(p: Dim, atom: Atom) -> Iterator[list[Dim]]:
    parts = _split(p, atom)
    if parts is None:
        return
    factor, rest = parts
    goals = [factor * arg + rest for arg in atom.args]
    low, high = factor.bounds
    helps = (high is not None and high <= 0) if atom.kind == MIN else (low is not None and low >= 0)
    if helps:  # min(a, b) <= a, so -min(a, b) >= -a
        yield from ([g] for g in goals)
    yield goals


def _without_floor(p: Dim, atom: Atom) -> Iterator[list[Dim]]:
    """`f = x//q` lies between: `q*f <= x <= q*f + q - 1`; and `p >= 0` is `q*p + q - 1 >= 0`."""
    parts = _split(p, atom)
    x, q = atom.args
    if parts is None or sign_of(q) <= 0:
        return
    factor, rest = parts
    low, high = factor.bounds
    if high is not None and high <= 0:
        yield [factor * x + q * rest + q - 1]
    elif low is not None and low >= 0:
        yield [factor * (x - q + 1) + q * rest + q - 1]
