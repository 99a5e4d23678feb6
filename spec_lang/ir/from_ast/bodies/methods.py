"""The check of one method."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.ir.from_ast.bodies.dims import bind_dims, dim_names, optional_only, symbols_in
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.types.fitting import fit
from spec_lang.ir.from_ast.types.hyper_types import is_host, type_words
from spec_lang.ir.from_ast.types.hypers import has_no_symbol, symbolic
from spec_lang.ir.from_ast.types.tensor_types import type_of
from spec_lang.ir.from_ast.uses.binding import bind_inputs
from spec_lang.ir.from_ast.uses.obligations import time
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.substitution import substitute, substitute_dim
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import POISON, InputSummary, Mapped, Maybe, MethodSummary, Value
from spec_lang.shapes import Absent, Cond, Dim, TensorType, Undefined, dim, symbol
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk


def own_method(c: Check, name: str, node: object) -> MethodSummary | None:
    """The summary of one of this block's methods, checked on demand."""
    found = c.block.summary.methods.get(name)
    if found is not None:
        return None if found.broken else found
    if name in c.block.checking:
        cycle = " -> ".join([*c.block.checking[c.block.checking.index(name) :], name])
        c.error("E0701", f"methods call each other in a circle: {cycle}", node)
        return None
    c.block.checking.append(name)
    result = method_summary(c, c.block.methods[name])
    c.block.checking.pop()
    return None if result.broken else result


def method_summary(c: Check, node: ast.Method, has_body: bool = True) -> MethodSummary:
    """Check a method, at a place of its own."""
    result = MethodSummary(node.name.id, node, c.definition.scope)
    since = c.effects.since()
    at = Place(c.definition.scope, Mode.BODY, c.block.facts)
    frame = at.frame
    frame.own_dims = frozenset(
        n.id if isinstance(n, ast.Name) else getattr(n.value, "id", "")
        for item in node.inputs
        for n in dim_names(item.type)
    )
    good = _inputs(c, at, node, result)
    frame.declared = _results(c, at, node)
    if not good:
        result.broken = True
        at.locals = {i.name.id: at.locals.get(i.name.id, POISON) for i in node.inputs}
    for o in (o for owed in c.block.stated.values() for o in owed):
        own = o.cond.symbols & c.block.dims.keys()
        if own and own <= result.dims.keys():
            c.effects.owe(o)
    frame.nodes = tuple(r.type for r in node.results or ())
    frame.is_tuple = node.results_tuple
    if has_body:
        again, inside = at.fork(), c.effects.since()
        ends = c.body(at, node.body)
        if frame.retry:
            # Later statements have determined what an earlier one asked for. Sizes that run along lists are the
            # loops' own, which determine them as they did.
            along = c.block.running.some
            for cell in inside.determined:
                if cell.first is not None or (cell.value is not None and cell.value.symbols & along):
                    cell.forget()
            inside.forget()
            inside.settle(())
            frame.restore((None, False, {}, False))
            frame.last_pass = True
            ends = c.body(again, node.body)
        if not ends and not any(d.severity == "error" for d in c.effects.diagnostics):
            c.error("E0706", f"{node.name.id} ends without a `return`", node.name)
    if frame.declared is None:
        result.results = [frame.value]
        result.result = frame.value
    else:
        lasts = dict(c.block.running.lasts)
        types = [substitute(_told(d, frame.wild_values), dict(lasts)) for d in frame.declared]
        result.results = types
        result.result = types[0] if len(types) == 1 and not node.results_tuple else tuple(types)
    result.unknown = type_symbols(result.result) & c.block.running.some
    result.owed = [o for o in since.owed if time(c, o.cond) == "call"]
    c.effects.summarise(c.block.summary, result)
    return result


def _told(declared: Value, wild: Mapping[str, Dim]) -> Value:
    """A declared type with what its `_` stand for, in a list's items by the list's own index."""
    if isinstance(declared, Mapped):
        return Mapped(declared.index, declared.length, _told(declared.item, wild))
    if isinstance(declared, Maybe):
        return Maybe(declared.absent, _told(declared.value, wild))
    if isinstance(declared, tuple):
        return tuple(_told(d, wild) for d in declared)
    if isinstance(declared, list):
        return [_told(d, wild) for d in declared]
    return substitute(declared, dict(wild))


def _inputs(c: Check, at: Place, node: ast.Method, result: MethodSummary) -> bool:
    good = True
    for item in node.inputs:
        name = item.name.id
        if name in at.locals:
            c.error("E0205", f"`{name}` is an input twice", item.name)
        scalar = is_host(item.type)
        if name in c.block.dims and not scalar:
            c.error("E0206", f"the input `{name}` would hide the dim `{name}`", item.name)
        value = _input(c, at, item, result)
        good &= value is not POISON
        at.frame.untyped |= value is POISON
        at.locals[name] = value
        if isinstance(value, TensorType):
            at.frame.required[name] = value
        if item.default is not None and value is not POISON:
            good &= _default(c, at, item, value, result.inputs[-1])
    return bind_dims(c, at, result) and good and _defaults_fit(c, at, result)


def _defaults_fit(c: Check, at: Place, result: MethodSummary) -> bool:
    """Whether a call may leave out what has a default: what follows for the dims is owed by every call."""
    if all(i.value is None for i in result.inputs):
        return True
    args = Args()
    given = [i for i in result.inputs if i.value is None and (not i.optional or is_host(i.node.type))]
    args.kwargs = {i.name: at.locals[i.name] for i in given}
    return bind_inputs(c, at, result, args, {}, result.node.name, result.name)


