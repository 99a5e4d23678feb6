"""Branches in a picture: the way that is taken, or both with a box where they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, plain
from spec_lang.ir.evaluate import Env, EvaluationError
from spec_lang.ir.execution import Returned
from spec_lang.shapes import Dim, DType, Facts, TensorType, dim
from spec_lang.view.conditions import decided, joined_type, narrow
from spec_lang.view.values import Wire, mapped, wires

if TYPE_CHECKING:
    from spec_lang.view.trace import Tracer

Join = Callable[[Host], Host]
"""What a method gives, of what the rest of its body gives."""


def statement(t: Tracer, s: model.If, env: Env) -> Join | None:
    """Run `if`; where one of its ways returns, and only a call tells which is taken, gives what joins the other's result."""
    known = decided(t, s.test, env)
    if known is not None:
        _taken(t, s, known, env)
        return None
    (yes, ended_yes, then), (no, ended_no, otherwise) = (_way(t, s, holds, env) for holds in (True, False))
    facts = then, otherwise
    if ended_yes and ended_no:
        raise Returned(joined(t, s.test, ended_yes.value, ended_no.value, env, facts))
    if ended_yes or ended_no:
        at = Env(env.file, env.values.copy(), env.locals.copy(), env.module)
        goes_on = no if ended_yes else yes
        env.locals, env.values = goes_on.locals, goes_on.values
        if ended_yes:
            return lambda rest: joined(t, s.test, ended_yes.value, rest, at)
        assert ended_no is not None
        return lambda rest: joined(t, s.test, rest, ended_no.value, at)
    for name in yes.locals.keys() | no.locals.keys():
        if name in yes.locals and name in no.locals:
            before = env.locals.get(name)
            if isinstance(before, Wire) and before.optional and _same_input(before, yes, no, name):
                continue
            env.locals[name] = joined(t, s.test, yes.locals[name], no.locals[name], env, facts)
        else:
            env.locals[name] = (yes if name in yes.locals else no).locals[name]
    return None


def _taken(t: Tracer, s: model.If, known: bool, env: Env) -> None:
    taken, other = (s.body, s.orelse) if known else (s.orelse, s.body)
    narrow(s.test, known, env)
    if len(taken) == 1 and isinstance(taken[0], model.If) and not known:  # `elif`
        t.run_all(taken, env)
        return
    with t.drawing.group("branch", side(t, s.test, known, env), s, env) as node:
        if other:
            node.notes.append(f"not taken: {_lines(t, other, env)}")
        t.run_all(taken, env)


def _way(t: Tracer, s: model.If, holds: bool, env: Env) -> tuple[Env, Returned | None, Facts]:
    """The names behind one way, what it returns, where it does, and what is known of sizes there."""
    inner = Env(env.file, env.values.copy(), env.locals.copy(), env.module)
    narrow(s.test, holds, inner)
    with open_way(t, s.test, holds, s, env):
        if holds:
            t.suppose(s.test, inner)
        try:
            t.run_all(s.body if holds else s.orelse, inner)
        except Returned as returned:
            return inner, returned, t.facts
        return inner, None, t.facts


def _same_input(before: Wire, yes: Env, no: Env, name: str) -> bool:
    """Whether neither branch gave an input that may be absent another value."""
    return all(
        v is None or (isinstance(v, Wire) and (v.node, v.port) == (before.node, before.port))
        for v in (yes.locals[name], no.locals[name])
    )


def choice(t: Tracer, node: model.IfExp, env: Env, otherwise: Callable[[], Host]) -> Host:
    """The value of `a if c else b`; where only a call tells and no tensor is chosen, what `otherwise` gives."""
    known = decided(t, node.test, env)
    if known is not None:
        taken, other = (node.body, node.orelse) if known else (node.orelse, node.body)
        with t.drawing.group("branch", side(t, node.test, known, env), node, env) as group:
            group.notes.append(f"not taken: {t.drawing.text(other, env)}")
            return t.value(taken, env)
    values = _ways(
        t, node.test, node, env, lambda holds, inner: t.value(node.body if holds else node.orelse, inner)
    )
    if any(True for v in values for _ in wires(v)):
        return joined(t, node.test, values[0], values[1], env)
    return otherwise()


def both(
    t: Tracer, test: model.Expression, at: model.Node, env: Env, run: Callable[[bool, Env], Host]
) -> Host:
    """What a call gives in which something depends on a condition of a call: it is drawn for both."""
    yes, no = _ways(t, test, at, env, run)
    return joined(t, test, yes, no, env)


def _ways(
    t: Tracer, test: model.Expression, at: model.Node, env: Env, run: Callable[[bool, Env], Host]
) -> list[Host]:
    """A value where a condition holds, and where it does not."""
    values: list[Host] = []
    for holds in (True, False):
        inner = Env(env.file, env.values, env.locals.copy(), env.module)
        narrow(test, holds, inner)
        with open_way(t, test, holds, at, env):
            values.append(run(holds, inner))
    return values


@contextmanager
def open_way(t: Tracer, test: model.Expression, holds: bool, at: model.Node, env: Env) -> Iterator[None]:
    """A box around one of two ways, of which a call takes one; what is known of sizes in it is forgotten behind it."""
    with t.forgetting(), t.drawing.group("branch", side(t, test, holds, env), at, env) as group:
        group.open = True
        yield


def joined(
    t: Tracer, test: model.Expression, yes: Host, no: Host, env: Env, known: Sequence[Facts] = ()
) -> Host:
    """A value that a condition chooses; `known` are the facts that hold in its two branches, where there are such.

    Raises:
        EvaluationError: it is neither a tensor nor the same on both sides.
    """
    if isinstance(yes, Wire) and isinstance(no, Wire):
        if (yes.node, yes.port) == (no.node, no.port):
            return yes
        title = side(t, test, True, env)[3:]
        node = t.drawing.add("choice", title, test, env, exact=title)
        t.drawing.connect(yes, node, "yes")
        t.drawing.connect(no, node, "no")
        return t.drawing.results(node, joined_type(t, test, env, yes, no, known))
    if (isinstance(yes, Wire) and no is None) or (yes is None and isinstance(no, Wire)):
        return mapped(no if yes is None else yes, lambda w: w.but(optional=True))
    if type(yes) in (tuple, list) and type(yes) is type(no) and len(yes) == len(no):
        return type(yes)([joined(t, test, a, b, env, known) for a, b in zip(yes, no, strict=True)])
    if yes is no or yes == no:
        return yes
    if isinstance(yes, Dim | int) and isinstance(no, Dim | int):
        left, right = (TensorType(DType.FLOAT, (dim(v),)) for v in (yes, no))
        return plain(joined_type(t, test, env, left, right, known).dims[0])
    raise EvaluationError(
        "E0903",
        f"{t.drawing.text(test, env)} chooses something that is no tensor: it cannot be drawn",
        env.file,
        test.span,
    )


def side(t: Tracer, test: model.Expression, holds: bool, env: Env) -> str:
    """What a way is called."""
    return f"{'if' if holds else 'unless'} {t.drawing.text(test, env)}"


def _lines(t: Tracer, statements: Sequence[model.Statement], env: Env) -> str:
    return "; ".join(t.drawing.text(s, env) for s in statements)
