"""Calls of the library's functions: binding, cases, inference, and what an op refuses."""

from __future__ import annotations

from typing import Any

from spec_lang.ir.from_ast.expressions.cases import both, needs_case, split_case
from spec_lang.ir.from_ast.expressions.conversions import present
from spec_lang.ir.from_ast.expressions.lists import as_runs
from spec_lang.ir.from_ast.expressions.op_errors import ERRORS, op_error
from spec_lang.ir.from_ast.expressions.trails import keep_trail
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.effects import Trial
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import take_open
from spec_lang.ir.from_ast.values.args import stage, swap, swap_named
from spec_lang.ir.from_ast.values.value import POISON, FunctionRef, Maybe, OpModule, Value
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Function, OpError
from spec_lang.ops.kinds import Run
from spec_lang.shapes import DType, TensorType
from spec_lang.syntax import ast


def call_op(
    c: Check,
    at: Place,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.Expr,
    places: dict[str, ast.Expr] | None = None,
    label: str | None = None,
) -> Value:
    """The type of what a function of the library gives."""
    op = c.program.functions.get(name)
    label = label or name
    if op is None:
        return c.error("E0203", f"{label} is not in the library", node)
    return infer_op(c, at, op, args, kwargs, node, places or {}, label)


def infer_op(
    c: Check,
    at: Place,
    op: type[Function],
    args: list[Value],
    kwargs: dict[str, Value],
    node: ast.Expr,
    places: dict[str, ast.Expr],
    label: str,
) -> Value:
    if POISON in args or POISON in kwargs.values():
        return POISON
    case = split_case([*args, *kwargs.values()])
    if case is not None:
        cond, yes, no = case

        def again(there: Place, new: dict[int, Value]) -> Value:
            return infer_op(c, there, op, swap(args, new), swap_named(kwargs, new), node, places, label)

        with c.trial(at) as trial:
            result = both(c, trial.at, cond, lambda p: again(p, yes), lambda p: again(p, no), node)
            refused = None in yes.values() and _refuses_none(trial)
            if not refused:
                trial.keep()
        if refused:
            maybe = next(v for v in (*args, *kwargs.values()) if isinstance(v, Maybe))
            place = next((n for n in places.values() if c.notes.resolved.get(n.number) is maybe), node)
            return present(c, maybe, place)
        return result
    given = [_op_value(as_runs(c, value)) for value in (*args, *kwargs.values())]
    cx = Cx(at.facts, label)
    try:
        named = dict(zip(kwargs, given[len(args) :], strict=True))
        result = signature.infer_function(cx, signature.bind(op, given[: len(args)], named))
    except signature.NeedsCase as needs:
        return needs_case(
            c,
            at,
            needs.value,
            args,
            kwargs,
            lambda p, a, k: infer_op(c, p, op, a, k, node, places, label),
            node,
        )
    except ERRORS as error:
        if isinstance(error, OpError):
            error.help = error.help or op.helps.get(error.arg or error.code)
        return op_error(c, error, stage(node), places, label, [*args, *kwargs.values()])
    take_open(c, at, cx, node, label)
    for cond in cx.learnt:
        at.facts = at.facts.assume(cond)
    first = next((a for a in args if isinstance(a, TensorType)), None)
    return keep_trail(c, at, result, first, label)


def _refuses_none(trial: Trial) -> bool:
    """Whether all that went wrong is that an op takes no none."""
    found = trial.errors
    return bool(found) and all(m.refused is None for m in found)


def _op_value(value: Value | list[TensorType | Run]) -> Any:
    """A value as ops take it."""
    if isinstance(value, OpModule):
        return value.ready or value.layer
    if isinstance(value, FunctionRef) and value.builtin in ("int", "float", "bool"):
        return DType.named(value.builtin)
    return value
