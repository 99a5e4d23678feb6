"""What stands in `layers:`, and the paths of `tie`, `init` and `expect`."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.conversions import condition
from spec_lang.ir.from_ast.expressions.same import same
from spec_lang.ir.from_ast.layers.containers import layer_of
from spec_lang.ir.from_ast.layers.paths import always_there, path_value
from spec_lang.ir.from_ast.names.habits import TENSOR_OF_VALUES
from spec_lang.ir.from_ast.names.names import TRAINING, need
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.agreeing import same_type
from spec_lang.ir.from_ast.types.tensor_types import type_of
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import (
    CTORS,
    POISON,
    BlockModule,
    Case,
    FunctionRef,
    ListModule,
    Maybe,
    OpModule,
    Value,
)
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim, TensorType, operand
from spec_lang.syntax import ast


def section(c: Check, at: Place, node: ast.LayersSection) -> None:
    for item in node.items:
        name = item.name.id
        there = at.constructing(name)
        value = _layer(c, there, item) if isinstance(item, ast.Layer) else _param(c, there, item)
        c.block.members[name] = value
        at.facts = there.facts  # what one member owes holds for those behind it


def _layer(c: Check, at: Place, item: ast.Layer) -> Value:
    value = c.ev(at, item.value)
    if value is POISON or value is None or is_module(value):
        return value
    if isinstance(value, list) and not value:
        return ListModule(item.name.id, "list", [], [])
    if isinstance(value, Maybe) and is_module(value.value):
        return value
    if isinstance(value, Case) and _only_layers(value):
        return value
    hint = None
    if isinstance(value, CTORS):
        text = c.source.at(item.value.span)
        hint = f"construct it: `{text}(...)`"
    elif isinstance(value, FunctionRef):
        hint = layer_of(c, value)
    elif isinstance(value, Dim | float | Real):
        hint = f"`let {item.name.id} = ...` names a number"
    return c.error("E0408", f"`{item.name.id}` is {host.kind_of(value)}, no layer", item.value, help=hint)


def _only_layers(value: Value) -> bool:
    if isinstance(value, Case):
        return _only_layers(value.yes) and _only_layers(value.no)
    return value is None or is_module(value)


def _param(c: Check, at: Place, item: ast.Param) -> Value:
    declared = type_of(c, at, item.type)
    if declared is POISON:
        return POISON
    if not isinstance(declared, TensorType) or declared.rank is None:
        return c.error("E0404", f"a {item.kind} is a tensor of known rank", item.type)
    if item.kind == "param" and not declared.dtype.is_float:
        return c.error(
            "E0401", f"a learned tensor is float, not {declared.dtype}", item.type, help="use `buffer`"
        )
    for name in sorted(frozenset().union(*(d.symbols for d in declared.dims))):
        if name in c.block.dims:
            need(c, name)
    if item.value is None:
        hint = "such as `normal(std=0.02)` or `zeros()`"
        return c.error("E0511", f"`{item.name.id}` needs an initial value", item.name, help=hint)
    from spec_lang.ir.from_ast.layers.initial import Met, initialised  # a spec without any starts sooner

    if initialised(c, at, item.value, (Met(item.name.id, declared),)):
        return declared
    value = c.ev(at.computing(), item.value)
    if value is POISON:
        return declared
    if not isinstance(value, TensorType):
        filled = isinstance(value, Dim | float)
        listed = TENSOR_OF_VALUES if isinstance(value, list | tuple) else None
        c.error(
            "E0404",
            f"a tensor is wanted here, not {host.kind_of(value)}",
            item.value,
            help=f"an initialiser such as `constant({operand(value)})` fills it" if filled else listed,
        )
        return declared
    same_type(c, at, declared, value, item.value, f"{item.kind} {item.name.id}", item.type)
    return declared


def paths(c: Check, at: Place, node: ast.Block) -> None:
    """`tie`, `init` and `expect`."""
    for part in node.parts:
        if isinstance(part, ast.Tie):
            _tie(c, at, part)
        elif isinstance(part, ast.InitSection):
            from spec_lang.ir.from_ast.layers.initial import init_rule  # a spec without any starts sooner

            for rule in part.rules:
                init_rule(c, at, rule)


def _tie(c: Check, at: Place, node: ast.Tie) -> None:
    if node.test is not None:
        test = condition(c, at, c.ev(at, node.test), node.test)
        if test is POISON:
            return
        assert isinstance(test, bool | Cond)
        if isinstance(test, Cond) and TRAINING in test.flags:
            c.error("E0405", "a tie is made by construction, before training is known", node.test)
            return
        at = at.branch(test)
    ask = "tie it under the condition by which it is there: `tie (... = ...) if ...`"
    if not all(always_there(c, at, path, ask) for path in (node.left, node.right)):
        return
    left, right = path_value(c, at, node.left), path_value(c, at, node.right)
    if left is POISON or right is POISON:
        return
    for value, place in ((left, node.left), (right, node.right)):
        if not isinstance(value, TensorType):
            hint = "name one of its parameters: `.weight`" if is_module(value) else None
            c.error("E0404", f"`tie` joins parameters, not {host.kind_of(value)}", place, help=hint)
            return
    if not same(at, left, right):
        c.error(
            "E0312",
            f"tied parameters differ: {left} and {right}",
            node.left,
            labels=(c.label(node.right, f"this is {right}"),),
        )
        return
    learned = [_is_learned(c, at, n) for n in (node.left, node.right)]
    if None not in learned and learned[0] is not learned[1]:
        kinds = ["a parameter" if one else "a buffer" for one in learned]
        c.error(
            "E0312",
            f"{kinds[0]} cannot be tied to {kinds[1]}: only one of them is learned",
            node.left,
            labels=(c.label(node.right, f"this is {kinds[1]}"),),
            help="make both of them parameters, or both buffers",
        )


def _is_learned(c: Check, at: Place, path: ast.Expr) -> bool | None:
    """Whether a path leads to a parameter; None where that is not seen from here."""
    if isinstance(path, ast.Name):
        return _is_param(c.definition.node, path.id)
    if not isinstance(path, ast.Attribute):
        return None
    owner = path_value(c, at, path.value)
    if isinstance(owner, BlockModule):
        return _is_param(owner.summary.definition.node, path.name)
    if isinstance(owner, OpModule):
        params = () if owner.known is None else owner.known.params()
        return next((p.learned for p in params if p.name == path.name), None)
    return None


def _is_param(node: object, name: str) -> bool | None:
    for part in node.parts if isinstance(node, ast.Block) else ():
        for item in part.items if isinstance(part, ast.LayersSection) else ():
            if isinstance(item, ast.Param) and item.name.id == name:
                return item.kind == "param"
    return None
