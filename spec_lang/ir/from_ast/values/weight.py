"""How large a value may be: one bound on all that an expression makes, since parts that are shared count each time."""

from __future__ import annotations

from typing import Final

from spec_lang.ir.from_ast.values.value import (
    Case,
    FlatModule,
    Grown,
    ListModule,
    Mapped,
    Maybe,
    Partial,
    Parts,
    RecordValue,
    RepeatModule,
    Template,
    Value,
    Zip,
)

MAX_PARTS: Final = 20_000
"""Numbers, tensors, layers and so on in one value, and the lists, tuples and records that hold them."""
MAX_TEXT: Final = 100_000
"""Characters of a string."""
MANIFOLD: Final = (
    tuple,
    list,
    str,
    Template,
    Case,
    Maybe,
    Mapped,
    Parts,
    Zip,
    Grown,
    RecordValue,
    Partial,
    ListModule,
    RepeatModule,
    FlatModule,
)
"""The kinds of values that have parts."""


def is_too_large(value: Value) -> bool:
    """Whether a value has more parts than one may have, or is a longer text."""
    if isinstance(value, str):
        return len(value) > MAX_TEXT
    return _counted(value, MAX_PARTS) < 0


def too_large(value: Value) -> str:
    """What such a value is, in a message."""
    if isinstance(value, str):
        return f"a string of more than {MAX_TEXT:,} characters"
    return f"a value of more than {MAX_PARTS:,} parts"


def _counted(value: Value, left: int) -> int:
    """How many parts are left of those that a value may have; less than 0 where there are too many.

    It looks at no more parts than that.
    """
    pending: list[Value] = [value]
    while pending and left >= 0:
        left -= 1
        one = pending.pop()
        if not isinstance(one, MANIFOLD) or isinstance(one, str):
            continue
        inner = _parts(one)
        if len(inner) > left:
            return -1
        pending += inner
    return left


def _parts(value: object) -> list[Value]:
    if isinstance(value, tuple | list):
        return list(value)
    if isinstance(value, Case):
        return [value.yes, value.no]
    if isinstance(value, Maybe):
        return [value.value]
    if isinstance(value, Mapped | RepeatModule):
        return [value.item]
    if isinstance(value, FlatModule):
        return [value.repeat]
    if isinstance(value, Parts | Zip):
        return list(value.parts)
    if isinstance(value, Grown):
        return [value.base, *value.added]
    if isinstance(value, RecordValue):
        return list(value.fields.values())
    if isinstance(value, Partial):
        return [value.ctor, *value.args, *value.kwargs.values()]
    if isinstance(value, ListModule):
        return value.items
    return [""] * len(value.parts) if isinstance(value, Template) else []
