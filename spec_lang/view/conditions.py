"""Which way conditions go while a method is traced: known by the model's values, or open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spec_lang.ir import model
from spec_lang.ir.conditions import condition_of
from spec_lang.ir.evaluate import Env, EvaluationError, Evaluator
from spec_lang.shapes import Dim, Facts, TensorType, conditional, dim, symbol
from spec_lang.view.values import Wire

TOO_MUCH = "E0802"
"""The code of a program that takes too many steps: that decides nothing."""


class Open(EvaluationError):
    """A condition that the model's values do not decide: one of a call, or of the module's mode.

    Attributes:
        env: Where it was asked.
        test: What was asked, where that is whether an input is there.
    """

    def __init__(self, code: str, message: str, env: Env, node: model.Expression) -> None:
        super().__init__(code, message, env.file, node.span)
        self.env = env
        self.test = node if absence(node) is not None else None


def decided(e: Evaluator, test: model.Expression, env: Env) -> bool | None:
    """Whether a condition holds; None where only a call tells.

    Raises:
        EvaluationError: the program takes too many steps.
    """
    if isinstance(test, model.Binary) and test.op in ("and", "or"):
        sides = [decided(e, side, env) for side in (test.left, test.right)]
        ends = test.op == "or"
        return ends if ends in sides else None if None in sides else not ends
    if isinstance(test, model.Unary) and test.op == "not":
        inner = decided(e, test.operand, env)
        return None if inner is None else not inner
    try:
        return e.condition(test, env)
    except EvaluationError as error:
        if error.code == TOO_MUCH:
            raise
        return None


def absence(node: model.Expression) -> tuple[model.Expression, bool] | None:
    """What a test asks whether it is none, and whether it asks so (`is none`) or the opposite."""
    if not isinstance(node, model.Compare) or len(node.ops) != 1 or node.ops[0] not in ("is", "is not"):
        return None
    right = node.rest[0]
    if isinstance(right, model.Literal_) and right.value is None:
        return node.first, node.ops[0] == "is"
    return None


def narrow(test: model.Expression, holds: bool, env: Env) -> None:
    """Take what a condition says of inputs that may be absent, where it holds or does not."""
    if isinstance(test, model.Unary) and test.op == "not":
        narrow(test.operand, not holds, env)
    elif isinstance(test, model.Binary) and test.op == ("and" if holds else "or"):
        narrow(test.left, holds, env)
        narrow(test.right, holds, env)
    elif (asked := absence(test)) is not None and isinstance(asked[0], model.Name):
        name, absent = asked[0].id, asked[1] is holds
        found = env.locals.get(name)
        if isinstance(found, Wire) and found.optional:
            env.locals[name] = None if absent else found.but(optional=False)


def presence(test: model.Expression) -> bool:
    """Which side of a test has the inputs that may be absent."""
    asked = absence(test)
    return asked is None or not asked[1]


def joined_type(
    e: Evaluator,
    test: model.Expression,
    env: Env,
    yes: TensorType,
    no: TensorType,
    known: Sequence[Facts] = (),
) -> TensorType:
    """The type of a tensor that a condition chooses: a size that differs is one that depends on it.

    `known` are the facts that hold in the two branches, where there are such: sizes that are equal there are.
    """
    if yes.shape == no.shape or len(yes.shape) != len(no.shape):
        return yes
    dims = list(yes.dims)
    for facts, other in zip(known, (no, yes), strict=False):
        dims = [b if facts.equal(a, b) else a for a, b in zip(dims, other.dims, strict=True)]
    yes = yes.with_shape(tuple(dims))
    if absence(test) is not None:  # sizes that only an absent input has are 0 without it
        return yes if presence(test) else no
    cond = condition_of(e, test, env)
    return yes.with_shape(tuple(_joined(a, b, cond) for a, b in zip(yes.dims, no.dims, strict=True)))


def _joined(a: Dim, b: Dim, cond: Any) -> Dim:
    if a == b:
        return a
    return symbol(f"({a} or {b})", None) if cond is None else conditional(cond, dim(a), dim(b))
