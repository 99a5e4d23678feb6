"""How layers are run."""

from __future__ import annotations

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast.expressions.cases import both, needs_case, split_case
from spec_lang.ir.from_ast.expressions.op_errors import ERRORS, op_error
from spec_lang.ir.from_ast.expressions.trails import keep_trail, trails
from spec_lang.ir.from_ast.layers.cells import settle, state_size
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import take_open
from spec_lang.ir.from_ast.values.args import Args, stage
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.value import POISON, Case, ListModule, OpModule, Value
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Layer, OpError
from spec_lang.shapes import Cond, Dim, TensorType, dim
from spec_lang.syntax import ast


class _Reported(Exception):
    """A mistake that has been reported ends the work on one call."""


def run_case(c: Check, at: Place, module: Case, args: Args, node: ast.Expr, method: str) -> Value:
    """One of two layers."""
    return both(
        c,
        at,
        module.cond,
        lambda p: c.run(p, module.yes, args, node, method),
        lambda p: c.run(p, module.no, args, node, method),
        node,
    )


def run_none(c: Check, at: Place, module: Value, args: Args, node: ast.Expr, method: str) -> Value:
    """What is no layer, as it may be none."""
    if module is POISON:
        return POISON
    at_stage = stage(node)
    func = at_stage.func if isinstance(at_stage, ast.Call) else at_stage
    name = c.source.at(func.span)
    return c.error(
        "E0406",
        f"{name} may be none here",
        func,
        help=f"run it where it is there: `if {name} is not none:`",
    )


def unordered(c: Check, label: str, key: str, node: ast.Expr) -> Value:
    return c.error(
        "E0407",
        "a dict of layers has no order to run in",
        stage(node),
        help=f'index it: `{label or "layers"}["{key}"]`',
    )


def run_list(c: Check, at: Place, module: ListModule, args: Args, node: ast.Expr, method: str) -> Value:
    """Each in order, with the same further arguments."""
    if module.kind == "dict":
        return unordered(c, module.label, module.keys[0] if module.keys else "name", node)
    if not args.values:
        return c.error("E0511", f"{module.label or 'this list'} is run on a tensor, and gets nothing", node)
    if module.kind == "sequential" and (len(args.values) > 1 or args.kwargs):
        return c.error("E0510", "Sequential takes one input", node)
    value = args.values[0]
    for item in module.items:
        value = run_item(c, at, item, args.with_first(value), node)
        if value is POISON:
            return POISON
    return value


def run_item(c: Check, at: Place, item: Value, args: Args, node: ast.Expr) -> Value:
    """One child of a container; where it is none, nothing happens."""
    item = at.resolve(item)
    if item is None:
        return args.values[0]
    if isinstance(item, Case):
        case = item
        return both(
            c,
            at,
            case.cond,
            lambda p: run_item(c, p, case.yes, args, node),
            lambda p: run_item(c, p, case.no, args, node),
            node,
        )
    if isinstance(item, ListModule) and item.kind == "list":
        return nested_list(c, node)
    return c.run(at, item, args, node)


def nested_list(c: Check, node: ast.Expr) -> Value:
    """A mistake: a list of layers among the layers of another."""
    return c.error(
        "E0407",
        "a list of lists of layers is not run as a whole",
        stage(node),
        help="write `Sequential(...)` for the inner ones, or run each in a `for`",
    )


def run_op(
    c: Check, at: Place, module: OpModule, args: Args, node: ast.Expr, method: str = "forward"
) -> Value:
    case = split_case([*args.values, *args.kwargs.values()])
    if case is not None:
        cond, yes, no = case

        def again(there: Place, new: dict[int, Value]) -> Value:
            return run_op(c, there, module, args.replacing(new), node)

        return both(c, at, cond, lambda p: again(p, yes), lambda p: again(p, no), node)
    layer, label = module.layer, module.label
    cx = Cx(at.facts, label)
    kind = type(layer)
    if module.at:
        layer = op_at(layer, module.at)
    try:
        values = signature.forward(kind).bind(args.values, args.kwargs, label)
        if kind.holes or kind.ranks:
            sizes = signature.holes(cx, layer, args.values, args.kwargs)
            filled: dict[str, Dim] = {}
            for name, size in sizes.items():
                cell = module.cells.get(name)
                if cell is None:
                    _stated(c, at, module, layer, name, size, node, args)
                elif settle(c, at, cell, size, module.at, node, f"{label}'s {kind.holes[name].what}", args):
                    filled[name] = size
                else:
                    return POISON
            if module.cells:
                missing = [n for n in module.cells if n not in filled]
                if missing:
                    return c.error("E0307", f"nothing that flows into {label} determines its `_`", node)
                layer = signature.replace(layer, **filled)
                layer.check(cx)
                c.effects.ready(module, layer)
        result = layer.infer(cx, **values)
    except _Reported:
        return POISON
    except signature.NeedsCase as needs:

        def with_args(there: Place, values: list[Value], kwargs: dict[str, Value]) -> Value:
            return run_op(c, there, module, args.with_values(values, kwargs), node)

        return needs_case(c, at, needs.value, args.values, args.kwargs, with_args, node)
    except ERRORS as error:
        return _refused(c, error, module, args, node)
    if cx.open:
        take_open(c, at, cx, node, label)
    return keep_trail(c, at, result, args.values[0] if args.values else None, label)


