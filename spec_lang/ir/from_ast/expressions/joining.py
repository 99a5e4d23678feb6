"""What two branches give, as one value."""

from __future__ import annotations

from typing import TypeAlias

from spec_lang.ir.from_ast.expressions.trails import trail
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.choices import join_case, lasting, truth_cond
from spec_lang.ir.from_ast.values.elements import items_at
from spec_lang.ir.from_ast.values.kinds import has_tensor, is_module
from spec_lang.ir.from_ast.values.texts import type_text
from spec_lang.ir.from_ast.values.value import Env, Maybe, Value
from spec_lang.shapes import Cond, Dim, Facts, Pack, TensorType, conditional


class Different:
    """What two values have in common that have no common type."""


DIFFERENT = Different()


Ends: TypeAlias = tuple[Facts, Facts]
"""What holds where each of two branches ends."""


def join(
    c: Check, at: Place, cond: Cond, yes: Value, no: Value, node: object, ends: Ends | None = None
) -> Value:
    """What is both `yes` where the condition holds and `no` elsewhere."""
    if is_module(yes) or is_module(no) or not (has_tensor(yes) or has_tensor(no)):
        return join_case(cond, yes, no)
    if yes is None or no is None:
        present = yes if no is None else no
        return Maybe(truth_cond(cond if yes is None else ~cond), present)
    joined = common_type(c, at, cond, yes, no, ends)
    if isinstance(joined, Different):
        return c.error(
            "E0308",
            f"the two branches give different types: {type_text(yes)} where {cond}, {type_text(no)} elsewhere",
            node,
            notes=(*trail(c, yes), *trail(c, no)),
        )
    return joined


def _perhaps(c: Check, at: Place, cond: Cond, yes: Value, no: Value, ends: Ends | None) -> Value | Different:
    """What is there where the branch that is taken gives something."""
    parts = [(v.value, v.absent) if isinstance(v, Maybe) else (v, Cond.FALSE) for v in (yes, no)]
    (first, none), (second, nothing) = parts
    present = common_type(c, at, cond, first, second, ends)
    if isinstance(present, Different):
        return DIFFERENT
    return Maybe(truth_cond((cond & none) | (~cond & nothing)), present)


def common_type(
    c: Check, at: Place, cond: Cond, yes: Value, no: Value, ends: Ends | None = None
) -> Value | Different:
    """As `join`, DIFFERENT where there is no common type.

    Sizes that differ are one that depends on the condition, where the construction or the sizes of the inputs decide it.
    """
    if isinstance(yes, tuple | list) and type(yes) is type(no):
        assert isinstance(no, tuple | list)
        if len(yes) != len(no):
            return DIFFERENT
        items: list[Value] = []
        for a, b in zip(yes, no, strict=True):
            one = common_type(c, at, cond, a, b, ends)
            if isinstance(one, Different):
                return DIFFERENT
            items.append(one)
        return type(yes)(items)
    if (isinstance(yes, Maybe) or isinstance(no, Maybe)) and yes != no:
        return _perhaps(c, at, cond, yes, no, ends)
    if not (isinstance(yes, TensorType) and isinstance(no, TensorType)):
        return yes if yes is no or (yes == no) else DIFFERENT
    if yes.dtype is not no.dtype or len(yes.shape) != len(no.shape):
        return DIFFERENT
    under, other = (at.assuming(cond), at.assuming(~cond)) if ends is None else ends
    told = by_items(c, cond)
    shape: list[Dim | Pack] = []
    for a, b in zip(yes.shape, no.shape, strict=True):
        if a == b:
            shape.append(a)
        elif isinstance(a, Pack) or isinstance(b, Pack):
            return DIFFERENT
        elif other.contradictory or other.equal(a, b):
            shape.append(a)
        elif under.contradictory or under.equal(a, b):
            shape.append(b)
        elif lasting(told, c.block.hypers, c.block.running.counters):
            shape.append(conditional(told, a, b))
        else:
            return DIFFERENT
    result = TensorType(yes.dtype, tuple(shape))
    return yes if result == yes else no if result == no else result


def by_items(c: Check, cond: Cond) -> Cond:
    """A condition in which a loop's elements are what they are of the lists that the loop goes through."""
    values: Env = {}
    for name in cond.names:
        it = c.block.running.loops.get(name)
        if it is not None:
            values |= items_at(it, it.index)
    return cond.substitute(values) if values else cond
