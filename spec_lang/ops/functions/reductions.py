"""Reductions over some dims or all of them.

Source: https://docs.pytorch.org/docs/stable/torch.html#reduction-ops
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, axis_of, known_rank, size_at
from spec_lang.ops.functions.arithmetic import log_add_exp, maximum, minimum
from spec_lang.ops.functions.shape import numel
from spec_lang.ops.kinds import Axes, Axis, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import known_float
from spec_lang.ops.rules.elementwise import EVERY, FLOATS, NARROW, NUMBERS, recast, takes
from spec_lang.ops.rules.reductions import arg_extreme, magnitude, nan_where_one_is, reduced
from spec_lang.shapes import Cond, DType, TensorType
from spec_lang.shapes import dim as as_dim


def with_dim(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse `keepdim` where `dim` is not given: PyTorch has no such overload.

    Raises:
        OpError: E0511.
    """
    if "keepdim" in kwargs and "dim" not in kwargs and len(args) < 2:
        raise OpError(
            f"{name} keeps dims only where `dim` says which are reduced", code="E0511", arg="keepdim"
        )


def reduced_shape(
    cx: Cx, x: Tensor, dims: Sequence[int] | None, keepdim: bool, *, whole: bool = False
) -> Tensor:
    """`x` without some dims, or with them of size 1; without all of them where `dims` is None or empty.

    `whole` allows `keepdim` without dims.

    Raises:
        OpError: a dim that is not there, or named twice; `keepdim` without dims.
    """
    if not dims:
        if keepdim and whole:
            return x.with_shape(tuple(as_dim(1) for _ in range(known_rank(cx, x))))
        if keepdim:
            raise OpError(
                f"{cx.name} keeps dims only where `dim` says which are reduced", code="E0511", arg="keepdim"
            )
        return x.with_shape(())
    axes = [axis_of(cx, x, d) for d in dims]
    if len(set(axes)) < len(axes):
        raise OpError(f"{cx.name} names a dim twice: {list(dims)}", code="E0303", arg="dim")
    if not x.shape:
        return x
    for d in dims:
        size_at(cx, x, d)
    kept = [as_dim(1) if i in axes else d for i, d in enumerate(x.shape) if keepdim or i not in axes]
    return x.with_shape(tuple(kept))


def not_empty(cx: Cx, x: Tensor, dims: Sequence[int] | None) -> None:
    """Demand an element to choose from."""
    if dims is None and x.rank is None:
        return
    for d in range(len(x.shape)) if not dims else dims if x.shape else ():
        size = size_at(cx, x, d)
        cx.require(Cond.ge(size, 1), f"{cx.name} of {x} has nothing to choose from", code="E0304")


def summed_dtype(x: Tensor, wanted: DType | None) -> DType:
    """The dtype of a sum or product: the one that was asked for, else ints and bools become int."""
    if wanted is not None:
        return wanted
    return x.dtype if x.dtype.is_float else DType.I64


class _Reduction(Function):
    """A number for all elements, or for those along `dim`."""

    input: Tensor
    dim: Axes | None = None
    keepdim: bool = False

    placement = "axes"
    kind: ClassVar[str]

    def axes(self) -> list[int] | None:
        """The reduced axes, not negative; None for all."""
        rank = len(self.input.shape)
        return [d % rank for d in self.dim] if self.dim and rank else None

    def onnx(self, g: Graph) -> Value:
        return reduced(g, self.kind, g.cast(self.input, self.infer_dtype()), self.axes(), self.keepdim)

    def infer_dtype(self) -> DType:
        """The dtype in which it is computed."""
        return self.input.dtype


