"""Conversions of dtypes, and functions that give their input as it is.

Source: https://docs.pytorch.org/docs/stable/tensors.html
"""

from __future__ import annotations

from typing import ClassVar

from spec_lang.ops.base import Cx, Function, Tensor
from spec_lang.ops.lowering import Graph, Value
from spec_lang.shapes import DType


class to(Function):
    """The elements as another dtype; `to(float)` is the model's own precision."""

    input: Tensor
    dtype: DType

    torch = ".to"
    shares = "dtype"
    placement = "each"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        return self.input.with_dtype(self.dtype)

    def onnx(self, g: Graph) -> Value:
        return g.cast(self.input, self.dtype)


class type_as(Function):
    """The elements as the dtype of `other`."""

    input: Tensor
    other: Tensor

    torch = ".type_as"
    shares = "dtype"

    def infer(self, cx: Cx) -> Tensor:
        return self.input.with_dtype(self.other.dtype)

    def onnx(self, g: Graph) -> Value:
        return g.cast(self.input, self.other.dtype)


class _Conversion(Function):
    input: Tensor

    placement = "each"
    result: ClassVar[DType]

    shares = "dtype"

    def infer(self, cx: Cx) -> Tensor:
        return self.input.with_dtype(self.result)

    def onnx(self, g: Graph) -> Value:
        return g.cast(self.input, self.result)


for _name, _dtype in (
    ("float", DType.FLOAT),
    ("double", DType.F64),
    ("half", DType.F16),
    ("bfloat16", DType.BF16),
    ("long", DType.I64),
    ("int", DType.I32),
    ("short", DType.I16),
    ("char", DType.I8),
    ("byte", DType.U8),
    ("bool", DType.BOOL),
):
    _body = {
        "__doc__": f"The elements as {_dtype.value}, as PyTorch's `Tensor.{_name}()`.",
        "__module__": __name__,
        "torch": f".{_name}",
        "result": _dtype,
    }
    type(_name, (_Conversion,), _body)


class _Same(Function):
    input: Tensor

    placement = "each"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        return self.input

    def onnx(self, g: Graph) -> Value:
        return self.input


class contiguous(_Same):
    """The same elements in order in memory."""

    torch = ".contiguous"
    shares = "ordered"


class detach(_Same):
    """The same elements, through which no gradient flows."""

    torch = ".detach"
    shares = "same"
    cuts = True


class clone(_Same):
    """A copy."""

    torch = "torch.clone"
