"""Calls in methods: of modules, of methods, of lists of layers; and the statements that long chains become."""

from __future__ import annotations

from spec_lang.ir import model as m
from spec_lang.targets.torch.attributes import class_of
from spec_lang.targets.torch.chains import NESTED, grouped, stages
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, Index, Kw, atoms, flat, iterated
from spec_lang.targets.torch.conditions import negated
from spec_lang.targets.torch.expressions import (
    CALLS,
    EXPRESSIONS,
    arguments,
    field,
    function_call,
    item,
    keyword,
    loop_variables,
)
from spec_lang.targets.torch.floats import as_floats
from spec_lang.targets.torch.layout import statement
from spec_lang.targets.torch.lines import remarked, stated
from spec_lang.targets.torch.loose import Loose
from spec_lang.targets.torch.names import safe
from spec_lang.targets.torch.operations import operation
from spec_lang.targets.torch.routine import Draft
from spec_lang.targets.torch.text import attribute
from spec_lang.targets.torch.told import NOTHING, float_source
from spec_lang.targets.torch.types import annotation, shape
from spec_lang.targets.torch.walk import nodes
from spec_lang.targets.torch.writer import Rules

# --- Modules and what they have ---------------------------------------------------------------


def module(w: Draft, e: m.Expr) -> Code:
    """A module whose attributes are read: cast where its static type is only `nn.Module`."""
    code = w.expr(e)
    untyped = (isinstance(e, m.Subscript) and not _is_typed_slice(e)) or (
        isinstance(e, m.Name) and e.ref in ("local", "loop")
    )
    if untyped and (made := w.routine.made(e)) is not None and (cls := class_of(made, w.imports)) is not None:
        return Call(Atom(w.imports.use("cast")), (cls, code))
    return code


def _is_typed_slice(e: m.Subscript) -> bool:
    """Whether layers of a list of this block's are taken, which are a list of the same class."""
    return isinstance(e.index[0], m.Slice) and isinstance(e.value, m.Name) and e.value.ref == "layer"


def _item(w: Draft, e: m.Subscript) -> Code:
    if w.routine.made(e.value) is None:
        return item(w, e)
    return Index(module(w, e.value), tuple(map(w.expr, e.index)))


def _field(w: Draft, e: m.Attribute) -> Code:
    if w.routine.made(e.value) is None:
        return field(w, e)
    return Attr(module(w, e.value), attribute(e.name))


# --- Calls ------------------------------------------------------------------------------------


def _call(w: Draft, e: m.Call) -> Code:
    """A call that stands inside an expression."""
    if w.hoisting and e is not w.rhs and len(stages(e)[1]) > 1:
        return chain(w, e)
    return w.call(e)


def value(w: Draft, e: m.Expr) -> Code:
    """What is assigned or returned; a long chain leaves statements ahead of it."""
    if isinstance(e, m.Call):
        _, calls = stages(e)
        if len(calls) > NESTED or (w.hoisting and len(calls) > 1) or any(c.to == "run" for c in calls):
            return chain(w, e)
    return w.expr(e)


def _apply(w: Draft, e: m.Call, first: Code | None) -> Code:
    assert e.callee is not None
    func = w.expr(e.callee) if e.name == "forward" else Attr(module(w, e.callee), attribute(e.name))
    return Call(func, _given(w, e, first))


def _method(w: Draft, e: m.Call, first: Code | None) -> Code:
    return Call(Attr(Atom("self"), attribute(e.name)), _given(w, e, first))


def _given(w: Draft, e: m.Call, first: Code | None) -> tuple[Code, ...]:
    """The arguments of a method, named as methods name their inputs."""
    codes = arguments(w, e, first)
    return tuple(Kw(safe(c.name), c.value) if isinstance(c, Kw) and c.name else c for c in codes)


def _function(w: Draft, e: m.Call, first: Code | None) -> Code:
    """A function of the program, and what it is told of the mode and of where and in what dtype to make tensors."""
    call, functions = function_call(w, e, first), w.routine.functions
    told = functions.get(e.name if "." in e.name else f"{w.imports.here}.{e.name}", NOTHING)
    more = [Kw("training", w.training())] if told.training else []
    if told.device is not None and (device := w.device()) is not None:
        more.append(Kw(told.device, device))
    if told.dtype is not None and (dtype := w.float_dtype()) is not None:
        more.append(Kw(told.dtype, dtype))
    return Call(call.func, (*call.args, *more))


# --- Chains and lists of layers ---------------------------------------------------------------


