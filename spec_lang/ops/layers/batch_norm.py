"""Normalisation of channels over a batch, with running statistics for evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from spec_lang.ops.base import Cx, Hole, Layer, Param, Tensor
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, full, known, known_float, model_float, number
from spec_lang.ops.rules.norm import channel_params, channels_first, mean, more_than_one
from spec_lang.shapes import DType, TensorType


class _BatchNorm(Layer):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b for each channel.

    In evaluation the running statistics are used, so a batch of one is fine there; that PyTorch wants more than one
    value per channel in training depends on the mode and is left to it. Without `track_running_stats` the batch's
    own statistics are used in both modes, and it is a condition.
    """

    num_features: Dim
    eps: Number = 1e-5
    momentum: Number | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    holes = {"num_features": Hole(1, "channels")}
    keeps = "input"

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, num_features=self.num_features)
        number(cx, ">", 0, eps=self.eps)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        model_float(cx, input)
        if self.track_running_stats:
            return input
        batch, _, *sizes = input.dims
        more_than_one(cx, prod(sizes, start=batch), "channel")
        return input

    def aside(self, out: Tensor, input: Tensor) -> Iterator[TensorType]:
        yield from [TensorType(DType.F32, (self.num_features,))] * 2

    def params(self) -> Iterator[Param]:
        return channel_params(self.num_features, self.affine, self.track_running_stats)

    def onnx(self, g: Graph, input: Value) -> Value:
        eps = known_float(self.eps, "eps")
        if not self.track_running_stats:
            return self._by_batch(g, input, eps)
        channels = known([self.num_features], "num_features")[0]
        weight = g.param("weight") if self.affine else full(g, 1.0, [channels], DType.FLOAT)
        bias = g.param("bias") if self.affine else full(g, 0.0, [channels], DType.FLOAT)
        return g.BatchNormalization(
            input, weight, bias, g.param("running_mean"), g.param("running_var"), epsilon=eps
        )

    def _by_batch(self, g: Graph, x: Value, eps: float) -> Value:
        """Without running statistics the batch's own are used, in evaluation too."""
        n = len(x.dims) - 2
        axes = [0, *range(2, n + 2)]
        centred = g.Sub(x, mean(g, x, axes))
        variance = mean(g, g.Mul(centred, centred), axes)
        y = g.Div(centred, g.Sqrt(g.Add(variance, g.const(eps, x.dtype))))
        if self.affine:
            y = g.Mul(y, channels_first(g, g.param("weight"), n))
            y = g.Add(y, channels_first(g, g.param("bias"), n))
        return y


class BatchNorm1d(_BatchNorm):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b for each channel of [N, C] or [N, C, L]."""

    torch = "nn.BatchNorm1d"
    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b for each channel of [N, C, H, W]."""

    torch = "nn.BatchNorm2d"
    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b for each channel of [N, C, D, H, W]."""

    torch = "nn.BatchNorm3d"
    ranks = (5,)
