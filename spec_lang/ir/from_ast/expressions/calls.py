"""Calls and arrows: what is called, with which arguments."""

from __future__ import annotations

from spec_lang.diagnostics import Span
from spec_lang.diagnostics.fix import instead
from spec_lang.ir.builtins import FUNCTIONS, MAKERS
from spec_lang.ir.from_ast.expressions.arguments import evaluated
from spec_lang.ir.from_ast.expressions.attributes import namespace, sizes_help
from spec_lang.ir.from_ast.expressions.builtins import builtin
from spec_lang.ir.from_ast.expressions.conversions import present
from spec_lang.ir.from_ast.expressions.op_calls import call_op
from spec_lang.ir.from_ast.layers.construction import construct, label_of
from spec_lang.ir.from_ast.layers.containers import container
from spec_lang.ir.from_ast.layers.paths import module_attribute
from spec_lang.ir.from_ast.names.habits import FUNCTION_HELP, LAYER_HELP, METHODS, NEEDLESS
from spec_lang.ir.from_ast.names.names import lookup, op_named
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.types.fitting import make_record
from spec_lang.ir.from_ast.uses.functions import call_fn, call_method
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args, stage
from spec_lang.ir.from_ast.values.kinds import has_tensor, is_module, is_tensor
from spec_lang.ir.from_ast.values.value import (
    CTORS,
    POISON,
    BlockModule,
    Case,
    DefCtor,
    FlatModule,
    FunctionRef,
    ListModule,
    Maybe,
    MethodRef,
    OpCtor,
    OpModule,
    Partial,
    RecordValue,
    RepeatModule,
    Value,
)
from spec_lang.ops import signature
from spec_lang.shapes import Dim, DType, TensorType, dim
from spec_lang.syntax import ast


def call(c: Check, at: Place, node: ast.Call) -> Value:
    return apply(c, at, node.func, node.args, None, node)


def arrow(c: Check, at: Place, node: ast.Arrow) -> Value:
    """`x -> f(a)` is `f(x, a)`."""
    stage = node.stage
    if isinstance(stage, ast.Call):
        return apply(c, at, stage.func, stage.args, node.value, node)
    return apply(c, at, stage, (), node.value, node)


def apply(
    c: Check,
    at: Place,
    func: ast.Expr,
    arguments: tuple[ast.Argument, ...],
    first: ast.Expr | None,
    node: ast.Expr,
) -> Value:
    if first is None and (kept := _needless(c, at, func, arguments, node)) is not None:
        return c.ev(at, kept)
    piped = None if first is None else ast.Argument(value=first, name=None, star="", span=first.span)
    if isinstance(func, ast.Name):
        target = lookup(c, at, func, call=True)
        label = func.id
    elif isinstance(func, ast.Attribute):
        return apply_attribute(c, at, func, arguments, piped, node)
    else:
        target = c.ev(at, func)
        label = c.source.at(func.span)
    if piped is not None:
        arguments = (piped, *arguments)
    return apply_value(c, at, target, label, func, arguments, node)


def _needless(
    c: Check, at: Place, func: ast.Expr, arguments: tuple[ast.Argument, ...], node: ast.Expr
) -> ast.Expr | None:
    """What `nn.ModuleList([...])` holds, once it is reported that a spec writes that alone."""
    name = c.source.at(func.span).rpartition(".")[2]
    if name not in NEEDLESS or name in at.scope.names or len(arguments) != 1:
        return None
    kept = arguments[0]
    if kept.name is not None or kept.star:
        return None
    way = c.way(
        f"leave `{name}` out",
        (Span(node.span.start, kept.span.start), ""),
        (Span(kept.span.end, node.span.end), ""),
    )
    c.error("E0202", f"`{name}` is not written in a spec", func, help=LAYER_HELP[name], ways=(way,))
    return kept.value


def apply_value(
    c: Check,
    at: Place,
    target: Value,
    label: str,
    func: ast.Expr,
    arguments: tuple[ast.Argument, ...],
    node: ast.Expr,
) -> Value:
    """Call a value."""
    constructs = isinstance(target, CTORS) or (isinstance(target, FunctionRef) and target.builtin in MAKERS)
    since = c.effects.since()
    args = evaluated(c, at, arguments, holes=constructs or target is POISON or at.mode is Mode.LAYERS)
    if target is POISON:
        # What takes tensors outside of methods was unknown, not used in a wrong place; what a habit is about is said.
        told = label in FUNCTION_HELP or label in LAYER_HELP
        since.amend(lambda d: None if told or d.code == "E0702" else d)
        return POISON
    if isinstance(target, Case) and not is_module(target):
        constructs = isinstance(target.yes, CTORS)
    if constructs and isinstance(target, (*CTORS, Case)):
        return _constructed(c, at, target, args, func, node)
    if isinstance(target, FunctionRef):
        return (
            POISON
            if args.bad and target.builtin not in MAKERS
            else function(c, at, target, label, args, node)
        )
    if args.bad:
        return POISON
    if isinstance(target, MethodRef):
        c.effects.note(c.notes.calls, node.number, ("method", target.name))
        return call_method(c, at, target.name, args, node)
    if is_module(target):
        if at.mode is Mode.LAYERS:
            return c.error("E0702", f"{label} is run in a method, not in `layers:`", node)
        kind = "run" if isinstance(target, ListModule | RepeatModule | FlatModule) else "apply"
        if isinstance(target, ListModule) and target.kind == "sequential":
            kind = "apply"
        c.effects.note(c.notes.calls, node.number, (kind, "forward"))
        return c.run(at, target, args, node)
    if target is None or isinstance(target, Maybe):
        return c.error(
            "E0406",
            f"{label} {'is' if target is None else 'may be'} none here",
            func,
            help=f"run it where it is there: `if {label} is not none:`",
        )
    return c.error("E0407", f"{label} is {host.kind_of(target)}, which cannot be called", func)


