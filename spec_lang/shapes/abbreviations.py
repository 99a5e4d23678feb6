"""Sizes as calls of the functions that gave them: `8*max(1, int(n + 4)//8)` is `divisible(n)` where that is its body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from spec_lang.frozen import Frozen
from spec_lang.shapes.dim import Tree
from spec_lang.shapes.errors import ParseError, TooLarge
from spec_lang.shapes.parsing import read

_TELLING = 8
"""The parts from which on a body is no accident."""
_UNORDERED = frozenset({"add", "mul", "min", "max"})
_MANY = 4
"""Of more sides than this, the order of the body is kept."""


class Abbreviation(Frozen):
    """A function over sizes: its parameters, and what it gives of them."""

    name: str
    parameters: tuple[str, ...]
    body: Tree

    @property
    def telling(self) -> bool:
        """Whether the body is long enough, and reads its parameters, each of them, and no other name."""
        names = {t[1] for t in _parts(self.body) if t[0] == "symbol"}
        return len(list(_parts(self.body))) >= _TELLING and names == set(self.parameters)


def abbreviated(t: Tree, known: Sequence[Abbreviation]) -> Tree:
    """A tree with calls, `("fn", name, a, ...)`, where parts of it are what functions give."""
    for each in known:
        found = _call(each, t)
        if found is not None:
            kind, name, *args = found if found[0] == "fn" else found[2]
            call = (kind, name, *[abbreviated(a, known) for a in args])
            return call if found[0] == "fn" else ("mul", found[1], call)
    if t[0] == "opaque":
        inner = looked_into(t)
        other = abbreviated(inner, known) if inner[0] != "opaque" else inner
        return t if other == inner else other
    return tuple(abbreviated(x, known) if isinstance(x, tuple) else x for x in t)


def looked_into(t: Tree) -> Tree:
    """The tree of an uninterpreted term, and extrema as `Dim.tree` gives them."""
    match t:
        case ("opaque", str(text)):
            try:
                inner = read(text)
            except (ParseError, TooLarge):
                return t
            return inner if inner == t else looked_into(inner)
        case ("call", "min" | "max" as kind, *args):
            return (kind, *args)
    return t


def _parts(t: Tree) -> Iterator[Tree]:
    yield t
    for x in looked_into(t)[1:]:
        if isinstance(x, tuple):
            yield from _parts(x)


def _call(f: Abbreviation, t: Tree) -> Tree | None:
    """A call of the function that is this tree, or a multiple of one."""
    bound = _matched(f, f.body, t, {})
    if bound is not None:
        return ("fn", f.name, *[bound[p] for p in f.parameters])
    match f.body, t:
        case ("mul", ("const", int(k)), inner), ("mul", ("const", int(c)), other) if k and c % k == 0:
            bound = _matched(f, inner, other, {})
            if bound is not None:
                return ("mul", ("const", c // k), ("fn", f.name, *[bound[p] for p in f.parameters]))
    return None


def _matched(f: Abbreviation, body: Tree, t: Tree, bound: Mapping[str, Tree]) -> dict[str, Tree] | None:
    """What the parameters are where the body is the tree."""
    if body[0] == "symbol" and body[1] in f.parameters:
        known = bound.get(body[1])
        if known is None:
            return {**bound, body[1]: t}
        return dict(bound) if _same(known, t) else None
    body, t = looked_into(body), looked_into(t)
    if body[0] != t[0] or len(body) != len(t):
        return None
    orders = [t[1:]] if body[0] not in _UNORDERED or len(t) - 1 > _MANY else permutations(t[1:])
    for order in orders:
        found: dict[str, Tree] | None = dict(bound)
        for a, b in zip(body[1:], order, strict=True):
            if isinstance(a, tuple) and isinstance(b, tuple):
                found = _matched(f, a, b, found or {})
            elif a != b or type(a) is not type(b):
                found = None
            if found is None:
                break
        if found is not None:
            return found
    return None


def _same(a: Tree, b: Tree) -> bool:
    a, b = looked_into(a), looked_into(b)
    if len(a) != len(b):
        return False
    return all(
        _same(x, y) if isinstance(x, tuple) and isinstance(y, tuple) else x == y and type(x) is type(y)
        for x, y in zip(a, b, strict=True)
    )
