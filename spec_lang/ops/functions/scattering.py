"""Functions that write into places of a tensor, and give the result; `scatter` itself is in `selection`.

Source: https://docs.pytorch.org/docs/stable/torch.html#indexing-slicing-joining-mutating-ops
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, axis_of, known_rank
from spec_lang.ops.functions.selection import _smaller_elsewhere, as_shaped, one_axis, with_one_axis
from spec_lang.ops.functions.shape import numel
from spec_lang.ops.kinds import Axis, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import alike
from spec_lang.ops.rules.elementwise import FLOATS, NUMBERS, fits, operand, same_dtype, takes
from spec_lang.shapes import Dim, DType, dim


class _AlongIndex(Function):
    """Writes the slices of `source` at the indices of one dim."""

    input: Tensor
    dim: Axis
    index: Tensor

    def check_index(self, cx: Cx, dtypes: Sequence[DType]) -> None:
        takes(cx, self.index, dtypes, "its index")
        known_rank(cx, self.index, (0, 1), "its index")

    def check_source(self, cx: Cx, source: Tensor) -> None:
        """Demand slices of the input, as many as there are indices."""
        x = one_axis(self.input)
        same_dtype(cx, x, source)
        axis = axis_of(cx, x, self.dim)
        wanted = (*x.shape[:axis], one_axis(self.index).dims[0], *x.shape[axis + 1 :])
        message = (
            f"{cx.name} writes {source} at {self.index} along dim {self.dim} of {x}: the shapes do not fit"
        )
        source = one_axis(source)
        if len(source.shape) != len(x.shape):
            raise OpError(message, code="E0302", arg="source")
        for a, b in zip(source.shape, wanted, strict=True):
            if isinstance(a, Dim) and isinstance(b, Dim):
                cx.equal(a, b, message, arg="source")
            elif a != b:
                raise OpError(message, code="E0302", arg="source")

    def written(self, g: Graph, source: Value, **reduction: str) -> Value:
        """The input with slices of the source at the indices."""
        places, axis = self.places(g)
        x = with_one_axis(g, self.input)
        y = g.ScatterElements(x, places, with_one_axis(g, source), axis=axis, **reduction)
        return as_shaped(g, y, self.input)

    def places(self, g: Graph) -> tuple[Value, int]:
        """The indices, repeated for every element of their slices, and the axis."""
        x, index = one_axis(self.input), with_one_axis(g, self.index)
        axis = self.dim % len(x.shape)
        count = index.dims[0]
        column = g.reshape(index, [*[dim(1)] * axis, count, *[dim(1)] * (len(x.shape) - axis - 1)])
        return g.Expand(column, g.dims((*x.dims[:axis], count, *x.dims[axis + 1 :]))), axis


class index_add(_AlongIndex):
    """`input` with alpha times the slices of `source` added at some indices along `dim`."""

    source: Tensor  # type: ignore[misc] # PyTorch's name; the class attribute is never set here
    alpha: Number = 1

    torch = "torch.index_add"
    keywords = ("alpha",)

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS | {DType.I64, DType.I32})
        if not self.input.dtype.is_float and type(self.alpha) is not Dim:
            raise OpError(f"{cx.name} of {self.input} takes an int alpha", code="E0401", arg="alpha")
        self.check_index(cx, (DType.I64, DType.I32))
        if len(self.source.shape) != len(self.input.shape):
            raise OpError(
                f"{cx.name} takes a source of as many dims as {self.input}, but gets {self.source}",
                code="E0302",
                arg="source",
            )
        self.check_source(cx, self.source)
        return self.input

    def onnx(self, g: Graph) -> Value:
        source = self.source
        if self.alpha != 1:
            scaled = g.Mul(source, operand(g, self.alpha, self.input.dtype))
            source = g.typed(scaled, source.dtype, source.shape)
        return self.written(g, source, reduction="add")


class index_copy(_AlongIndex):
    """`input` with the slices of `source` at some indices along `dim`, which differ."""

    source: Tensor  # type: ignore[misc] # PyTorch's name; the class attribute is never set here

    torch = "torch.index_copy"

    def infer(self, cx: Cx) -> Tensor:
        self.check_index(cx, (DType.I64,))
        self.check_source(cx, self.source)
        return self.input

    def onnx(self, g: Graph) -> Value:
        return self.written(g, self.source)


class index_fill(_AlongIndex):
    """`input` with a number at some indices along `dim`."""

    value: Number

    torch = ".index_fill"
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        takes(cx, x, NUMBERS)
        self.check_index(cx, (DType.I64,))
        axis_of(cx, x, self.dim)
        if not x.dtype.is_float and type(self.value) is not Dim:
            raise OpError(f"{cx.name} cannot put {self.value} among {x.dtype}", code="E0401", arg="value")
        fits(cx, x.dtype, self.value)
        return x

    def onnx(self, g: Graph) -> Value:
        places, axis = self.places(g)
        x = with_one_axis(g, self.input)
        value = g.Expand(operand(g, self.value, x.dtype), g.Shape(places))
        return as_shaped(g, g.ScatterElements(x, places, value, axis=axis), self.input)


class take(Function):
    """The elements at some places of the flattened tensor."""

    input: Tensor
    index: Tensor

    torch = "torch.take"
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.input)
        takes(cx, self.index, {DType.I64}, "its index")
        return self.input.with_shape(self.index.shape)

    def onnx(self, g: Graph) -> Value:
        return g.Gather(g.reshape(self.input, [numel(self.input.dims)]), self.index)


class scatter_reduce(Function):
    """`input` and the elements of `src` at `index` along `dim`, reduced where they meet; without it if not `include_self`."""

    input: Tensor
    dim: Axis
    index: Tensor
    src: Tensor
    reduce: Literal["sum", "prod", "mean", "amax", "amin"]
    include_self: bool = True

    torch = "torch.scatter_reduce"
    keywords = ("include_self",)
    keeps = "inputs result"

    neutral: ClassVar[dict[str, float]] = {
        "sum": 0.0,
        "mean": 0.0,
        "prod": 1.0,
        "amax": -math.inf,
        "amin": math.inf,
    }
    nodes: ClassVar[dict[str, str]] = {
        "sum": "add",
        "mean": "add",
        "prod": "mul",
        "amax": "max",
        "amin": "min",
    }

    def infer(self, cx: Cx) -> Tensor:
        x, index, src = one_axis(self.input), one_axis(self.index), one_axis(self.src)
        takes(cx, x, {DType.FLOAT, DType.F32, DType.F64})
        same_dtype(cx, x, src)
        takes(cx, index, {DType.I64, DType.I32}, "its index")
        _smaller_elsewhere(cx, x, index, self.dim, "its index")
        if not alike(cx, src.shape, index.shape):
            raise OpError(
                f"{cx.name} takes src of the shape of its index {index}, but gets {src}",
                code="E0302",
                arg="src",
            )
        return self.input

    def onnx(self, g: Graph) -> Value:
        if not self.input.shape or not self.index.shape or not self.src.shape:
            given = {a: with_one_axis(g, getattr(self, a)) for a in ("input", "index", "src")}
            y = type(self)(**{**vars(self), **given}).onnx(g)
            return as_shaped(g, y, self.input)
        return self._scattered(g)

    def _scattered(self, g: Graph) -> Value:
        x: Value = self.input
        if not self.include_self:
            none = g.Expand(g.const(self.neutral[self.reduce], x.dtype), g.dims(self.index.dims))
            x = g.typed(g.ScatterElements(x, self.index, none, axis=self._axis()), x.dtype, x.shape)
        y = self._reduced(g, x, self.src)
        if self.reduce != "mean":
            return y
        count = g.Expand(g.const(float(self.include_self), x.dtype), g.dims(x.dims))
        ones = g.Expand(g.const(1.0, x.dtype), g.dims(self.index.dims))
        count = g.ScatterElements(count, self.index, ones, axis=self._axis(), reduction="add")
        return g.Div(y, g.Max(count, g.const(1.0, x.dtype)))

    def _axis(self) -> int:
        return self.dim % len(self.input.shape)

    def _reduced(self, g: Graph, x: Value, src: Value) -> Value:
        node = self.nodes[self.reduce]
        if g.opset < 18 and node in ("max", "min"):
            return self._one_by_one(g, x, src, "Max" if node == "max" else "Min")
        return g.ScatterElements(x, self.index, src, axis=self._axis(), reduction=node)

    def _one_by_one(self, g: Graph, x: Value, src: Value, node: str) -> Value:
        """One slice of `src` after another: within a slice no place is met twice."""
        axis, index = self._axis(), g.cast(self.index, DType.I64)

        def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
            at, row = (g.Unsqueeze(r, g.ints([axis])) for r in rows)
            best = getattr(g, node)(g.GatherElements(states[0], at, axis=axis), row)
            return [g.ScatterElements(states[0], at, best, axis=axis)], []

        [y], _ = g.scan(step, [x], [index, src], axis=axis)
        return y
