"""Layers that only change the shape."""

from __future__ import annotations

from math import prod

from spec_lang.ops.base import Cx, Layer, OpError, Tensor, axis_of
from spec_lang.ops.kinds import Axis
from spec_lang.ops.lowering import Graph, Value
from spec_lang.shapes import Pack, dim


class Flatten(Layer):
    """Joins the axes from `start_dim` to `end_dim` into one."""

    start_dim: Axis = 1
    end_dim: Axis = -1

    torch = "nn.Flatten"

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        start = axis_of(cx, input, self.start_dim, "start_dim")
        end = axis_of(cx, input, self.end_dim, "end_dim")
        if start > end:
            raise OpError(
                f"{cx.name} flattens from start_dim to end_dim, but {self.start_dim} lies behind {self.end_dim} in {input}",
                code="E0303",
                arg="start_dim",
            )
        joined = prod((d for d in input.shape[start : end + 1] if not isinstance(d, Pack)), start=dim(1))
        return input.with_shape((*input.shape[:start], joined, *input.shape[end + 1 :]))

    def onnx(self, g: Graph, input: Value) -> Value:
        rank = len(input.dims)
        start, end = self.start_dim % max(rank, 1), self.end_dim % max(rank, 1)
        if start == end and rank:
            return input
        if end == rank - 1 and start == 1:
            return g.Flatten(input)  # type: ignore[no-any-return] # an emitter
        joined = prod(input.dims[start : end + 1], start=dim(1))
        return g.reshape(input, [*input.dims[:start], joined, *input.dims[end + 1 :]])
