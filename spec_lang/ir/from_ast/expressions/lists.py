"""Lists of what is computed: how long they are, what stands where, and what they are one behind the other."""

from __future__ import annotations

import re

from spec_lang.ir.from_ast.expressions.same import same
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import owe
from spec_lang.ir.from_ast.values.substitution import first_items, item_at
from spec_lang.ir.from_ast.values.value import POISON, Mapped, Parts, Value
from spec_lang.ops.kinds import Run, SliceOf
from spec_lang.shapes import Cond, Dim, TensorType, Undefined, dim, maximum, minimum
from spec_lang.shapes.atom import OPAQUE, Atom
from spec_lang.syntax import ast

LISTED = 256
"""A list of a known length up to this is its items."""


def parts_of(value: Value) -> tuple[list[Value] | Mapped, ...] | None:
    """What a list is made of, one behind the other; None for what is no list of values."""
    if isinstance(value, Mapped):
        return (value,)
    if isinstance(value, list):
        return (value,)
    return value.parts if isinstance(value, Parts) else None


def length(value: list[Value] | Mapped | Parts) -> Dim:
    """How many items a list has."""
    lengths = [p.length if isinstance(p, Mapped) else dim(len(p)) for p in parts_of(value) or ()]
    return sum(lengths, start=dim(0))


def joined(c: Check, at: Place, *values: Value) -> Value:
    """Lists one behind the other, in as few parts as are proved to follow one formula."""
    found: list[list[Value] | Mapped] = []
    for part in (p for v in values for p in parts_of(v) or ()):
        if isinstance(part, Mapped) and part.length.const is not None and part.length.const <= LISTED:
            part = first_items(part, part.length.const)
        if part == []:
            continue
        last = found[-1] if found else None
        if isinstance(last, list) and isinstance(part, list):
            found[-1] = [*last, *part]
        elif last is None:
            found.append(part)
        else:
            found[-1:] = _merged(c, at, last, part)
    if not found:
        return []
    return found[0] if len(found) == 1 else Parts(tuple(found))


def _merged(
    c: Check, at: Place, a: list[Value] | Mapped, b: list[Value] | Mapped
) -> list[list[Value] | Mapped]:
    """Two parts, of which at most one is a list, as one where that is proved."""
    if isinstance(a, list) and isinstance(b, Mapped):
        head = list(a)
        while head and not _looks_up(b) and _same_at(at, b, dim(-1), head[-1]):
            b = shifted(c, b, dim(-1), b.length + 1)
            head.pop()
        return [head, b] if head else [b]
    if isinstance(a, Mapped) and isinstance(b, list):
        tail = list(b)
        while tail and _same_at(at, a, a.length, tail[0]):
            a = Mapped(a.index, a.length + 1, a.item)
            tail.pop(0)
        return [a, tail] if tail else [a]
    assert isinstance(a, Mapped)
    assert isinstance(b, Mapped)
    under = at.under(Cond.lt(b.index, b.length))
    if _same_at(under, a, a.length + b.index, b.item):
        return [Mapped(a.index, a.length + b.length, a.item)]
    return [a, b]


def _looks_up(items: Mapped) -> bool:
    """Whether a size of an item is found by the index, which then is 0 at least: `widths[-1]` is the last one."""
    (own,) = items.index.symbols
    return any(own in a.symbols for d in _sizes(items.item) for a in _inside(d) if a.kind == OPAQUE)


def _sizes(value: Value) -> list[Dim]:
    if isinstance(value, TensorType):
        return [d for d in value.shape if isinstance(d, Dim)]
    if isinstance(value, Mapped):
        return [value.length, *_sizes(value.item)]
    if isinstance(value, tuple | list):
        return [d for v in value for d in _sizes(v)]
    if isinstance(value, Parts):
        return [d for p in value.parts for d in _sizes(p)]
    return [value] if isinstance(value, Dim) else []


def _inside(d: Dim) -> list[Atom]:
    return [x for m in d.terms for a in m for x in (a, *(y for arg in a.args for y in _inside(arg)))]


def _same_at(at: Place, items: Mapped, index: Dim, value: Value) -> bool:
    """Whether the formula of a list's items gives a value at an index."""
    try:
        return same(at, item_at(items, index), value)
    except Undefined:
        return False


def another(c: Check, index: Dim) -> Dim:
    """A symbol for an index, called as that of another list."""
    return c.fresh(re.sub(r"(_\d+)+$", "", str(index)), 0)


def shifted(c: Check, items: Mapped, by: Dim, count: Dim) -> Mapped:
    """So many items of a list from the one at `by` on."""
    index = another(c, items.index)
    return Mapped(index, count, item_at(items, index + by))


