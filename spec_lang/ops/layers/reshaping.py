"""Layers that only change the shape, or copy blocks of an image."""

from __future__ import annotations

from spec_lang.ops.base import Cx, Layer, Tensor
from spec_lang.ops.functions.shape import flatten, unflatten
from spec_lang.ops.kinds import Axis, Dim, Size2
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least
from spec_lang.ops.rules.folding import Blocks


class Flatten(Layer):
    """Joins the axes from `start_dim` to `end_dim` into one."""

    start_dim: Axis = 1
    end_dim: Axis = -1

    torch = "nn.Flatten"
    shares = "ordered"
    placement = "view"
    keeps = ""

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return flatten(input=input, start_dim=self.start_dim, end_dim=self.end_dim).infer(cx)

    def onnx(self, g: Graph, input: Value) -> Value:
        return flatten(input=input, start_dim=self.start_dim, end_dim=self.end_dim).onnx(g)


class Unflatten(Layer):
    """Splits the axis `dim` into `unflattened_size`, of which one may be -1."""

    dim: Axis
    unflattened_size: list[Dim]

    torch = "nn.Unflatten"
    shares = "same"
    placement = "view"
    keeps = ""

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return unflatten(input=input, dim=self.dim, sizes=self.unflattened_size).infer(cx)

    def onnx(self, g: Graph, input: Value) -> Value:
        return unflatten(input=input, dim=self.dim, sizes=self.unflattened_size).onnx(g)


class Unfold(Layer):
    """Sliding blocks of [N, C, H, W] as the columns of [N, C kh kw, L]."""

    kernel_size: Size2
    dilation: Size2 = 1
    padding: Size2 = 0
    stride: Size2 = 1

    torch = "nn.Unfold"
    ranks = (3, 4)
    keeps = ""

    @property
    def blocks(self) -> Blocks:
        return Blocks(self.kernel_size, self.dilation, self.padding, self.stride)

    def check(self, cx: Cx) -> None:
        self.blocks.check(cx)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return self.blocks.unfolded(cx, input)

    def onnx(self, g: Graph, input: Value) -> Value:
        return self.blocks.unfold_onnx(g, input)


class Fold(Layer):
    """Blocks, the columns of [N, C kh kw, L], summed where they lie in [N, C, H, W]."""

    output_size: Size2
    kernel_size: Size2
    dilation: Size2 = 1
    padding: Size2 = 0
    stride: Size2 = 1

    torch = "nn.Fold"
    ranks = (2, 3)
    keeps = ""

    @property
    def blocks(self) -> Blocks:
        return Blocks(self.kernel_size, self.dilation, self.padding, self.stride)

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, output_size=self.output_size)
        self.blocks.check(cx)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return self.blocks.folded(cx, input, self.output_size)

    def onnx(self, g: Graph, input: Value) -> Value:
        return self.blocks.fold_onnx(g, input, self.output_size)