class _SumOrMean(_Reduction):
    """PyTorch has no overload with `keepdim` alone."""

    @classmethod
    def arrange(
        cls, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Refuse `keepdim` without `dim`."""
        with_dim(cls.name, args, kwargs)
        return args, kwargs


class sum_(_SumOrMean):
    """The sum; of ints and bools as int."""

    dtype: DType | None = None

    name = "sum"
    torch = "torch.sum"
    method = True
    keywords = ("dtype",)
    keeps = ""
    kind = "sum"

    def infer(self, cx: Cx) -> Tensor:
        return reduced_shape(cx, self.input, self.dim, self.keepdim).with_dtype(self.infer_dtype())

    def infer_dtype(self) -> DType:
        return summed_dtype(self.input, self.dtype)

    def onnx(self, g: Graph) -> Value:
        dtype = self.infer_dtype()
        y = super().onnx(g)
        return y if dtype.is_float or dtype is DType.I64 else recast(g, y, dtype)


class mean(_SumOrMean):
    """The mean; of floats only."""

    dtype: DType | None = None

    torch = "torch.mean"
    method = True
    keywords = ("dtype",)
    keeps = ""
    kind = "mean"

    def infer(self, cx: Cx) -> Tensor:
        x = self.input.with_dtype(self.infer_dtype())
        takes(cx, x, FLOATS)
        return reduced_shape(cx, x, self.dim, self.keepdim)

    def infer_dtype(self) -> DType:
        return self.dtype or self.input.dtype


class prod(Function):
    """The product; of ints and bools as int."""

    input: Tensor
    dim: Axis | None = None
    keepdim: bool = False
    dtype: DType | None = None

    torch = "torch.prod"
    placement = "axes"
    method = True
    keywords = ("dtype",)
    keeps = "input result"

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Refuse `keepdim` without `dim`."""
        with_dim("prod", args, kwargs)
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor:
        dims = None if self.dim is None else [self.dim]
        return reduced_shape(cx, self.input, dims, self.keepdim).with_dtype(
            summed_dtype(self.input, self.dtype)
        )

    def onnx(self, g: Graph) -> Value:
        rank, dtype = len(self.input.shape), summed_dtype(self.input, self.dtype)
        axes = None if self.dim is None or not rank else [self.dim % rank]
        y = reduced(g, "prod", g.cast(self.input, dtype), axes, self.keepdim)
        return y if dtype.is_float or dtype is DType.I64 else recast(g, y, dtype)


class _Extreme(_Reduction):
    """The largest or smallest."""

    dim: Axes = ()
    keepdim: bool = False

    keeps = "input result"

    def infer(self, cx: Cx) -> Tensor:
        not_empty(cx, self.input, self.dim)
        if not self.dim and self.keepdim:
            return self.input.with_shape(tuple(as_dim(1) for _ in range(known_rank(cx, self.input))))
        return reduced_shape(cx, self.input, self.dim, self.keepdim)


class amax(_Extreme):
    """The largest element."""

    torch = "torch.amax"
    method = True
    kind = "max"


class amin(_Extreme):
    """The smallest element."""

    torch = "torch.amin"
    method = True
    kind = "min"


class _Choice(Function):
    """The largest or smallest element; along `dim` also where it is; of two tensors, element by element."""

    input: Tensor
    dim: Axis | None = None
    keepdim: bool = False
    other: Tensor | None = None

    keywords = ("other",)
    kind: ClassVar[str]
    pairwise: ClassVar[type[maximum | minimum]]

    @classmethod
    def arrange(
        cls, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """`max(x, y)` of two tensors."""
        with_dim(cls.name, args, kwargs)
        if len(args) > 1 and isinstance(args[1], TensorType):
            if len(args) > 2 or kwargs:
                raise OpError(f"{cls.name} of two tensors takes nothing else", code="E0510", arg="other")
            return args[:1], {"other": args[1]}
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor | tuple[Tensor, Tensor]:
        x = self.input
        if self.other is not None:
            if self.dim is not None or self.keepdim:
                raise OpError(f"{cx.name} takes another tensor or a dim, not both", code="E0510", arg="other")
            return self.pairwise(input=x, other=self.other).infer(cx)
        if self.dim is None:
            not_empty(cx, x, None)
            return reduced_shape(cx, x, None, self.keepdim)
        not_empty(cx, x, [self.dim])
        values = reduced_shape(cx, x, [self.dim], self.keepdim)
        return values, values.with_dtype(DType.I64)

    def onnx(self, g: Graph) -> Value | tuple[Value, Value]:
        x: Value = self.input
        if self.other is not None:
            return self.pairwise(input=x, other=self.other).onnx(g)
        if self.dim is None:
            return reduced(g, self.kind, x, None, False)
        axis = self.dim % max(len(x.shape), 1)
        values = reduced(g, self.kind, x, [axis], self.keepdim)
        return values, arg_extreme(g, self.kind, x, axis, self.keepdim)


class max_(_Choice):
    """The largest element; along `dim`, (values, indices); of two tensors, element by element."""

    name = "max"
    torch = "torch.max"
    kind = "max"
    pairwise = maximum


class min_(_Choice):
    """The smallest element; along `dim`, (values, indices); of two tensors, element by element."""

    name = "min"
    torch = "torch.min"
    kind = "min"
    pairwise = minimum


class _Arg(Function):
    """Where the largest or smallest element is, in the flattened tensor or along `dim`."""

    input: Tensor
    dim: Axis | None = None
    keepdim: bool = False

    kind: ClassVar[str]

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, NUMBERS)
        dims = None if self.dim is None else [self.dim]
        not_empty(cx, self.input, dims)
        return reduced_shape(cx, self.input, dims, self.keepdim).with_dtype(DType.I64)

    def onnx(self, g: Graph) -> Value:
        x = self.input
        if self.dim is None:
            flat = g.reshape(x, [numel(x.dims)])
            return arg_extreme(g, self.kind, flat, 0, False)
        return arg_extreme(g, self.kind, x, self.dim % max(len(x.shape), 1), self.keepdim)


class argmax(_Arg):
    """Where the largest element is."""

    torch = "torch.argmax"
    method = True
    kind = "max"


class argmin(_Arg):
    """Where the smallest element is."""

    torch = "torch.argmin"
    method = True
    kind = "min"


class _Quantifier(_Reduction):
    """Whether some or all elements are not 0."""

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, EVERY - {DType.U8})
        if self.dim == ():
            raise OpError(f"{cx.name} reduces along axes, but `dim` has none", code="E0501", arg="dim")
        return reduced_shape(cx, self.input, self.dim, self.keepdim, whole=True).with_dtype(DType.BOOL)


