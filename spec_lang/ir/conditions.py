"""Conditions of the program as facts about sizes."""

from __future__ import annotations

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.evaluate import Env, EvaluationError, Evaluator
from spec_lang.ir.operators import CONDITIONS
from spec_lang.shapes import Cond, Dim, dim


def condition_of(e: Evaluator, node: model.Expression, env: Env) -> Cond | None:
    """A test over sizes as a condition; None where it is of another kind, and says nothing about sizes."""
    if isinstance(node, model.Binary) and node.op == "and":
        left, right = condition_of(e, node.left, env), condition_of(e, node.right, env)
        return left & right if left is not None and right is not None else left or right
    if not isinstance(node, model.Compare):
        return None
    try:
        values = [e.value(n, env) for n in (node.first, *node.rest)]
    except EvaluationError:
        return None
    result = Cond.TRUE
    for op, a, b in zip(node.ops, values, values[1:], strict=False):
        if op not in CONDITIONS or not _is_size(a) or not _is_size(b):
            return None
        result = result & CONDITIONS[op](dim(a), dim(b))
    return result


def _is_size(value: Host) -> bool:
    return isinstance(value, Dim | int) and not isinstance(value, bool)
