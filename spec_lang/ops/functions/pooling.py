"""Pooling functions: those of the layers, with the arguments in the functions' order.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html#pooling-functions
"""

from __future__ import annotations

from typing import Any, ClassVar

from spec_lang.ops.base import Cx, Function, Layer, Tensor, known_rank
from spec_lang.ops.kinds import Size1, Size2, Size3
from spec_lang.ops.layers import pooling
from spec_lang.ops.lowering import Graph


class _AsLayer(Function):
    """A function of one input that a layer without parameters computes too."""

    input: Tensor

    layer: ClassVar[type[Layer]]

    def as_layer(self) -> Layer:
        """The layer with these arguments."""
        values = dict(vars(self))
        del values["input"]
        return self.layer(**values)

    def infer(self, cx: Cx) -> Any:
        layer = self.as_layer()
        layer.check(cx)
        known_rank(cx, self.input, layer.ranks)
        return layer.infer(cx, self.input)

    def onnx(self, g: Graph) -> Any:
        return self.as_layer().onnx(g, self.input)


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