def _input(c: Check, at: Place, item: ast.Input, result: MethodSummary) -> Value:
    name = item.name.id
    if is_host(item.type):
        return _host_input(c, at, item, result)
    type = type_of(c, at, item.type)
    optional = isinstance(type, Maybe)
    if isinstance(type, Maybe):
        flag = Absent(name)
        type = Maybe(Cond.flag(flag), type.value)
        others = {
            n.id
            for i in result.node.inputs
            if not isinstance(i.type, ast.OptionalType)
            for n in dim_names(i.type)
            if isinstance(n, ast.Name)
        }
        result.absent[name] = [
            n
            for n in sorted(symbols_in(type.value))
            if n in c.block.dims
            and n not in others
            and c.block.dims[n] == symbol(n, 0)
            and optional_only(c, n)
        ]
        result.present[name] = [n for n in result.absent[name] if _counts(type.value, n)]
        at.frame.absent[flag] = [symbol(n, 0) for n in result.absent[name]]
        at.frame.present[flag] = [symbol(n, 0) for n in result.present[name]]
        if item.default is None:
            hint = f"write `{name}: ...? = none`"
            c.error("E0406", f"the optional input `{name}` needs a default", item.name, help=hint)
    result.inputs.append(InputSummary(name, type, optional, item.default, item))
    if isinstance(type, TensorType):
        c.effects.note(c.notes.came, id(type), (type, None, name))
    return type


_LAYERS_IN_BLOCKS = (
    "no function makes or gets layers: what repeats is a `block`, which may take `part: layer`, and a list of it stands "
    "under `layers:`: `stage = [Basic(64) for i in range(2)]`"
)


def _host_input(c: Check, at: Place, item: ast.Input, result: MethodSummary) -> Value:
    """An input that is no tensor: a method is checked once for all its values."""
    name = item.name.id
    if has_no_symbol(at, item.type):
        words = type_words(item.type)
        hint = 'list the strings that it may be: `"a" | "b"`' if "str" in words else None
        hint = _LAYERS_IN_BLOCKS if "layer" in words else hint
        message = (
            f"the input `{name}` cannot be {type_words(item.type)}: a method is checked once for all values"
        )
        return c.error("E0404", message, item.type, help=hint)
    value = symbolic(c, at, name, item.type)
    if isinstance(value, Dim):
        c.block.dims[name] = value
        result.dims[name] = value
    else:
        c.block.given.add(name)
    result.inputs.append(InputSummary(name, value, isinstance(value, Maybe), item.default, item))
    return value


def _counts(value: Value, name: str) -> bool:
    """Whether a size of an input is 0 where a dim is: `P` and `2*P`, but not `P + T`."""
    if isinstance(value, Mapped):
        return _counts(value.item, name)
    if isinstance(value, tuple | list):
        return any(_counts(v, name) for v in value)
    sizes = value.shape if isinstance(value, TensorType) else ()
    return any(isinstance(d, Dim) and _is_zero_with(d, name) for d in sizes)


def _is_zero_with(size: Dim, name: str) -> bool:
    try:
        return name in size.symbols and substitute_dim(size, {name: dim(0)}) == 0
    except Undefined:
        return False


def _default(c: Check, at: Place, item: ast.Input, value: Value, summary: InputSummary) -> bool:
    """`memory: float[N, S, D] = x`, `mask: ...? = none`; whether it has a value."""
    default = item.default
    assert default is not None
    if isinstance(default, ast.Constant) and default.value is None:
        if not isinstance(value, Maybe):
            hint = "make its type optional: put `?` behind it"
            c.error("E0406", f"`{item.name.id}` may not be none", default, help=hint)
        return True
    early = [
        n for n in walk(default) if isinstance(n, ast.Name) and n.id in c.block.dims and n.id not in at.locals
    ]
    if early:
        dims = " and ".join(dict.fromkeys(f"`{n.id}`" for n in sorted(early, key=lambda n: n.span.start)))
        hint = f"write `{item.name.id}: ...? = none`, and compute it in the body"
        c.error(
            "E0504", f"a default stands before the dims are known, but this needs {dims}", default, help=hint
        )
        return False
    found = c.ev(at, default)
    if is_host(item.type):
        found = fit(c, at, found, item.type, item.name.id, default)
    if found is POISON:
        return False
    summary.value = found
    wanted = value.value if isinstance(value, Maybe) else value
    if isinstance(wanted, TensorType) and not isinstance(found, TensorType):
        c.error("E0404", f"the default of `{item.name.id}` is {host.kind_of(found)}, no tensor", default)
    elif isinstance(wanted, TensorType) and isinstance(found, TensorType):
        alike = wanted.dtype is found.dtype and len(wanted.shape) == len(found.shape)
        if not alike:
            c.error("E0308", f"`{item.name.id}` is {wanted}, but its default is {found}", default)
    return True


def _results(c: Check, at: Place, node: ast.Method) -> list[Value] | None:
    if node.results is None:
        return None
    found: list[Value] = []
    for r in node.results:
        if r.name is not None and r.name.id in [x.name.id for x in node.results if x.name and x is not r]:
            c.error("E0205", f"two results are called `{r.name.id}`", r.name)
        value = type_of(c, at, r.type)
        if isinstance(value, Maybe):
            value = Maybe(Cond.flag(Absent(r.name.id if r.name else "result")), value.value)
        found.append(value)
    return found


def as_method(node: ast.Function) -> ast.Method:
    """A function over tensors as the method that it is."""
    return ast.Method(
        name=node.name,
        inputs=node.inputs,
        results=node.results,
        doc=node.doc,
        body=node.body,
        results_tuple=node.results_tuple,
        span=node.span,
    )
