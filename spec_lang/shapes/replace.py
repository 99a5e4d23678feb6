"""Replacing atoms, and evaluating."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spec_lang.shapes.atom import FLOOR, IF, MAX, MIN, MOD, OPAQUE, POW, SYMBOL, Atom, filled, intern
from spec_lang.shapes.dim import Dim, TooLarge, Undefined, atomic, dim, opaque, total
from spec_lang.shapes.extrema import maximum, minimum

_BITS = 4096
Rewrite = Callable[[Atom], "Dim | None"]


def by_name(d: Dim, values: Mapping[Any, object]) -> Dim:
    """The dim with symbols and uninterpreted terms replaced, and what conditions say."""

    def replaced(atom: Atom) -> Dim | None:
        if atom.kind == IF:
            return _conditionals.substituted(atom, values)
        found = values.get(text_of(atom)) if not atom.args or atom.name else None
        return dim(found) if isinstance(found, Dim | int) and not isinstance(found, bool) else None

    return rewrite(d, replaced)


def rewrite(d: Dim, rule: Rewrite, seen: dict[Atom, Dim | None] | None = None) -> Dim:
    """The dim with each atom for which `rule` gives a dim replaced by it, and the others rebuilt over their arguments."""
    if d.const is not None:
        return d
    seen = {} if seen is None else seen
    kept: list[Dim] = []
    plain = {}
    for monomial, coefficient in d.terms.items():
        new = [(atom, _atom(atom, rule, seen)) for atom in monomial]
        if all(n is None for _, n in new):
            plain[monomial] = coefficient
            continue
        product = Dim({tuple(a for a, n in new if n is None): coefficient})
        for _, n in new:
            if n is not None:
                product = product * n
        kept.append(product)
    if not kept:
        return d
    return total([Dim(plain), *kept])


def _atom(atom: Atom, rule: Rewrite, seen: dict[Atom, Dim | None]) -> Dim | None:
    """What the atom becomes, or None where it stays."""
    if atom in seen:
        return seen[atom]
    new = rule(atom)
    if new is None and atom.args:
        args = tuple(rewrite(a, rule, seen) for a in atom.args)
        if any(a is not b for a, b in zip(args, atom.args, strict=True)):
            new = rebuild(atom, args)
    seen[atom] = new
    return new


def rebuild(atom: Atom, args: tuple[Dim, ...]) -> Dim:
    """The dim of the atom's kind over other arguments."""
    match atom.kind:
        case "if":
            assert atom.cond is not None
            return _conditionals.conditional(atom.cond, *args)
        case "floordiv":
            return args[0] // args[1]
        case "mod":
            return args[0] % args[1]
        case "pow":
            return args[0] ** args[1]
        case "min":
            return minimum(*args)
        case "max":
            return maximum(*args)
    if atom.kind == OPAQUE and all(a.const is not None for a in args):  # `widths[i]` at 0 is `widths[0]`
        return opaque(atom.name, *args, low=atom.low, high=atom.high, text=atom.name)
    return atomic(intern(atom.kind, args, name=atom.name, low=atom.low, high=atom.high))


def text_of(atom: Atom) -> str:
    """A symbol's name, or an uninterpreted term's text with its arguments filled in."""
    if atom.kind == SYMBOL:
        return atom.name
    return filled(atom.name, atom.args)


def evaluate(d: Dim, values: Mapping[Any, Any]) -> int:
    """The value of a dim for values of its symbols."""
    result = 0
    for monomial, coefficient in d.terms.items():
        for atom in monomial:
            coefficient *= _value(atom, values)
        result += coefficient
    return result


def _value(atom: Atom, values: Mapping[Any, Any]) -> int:
    kind = atom.kind
    if kind == SYMBOL:
        own: int = values[atom.name]
        return own
    if atom.cond is not None:
        return evaluate(atom.args[0 if atom.cond.evaluate(values) else 1], values)
    if kind == MIN:
        return min(evaluate(a, values) for a in atom.args)
    if kind == MAX:
        return max(evaluate(a, values) for a in atom.args)
    if kind in (FLOOR, MOD, POW):
        a, b = (evaluate(x, values) for x in atom.args)
        if kind == POW:
            return whole_power(a, b)
        if b == 0:
            raise Undefined("division by zero")
        return a // b if kind == FLOOR else a % b
    text = text_of(atom)
    found: int = (
        values[text]
        if text in values
        else values[filled(atom.name, [evaluate(a, values) for a in atom.args])]
    )
    return found


def whole_power(base: int, exponent: int) -> int:
    """An int's power.

    Raises:
        Undefined: to a negative exponent.
        TooLarge: it has more than some thousand bits.
    """
    if exponent < 0:
        raise Undefined("a negative power")
    if abs(base) > 1 and exponent * base.bit_length() > _BITS:
        raise TooLarge("a size that does not fit 64 bits")
    return int(base ** (exponent if abs(base) > 1 else min(exponent, 2 + exponent % 2)))


# Conditions are over dims, which need what is above.
from spec_lang.shapes import conditionals as _conditionals  # noqa: E402
