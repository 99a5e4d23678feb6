"""Transposed convolutions over one, two and three spatial axes."""

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
from spec_lang.ops.rules.convolution import (
    check_conv,
    conv_result,
    conv_transpose_onnx,
    conv_transpose_sizes,
    output_padding_for,
)


class _ConvTranspose(Layer):
    """The gradient of a convolution with respect to its input, as a layer."""

    in_channels: Dim
    out_channels: Dim
    kernel_size: Sequence[Dim]
    stride: Sequence[Dim]
    padding: Sequence[Dim]
    output_padding: Sequence[Dim]
    groups: Dim
    bias: bool
    dilation: Sequence[Dim]

    always = ("weight",)

    placement = "batch"
    keeps = "input"

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

    def infer(self, cx: Cx, input: Tensor, output_size: list[Dim] | None = None) -> Tensor:
        model_float(cx, input)
        sizes = conv_transpose_sizes(
            cx,
            input.dims[-len(self.kernel_size) :],
            self.kernel_size,
            self.stride,
            self.padding,
            self._output_padding(cx, input, output_size),
            self.dilation,
        )
        return conv_result(input, self.out_channels, sizes)

    def _output_padding(self, cx: Cx, x: Tensor, output_size: Sequence[Dim] | None) -> Sequence[Dim]:
        if output_size is None:
            return self.output_padding
        return output_padding_for(
            cx, x, output_size, self.kernel_size, self.stride, self.padding, self.dilation
        )

    def flops(self, out: Tensor, input: Tensor, output_size: list[Dim] | None = None) -> Products:
        kernel = (self.out_channels // self.groups, *self.kernel_size)
        yield Product(flops_of((*input.dims, *kernel)), (input,), (LEARNED,))

    def params(self) -> Iterator[Param]:
        fan = prod(self.kernel_size, start=self.out_channels // self.groups)
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        yield Param("weight", shape, UniformFan(fan, True))
        if self.bias:
            yield Param("bias", (self.out_channels,), UniformFan(fan))

    def onnx(self, g: Graph, input: Value, output_size: list[Dim] | None = None) -> Value:
        extra = self.output_padding
        if output_size is not None:
            extra = output_padding_for(
                None, input, output_size, self.kernel_size, self.stride, self.padding, self.dilation
            )
        return conv_transpose_onnx(
            g,
            input,
            g.param("weight"),
            g.param("bias") if self.bias else None,
            self.kernel_size,
            self.stride,
            self.padding,
            extra,
            self.dilation,
            self.groups,
        )


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution; L_out = (L - 1) s - 2p + d (k - 1) + output_padding + 1."""

    in_channels: Dim
    out_channels: Dim
    kernel_size: Size1
    stride: Size1 = 1
    padding: Size1 = 0
    output_padding: Size1 = 0
    groups: Dim = 1
    bias: bool = True
    dilation: Size1 = 1
    padding_mode: Literal["zeros"] = "zeros"

    torch = "nn.ConvTranspose1d"
    holes = {"in_channels": Hole(-2, "input channels")}
    ranks = (2, 3)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution; H_out = (H - 1) s - 2p + d (k - 1) + output_padding + 1."""

    in_channels: Dim
    out_channels: Dim
    kernel_size: Size2
    stride: Size2 = 1
    padding: Size2 = 0
    output_padding: Size2 = 0
    groups: Dim = 1
    bias: bool = True
    dilation: Size2 = 1
    padding_mode: Literal["zeros"] = "zeros"

    torch = "nn.ConvTranspose2d"
    holes = {"in_channels": Hole(-3, "input channels")}
    ranks = (3, 4)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution; D_out = (D - 1) s - 2p + d (k - 1) + output_padding + 1."""

    in_channels: Dim
    out_channels: Dim
    kernel_size: Size3
    stride: Size3 = 1
    padding: Size3 = 0
    output_padding: Size3 = 0
    groups: Dim = 1
    bias: bool = True
    dilation: Size3 = 1
    padding_mode: Literal["zeros"] = "zeros"

    torch = "nn.ConvTranspose3d"
    holes = {"in_channels": Hole(-4, "input channels")}
    ranks = (4, 5)
