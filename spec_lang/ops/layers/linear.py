"""Affine maps, and the map that does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ops.base import Cx, Hole, Layer, Param, Tensor
from spec_lang.ops.init import UniformFan
from spec_lang.ops.kinds import Dim
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, model_float


class Identity(Layer):
    """y = x."""

    torch = "nn.Identity"

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return input

    def onnx(self, g: Graph, input: Value) -> Value:
        return input


class Linear(Layer):
    """y = x Wᵀ + b over the last axis."""

    in_features: Dim
    out_features: Dim
    bias: bool = True

    torch = "nn.Linear"
    holes = {"in_features": Hole(-1, "input features")}

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, in_features=self.in_features, out_features=self.out_features)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        model_float(cx, input)
        return input.with_shape((*input.shape[:-1], self.out_features))

    def params(self) -> Iterator[Param]:
        yield Param("weight", (self.out_features, self.in_features), UniformFan(self.in_features, True))
        if self.bias:
            yield Param("bias", (self.out_features,), UniformFan(self.in_features))

    def onnx(self, g: Graph, input: Value) -> Value:
        weight, bias = g.param("weight"), g.param("bias") if self.bias else None
        if len(input.shape) == 2:
            return g.Gemm(input, weight, bias, transB=1)  # type: ignore[no-any-return] # an emitter
        y = g.MatMul(input, g.Transpose(weight, perm=[1, 0]))
        return y if bias is None else g.Add(y, bias)  # type: ignore[no-any-return] # an emitter
