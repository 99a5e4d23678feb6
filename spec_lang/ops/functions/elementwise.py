"""Functions of each element of one tensor; regular ones are rows.

Source: https://docs.pytorch.org/docs/stable/torch.html#pointwise-ops
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from spec_lang.ops.base import Cx, Function, OpError, Tensor
from spec_lang.ops.kinds import Count, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import known_float
from spec_lang.ops.rules.elementwise import (
    BITS,
    EVERY,
    FLOATS,
    LARGEST,
    NUMBERS,
    as_float,
    in_i32,
    is_negative,
    operand,
    takes,
)
from spec_lang.shapes import DType

Emit = Callable[[Graph, Value], Value]
"""Emits a function of a value whose dtype is known."""


class _Unary(Function):
    """A function of each element."""

    input: Tensor

    placement = "each"
    allowed: ClassVar[frozenset[DType]]
    emit: ClassVar[Emit]

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, self.allowed)
        return self.input.with_dtype(self.result())

    def result(self) -> DType:
        """The dtype of the result."""
        return self.input.dtype

    def onnx(self, g: Graph) -> Value:
        return type(self).emit(g, g.cast(self.input, self.result()))


class _ToFloat(_Unary):
    """Ints and bools become floats."""

    allowed = EVERY

    def result(self) -> DType:
        return as_float(self.input.dtype)


class _Rounding(_Unary):
    """Ints are left as they are."""

    allowed = NUMBERS

    def onnx(self, g: Graph) -> Value:
        return type(self).emit(g, self.input) if self.input.dtype.is_float else self.input


class _Predicate(_Unary):
    """The result is a bool."""

    allowed = EVERY

    def result(self) -> DType:
        return DType.BOOL

    def onnx(self, g: Graph) -> Value:
        return type(self).emit(g, self.input)


def _const(g: Graph, value: float, like: Value) -> Value:
    return g.const(value, like.dtype)


def _node(name: str) -> Emit:
    return lambda g, x: getattr(g, name)(x)


def _sinc(g: Graph, x: Value) -> Value:
    angle = g.Mul(x, _const(g, math.pi, x))
    zero = g.Equal(angle, _const(g, 0.0, x))
    return g.Where(zero, _const(g, 1.0, x), g.Div(g.Sin(angle), angle))


def _infinite(g: Graph, x: Value, **which: int) -> Value:
    return g.IsInf(x, **which) if x.dtype.is_float else g.Not(g.Equal(x, x))


def _row(base: type[_Unary], name: str, emit: str | Emit, doc: str, torch: str | None = None) -> None:
    """Declare one function; `torch` is how generated code spells it, where that is not `torch.` and its name."""
    body = {
        "__doc__": doc,
        "__module__": __name__,
        "torch": torch or f"torch.{name}",
        "emit": staticmethod(_node(emit) if isinstance(emit, str) else emit),
    }
    type(name, (base,), body)


for _columns in (
    ("exp", "Exp", "e ** x."),
    ("exp2", lambda g, x: g.Pow(_const(g, 2.0, x), x), "2 ** x."),
    ("expm1", lambda g, x: g.Sub(g.Exp(x), _const(g, 1.0, x)), "exp(x) - 1."),
    ("log", "Log", "The natural logarithm."),
    ("log2", lambda g, x: g.Mul(g.Log(x), _const(g, 1 / math.log(2), x)), "The logarithm of base 2."),
    ("log10", lambda g, x: g.Mul(g.Log(x), _const(g, 1 / math.log(10), x)), "The logarithm of base 10."),
    ("log1p", lambda g, x: g.Log(g.Add(x, _const(g, 1.0, x))), "log(1 + x)."),
    ("sqrt", "Sqrt", "The square root."),
    ("rsqrt", lambda g, x: g.Reciprocal(g.Sqrt(x)), "1 / sqrt(x)."),
    ("reciprocal", "Reciprocal", "1 / x."),
    ("sin", "Sin", "The sine."),
    ("cos", "Cos", "The cosine."),
    ("tan", "Tan", "The tangent."),
    ("asin", "Asin", "The inverse of the sine."),
    ("acos", "Acos", "The inverse of the cosine."),
    ("atan", "Atan", "The inverse of the tangent."),
    ("sinh", "Sinh", "The hyperbolic sine."),
    ("cosh", "Cosh", "The hyperbolic cosine."),
    ("asinh", "Asinh", "The inverse of the hyperbolic sine."),
    ("acosh", "Acosh", "The inverse of the hyperbolic cosine."),
    ("atanh", "Atanh", "The inverse of the hyperbolic tangent."),
    ("erf", "Erf", "The error function 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."),
    ("erfc", lambda g, x: g.Sub(_const(g, 1.0, x), g.Erf(x)), "1 - erf(x)."),
    ("deg2rad", lambda g, x: g.Mul(x, _const(g, math.pi / 180, x)), "Degrees as radians."),
    ("rad2deg", lambda g, x: g.Mul(x, _const(g, 180 / math.pi, x)), "Radians as degrees."),
    ("sinc", _sinc, "sin(pi x) / (pi x), 1 at 0."),
    ("arcsin", "Asin", "The inverse of the sine."),
    ("arccos", "Acos", "The inverse of the cosine."),
    ("arctan", "Atan", "The inverse of the tangent."),
    ("arcsinh", "Asinh", "The inverse of the hyperbolic sine."),
    ("arccosh", "Acosh", "The inverse of the hyperbolic cosine."),
    ("arctanh", "Atanh", "The inverse of the hyperbolic tangent."),
):
    _row(_ToFloat, *_columns)

for _columns in (
    ("floor", "Floor", "The largest integer at most x."),
    ("ceil", "Ceil", "The smallest integer at least x."),
    ("trunc", lambda g, x: g.Mul(g.Sign(x), g.Floor(g.Abs(x))), "x without its fraction."),
    ("fix", lambda g, x: g.Mul(g.Sign(x), g.Floor(g.Abs(x))), "x without its fraction."),
    ("positive", lambda _, x: x, "x."),
):
    _row(_Rounding, *_columns)

for _columns in (
    ("isnan", lambda g, x: g.IsNaN(x) if x.dtype.is_float else g.Not(g.Equal(x, x)), "Whether it is NaN."),
    (
        "isinf",
        lambda g, x: _infinite(g, x),
        "Whether it is infinite.",
    ),
    (
        "isfinite",
        lambda g, x: g.Not(g.Or(g.IsInf(x), g.IsNaN(x))) if x.dtype.is_float else g.Equal(x, x),
        "Whether it is neither infinite nor NaN.",
    ),
    ("isposinf", lambda g, x: _infinite(g, x, detect_negative=0), "Whether it is infinity."),
    ("isneginf", lambda g, x: _infinite(g, x, detect_positive=0), "Whether it is minus infinity."),
    ("signbit", lambda g, x: is_negative(g, x), "Whether its sign is minus: -0.0 has it, 0.0 does not."),
    ("logical_not", lambda g, x: g.Not(g.cast(x, DType.BOOL)), "Whether it is 0."),
):
    _row(_Predicate, *_columns)


class round_(_Rounding):
    """The nearest integer, the even one of two; with `decimals`, to so many digits."""

    decimals: Count = 0

    name = "round"
    torch = "torch.round"
    keywords = ("decimals",)
    emit = staticmethod(lambda g, x: g.Round(x))
    keeps = ""

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """PyTorch has no overload with `decimals` for ints."""
        x = args[0] if args else kwargs.get("input")
        if "decimals" in kwargs and isinstance(x, Tensor) and not x.dtype.is_float:
            raise OpError(f"round takes decimals of floats only, but gets {x}", code="E0401", arg="decimals")
        return args, kwargs

    def onnx(self, g: Graph) -> Value:
        if not self.decimals:
            return super().onnx(g)
        scale = g.const(10.0 ** abs(self.decimals), self.input.dtype)
        up, down = (g.Mul, g.Div) if self.decimals > 0 else (g.Div, g.Mul)
        return down(g.Round(up(self.input, scale)), scale)


class frac(_Unary):
    """x - trunc(x)."""

    torch = "torch.frac"
    allowed = FLOATS
    emit = staticmethod(lambda g, x: g.Sub(x, g.Mul(g.Sign(x), g.Floor(g.Abs(x)))))
    keeps = ""


class abs_(_Unary):
    """|x|."""

    name = "abs"
    torch = "torch.abs"
    allowed = NUMBERS
    emit = staticmethod(_node("Abs"))
    keeps = "input"


class absolute(abs_):
    """|x|."""

    torch = "torch.absolute"
    keeps = "input"


class neg(_Unary):
    """-x."""

    torch = "torch.neg"
    allowed = NUMBERS
    keeps = ""

    def onnx(self, g: Graph) -> Value:
        return in_i32(g, self.input.dtype, lambda d: g.Neg(g.cast(self.input, d)))


class negative(neg):
    """-x."""

    torch = "torch.negative"
    keeps = ""


class sign(_Unary):
    """-1, 0 or 1."""

    torch = "torch.sign"
    allowed = EVERY
    keeps = ""

    def onnx(self, g: Graph) -> Value:
        x = self.input  # ONNX keeps NaN, of which PyTorch says 0
        if x.dtype is DType.BOOL:
            return x
        return g.Where(g.IsNaN(x), _const(g, 0, x), g.Sign(x)) if x.dtype.is_float else g.Sign(x)


class sgn(sign):
    """-1, 0 or 1."""

    torch = "torch.sgn"
    keeps = "input result"


class square(_Unary):
    """x * x."""

    torch = "torch.square"
    allowed = EVERY
    keeps = "input"

    def result(self) -> DType:
        dtype = self.input.dtype
        return DType.I64 if dtype is DType.BOOL else dtype

    def onnx(self, g: Graph) -> Value:
        def emit(dtype: DType) -> Value:
            x = g.cast(self.input, dtype)
            return g.Mul(x, x)

        return in_i32(g, self.result(), emit)


class bitwise_not(_Unary):
    """Every bit flipped; of bools, `not`."""

    torch = "torch.bitwise_not"
    allowed = BITS

    def onnx(self, g: Graph) -> Value:
        x = self.input
        if x.dtype is DType.BOOL:
            return g.Not(x)
        if g.opset >= 18:
            return g.BitwiseNot(x)
        return in_i32(g, x.dtype, lambda d: g.Sub(g.const(-1, d), g.cast(x, d)))


class logit(_ToFloat):
    """log(x / (1 - x)), x first clamped to [eps, 1 - eps] where eps is given."""

    eps: Number | None = None

    torch = "torch.logit"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        x = g.cast(self.input, self.result())
        if self.eps is not None:
            eps = known_float(self.eps, "eps")
            x = g.typed(g.Clip(x, _const(g, eps, x), _const(g, 1 - eps, x)), x.dtype, x.shape)
        return g.Log(g.Div(x, g.Sub(_const(g, 1.0, x), x)))


class nan_to_num(_Unary):
    """NaN, infinity and minus infinity replaced: by 0, and the largest and smallest numbers, where not given."""

    nan: Number | None = None
    posinf: Number | None = None
    neginf: Number | None = None

    torch = "torch.nan_to_num"
    allowed = EVERY
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        x = self.input
        if not x.dtype.is_float:
            return x
        limit = LARGEST[g.dtype(x.dtype)][0]
        nan, high, low = (
            operand(g, default if given is None else given, x.dtype)
            for given, default in ((self.nan, 0.0), (self.posinf, limit), (self.neginf, -limit))
        )
        y = g.Where(g.IsNaN(x), nan, x)
        y = g.Where(g.IsInf(x, detect_negative=0), high, y)
        return g.Where(g.IsInf(x, detect_positive=0), low, y)


# --- Clamping -------------------------------------------------------------------------------


class clamp(Function):
    """min(max(x, min), max)."""

    input: Tensor
    min: Tensor | Number | None = None
    max: Tensor | Number | None = None

    torch = "torch.clamp"
    placement = "each"
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.rules.elementwise import fits, result_dtype, result_shape

        given = self._given()
        if not given:
            raise OpError(f"{cx.name} needs `min`, `max` or both", code="E0511")
        if len({isinstance(v, Tensor) for v in given}) > 1:
            raise OpError(
                f"{cx.name} takes two numbers or two tensors, not one of each", code="E0514", arg="max"
            )
        dtype = result_dtype(cx, self.input, *given)
        fits(cx, dtype, *given)
        result = Tensor(dtype, result_shape(cx, self.input, *given))
        takes(cx, result, NUMBERS, "their common type")
        return result

    def _given(self) -> list[Any]:
        return [v for v in (self.min, self.max) if v is not None]

    def onnx(self, g: Graph) -> Value:
        from spec_lang.ops.rules.elementwise import dtype_of

        low, high = self.min, self.max
        result = dtype_of(self.input, *self._given())

        def emit(dtype: DType) -> Value:
            x = g.cast(self.input, dtype)
            if isinstance(low, Tensor) or isinstance(high, Tensor):
                x = x if low is None else g.Max(x, operand(g, low, dtype))
                return x if high is None else g.Min(x, operand(g, high, dtype))
            if low is None or high is None:  # Clip's own bounds are the largest numbers, not infinities
                return g.Min(x, operand(g, high, dtype)) if low is None else g.Max(x, operand(g, low, dtype))
            return g.Clip(x, operand(g, low, dtype), operand(g, high, dtype))

        return in_i32(g, result, emit)


class clip(clamp):
    """min(max(x, min), max)."""

    torch = "torch.clip"
    keeps = "inputs"


class clamp_min(Function):
    """max(x, min)."""

    input: Tensor
    min: Tensor | Number

    torch = "torch.clamp_min"
    placement = "each"
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        return clamp(input=self.input, min=self.min).infer(cx)

    def onnx(self, g: Graph) -> Value:
        return clamp(input=self.input, min=self.min).onnx(g)


class clamp_max(Function):
    """min(x, max)."""

    input: Tensor
    max: Tensor | Number

    torch = "torch.clamp_max"
    placement = "each"
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        return clamp(input=self.input, max=self.max).infer(cx)

    def onnx(self, g: Graph) -> Value:
        return clamp(input=self.input, max=self.max).onnx(g)