def backwards(c: Check, value: list[Value] | Mapped | Parts) -> Value:
    """A list from its end."""
    found: list[list[Value] | Mapped] = []
    for part in reversed(parts_of(value) or ()):
        if isinstance(part, list):
            found.append(part[::-1])
        else:
            index = another(c, part.index)
            found.append(Mapped(index, part.length, item_at(part, part.length - 1 - index)))
    return found[0] if len(found) == 1 else Parts(tuple(found))


def item(c: Check, at: Place, value: Mapped | Parts, index: Dim, node: ast.Expr) -> Value:
    """One item."""
    count = length(value)
    if at.decide(Cond.lt(index, 0)) is True:
        index = count + index
    elif at.decide(Cond.ge(index, 0)) is not True and index.symbols & c.block.running.counters:
        return c.error("E0403", f"it is not known whether the index {index} counts from the end", node)
    if not in_range(c, at, index, count, node):
        return POISON
    start = dim(0)
    parts = parts_of(value) or ()
    for part in parts:
        own = length(part)
        last = part is parts[-1]
        begins = start == 0 or at.decide(Cond.ge(index, start)) is True
        if begins and (last or at.decide(Cond.lt(index, start + own)) is True):
            if isinstance(part, Mapped):
                return item_at(part, index - start)
            if (index - start).const is not None:
                return part[(index - start).const or 0]
        start = start + own
    return c.error("E0403", f"the items differ, and which one the index {index} is is not known", node)


def in_range(c: Check, at: Place, index: Dim, count: Dim, node: object) -> bool:
    """Whether there may be such an item; that there is one is owed where it is not proved."""
    for cond in (Cond.ge(index, 0), Cond.lt(index, count)):
        known = at.decide(cond)
        if known is False:
            c.error("E0303", f"there is no item {index}: there are {count}, counted from 0", node)
            return False
        if known is None:
            owe(c, at, cond, f"item {index} exists: {cond}", node, False)
    return True


def part_of(c: Check, at: Place, value: Mapped | Parts, cut: SliceOf, node: ast.Expr) -> Value:
    """`xs[a:b]`, as Python cuts: ends that are too large or too small are those of the list."""
    step = 1 if cut.step is None else cut.step.const
    if step == -1 and cut.start is None and cut.stop is None:
        return backwards(c, value)
    if step != 1:
        return c.error(
            "E0403", "a list of unknown length is sliced by steps of 1, or turned by `[::-1]`", node
        )
    count = length(value)
    start, stop = _end(at, cut.start, count, dim(0)), _end(at, cut.stop, count, count)
    for end, written in ((start, cut.start), (stop, cut.stop)):
        if end is None:
            return c.error("E0403", f"it is not known whether {written} counts from the end", node)
    assert start is not None
    assert stop is not None
    found: list[Value] = []
    before = dim(0)
    for part in parts_of(value) or ():
        own = length(part)
        first = _clipped(at, start - before, own)
        behind = _clipped(at, stop - before, own)
        before = before + own
        if isinstance(part, list):
            if first.const is None or behind.const is None:
                return c.error("E0403", "which of the items that differ are in this slice is not known", node)
            found.append(part[first.const : behind.const])
        else:
            found.append(shifted(c, part, first, _larger(at, behind - first, dim(0))))
    return joined(c, at, *found)


def _end(at: Place, end: Dim | None, count: Dim, default: Dim) -> Dim | None:
    if end is None:
        return default
    if at.decide(Cond.ge(end, 0)) is True:
        return end
    return count + end if at.decide(Cond.lt(end, 0)) is True else None


def _clipped(at: Place, end: Dim, count: Dim) -> Dim:
    """An end within a part of a list."""
    return _larger(at, _smaller(at, end, count), dim(0))


def _larger(at: Place, a: Dim, b: Dim) -> Dim:
    return a if at.decide(Cond.ge(a, b)) else b if at.decide(Cond.le(a, b)) else maximum(a, b)


def _smaller(at: Place, a: Dim, b: Dim) -> Dim:
    return a if at.decide(Cond.le(a, b)) else b if at.decide(Cond.ge(a, b)) else minimum(a, b)


def as_runs(c: Check, value: Value) -> Value | list[TensorType | Run]:
    """A list of tensors as ops take it; another value as it is."""
    if not isinstance(value, Mapped | Parts):
        return value
    found: list[TensorType | Run] = []
    for part in parts_of(value) or ():
        if isinstance(part, Mapped) and part.length.const is not None and part.length.const <= LISTED:
            part = first_items(part, part.length.const)
        if isinstance(part, list):
            if not all(isinstance(v, TensorType) for v in part):
                return value
            found += [v for v in part if isinstance(v, TensorType)]
            continue
        index = another(c, part.index)
        item = item_at(part, index)
        if not isinstance(item, TensorType):
            return value
        found.append(Run(item=item, index=index, count=part.length))
    return found
