"""Functions of elements in order: what stands where, and between which ones a value lies.

Source: https://docs.pytorch.org/docs/stable/torch.html#comparison-ops
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank, size_at
from spec_lang.ops.functions.arithmetic import between
from spec_lang.ops.functions.reductions import not_empty, reduced_shape, with_dim
from spec_lang.ops.functions.selection import one_axis, ranking, sort
from spec_lang.ops.functions.shape import numel, transposed
from spec_lang.ops.kinds import Axis, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import alike, number
from spec_lang.ops.rules.elementwise import LOWERING, NUMBERS, operand, same_dtype, takes
from spec_lang.ops.rules.reductions import reduced
from spec_lang.shapes import Cond, Dim, DType, Shape, TensorType


def _last(g: Graph, x: Value, k: Dim, axis: int, keepdim: bool) -> tuple[Value, Value]:
    """The k-th smallest element along an axis, and where it is."""
    values, places = ranking(g, x, k, axis, False)
    at = g.const(-1, DType.I64) if not keepdim else g.ints([-1])
    return g.Gather(values, at, axis=axis), g.Gather(places, at, axis=axis)


def _has_nan(g: Graph, x: Value, axis: int, keepdim: bool) -> Value:
    """Whether there is a NaN along an axis."""
    return g.IsNaN(reduced(g, "L1", x, [axis], keepdim))


def _nan_first(
    g: Graph, x: Value, found: tuple[Value, Value], axis: int, keepdim: bool
) -> tuple[Value, Value]:
    """A value and its place along an axis; the first NaN where there is one."""
    nan = _has_nan(g, x, axis, keepdim)
    nans = g.Cast(g.IsNaN(x), to=g.dtype(DType.I32))
    first = g.ArgMax(nans, axis=axis, keepdims=int(keepdim))
    return g.Where(nan, g.const(math.nan, x.dtype), found[0]), g.Where(nan, first, found[1])


class kthvalue(Function):
    """The k-th smallest element along `dim`, and where it is."""

    input: Tensor
    k: Dim
    dim: Axis = -1
    keepdim: bool = False

    torch = "torch.kthvalue"

    def infer(self, cx: Cx) -> tuple[Tensor, Tensor]:
        x = self.input
        takes(cx, x, NUMBERS)
        size = size_at(cx, one_axis(x), self.dim)
        within = Cond.ge(self.k, 1) & Cond.le(self.k, size)
        cx.require(within, f"{cx.name} takes k from 1 to {size}, but k is {self.k}", code="E0501", arg="k")
        values = reduced_shape(cx, x, [self.dim], self.keepdim)
        return values, values.with_dtype(DType.I64)

    def onnx(self, g: Graph) -> tuple[Value, Value]:
        x = self.input
        if not x.shape:
            return x, g.const(0, DType.I64)
        return _last(g, x, self.k, self.dim % len(x.shape), self.keepdim)


class median(Function):
    """The middle element, the lower of two; along `dim`, (values, indices)."""

    input: Tensor
    dim: Axis | None = None
    keepdim: bool = False

    torch = "torch.median"

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Refuse `keepdim` without `dim`."""
        with_dim("median", args, kwargs)
        if None in (kwargs.get("dim", 0), *args[1:2]):
            raise OpError("median takes an int for `dim`, or no `dim`", code="E0514", arg="dim")
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor | tuple[Tensor, Tensor]:
        x = self.input
        takes(cx, x, NUMBERS)
        if self.dim is None:
            not_empty(cx, x, None)
            return x.with_shape(())
        not_empty(cx, x, [self.dim])
        values = reduced_shape(cx, x, [self.dim], self.keepdim)
        return values, values.with_dtype(DType.I64)

    def onnx(self, g: Graph) -> Value | tuple[Value, Value]:
        x: Value = self.input
        if not x.shape:
            return x if self.dim is None else (x, g.const(0, DType.I64))
        if self.dim is None:
            x = g.reshape(x, [numel(x.dims)])
        axis = 0 if self.dim is None else self.dim % len(x.shape)
        found = _last(g, x, (x.dims[axis] + 1) // 2, axis, self.keepdim)
        if x.dtype.is_float:
            found = _nan_first(g, x, found, axis, self.keepdim)
        return found[0] if self.dim is None else found


class quantile(Function):
    """The element at q of the way from the smallest to the largest, or between two, of all or along `dim`; of several q,
    one behind the other along a new first dim."""

    input: Tensor
    q: Number | Tensor
    dim: Axis | None = None
    keepdim: bool = False
    interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear"

    torch = "torch.quantile"
    keywords = ("interpolation",)

    def infer(self, cx: Cx) -> Tensor:
        x, q = self.input, self.q
        takes(cx, x, {DType.FLOAT, DType.F32, DType.F64})
        several: Shape = ()
        if isinstance(q, TensorType):
            same_dtype(cx, x, q)
            known_rank(cx, q, (0, 1), "`q`")
            several = q.shape
        else:
            number(cx, ">=", 0, q=q)
            number(cx, "<=", 1, q=q)
        dims = None if self.dim is None else [self.dim]
        not_empty(cx, x, dims)
        one = reduced_shape(cx, x, dims, self.keepdim, whole=True)
        return one.with_shape((*several, *one.shape))

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        shape = self.infer(LOWERING).dims
        several = isinstance(self.q, Value) and len(self.q.shape) == 1
        if not x.shape:
            return g.Expand(x, g.dims(shape)) if several else x
        if self.dim is None:
            x = g.reshape(x, [numel(x.dims)])
        axis = 0 if self.dim is None else self.dim % len(x.shape)
        size = x.dims[axis]
        ordered, _ = ranking(g, x, size, axis, False)
        q = self.q if isinstance(self.q, Value) else operand(g, self.q, x.dtype)
        y = self._between(g, ordered, q, size, axis, len(x.shape) - axis - 1 if several else 0, x.dtype)
        y = g.Where(_has_nan(g, x, axis, several), g.const(math.nan, x.dtype), y)
        rest = (*x.dims[:axis], *x.dims[axis + 1 :])
        if several:
            count = self.q.dims[0]
            y = g.typed(y, x.dtype, (*x.dims[:axis], count, *x.dims[axis + 1 :]))
            y = transposed(g, y, [axis, *(i for i in range(len(x.shape)) if i != axis)])
            rest = (count, *rest)
        return g.reshape(g.typed(y, x.dtype, rest), shape) if self.keepdim else y

    def _between(
        self, g: Graph, ordered: Value, q: Value, size: Dim, axis: int, behind: int, dtype: DType
    ) -> Value:
        """The element at the rank q (size - 1), or what lies between its two neighbours; `behind` axes follow its own."""

        def at(rank: Value) -> Value:
            place = g.Cast(rank, to=g.dtype(DType.I64))
            return g.Gather(ordered, place, axis=axis)

        rank = g.Mul(q, g.scalar(size - 1, dtype))
        one = {"lower": "Floor", "higher": "Ceil", "nearest": "Round"}.get(self.interpolation)
        if one is not None:
            return at(getattr(g, one)(rank))
        below = g.Floor(rank)
        low, high = at(below), at(g.Ceil(rank))
        weight = g.const(0.5, dtype) if self.interpolation == "midpoint" else g.Sub(rank, below)
        if behind:
            weight = g.Unsqueeze(weight, g.ints(list(range(-behind, 0))))
        return between(g, low, high, weight, dtype)


class msort(Function):
    """The elements along the first dim in order."""

    input: Tensor

    torch = "torch.msort"

    def infer(self, cx: Cx) -> Tensor:
        return sort(input=self.input, dim=0).infer(cx)[0]

    def onnx(self, g: Graph) -> Value:
        return sort(input=self.input, dim=0, descending=False).onnx(g)[0]


def counted(g: Graph, ordered: Value, x: Value, right: bool, dtype: DType) -> Value:
    """How many elements of the last axis of `ordered` are below each of `x`, or with `right` at most it."""
    wide = g.Unsqueeze(x, g.ints([len(x.shape)]))
    rows = ordered if len(ordered.shape) == 1 else g.Unsqueeze(ordered, g.ints([len(ordered.shape) - 1]))
    before = g.LessOrEqual(rows, wide) if right else g.Less(rows, wide)
    if x.dtype.is_float:  # NaN stands behind all numbers
        before = g.Or(before, g.IsNaN(wide))
    size = ordered.dims[-1]
    ones = g.cast(g.typed(before, DType.BOOL, (*x.shape, size)), dtype)
    return reduced(g, "sum", ones, [len(x.shape)], False)


_COMPARED = frozenset({DType.FLOAT, DType.F32, DType.F64, DType.I64, DType.I32})
"""What both PyTorch and ONNX runtimes compare in order."""


class searchsorted(Function):
    """Where each element would be put among sorted ones: before those that equal it, with `right` behind them."""

    sorted_sequence: Tensor
    input: Tensor
    out_int32: bool = False
    right: bool = False
    side: Literal["left", "right"] | None = None
    sorter: Tensor | None = None

    torch = "torch.searchsorted"
    method = False
    keywords = ("out_int32", "right", "side", "sorter")

    def infer(self, cx: Cx) -> Tensor:
        ordered, x = self.sorted_sequence, self.input
        takes(cx, ordered, _COMPARED)
        same_dtype(cx, ordered, x)
        if self.right and self.side == "left":
            raise OpError(f'{cx.name} takes `right` or side="left", not both', code="E0502", arg="side")
        self._check_shapes(cx, ordered, x)
        if self.sorter is not None:
            takes(cx, self.sorter, {DType.I64}, "its sorter")
            if not alike(cx, self.sorter.shape, ordered.shape):
                raise OpError(
                    f"{cx.name} takes a sorter of the shape of {ordered}, but gets {self.sorter}",
                    code="E0302",
                    arg="sorter",
                )
        return x.with_dtype(DType.I32 if self.out_int32 else DType.I64)

    def _check_shapes(self, cx: Cx, ordered: Tensor, x: Tensor) -> None:
        rank = known_rank(cx, ordered)
        if rank == 1:
            known_rank(cx, x)
            return
        if not rank or known_rank(cx, x) != rank:
            raise OpError(
                f"{cx.name} takes one sorted sequence or one for each row, but gets {ordered} and {x}",
                code="E0302",
            )
        for a, b in zip(ordered.dims[:-1], x.dims[:-1], strict=True):
            cx.equal(a, b, f"{cx.name}: the rows of {ordered} and {x} differ")

    def onnx(self, g: Graph) -> Value:
        ordered: Value = self.sorted_sequence
        if self.sorter is not None:
            sorted_ = g.GatherElements(ordered, self.sorter, axis=-1)
            ordered = g.typed(sorted_, ordered.dtype, ordered.shape)
        right = self.right or self.side == "right"
        return g.Cast(
            counted(g, ordered, self.input, right, DType.I32),
            to=g.dtype(DType.I32 if self.out_int32 else DType.I64),
        )


class bucketize(Function):
    """Between which boundaries each element lies: boundaries[i - 1] < x <= boundaries[i], with `right` <= and <."""

    input: Tensor
    boundaries: Tensor
    out_int32: bool = False
    right: bool = False

    torch = "torch.bucketize"
    method = False
    keywords = ("out_int32", "right")

    def _search(self) -> searchsorted:
        return searchsorted(
            sorted_sequence=self.boundaries,
            input=self.input,
            out_int32=self.out_int32,
            right=self.right,
            side=None,
            sorter=None,
        )

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.boundaries, (1,), "`boundaries`")
        return self._search().infer(cx)

    def onnx(self, g: Graph) -> Value:
        return self._search().onnx(g)