class any_(_Quantifier):
    """Whether some element is not 0."""

    name = "any"
    torch = "torch.any"
    kind = "any"


class all_(_Quantifier):
    """Whether no element is 0."""

    name = "all"
    torch = "torch.all"
    kind = "all"


class _Spread(Function):
    """The variance or its root; `correction` is what is taken off the count."""

    input: Tensor
    dim: Axes | None = None
    unbiased: bool | None = None
    correction: Number | None = None
    keepdim: bool = False

    keywords = ("unbiased", "correction", "keepdim")

    placement = "axes"

    @classmethod
    def arrange(
        cls, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """With `unbiased`, PyTorch keeps dims only where `dim` is given."""
        if "unbiased" in kwargs:
            with_dim(cls.name, args, kwargs)
            if "correction" in kwargs:
                raise OpError(
                    f"{cls.name} takes `unbiased` or `correction`, not both", code="E0510", arg="unbiased"
                )
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS)
        if self.unbiased is not None and self.correction is not None:
            raise OpError(
                f"{cx.name} takes `unbiased` or `correction`, not both", code="E0510", arg="unbiased"
            )
        return reduced_shape(cx, self.input, self.dim, self.keepdim, whole=True)

    def variance(self, g: Graph) -> Value:
        """Var[x]."""
        x = self.input
        rank = len(x.shape)
        axes = [d % rank for d in self.dim] if self.dim and rank else list(range(rank))
        centred = g.Sub(x, reduced(g, "mean", x, axes, True) if rank else x)
        squares = g.typed(g.Mul(centred, centred), x.dtype, x.shape)
        off = 1.0 if self.correction is None else known_float(self.correction, "correction")
        off = 0.0 if self.unbiased is False else off
        if not rank:
            return g.Div(squares, g.const(max(1.0 - off, 0.0), x.dtype))
        if off == 0:
            return reduced(g, "mean", squares, axes, self.keepdim)
        total = reduced(g, "sum", squares, axes, self.keepdim)
        count = numel([x.dims[a] for a in axes])
        if count.const is not None:
            return g.Div(total, g.const(max(count.const - off, 0.0), x.dtype))
        left = g.Sub(g.scalar(count, x.dtype), g.const(off, x.dtype))
        return g.Div(total, left if off <= 1 else g.Relu(left))


