"""Normalisation over the features of one sample, or of groups of them."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from spec_lang.ops.base import Cx, Hole, Layer, OpError, Param, Tensor, known_rank
from spec_lang.ops.init import Fill
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, at_least, divides, model_float, sizes_of
from spec_lang.ops.rules.norm import (
    group_norm_onnx,
    layer_norm_onnx,
    local_response_onnx,
    more_than_one,
    rms_norm_onnx,
    statistics,
    trailing,
)
from spec_lang.shapes import DType, TensorType


class LayerNorm(Layer):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b over the last dims."""

    normalized_shape: Dim | list[Dim]
    eps: Number = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    torch = "nn.LayerNorm"
    keeps = "input"
    placement = "[*B, normalized_shape] weight[normalized_shape] bias[normalized_shape] -> [*B, normalized_shape]; whole normalized_shape; one normalized_shape"
    holes = {"normalized_shape": Hole(-1, "features")}

    @property
    def sizes(self) -> tuple[Dim, ...]:
        return sizes_of(self.normalized_shape)

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, normalized_shape=self.sizes)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        (model_float if self.elementwise_affine else any_float)(cx, input)
        trailing(cx, input, self.sizes)
        return input

    def aside(self, out: Tensor, input: Tensor) -> Iterator[TensorType]:
        yield from [statistics(out, len(self.sizes))] * 2

    def params(self) -> Iterator[Param]:
        if self.elementwise_affine:
            yield Param("weight", self.sizes, Fill(1.0))
            if self.bias:
                yield Param("bias", self.sizes, Fill(0.0))

    def onnx(self, g: Graph, input: Value) -> Value:
        affine = self.elementwise_affine
        return layer_norm_onnx(
            g,
            input,
            len(self.sizes),
            g.param("weight") if affine else None,
            g.param("bias") if affine and self.bias else None,
            self.eps,
        )


class RMSNorm(Layer):
    """y = x / sqrt(E[x²] + eps) * w over the last dims; eps is the dtype's own where none is given.

    Source: https://arxiv.org/abs/1910.07467
    """

    normalized_shape: Dim | list[Dim]
    eps: Number | None = None
    elementwise_affine: bool = True

    torch = "nn.RMSNorm"
    keeps = "input"
    placement = "[*B, normalized_shape] weight[normalized_shape] -> [*B, normalized_shape]; whole normalized_shape; one normalized_shape"
    holes = {"normalized_shape": Hole(-1, "features")}

    @property
    def sizes(self) -> tuple[Dim, ...]:
        return sizes_of(self.normalized_shape)

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, normalized_shape=self.sizes)

    def infer(self, cx: Cx, x: Tensor) -> Tensor:
        (model_float if self.elementwise_affine else any_float)(cx, x)
        trailing(cx, x, self.sizes)
        return x

    def aside(self, out: Tensor, x: Tensor) -> Iterator[TensorType]:
        """With a weight, what that multiplies is kept too, where no kernel does both."""
        yield statistics(out, len(self.sizes))
        if self.elementwise_affine:
            yield out

    def params(self) -> Iterator[Param]:
        if self.elementwise_affine:
            yield Param("weight", self.sizes, Fill(1.0))

    def onnx(self, g: Graph, x: Value) -> Value:
        weight = g.param("weight") if self.elementwise_affine else None
        return rms_norm_onnx(g, x, len(self.sizes), weight, self.eps)


class GroupNorm(Layer):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b, with E and Var over each of `num_groups` groups of channels.

    Source: https://arxiv.org/abs/1803.08494
    """

    num_groups: Dim
    num_channels: Dim
    eps: Number = 1e-5
    affine: bool = True

    torch = "nn.GroupNorm"
    keeps = "input"
    placement = "batch"
    holes = {"num_channels": Hole(1, "channels")}

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, num_groups=self.num_groups, num_channels=self.num_channels)
        divides(cx, self.num_groups, self.num_channels, "num_groups", "its channels", "groups")

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        (model_float if self.affine else any_float)(cx, input)
        batch, channels, *sizes = input.dims
        more_than_one(cx, prod(sizes, start=batch * (channels // self.num_groups)), "group")
        return input

    def aside(self, out: Tensor, input: Tensor) -> Iterator[TensorType]:
        yield from [TensorType(DType.F32, (out.dims[0], self.num_groups))] * 2

    def params(self) -> Iterator[Param]:
        if self.affine:
            yield Param("weight", (self.num_channels,), Fill(1.0))
            yield Param("bias", (self.num_channels,), Fill(0.0))

    def onnx(self, g: Graph, input: Value) -> Value:
        weight, bias = (g.param("weight"), g.param("bias")) if self.affine else (None, None)
        return group_norm_onnx(g, input, self.num_groups, weight, bias, self.eps)


class LocalResponseNorm(Layer):
    """y = x / (k + alpha / size * Σ x²)^beta, the sum over `size` neighbouring channels."""

    size: Dim
    alpha: Number = 1e-4
    beta: Number = 0.75
    k: Number = 1.0

    torch = "nn.LocalResponseNorm"
    placement = "batch"

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, size=self.size)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        any_float(cx, input)
        if input.dtype in (DType.F16, DType.BF16) and known_rank(cx, input) > 3:
            raise OpError(
                f"{cx.name} has no kernel for {input.dtype} on the CPU",
                code="E0401",
                help="convert with `to(f32)`",
            )
        if known_rank(cx, input) < 3:
            raise OpError(
                f"{cx.name} takes [N, C, ...] with at least 3 dims, but its input is {input}", code="E0302"
            )
        return input

    def onnx(self, g: Graph, input: Value) -> Value:
        return local_response_onnx(g, input, self.size, self.alpha, self.beta, self.k)
