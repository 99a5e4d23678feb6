"""Max, min, average and power-average pooling over one, two and three spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spec_lang.ops.base import Cx, Layer, Tensor
from spec_lang.ops.kinds import Dim, Size1, Size2, Size3
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float
from spec_lang.ops.rules.pooling import check_pool, max_pool_onnx, pool_result
from spec_lang.shapes import DType


class _MaxPool(Layer):
    """The maximum of each window."""

    kernel_size: Sequence[Dim]
    stride: Sequence[Dim] | None
    padding: Sequence[Dim]
    dilation: Sequence[Dim]
    return_indices: bool
    ceil_mode: bool

    @property
    def strides(self) -> Sequence[Dim]:
        return self.kernel_size if self.stride is None else self.stride

    def check(self, cx: Cx) -> None:
        check_pool(cx, self.kernel_size, self.strides, self.padding, self.dilation)

    def infer(self, cx: Cx, input: Tensor) -> Any:
        any_float(cx, input)
        y = pool_result(
            cx, input, self.kernel_size, self.strides, self.padding, self.dilation, self.ceil_mode
        )
        return (y, y.with_dtype(DType.I64)) if self.return_indices else y

    def onnx(self, g: Graph, input: Value) -> Any:
        return max_pool_onnx(
            g,
            input,
            self.kernel_size,
            self.strides,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


class MaxPool1d(_MaxPool):
    """The maximum of each window of one axis; with `return_indices` also where it was."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Size1 = 0
    dilation: Size1 = 1
    return_indices: bool = False
    ceil_mode: bool = False

    torch = "nn.MaxPool1d"
    ranks = (2, 3)


class MaxPool2d(_MaxPool):
    """The maximum of each window of two axes; with `return_indices` also where it was in the plane."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Size2 = 0
    dilation: Size2 = 1
    return_indices: bool = False
    ceil_mode: bool = False

    torch = "nn.MaxPool2d"
    ranks = (3, 4)


class MaxPool3d(_MaxPool):
    """The maximum of each window of three axes; with `return_indices` also where it was in the volume."""

    kernel_size: Size3
    stride: Size3 | None = None
    padding: Size3 = 0
    dilation: Size3 = 1
    return_indices: bool = False
    ceil_mode: bool = False

    torch = "nn.MaxPool3d"
    ranks = (4, 5)
