"""Orders as one writes them: `(H + 1)//16 - 1 >= 3` is `H >= 63`."""

from __future__ import annotations

import re
from math import gcd

from spec_lang.shapes.atom import FLOOR, MAX, MIN, MOD, OPAQUE, POW, SYMBOL, Atom
from spec_lang.shapes.cond import ORDERS, Cond
from spec_lang.shapes.dim import Dim, made
from spec_lang.shapes.flags import Absent, Truth

_ALWAYS = re.compile(r"[\w.]+|len\(([\w.]+|\{\})\)")
"""The uninterpreted terms that have a value whatever is in them: names, fields, lengths."""


def plain(cond: Cond) -> Cond:
    """The same condition, each order in it solved for what is rounded down, its constant on one side."""
    if cond.parts:
        parts = [plain(p) for p in cond.parts]
        if cond.op == "not":
            return ~parts[0]
        result = parts[0]
        for part in parts[1:]:
            result = result & part if cond.op == "and" else result | part
        return result
    return _order(cond) if cond.op in ORDERS else cond


def total(cond: Cond) -> bool:
    """Whether the condition has a value for all values of its names: nothing is divided by what may be 0, no item is missing."""
    if not all(
        isinstance(f, Absent) or (isinstance(f, Truth) and _ALWAYS.fullmatch(str(f))) for f in cond.flags
    ):
        return False
    return all(_total(a) for d in cond.all_dims for m in d.terms for a in m)


def _total(atom: Atom) -> bool:
    if atom.kind in (FLOOR, MOD) and not (atom.args[1].const or 0) > 0:
        return False
    if atom.kind == OPAQUE and not _ALWAYS.fullmatch(atom.name):
        return False
    if atom.kind not in (SYMBOL, OPAQUE, FLOOR, MOD, MIN, MAX):
        return False
    return all(_total(a) for d in atom.args for m in d.terms for a in m)


def _order(cond: Cond) -> Cond:
    a, b = cond.dims
    d = a - b if cond.op in (">", ">=") else b - a
    if cond.op in ("<", ">"):
        d = d - 1
    solved = _solved(d)
    constant = solved.terms.get((), 0)
    body = solved - constant
    if solved.terms == d.terms and (len(body.terms) > 1 or (b.const is not None and () not in a.terms)):
        return cond  # nothing is gained: it stays as it was written
    more = made({m: c for m, c in body.terms.items() if c > 0})
    less = made({m: -c for m, c in body.terms.items() if c < 0})
    if not more.terms:
        return Cond.le(less, constant)
    if not less.terms:
        return Cond.ge(more, -constant)
    return Cond.ge(more + constant, less) if constant > 0 else Cond.ge(more, less - constant)


def _solved(d: Dim) -> Dim:
    """A dim that is >= 0 exactly where `d` is."""
    while True:
        constant = d.terms.get((), 0)
        body = d - constant
        factor = gcd(*body.terms.values())
        if factor > 1:
            body = made({m: c // factor for m, c in body.terms.items()})
            constant //= factor
        d = body + constant
        if len(body.terms) != 1:
            return d
        ((monomial, sign),) = body.terms.items()
        if len(monomial) != 1 or monomial[0].kind != FLOOR:
            return d
        a, q = monomial[0].args
        if not _positive(q):
            return d
        d = a + q * constant if sign > 0 else q * constant + q - 1 - a


def _positive(q: Dim) -> bool:
    """Whether a divisor is at least 1 wherever it is an int, as a power of 2 is."""
    if (q.bounds[0] or 0) >= 1:
        return True
    return bool(q.terms) and all(c > 0 and all(map(_is_power, m)) for m, c in q.terms.items())


def _is_power(atom: Atom) -> bool:
    return atom.kind == POW and (atom.args[0].const or 0) >= 1
