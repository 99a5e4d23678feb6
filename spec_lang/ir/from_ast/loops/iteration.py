"""What loops go over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from spec_lang.ir.from_ast.expressions.indexing import element_of
from spec_lang.ir.from_ast.expressions.items import range_length
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.hypers import symbolic
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.elements import as_symbols, element_symbols, elements_at
from spec_lang.ir.from_ast.values.kinds import has_tensor, is_module
from spec_lang.ir.from_ast.values.module_values import at_index
from spec_lang.ir.from_ast.values.substitution import item_at, substitute
from spec_lang.ir.from_ast.values.texts import type_text
from spec_lang.ir.from_ast.values.value import (
    POISON,
    AliasModule,
    BlockModule,
    Case,
    Enumerate,
    Grown,
    Iteration,
    ListModule,
    Mapped,
    OpModule,
    Parts,
    Range,
    RepeatModule,
    SymList,
    Value,
    Zip,
)
from spec_lang.shapes import Dim, TensorType, dim, symbol
from spec_lang.shapes.linear import linear
from spec_lang.syntax import ast

MAX_UNROLLED = 64


State = list[Value]


Body = Callable[[Place, State, Value], State | None]
"""One iteration at a place: the state behind it, from the one before it and the loop's element."""


def iteration(c: Check, at: Place, value: Value, name: str, node: ast.Expr) -> Iteration | None:
    """How a value is gone through; its mistake is reported."""
    value = at.resolve(value)
    if value is POISON:
        return None
    if isinstance(value, Range):
        length = range_length(value)
        plain = at.facts.simplify(length)
        length = plain if plain.const is not None else length
        index = c.fresh(name, 0)
        known: Sequence[Value] | None = None
        if length.const is not None and length.const <= MAX_UNROLLED:
            known = [value.start + value.step * k for k in range(length.const)]
        return Iteration(length, index, value.start + value.step * index, known, frozenset())
    if isinstance(value, Enumerate):
        inner = iteration(c, at, value.items, name, node)
        if inner is None:
            return None
        known = None
        if inner.known is not None:
            known = [(value.start + k, v) for k, v in enumerate(inner.known)]
        element = None if inner.element is None else (value.start + inner.index, inner.element)
        it = Iteration(inner.length, inner.index, element, known, inner.symbols)
        it.parts = (inner,)
        return it
    if isinstance(value, Zip):
        return _zipped(c, at, value, name, node)
    if isinstance(value, SymList):
        return _over_symbols(c, at, value, name)
    if isinstance(value, Parts):
        first, second = value.parts[:2]
        c.error(
            "E0403",
            f"the items of this list follow no one formula: {type_text(first)}, then {type_text(second)}",
            node,
            help="go through each part on its own",
        )
        return None
    if isinstance(value, Mapped):
        index = c.fresh(f"{name}_index" if has_tensor(value) else name, 0)
        return Iteration(value.length, index, item_at(value, index), None, frozenset())
    if isinstance(value, RepeatModule):
        index = c.fresh(name, 0)
        (own,) = value.index.symbols
        c.block.running.indices[own] = value.index
        inner = c.block.running.made[own] = value.iteration
        known = [
            at_index(value.item, {**elements_at(inner, dim(k)), own: dim(k)})
            for k in range(len(inner.known or ()))
        ]
        apart = _apart(c, value) if _inside_itself(at.loops.values(), own) else {}
        if apart is None:
            c.error(
                "E0403",
                "these layers are gone through inside a loop over the same layers, and their sizes differ",
                node,
                help="make a list of the layers' results first, and go through that",
            )
            return None
        inner = _renamed(inner, apart) if apart else inner
        each = at_index(value.item, {**apart, own: index})
        it = Iteration(value.length, index, each, known or None, inner.symbols)
        it.owner, it.parts = value.node, (inner,)
        return it
    if isinstance(value, ListModule) and value.kind != "dict":
        value = value.items
    if isinstance(value, list | tuple):
        return _over_known(c, list(value), name)
    if isinstance(value, TensorType):
        c.error("E0405", "a loop goes over what is known without the data, and this is a tensor", node)
    else:
        c.error("E0403", f"a loop cannot go over {host.kind_of(value)}", node)
    return None


