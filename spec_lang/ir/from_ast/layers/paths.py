"""Paths into layers: items, children, parameters."""

from __future__ import annotations

import re

from spec_lang.ir.from_ast.expressions.items import repeat_item, uncounted, unnumbered
from spec_lang.ir.from_ast.expressions.joining import join
from spec_lang.ir.from_ast.expressions.lists import in_range
from spec_lang.ir.from_ast.layers.cells import size_at
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.uses.obligations import owe
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.choices import join_case
from spec_lang.ir.from_ast.values.module_values import substitute_module
from spec_lang.ir.from_ast.values.strings import need_text
from spec_lang.ir.from_ast.values.value import (
    POISON,
    BlockModule,
    Case,
    FlatModule,
    ListModule,
    Maybe,
    OpModule,
    RepeatModule,
    Template,
    Value,
)
from spec_lang.ops.base import OpError
from spec_lang.ops.kinds import SliceOf
from spec_lang.shapes import Cond, Dim, TensorType, dim
from spec_lang.syntax import ast


def _matched(key: Value, index: str | Template, symbol: Dim) -> Dim | None:
    """The position in a dict whose keys count (`f"layer_{i}"`) of one key."""
    if isinstance(key, str):  # of the only item
        return dim(0) if key == index else None
    if not isinstance(key, Template):
        return None
    parts = list(index.parts) if isinstance(index, Template) else _cut(key, index)
    if parts is None or len(parts) != len(key.parts):
        return None
    (name,) = symbol.symbols
    found: Dim | None = None
    for k, p in zip(key.parts, parts, strict=True):
        if isinstance(k, str) or isinstance(p, str):
            if k != p:
                return None
            continue
        offset = k - symbol
        if name in offset.symbols or (found is not None and found != p - offset):
            return None
        found = p - offset
    return found


def module_item(c: Check, at: Place, module: Value, index: Value, node: ast.Subscript) -> Value:
    """`layer[0]`, `layers["name"]`, `layers[i]` in a loop."""
    need_text(c, index)
    module = at.resolve(module)
    if isinstance(module, Case):
        case = module
        return join_case(
            case.cond, module_item(c, at, case.yes, index, node), module_item(c, at, case.no, index, node)
        )
    if isinstance(module, ListModule) and isinstance(index, SliceOf) and at.mode is Mode.BODY:
        rest = _between(c, at, module, index, node)
        if rest is not None:
            return rest
    if isinstance(module, FlatModule) or (
        isinstance(module, ListModule)
        and module.flat
        and not (isinstance(index, str) and index in module.keys)
    ):
        return unnumbered(c, module, node)
    if isinstance(module, ListModule):
        if isinstance(index, str):
            if index in module.keys:
                return module.items[module.keys.index(index)]
            hint = c.suggestion(index, module.keys)
            if not hint and module.kind == "dict":
                hint = f"its keys are {', '.join(map(repr, module.keys[:6]))}".replace("'", '"')
            elif not hint:
                hint = f"its layers are counted from 0 to {len(module.items) - 1}"
            label = module.label or "this container"
            return c.error("E0209", f'{label} has no layer "{index}"', node.index[0], help=hint)
        if isinstance(index, Dim):
            return _list_item(c, at, module, index, node)
    if isinstance(module, RepeatModule) and module.keyed and isinstance(index, str | Template):
        found = _matched(module.key, index, module.index)
        if found is None:
            label = module.label or "this dict"
            return c.error("E0209", f'{label} has no layer "{index}"', node.index[0])
        index = found
    if isinstance(module, RepeatModule | ListModule) and isinstance(index, SliceOf) and at.mode is Mode.BODY:
        return _part(c, at, module, index, node)
    if isinstance(module, RepeatModule) and isinstance(index, Dim):
        if index.const is not None and index.const < 0:
            index = module.length + index
        in_range(c, at, index, module.length, node)
        return repeat_item(c, module, index)
    if isinstance(module, RepeatModule | ListModule):
        return c.error("E0403", f"a layer is chosen by an int or a key, not {host.kind_of(index)}", node)
    return c.error("E0403", "only lists and dicts of layers are indexed", node)


