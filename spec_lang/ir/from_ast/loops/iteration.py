"""What loops go over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from spec_lang.ir.from_ast.expressions.indexing import element_of
from spec_lang.ir.from_ast.expressions.items import (
    elements_of,
    known_list,
    range_length,
    repeat_item,
    unnumbered,
)
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.hypers import has_no_symbol, symbolic
from spec_lang.ir.from_ast.uses.obligations import owe
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.elements import as_symbols, element_symbols, elements_at, items_at, part_of
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.module_values import at_index
from spec_lang.ir.from_ast.values.substitution import item_at, substitute
from spec_lang.ir.from_ast.values.texts import type_text
from spec_lang.ir.from_ast.values.value import (
    POISON,
    AliasModule,
    BlockModule,
    Case,
    Enumerate,
    Env,
    FlatModule,
    Grown,
    Iteration,
    ListModule,
    Mapped,
    OpModule,
    Parts,
    Range,
    RecordValue,
    RepeatModule,
    Reversed,
    SymList,
    Value,
    Zip,
)
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, TensorType, Truth, dim, opaque
from spec_lang.shapes.flags import named_choice, named_truth
from spec_lang.shapes.linear import linear
from spec_lang.shapes.real import named_real
from spec_lang.shapes.table import MAX_LISTED, common_bounds, listed
from spec_lang.syntax import ast

MAX_UNROLLED = 64


State = list[Value]


Body = Callable[[Place, State, Value], State | None]
"""One iteration at a place: the state behind it, from the one before it and the loop's element."""


def counter(c: Check, name: str) -> Dim:
    """A symbol for what counts the iterations of a loop: the author has no name for it unless one says so."""
    index = c.fresh(name, 0)
    c.block.running.counters.add(str(index))
    return index


def iteration(
    c: Check, at: Place, value: Value, name: str, node: ast.Expr, apart: bool = False
) -> Iteration | None:
    """How a value is gone through; its mistake is reported.

    Args:
        apart: Whether items of the same list may be gone through beside it: then each is told by its index.
    """
    value = at.resolve(value)
    if value is POISON:
        return None
    if isinstance(value, Range):
        length = range_length(value)
        plain = at.facts.simplify(length)
        length = plain if plain.const is not None else length
        index = counter(c, name)
        known: Sequence[Value] | None = None
        if length.const is not None and length.const <= MAX_UNROLLED:
            known = [value.start + value.step * k for k in range(length.const)]
        return Iteration(length, index, value.start + value.step * index, known, frozenset())
    if isinstance(value, Enumerate):
        inner = iteration(c, at, value.items, name, node, apart)
        if inner is None:
            return None
        known = None
        if inner.known is not None:
            known = [(value.start + k, v) for k, v in enumerate(inner.known)]
        element = None if inner.element is None else (value.start + inner.index, inner.element)
        it = Iteration(inner.length, inner.index, element, known, inner.symbols)
        it.parts = (inner,)
        it.segments = _counted(inner.segments, value.start)
        return it
    if isinstance(value, Reversed):
        inner = iteration(c, at, value.items, name, node, True)
        return None if inner is None else _mirrored(inner)
    if isinstance(value, Zip):
        return _zipped(c, at, value, name, node, apart)
    if isinstance(value, SymList):
        try:
            return _over_symbols(c, at, value, name)
        except NeedsValue:
            c.unknown(NeedsValue(frozenset({value.text}), has_no_symbol(at, value.item)), node)
            return None
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
        index = counter(c, f"{name}_index")
        return Iteration(value.length, index, item_at(value, index), None, frozenset())
    if isinstance(value, RepeatModule):
        (own,) = value.index.symbols
        index = counter(c, own.rstrip("0123456789_") or own)  # of a layer, the list's own variable says which
        c.block.running.indices[own] = value.index
        inner, start = value.iteration, value.start
        count = len(inner.known or ()) if value.length == inner.length else value.length.const or 0
        known = [at_index(value.item, {**items_at(inner, start + k), own: start + k}) for k in range(count)]
        part = part_of(inner, start, value.length)
        elements: Env = {}
        if apart or start.const != 0 or inside_itself(at, own):
            elements, part = elements_of(c, value, start + index), nameless(part)
        each = at_index(value.item, {**elements, own: start + index})
        symbols = (inner.symbols - elements.keys()) | {
            n for n in map(str, elements.values()) if n.isidentifier()
        }
        it = Iteration(value.length, index, each, known or None, frozenset(symbols) - {str(index)})
        it.owner, it.parts = value.node if start.const == 0 else None, (part,)
        return it
    if isinstance(value, FlatModule) or (isinstance(value, ListModule) and value.flat):
        unnumbered(c, value, node)
        return None
    if isinstance(value, ListModule) and value.kind != "dict":
        value = value.items
        if len(value) == 1 and isinstance(value[0], RepeatModule):
            return iteration(c, at, value[0], name, node)
        if any(isinstance(i, RepeatModule) for i in value):
            return _spliced(c, at, value, name, node, apart)
    if isinstance(value, list | tuple):
        return over_known(c, list(value), name)
    if isinstance(value, TensorType):
        c.error("E0405", "a loop goes over what is known without the data, and this is a tensor", node)
    else:
        c.error("E0403", f"a loop cannot go over {host.kind_of(value)}", node)
    return None


