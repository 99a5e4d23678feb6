"""Affine maps, and the map that does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ops.base import Cx, Hole, Layer, OpError, Param, Tensor
from spec_lang.ops.init import UniformFan
from spec_lang.ops.kinds import Dim
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import LEARNED, Product, Products, flops_of
from spec_lang.ops.rules.arguments import at_least, model_float
from spec_lang.shapes import Pack


class Identity(Layer):
    """y = x."""

    torch = "nn.Identity"
    shares = "same"
    free = True
    placement = "each"
    keeps = ""

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
    placement = "[*B, in_features] weight[out_features, in_features] bias[out_features] -> [*B, out_features]; sum in_features"
    always = ("weight",)
    holes = {"in_features": Hole(-1, "input features")}
    keeps = "input"

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, in_features=self.in_features, out_features=self.out_features)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        model_float(cx, input)
        return input.with_shape((*input.shape[:-1], self.out_features))

    def flops(self, out: Tensor, input: Tensor) -> Products:
        yield Product(flops_of((*input.dims, self.out_features)), (input,), (LEARNED,))

    def params(self) -> Iterator[Param]:
        yield Param("weight", (self.out_features, self.in_features), UniformFan(self.in_features, True))
        if self.bias:
            yield Param("bias", (self.out_features,), UniformFan(self.in_features))

    def onnx(self, g: Graph, input: Value) -> Value:
        weight, bias = g.param("weight"), g.param("bias") if self.bias else None
        if len(input.shape) == 2:
            return g.Gemm(input, weight, bias, transB=1)
        y = g.MatMul(input, g.Transpose(weight, perm=[1, 0]))
        return y if bias is None else g.Add(y, bias)


class Bilinear(Layer):
    """y = x₁ᵀ A x₂ + b over the last axes."""

    in1_features: Dim
    in2_features: Dim
    out_features: Dim
    bias: bool = True

    torch = "nn.Bilinear"
    free = True  # PyTorch has one kernel for it, which its counter leaves out
    always = ("weight",)
    holes = {"in1_features": Hole(-1, "features"), "in2_features": Hole(-1, "features", input=1)}
    keeps = "inputs"

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, in1_features=self.in1_features, in2_features=self.in2_features)
        at_least(cx, 1, out_features=self.out_features)

    def infer(self, cx: Cx, input1: Tensor, input2: Tensor) -> Tensor:
        model_float(cx, input1, "its first input")
        model_float(cx, input2, "its second input")
        if len(input1.shape) != len(input2.shape):
            raise OpError(
                f"{cx.name} takes two inputs of one rank, but they are {input1} and {input2}", code="E0302"
            )
        for a, b in zip(input1.shape[:-1], input2.shape[:-1], strict=True):
            if not _same(cx, a, b):
                raise OpError(
                    f"{cx.name} takes two inputs of one shape but for the last dim, not {input1} and {input2}",
                    code="E0301",
                )
        return input1.with_shape((*input1.shape[:-1], self.out_features))

    def params(self) -> Iterator[Param]:
        shape = (self.out_features, self.in1_features, self.in2_features)
        yield Param("weight", shape, UniformFan(self.in1_features))
        if self.bias:
            yield Param("bias", (self.out_features,), UniformFan(self.in1_features))

    def onnx(self, g: Graph, input1: Value, input2: Value) -> Value:
        lead = "abcdefgh"[: len(input1.shape) - 1]
        y = g.Einsum(input1, g.param("weight"), input2, equation=f"{lead}i,oij,{lead}j->{lead}o")
        return g.Add(y, g.param("bias")) if self.bias else y


def _same(cx: Cx, a: Dim | Pack, b: Dim | Pack) -> bool:
    if isinstance(a, Pack) or isinstance(b, Pack):
        return a == b
    return cx.facts.equal(a, b)
