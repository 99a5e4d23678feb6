"""How alike vectors are."""

from __future__ import annotations

from spec_lang.ops.base import Cx, Layer, Tensor
from spec_lang.ops.kinds import Axis, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.distance import cosine_onnx, cosine_type, pairwise_onnx, pairwise_type


class CosineSimilarity(Layer):
    """x₁ · x₂ / (max(‖x₁‖, eps) max(‖x₂‖, eps)) along `dim`."""

    dim: Axis = 1
    eps: Number = 1e-8

    torch = "nn.CosineSimilarity"

    def infer(self, cx: Cx, x1: Tensor, x2: Tensor) -> Tensor:
        return cosine_type(cx, x1, x2, self.dim)

    def onnx(self, g: Graph, x1: Value, x2: Value) -> Value:
        return cosine_onnx(g, x1, x2, self.dim, self.eps)


class PairwiseDistance(Layer):
    """‖x₁ - x₂ + eps‖_p over the last axis."""

    p: Number = 2.0
    eps: Number = 1e-6
    keepdim: bool = False

    torch = "nn.PairwiseDistance"

    def infer(self, cx: Cx, x1: Tensor, x2: Tensor) -> Tensor:
        return pairwise_type(cx, x1, x2, self.keepdim)

    def onnx(self, g: Graph, x1: Value, x2: Value) -> Value:
        return pairwise_onnx(g, x1, x2, self.p, self.eps, self.keepdim)
