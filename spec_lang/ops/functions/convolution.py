"""Convolutions with given weights.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html#convolution-functions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from spec_lang.ops.base import Cx, Function, Tensor, known_rank
from spec_lang.ops.kinds import Dim, Size1, Size2, Size3
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import Product, Products, flops_of
from spec_lang.ops.rules.arguments import any_float
from spec_lang.ops.rules.convolution import (
    check_conv,
    conv_onnx,
    conv_result,
    conv_sizes,
    conv_transpose_onnx,
    conv_transpose_sizes,
    sides,
)
from spec_lang.ops.rules.elementwise import same_dtype


class _Convolution(Function):
    """A convolution, transposed or not."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None = None

    stride: Sequence[Dim]
    padding: Any
    dilation: Sequence[Dim]
    groups: Dim

    def check_inputs(self, cx: Cx, channels: Dim, features: Dim) -> None:
        """Ranks, dtypes, and a bias for each feature; `channels` is what the weight takes."""
        x, n = self.input, len(self.stride)
        any_float(cx, x)
        same_dtype(cx, x, self.weight, self.bias)
        known_rank(cx, x, (n + 1, n + 2))
        cx.equal(
            x.dims[-n - 1],
            channels,
            f"{cx.name}'s weight {self.weight} takes {channels} channels, but its input {x} has {x.dims[-n - 1]}",
        )
        if self.bias is not None:
            known_rank(cx, self.bias, (1,), "its bias")
            cx.equal(
                self.bias.dims[0],
                features,
                f"{cx.name} adds bias {self.bias} to {features} channels",
                arg="bias",
            )

    def kernel(self) -> Sequence[Dim]:
        """The spatial sizes of the weight."""
        return self.weight.dims[2:]


class _Conv(_Convolution):
    """The cross-correlation with `weight` [out, in / groups, ...]."""

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.weight, (len(self.stride) + 2,), "its weight")
        features, per_group = self.weight.dims[:2]
        channels = per_group * self.groups
        check_conv(
            cx, channels, features, self.kernel(), self.stride, self.padding, self.dilation, self.groups
        )
        self.check_inputs(cx, channels, features)
        padding = sides(self.padding, self.kernel(), self.dilation)
        spatial = self.input.dims[-len(self.stride) :]
        sizes = conv_sizes(cx, spatial, self.kernel(), self.stride, padding, self.dilation)
        return conv_result(self.input, features, sizes)

    def flops(self, out: Tensor) -> Products:
        yield Product(flops_of((*out.dims, *self.weight.dims[1:])), (self.input,), (self.weight,))

    def onnx(self, g: Graph) -> Value:
        n = len(self.stride)
        return conv_onnx(
            g,
            self.input,
            self.weight,
            self.bias,
            self.kernel(),
            self.stride,
            sides(self.padding, self.kernel(), self.dilation),
            self.dilation,
            self.groups,
            batched=len(self.input.shape) == n + 2,
        )


class _ConvTranspose(_Convolution):
    """The transposed convolution with `weight` [in, out / groups, ...]."""

    output_padding: Sequence[Dim]

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.weight, (len(self.stride) + 2,), "its weight")
        channels, per_group = self.weight.dims[:2]
        features = per_group * self.groups
        check_conv(
            cx, channels, features, self.kernel(), self.stride, self.padding, self.dilation, self.groups
        )
        self.check_inputs(cx, channels, features)
        sizes = conv_transpose_sizes(
            cx,
            self.input.dims[-len(self.stride) :],
            self.kernel(),
            self.stride,
            self.padding,
            self.output_padding,
            self.dilation,
        )
        return conv_result(self.input, features, sizes)

    def flops(self, out: Tensor) -> Products:
        yield Product(flops_of((*self.input.dims, *self.weight.dims[1:])), (self.input,), (self.weight,))

    def onnx(self, g: Graph) -> Value:
        return conv_transpose_onnx(
            g,
            self.input,
            self.weight,
            self.bias,
            self.kernel(),
            self.stride,
            self.padding,
            self.output_padding,
            self.dilation,
            self.groups,
        )


class conv1d(_Conv):
    """The convolution over one axis with `weight` [out, in / groups, ...]."""

    stride: Size1 = 1
    padding: Size1 | Literal["same", "valid"] = 0
    dilation: Size1 = 1
    groups: Dim = 1

    torch = "F.conv1d"


class conv2d(_Conv):
    """The convolution over two axes with `weight` [out, in / groups, ...]."""

    stride: Size2 = 1
    padding: Size2 | Literal["same", "valid"] = 0
    dilation: Size2 = 1
    groups: Dim = 1

    torch = "F.conv2d"


class conv3d(_Conv):
    """The convolution over three axes with `weight` [out, in / groups, ...]."""

    stride: Size3 = 1
    padding: Size3 | Literal["same", "valid"] = 0
    dilation: Size3 = 1
    groups: Dim = 1

    torch = "F.conv3d"


class conv_transpose1d(_ConvTranspose):
    """The transposed convolution over one axis with `weight` [in, out / groups, ...]."""

    stride: Size1 = 1
    padding: Size1 = 0
    output_padding: Size1 = 0
    groups: Dim = 1
    dilation: Size1 = 1

    torch = "F.conv_transpose1d"


class conv_transpose2d(_ConvTranspose):
    """The transposed convolution over two axes with `weight` [in, out / groups, ...]."""

    stride: Size2 = 1
    padding: Size2 = 0
    output_padding: Size2 = 0
    groups: Dim = 1
    dilation: Size2 = 1

    torch = "F.conv_transpose2d"


class conv_transpose3d(_ConvTranspose):
    """The transposed convolution over three axes with `weight` [in, out / groups, ...]."""

    stride: Size3 = 1
    padding: Size3 = 0
    output_padding: Size3 = 0
    groups: Dim = 1
    dilation: Size3 = 1

    torch = "F.conv_transpose3d"