def _part(
    c: Check, at: Place, module: RepeatModule | ListModule, index: SliceOf, node: ast.Subscript
) -> Value:
    """`layers[low:]`: layers of a list in their order."""
    if index.step is not None:
        return c.error("E0403", "a list of layers is sliced without a step", node)
    if isinstance(module, ListModule):
        ends = [None if e is None else e.const for e in (index.start, index.stop)]
        fixed = all((e is None) == (k is None) for e, k in zip((index.start, index.stop), ends, strict=True))
        one_by_one = not module.uncounted() and not any(isinstance(i, RepeatModule) for i in module.items)
        if module.kind == "dict" or not fixed or not one_by_one:
            return c.error(
                "E0403", "only layers that are known one by one are sliced, and at known places", node
            )
        items = module.items[slice(*ends)]
        return ListModule(module.label, module.kind, items, [str(k) for k in range(len(items))])
    if module.keyed:
        return c.error("E0403", "a layer is chosen by an int or a key, not by a slice", node)
    start = dim(0) if index.start is None else index.start
    stop = module.length if index.stop is None else index.stop
    start, stop = (e + module.length if e.const is not None and e.const < 0 else e for e in (start, stop))
    for cond in (Cond.ge(start, 0), Cond.le(start, stop), Cond.le(stop, module.length)):
        known = at.decide(cond)
        if known is False:
            return c.error("E0303", f"there are {module.length} layers, and this slice needs {cond}", node)
        if known is None:
            owe(c, at, cond, f"these layers exist: {cond}", node, False)
    return RepeatModule(
        module.label,
        module.index,
        stop - start,
        module.item,
        module.node,
        False,
        module.iteration,
        None,
        module.start + start,
    )


def _between(c: Check, at: Place, module: ListModule, index: SliceOf, node: ast.Subscript) -> Value:
    """`layers[2:-1]` of a container into which lists are spread; None where it is not known which layers these are."""
    if module.kind == "dict" or index.step is not None:
        return None
    items = list(module.items)
    if len(items) == 1 and isinstance(items[0], RepeatModule) and not items[0].keyed:
        part = _part(c, at, items[0], index, node)
        return POISON if part is POISON else _listed(module, [part])
    first = 0 if index.start is None else index.start.const
    last = 0 if index.stop is None else index.stop.const
    if first is None or last is None:
        return None
    if index.stop is not None and last >= 0:
        return _listed(module, items[first:last]) if first >= 0 and _singles(items[:last], last) else None
    if first < 0:
        behind = items[first:last] if last else items[first:]
        return _listed(module, behind) if _singles(items[first:], -first) else None
    for count, end in ((first, 0), (-last, -1)):
        items_left = _without(c, at, items, count, end, node)
        if not isinstance(items_left, list):
            return items_left
        items = items_left
    return _listed(module, items)


def _listed(module: ListModule, items: list[Value]) -> ListModule:
    return ListModule(module.label, module.kind, items, [str(k) for k in range(len(items))])


def _singles(items: list[Value], count: int) -> bool:
    """Whether these are so many layers, one each."""
    return len(items) == count and all(map(_is_single, items))


def _is_single(item: Value) -> bool:
    return not isinstance(item, RepeatModule | FlatModule) and not (
        isinstance(item, Case) and None in (item.yes, item.no)
    )


def _without(
    c: Check, at: Place, items: list[Value], count: int, end: int, node: ast.Subscript
) -> list[Value] | Value:
    """A container's layers without so many at one of its ends (0 or -1); None where it is not known which these are."""
    items = list(items)
    while count and items and _is_single(items[end]):
        count -= 1
        items.pop(end)
    if count and items:
        whole = items[end]
        if not isinstance(whole, RepeatModule) or whole.keyed:
            return None
        cut = SliceOf(dim(count), None, None) if end == 0 else SliceOf(None, dim(-count), None)
        items[end] = _part(c, at, whole, cut, node)
    return POISON if POISON in items else items


def _list_item(c: Check, at: Place, module: ListModule, index: Dim, node: ast.Subscript) -> Value:
    n = len(module.items)
    k = index.const
    if module.uncounted(*((0, None) if k is None else (0, k + 1) if k >= 0 else (n + k, None))):
        return uncounted(c, module, node)
    if any(isinstance(i, RepeatModule) for i in module.items):
        return _spliced_item(c, at, module, index, node)
    if index.const is not None:
        if not -n <= index.const < n:
            return c.error("E0303", f"there is no layer {index}: there are {n}, counted from 0", node)
        return module.items[index.const]
    in_range(c, at, index, dim(n), node)
    value: Value = module.items[-1] if module.items else POISON
    for k in range(n - 2, -1, -1):
        value = Case(Cond.eq(index, k), module.items[k], value)
    return value


def _spliced_item(c: Check, at: Place, module: ListModule, index: Dim, node: ast.Subscript) -> Value:
    """An item of a container into which comprehensions are spread."""
    first = dim(0)
    if index.const is not None and index.const < 0:
        lengths = [i.length if isinstance(i, RepeatModule) else dim(1) for i in module.items]
        index = index + sum(lengths, dim(0))
    for item in module.items:
        length = item.length if isinstance(item, RepeatModule) else dim(1)
        inside = Cond.lt(index, first + length)
        last = item is module.items[-1]
        if last or at.decide(inside):
            if not isinstance(item, RepeatModule):
                in_range(c, at, index - first, dim(1), node)
                return item
            return module_item(c, at, item, index - first, node)
        if at.decide(inside) is None:
            return c.error("E0403", f"it is not known which layer {index} is", node)
        first = first + length
    return c.error("E0303", f"there is no layer {index}: the container is empty", node)


