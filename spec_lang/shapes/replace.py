"""Replacing atoms, and evaluating."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from spec_lang.shapes.atom import FLOOR, IF, MAX, MIN, MOD, OPAQUE, POW, SYMBOL, Atom, escaped, filled, intern
from spec_lang.shapes.dim import Dim, TooLarge, Undefined, atomic, dim, opaque, total
from spec_lang.shapes.extrema import maximum, minimum

_BITS = 4096
Rewrite = Callable[[Atom], "Dim | None"]


class Items:
    """What stands for a list in uninterpreted terms: another list, by its text, or the items one by one."""

    __slots__ = ("items", "text")

    def __init__(self, text: str, items: tuple[Dim, ...] = ()) -> None:
        self.text = text
        self.items = items

    def term(self, atom: Atom, name: str, args: tuple[Dim, ...]) -> Dim | None:
        """A term that is about the list called `name`, about this one, of other arguments; None for another term."""
        found = re.search(rf"(?<![\w.\]]){re.escape(name)}(?=[\[)])", atom.name)
        if found is None:
            return None
        if self.text:
            template, given = escaped(self.text), args
        else:
            at = _AT.fullmatch(atom.name, found.end())
            place = args[0] if at and at[1] == "{}" else dim(int(at[1])) if at else None
            if found.start() == 0 and place is not None and place.const is not None:
                return self.items[place.const] if -len(self.items) <= place.const < len(self.items) else None
            if atom.name == f"sum({name}[:{{}}])" and args[0].const is not None:
                return total(list(self.items[: args[0].const]))
            before = atom.name[: found.start()].count("{}")
            template = f"[{', '.join(['{}'] * len(self.items))}]"
            given = (*args[:before], *self.items, *args[before:])
        template = atom.name[: found.start()] + template + atom.name[found.end() :]
        return opaque(template, *given, low=atom.low, high=atom.high, text=template)


_AT = re.compile(r"\[(\{\}|-?\d+)\]")


def by_name(d: Dim, values: Mapping[Any, object]) -> Dim:
    """The dim with symbols and uninterpreted terms replaced, lists in these, and what conditions say."""
    lists = {n: v for n, v in values.items() if isinstance(v, Items)}

    def replaced(atom: Atom) -> Dim | None:
        if atom.kind == IF:
            return _conditionals.substituted(atom, values)
        found = values.get(text_of(atom)) if not atom.args or atom.name else None
        if isinstance(found, Dim | int) and not isinstance(found, bool):
            return dim(found)
        if atom.kind == OPAQUE and lists:
            for name, items in lists.items():
                if name in atom.name:
                    args = tuple(rewrite(a, replaced) for a in atom.args)
                    term = items.term(atom, name, args)
                    if term is not None:
                        return term
        return None

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
