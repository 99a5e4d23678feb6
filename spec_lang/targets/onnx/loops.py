"""Loops over a size that only a call knows, as one Loop node: what a step carries is its state, what grows by a piece of each
step is what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ir.evaluate import Env, EvaluationError, bind_target
from spec_lang.ops.lowering import Value
from spec_lang.shapes import Cond, Dim, DType, dim, maximum, symbol
from spec_lang.targets.onnx.graph import Builder
from spec_lang.targets.onnx.nodes import Edge, as_edge
from spec_lang.targets.onnx.scan import loop


class Runs(Protocol):
    """What runs statements and expressions, and emits their nodes."""

    g: Builder

    def value(self, node: model.Expr, env: Env) -> Any:
        """What an expression gives."""

    def arguments(self, node: model.Call, env: Env) -> tuple[list[Any], dict[str, Any]]:
        """The values of a call's arguments."""

    def function(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], node: model.Node, env: Env
    ) -> Any:
        """What a function of the library gives."""

    def run_all(self, statements: Sequence[model.Statement], env: Env) -> None:
        """Run statements one after another."""


class _Growth(Record):
    """A tensor to which each step joins a piece: `name = cat([name, piece], dim)`."""

    name: str
    piece: model.Expr
    call: model.Call


def looped(e: Runs, s: model.For, env: Env) -> bool:
    """Emit a loop whose count only a call knows; False where it is none, or carries what a graph cannot.

    Raises:
        EvaluationError: E0903, what it carries changes its shape.
    """
    ends = _ends(e, s.iterable, env)
    if ends is None or s.target.name is None or not _plain(s.body):
        return False
    growing = {g.name: g for st in s.body if (g := _growth(st, s.body)) is not None}
    assigned = list(dict.fromkeys(_assigned(s.body)))
    before = [n for n in assigned if n in env.locals]
    if not all(isinstance(env.locals[n], Edge) for n in before) or not growing.keys() <= set(before):
        return False
    carried = [n for n in before if n not in growing]
    grown = _run(e, s, env, ends, carried, growing)
    for name, (piece, axis) in grown.items():
        whole = e.function("cat", [[env.locals[name], piece], axis], {}, growing[name].call, env)
        env.locals[name] = whole
    for name in (*assigned, s.target.name):  # what is no state is not known behind the loop
        if name not in before:
            env.locals.pop(name, None)
            env.values.pop(name, None)
    return True


def _run(
    e: Runs,
    s: model.For,
    env: Env,
    ends: tuple[Dim, Dim],
    carried: Sequence[str],
    growing: dict[str, _Growth],
) -> dict[str, tuple[Value, int]]:
    """Emit the node, bind what it carries, and give what each growing tensor grows by, with its axis."""
    g, (start, stop) = e.g, ends
    count = stop - start
    count = count if g.facts.decide(Cond.ge(count, 0)).name == "PROVED" else maximum(count, 0)
    index = symbol(f"{s.target.name}.{len(g.nodes)}", 0)
    axes: dict[str, int] = {}

    def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        env.locals.update(zip(carried, states, strict=True))
        at = rows[0] if start == 0 else g.Add(rows[0], g.dim(start))
        g.sizes.define(index, as_edge(g.typed(g.Unsqueeze(at, g.ints([0])), DType.I64, (dim(1),))))
        for names in (env.values, env.locals):
            bind_target(s.target, index, names)
        pieces: dict[str, Value] = {}
        for statement in s.body:
            growth = _growth(statement, s.body)
            if growth is None:
                e.run_all([statement], env)
                continue
            pieces[growth.name] = piece = e.value(growth.piece, env)
            axes[growth.name] = _axis(e, growth.call, env) % len(piece.shape)
        after = [env.locals[n] for n in carried]
        for name, a, b in zip(carried, states, after, strict=True):
            if not isinstance(b, Edge) or b.dtype is not a.dtype or b.shape != a.shape:
                message = (
                    f"`{name}` is {a} before a step of this loop and {b} behind it: a graph carries one type"
                )
                raise EvaluationError("E0903", message, env.file, s.span)
        return after, [pieces[n] for n in growing]

    outer = g.facts
    g.facts = outer.assume(Cond.ge(index, start)).assume(Cond.lt(index, stop))
    finals, stacked = loop(g, step, [env.locals[n] for n in carried], count)
    g.facts = outer
    env.locals.update(zip(carried, finals, strict=True))
    return {n: (_joined(e, y, axes[n]), axes[n]) for n, y in zip(growing, stacked, strict=True)}


