"""Replacing atoms, and evaluating."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from spec_lang.shapes.atom import (
    BRACE,
    FLOOR,
    IF,
    MAX,
    MIN,
    MOD,
    OPAQUE,
    POW,
    SYMBOL,
    Atom,
    filled,
    intern,
)
from spec_lang.shapes.dim import Dim, TooLarge, Undefined, atomic, dim, opaque, the_atom, total
from spec_lang.shapes.extrema import maximum, minimum

_BITS = 4096
Rewrite = Callable[[Atom], "Dim | None"]


class Items:
    """What stands for a list in uninterpreted terms: another list, as it is written, or the items one by one.

    Each `{}` in a list's name stands for one of `args`. The items of a slice are those of `whole` from `start` on.
    """

    __slots__ = ("args", "items", "length", "name", "start", "whole")

    def __init__(
        self,
        name: str,
        items: tuple[Dim, ...] = (),
        args: tuple[Dim, ...] = (),
        whole: Items | None = None,
        start: Dim | None = None,
        length: Dim | None = None,
    ) -> None:
        self.length = length
        self.name = name
        self.items = items
        self.args = args
        self.whole = whole
        self.start = start

    @property
    def names(self) -> frozenset[str]:
        """The names in what it is."""
        own = frozenset() if self.start is None else self.start.names
        own = own if self.whole is None else own | self.whole.names
        return own.union(*(a.names for a in (*self.args, *self.items)))

    def part(self, place: Dim | None) -> tuple[str, tuple[Dim, ...]]:
        """How the list is written, or its item at a place."""
        if not self.name:
            at = None if place is None else place.const
            if at is not None and -len(self.items) <= at < len(self.items):
                return "{}", (self.items[at],)
            listed = f"[{', '.join(['{}'] * len(self.items))}]"
            return (listed, self.items) if place is None else (listed + "[{}]", (*self.items, place))
        if place is None:
            return self.name, self.args
        if self.whole is not None and (place.const is None or place.const >= 0):
            assert self.start is not None
            return self.whole.part(self.start + place)
        if place.const is not None:
            return f"{self.name}[{place}]", self.args
        return self.name + "[{}]", (*self.args, place)

    def added(self, count: Dim | None, low: int | None) -> Dim | None:
        """The sum of the first items, or of all of them; None where that is a term like any other."""
        if not self.name:
            end = len(self.items) if count is None else count.const
            return None if end is None else total(list(self.items[:end]))
        count = self.length if count is None else count
        if self.whole is None or count is None:
            return None
        name, args = self.part(atomic(intern(SYMBOL, (), name=_INDEX, low=0)))
        return _sums.summed(opaque(name, *args, low=low, text=name), _INDEX, count)


_INDEX = "\N{DEGREE SIGN}"
_PATH = r"(?:[A-Za-z_]\w*|\{\})(?:\.\w+|\[[^\[\]]*\])*"


def with_lists(
    values: Mapping[Any, object], name: str, args: tuple[Dim, ...]
) -> tuple[str, tuple[Dim, ...]] | None:
    """A term's name of the lists that others stand for; None where none of them is in it."""
    lists = {n: v for n, v in values.items() if isinstance(v, Items) and n in name}
    if not lists:
        return None
    names = "|".join(re.escape(n) for n in sorted(lists, key=len, reverse=True))
    pattern = rf"""{BRACE}|(?<![\w.\]"'])(?P<list>{names})(?:\[(?P<at>\{{\}}|-?\d+)\])?(?![\w("'])"""
    rest, new = iter(args), list[Dim]()
    found = False

    def part(match: re.Match[str]) -> str:
        nonlocal found
        if match[0] == "{}":
            new.append(next(rest))
        elif match["list"]:
            found = True
            at = match["at"]
            text, own = lists[match["list"]].part(
                None if at is None else next(rest) if at == "{}" else dim(int(at))
            )
            new.extend(own)
            return text
        return match[0]

    text = re.sub(pattern, part, name)
    return (text, tuple(new)) if found else None


def _of_lists(atom: Atom, values: Mapping[Any, object], args: tuple[Dim, ...]) -> Dim | None:
    """A term about the lists that others stand for; None where none of them is in it."""
    added = re.fullmatch(r"sum\((.*?)(\[:\{\}\])?\)", atom.name)
    items = None if added is None else values.get(added[1])
    if added is not None and isinstance(items, Items):
        found = items.added(args[0] if added[2] else None, atom.low)
        if found is not None:
            return found
    other = with_lists(values, atom.name, args)
    if other is None:
        return None
    name, new = other
    return new[0] if name == "{}" else opaque(name, *new, low=atom.low, high=atom.high, text=name)


