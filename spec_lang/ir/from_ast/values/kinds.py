"""What kind of value one is."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.value import (
    MODULES,
    Case,
    FlatModule,
    ListModule,
    Mapped,
    Maybe,
    Parts,
    RepeatModule,
    Value,
)
from spec_lang.shapes import TensorType


def is_module(value: Value) -> bool:
    """Whether it can be run; a `Case` is one where a side is."""
    if isinstance(value, Case):
        return is_module(value.yes) or is_module(value.no)
    return isinstance(value, MODULES)


def is_tensor(value: Value) -> bool:
    """Whether it is a tensor, or one that may be none."""
    if isinstance(value, Maybe):
        return is_tensor(value.value)
    return isinstance(value, TensorType)


def has_tensor(value: Value) -> bool:
    """Whether it is a tensor, or a tuple or list with one in it."""
    if isinstance(value, list | tuple):
        return any(map(has_tensor, value))
    if isinstance(value, Mapped):
        return has_tensor(value.item)
    if isinstance(value, Parts):
        return any(map(has_tensor, value.parts))
    return is_tensor(value)


def is_list(value: Value) -> bool:
    """Whether a value is a plain list of layers, which PyTorch has no `forward` for."""
    if isinstance(value, RepeatModule | FlatModule):
        return not value.keyed
    return isinstance(value, ListModule) and value.kind == "list"
