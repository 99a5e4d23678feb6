"""Normalisation of each channel of each sample over its spatial axes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from spec_lang.ops.base import Cx, Hole, Layer, Param, Tensor
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, at_least, full, known, known_float, model_float
from spec_lang.ops.rules.convolution import batch, unbatch
from spec_lang.ops.rules.norm import channel_params, more_than_one
from spec_lang.shapes import DType


class _InstanceNorm(Layer):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b for each channel of each sample."""

    num_features: Dim
    eps: Number = 1e-5
    momentum: Number | None = 0.1
    affine: bool = False
    track_running_stats: bool = False

    placement = "batch"

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, num_features=self.num_features)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        own = self.affine or self.track_running_stats
        (model_float if own else any_float)(cx, input)
        if not self.track_running_stats:
            _, *sizes = input.dims[-self.spatial - 1 :]
            more_than_one(cx, prod(sizes[1:], start=sizes[0]), "channel")
        return input

    @property
    def spatial(self) -> int:
        """The number of spatial axes."""
        return self.ranks[0] - 1

    def params(self) -> Iterator[Param]:
        return channel_params(self.num_features, self.affine, self.track_running_stats)

    def onnx(self, g: Graph, input: Value) -> Value:
        channels = known([self.num_features], "num_features")[0]
        dtype = DType.FLOAT if self.affine else input.dtype
        weight = g.param("weight") if self.affine else full(g, 1.0, [channels], dtype)
        bias = g.param("bias") if self.affine else full(g, 0.0, [channels], dtype)
        batched = len(input.dims) == self.ranks[1]
        x = batch(g, input, batched)
        epsilon = known_float(self.eps, "eps")
        if self.track_running_stats:
            means, variances = g.param("running_mean"), g.param("running_var")
            y = g.BatchNormalization(x, weight, bias, means, variances, epsilon=epsilon)
        else:
            y = g.InstanceNormalization(x, weight, bias, epsilon=epsilon)
        return unbatch(g, y, batched)


class InstanceNorm1d(_InstanceNorm):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b over L, for each channel of [N, C, L] or [C, L]."""

    torch = "nn.InstanceNorm1d"
    ranks = (2, 3)
    holes = {"num_features": Hole(-2, "channels")}


class InstanceNorm2d(_InstanceNorm):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b over H and W, for each channel of [N, C, H, W] or [C, H, W]."""

    torch = "nn.InstanceNorm2d"
    ranks = (3, 4)
    holes = {"num_features": Hole(-3, "channels")}


class InstanceNorm3d(_InstanceNorm):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b over D, H and W, for each channel of [N, C, D, H, W] or [C, D, H, W]."""

    torch = "nn.InstanceNorm3d"
    ranks = (4, 5)
    holes = {"num_features": Hole(-4, "channels")}
