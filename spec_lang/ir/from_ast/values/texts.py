"""Types as an author would write them."""

from __future__ import annotations

from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_tensor
from spec_lang.ir.from_ast.values.value import Cell, Mapped, Maybe, Parts, RecordValue, Value
from spec_lang.shapes import Dim, Pack, TensorType


def type_text(value: Value) -> str:
    """A type as the author would write it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(type_text, value))})"
    if isinstance(value, list):
        return f"[{', '.join(map(type_text, value))}]"
    if isinstance(value, Mapped):
        return f"[{type_text(value.item)} for {value.index} in range({value.length})]"
    if isinstance(value, Parts):
        return " + ".join(map(type_text, value.parts))
    if isinstance(value, Maybe):
        return f"{type_text(value.value)}?"
    if isinstance(value, TensorType | Pack):
        return str(value)
    if isinstance(value, RecordValue):
        return value.definition.name
    if isinstance(value, Cell):
        return "_"
    return host.kind_of(value)


def type_symbols(value: Value) -> frozenset[str]:
    """The names of the symbols in a type's sizes."""
    if isinstance(value, TensorType):
        return frozenset().union(*(d.symbols for d in value.shape if isinstance(d, Dim)))
    if isinstance(value, tuple | list):
        return frozenset().union(*map(type_symbols, value))
    if isinstance(value, Mapped):
        return (type_symbols(value.item) | value.length.symbols) - value.index.symbols
    if isinstance(value, Parts):
        return frozenset().union(*map(type_symbols, value.parts))
    if isinstance(value, Maybe):
        return type_symbols(value.value)
    return frozenset()


def found_text(value: Value) -> str:
    """What a value is, in a message: a tensor's type, or a word."""
    return type_text(value) if is_tensor(value) or isinstance(value, tuple | list) else host.kind_of(value)


def tensors(value: Value, path: tuple[int, ...] = ()) -> list[tuple[tuple[int, ...], TensorType]]:
    """The tensors inside an input's type, each with its path of indices."""
    if isinstance(value, TensorType):
        return [(path, value)]
    if isinstance(value, tuple | list):
        return [t for i, v in enumerate(value) for t in tensors(v, (*path, i))]
    return []
