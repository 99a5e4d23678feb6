"""The items of what is known one by one."""

from __future__ import annotations

import re

from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.elements import element_floats, elements_at, items_at
from spec_lang.ir.from_ast.values.module_values import at_index
from spec_lang.ir.from_ast.values.substitution import first_items
from spec_lang.ir.from_ast.values.value import (
    POISON,
    Env,
    FlatModule,
    ListModule,
    Mapped,
    Range,
    RepeatModule,
    SymList,
    Value,
)
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Dim, dim
from spec_lang.syntax import ast


def uncounted(c: Check, module: ListModule, node: object) -> Value:
    """A mistake: what counts the items of a list of which one may be none."""
    return c.error(
        "E0406",
        f"{module.label or 'this list'} has a layer that may be none, and none takes no index",
        node,
        help="give the layer a name of its own, or run the list as a whole",
    )


def unnumbered(c: Check, module: FlatModule | ListModule, node: object) -> Value:
    """A mistake: what counts the items of a list of which one part is several layers for each of its own."""
    return c.error(
        "E0403",
        f"{module.label or 'this list'} has several layers for each item of a comprehension, and is not counted",
        node,
        help="run the list as a whole, or keep what each item makes together: `[Sequential(...) for ...]`",
    )


def known_list(c: Check, value: Value, node: ast.Expr, splices: bool = False) -> list[Value] | None:
    """A list whose items are known; its mistake is reported.

    Args:
        splices: Whether it becomes a part of another container, of which layers of unknown number are one.
    """
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, FlatModule) or (isinstance(value, ListModule) and value.flat):
        unnumbered(c, value, node)
        return None
    if isinstance(value, ListModule) and value.kind != "dict":
        if not any(isinstance(i, RepeatModule) for i in value.items):
            return value.items
        parts = [known_list(c, i, node) if isinstance(i, RepeatModule) else [i] for i in value.items]
        return None if None in parts else [i for p in parts if p is not None for i in p]
    if isinstance(value, Range):
        length = range_length(value)
        if length.const is not None and length.const <= host.MAX_LIST:
            return [value.start + value.step * k for k in range(length.const)]
    if isinstance(value, Mapped) and value.length.const is not None and value.length.const <= host.MAX_LIST:
        return first_items(value, value.length.const)
    if isinstance(value, SymList):
        raise NeedsValue(frozenset({value.text}))
    if isinstance(value, RepeatModule) and not value.keyed:
        count = value.length.const
        if count is not None and count <= host.MAX_LIST:
            return [repeat_item(c, value, dim(k)) for k in range(count)]
    if value is not POISON:
        kind, help = host.kind_of(value), None
        if isinstance(value, Range):
            kind = f"a range of {range_length(value)}"
            help = "two counts are one: `for k in range(a * b)`, with `k // b` and `k % b`"
        elif isinstance(value, RepeatModule) and not value.keyed:
            kind = f"a list of {value.length} layers"
        message = f"only a list whose items are known can be spread out, not {kind}"
        c.error("E0403", message, node, help=help)
    return None


def spliced(c: Check, at: Place, value: Value, node: ast.Expr) -> list[Value] | None:
    """What `*xs` stands for; in a container of layers, a list of layers is one part of any length."""
    if at.mode is Mode.LAYERS:
        if isinstance(value, FlatModule | RepeatModule) and not value.keyed:
            return [value]
        if isinstance(value, ListModule) and value.kind != "dict":
            return value.items
    return known_list(c, value, node)


def repeat_item(c: Check, module: RepeatModule, index: Dim) -> Value:
    """The layer at an index of a comprehension of layers, or of a part of one."""
    index = module.start + index
    (name,) = module.index.symbols
    c.block.running.indices[name] = module.index
    return at_index(module.item, {**elements_of(c, module, index), name: index})


def elements_of(c: Check, module: RepeatModule, index: Dim) -> Env:
    """What the symbols of one item's elements are: formulas of its index, or symbols of its own, as no two items are
    known to be the same."""
    (name,) = module.index.symbols
    found: Env = {**elements_at(module.iteration, index), **items_at(module.iteration, index)}
    missing = sorted(module.iteration.symbols - found.keys())
    if missing and index != module.index:
        running = c.block.running
        own = running.apart.get((name, index))
        if own is None:
            own = {n: c.fresh(re.sub(r"\W+", "_", n)) for n in missing}
            running.apart[name, index] = own
            running.elements |= {str(d) for d in own.values()}
        floats = element_floats(module.iteration)
        found |= {n: Real(str(d)) if n in floats else d for n, d in own.items()}
    return found


def range_length(value: Range) -> Dim:
    span = value.stop - value.start if value.step > 0 else value.start - value.stop
    step = abs(value.step)
    length = span if step == 1 else (span + step - 1) // step
    if length.const is not None:
        return dim(max(length.const, 0))
    return length