def _constructed(c: Check, at: Place, target: Value, args: Args, func: ast.Expr, node: ast.Expr) -> Value:
    label = label_of(c, at, node)
    if isinstance(target, DefCtor) and isinstance(target.definition.node, ast.Record):
        c.effects.note(c.notes.calls, node.number, ("record", at.scope.path(target.definition)))
        return POISON if args.bad else make_record(c, at, target, args, node)
    if at.mode is not Mode.LAYERS:
        name = c.source.at(func.span)
        written = c.source.text[func.span.start : stage(node).span.end]
        made = written if written.endswith(")") else f"{name}()"
        if any(map(has_tensor, args.values)) and not isinstance(node, ast.Arrow):
            made = f"{name}(...)"
        function = name.lower() if name.lower() in c.program.functions else None
        here = f"or call the function: `{function}`" if function is not None else "and run that here"
        return c.error(
            "E0703",
            f"{name} is a layer, which is constructed in `layers:`, not while the model runs",
            stage(node),
            help=f"write `{name.lower()} = {made}` in `layers:`, {here}",
        )
    note_construct(c, at, target, func, node)
    if args.bad:
        return POISON
    return construct(c, at, target, args, node, label)


def note_construct(c: Check, at: Place, target: Value, func: ast.Expr, node: ast.Expr) -> None:
    is_value = not (
        isinstance(func, ast.Name) and c.notes.refs.get(func.number) in ("op", "definition", "builtin")
    )
    if is_value:
        c.effects.note(c.notes.calls, node.number, ("value", ""))
    elif isinstance(target, OpCtor):
        c.effects.note(c.notes.calls, node.number, ("make", target.op.name))
    elif isinstance(target, DefCtor):
        kind = "extern" if isinstance(target.definition.node, ast.Extern) else "block"
        c.effects.note(c.notes.calls, node.number, (kind, at.scope.path(target.definition)))


def function(c: Check, at: Place, target: FunctionRef, label: str, args: Args, node: ast.Expr) -> Value:
    if target.definition is not None:
        extern = isinstance(target.definition.node, ast.Extern)
        c.effects.note(
            c.notes.calls, node.number, ("extern" if extern else "fn", at.scope.path(target.definition))
        )
        return call_fn(c, at, target, args, node)
    name = target.builtin
    if name in MAKERS:
        c.effects.note(c.notes.calls, node.number, ("make", name or ""))
        return _special(c, at, name or "", args, node)
    tensors = any(map(has_tensor, args.values)) or any(map(has_tensor, args.kwargs.values()))
    if (
        name == "sum"
        and tensors
        and len(args.values) == 1
        and not args.kwargs
        and not is_tensor(args.values[0])
    ):
        c.effects.note(c.notes.calls, node.number, ("total", "sum"))
        return _total(c, at, args, node)
    if name is not None and (not tensors or target.op is None):
        row = FUNCTIONS[name]
        if tensors and not row.holds_tensors:
            hint = "`to(int)`, `to(float)` convert tensors" if name in ("int", "float", "bool") else None
            return c.error(
                "E0402", f"`{name}` takes what is known without the data, not tensors", node, help=hint
            )
        c.effects.note(c.notes.calls, node.number, ("builtin", name))
        return builtin(c, at, row, args, node)
    if target.op is None:
        return c.error("E0203", f"there is no function of tensors called `{label}`", node)
    c.effects.note(c.notes.calls, node.number, ("op", target.op.name))
    if at.mode is Mode.LAYERS:
        return c.error("E0702", f"{label} computes a tensor, which belongs into a method", node)
    names = list(signature.of(target.op).by_name)
    return call_op(c, at, target.op.name, args.values, args.kwargs, node, args.places(names), label)


def _total(c: Check, at: Place, args: Args, node: ast.Expr) -> Value:
    """`sum(ys)` of tensors of one type: what a stack of them gives, summed along its first dim."""
    if args.bad:
        return POISON
    stacked = call_op(c, at, "stack", args.values, {}, node, args.places(["tensors"]), "sum")
    if not isinstance(stacked, TensorType):
        return POISON
    total = call_op(c, at, "sum", [stacked, dim(0)], {}, node, {}, "sum")
    if isinstance(total, TensorType) and stacked.dtype not in (total.dtype, DType.BOOL):
        return c.error(
            "E0401",
            f"`sum` adds up floats, `int` and truths, but these tensors are {stacked.dtype}",
            node,
            help="`to(int)` converts",
        )
    return total


