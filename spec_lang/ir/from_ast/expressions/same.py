"""Whether values are proved equal."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.substitution import first_items, item_at
from spec_lang.ir.from_ast.values.value import Grown, Mapped, Value
from spec_lang.shapes import Cond, Dim, TensorType


def same_state(at: Place, a: Sequence[Value], b: Sequence[Value]) -> bool:
    """Whether an iteration leaves everything as it was."""
    return len(a) == len(b) and all(same(at, x, y) for x, y in zip(a, b, strict=True))


def same(at: Place, a: Value, b: Value) -> bool:
    """Whether two values are proved equal."""
    if a is b:
        return True
    if isinstance(b, Grown):
        return b.base is a or (isinstance(a, Grown) and b.base is a.base and not a.added)
    if isinstance(a, TensorType) and isinstance(b, TensorType):
        if a.dtype is not b.dtype or len(a.shape) != len(b.shape):
            return False
        return all(
            x == y or (isinstance(x, Dim) and isinstance(y, Dim) and at.facts.equal(x, y))
            for x, y in zip(a.shape, b.shape, strict=True)
        )
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return type(a) is type(b) and same_state(at, list(a), list(b))
    if isinstance(a, Mapped) and isinstance(b, Mapped):
        there = at.under(Cond.lt(a.index, a.length))
        return at.facts.equal(a.length, b.length) and same(there, a.item, item_at(b, a.index))
    if isinstance(a, Mapped | list) and isinstance(b, Mapped | list):
        known, mapped = (a, b) if isinstance(a, list) else (b, a)
        assert isinstance(known, list)
        assert isinstance(mapped, Mapped)
        equal = at.facts.equal(mapped.length, len(known))
        return equal and same_state(at, known, first_items(mapped, len(known)))
    if isinstance(a, Dim) and isinstance(b, Dim):
        return at.facts.equal(a, b)
    return type(a) is type(b) and not is_module(a) and a == b