class var(_Spread):
    """The variance, of a sample unless `correction=0`."""

    torch = "torch.var"
    method = True
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        return self.variance(g)


class std(_Spread):
    """The standard deviation, of a sample unless `correction=0`."""

    torch = "torch.std"
    method = True
    keeps = "input result"

    def onnx(self, g: Graph) -> Value:
        return g.Sqrt(self.variance(g))


class _SpreadAndMean(_Spread):
    """The spread and the mean."""

    def infer(self, cx: Cx) -> tuple[Tensor, Tensor]:  # type: ignore[override] # two results
        result = super().infer(cx)
        return result, result

    def average(self, g: Graph) -> Value:
        """E[x]."""
        rank = len(self.input.shape)
        axes = [d % rank for d in self.dim] if self.dim and rank else None
        return reduced(g, "mean", self.input, axes, self.keepdim)


class var_mean(_SpreadAndMean):
    """(variance, mean), the variance of a sample unless `correction=0`."""

    torch = "torch.var_mean"
    method = False
    keeps = "input"

    def onnx(self, g: Graph) -> tuple[Value, Value]:
        return self.variance(g), self.average(g)


class std_mean(_SpreadAndMean):
    """(standard deviation, mean), the deviation of a sample unless `correction=0`."""

    torch = "torch.std_mean"
    method = False
    keeps = "input result"

    def onnx(self, g: Graph) -> tuple[Value, Value]:
        return g.Sqrt(self.variance(g)), self.average(g)


class aminmax(Function):
    """(smallest, largest) element, of all or along `dim`."""

    input: Tensor
    dim: Axis | None = None
    keepdim: bool = False

    torch = "torch.aminmax"
    keywords = ("dim", "keepdim")
    keeps = "input results"

    def infer(self, cx: Cx) -> tuple[Tensor, Tensor]:
        dims = None if self.dim is None else [self.dim]
        not_empty(cx, self.input, dims)
        result = reduced_shape(cx, self.input, dims, self.keepdim, whole=True)
        return result, result

    def onnx(self, g: Graph) -> tuple[Value, Value]:
        x = self.input
        axes = None if self.dim is None or not x.shape else [self.dim % len(x.shape)]
        low, high = (reduced(g, kind, x, axes, self.keepdim) for kind in ("min", "max"))
        return low, high


class count_nonzero(Function):
    """How many elements are not 0, of all or along `dim`."""

    input: Tensor
    dim: Axes | None = None

    torch = "torch.count_nonzero"
    placement = "axes"

    def infer(self, cx: Cx) -> Tensor:
        return reduced_shape(cx, self.input, self.dim, False).with_dtype(DType.I64)

    def onnx(self, g: Graph) -> Value:
        x = g.cast(self.input, DType.BOOL)
        axes = [d % len(x.shape) for d in self.dim] if self.dim and x.shape else None
        return reduced(g, "sum", g.cast(x, DType.I64), axes, False)


class _Certain(_SumOrMean):
    """A reduction of the elements that are not NaN."""

    dtype: DType | None = None

    keywords = ("dtype",)

    def numbers(self, g: Graph) -> tuple[Value, Value]:
        """Whether each element is a number, and the elements with 0 in place of NaN."""
        dtype = self.infer_dtype()
        x = g.cast(self.input, dtype)
        kept = g.typed(g.Not(g.IsNaN(x)), DType.BOOL, x.shape)
        return kept, g.typed(g.Where(kept, x, g.const(0.0, dtype)), dtype, x.shape)


