"""Functions that make tensors.

Source: https://docs.pytorch.org/docs/stable/torch.html#creation-ops
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank
from spec_lang.ops.functions.shape import numel
from spec_lang.ops.kinds import Number, Sizes
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import MAX_CONSTANT, at_least, written_out
from spec_lang.ops.rules.elementwise import FLOATS, fits, same_dtype, takes
from spec_lang.shapes import Cond, Dim, DType, TensorType, dim
from spec_lang.shapes import maximum as largest


class arange(Function):
    """start, start + step, ... below end; ints where all of them are."""

    start: Number = 0
    end: Number
    step: Number = 1
    dtype: DType | None = None

    torch = "torch.arange"
    placement = "new"
    keywords = ("dtype",)
    creates = True

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """`arange(end)`."""
        if "step" in kwargs and "start" not in kwargs and len(args) < 2:
            raise OpError("arange takes a step only where `start` is given too", code="E0511", arg="step")
        return ((0, *args), kwargs) if len(args) == 1 and "end" not in kwargs else (args, kwargs)

    def infer(self, cx: Cx) -> Tensor:
        dtype = self._dtype()
        if dtype is DType.BOOL:
            raise OpError(f"{cx.name} makes numbers, not bools", code="E0401", arg="dtype")
        if not dtype.is_float and isinstance(self.step, float) and int(self.step) == 0:
            raise OpError(
                f"{cx.name} of ints has steps of 1 or more, not {self.step}", code="E0501", arg="step"
            )
        return TensorType(dtype, (self._size(cx),))

    def _dtype(self) -> DType:
        if self.dtype is not None:
            return self.dtype
        ints = all(isinstance(v, Dim) for v in (self.start, self.end, self.step))
        return DType.I64 if ints else DType.FLOAT

    def _size(self, cx: Cx) -> Dim:
        start, end, step = self.start, self.end, self.step
        values = [_constant(v) for v in (start, end, step)]
        if None not in values:
            low, high, by = (v for v in values if v is not None)
            if not math.isfinite(low) or not math.isfinite(high):
                raise OpError(f"{cx.name} runs between finite numbers, not {low} and {high}", code="E0501")
            if by == 0 or not math.isfinite(by) or (high - low) * by < 0:
                raise OpError(f"{cx.name} from {low} to {high} by {by} never ends", code="E0501", arg="step")
            count = (high - low) / by
            if not math.isfinite(count):
                raise OpError(f"{cx.name} from {low} to {high} by {by} has no end", code="E0501", arg="step")
            return dim(math.ceil(count))
        if not (isinstance(start, Dim) and isinstance(end, Dim) and isinstance(step, Dim)):
            raise OpError(
                f"{cx.name}'s size would be computed through floats, which the algebra does not follow",
                code="E0325",
                help="count with ints, then multiply",
            )
        if cx.holds(Cond.lt(step, 0)):
            start, end, step = -start, -end, -step
        at_least(cx, 1, step=step)
        length = end - start
        cx.require(
            Cond.ge(length, 0),
            f"{cx.name} runs from {start} to {end}, which may come before it",
            code="E0501",
            arg="end",
        )
        return length if step == 1 else (length + step - 1) // step

    def onnx(self, g: Graph) -> Value:
        dtype = self._dtype()
        values = [_constant(v) for v in (self.start, self.end, self.step)]
        if None not in values:
            low, high, by = (v for v in values if v is not None)
            count = math.ceil((high - low) / by)
            if not dtype.is_float:
                low, by = int(low), int(by)
            if count <= MAX_CONSTANT:
                return g.const([wrapped(low + i * by, dtype) for i in range(count)], dtype)
        start, end, step = (g.dim(v) for v in (self.start, self.end, self.step))
        y = g.Range(start, end, step)
        return y if dtype is DType.I64 else g.Cast(y, to=g.dtype(dtype))


def wrapped(value: float, dtype: DType) -> float:
    """An int as PyTorch converts it: modulo 2ⁿ in a dtype of n bits."""
    if not dtype.is_int:
        return value
    bits = int(dtype.value[1:])
    low = 0 if dtype is DType.U8 else -(1 << bits - 1)
    return (int(value) - low) % (1 << bits) + low


def _constant(value: Any) -> int | float | None:
    if isinstance(value, Dim):
        return value.const
    return value if isinstance(value, float) else None


# --- Filled tensors -------------------------------------------------------------------------


def filled(g: Graph, value: Any, dtype: DType, sizes: Sequence[Dim]) -> Value:
    """A tensor of one value."""
    if all(s.const is not None for s in sizes) and numel(sizes) == 1:
        one = value if isinstance(value, float | int | bool) else None
        if one is not None:
            for _ in sizes:
                one = [one]
            return g.const(one, dtype)
    return g.Expand(g.scalar(value, dtype), g.dims(sizes)) if sizes else g.scalar(value, dtype)


class _Filled(Function):
    """A tensor of one value."""

    size: Sizes
    dtype: DType | None = None

    keywords = ("dtype",)
    creates = True
    placement = "new"
    value: ClassVar[float]

    def infer(self, cx: Cx) -> Tensor:
        at_least(cx, 0, size=self.size)
        return TensorType(self.dtype or DType.FLOAT, self.size)

    def onnx(self, g: Graph) -> Value:
        return filled(g, self.value, self.dtype or DType.FLOAT, self.size)


class zeros(_Filled):
    """Zeros."""

    torch = "torch.zeros"
    value = 0


class ones(_Filled):
    """Ones."""

    torch = "torch.ones"
    value = 1


class full(Function):
    """A tensor of one value; its dtype is the value's."""

    size: Sizes
    fill_value: bool | Number
    dtype: DType | None = None

    torch = "torch.full"
    placement = "new"
    keywords = ("dtype",)
    creates = True

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """`full((2, 3), 0.5)`: sizes are not gathered."""
        if args and not isinstance(args[0], list | tuple):
            args = ((args[0],), *args[1:])
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor:
        at_least(cx, 0, size=self.size)
        dtype = self._dtype()
        if isinstance(self.fill_value, float) and not dtype.is_float:
            raise OpError(f"{cx.name} cannot put the float {self.fill_value} among {dtype}", code="E0401")
        fits(cx, dtype, self.fill_value)
        return TensorType(dtype, self.size)

    def _dtype(self) -> DType:
        if self.dtype is not None:
            return self.dtype
        if isinstance(self.fill_value, bool):
            return DType.BOOL
        return DType.I64 if isinstance(self.fill_value, Dim) else DType.FLOAT

    def onnx(self, g: Graph) -> Value:
        return filled(g, self.fill_value, self._dtype(), self.size)