def _counted(segments: tuple[Iteration, ...], start: Dim) -> tuple[Iteration, ...]:
    """Parts of a list with what counts the whole list's items."""
    found: list[Iteration] = []
    for part in segments:
        known = None if part.known is None else [(start + k, v) for k, v in enumerate(part.known)]
        element = (start + part.index, part.element)
        each = Iteration(part.length, part.index, element, known, part.symbols)
        each.owner, each.parts = part.owner, (part,)
        found.append(each)
        start = start + part.length
    return tuple(found)


def nameless(it: Iteration) -> Iteration:
    """The same, where the symbols of its elements stand for items of another loop."""
    other = Iteration(it.length, it.index, it.element, None, it.symbols)
    other.owner, other.own = it.owner, it.own
    other.parts = tuple(map(nameless, it.parts))
    return other


def inside_itself(at: Place, own: str) -> bool:
    """Whether a loop around goes through the same list of layers, whose index is `own`."""
    return _inside_itself(at.loops.values(), own)


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
        if isinstance(v, FlatModule) and _inside_itself((v.repeat,), own):
            return True
    return False


def _spliced(
    c: Check, at: Place, items: list[Value], name: str, node: ast.Expr, apart: bool
) -> Iteration | None:
    """A container into which lists of layers are spread: which part an item is of, its index says."""
    index, first = counter(c, f"{name}_index"), dim(0)
    starts: list[Dim] = []
    segments: list[Iteration] = []
    alike = True
    for item in items:
        starts.append(first)
        part = iteration(c, at, item, name, node, apart) if isinstance(item, RepeatModule) else None
        segments.append(over_known(c, [item], name) if part is None else part)
        if isinstance(item, RepeatModule):
            values = elements_at(item.iteration, index)
            alike &= not any(n not in values or n in values[n].symbols for n in item.iteration.symbols)
            first = first + item.length
        else:
            first = first + 1
    known = None
    if first.const is not None and first.const <= MAX_UNROLLED:
        known = known_list(c, ListModule("", "list", items, []), node)
    if not alike and known is not None:
        return over_known(c, known, name)
    element: Value = None
    for item, start in reversed(list(zip(items, starts, strict=True))) if alike else ():
        each = repeat_item(c, item, index - start) if isinstance(item, RepeatModule) else item
        if item is items[-1]:
            element = each
        else:
            end = start + (item.length if isinstance(item, RepeatModule) else 1)
            element = Case(Cond.lt(index, end), each, element)
    it = Iteration(first, index, element, known, frozenset())
    it.segments = tuple(segments)
    return it