class nansum(_Certain):
    """The sum of the elements that are not NaN; of ints and bools as int."""

    torch = "torch.nansum"
    keeps = "input"

    def infer(self, cx: Cx) -> Tensor:
        return sum_(**vars(self)).infer(cx)

    def infer_dtype(self) -> DType:
        return sum_(**vars(self)).infer_dtype()

    def onnx(self, g: Graph) -> Value:
        if not self.infer_dtype().is_float:
            return sum_(**vars(self)).onnx(g)
        return reduced(g, "sum", self.numbers(g)[1], self.axes(), self.keepdim)


class nanmean(_Certain):
    """The mean of the elements that are not NaN; of floats only."""

    torch = "torch.nanmean"

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS)
        return mean(**vars(self)).infer(cx)

    def infer_dtype(self) -> DType:
        return self.dtype or self.input.dtype

    def onnx(self, g: Graph) -> Value:
        kept, x = self.numbers(g)
        total = reduced(g, "sum", x, self.axes(), self.keepdim)
        return g.Div(total, reduced(g, "sum", g.cast(kept, x.dtype), self.axes(), self.keepdim))


class norm(Function):
    """(sum |x| ** p) ** (1 / p); "fro" is p = 2."""

    input: Tensor
    p: Number | Literal["fro"] = "fro"
    dim: Axes | None = None
    keepdim: bool = False
    dtype: DType | None = None

    torch = "torch.norm"
    placement = "axes"
    keeps = "input result"

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS)
        x = self.input.with_dtype(self.dtype or self.input.dtype)
        if x.dtype not in (self.input.dtype, DType.F64):
            raise OpError(
                f"{cx.name} of {self.input} cannot be narrowed to {x.dtype}", code="E0401", arg="dtype"
            )
        return reduced_shape(cx, x, self.dim, self.keepdim, whole=True)

    def onnx(self, g: Graph) -> Value:
        x = g.cast(self.input, self.dtype or self.input.dtype)
        axes = [d % len(x.shape) for d in self.dim] if self.dim and x.shape else None
        p = 2.0 if self.p == "fro" else known_float(self.p, "p")
        return magnitude(g, x, p, axes, self.keepdim)


class logsumexp(Function):
    """log sum exp(x) along `dim`."""

    input: Tensor
    dim: Axes
    keepdim: bool = False

    torch = "torch.logsumexp"
    placement = "axes"
    keeps = "input result"

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS)
        return reduced_shape(cx, self.input, self.dim, self.keepdim)

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        axes = [d % len(x.shape) for d in self.dim] if x.shape else None
        return nan_where_one_is(g, reduced(g, "LogSumExp", x, axes, self.keepdim), x, axes, self.keepdim)


class _Running(Function):
    """A running sum or product along `dim`."""

    input: Tensor
    dim: Axis
    dtype: DType | None = None

    keywords = ("dtype",)

    placement = "axes; whole dim"

    def infer(self, cx: Cx) -> Tensor:
        axis_of(cx, self.input, self.dim)
        if self.dtype is DType.BOOL:
            raise OpError(f"{cx.name} gives numbers, not bools", code="E0401", arg="dtype")
        return self.input.with_dtype(self.result())

    def result(self) -> DType:
        return summed_dtype(self.input, self.dtype)


class cumsum(_Running):
    """The running sum along `dim`."""

    torch = "torch.cumsum"
    method = True
    keeps = ""

    def onnx(self, g: Graph) -> Value:
        dtype = self.result()
        x = g.cast(self.input, dtype)
        if not x.shape:
            return x
        if dtype in NARROW:
            y = g.CumSum(g.cast(x, DType.I32), g.const(self.dim % len(x.shape), DType.I64))
            return recast(g, y, dtype)
        return g.CumSum(x, g.const(self.dim % len(x.shape), DType.I64))


