"""Element types, and how PyTorch promotes them."""

from __future__ import annotations

from enum import Enum


class DType(Enum):
    """A dtype by the language's name; FLOAT is the model's own precision (f32 unless exported otherwise)."""

    FLOAT = "float"
    F64 = "f64"
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    I64 = "i64"
    I32 = "i32"
    I16 = "i16"
    I8 = "i8"
    U8 = "u8"
    BOOL = "bool"

    @property
    def is_float(self) -> bool:
        return self in _FLOATS

    @property
    def is_int(self) -> bool:
        return self in _INTS

    def __str__(self) -> str:
        return "int" if self is DType.I64 else self.value

    @staticmethod
    def named(name: str) -> DType | None:
        """The dtype that a spec calls `name`; `int` is i64."""
        return _BY_NAME.get(name)


_FLOATS = frozenset({DType.FLOAT, DType.F64, DType.F32, DType.F16, DType.BF16})
_INTS = frozenset({DType.I64, DType.I32, DType.I16, DType.I8, DType.U8})
_BY_NAME = {d.value: d for d in DType} | {"int": DType.I64}
_INT_ORDER = (DType.I8, DType.I16, DType.I32, DType.I64)

TORCH_NAMES = {
    DType.F64: "float64",
    DType.F32: "float32",
    DType.F16: "float16",
    DType.BF16: "bfloat16",
    DType.I64: "int64",
    DType.I32: "int32",
    DType.I16: "int16",
    DType.I8: "int8",
    DType.U8: "uint8",
    DType.BOOL: "bool",
}
"""PyTorch's names, which NumPy has too, but for bf16; FLOAT has none."""


class MixedPrecision(Exception):
    """`float` meets an exact float dtype: which one wins would depend on how the model is exported."""


def promote(a: DType, b: DType) -> DType:
    """The dtype of a result of two tensors of rank >= 1.

    Raises:
        MixedPrecision: one is `float`, the other an exact float dtype.

    Source: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
    """
    if a is b:
        return a
    if a.is_float and b.is_float:
        if DType.FLOAT in (a, b):
            raise MixedPrecision
        if DType.F64 in (a, b):
            return DType.F64
        return DType.F32  # f16 with bf16 too
    if a.is_float or b.is_float:
        return a if a.is_float else b
    if DType.BOOL in (a, b):
        return b if a is DType.BOOL else a
    if DType.U8 in (a, b):
        other = b if a is DType.U8 else a
        return DType.I16 if other is DType.I8 else other
    return max(a, b, key=_INT_ORDER.index)


def promote_scalar(tensor: DType, scalar: type[bool] | type[int] | type[float]) -> DType:
    """The dtype of a result of a tensor and a Python number, which is weak: only its category counts."""
    if scalar is float and not tensor.is_float:
        return DType.FLOAT
    if scalar is int and tensor is DType.BOOL:
        return DType.I64
    return tensor
