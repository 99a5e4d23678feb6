"""Layers as they are constructed: of the library, and blocks."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.cases import cases, needs_case, split_case
from spec_lang.ir.from_ast.expressions.op_errors import ERRORS, op_error
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import take_open
from spec_lang.ir.from_ast.uses.uses import use
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import (
    POISON,
    Case,
    Cell,
    Cells,
    DefCtor,
    Maybe,
    OpCtor,
    OpModule,
    Partial,
    Value,
)
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Layer
from spec_lang.syntax import ast


def label_of(c: Check, at: Place, node: ast.Expr) -> str:
    """What messages call a layer: its member's name, or as it was written inside a container."""
    return at.member or c.source.at(node.span).split("(")[0]


def construct(c: Check, at: Place, ctor: Value, args: Args, node: ast.Expr, label: str) -> Value:
    memo: dict[str, Cell] = {}

    def cells(name: str, hole: ast.Expr) -> Cell:
        """One cell for each `_` or implicit dim, shared by the cases of one construction."""
        cell = memo.get(name)
        if cell is None:
            cell = memo[name] = Cell(name, hole)
        if cell not in c.notes.item_of:
            c.effects.note(c.notes.item_of, cell, at.inside)
            known = c.notes.cells.get(hole.number, ())
            c.effects.note(c.notes.cells, hole.number, (*known, cell))
        return cell

    return constructed(c, at, ctor, args, node, label, cells)


def constructed(
    c: Check, at: Place, ctor: Value, args: Args, node: ast.Expr, label: str, cells: Cells
) -> Value:
    ctor = at.resolve(ctor)
    if isinstance(ctor, Case):
        yes, no = ctor.yes, ctor.no
        return cases(
            at,
            ctor.cond,
            lambda p: constructed(c, p, yes, args, node, label, cells),
            lambda p: constructed(c, p, no, args, node, label, cells),
        )
    if isinstance(ctor, Partial):
        return constructed(c, at, ctor.ctor, _filled(c, ctor, args, node), node, label, cells)
    if isinstance(ctor, OpCtor):
        return construct_op(c, at, ctor.op, args, node, label, cells)
    if isinstance(ctor, DefCtor) and _is_variant(ctor.definition):
        return _variant(c, at, ctor.definition, args, node, label, cells)
    if isinstance(ctor, DefCtor):
        return use(c, at, ctor.definition, args, node, label, cells)
    return c.error("E0407", f"{host.kind_of(ctor)} constructs no layer", node)


def _is_variant(definition: Def) -> bool:
    node = definition.node
    return isinstance(node, ast.Block) and node.hypers is None


def _variant(
    c: Check, at: Place, definition: Def, args: Args, node: ast.Expr, label: str, cells: Cells
) -> Value:
    """A variant of a model: the model, with the values that the variant gives."""
    base = c.program.variant(definition)
    if base is None:
        c.effects.taint()
        return POISON
    if args.values or args.kwargs:
        return c.error("E0510", f"{definition.name} is a variant, whose values are given", node)
    return constructed(c, at, base, args, node, label, cells)


def construct_op(
    c: Check, at: Place, op: type[Layer], args: Args, node: ast.Expr, label: str, cells: Cells
) -> Value:
    for value in (*args.values, *args.kwargs.values()):
        if isinstance(value, Case | Maybe) and not is_module(value):
            return _split(c, at, op, value, args, node, label, cells)
    for value in (*args.values, *args.kwargs.values()):
        if isinstance(value, OpModule) and value.cells:
            cell = next(iter(value.cells.values()))
            return c.error(
                "E0516",
                f"`_` does not go with a layer that is an argument of {op.name}: nothing flows into it by itself",
                cell.node,
                help="write the size out",
            )
    sig = signature.of(op)
    places = args.places([p.name for p in sig.parameters])
    try:
        layer = signature.bind(
            op,
            [op_value(a) for a in args.values],
            {k: op_value(v) for k, v in args.kwargs.items()},
        )
    except signature.NeedsCase as needs:

        def again(there: Place, values: list[Value], kwargs: dict[str, Value]) -> Value:
            return construct_op(c, there, op, args.with_values(values, kwargs), node, label, cells)

        return needs_case(c, at, needs.value, args.values, args.kwargs, again, node)
    except ERRORS as error:
        return op_error(c, error, node, places, label, [])
    inside = {name: cells(name, places[name]) for name, v in vars(layer).items() if v is signature.HOLE}
    module = OpModule(label, layer, inside, places, node)
    if not inside:
        return module if check_layer(c, at, module, layer) else POISON
    return module


def op_value(value: Value) -> Value | Layer:
    """An argument as ops take it: a layer as its own declaration."""
    if isinstance(value, OpModule):
        return value.layer
    return value


def _split(
    c: Check, at: Place, op: type[Layer], value: Value, args: Args, node: ast.Expr, label: str, cells: Cells
) -> Value:
    case = split_case([value])
    assert case is not None
    cond, yes, no = case

    def again(there: Place, new: dict[int, Value]) -> Value:
        return construct_op(c, there, op, args.replacing(new), node, label, cells)

    return cases(at, cond, lambda p: again(p, yes), lambda p: again(p, no))


def check_layer(c: Check, at: Place, module: OpModule, layer: Layer) -> bool:
    """The conditions on a layer's arguments alone."""
    cx = Cx(at.facts, module.label)
    try:
        layer.check(cx)
    except ERRORS as error:
        op_error(c, error, module.node, module.places, module.label, [])
        return False
    if cx.open:
        take_open(c, at, cx, module.node, module.label)
    return True


def _filled(c: Check, partial: Partial, args: Args, node: ast.Expr) -> Args:
    """A partial's arguments before those of its call; what stands in another definition has its place here."""
    result = Args()
    result.values = [*partial.args, *args.values]
    call = partial.node
    nodes: list[ast.Expr] = []
    if partial.definition is not c.definition:
        nodes = [node] * len(partial.args)
    elif isinstance(call, ast.Call):
        nodes = [a.value for a in call.args[1:] if a.name is None][: len(partial.args)]
    result.nodes = [*nodes, *args.nodes]
    result.kwargs = {**partial.kwargs, **args.kwargs}
    result.named = dict(args.named)
    if partial.definition is not c.definition:
        result.named = dict.fromkeys(partial.kwargs, node) | result.named
    elif isinstance(call, ast.Call):
        result.named = {a.name: a.value for a in call.args if a.name is not None} | result.named
    return result
