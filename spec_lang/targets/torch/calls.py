"""Calls in methods: of modules, of methods, of lists of layers; and the statements that long chains become."""

from __future__ import annotations

from spec_lang.ir import model as m
from spec_lang.targets.torch.attributes import class_of
from spec_lang.targets.torch.chains import grouped, stages
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, Index, Kw, flat
from spec_lang.targets.torch.expressions import (
    CALLS,
    EXPRESSIONS,
    arguments,
    field,
    function_call,
    item,
    keyword,
)
from spec_lang.targets.torch.layout import statement
from spec_lang.targets.torch.lines import remarked
from spec_lang.targets.torch.names import safe
from spec_lang.targets.torch.operations import operation
from spec_lang.targets.torch.routine import Draft
from spec_lang.targets.torch.text import attribute
from spec_lang.targets.torch.types import shape
from spec_lang.targets.torch.writer import Rules

# --- Modules and what they have ---------------------------------------------------------------


def module(w: Draft, e: m.Expr) -> Code:
    """A module whose attributes are read: cast where its static type is only `nn.Module`."""
    code = w.expr(e)
    untyped = isinstance(e, m.Subscript) or (isinstance(e, m.Name) and e.ref in ("local", "loop"))
    if untyped and (made := w.routine.made(e)) is not None and (cls := class_of(made, w.imports)) is not None:
        return Call(Atom(w.imports.use("cast")), (cls, code))
    return code


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
    """A function of the program; one that acts differently in training is told."""
    call, trains = function_call(w, e, first), w.routine.trains
    if e.name in trains or f"{w.imports.here}.{e.name}" in trains:
        return Call(call.func, (*call.args, Kw("training", w.training())))
    return call


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
            variable = held or _variable(w, root, made)
            remark = shape(made) if shape(made) != shape(kind) else None
            w.ahead += remarked(statement(w.indent, f"{variable} = ", code), remark, w.indent, variable)
            code = Atom(variable)
        kind = made
    return code


def _run(w: Draft, e: m.Call, first: Code | None) -> Code:
    """A list of layers, run in order: a loop ahead, and the variable that it leaves."""
    assert e.callee is not None
    root, _ = stages(e)
    x = w.expr(e.args[0]) if first is None else first
    layers = module(w, e.callee)
    further = (*map(w.expr, e.args[1:]), *(keyword(w, k) for k in e.kwargs))
    stored = isinstance(x, Atom) and x.text in w.temporary
    variable = flat(x) if stored or _may_overwrite(w, root) else _variable(w, root, e.type)
    if flat(x) != variable:
        w.ahead += statement(w.indent, f"{variable} = ", x)
    layer = w.scope.free("layer", "module", "step")
    w.ahead += statement(w.indent, f"for {layer} in ", layers, ":")
    w.ahead += statement(w.indent + 4, f"{variable} = ", Call(Atom(layer), (Atom(variable), *further)))
    return Atom(variable)


def _variable(w: Draft, root: m.Expr, after: m.Type | None = None) -> str:
    """A variable for an intermediate result: the target, what the chain starts from, or a new one.

    A name of integers does not become one of floats.
    """
    start = w.scope.local(root.id) if isinstance(root, m.Name) and root.ref == "local" else None
    if w.into is not None and w.into not in w.temporary:
        others = w.reads.get(w.into, 0) - (start == w.scope.local(w.into))
        if others == 0:
            w.temporary.add(w.into)
            return w.scope.local(w.into)
    if (
        start is not None
        and isinstance(root, m.Name)
        and _dtype(root.type) in (None, _dtype(after) or _dtype(root.type))
        and _is_free(w, root.id, start)
    ):
        w.temporary.add(start)
        return start
    if w.into is not None and w.into in w.temporary and len(w.temporary) == 1:
        return w.scope.local(w.into)
    if w.into is None and len(w.temporary) == 1:
        return next(iter(w.temporary))
    fresh = w.scope.fresh("x", "y", "z", "h", "out")
    w.temporary.add(fresh)
    return fresh


def _is_free(w: Draft, id_: str, python: str) -> bool:
    """Whether a variable may be overwritten: nothing reads it but the start of the chain."""
    return python in w.temporary or (w.reads.get(id_, 0) == 1 and id_ not in w.live)


def _may_overwrite(w: Draft, root: m.Expr) -> bool:
    """Whether a list of layers may run on the variable that it starts from; that is then a temporary one."""
    if w.temporary or not (isinstance(root, m.Name) and root.ref == "local"):
        return False
    python = w.scope.local(root.id)
    if root.id == w.into or not _is_free(w, root.id, python):
        return False
    w.temporary.add(python)
    return True


def _dtype(kind: m.Type | None) -> str | None:
    return kind.dtype if isinstance(kind, m.TensorType) else None


ROUTINE = Rules(
    {**EXPRESSIONS, m.Attribute: _field, m.Subscript: _item, m.Call: _call},
    {**CALLS, "op": operation, "apply": _apply, "run": _run, "method": _method, "fn": _function},
)
"""Expressions over tensors, in methods and functions."""
