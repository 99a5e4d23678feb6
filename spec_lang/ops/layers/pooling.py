"""Max, min, average and power-average pooling over one, two and three spatial axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from spec_lang.ops.base import Cx, Layer, Tensor
from spec_lang.ops.kinds import Dim, Number, Size1, Size2, Size3
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, number, sizes_of
from spec_lang.ops.rules.pooling import (
    avg_pool_onnx,
    check_avg_input,
    check_avg_pool,
    check_pool,
    lp_pool_onnx,
    max_pool_onnx,
    pool_result,
)
from spec_lang.shapes import DType, TensorType


class _MaxPool(Layer):
    """The maximum of each window."""

    kernel_size: Sequence[Dim]
    stride: Sequence[Dim] | None
    padding: Sequence[Dim]
    dilation: Sequence[Dim]
    return_indices: bool
    ceil_mode: bool

    placement = "batch"
    keeps = "input"

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

    def aside(self, out: Any, input: Tensor) -> Iterator[TensorType]:
        """Where each maximum was."""
        yield out[1] if self.return_indices else out.with_dtype(DType.I64)

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


_HELPER = '''
class MinPool{n}d(nn.MaxPool{n}d):
    """The minimum of each window: -max_pool{n}d(-x)."""

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = -super().forward(-input)
        return out
'''


class _MinPool(Layer):
    """The minimum of each window; PyTorch has none, so generated files carry the class."""

    kernel_size: Sequence[Dim]
    stride: Sequence[Dim] | None
    padding: Sequence[Dim]
    dilation: Sequence[Dim]
    ceil_mode: bool

    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html"

    placement = "batch"

    @property
    def strides(self) -> Sequence[Dim]:
        return self.kernel_size if self.stride is None else self.stride

    def check(self, cx: Cx) -> None:
        check_pool(cx, self.kernel_size, self.strides, self.padding, self.dilation)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        any_float(cx, input)
        return pool_result(
            cx, input, self.kernel_size, self.strides, self.padding, self.dilation, self.ceil_mode
        )

    def onnx(self, g: Graph, input: Value) -> Value:
        negated = g.typed(g.Neg(input), input.dtype, input.shape)
        y = max_pool_onnx(
            g, negated, self.kernel_size, self.strides, self.padding, self.dilation, self.ceil_mode
        )
        return g.Neg(y)


class _AvgPool(Layer):
    """The mean of each window."""

    kernel_size: Sequence[Dim]
    stride: Sequence[Dim] | None
    padding: Sequence[Dim]
    ceil_mode: bool
    count_include_pad: bool

    placement = "batch"
    keeps = "input"

    @property
    def strides(self) -> Sequence[Dim]:
        return self.kernel_size if self.stride is None else self.stride

    @property
    def divisor(self) -> Dim | None:
        """What the sum is divided by instead of the window's size; one-dimensional pooling has no such argument."""
        return getattr(self, "divisor_override", None)

    def check(self, cx: Cx) -> None:
        check_avg_pool(cx, self.kernel_size, self.strides, self.padding, self.divisor)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        check_avg_input(cx, input, self.kernel_size)
        return pool_result(cx, input, self.kernel_size, self.strides, self.padding, ceil_mode=self.ceil_mode)

    def onnx(self, g: Graph, input: Value) -> Value:
        return avg_pool_onnx(
            g,
            input,
            self.kernel_size,
            self.strides,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor,
        )


class _LPPool(Layer):
    """(Σ xᵖ)^(1/p) of each window."""

    norm_type: Number
    kernel_size: Any
    stride: Any
    ceil_mode: bool

    placement = "batch"

    @property
    def kernel(self) -> Sequence[Dim]:
        return sizes_of(self.kernel_size)

    @property
    def strides(self) -> Sequence[Dim]:
        return self.kernel if self.stride is None else sizes_of(self.stride)

    def check(self, cx: Cx) -> None:
        check_avg_pool(cx, self.kernel, self.strides, [0] * len(self.kernel))
        number(cx, "!=", 0, norm_type=self.norm_type)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        check_avg_input(cx, input, self.kernel)
        padding = [0] * len(self.kernel)
        return pool_result(cx, input, self.kernel, self.strides, padding, ceil_mode=self.ceil_mode)

    def onnx(self, g: Graph, input: Value) -> Value:
        return lp_pool_onnx(g, input, self.norm_type, self.kernel, self.strides, self.ceil_mode)


class MinPool1d(_MinPool):
    """The minimum of each window of one axis: -max_pool(-x)."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Size1 = 0
    dilation: Size1 = 1
    ceil_mode: bool = False

    torch = "MinPool1d"
    keywords = ("ceil_mode",)
    helper = _HELPER.format(n=1)
    ranks = (2, 3)


class MinPool2d(_MinPool):
    """The minimum of each window of two axes: -max_pool(-x)."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Size2 = 0
    dilation: Size2 = 1
    ceil_mode: bool = False

    torch = "MinPool2d"
    keywords = ("ceil_mode",)
    helper = _HELPER.format(n=2)
    ranks = (3, 4)


class MinPool3d(_MinPool):
    """The minimum of each window of three axes: -max_pool(-x)."""

    kernel_size: Size3
    stride: Size3 | None = None
    padding: Size3 = 0
    dilation: Size3 = 1
    ceil_mode: bool = False

    torch = "MinPool3d"
    keywords = ("ceil_mode",)
    helper = _HELPER.format(n=3)
    ranks = (4, 5)


class AvgPool1d(_AvgPool):
    """The mean of each window of one axis."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Size1 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    torch = "nn.AvgPool1d"
    ranks = (2, 3)


class AvgPool2d(_AvgPool):
    """The mean of each window of two axes."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Size2 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: Dim | None = None

    torch = "nn.AvgPool2d"
    ranks = (3, 4)


class AvgPool3d(_AvgPool):
    """The mean of each window of three axes."""

    kernel_size: Size3
    stride: Size3 | None = None
    padding: Size3 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: Dim | None = None

    torch = "nn.AvgPool3d"
    ranks = (4, 5)


class LPPool1d(_LPPool):
    """(Σ xᵖ)^(1/p) of each window of one axis; PyTorch takes plain ints here."""

    norm_type: Number
    kernel_size: Dim
    stride: Dim | None = None
    ceil_mode: bool = False

    torch = "nn.LPPool1d"
    ranks = (2, 3)


class LPPool2d(_LPPool):
    """(Σ xᵖ)^(1/p) of each window of two axes."""

    norm_type: Number
    kernel_size: Size2
    stride: Size2 | None = None
    ceil_mode: bool = False

    torch = "nn.LPPool2d"
    ranks = (3, 4)


class LPPool3d(_LPPool):
    """(Σ xᵖ)^(1/p) of each window of three axes."""

    norm_type: Number
    kernel_size: Size3
    stride: Size3 | None = None
    ceil_mode: bool = False

    torch = "nn.LPPool3d"
    ranks = (4, 5)