def _inside_itself(variables: Iterable[Value], own: str) -> bool:
    """Whether a loop around goes through the same list of layers, whose index is `own`."""
    for v in variables:
        if isinstance(v, tuple) and _inside_itself(v, own):
            return True
        if isinstance(v, ListModule) and _inside_itself(v.items, own):
            return True
        if isinstance(v, OpModule | BlockModule | AliasModule) and own in v.at:
            return True
        if isinstance(v, Case) and _inside_itself((v.yes, v.no), own):
            return True
        if isinstance(v, RepeatModule) and _inside_itself((v.item,), own):
            return True
    return False


def _apart(c: Check, value: RepeatModule) -> dict[str, Dim] | None:
    """Symbols of a second item's own in place of those of a list's elements: two items are never the same."""
    symbols = value.iteration.symbols
    if not all(n.isidentifier() for n in symbols):
        return None
    found: dict[str, Dim] = {}
    for name in sorted(symbols):
        own = symbol(name)
        c.block.running.indices.setdefault(name, own)
        found[name] = c.fresh(name)
    c.block.running.elements |= {str(d) for d in found.values()}
    return found


def _renamed(it: Iteration, env: dict[str, Dim]) -> Iteration:
    """The same iteration with other symbols for its elements."""
    symbols = frozenset(str(env.get(n, n)) for n in it.symbols)
    other = Iteration(it.length, it.index, substitute(it.element, dict(env)), it.known, symbols)
    other.item, other.owner, other.text = it.item, it.owner, it.text
    other.parts = tuple(_renamed(p, env) for p in it.parts)
    return other


def _over_symbols(c: Check, at: Place, value: SymList, name: str) -> Iteration:
    index = c.fresh(f"{name}_index", 0)
    element = as_symbols(symbolic(c, at, str(c.fresh(name)), value.item))
    symbols = element_symbols(element)
    c.block.running.elements |= symbols
    it = Iteration(value.length, index, element, None, symbols)
    it.text = value.text
    plain = isinstance(element, Dim)
    it.item = lambda k: element_of(c, at, value, k) if plain or k.const is not None else element
    return it


def _over_known(c: Check, items: list[Value], name: str) -> Iteration:
    index = c.fresh(f"{name}_index", 0)
    length = dim(len(items))
    if items and all(isinstance(i, Dim) and i.const is not None for i in items):
        consts = [i.const for i in items if isinstance(i, Dim) and i.const is not None]
        if len(set(consts)) == 1:
            return Iteration(length, index, items[0], items, frozenset())
        element = c.fresh(name, min(consts), max(consts))
        c.block.running.elements |= element.symbols
        return Iteration(length, index, element, items, element.symbols)
    element_ = items[0] if items and all(_same_object(i, items[0]) for i in items) else None
    return Iteration(length, index, element_, items, frozenset())


def _zipped(c: Check, at: Place, value: Zip, name: str, node: ast.Expr) -> Iteration | None:
    parts = [iteration(c, at, p, name, node) for p in value.parts]
    if any(p is None for p in parts):
        return None
    found = [p for p in parts if p is not None]
    length = found[0].length
    for p in found[1:]:
        if not at.facts.equal(p.length, length):
            c.error("E0403", f"`zip` of lists of different lengths: {length} and {p.length}", node)
            return None
    index = found[0].index
    elements = []
    for p in found:
        (own,) = p.index.symbols
        elements.append(reindexed(p.element, own, index))
    known = None
    if all(p.known is not None for p in found):
        known = list(zip(*(p.known or () for p in found), strict=False))
    element = None if any(p.element is None for p in found) else tuple(elements)
    symbols = frozenset[str]().union(*(p.symbols for p in found))
    it = Iteration(length, index, element, known, symbols)
    it.parts = tuple(found)
    return it


def ungrown(value: Value) -> Value:
    """A list with what an iteration has appended to it; other values as they are."""
    if isinstance(value, Grown) and isinstance(value.base, list):
        return [*value.base, *value.added]
    return value


def reindexed(value: Value, own: str, index: Dim) -> Value:
    """An element of a loop at another index in place of its symbol `own`."""
    if is_module(value):
        return at_index(value, {own: index})
    return substitute(value, {own: index})


def _same_object(a: Value, b: Value) -> bool:
    return a is b or (isinstance(a, TensorType) and a == b)


def is_linear_in(d: Dim, name: str) -> bool:
    """Whether a dim is `scale * name + offset`; a dim without the name is."""
    return name not in d.symbols or linear(d, name) is not None
