"""The items of what is known one by one."""

from __future__ import annotations

from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.elements import elements_at
from spec_lang.ir.from_ast.values.module_values import at_index
from spec_lang.ir.from_ast.values.value import POISON, ListModule, Range, RepeatModule, SymList, Value
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


def known_list(c: Check, value: Value, node: ast.Expr) -> list[Value] | None:
    """A list whose items are known; its mistake is reported."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, ListModule) and value.kind != "dict":
        return value.items
    if isinstance(value, Range):
        length = range_length(value)
        if length.const is not None and length.const <= host.MAX_LIST:
            return [value.start + value.step * k for k in range(length.const)]
    if isinstance(value, SymList):
        raise NeedsValue(frozenset({value.text}))
    if isinstance(value, RepeatModule) and not value.keyed:
        return [value]
    if value is not POISON:
        kind, help = host.kind_of(value), None
        if isinstance(value, Range):
            kind = f"a range of {range_length(value)}"
            help = "two counts are one: `for k in range(a * b)`, with `k // b` and `k % b`"
        message = f"only a list whose items are known can be spread out, not {kind}"
        c.error("E0403", message, node, help=help)
    return None


def each_item(c: Check, value: Value, node: ast.Expr) -> list[Value] | None:
    """The items of a list one by one, those of lists of layers that are spread in it too; its mistake is reported."""
    if isinstance(value, RepeatModule) and not value.keyed:
        value = ListModule(value.label, "list", [value], ["0"])
    items = known_list(c, value, node)
    if items is None or not isinstance(value, ListModule):
        return items
    found: list[Value] = []
    for item in items:
        if not isinstance(item, RepeatModule):
            found.append(item)
            continue
        count = item.length.const
        if count is None or count > host.MAX_LIST:
            label = value.label or "this list"
            c.error("E0403", f"{label} has {item.length} layers, so its items are not known one by one", node)
            return None
        found += [item_of(c, item, dim(k)) for k in range(count)]
    return found


def item_of(c: Check, module: RepeatModule, index: Dim) -> Value:
    """A layer of a comprehension of them, at an index."""
    (name,) = module.index.symbols
    c.block.running.indices[name] = module.index
    c.block.running.repeats[name] = module
    return at_index(module.item, {**elements_at(module.iteration, index), name: index})


def range_length(value: Range) -> Dim:
    span = value.stop - value.start if value.step > 0 else value.start - value.stop
    step = abs(value.step)
    length = span if step == 1 else (span + step - 1) // step
    if length.const is not None:
        return dim(max(length.const, 0))
    return length
