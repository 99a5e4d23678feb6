"""Pooling functions: those of the layers, with the arguments in the functions' order.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html#pooling-functions
"""

from __future__ import annotations

from typing import Any

from spec_lang.ops.base import Cx, Function, Layer, Tensor, known_rank
from spec_lang.ops.functions.as_layer import _AsLayer
from spec_lang.ops.kinds import Dim, Number, Size1, Size2, Size3
from spec_lang.ops.layers import adaptive_pooling, pooling
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.elementwise import FLOATS, takes
from spec_lang.ops.rules.unpooling import Unpooling
from spec_lang.shapes import DType

_MIN = '''\
def min_pool{n}d(
    input: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The minimum of each window: -max_pool(-x)."""
    return -F.max_pool{n}d(-input, kernel_size, stride, padding, dilation, ceil_mode)
'''


class max_pool1d(_AsLayer):
    """The maximum of each window of one axis."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Size1 = 0
    dilation: Size1 = 1
    ceil_mode: bool = False
    return_indices: bool = False

    torch = "F.max_pool1d"
    layer = pooling.MaxPool1d


class max_pool2d(_AsLayer):
    """The maximum of each window of two axes."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Size2 = 0
    dilation: Size2 = 1
    ceil_mode: bool = False
    return_indices: bool = False

    torch = "F.max_pool2d"
    layer = pooling.MaxPool2d


class max_pool3d(_AsLayer):
    """The maximum of each window of three axes."""

    kernel_size: Size3
    stride: Size3 | None = None
    padding: Size3 = 0
    dilation: Size3 = 1
    ceil_mode: bool = False
    return_indices: bool = False

    torch = "F.max_pool3d"
    layer = pooling.MaxPool3d


class avg_pool1d(_AsLayer):
    """The mean of each window of one axis."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Size1 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    torch = "F.avg_pool1d"
    layer = pooling.AvgPool1d


class avg_pool2d(_AsLayer):
    """The mean of each window of two axes."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Size2 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: Dim | None = None

    torch = "F.avg_pool2d"
    layer = pooling.AvgPool2d


class avg_pool3d(_AsLayer):
    """The mean of each window of three axes."""

    kernel_size: Size3
    stride: Size3 | None = None
    padding: Size3 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: Dim | None = None

    torch = "F.avg_pool3d"
    layer = pooling.AvgPool3d

    def infer(self, cx: Cx) -> Any:
        takes(cx, self.input, FLOATS - {DType.F16})  # PyTorch has no kernel for it on the CPU
        return super().infer(cx)


class min_pool1d(_AsLayer):
    """The minimum of each window of one axis: -max_pool(-x)."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Size1 = 0
    dilation: Size1 = 1
    ceil_mode: bool = False

    torch = "min_pool1d"
    helper = _MIN.format(n=1)
    layer = pooling.MinPool1d


class min_pool2d(_AsLayer):
    """The minimum of each window of two axes: -max_pool(-x)."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Size2 = 0
    dilation: Size2 = 1
    ceil_mode: bool = False

    torch = "min_pool2d"
    helper = _MIN.format(n=2)
    layer = pooling.MinPool2d


class min_pool3d(_AsLayer):
    """The minimum of each window of three axes: -max_pool(-x)."""

    kernel_size: Size3
    stride: Size3 | None = None
    padding: Size3 = 0
    dilation: Size3 = 1
    ceil_mode: bool = False

    torch = "min_pool3d"
    helper = _MIN.format(n=3)
    layer = pooling.MinPool3d


class lp_pool1d(_AsLayer):
    """(sum x ** p) ** (1 / p) of each window of one axis."""

    norm_type: Number
    kernel_size: Dim
    stride: Size1 | None = None
    ceil_mode: bool = False

    torch = "F.lp_pool1d"
    layer = pooling.LPPool1d

    def as_layer(self) -> Layer:
        layer = super().as_layer()
        layer.kernel_size = (self.kernel_size,)  # type: ignore[attr-defined] # of this layer
        return layer


class lp_pool2d(_AsLayer):
    """(sum x ** p) ** (1 / p) of each window of two axes."""

    norm_type: Number
    kernel_size: Size2
    stride: Size2 | None = None
    ceil_mode: bool = False

    torch = "F.lp_pool2d"
    layer = pooling.LPPool2d


