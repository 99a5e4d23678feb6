"""Convolutions over one, two and three spatial axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Literal

from spec_lang.ops.base import Cx, Hole, Layer, Param, Tensor
from spec_lang.ops.init import UniformFan
from spec_lang.ops.kinds import Dim, Size1, Size2, Size3
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import LEARNED, Product, Products, flops_of
from spec_lang.ops.rules.arguments import model_float
from spec_lang.ops.rules.convolution import check_conv, conv_onnx, conv_result, conv_sizes, sides, split
from spec_lang.ops.rules.padding import pad_onnx, pad_sizes


class _Conv(Layer):
    """Cross-correlation of channels and spatial axes with learned kernels."""

    in_channels: Dim
    out_channels: Dim
    kernel_size: Sequence[Dim]
    stride: Sequence[Dim]
    padding: Sequence[Dim] | str
    dilation: Sequence[Dim]
    groups: Dim = 1
    bias: bool = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    always = ("weight",)

    placement = "batch"

    @property
    def keeps(self) -> str | None:  # type: ignore[override]  # of its arguments here
        """Its input; what it makes of that first, where it pads it by itself, is not said."""
        padding = sides(self.padding, self.kernel_size, self.dilation)
        even = all(a == b for a, b in padding)
        return "input" if even and self.padding_mode == "zeros" else None

    def check(self, cx: Cx) -> None:
        check_conv(
            cx,
            self.in_channels,
            self.out_channels,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        model_float(cx, input)
        _, _, sizes = split(input, len(self.kernel_size))
        padding = sides(self.padding, self.kernel_size, self.dilation)
        if self.padding_mode != "zeros":
            sizes = pad_sizes(cx, sizes, padding, self.padding_mode)
            padding = [(0, 0)] * len(sizes)
        sizes = conv_sizes(cx, sizes, self.kernel_size, self.stride, padding, self.dilation)
        return conv_result(input, self.out_channels, sizes)

    def flops(self, out: Tensor, input: Tensor) -> Products:
        kernel = (self.in_channels // self.groups, *self.kernel_size)
        yield Product(flops_of((*out.dims, *kernel)), (input,), (LEARNED,))

    def params(self) -> Iterator[Param]:
        fan = prod(self.kernel_size, start=self.in_channels // self.groups)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        yield Param("weight", shape, UniformFan(fan, True))
        if self.bias:
            yield Param("bias", (self.out_channels,), UniformFan(fan))

    def onnx(self, g: Graph, input: Value) -> Value:
        padding = sides(self.padding, self.kernel_size, self.dilation)
        x = input
        if self.padding_mode != "zeros":
            x = pad_onnx(g, x, padding, self.padding_mode)
            padding = [(0, 0)] * len(padding)
        bias = g.param("bias") if self.bias else None
        return conv_onnx(
            g,
            x,
            g.param("weight"),
            bias,
            self.kernel_size,
            self.stride,
            padding,
            self.dilation,
            self.groups,
            batched=len(input.shape) == len(padding) + 2,
        )


class Conv1d(_Conv):
    """y = W ⋆ x + b over one spatial axis; L_out = ⌊(L + 2p - d(k - 1) - 1) / s⌋ + 1."""

    in_channels: Dim
    out_channels: Dim
    kernel_size: Size1
    stride: Size1 = 1
    padding: Size1 | Literal["same", "valid"] = 0
    dilation: Size1 = 1
    groups: Dim = 1
    bias: bool = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    torch = "nn.Conv1d"
    holes = {"in_channels": Hole(-2, "input channels")}
    ranks = (2, 3)


class Conv2d(_Conv):
    """y = W ⋆ x + b over two spatial axes; H_out = ⌊(H + 2p - d(k - 1) - 1) / s⌋ + 1."""

    in_channels: Dim
    out_channels: Dim
    kernel_size: Size2
    stride: Size2 = 1
    padding: Size2 | Literal["same", "valid"] = 0
    dilation: Size2 = 1
    groups: Dim = 1
    bias: bool = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    torch = "nn.Conv2d"
    holes = {"in_channels": Hole(-3, "input channels")}
    ranks = (3, 4)


class Conv3d(_Conv):
    """y = W ⋆ x + b over three spatial axes; D_out = ⌊(D + 2p - d(k - 1) - 1) / s⌋ + 1."""

    in_channels: Dim
    out_channels: Dim
    kernel_size: Size3
    stride: Size3 = 1
    padding: Size3 | Literal["same", "valid"] = 0
    dilation: Size3 = 1
    groups: Dim = 1
    bias: bool = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    torch = "nn.Conv3d"
    holes = {"in_channels": Hole(-4, "input channels")}
    ranks = (4, 5)