def chain(w: Draft, e: m.Call) -> Code:
    """A chain as several statements: the expression of the last, the others ahead of it."""
    root, calls = stages(e)
    groups = grouped(calls, w.routine.made)
    code = w.expr(root)
    kind = root.type
    for i, group in enumerate(groups):
        held = flat(code) if flat(code) in w.temporary else None
        for call in group:
            code = w.call(call, code)
        made = group[-1].type
        if i < len(groups) - 1 and group[-1].to != "run":
            w.held -= atoms(code)
            variable = held if held and _may_hold(w, held, made) else _variable(w, root, made)
            remark = w.routine.brief(shape(made)) if shape(made) != shape(kind) else None
            left = w.routine.binding(variable)
            w.routine.assign(Atom(variable), code, w.indent)
            w.ahead += remarked(statement(w.indent, f"{left} = ", code), remark, w.indent, variable)
            w.held.add(variable)
            code = Atom(variable)
        kind = made
    return code


def _run(w: Draft, e: m.Call, first: Code | None) -> Code:
    """A list of layers, run in order: a loop ahead, and the variable that it leaves."""
    assert e.callee is not None
    root, _ = stages(e)
    if root is e:
        root, _ = stages(e.args[0])
    x = w.expr(e.args[0]) if first is None else first
    layers = module(w, e.callee)
    further = (*map(w.expr, e.args[1:]), *(keyword(w, k) for k in e.kwargs))
    w.held -= atoms(x)
    if isinstance(x, Atom) and x.text in w.temporary:
        variable = x.text
    else:
        variable = _overwritten(w, root) or _variable(w, root, e.type)
    if flat(x) != variable:
        left = w.routine.binding(variable)
        w.routine.assign(Atom(variable), x, w.indent)
        w.ahead += statement(w.indent, f"{left} = ", x)
    w.held.add(variable)
    layer = w.scope.free("layer", "module", "step")
    w.ahead += statement(w.indent, f"for {layer} in ", layers, ":")
    w.routine.give(Atom(variable), Loose.ALL, w.indent + 4)
    w.ahead += statement(w.indent + 4, f"{variable} = ", Call(Atom(layer), (Atom(variable), *further)))
    return Atom(variable)


def _variable(w: Draft, root: m.Expr, after: m.Type | None = None) -> str:
    """A variable for an intermediate result: the target, what the chain starts from, or a new one.

    A name of integers does not become one of floats.
    """
    start = w.scope.local(root.id) if isinstance(root, m.Name) and root.ref == "local" else None
    if w.into is not None and w.into not in w.temporary:
        others = w.reads.get(w.into, 0) - (start == w.into)
        if others == 0 and not (w.repeated and start == w.into) and _may_hold(w, w.into, after):
            w.temporary.add(w.into)
            return w.into
    if (
        start is not None
        and isinstance(root, m.Name)
        and _dtype(root.type) in (None, _dtype(after) or _dtype(root.type))
        and _is_free(w, root.id, start)
    ):
        w.temporary.add(start)
        return start
    if len(w.temporary) == 1 and w.into in (None, *w.temporary):
        [only] = w.temporary
        if only not in w.held and _may_hold(w, only, after):
            return only
    fresh = w.scope.fresh("x", "y", "z", "h", "out")
    w.temporary.add(fresh)
    return fresh


def _may_hold(w: Draft, variable: str, kind: m.Type | None) -> bool:
    """Whether a variable may hold such a value: a float input holds floats, as its dtype is asked for."""
    if _dtype(kind) in (None, "float"):
        return True
    source = float_source(w.routine.method)
    return source is None or w.scope.local(source.name) != variable


def _is_free(w: Draft, id_: str, python: str) -> bool:
    """Whether a variable may be overwritten: nothing reads it but the start of the chain."""
    if python in w.temporary:
        return python not in w.held
    return w.reads.get(python, 0) == 1 and not w.repeated and id_ not in w.live


def _overwritten(w: Draft, root: m.Expr) -> str | None:
    """The variable that a list of layers starts from, where it may run on that; it is then a temporary one."""
    if w.temporary or not (isinstance(root, m.Name) and root.ref == "local"):
        return None
    python = w.scope.local(root.id)
    if python == w.into or not _is_free(w, root.id, python):
        return None
    w.temporary.add(python)
    return python


def _dtype(kind: m.Type | None) -> str | None:
    return kind.dtype if isinstance(kind, m.TensorType) else None


# --- What is evaluated conditionally or repeatedly ----------------------------------------------


def runs(*parts: object) -> bool:
    """Whether a list of layers is run inside, which takes a loop."""
    return any(isinstance(n, m.Call) and n.to == "run" for n in nodes(*parts))