def by_name(d: Dim, values: Mapping[Any, object]) -> Dim:
    """The dim with symbols and uninterpreted terms replaced, lists in these, and what conditions say."""
    lists = any(isinstance(v, Items) for v in values.values())

    def replaced(atom: Atom) -> Dim | None:
        if atom.kind == IF:
            return _conditionals.substituted(atom, values)
        found = values.get(text_of(atom)) if not atom.args or atom.name else None
        if isinstance(found, Dim | int) and not isinstance(found, bool):
            return dim(found)
        if atom.kind == SYMBOL and isinstance(found, _real.Real | float):
            return _real.as_term(found)
        if atom.kind == OPAQUE and lists:
            args = tuple(rewrite(a, replaced) for a in atom.args)
            if args and all(a.const is not None for a in args):
                found = values.get(filled(atom.name, args))
                if isinstance(found, Dim | int) and not isinstance(found, bool):
                    return dim(found)
            return _of_lists(atom, values, args)
        return None

    return rewrite(d, replaced)


def by_terms(d: Dim, terms: Mapping[Dim, Dim]) -> Dim:
    """The dim with what each of some terms, such as `k//n`, stands for in their places."""
    found = {atom: new for old, new in terms.items() if (atom := the_atom(old)) is not None}
    return rewrite(d, found.get)


def rewrite(d: Dim, rule: Rewrite, seen: dict[Atom, Dim | None] | None = None) -> Dim:
    """The dim with each atom for which `rule` gives a dim replaced by it, and the others rebuilt over their arguments.

    `seen` holds what the same rule has made of atoms so far, None for those that stay.
    """
    if d.const is not None:
        return d
    seen = {} if seen is None else seen
    changed = False
    for monomial in d.terms:
        for atom in monomial:
            if atom not in seen:
                seen[atom] = _atom(atom, rule, seen)
            changed = changed or seen[atom] is not None
    if not changed:
        return d
    kept: list[Dim] = []
    plain = {}
    for monomial, coefficient in d.terms.items():
        new = [n for atom in monomial if (n := seen[atom]) is not None]
        if not new:
            plain[monomial] = coefficient
            continue
        product = Dim({tuple([a for a in monomial if seen[a] is None]): coefficient})
        for n in new:
            product = product * n
        kept.append(product)
    return total([Dim(plain), *kept])


def _atom(atom: Atom, rule: Rewrite, seen: dict[Atom, Dim | None]) -> Dim | None:
    """What the atom becomes, or None where it stays."""
    new = rule(atom)
    if new is not None or not atom.args:
        return new
    args = tuple([rewrite(a, rule, seen) for a in atom.args])
    if all(map(operator.is_, args, atom.args)):
        return None
    new = rebuild(atom, args)
    if atom.kind == OPAQUE and all(a.const is not None for a in args):
        known = rule(intern(OPAQUE, args, name=atom.name, low=atom.low, high=atom.high))
        new = new if known is None else known
    return new


_TABLE = re.compile(r"\[\{\}(?:, \{\})*\]\[\{\}\]")
"""An item of a list of sizes."""


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
    place = args[-1].const if args and _TABLE.fullmatch(atom.name) else None
    if place is not None and 0 <= place < len(args) - 1:
        return args[place]
    name, args = _spliced(atom.name, args)
    if args and args[-1].const == 0 and re.fullmatch(r"sum\([^()]*\[:\{\}\]\)", name):
        return dim(0)  # of no items
    if atom.kind == OPAQUE and all(a.const is not None for a in args):  # `widths[i]` at 0 is `widths[0]`
        return opaque(name, *args, low=atom.low, high=atom.high, text=name)
    if len(args) == 1 and name.endswith("[:{}])") and str(args[0]) == f"len({name[4:-6]})":
        return opaque(f"{name[:-6]})", low=atom.low)  # `sum(widths[:len(widths)])` is `sum(widths)`
    return atomic(intern(atom.kind, args, name=name, low=atom.low, high=atom.high))


def _spliced(name: str, args: tuple[Dim, ...]) -> tuple[str, tuple[Dim, ...]]:
    """A term's template with those of lists in it written out: `len({})` of `rows[{}]` is `len(rows[{}])`."""
    inner = [list_atom(a) for a in args]
    if not any(inner):
        return name, args
    parts = iter(inner)

    def part(found: re.Match[str]) -> str:
        if found[0] != "{}":
            return found[0]
        atom = next(parts)
        return found[0] if atom is None else atom.name

    text = re.sub(BRACE, part, name)
    new = [b for a, atom in zip(args, inner, strict=True) for b in ((a,) if atom is None else atom.args)]
    return text, tuple(new)


def list_atom(d: Dim) -> Atom | None:
    """The term that stands for a whole list, where the dim is one: it has no bounds, and is written as a list is."""
    if len(d.terms) != 1:
        return None
    ((monomial, coefficient),) = d.terms.items()
    if coefficient != 1 or len(monomial) != 1:
        return None
    (atom,) = monomial
    plain = atom.kind == OPAQUE and atom.low is None and atom.high is None
    return atom if plain and re.fullmatch(_PATH, atom.name) else None


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
from spec_lang.shapes import real as _real  # noqa: E402
from spec_lang.shapes import sums as _sums  # noqa: E402
