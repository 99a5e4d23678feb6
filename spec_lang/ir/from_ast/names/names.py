"""What a name means where it stands, and what was meant where it means nothing."""

from __future__ import annotations

from itertools import chain

from spec_lang.diagnostics.fix import Instead, instead
from spec_lang.ir.builtins import CONSTANTS, FUNCTIONS, MAKERS
from spec_lang.ir.from_ast.names import habits
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.value import POISON, DefCtor, FunctionRef, MethodRef, OpCtor, Value
from spec_lang.ir.operators import INDEXING
from spec_lang.ops.base import Function
from spec_lang.shapes import Cond, Dim, DType, TensorType, Truth
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk

TRAINING = Truth("training")
"""Whether the module is in training: known at each call, and to nobody before."""


def lookup(c: Check, at: Place, node: ast.Name, *, call: bool = False) -> Value:
    """What a name means here; its mistake is reported."""
    found = find(c, at, node.id, call=call)
    if found is None:
        return unknown(c, at, node, call)
    ref, value = found
    c.effects.note(c.notes.refs, node.number, ref)
    return at.resolve(value)


def find(c: Check, at: Place, name: str, *, call: bool = False) -> tuple[str, Value] | None:
    """As `meaning`, for a name that is used: that it is, and that a dim is needed at construction, is noted."""
    if (name in at.partial or name in at.looped) and name not in at.locals and name not in at.loops:
        return None
    found = meaning(c, at, name, call=call)
    if found is None:
        return None
    ref, value = found
    if ref in ("layer", "param", "hyper", "let") or (ref == "local" and name in c.block.members):
        c.effects.use(name)
    elif ref == "dim" and at.mode is Mode.LAYERS and name in c.block.dims:
        need(c, name)
    elif ref == "constant":
        c.effects.taint(value is POISON)
    return found


def meaning(c: Check, at: Place, name: str, *, call: bool = False) -> tuple[str, Value] | None:
    """A name's ref and value: locals, then layers, then hyperparameters and dims, then functions."""
    if name in at.loops:
        return "loop", at.loops[name]
    if name in at.locals:
        return "local", at.locals[name]
    if name in at.bound:
        return "dim", at.bound[name]
    if at.sees_members and name in c.block.members:
        value = c.block.members[name]
        return ("param" if isinstance(value, TensorType) else "layer"), value
    if name in c.block.hypers:
        return "hyper", c.block.hypers[name]
    if name in c.block.lets:
        return "let", c.block.lets[name]
    if name in c.block.dims:
        own = at.frame.own_dims
        if own is None or name in own or name in c.effects.needed:
            return "dim", c.block.dims[name]
    return _global(c, at, name, call)


def op_named(c: Check, name: str) -> type[Function] | None:
    """The library's function of this name; indexing has none."""
    return None if name == INDEXING else c.program.functions.get(name)


def need(c: Check, name: str) -> None:
    """A dim of the inputs is needed at construction: it becomes implicit."""
    value = c.block.dims[name]
    if isinstance(value, Dim):
        c.effects.need(name, value)


def _global(c: Check, at: Place, name: str, call: bool) -> tuple[str, Value] | None:
    if call and name in c.block.methods:
        return "method", MethodRef(name)
    definition = at.scope.names.get(name)
    if definition is not None:
        if isinstance(definition.node, ast.ConstantDef):
            return "constant", c.program.constant(definition)
        if isinstance(definition.node, ast.Function) or (
            isinstance(definition.node, ast.Extern) and definition.node.kind == "fn"
        ):
            return "definition", FunctionRef(definition=definition)
        return "definition", DefCtor(definition)
    if name == "training":
        return "builtin", Cond.flag(TRAINING)
    if name in CONSTANTS:
        return "builtin", CONSTANTS[name].value
    function = op_named(c, name)
    if name in FUNCTIONS or name in MAKERS:
        return "builtin", FunctionRef(op=function, builtin=name)
    if function is not None:
        return "op", FunctionRef(op=function)
    layer = c.program.layers.get(name)
    if layer is not None:
        return "op", OpCtor(layer)
    dtype = DType.named(name)
    return None if dtype is None else ("builtin", dtype)