def _joined(e: Runs, y: Value, axis: int) -> Value:
    """Pieces, stacked in front, one behind the other along their own axis."""
    count, *piece = y.dims
    order = [*range(1, axis + 1), 0, *range(axis + 1, len(y.dims))]
    moved = tuple(y.dims[i] for i in order)
    if axis:
        y = e.g.typed(e.g.Transpose(y, perm=order), y.dtype, moved)
    return e.g.reshape(y, [*piece[:axis], count * piece[axis], *piece[axis + 1 :]])


def _ends(e: Runs, iterable: model.Expr, env: Env) -> tuple[Dim, Dim] | None:
    """Where a range by ones begins and ends, if only a call knows how long it is."""
    if not (isinstance(iterable, model.Call) and iterable.to == "builtin" and iterable.name == "range"):
        return None
    args, kwargs = e.arguments(iterable, env)
    if kwargs or len(args) > 2 or not any(isinstance(a, Dim) and a.const is None for a in args):
        return None
    ends = [dim(a) for a in args if isinstance(a, Dim | int)]
    return (dim(0), ends[0]) if len(ends) == 1 else (ends[0], ends[1])


def _plain(body: Sequence[model.Statement]) -> bool:
    """Whether all that statements do is to assign names."""
    for s in body:
        parts = (
            (*s.body, *s.orelse) if isinstance(s, model.If) else s.body if isinstance(s, model.For) else ()
        )
        if isinstance(s, model.Append | model.Return) or not _plain(parts):
            return False
    return True


def _growth(s: model.Statement, body: Sequence[model.Statement]) -> _Growth | None:
    """How a tensor grows in a statement of a loop, if that is all that the loop does with it."""
    if not isinstance(s, model.Assign) or s.target.name is None or not isinstance(s.value, model.Call):
        return None
    name, call = s.target.name, s.value
    if call.to != "op" or call.name not in ("cat", "concat", "concatenate") or not call.args:
        return None
    parts = call.args[0]
    if not isinstance(parts, model.List | model.Tuple) or len(parts.items) != 2:
        return None
    first, piece = parts.items
    if not isinstance(first, model.Name) or first.id != name or isinstance(piece, model.Star):
        return None
    reads = sum(isinstance(n, model.Name) and n.id == name for n in _nodes(body))
    if reads != 1 or list(_assigned(body)).count(name) != 1:
        return None
    return _Growth(name, piece, call)


def _axis(e: Runs, call: model.Call, env: Env) -> int:
    """The axis along which pieces are joined."""
    named = next((k.value for k in call.kwargs if k.name in ("dim", "axis")), None)
    given = named if named is not None else call.args[1] if len(call.args) > 1 else None
    found = 0 if given is None else e.value(given, env)
    assert isinstance(found, int), "an axis is a constant int"
    return found


def _assigned(body: Sequence[model.Statement]) -> Iterator[str]:
    """The names that statements assign, as often as they do."""
    for n in _nodes(body):
        if isinstance(n, model.Target) and n.name is not None:
            yield n.name


def _nodes(value: Any) -> Iterator[model.Node]:
    """Every node of the IR in a value, from the outside in."""
    if isinstance(value, model.Node):
        yield value
        for name in type(value).model_fields:
            yield from _nodes(getattr(value, name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _nodes(item)
