"""Similarities and distances of vectors: sizes and lowering, for the layers and the functions."""

from __future__ import annotations

import math

from spec_lang.ops.base import Cx, OpError, Tensor, axis_of
from spec_lang.ops.lowering import Graph, Unsupported, Value
from spec_lang.ops.rules.adaptive import maximum_over
from spec_lang.ops.rules.arguments import any_float, known_float
from spec_lang.shapes import Shape, broadcast, dim
from spec_lang.shapes.broadcasting import BroadcastError


def _pair(cx: Cx, x1: Tensor, x2: Tensor) -> Shape:
    """The broadcast shape of two float tensors of one dtype."""
    any_float(cx, x1, "its first input")
    any_float(cx, x2, "its second input")
    if x1.dtype is not x2.dtype:
        raise OpError(f"{cx.name} takes two inputs of one dtype, not {x1} and {x2}", code="E0410")
    try:
        return broadcast(cx.facts, x1.shape, x2.shape)
    except BroadcastError:
        raise OpError(f"{cx.name} cannot pair {x1} with {x2}", code="E0305") from None


def cosine_type(cx: Cx, x1: Tensor, x2: Tensor, axis: int) -> Tensor:
    """The broadcast type without `axis`."""
    both = x1.with_shape(_pair(cx, x1, x2))
    at = axis_of(cx, both, axis)
    if not both.shape:
        raise OpError(f"{cx.name} compares vectors, but its inputs have no dims", code="E0302")
    return both.with_shape((*both.shape[:at], *both.shape[at + 1 :]))


def cosine_onnx(g: Graph, x1: Value, x2: Value, axis: int, eps: float) -> Value:
    """x₁ · x₂ / (max(‖x₁‖, eps) max(‖x₂‖, eps)); a negative axis is the same one in both."""
    rank = max(len(x1.dims), len(x2.dims))
    axis = axis if axis < 0 else axis - rank
    if -axis > min(len(x1.dims), len(x2.dims)):
        raise Unsupported("the cosine similarity along an axis that only one input has")
    limit = g.const(known_float(eps, "eps"), x1.dtype)
    if x1.dims[axis] != x2.dims[axis]:
        raise Unsupported("the cosine similarity along an axis that is broadcast")
    dot = reduced(g, "ReduceSum", g.Mul(x1, x2), axis)
    norms = [g.Max(reduced(g, "ReduceL2", x, axis), limit) for x in (x1, x2)]
    return g.Div(dot, g.Mul(*norms))


def reduced(g: Graph, op: str, x: Value, axis: int, keepdims: bool = False) -> Value:
    """A reduction over one axis; its axes became an input in opset 18, of ReduceSum in 13."""
    keep = {} if keepdims else {"keepdims": 0}
    if g.opset < 18 and op != "ReduceSum":
        return getattr(g, op)(x, axes=[axis], **keep)
    return getattr(g, op)(x, g.ints([axis]), **keep)


def pairwise_type(cx: Cx, x1: Tensor, x2: Tensor, keepdim: bool) -> Tensor:
    """The broadcast type with the last axis reduced."""
    shape = _pair(cx, x1, x2)
    if not shape:
        raise OpError(f"{cx.name} compares vectors, but its inputs have no dims", code="E0302")
    return x1.with_shape((*shape[:-1], dim(1)) if keepdim else shape[:-1])


def pairwise_onnx(g: Graph, x1: Value, x2: Value, p: float, eps: float, keepdim: bool) -> Value:
    """‖x₁ - x₂ + eps‖_p over the last axis."""
    p, eps = known_float(p, "p"), known_float(eps, "eps")
    difference = g.Add(g.Sub(x1, x2), g.const(eps, x1.dtype))
    if p in (1.0, 2.0):
        return reduced(g, f"ReduceL{int(p)}", difference, -1, keepdim)
    if p == math.inf:
        return maximum_over(g, g.Abs(difference), [-1], keepdim)
    if p <= 0:
        raise Unsupported(f"the pairwise distance of order {p}")
    total = reduced(g, "ReduceSum", g.Pow(g.Abs(difference), g.const(p, x1.dtype)), -1, keepdim)
    return g.Pow(total, g.const(1 / p, x1.dtype))
