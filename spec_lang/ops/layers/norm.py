"""Normalisation over the features of one sample."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ops.base import Cx, Hole, Layer, Param, Tensor
from spec_lang.ops.init import Fill
from spec_lang.ops.kinds import Number, Sizes
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, at_least, model_float
from spec_lang.ops.rules.norm import layer_norm_onnx, trailing


class LayerNorm(Layer):
    """y = (x - E[x]) / sqrt(Var[x] + eps) * w + b over the last dims."""

    normalized_shape: Sizes
    eps: Number = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    torch = "nn.LayerNorm"
    holes = {"normalized_shape": Hole(-1, "features")}

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, normalized_shape=self.normalized_shape)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        (model_float if self.elementwise_affine else any_float)(cx, input)
        trailing(cx, input, self.normalized_shape)
        return input

    def params(self) -> Iterator[Param]:
        if self.elementwise_affine:
            yield Param("weight", tuple(self.normalized_shape), Fill(1.0))
            if self.bias:
                yield Param("bias", tuple(self.normalized_shape), Fill(0.0))

    def onnx(self, g: Graph, input: Value) -> Value:
        affine = self.elementwise_affine
        return layer_norm_onnx(
            g,
            input,
            len(self.normalized_shape),
            g.param("weight") if affine else None,
            g.param("bias") if affine and self.bias else None,
            self.eps,
        )