def _special(c: Check, at: Place, name: str, args: Args, node: ast.Expr) -> Value:
    if at.mode is not Mode.LAYERS:
        return c.error("E0703", f"{name} makes a layer, which has to be constructed in `layers:`", node)
    if args.bad:
        return POISON
    if name == "Sequential":
        assert isinstance(node, ast.Call)
        return container(c, at, args, node)
    if not args.values or not isinstance(args.values[0], CTORS):
        return c.error("E0514", "`partial` takes a layer and some of its arguments", node)
    rest = dict(args.kwargs)
    return Partial(args.values[0], tuple(args.values[1:]), rest, node, c.definition)


def _no_method(c: Check, func: ast.Attribute, base: Value, args: Args, node: ast.Expr) -> Value:
    """Report a method that tensors do not have: `x.size(0)` is a size's name, `x.fc()` runs a layer."""
    message = f"tensors have no method `{func.name}`"
    hint = METHODS.get(func.name)
    if func.name in c.block.members or func.name in c.block.methods:
        given = c.source.at(func.value.span)
        hint = f"a layer or method of the model is run as `{func.name}({given})`, or `{given} -> {func.name}`"
    elif func.name == "size" and isinstance(base, TensorType):
        hint = sizes_help(base)
        axis = args.values[1] if len(args.values) == 2 else None
        number = axis.const if isinstance(axis, Dim) else None
        if number is not None and -len(base.shape) <= number < len(base.shape):
            size = base.shape[number]
            if isinstance(size, Dim) and all(n in c.block.dims or n in c.block.hypers for n in size.symbols):
                text = str(size)
                text = text if text.isidentifier() or text.isdigit() else f"({text})"
                return c.error("E0203", message, node, help=instead(text))
    hint = hint or c.suggestion(func.name, list(c.program.functions))
    return c.error("E0203", message, func.name_span, help=hint)


def apply_attribute(
    c: Check,
    at: Place,
    func: ast.Attribute,
    arguments: tuple[ast.Argument, ...],
    piped: ast.Argument | None,
    node: ast.Expr,
) -> Value:
    """`x.f(a)`: a tensor's method, a module's method, or a path to a layer."""
    if namespace(c, at, func):
        if func.name not in LAYER_HELP and func.name not in FUNCTION_HELP:
            evaluated(c, at, arguments)
        return POISON
    base = at.resolve(c.ev(at, func.value))
    if base is POISON:
        evaluated(c, at, arguments)
        return POISON
    if is_tensor(base) or (isinstance(base, tuple | list) and has_tensor(base)):
        if piped is not None:
            return c.error("E0407", "on the right of an arrow stands a name, a path or a call", func)
        op = op_named(c, func.name)
        first = ast.Argument(value=func.value, name=None, star="", span=func.value.span)
        args = evaluated(c, at, arguments)
        args.values.insert(0, base)
        args.nodes.insert(0, first.value)
        if args.bad:
            return POISON
        if op is None:
            user = at.scope.names.get(func.name)
            if user is not None and isinstance(user.node, ast.Function):
                return function(c, at, FunctionRef(definition=user), func.name, args, node)
            return _no_method(c, func, base, args, node)
        return function(c, at, FunctionRef(op=op), func.name, args, node)
    if is_module(base):
        return _apply_path(c, at, base, func, arguments, piped, node)
    if isinstance(base, RecordValue):
        target = base.fields.get(func.name)
        if target is not None:
            extra = (piped, *arguments) if piped is not None else arguments
            return apply_value(c, at, target, func.name, func, extra, node)
    if isinstance(base, Maybe):
        return present(c, base, func.value)
    return c.error("E0407", f"{host.kind_of(base)} has no method `{func.name}`", func.name_span)


def _apply_path(
    c: Check,
    at: Place,
    base: Value,
    func: ast.Attribute,
    arguments: tuple[ast.Argument, ...],
    piped: ast.Argument | None,
    node: ast.Expr,
) -> Value:
    extra = (piped, *arguments) if piped is not None else arguments
    if isinstance(base, BlockModule) and func.name in base.summary.methods:
        args = evaluated(c, at, extra)
        if args.bad:
            return POISON
        c.effects.note(c.notes.calls, node.number, ("apply", func.name))
        return c.run(at, base, args, node, func.name)
    if func.name == "forward" and isinstance(base, OpModule | BlockModule | ListModule):
        return apply_value(c, at, base, "forward", func.value, extra, node)
    child = module_attribute(c, at, base, func)
    if is_tensor(child) and piped is None and arguments == ():
        return c.error("E0407", f"{func.name} is a tensor, which cannot be called", func)
    label = c.source.at(func.span)
    return apply_value(c, at, child, label, func, extra, node)
