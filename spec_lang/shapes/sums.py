"""Sums of a dim over an index, in closed form."""

from __future__ import annotations

import re

from spec_lang.shapes.atom import OPAQUE, POW, Atom, escaped
from spec_lang.shapes.dim import Dim, Monomial, dim, leaves, opaque, symbol
from spec_lang.shapes.linear import linear

LISTED = 16
"""The first items of a list that a sum is written out in."""
_NAME = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w*(?![\w(\"'])")
_ITEM = re.compile(r"[A-Za-z_][\w.]*(?:\[\d+\])*(?=\[\{\}\]$)")


def summed(d: Dim, index: str, count: Dim) -> Dim | None:
    """The sum of `d` for `index` from 0 below `count`, which is at least 0; None where there is no closed form.

    `widths[i]` is an item of a list, whose sum is `sum(widths[:count])`.
    """
    total = dim(0)
    for monomial, coefficient in d.terms.items():
        free = tuple(a for a in monomial if index not in a.symbols)
        own = tuple(a for a in monomial if index in a.symbols)
        part = _powers(len(own), count) if _only(own) else None
        if part is None and len(own) == 1:
            part = _of_one(own[0], index, count)
        if part is None:
            return None
        total = total + Dim({free: coefficient}) * part
    return total


def written(d: Dim, index: str, count: Dim) -> Dim:
    """As `summed`, where there is no closed form: a term of its own, by how it is written."""
    text = str(d)
    names = (f"each_{n}" if n else "each" for n in range(len(text)))
    variable = next(n for n in names if not re.search(rf"\b{n}\b", text))
    item = d.substitute({index: symbol(variable, 0)})
    sizes = {
        a.name: symbol(a.name, a.low, a.high) for a in leaves(item) if not a.args and a.name.isidentifier()
    }
    args: list[Dim] = []

    def size(found: re.Match[str]) -> str:
        if found[0] not in sizes or found[0] == variable:
            return found[0]
        args.append(sizes[found[0]])
        return "{}"

    listed = f"[{_NAME.sub(size, escaped(str(item)))} for {variable} in range({{}})]"
    low = d.bounds[0]
    return opaque("sum", *args, count, low=None if low is None or low < 0 else 0, text=f"sum({listed})")


def whole(text: str, low: int | None) -> Dim:
    """The sum of all items of a list of ints."""
    return opaque(f"sum({text})", low=None if low is None or low < 0 else 0)


def _only(atoms: Monomial) -> bool:
    return all(a.kind == "symbol" for a in atoms)


def _powers(k: int, n: Dim) -> Dim | None:
    """The sum of the `k`-th powers of 0, 1, ... n - 1."""
    match k:
        case 0:
            return n
        case 1:
            return _over(n * (n - 1), 2)
        case 2:
            return _over(n * (n - 1) * (2 * n - 1), 6)
    return None


def _over(a: Dim, b: int) -> Dim:
    """`a` over a number that divides all its values."""
    return a // b


def _of_one(atom: Atom, index: str, count: Dim) -> Dim | None:
    if atom.kind == POW:
        base, exponent = atom.args
        return _geometric(base, exponent, index, count)
    if atom.kind != OPAQUE or len(atom.args) != 1:
        return None
    found, form = _ITEM.match(atom.name), linear(atom.args[0], index)
    if found is None or form is None:
        return None
    scale, start = form
    if start.const is not None and start.const < 0:
        return None  # it counts from the end
    if scale == 1:
        return _before(found[0], start + count, atom.low) - _before(found[0], start, atom.low)
    if scale == -1:
        return _before(found[0], start + 1, atom.low) - _before(found[0], start + 1 - count, atom.low)
    return None


def _geometric(base: Dim, exponent: Dim, index: str, count: Dim) -> Dim | None:
    form = linear(exponent, index)
    if base.const is None or base.const < 2 or form is None or not form[0].const or abs(form[0].const) > 8:
        return None
    step, start = form[0].const or 0, form[1]
    ratio = base.const ** abs(step)
    least = start if step > 0 else start + step * (count - 1)
    return _over(base**least * (dim(ratio) ** count - 1), ratio - 1)


def _before(text: str, end: Dim, low: int | None) -> Dim:
    """The sum of the items of a list in front of one."""
    if end == opaque(f"len({text})", low=0):
        return whole(text, low)
    if end.const is not None and end.const <= LISTED:
        first = [opaque(f"{text}[{k}]", low=low) for k in range(end.const)]
        return sum(first, start=dim(0))
    return opaque(text, end, low=None if low is None or low < 0 else 0, text=f"sum({text}[:{{}}])")


__all__ = ["summed", "whole"]
