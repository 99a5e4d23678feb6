"""Reductions along axes: their lowering, whose axes became an input in opset 18, of ReduceSum in 13."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.elementwise import NARROW, recast
from spec_lang.shapes import DType


def reduced(g: Graph, kind: str, x: Value, axes: Sequence[int] | None, keepdim: bool) -> Value:
    """One Reduce node; `kind` is `sum`, `mean`, `prod`, `max`, `min`, `any`, `all` or an ONNX suffix such as `L2`.

    `axes` are not negative; None reduces all. Sums of ints are i64, as PyTorch's. `max` and `min` of floats are NaN
    where one of them is; `Max` and `Min` leave that to the runtime, which passes over it.
    """
    if kind in ("any", "all"):
        y = reduced(
            g, "max" if kind == "any" else "min", g.cast(g.cast(x, DType.BOOL), DType.I32), axes, keepdim
        )
        return recast(g, y, DType.BOOL)
    if kind in ("sum", "prod") and not x.dtype.is_float:
        x = g.cast(x, DType.I64)
    if kind in ("max", "min") and (x.dtype in NARROW or x.dtype is DType.BOOL):
        y = reduced(g, kind, g.cast(x, DType.I32), axes, keepdim)
        return recast(g, y, x.dtype)
    if axes is not None and (not axes or not x.shape):
        return x
    if kind in ("max", "min") and x.dtype.is_float:
        return nan_where_one_is(g, reduced(g, kind.capitalize(), x, axes, keepdim), x, axes, keepdim)
    emit = getattr(g, f"Reduce{kind.capitalize() if kind.islower() else kind}")
    keep = {} if keepdim else {"keepdims": 0}
    if axes is None or list(axes) == list(range(len(x.shape))):
        return emit(x, **keep)
    if kind == "sum" or g.opset >= 18:
        return emit(x, g.ints(axes), **keep)
    return emit(x, axes=list(axes), **keep)


def nan_where_one_is(g: Graph, y: Value, x: Value, axes: Sequence[int] | None, keepdim: bool) -> Value:
    """What floats were reduced to, or NaN: the sum of their sizes is NaN where one of them is, and nowhere else."""
    size = reduced(g, "L1", x, axes, keepdim)
    return g.Where(g.IsNaN(size), size, y)


def maximum_over(g: Graph, x: Value, axes: list[int]) -> Value:
    """The largest along axes of a value whose type is not known."""
    if g.opset < 18:
        return g.ReduceMax(x, axes=axes, keepdims=0)
    return g.ReduceMax(x, g.ints(axes), keepdims=0)


def arg_extreme(g: Graph, kind: str, x: Value, axis: int, keepdim: bool) -> Value:
    """Where the first largest or smallest element along an axis is, or the first NaN."""
    if not x.shape:
        return g.const(0, DType.I64)
    if x.dtype in NARROW or x.dtype in (DType.I64, DType.BOOL):
        x = g.cast(x, DType.I32)
    keep = {} if keepdim else {"keepdims": 0}
    found = getattr(g, f"Arg{kind.capitalize()}")(x, axis=axis, **keep)
    if not x.dtype.is_float:
        return found
    nans = g.Cast(g.IsNaN(x), to=g.dtype(DType.I32))
    size = reduced(g, "L1", x, [axis], keepdim)
    return g.Where(g.IsNaN(size), g.ArgMax(nans, axis=axis, **keep), found)


def magnitude(g: Graph, x: Value, p: float, axes: Sequence[int] | None, keepdim: bool) -> Value:
    """(Σ |x| ** p) ** (1 / p); the limits are the largest and smallest |x|, and for p = 0 how many are not 0."""
    if p == 0:
        counted = g.Not(g.Equal(x, g.const(0.0, x.dtype)))
        ones = g.cast(g.typed(counted, DType.BOOL, x.shape), x.dtype)
        return reduced(g, "sum", ones, axes, keepdim)
    if not x.shape:
        return g.Abs(x)
    if p in (1, 2):
        return reduced(g, f"L{int(p)}", x, axes, keepdim)
    size = g.typed(g.Abs(x), x.dtype, x.shape)
    if math.isinf(p):
        return reduced(g, "max" if p > 0 else "min", size, axes, keepdim)
    powers = g.typed(g.Pow(size, g.const(p, x.dtype)), x.dtype, x.shape)
    return g.Pow(reduced(g, "sum", powers, axes, keepdim), g.const(1 / p, x.dtype))
