"""Similarities and distances of vectors: sizes and lowering, for the layers and the functions."""

from __future__ import annotations

from spec_lang.ops.base import Cx, OpError, Tensor, axis_of
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, known_float
from spec_lang.ops.rules.elementwise import LOWERING
from spec_lang.ops.rules.reductions import magnitude, reduced
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
    """x₁ · x₂ / (max(‖x₁‖, eps) max(‖x₂‖, eps)), each with all its elements along the axis."""
    both = broadcast(LOWERING.facts, x1.shape, x2.shape)
    axis %= len(both)
    limit = g.const(known_float(eps, "eps"), x1.dtype)
    x1, x2 = (_with_axis(g, x, both, axis) for x in (x1, x2))
    products = g.typed(g.Mul(x1, x2), x1.dtype, both)
    dot = reduced(g, "sum", products, [axis], False)
    behind = len(both) - axis
    norms = [g.Max(reduced(g, "L2", x, [len(x.shape) - behind], False), limit) for x in (x1, x2)]
    return g.Div(dot, g.Mul(*norms))


def _with_axis(g: Graph, x: Value, shape: Shape, axis: int) -> Value:
    """`x`, repeated where it lacks the axis or has 1 there."""
    behind = len(shape) - axis
    if behind <= len(x.shape) and x.shape[-behind] == shape[axis]:
        return x
    return g.typed(g.Expand(x, g.dims(x.with_shape(shape).dims)), x.dtype, shape)


def pairwise_type(cx: Cx, x1: Tensor, x2: Tensor, keepdim: bool) -> Tensor:
    """The broadcast type with the last axis reduced."""
    shape = _pair(cx, x1, x2)
    if not shape:
        raise OpError(f"{cx.name} compares vectors, but its inputs have no dims", code="E0302")
    return x1.with_shape((*shape[:-1], dim(1)) if keepdim else shape[:-1])


def pairwise_onnx(g: Graph, x1: Value, x2: Value, p: float, eps: float, keepdim: bool) -> Value:
    """‖x₁ - x₂ + eps‖_p over the last axis."""
    p, eps = known_float(p, "p"), known_float(eps, "eps")
    shape = broadcast(LOWERING.facts, x1.shape, x2.shape)
    difference = g.typed(g.Add(g.Sub(x1, x2), g.const(eps, x1.dtype)), x1.dtype, shape)
    return magnitude(g, difference, p, [len(shape) - 1], keepdim)