def _refused(c: Check, error: Exception, module: OpModule, args: Args, node: ast.Expr) -> Value:
    places = dict(module.places)
    if isinstance(error, OpError) and error.code.startswith("E05"):
        places = args.places([p.name for p in signature.forward(type(module.layer)).parameters])
    return op_error(c, error, stage(node), places, module.label, [*args.values, *args.kwargs.values()])


def _stated(
    c: Check, at: Place, module: OpModule, layer: Layer, name: str, size: Dim, node: ast.Expr, args: Args
) -> None:
    """The size that an argument states must be the one that flows in."""
    stated = getattr(layer, name)
    if not isinstance(stated, Dim) or stated == size or at.facts.equal(stated, size):
        return
    if state_size(c, stated, size):
        return
    what = type(layer).holes[name].what
    place = module.places.get(name)
    labels: tuple[Label, ...] = (c.label(place, f"{stated} declared here"),) if place is not None else ()
    ctor = type(layer).name
    inferred = _with_hole(c, module, place)
    hint = f"`{inferred}` infers it" if inferred else f"`_` for `{name}` of {ctor} infers it"
    axis = type(layer).holes[name].axis
    first = next((v for v in args.values if isinstance(v, TensorType)), None)
    if first is not None:
        hint = _put_right(c, at, first, axis, stated) or hint
    notes = trails(c, args.values)
    if stated.const is None or size.const is None:
        notes = (*notes, f"{stated} and {size} are not equal for all values of their names")
    c.error(
        "E0301",
        f"{module.label} takes {stated} {what}, but {size} flow in",
        stage(node),
        labels=labels,
        notes=notes,
        help=hint,
        state=Cond.eq(size, stated),
    )
    raise _Reported


def _put_right(c: Check, at: Place, x: TensorType, axis: int, stated: Dim) -> str | None:
    """What brings the size that a layer takes to the axis where it takes it."""
    rank, shape = len(x.shape), x.shape
    _, before, name = c.notes.came.get(id(x), (None, None, ""))
    if not isinstance(before, TensorType) or len(before.shape) != rank or name not in _ORDERING:
        before = x
    if before.shape[axis] == stated:
        return f"leave `{name}` out: before it, dim {axis % rank} is {stated} already"
    if axis == -1 and rank > 2 and _joined(at, x) == stated:
        sizes = " * ".join(map(str, shape[1:]))
        return f"`flatten(1)` in front joins {sizes} to the {stated} that it takes"
    if axis == -1:
        if rank > 2 and shape[1] == stated:
            order = ", ".join(map(str, (0, *range(2, rank), 1)))
            return f"features are the last dim, as in PyTorch: `permute({order})` puts them there"
    elif shape[-1] == stated:
        return _channels_first(rank) if axis % rank == 0 else _channels_second(rank)
    return None


_ORDERING = frozenset({"permute", "transpose", "movedim", "swapaxes"})


def _joined(at: Place, x: TensorType) -> Dim | None:
    """How many elements one item of the batch has."""
    total = dim(1)
    for size in x.shape[1:]:
        if not isinstance(size, Dim):
            return None
        total = total * size
    return total


def _channels_first(rank: int) -> str:
    """How channels come from the last axis to the first, where there is no batch."""
    order = ", ".join(map(str, (rank - 1, *range(rank - 1))))
    return f"channels come first where there is no batch, as in PyTorch: `permute({order})` puts them there"


def _channels_second(rank: int) -> str:
    """How channels come from the last axis to the second, where PyTorch has them."""
    if rank == 3:
        return (
            "channels are dim 1, as in PyTorch: `transpose(1, 2)` puts them there, and back behind the layer"
        )
    order = ", ".join(map(str, (0, rank - 1, *range(1, rank - 1))))
    what = "height and width" if rank == 4 else "depth, height and width"
    return f"channels come before {what}, as in PyTorch: `permute({order})` puts them there"


def _with_hole(c: Check, module: OpModule, place: ast.Expr | None) -> str | None:
    """The constructor's call as it stands, with `_` for one argument."""
    call = module.node
    if place is None or not isinstance(call, ast.Call):
        return None
    text = c.source.text
    if not call.span.start <= place.span.start < place.span.end <= call.span.end:
        return None
    written = text[call.span.start : place.span.start] + "_" + text[place.span.end : call.span.end]
    return None if "\n" in written else written


def op_at(layer: Layer, at: dict[str, Dim]) -> Layer:
    """A layer of a comprehension at one index."""
    changed = {
        n: substitute(v, dict(at)) for n, v in vars(layer).items() if isinstance(v, Dim | tuple | list)
    }
    changed = {n: v for n, v in changed.items() if v != getattr(layer, n)}
    return signature.replace(layer, **changed) if changed else layer
