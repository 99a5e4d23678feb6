"""Attributes of nodes, from Python values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spec_lang.ops.lowering import Unsupported
from spec_lang.shapes import Dim
from spec_lang.targets.onnx import wire
from spec_lang.targets.onnx.nodes import Const

_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS, _STRINGS = 1, 2, 3, 4, 6, 7, 8


def write(attributes: Mapping[str, Any]) -> dict[str, bytes]:
    """The `AttributeProto` of each attribute, in the order of their names; None leaves one out.

    Raises:
        Unsupported: a size is known at run time only, where ONNX has an attribute.
        TypeError: a value has no counterpart in ONNX.
    """
    return {
        name: b"".join((wire.text(1, name), *_value(name, attributes[name])))
        for name in sorted(attributes)
        if attributes[name] is not None
    }


def _value(name: str, value: Any) -> tuple[bytes, ...]:
    if isinstance(value, Const):
        return wire.data(5, tensor("", value.number, value.sizes, value.raw)), wire.integer(20, _TENSOR)
    if isinstance(value, (bool, int)):
        return wire.integer(3, int(value)), wire.integer(20, _INT)
    if isinstance(value, float):
        return wire.float32(2, value), wire.integer(20, _FLOAT)
    if isinstance(value, str):
        return wire.text(4, value), wire.integer(20, _STRING)
    if isinstance(value, Dim):
        return wire.integer(3, _known(name, value)), wire.integer(20, _INT)
    if isinstance(value, (list, tuple)):
        return _repeated(name, value)
    raise TypeError(f"attribute {name} cannot be {type(value).__name__}")


def _repeated(name: str, values: list[Any] | tuple[Any, ...]) -> tuple[bytes, ...]:
    if any(isinstance(v, float) for v in values):
        return *(wire.float32(7, v) for v in values), wire.integer(20, _FLOATS)
    if any(isinstance(v, str) for v in values):
        return *(wire.text(9, v) for v in values), wire.integer(20, _STRINGS)
    ints = (_known(name, v) if isinstance(v, Dim) else int(v) for v in values)
    return *(wire.integer(8, i) for i in ints), wire.integer(20, _INTS)


def _known(name: str, size: Dim) -> int:
    if size.const is None:
        raise Unsupported(f"its {name} is {size}, which is known at run time only")
    return size.const


def tensor(name: str, number: int, sizes: tuple[int, ...], raw: bytes) -> bytes:
    """A `TensorProto` with its elements in it."""
    return tensor_head(name, number, sizes) + wire.data(9, raw)


def tensor_head(name: str, number: int, sizes: tuple[int, ...]) -> bytes:
    """A `TensorProto` before its elements."""
    dims = b"".join(wire.integer(1, n) for n in sizes)
    return dims + wire.integer(2, number) + (wire.text(8, name) if name else b"")