def _mirrored(it: Iteration) -> Iteration:
    """The same from the last item to the first."""
    (own,) = it.index.symbols
    last = it.length - 1
    known = None if it.known is None else it.known[::-1]
    other = Iteration(it.length, it.index, reindexed(it.element, own, last - it.index), known, it.symbols)
    item = it.item
    if item is not None:
        other.item = lambda k: item(last - k)
    other.own = it.own
    other.parts = tuple(map(_mirrored, it.parts))
    other.segments = tuple(map(_mirrored, reversed(it.segments)))
    return other


def _over_symbols(c: Check, at: Place, value: SymList, name: str) -> Iteration:
    index = counter(c, f"{name}_index")
    own = str(c.fresh(name))
    element = as_symbols(symbolic(c, at, own, value.item, listed=True))
    symbols = element_symbols(element)
    c.block.running.elements |= symbols
    it = Iteration(value.length, index, element, None, symbols)
    it.own = own
    it.item = lambda k: (
        element_of(c, at, value, k) if k.const is not None else _item_at(element, own, value, k)
    )
    return it


def _item_at(element: Value, own: str, items: SymList, index: Dim) -> Value:
    """What an element's numbers, truths and lists are of a list's item at an index that is not known."""
    if items.whole is not None:
        assert items.start is not None
        return _item_at(element, own, items.whole, items.start + index)
    args = (*items.args, index)

    def name(part: object) -> str:
        return f"{items.name}[{{}}]{str(part).removeprefix(own)}"

    def item(part: Value) -> Value:
        if isinstance(part, Dim):
            low, high = part.bounds
            return opaque("item", *args, low=low, high=high, text=name(part))
        if isinstance(part, Real):
            return named_real(name(part), args)
        if isinstance(part, Cond) and isinstance(part.said, Truth):
            return Cond.flag(named_truth(name(part.said), args))
        if isinstance(part, Choice):
            return named_choice(name(part), part.options, args)
        if isinstance(part, SymList):
            listed = name(part.text)
            return SymList(listed, part.item, opaque("len", *args, low=0, text=f"len({listed})"), args)
        if isinstance(part, tuple):
            return tuple(map(item, part))
        if isinstance(part, RecordValue):
            return RecordValue(part.definition, {n: item(v) for n, v in part.fields.items()})
        return part

    return item(element)


def over_known(c: Check, items: list[Value], name: str) -> Iteration:
    """How items that are known one by one are gone through."""
    index = counter(c, f"{name}_index")
    length = dim(len(items))
    sizes = [i for i in items if isinstance(i, Dim)]
    if items and len(sizes) == len(items) and (len(items) <= MAX_LISTED or all(s.const for s in sizes)):
        if len(set(sizes)) == 1:
            return Iteration(length, index, items[0], items, frozenset())
        element = c.fresh(name, *common_bounds(sizes))
        c.block.running.elements |= element.symbols
        it = Iteration(length, index, element, items, element.symbols)
        if len(items) <= MAX_UNROLLED:
            it.item = lambda k: listed(sizes, k)
        return it
    element_ = items[0] if items and all(_same_object(i, items[0]) for i in items) else None
    return Iteration(length, index, element_, items, frozenset())


def _zipped(c: Check, at: Place, value: Zip, name: str, node: ast.Expr, apart: bool) -> Iteration | None:
    parts = [iteration(c, at, p, name, node, apart) for p in value.parts]
    if any(p is None for p in parts):
        return None
    found = [p for p in parts if p is not None]
    length = found[0].length
    for p in found[1:]:
        shorter = _shorter(c, at, length, p.length, node)
        if shorter is None:
            return None
        length = shorter
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


def _shorter(c: Check, at: Place, a: Dim, b: Dim, node: ast.Expr) -> Dim | None:
    """How far `zip` goes; where it is not known which list is shorter, that they are as long is owed."""
    if at.facts.equal(a, b):
        return a
    if a.const is None or b.const is None:
        for one, other in ((a, b), (b, a)):
            if at.decide(Cond.le(one, other)) is True:
                return one
        same = Cond.eq(a, b)
        if at.decide(same) is not False and not same.symbols & c.block.running.elements:
            owe(c, at, same, f"`zip` goes through lists of one length: {same}", node, False)
            return a
    c.error("E0403", f"`zip` of lists of different lengths: {a} and {b}", node)
    return None


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