class _Like(Function):
    """A tensor of one value and the shape of another."""

    input: Tensor
    dtype: DType | None = None

    keywords = ("dtype",)
    placement = "each"
    value: ClassVar[float]

    def infer(self, cx: Cx) -> Tensor:
        return self.input.with_dtype(self.dtype or self.input.dtype)

    def onnx(self, g: Graph) -> Value:
        return filled(g, self.value, self.dtype or self.input.dtype, self.input.dims)


class zeros_like(_Like):
    """Zeros, as many as `input` has elements."""

    torch = "torch.zeros_like"
    method = False
    value = 0


class ones_like(_Like):
    """Ones, as many as `input` has elements."""

    torch = "torch.ones_like"
    method = False
    value = 1


class full_like(Function):
    """A tensor of one value and the shape of `input`."""

    input: Tensor
    fill_value: bool | Number
    dtype: DType | None = None

    torch = "torch.full_like"
    placement = "each"
    method = False
    keywords = ("dtype",)

    def infer(self, cx: Cx) -> Tensor:
        dtype = self.dtype or self.input.dtype
        if isinstance(self.fill_value, float) and not dtype.is_float:
            raise OpError(f"{cx.name} cannot put the float {self.fill_value} among {dtype}", code="E0401")
        fits(cx, dtype, self.fill_value)
        return self.input.with_dtype(dtype)

    def onnx(self, g: Graph) -> Value:
        return filled(g, self.fill_value, self.dtype or self.input.dtype, self.input.dims)


