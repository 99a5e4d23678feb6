"""Unpooling over one, two and three spatial axes: what a max pool took goes back to where it was.

Source: https://docs.pytorch.org/docs/stable/nn.html#pooling-layers
"""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ops.base import Cx, Layer, Tensor
from spec_lang.ops.kinds import Dim, Size1, Size2, Size3
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.unpooling import Unpooling


class _MaxUnpool(Layer):
    """Zeros but for the maxima of a pool, where its indices say."""

    kernel_size: Sequence[Dim]
    stride: Sequence[Dim] | None
    padding: Sequence[Dim]

    keeps = "factors"

    @property
    def rule(self) -> Unpooling:
        """The windows."""
        return Unpooling(
            self.kernel_size, self.kernel_size if self.stride is None else self.stride, self.padding
        )

    def check(self, cx: Cx) -> None:
        self.rule.check(cx)

    def infer(self, cx: Cx, input: Tensor, indices: Tensor, output_size: list[Dim] | None = None) -> Tensor:
        return self.rule.result(cx, input, indices, output_size)

    def onnx(self, g: Graph, input: Value, indices: Value, output_size: list[Dim] | None = None) -> Value:
        return self.rule.onnx(g, input, indices, output_size)


class MaxUnpool1d(_MaxUnpool):
    """The maxima of windows of one axis back where the pool's indices say, zeros elsewhere."""

    kernel_size: Size1
    stride: Size1 | None = None
    padding: Size1 = 0

    torch = "nn.MaxUnpool1d"
    ranks = (2, 3)


class MaxUnpool2d(_MaxUnpool):
    """The maxima of windows of two axes back where the pool's indices say, zeros elsewhere."""

    kernel_size: Size2
    stride: Size2 | None = None
    padding: Size2 = 0

    torch = "nn.MaxUnpool2d"
    ranks = (3, 4)


class MaxUnpool3d(_MaxUnpool):
    """The maxima of windows of three axes back where the pool's indices say, zeros elsewhere."""

    kernel_size: Size3
    stride: Size3 | None = None
    padding: Size3 = 0

    torch = "nn.MaxUnpool3d"
    ranks = (4, 5)
