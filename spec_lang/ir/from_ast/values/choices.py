"""One of two values, by a condition."""

from __future__ import annotations

from collections.abc import Collection

from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.substitution import truth
from spec_lang.ir.from_ast.values.value import Case, FunctionRef, OpCtor, Value
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Absent, Cond, Dim, DType, conditional, root


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


def as_size(value: Value, hypers: Collection[str]) -> Value:
    """A choice between ints as one int, where the condition is `lasting`; any other value as it is."""
    if not isinstance(value, Case):
        return value
    yes, no = as_size(value.yes, hypers), as_size(value.no, hypers)
    if isinstance(yes, Dim) and isinstance(no, Dim) and lasting(value.cond, hypers):
        return conditional(value.cond, yes, no)
    return value


def lasting(cond: Cond, hypers: Collection[str], counters: Collection[str] = ()) -> bool:
    """Whether a size may depend on a condition: sizes, a definition's hyperparameters and their items at an index decide
    it, nothing of a loop's or a call's."""
    return not any(isinstance(f, Absent) and root(f.name) not in hypers for f in cond.flags) and all(
        (root(n) in hypers and (n.isidentifier() or bool(counters))) or n in counters or n.startswith("len(")
        for f in cond.flags
        for n in f.names
    )


def truth_cond(cond: Cond) -> Cond:
    """A condition in its plainest form: TRUE or FALSE where it is known without facts."""
    known = truth(cond)
    return Cond.of(known) if isinstance(known, bool) else known