class cumprod(_Running):
    """The running product along `dim`."""

    torch = "torch.cumprod"
    keeps = "input result"

    def onnx(self, g: Graph) -> Value:
        dtype = self.result()
        wide = DType.I32 if dtype in NARROW else dtype
        x = g.cast(self.input, wide)
        if not x.shape or 0 in x.dims:  # runtimes stop at a recurrence over nothing
            return recast(g, x, dtype)
        axis = self.dim % len(x.shape)
        rest = (*x.shape[:axis], *x.shape[axis + 1 :])
        one = g.typed(g.Expand(g.const(1, wide), g.dims(x.with_shape(rest).dims)), wide, rest)

        def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
            product = g.typed(g.Mul(*states, *rows), wide, rest)
            return [product], [product]

        _, [y] = g.scan(step, [one], [x], axis=axis)
        return recast(g, y, dtype)


class logcumsumexp(Function):
    """log of the running sum of exp(x) along `dim`."""

    input: Tensor
    dim: Axis

    torch = "torch.logcumsumexp"
    keeps = "input result"

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS)
        axis_of(cx, self.input, self.dim)
        return self.input

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        if not x.shape or 0 in x.dims:
            return x
        axis = self.dim % len(x.shape)
        rest = x.with_shape((*x.shape[:axis], *x.shape[axis + 1 :]))

        def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
            total = g.typed(log_add_exp(g, states[0], rows[0], x.dtype), x.dtype, rest.shape)
            return [total], [total]

        start = g.typed(g.Expand(g.const(-math.inf, x.dtype), g.dims(rest.dims)), x.dtype, rest.shape)
        _, [y] = g.scan(step, [start], [x], axis=axis)
        return y


class _RunningExtreme(Function):
    """The largest or smallest element so far along `dim`, and where the last such one is."""

    input: Tensor
    dim: Axis

    node: ClassVar[str]

    def infer(self, cx: Cx) -> tuple[Tensor, Tensor]:
        axis_of(cx, self.input, self.dim)
        return self.input, self.input.with_dtype(DType.I64)

    def onnx(self, g: Graph) -> tuple[Value, Value]:
        x = self.input
        if not x.shape or 0 in x.dims:
            return x, g.Expand(g.const(0, DType.I64), g.dims(x.dims))
        axis = self.dim % len(x.shape)
        wide = DType.I32 if x.dtype in NARROW or x.dtype is DType.BOOL else x.dtype
        x = g.cast(x, wide)
        rest = x.with_shape((*x.shape[:axis], *x.shape[axis + 1 :]))
        length = x.dims[axis]
        places = g.typed(g.Range(g.dim(0), g.dim(length), g.dim(1)), DType.I64, (length,))
        behind = len(x.shape) - axis - 1
        if behind or axis:
            column = g.reshape(places, [*[as_dim(1)] * axis, length, *[as_dim(1)] * behind])
            places = g.typed(g.Expand(column, g.dims(x.dims)), DType.I64, x.shape)

        def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
            (best, at), (row, place) = states, rows
            better = getattr(g, self.node)(row, best)
            if wide.is_float:
                better = g.Or(better, g.IsNaN(row))
            best = g.typed(g.Where(better, row, best), wide, rest.shape)
            at = g.typed(g.Where(better, place, at), DType.I64, rest.shape)
            return [best, at], [best, at]

        first = g.typed(g.Gather(x, g.const(0, DType.I64), axis=axis), wide, rest.shape)
        none = g.typed(g.Expand(g.const(0, DType.I64), g.dims(rest.dims)), DType.I64, rest.shape)
        _, [y, index] = g.scan(step, [first, none], [x, places], axis=axis)
        return recast(g, y, self.input.dtype), index


class cummax(_RunningExtreme):
    """The largest element so far along `dim`, and where the last such one is."""

    torch = "torch.cummax"
    node = "GreaterOrEqual"


class cummin(_RunningExtreme):
    """The smallest element so far along `dim`, and where the last such one is."""

    torch = "torch.cummin"
    node = "LessOrEqual"
