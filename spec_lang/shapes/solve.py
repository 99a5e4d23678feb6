"""Solving facts: equalities and divisibilities substitute, bounds go into atoms, the rest is kept.

A divisibility `D % heads == 0` becomes `D = heads*j` for a fresh symbol `j`; an order `T <= context` becomes
`context = T + s` for a fresh `s >= 0`. Both print back as `D//heads` and `context - T`.
"""

from __future__ import annotations

from math import gcd
from typing import TypeAlias

from spec_lang.shapes.atom import FLOOR, MAX, MIN, MOD, SYMBOL, Atom, intern
from spec_lang.shapes.dim import Dim, Monomial, atomic, dim, made, symbol
from spec_lang.shapes.division import divide, order, without
from spec_lang.shapes.system import INNER, SLACK, System, fresh_in, key_of, sign_of_or_zero

STEPS = 64
_KEPT = 64
"""The orders and the inequalities that are kept; more are not used."""

Pending: TypeAlias = "list[tuple[str, tuple[Dim, ...]]]"
"""What has to be looked at again: `dims[0] == 0` ("zero"), `>= 0` ("order"), `!= 0` ("nonzero"), or
`dims[1] % dims[0] == 0` ("divides")."""


def learn(system: System, kind: str, *dims: Dim) -> None:
    """Put a fact, of a kind as in `Pending`, into a system that is being built."""
    pending: Pending = [(kind, dims)]
    for _ in range(STEPS):
        if not pending or system.contradictory:
            return
        kind, dims = pending.pop(0)
        pending += _learned(system, kind, *map(system.reduce, dims))


def impossible(d: Dim) -> bool:
    """Whether constants, bounds or the gcd of the coefficients show that the dim is never 0."""
    low, high = d.bounds
    if (low is not None and low > 0) or (high is not None and high < 0):
        return True
    g = gcd(*(c for m, c in d.terms.items() if m))
    return g > 1 and d.terms.get((), 0) % g != 0