def _either(w: Draft, e: m.IfExp) -> Code:
    """A choice; where a side needs lines of its own, a statement ahead and the variable that it leaves."""
    if not runs(e.body, e.orelse):
        return EXPRESSIONS[m.IfExp](w, e)
    test = w.expr(e.test)
    w.held -= atoms(test)
    variable = _result(w)
    w.ahead += statement(w.indent, "if ", test, ":")
    w.ahead += _put(w, variable, e.body)
    w.ahead += [" " * w.indent + "else:", *_put(w, variable, e.orelse)]
    w.held.add(variable)
    return Atom(variable)


def _operator(w: Draft, e: m.Binary) -> Code:
    """An operator; the right side of `and` or `or` that needs lines of its own runs only if the left one lets it."""
    if e.op not in ("and", "or") or not runs(e.right):
        return as_floats(w, e, EXPRESSIONS[m.Binary](w, e))
    left = value(w, e.left)
    w.held -= atoms(left)
    variable = w.scope.fresh("holds", "so")
    w.ahead += statement(w.indent, f"{variable} = ", left)
    test = Atom(variable) if e.op == "and" else negated(Atom(variable))
    inner = w.nested(w.indent + 4)
    right = inner.expr(e.right)
    w.ahead += [*statement(w.indent, "if ", test, ":"), *stated(inner, f"{variable} = ", right)]
    return Atom(variable)


def _comparison(w: Draft, e: m.Compare) -> Code:
    """A comparison; one of several steps, of which a later one needs lines of its own, is `and` of one and the others."""
    if not runs(e.rest[1:]):
        return EXPRESSIONS[m.Compare](w, e)
    first = e.model_copy(update={"ops": e.ops[:1], "rest": e.rest[:1]})
    others = e.model_copy(update={"first": e.rest[0], "ops": e.ops[1:], "rest": e.rest[1:]})
    return _operator(w, m.make(m.Binary, op="and", left=first, right=others, type=e.type))


def lends(e: m.Expr) -> bool:
    """Whether the variable that gets a value may hold the tensors on the way to it: one of lists does not."""
    return e.type is None or isinstance(e.type, m.TensorType)


def _put(w: Draft, variable: str, e: m.Expr) -> list[str]:
    """The lines of a branch that leave a value in a variable."""
    inner = w.nested(w.indent + 4, into=variable if lends(e) else None)
    code = value(inner, e)
    if flat(code) == variable:
        return inner.ahead
    left = w.routine.binding(variable)
    w.routine.assign(Atom(variable), code, inner.indent)
    return stated(inner, f"{left} = ", code)


def _result(w: Draft) -> str:
    """A variable for what several lines make: the target where nothing reads that, or a new one."""
    if w.into is not None and w.into not in w.temporary and not w.reads.get(w.into, 0):
        w.temporary.add(w.into)
        return w.into
    return w.scope.fresh("y", "z", "h", "out")


def _collected(w: Draft, e: m.Comprehension) -> Code:
    """A comprehension; where a step needs lines of its own, a loop ahead and the list or dict that it fills."""
    first, *others = e.generators
    if not runs(e.value, e.key, first.tests, others):
        return EXPRESSIONS[m.Comprehension](w, e)
    items = w.scope.fresh("parts", "items", "found")
    lines = [" " * w.indent + f"{items}: {_filled(w, e)}"]
    inner = w
    for i, g in enumerate(e.generators):
        iterable = iterated(inner.expr(g.iterable))
        lines += stated(inner, f"for {flat(loop_variables(w, e, i))} in ", iterable, ":")
        inner = w.nested(inner.indent + 4, repeated=True)
        for test in g.tests:
            lines += stated(inner, "if ", inner.expr(test), ":")
            inner = w.nested(inner.indent + 4, repeated=True)
    key = None if e.key is None else inner.expr(e.key)
    made = value(inner, e.value)
    if key is None:
        lines += stated(inner, "", Call(Attr(Atom(items), "append"), (made,)))
    else:
        lines += stated(inner, f"{flat(Index(Atom(items), (key,)))} = ", made)
    w.ahead = lines
    return Atom(items)


def _filled(w: Draft, e: m.Comprehension) -> str:
    """The type of an empty list or dict that a loop fills, and its text."""
    made = w.imports.use("Tensor") if e.value.type is None else annotation(e.value.type, w.imports)
    return f"list[{made}] = []" if e.key is None else f"dict[{w.imports.use('Any')}, {made}] = {{}}"


ROUTINE = Rules(
    {
        **EXPRESSIONS,
        m.Attribute: _field,
        m.Subscript: _item,
        m.Binary: _operator,
        m.Compare: _comparison,
        m.IfExp: _either,
        m.Comprehension: _collected,
        m.Call: _call,
    },
    {**CALLS, "op": operation, "apply": _apply, "run": _run, "method": _method, "fn": _function},
)
"""Expressions over tensors, in methods and functions."""