def module_attribute(c: Check, at: Place, module: Value, node: ast.Attribute) -> Value:
    """A child or a parameter of a module."""
    module = at.resolve(module)
    if isinstance(module, Case):
        yes, no = (None if m is None else module_attribute(c, at, m, node) for m in (module.yes, module.no))
        if at.mode is Mode.PATH:
            if yes is None or no is None:
                return yes if no is None else no
            return POISON if POISON in (yes, no) else join_case(module.cond, yes, no)
        if yes is None or no is None:
            owner = c.source.at(node.value.span)
            ask = f"ask for it first: `... if {owner} is not none else ...`"
            return c.error("E0406", f"{owner} may be none here", node.value, help=ask)
        return POISON if POISON in (yes, no) else join(c, at, module.cond, yes, no, node)
    name = node.name
    known: list[str] = []
    if isinstance(module, OpModule):
        layer = module.known
        if layer is None:
            return too_early(c, at, module.label, node)
        try:
            params = {p.name: p for p in layer.params()}
        except (TypeError, AttributeError, OpError):
            return c.error("E0307", f"{module.label} is not determined yet here", node.name_span)
        if name in params:
            p = params[name]
            return TensorType(p.dtype, tuple(p.shape))
        known = list(params)
    elif isinstance(module, BlockModule):
        members = module.summary.members
        if name in members:
            if any(cell.value is None for cell in module.cells.values()):
                return too_early(c, at, module.label, node)
            member = member_of(c, at, module, members[name])
            if member is None:
                return c.error(
                    "E0307",
                    f"the sizes of {module.label or 'this layer'} differ along the list, and no formula tells them here",
                    node,
                    help="write them out in terms of the list's variable",
                )
            return member
        known = [*members, *module.summary.methods]
    elif isinstance(module, ListModule):
        if name in module.keys:
            return module.items[module.keys.index(name)]
        known = module.keys
    hint = c.suggestion(name, known)
    label = getattr(module, "label", "") or "this"
    return c.error("E0209", f"{label} has no layer or parameter `{name}`", node.name_span, help=hint)


def too_early(c: Check, at: Place, label: str, node: ast.Attribute) -> Value:
    """A part of a layer whose sizes are not determined: by nothing, or by a later statement."""
    at.frame.retry = True
    if not at.frame.last_pass:
        return POISON
    return c.error(
        "E0307",
        f"the sizes of {label or 'this layer'} are not determined: nothing flows into it",
        node,
        help="write them out where it is constructed, or run it",
    )


def member_of(c: Check, at: Place, module: BlockModule, member: Value) -> Value:
    """A member of a block as its user sees it; None where a size that it needs is not one here."""
    env = dict(module.values)
    for name, cell in module.cells.items():
        size = size_at(c, at, cell, module.at)
        if size is not None:
            env[name] = size
        elif cell.value is not None:
            return None
    return substitute_module(member, env)


def path_value(c: Check, at: Place, node: ast.Expr) -> Value:
    """The value of a path to a layer or a parameter."""
    there = Place(at.scope, Mode.PATH, at.facts)
    there.frame.last_pass = c.is_right
    return c.ev(there, node)


def always_there(c: Check, at: Place, path: ast.Expr, help: str) -> bool:
    """Whether no layer on a path may be none; one that may is reported."""
    part = path
    while True:
        if _may_be_none(at, path_value(c, at, part)):
            c.error("E0406", f"{c.source.at(part.span)} may be none here", part, help=help)
            return False
        if not isinstance(part, ast.Attribute | ast.Subscript):
            return True
        part = part.value


def _may_be_none(at: Place, value: Value) -> bool:
    value = at.resolve(value)
    if isinstance(value, Case):
        yes, no = at.under(value.cond), at.under(~value.cond)
        return _may_be_none(yes, value.yes) or _may_be_none(no, value.no)
    return value is None or isinstance(value, Maybe)


def _cut(key: Template, text: str) -> list[str | Dim] | None:
    """A literal key by its template's parts."""
    pattern = "".join(re.escape(p) if isinstance(p, str) else r"(\d+)" for p in key.parts)
    found = re.fullmatch(pattern, text)
    if found is None:
        return None
    numbers = iter(found.groups())
    return [p if isinstance(p, str) else dim(int(next(numbers))) for p in key.parts]