def primitive(d: Dim) -> Dim:
    """A dim that has the same sign everywhere, without common factors that are positive."""
    g = gcd(*(c for m, c in d.terms.items() if m))
    if g > 1:
        d = made({m: c // g for m, c in d.terms.items()})
    return without_factors(d)


def without_factors(d: Dim) -> Dim:
    """The dim without positive atoms that are in every term."""
    while d.terms and () not in d.terms:
        first, *others = d.terms
        shared = [a for a in dict.fromkeys(first) if (a.low or 0) > 0 and all(a in m for m in others)]
        if not shared or (len(d.terms) == 1 and len(first) == 1):
            break
        d = Dim({_without(m, shared[0]): c for m, c in d.terms.items()})
    return d


def _without(monomial: Monomial, atom: Atom) -> Monomial:
    left = without(monomial, (atom,))
    assert left is not None
    return left


def _zero(system: System, p: Dim) -> Pending:
    if not p.terms:
        return []
    if impossible(p):
        system.contradictory = True
        return []
    p = primitive(p)
    divisibility = _as_divisibility(p)
    if divisibility is not None:
        return [("divides", divisibility)]
    if len(p.terms) == 1:
        (monomial,) = p.terms
        unknown = [a for a in dict.fromkeys(monomial) if not _never_zero(a)]
        if len(unknown) == 1 and len(monomial) > 1:
            return [("zero", (atomic(unknown[0]),))]
    solved = _solvable(p)
    if solved is not None:
        return _eliminate(system, *solved)
    lead = max(p.terms, key=order)
    if p.terms[lead] in (1, -1) and lead:
        rest = (p - Dim({lead: p.terms[lead]})) * -p.terms[lead]
        if all(lead != known for known, _ in system.rules):
            system.set_rules([*system.rules, (lead, rest)])
    if len(system.orders) < _KEPT:
        system.orders += [p, -p]
    return []


def _never_zero(atom: Atom) -> bool:
    return (atom.low is not None and atom.low > 0) or (atom.high is not None and atom.high < 0)


def _as_divisibility(p: Dim) -> tuple[Dim, Dim] | None:
    """`a == q*(a//q)` and `a % q == c` as divisibilities."""
    for monomial in p.terms:
        for atom in monomial:
            if atom.kind == FLOOR:
                a, q = atom.args
                exact = a - q * atomic(atom)
                if p.terms in (exact.terms, (-exact).terms):
                    return q, a
            if atom.kind == MOD and len(monomial) == 1:
                a, q = atom.args
                rest = p - Dim({monomial: p.terms[monomial]})
                if rest.const is not None and p.terms[monomial] in (1, -1) and sign_of_or_zero(q) > 0:
                    return q, a + rest * p.terms[monomial]
    return None


def _solvable(p: Dim) -> tuple[Atom, Dim] | None:
    """An atom that occurs once and alone, and what it equals: fresh symbols first, then those that stay within bounds."""
    best: tuple[tuple[object, ...], Atom, Dim] | None = None
    for monomial, c in p.terms.items():
        if len(monomial) != 1 or c not in (1, -1):
            continue
        atom = monomial[0]
        value = (p - Dim({monomial: c})) * -c
        if _occurs(atom, value):
            continue
        fresh = atom.name.startswith(INNER)
        rank = (
            bool(atom.args),
            not (fresh and atom.name.endswith(SLACK)),
            not _implied(atom, value),
            fresh,
            value.const is None and c < 0,
            atom.name,
        )
        if best is None or rank < best[0]:
            best = rank, atom, value
    return None if best is None else best[1:]


def _occurs(atom: Atom, d: Dim) -> bool:
    if atom.kind == SYMBOL:
        return atom.name in d.symbols
    return any(a is atom or any(_occurs(atom, x) for x in a.args) for m in d.terms for a in m)


def _implied(atom: Atom, value: Dim) -> bool:
    low, high = value.bounds
    return (atom.low is None or (low is not None and low >= atom.low)) and (
        atom.high is None or (high is not None and high <= atom.high)
    )


def _eliminate(system: System, atom: Atom, value: Dim) -> Pending:
    """Replace an atom, and look again at all that was known of it."""
    pending: Pending = []
    if atom.low is not None:
        pending.append(("order", (value - atom.low,)))
    if atom.high is not None:
        pending.append(("order", (atom.high - value,)))
    if atom.kind == FLOOR and sign_of_or_zero(atom.args[1]) > 0:
        a, q = atom.args
        pending += [("order", (a - q * value,)), ("order", (q * value + q - 1 - a,))]
    if fresh_in(value):
        system.eliminated.append((system.authors(atomic(atom)), value))
    return _swap(system, atom, value) + pending


def _swap(system: System, atom: Atom, value: Dim) -> Pending:
    known = [("order", (p,)) for p in system.orders] + [("nonzero", (p,)) for p in system.nonzero]
    known += [("zero", (Dim({lead: 1}) - rest,)) for lead, rest in system.rules]
    system.orders, system.nonzero = [], []
    system.set_rules([])
    system.set_swap(key_of(atom), value)
    solved: Pending = []
    for key, old in list(system.swaps.items()):
        new = system.reduce(old)
        if new.terms != old.terms:
            system.set_swap(key, new)
    if system.quotients:
        reduced = [tuple(map(system.reduce, q)) for q in system.quotients]
        system.set_quotients(reduced)  # type: ignore[arg-type]  # three each
    return solved + known


def _order(system: System, p: Dim) -> Pending:
    p = primitive(p)
    low, high = p.bounds
    if low is not None and low >= 0:
        return []
    if high is not None and high <= 0:
        if high < 0:
            system.contradictory = True
            return []
        return [("zero", (p,))]
    constant = p.terms.get((), 0)
    body = p - constant
    if len(body.terms) == 1:
        ((monomial, c),) = body.terms.items()
        if len(monomial) == 1 and c in (1, -1):
            return _refine(system, monomial[0], -constant if c > 0 else constant, lower=c > 0)
    slack = _slack(p)
    if slack is not None:
        atom, rest = slack
        meaning = system.authors(p)
        name = f"{INNER}{meaning}{SLACK}"
        system.meanings[name] = meaning
        return _eliminate(system, atom, rest + symbol(name, 0))
    if len(system.orders) < _KEPT and all(p.terms != known.terms for known in system.orders):
        system.orders.append(p)
    return []


def _slack(p: Dim) -> tuple[Atom, Dim] | None:
    """A symbol `x` with `p == x - rest`, whose bounds `rest` implies."""
    for monomial, c in p.terms.items():
        if len(monomial) == 1 and c == 1 and monomial[0].kind == SYMBOL:
            rest = Dim({monomial: 1}) - p
            atom = monomial[0]
            if atom.high is None and not _occurs(atom, rest) and _implied(atom, rest):
                return atom, rest
    return None


def _refine(system: System, atom: Atom, limit: int, *, lower: bool) -> Pending:
    """Put a bound into an atom."""
    low, high = atom.low, atom.high
    if lower:
        low = limit if low is None else max(low, limit)
    else:
        high = limit if high is None else min(high, limit)
    if low is not None and high is not None and low > high:
        system.contradictory = True
        return []
    pending = _bounded_arguments(atom, limit, lower=lower)
    if low is not None and low == high:
        return _swap(system, atom, dim(low)) + pending
    refined = intern(atom.kind, atom.args, name=atom.name, low=low, high=high, cond=atom.cond)
    if atom.kind == SYMBOL and not atom.name.startswith(INNER):
        system.meanings.setdefault(atom.name, atomic(atom))
    return _swap(system, atom, atomic(refined)) + pending


def _bounded_arguments(atom: Atom, limit: int, *, lower: bool) -> Pending:
    """What a bound of a composite atom says of its arguments."""
    if atom.kind == FLOOR and sign_of_or_zero(atom.args[1]) > 0:
        a, q = atom.args
        return [("order", (a - q * limit if lower else q * limit + q - 1 - a,))]
    if atom.kind == (MIN if lower else MAX):
        return [("order", (a - limit if lower else limit - a,)) for a in atom.args]
    return []


def _nonzero(system: System, p: Dim) -> Pending:
    if not p.terms:
        system.contradictory = True
        return []
    if impossible(p):
        return []
    low, high = p.bounds
    if low == 0:
        return [("order", (p - 1,))]
    if high == 0:
        return [("order", (-p - 1,))]
    if len(system.nonzero) < _KEPT:
        system.nonzero.append(p)
    return []


def _divides(system: System, q: Dim, x: Dim) -> Pending:
    if q.const == 0:
        system.contradictory = True
        return []
    x = divide(x, q)[1]
    if not x.terms:
        return []
    q, x = _lowest_terms(q, x)
    if q.const is not None:
        g = gcd(q.const, *(c for m, c in x.terms.items() if m))
        if x.terms.get((), 0) % g:
            system.contradictory = True
            return []
        if abs(q.const) == 1:
            return []
    name = f"{INNER}{system.authors(x)} / {system.authors(q)}"
    low = 1 if sign_of_or_zero(q) > 0 and sign_of_or_zero(x) > 0 else None
    if low is None and sign_of_or_zero(q) > 0 and x.bounds[0] == 0:
        low = 0
    j = symbol(name, low)
    system.meanings[name] = system.authors(x) // system.authors(q)
    system.set_quotients([*system.quotients, (q, x, j)])
    return [("zero", (x - q * j,))]


def _lowest_terms(q: Dim, x: Dim) -> tuple[Dim, Dim]:
    """The divisibility without common factors; modulo a constant, with a symbol of coefficient 1 where one can be had."""
    g = gcd(*q.terms.values(), *x.terms.values())
    if g > 1:
        q, x = (made({m: c // g for m, c in d.terms.items()}) for d in (q, x))
    if q.const is None or q.const < 0:
        return q, x
    n = q.const
    for m, c in x.terms.items():
        if len(m) == 1 and m[0].kind == SYMBOL and gcd(c, n) == 1:
            unit = pow(c, -1, n)
            return q, made({m: _centred(c * unit, n) for m, c in x.terms.items()})
    return q, x


def _centred(c: int, n: int) -> int:
    return (c + (n - 1) // 2) % n - (n - 1) // 2


def _learned(system: System, kind: str, *dims: Dim) -> Pending:
    match kind:
        case "zero":
            return _zero(system, *dims)
        case "order":
            return _order(system, *dims)
        case "nonzero":
            return _nonzero(system, *dims)
    return _divides(system, *dims)
