"""Items of lists, of numbers and tensors."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.items import known_list
from spec_lang.ir.from_ast.expressions.lists import in_range, item, length, part_of
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.hypers import symbolic
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.value import Grown, Mapped, Parts, Range, SymList, Value
from spec_lang.ops.kinds import SliceOf
from spec_lang.shapes import Cond, Dim, Pack, TensorType, dim, maximum, minimum, opaque
from spec_lang.shapes.table import MAX_LISTED, common_bounds, listed
from spec_lang.syntax import ast


def host_item(c: Check, at: Place, value: Value, index: Value, node: ast.Subscript) -> Value:
    """`xs[i]` of a list or tuple of hyperparameters or tensors."""
    if isinstance(value, SymList):
        return sym_item(c, at, value, index, node)
    if isinstance(value, Mapped | Parts) and isinstance(index, Dim):
        return item(c, at, value, index, node)
    if isinstance(value, Grown):
        return _item_of_grown(c, at, value, index, node)
    if isinstance(value, Mapped | Parts) and isinstance(index, SliceOf):
        return part_of(c, at, value, index, node)
    if isinstance(value, Range):
        value = known_list(c, value, node.value)
    if isinstance(value, list | tuple):
        if isinstance(index, SliceOf):
            ends = [None if e is None else e.const for e in (index.start, index.stop, index.step)]
            if any(
                e is not None and known is None
                for e, known in zip((index.start, index.stop, index.step), ends, strict=False)
            ):
                return c.error("E0403", "a list is sliced at known places only", node)
            return value[slice(*ends)]
        if isinstance(index, Dim):
            plain = at.facts.simplify(index)
            index = index if plain.const is None else plain
            if index.const is None:
                return any_item(c, at, list(value), index, node)
            if not -len(value) <= index.const < len(value):
                return c.error("E0303", f"there is no item {index}: there are {len(value)}", node)
            return value[index.const]
    if isinstance(value, str) and isinstance(index, Dim):
        return c.error("E0403", "strings are not indexed", node)
    return c.error("E0403", f"{host.kind_of(value)} has no items to index", node)


def _item_of_grown(c: Check, at: Place, value: Grown, index: Value, node: ast.Subscript) -> Value:
    """An item of a list that grows in this loop: one that was there before it, or that this iteration has appended."""
    if isinstance(index, Dim):
        back = -index.const if index.const is not None else 0
        if 0 < back <= len(value.added):
            return value.added[-back]
        base = value.base
        if isinstance(base, list | Mapped | Parts):
            inside = Cond.ge(index, 0), Cond.lt(index, length(base))
            if all(at.decide(cond) is True for cond in inside):
                return host_item(c, at, base, index, node)
    return c.error(
        "E0403",
        "this list grows in the loop, and which of its items this is is not known",
        node,
        help="keep what the next iteration needs in a variable of its own",
    )


def any_item(c: Check, at: Place, items: list[Value], index: Dim, node: ast.Subscript) -> Value:
    """An item at an index that a loop counts: all items must be alike."""
    in_range(c, at, index, dim(len(items)), node)
    first = items[0] if items else None
    if items and all(i == first for i in items):
        return first
    sizes = [i for i in items if isinstance(i, Dim)]
    if sizes and len(sizes) == len(items):
        if isinstance(node.value, ast.Name) and node.value.id in c.block.mono:  # whatever its value is
            return opaque("item", index, low=common_bounds(sizes)[0], text=f"{node.value.id}[{{}}]")
        return listed(sizes, index)
    tensors = [i for i in items if isinstance(i, TensorType)]
    if tensors and len(tensors) == len(items) <= MAX_LISTED:
        one = _any_of(tensors, index)
        if one is not None:
            return one
    return c.error("E0403", f"the items differ, so item {index} has no one type", node)


def sym_item(c: Check, at: Place, value: SymList, index: Value, node: ast.Subscript) -> Value:
    if isinstance(index, Dim):
        counted = value.length + index if index.const is not None and index.const < 0 else index
        in_range(c, at, counted, value.length, node)
        return element_of(c, at, value, counted)
    if isinstance(index, SliceOf):
        found = sliced(at, value, index)
        return part_of(c, at, as_items(c, at, value), index, node) if found is None else found
    raise NeedsValue(frozenset({value.text}))


def sliced(at: Place, value: SymList, index: SliceOf) -> SymList | None:
    """A part of a list, from one place to another; None where it is not known which places those are."""
    if index.step is not None and index.step.const != 1:
        return None
    start = dim(0) if index.start is None else index.start
    stop = value.length if index.stop is None else index.stop
    ends = [_counted(at, value.length, e) for e in (start, stop)]
    if None in ends:
        return None
    first, last = (e for e in ends if e is not None)
    length = last - first
    if at.decide(Cond.ge(length, 0)) is not True:
        length = maximum(length, dim(0))
    texts = ["" if e is None else "{}" for e in (index.start, index.stop)]
    args = (*value.args, *(e for e in (index.start, index.stop) if e is not None))
    name = f"{value.name}[{texts[0]}:{texts[1]}]"
    return SymList(name, value.item, at.facts.simplify(length), args, value, first)


def _counted(at: Place, length: Dim, end: Dim) -> Dim | None:
    """Where a slice begins or ends, as Python takes an end that is past the list's or counts from it."""
    if end.const is not None and end.const < 0:
        found = length + end
        return found if at.decide(Cond.ge(found, 0)) else maximum(found, dim(0))
    if at.decide(Cond.ge(end, 0)) is not True:
        return None
    return end if at.decide(Cond.le(end, length)) else minimum(end, length)


def as_items(c: Check, at: Place, value: SymList) -> Mapped:
    """A list as a function of an index."""
    index = c.fresh("i", 0)
    return Mapped(index, value.length, element_of(c, at, value, index))


def element_of(c: Check, at: Place, value: SymList, index: Dim) -> Value:
    """One item of a list hyperparameter."""
    if index.const is not None and index.const < 0:
        index = value.length + index
    if value.whole is not None:
        assert value.start is not None
        return element_of(c, at, value.whole, value.start + index)
    if index.const is not None:
        return symbolic(c, at, f"{value.name}[{index}]", value.item, value.args, True)
    return symbolic(c, at, f"{value.name}[{{}}]", value.item, (*value.args, index), True)


def _any_of(items: list[TensorType], index: Dim) -> TensorType | None:
    """A tensor that is one of some, where these differ in sizes alone."""
    first = items[0]
    if any(i.dtype is not first.dtype or len(i.shape) != len(first.shape) for i in items):
        return None
    shape: list[Dim | Pack] = []
    for sizes in zip(*(i.shape for i in items), strict=True):
        dims = [d for d in sizes if isinstance(d, Dim)]
        if all(d == sizes[0] for d in sizes):
            shape.append(sizes[0])
        elif len(dims) == len(sizes):
            shape.append(listed(dims, index))
        else:
            return None
    return first.with_shape(tuple(shape))