class lp_pool3d(_AsLayer):
    """(sum x ** p) ** (1 / p) of each window of three axes."""

    norm_type: Number
    kernel_size: Size3
    stride: Size3 | None = None
    ceil_mode: bool = False

    torch = "F.lp_pool3d"
    layer = pooling.LPPool3d


class adaptive_avg_pool1d(_AsLayer):
    """The mean of as many windows of one axis as `output_size` says."""

    output_size: Size1

    torch = "F.adaptive_avg_pool1d"
    layer = adaptive_pooling.AdaptiveAvgPool1d


class adaptive_avg_pool2d(_AsLayer):
    """The mean of as many windows of two axes as `output_size` says."""

    output_size: Size2 | tuple[Dim | None, Dim | None]

    torch = "F.adaptive_avg_pool2d"
    layer = adaptive_pooling.AdaptiveAvgPool2d


class adaptive_avg_pool3d(_AsLayer):
    """The mean of as many windows of three axes as `output_size` says."""

    output_size: Size3 | tuple[Dim | None, Dim | None, Dim | None]

    torch = "F.adaptive_avg_pool3d"
    layer = adaptive_pooling.AdaptiveAvgPool3d


class adaptive_max_pool1d(_AsLayer):
    """The maximum of as many windows of one axis as `output_size` says."""

    output_size: Size1
    return_indices: bool = False

    torch = "F.adaptive_max_pool1d"
    layer = adaptive_pooling.AdaptiveMaxPool1d


class adaptive_max_pool2d(_AsLayer):
    """The maximum of as many windows of two axes as `output_size` says."""

    output_size: Size2 | tuple[Dim | None, Dim | None]
    return_indices: bool = False

    torch = "F.adaptive_max_pool2d"
    layer = adaptive_pooling.AdaptiveMaxPool2d


class adaptive_max_pool3d(_AsLayer):
    """The maximum of as many windows of three axes as `output_size` says."""

    output_size: Size3 | tuple[Dim | None, Dim | None, Dim | None]
    return_indices: bool = False

    torch = "F.adaptive_max_pool3d"
    layer = adaptive_pooling.AdaptiveMaxPool3d


class _MaxUnpool(Function):
    """Zeros but for the maxima of a pool, where its indices say."""

    input: Tensor
    indices: Tensor
    kernel_size: tuple[Dim, ...]
    stride: tuple[Dim, ...] | None
    padding: tuple[Dim, ...]
    output_size: list[Dim] | None

    keeps = "factors"

    @property
    def rule(self) -> Unpooling:
        """The windows."""
        return Unpooling(
            self.kernel_size, self.kernel_size if self.stride is None else self.stride, self.padding
        )

    def infer(self, cx: Cx) -> Tensor:
        self.rule.check(cx)
        known_rank(cx, self.input, (len(self.kernel_size) + 1, len(self.kernel_size) + 2))
        return self.rule.result(cx, self.input, self.indices, self.output_size)

    def onnx(self, g: Graph) -> Value:
        return self.rule.onnx(g, self.input, self.indices, self.output_size)


class max_unpool1d(_MaxUnpool):
    """The maxima of windows of one axis back where the pool's indices say, zeros elsewhere."""

    input: Tensor
    indices: Tensor
    kernel_size: Size1
    stride: Size1 | None = None
    padding: Size1 = 0
    output_size: list[Dim] | None = None

    torch = "F.max_unpool1d"


class max_unpool2d(_MaxUnpool):
    """The maxima of windows of two axes back where the pool's indices say, zeros elsewhere."""

    input: Tensor
    indices: Tensor
    kernel_size: Size2
    stride: Size2 | None = None
    padding: Size2 = 0
    output_size: list[Dim] | None = None

    torch = "F.max_unpool2d"


class max_unpool3d(_MaxUnpool):
    """The maxima of windows of three axes back where the pool's indices say, zeros elsewhere."""

    input: Tensor
    indices: Tensor
    kernel_size: Size3
    stride: Size3 | None = None
    padding: Size3 = 0
    output_size: list[Dim] | None = None

    torch = "F.max_unpool3d"