class _NewFilled(Function):
    """A tensor of one value, with the dtype of `input`."""

    input: Tensor
    size: Sizes
    dtype: DType | None = None

    keywords = ("dtype",)
    value: ClassVar[float]

    def infer(self, cx: Cx) -> Tensor:
        at_least(cx, 0, size=self.size)
        return TensorType(self.dtype or self.input.dtype, self.size)

    def onnx(self, g: Graph) -> Value:
        return filled(g, self.value, self.dtype or self.input.dtype, self.size)


class new_full(Function):
    """A tensor of one value, with the dtype of `input`."""

    input: Tensor
    size: list[Dim]
    fill_value: Number | bool
    dtype: DType | None = None

    torch = ".new_full"
    keywords = ("dtype",)

    def infer(self, cx: Cx) -> Tensor:
        at_least(cx, 0, size=self.size)
        dtype = self.dtype or self.input.dtype
        if isinstance(self.fill_value, float) and not dtype.is_float:
            raise OpError(f"{cx.name} cannot put the float {self.fill_value} among {dtype}", code="E0401")
        fits(cx, dtype, self.fill_value)
        return TensorType(dtype, tuple(self.size))

    def onnx(self, g: Graph) -> Value:
        return filled(g, self.fill_value, self.dtype or self.input.dtype, self.size)


class new_zeros(_NewFilled):
    """Zeros of the dtype of `input`."""

    torch = ".new_zeros"
    value = 0


class new_ones(_NewFilled):
    """Ones of the dtype of `input`."""

    torch = ".new_ones"
    value = 1


class eye(Function):
    """Ones on the diagonal of a matrix."""

    n: Dim
    m: Dim | None = None
    dtype: DType | None = None

    torch = "torch.eye"
    placement = "new"
    keywords = ("dtype",)
    creates = True

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """PyTorch has no overload with `m=None`."""
        if None in (kwargs.get("m", 0), *args[1:2]):
            raise OpError("eye takes an int for `m`, or no `m`", code="E0514", arg="m")
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor:
        at_least(cx, 0, n=self.n)
        columns = self.n if self.m is None else self.m
        at_least(cx, 0, m=columns)
        return TensorType(self.dtype or DType.FLOAT, (self.n, columns))

    def onnx(self, g: Graph) -> Value:
        dtype = self.dtype or DType.FLOAT
        columns = self.n if self.m is None else self.m
        rows = g.Unsqueeze(g.Range(g.dim(0), g.dim(self.n), g.dim(1)), g.ints([1]))
        same = g.Equal(rows, g.Range(g.dim(0), g.dim(columns), g.dim(1)))
        return g.cast(g.typed(same, DType.BOOL, (self.n, columns)), dtype)