def unknown(c: Check, at: Place, node: ast.Name, call: bool) -> Value:
    name = node.id
    if name in at.scope.broken:
        c.effects.taint()
        return POISON
    if name in at.partial:
        return c.error(
            "E0201",
            f"`{name}` is defined in one branch only",
            node,
            help="give it a value in both branches, or before the `if`",
        )
    if name in c.effects.strangers:
        c.effects.taint()
        return POISON
    c.effects.estrange(name)
    if name in at.looped:
        return c.error(
            "E0201",
            f"`{name}` gets a value inside a loop, which it may not have here",
            node,
            help="give it a value before the loop, or use another name inside",
        )
    result = _result_dim(c, node)
    if result is not None and (meant := _in_other_case(c, name)) is not None:
        result = instead(meant, name, safe=False)
    if name in c.block.dims:
        return c.error(
            "E0201",
            f"`{name}` is a dim of another method's inputs, which this one does not know",
            node,
            help=result or "dims that `layers:` uses are the whole block's; others belong to their method",
        )
    if result is not None:
        return c.error("E0201", f"no input has a dim `{name}`, so nothing says what it is", node, help=result)
    own = (c.block.members if at.sees_members else {}, c.block.hypers, c.block.methods, at.scope.names)
    known = chain(at.loops, at.locals, c.block.lets, c.block.dims, *own)
    if not call:
        return c.error(
            "E0201",
            f"nothing here is called `{name}`",
            node,
            help=c.suggestion(name, chain(known, CONSTANTS)),
        )
    if name[:1].isupper():
        layers = chain(at.scope.names, c.program.layers)
        hint = (
            habits.LAYER_HELP.get(name)
            or habits.FUNCTION_HELP.get(name)
            or c.suggestion(name, layers, habits.LAYERS)
        )
        hint = hint or "`specc ops` lists the layers of the library"
        return c.error("E0202", f"there is no layer or block called `{name}`", node, help=hint)
    near = (
        habits.FUNCTION_HELP.get(name)
        or c.suggestion(name, chain(*own))
        or c.suggestion(name, chain(known, c.program.functions, FUNCTIONS, MAKERS))
    )
    hint = near or "`specc ops` lists the functions"
    return c.error("E0203", f"there is no layer or function called `{name}`", node, help=hint)


def _in_other_case(c: Check, name: str) -> str | None:
    """A dim or hyperparameter that differs in capitals alone."""
    known = [n for n in (*c.block.dims, *c.block.hypers) if n != name and n.lower() == name.lower()]
    return known[0] if len(known) == 1 else None


def _result_dim(c: Check, node: ast.Name) -> str | None:
    """The help where a result's type names a dim that the method's inputs do not have."""
    parts = (c.definition.node, *getattr(c.definition.node, "parts", ()))
    results = [r.type for p in parts if isinstance(p, ast.Method | ast.Function) for r in p.results or ()]
    if not any(t.span.start <= node.span.start and node.span.end <= t.span.end for t in results):
        return None
    types = (t for r in results for t in walk(r) if isinstance(t, ast.TensorType))
    if not any(node in t.dims for t in types):
        return "a result's dims are made of those that the inputs have; `_` takes what is there"
    return Instead("write `_`, which takes the size that is there", "_", node.id, safe=False)


def hides_dim(c: Check, target: ast.Name) -> None:
    """A variable called as a dim is, which keeps its meaning in the whole definition."""
    name = target.id
    bound = first_naming(c.definition.node, name)
    c.error(
        "E0206",
        f"`{name}` would hide the dim `{name}`",
        target,
        labels=() if bound is None else (c.label(bound, f"the dim `{name}` is bound here"),),
        help=f"rename the variable: `{name}` means the dim in the whole of {c.definition.name}",
    )


def first_naming(definition: object, name: str) -> Node | None:
    """Where a definition's inputs first name a dim."""
    parts: tuple[object, ...] = (definition, *getattr(definition, "parts", ()))
    inputs = [i.type for p in parts if isinstance(p, ast.Method | ast.Function) for i in p.inputs]
    found = (n for i in inputs for n in walk(i) if isinstance(n, ast.Name) and n.id == name)
    return min(found, key=lambda n: n.span.start, default=None)
