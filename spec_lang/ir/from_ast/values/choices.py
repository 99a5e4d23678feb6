"""One of two values, by a condition."""

from __future__ import annotations

from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.substitution import truth
from spec_lang.ir.from_ast.values.value import Case, FunctionRef, OpCtor, Value
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim, DType


def join_case(cond: Cond, yes: Value, no: Value) -> Value:
    """One of two values, the same where they are."""
    if yes is no or (
        type(yes) is type(no) and isinstance(yes, Dim | str | float | bool | DType) and yes == no
    ):
        return yes
    if isinstance(yes, bool | Cond) and isinstance(no, bool | Cond):
        return host.disjunction(host.conjunction(cond, yes), host.conjunction(~cond, no))
    if isinstance(yes, float | Real) and isinstance(no, float | Real):
        return Real("if", (cond, yes, no))
    if isinstance(yes, OpCtor) and isinstance(no, OpCtor) and yes.op is no.op:
        return yes
    if (
        isinstance(yes, FunctionRef)
        and isinstance(no, FunctionRef)
        and yes.op is no.op
        and yes.op is not None
    ):
        return yes
    return Case(cond, yes, no)


def truth_cond(cond: Cond) -> Cond:
    """A condition in its plainest form: TRUE or FALSE where it is known without facts."""
    known = truth(cond)
    return Cond.of(known) if isinstance(known, bool) else known