class linspace(Function):
    """`steps` numbers from start to end, both included, at equal distances."""

    start: Number
    end: Number
    steps: Dim
    dtype: DType | None = None

    torch = "torch.linspace"
    placement = "new"
    keywords = ("dtype",)
    creates = True

    def infer(self, cx: Cx) -> Tensor:
        at_least(cx, 0, steps=self.steps)
        dtype = self.dtype or DType.FLOAT
        if not dtype.is_float:
            raise OpError(f"{cx.name} gives float numbers, not {dtype}", code="E0401", arg="dtype")
        return TensorType(dtype, (self.steps,))

    def onnx(self, g: Graph) -> Value:
        dtype = self.dtype or DType.FLOAT
        low, high, steps = _constant(self.start), _constant(self.end), self.steps.const
        written_out(steps or 0, "linspace")
        if low is not None and high is not None and steps is not None:
            step = (high - low) / (steps - 1) if steps > 1 else 0.0
            # PyTorch counts from both ends, so that the last is exactly `end`
            values = [
                low + i * step if i < steps // 2 else high - (steps - 1 - i) * step for i in range(steps)
            ]
            return g.const(values if steps > 1 else [float(low)] * steps, dtype)
        return self._from_both_ends(g, dtype)

    def _from_both_ends(self, g: Graph, dtype: DType) -> Value:
        """The first half counted from `start`, the others back from `end`; a single one is `start`."""
        start, end = g.scalar(self.start, dtype), g.scalar(self.end, dtype)
        last = self.steps - 1
        places = g.typed(g.Range(g.dim(0), g.dim(self.steps), g.dim(1)), DType.I64, (self.steps,))
        step = g.Div(g.Sub(end, start), g.scalar(largest(last, 1), dtype))
        up = g.Add(start, g.Mul(step, g.cast(places, dtype)))
        left = g.typed(g.Sub(g.dim(last), places), DType.I64, (self.steps,))
        down = g.Sub(end, g.Mul(step, g.cast(left, dtype)))
        return g.Where(g.Less(places, g.dim(largest(self.steps // 2, 1))), up, down)


class meshgrid(Function):
    """The coordinates of every point of a grid, one tensor an axis; `indexing="xy"` swaps the first two axes."""

    tensors: list[Tensor]
    indexing: Literal["ij", "xy"] | None = None

    torch = "torch.meshgrid"
    method = False
    keywords = ("indexing",)
    gathers = "tensors"
    keeps = ""

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """PyTorch has no name for the tensors."""
        if "tensors" in kwargs:
            raise OpError("meshgrid takes its tensors by position only", code="E0510", arg="tensors")
        return args, kwargs

    def infer(self, cx: Cx) -> tuple[Tensor, ...]:
        if not self.tensors:
            raise OpError(f"{cx.name} takes at least one tensor", code="E0501", arg="tensors")
        same_dtype(cx, *self.tensors)
        for x in self.tensors:
            known_rank(cx, x, (0, 1))
        sizes = [x.dims[0] if x.shape else dim(1) for x in self.tensors]
        shape = tuple(sizes[i] for i in self._order())
        return tuple(x.with_shape(shape) for x in self.tensors)

    def _order(self) -> list[int]:
        """Which tensor each axis is of."""
        order = list(range(len(self.tensors)))
        return [1, 0, *order[2:]] if self.indexing == "xy" and len(order) > 1 else order

    def onnx(self, g: Graph) -> tuple[Value, ...]:
        order, rank = self._order(), len(self.tensors)
        shape = [x.dims[0] if x.shape else dim(1) for x in (self.tensors[i] for i in order)]
        grids = []
        for i, x in enumerate(self.tensors):
            at = order.index(i)
            column = g.reshape(x, [*[dim(1)] * at, shape[at], *[dim(1)] * (rank - at - 1)])
            grids.append(g.Expand(column, g.dims(shape)))
        return tuple(grids)


class one_hot(Function):
    """1 at each class, 0 elsewhere, along a new last dim."""

    input: Tensor
    num_classes: Dim

    torch = "F.one_hot"

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, {DType.I64})
        at_least(cx, 1, num_classes=self.num_classes)
        return self.input.with_shape((*self.input.shape, self.num_classes))

    def onnx(self, g: Graph) -> Value:
        x = self.input if self.input.shape else g.Unsqueeze(self.input, g.ints([0]))
        y = g.OneHot(x, g.dim(self.num_classes), g.const([0, 1], DType.I64))
        return y if self.input.shape else g.Squeeze(y, g.ints([0]))


# --- Random draws ---------------------------------------------------------------------------


class _Random(Function):
    """A random draw: PyTorch and ONNX draw different numbers."""

    size: Sizes
    dtype: DType | None = None

    keywords = ("dtype",)
    creates = True
    placement = "new"
    node: ClassVar[str]

    def infer(self, cx: Cx) -> Tensor:
        at_least(cx, 0, size=self.size)
        result = TensorType(self.dtype or DType.FLOAT, self.size)
        takes(cx, result, FLOATS)
        return result

    def onnx(self, g: Graph) -> Value:
        return drawn(g, self.node, self.dtype or DType.FLOAT, self.size)


_KERNELS: Final = 22
"""The opset from which ONNX Runtime has no kernels of the random operators."""


def _by_bits(g: Graph, dtype: DType, sizes: Value) -> Value:
    """U(0, 1) of a shape, from as many fair bits as PyTorch draws; Dropout draws them in training mode."""
    bits = 53 if dtype is DType.F64 else 24
    ones = g.Expand(g.const(1.0, dtype), g.Concat(sizes, g.ints([bits]), axis=0))
    _, kept = g.Dropout(ones, g.const(0.5, DType.F32), g.const(True, DType.BOOL), outputs=2)
    # the mask, since a runtime may replace a Dropout whose mask is not read by its input
    weights = g.const([2.0 ** -(i + 1) for i in range(bits)], dtype)
    return g.MatMul(g.Cast(kept, to=g.dtype(dtype)), weights)


def _drawn_by_bits(g: Graph, node: str, dtype: DType, sizes: Value) -> Value:
    """The same draw without the random operators; a normal one by Box and Muller."""
    exact = DType.F64 if dtype is DType.F64 else DType.F32
    y = _by_bits(g, exact, sizes)
    if node.startswith("RandomNormal"):
        radius = g.Sqrt(g.Mul(g.const(-2.0, exact), g.Log(g.Sub(g.const(1.0, exact), y))))
        turn = g.Mul(g.const(2 * math.pi, exact), _by_bits(g, exact, sizes))
        y = g.Mul(radius, g.Cos(turn))
    return y if dtype is exact else g.Cast(y, to=g.dtype(dtype))


def drawn(g: Graph, node: str, dtype: DType, sizes: Sequence[Dim]) -> Value:
    """RandomUniform or RandomNormal of a shape."""
    if g.opset >= _KERNELS:
        return _drawn_by_bits(g, node, dtype, g.dims(sizes))
    number = g.dtype(dtype)
    if dtype is not DType.F32 and number in (
        g.dtype(DType.F16),
        g.dtype(DType.BF16),
    ):  # no kernels at any opset
        return g.Cast(drawn(g, node, DType.F32, sizes), to=number)
    if all(s.const is not None for s in sizes):
        return getattr(g, node)(dtype=number, shape=[s.const for s in sizes])
    like = g.Expand(g.scalar(0, dtype), g.dims(sizes))
    return getattr(g, f"{node}Like")(like, dtype=number)


class rand(_Random):
    """Random numbers from U(0, 1)."""

    torch = "torch.rand"
    node = "RandomUniform"


class randn(_Random):
    """Random numbers from N(0, 1)."""

    torch = "torch.randn"
    node = "RandomNormal"


class _RandomLike(Function):
    """A random draw of the shape of `input`."""

    input: Tensor
    dtype: DType | None = None

    keywords = ("dtype",)
    placement = "each"
    node: ClassVar[str]

    def infer(self, cx: Cx) -> Tensor:
        result = self.input.with_dtype(self.dtype or self.input.dtype)
        takes(cx, result, FLOATS)
        return result

    def onnx(self, g: Graph) -> Value:
        dtype = self.dtype or self.input.dtype
        if g.opset >= _KERNELS:
            return _drawn_by_bits(g, self.node, dtype, g.dims(self.input.dims))
        return getattr(g, self.node)(self.input, dtype=g.dtype(dtype))


class rand_like(_RandomLike):
    """Random numbers from U(0, 1), as many as `input` has elements."""

    torch = "torch.rand_like"
    method = False
    node = "RandomUniformLike"


class randn_like(_RandomLike):
    """Random numbers from N(0, 1), as many as `input` has elements."""

    torch = "torch.randn_like"
    method = False
    node = "RandomNormalLike"
