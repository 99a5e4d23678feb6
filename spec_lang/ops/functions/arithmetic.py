"""Arithmetic of two operands: the operators `+ - * / // % **` and their kin, with broadcasting and promotion.

Source: https://docs.pytorch.org/docs/stable/torch.html#pointwise-ops
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor
from spec_lang.ops.kinds import Number, Operand
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least
from spec_lang.ops.rules.elementwise import (
    EVERY,
    FLOATS,
    NUMBERS,
    as_float,
    dtype_of,
    fits,
    in_i32,
    is_negative,
    operand,
    result_dtype,
    result_shape,
    same_dtype,
    takes,
)
from spec_lang.shapes import Dim, DType, TensorType


class _Binary(Function):
    """A function of two operands, at least one of them a tensor."""

    input: Operand
    other: Operand

    placement = "each"
    allowed: ClassVar[frozenset[DType]] = NUMBERS

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        shape = result_shape(cx, self.input, self.other)
        dtype = result_dtype(cx, self.input, self.other)
        result = TensorType(dtype, shape)
        takes(cx, result, self.allowed, "their common type")
        fits(cx, dtype, self.input, self.other)
        return result

    def both(self, g: Graph, dtype: DType) -> tuple[Value, Value]:
        """The operands as one dtype."""
        return operand(g, self.input, dtype), operand(g, self.other, dtype)

    def promoted(self) -> DType:
        """The dtype that the operands promote to."""
        return dtype_of(self.input, self.other)


class _Scaled(_Binary):
    """`input op alpha * other`."""

    alpha: Number = 1

    keywords = ("alpha",)
    allowed = EVERY
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        result = super().infer(cx)
        if not result.dtype.is_float and type(self.alpha) is not Dim:
            raise OpError(f"{cx.name} of {result} takes an int alpha", code="E0401", arg="alpha")
        return result

    def scaled(self, g: Graph, dtype: DType) -> tuple[Value, Value]:
        a, b = self.both(g, dtype)
        return a, b if self.alpha == 1 else g.Mul(b, operand(g, self.alpha, dtype))


class add(_Scaled):
    """input + alpha other; of bools, `or`."""

    torch = "torch.add"

    def infer(self, cx: Cx) -> Tensor:
        result = super().infer(cx)
        if result.dtype is DType.BOOL and self.alpha != 1:
            raise OpError(f"{cx.name} of bools takes no alpha", code="E0401", arg="alpha")
        return result

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        if dtype is DType.BOOL:
            return g.Or(*self.both(g, dtype))
        return in_i32(g, dtype, lambda d: g.Add(*self.scaled(g, d)))


class sub(_Scaled):
    """input - alpha other."""

    torch = "torch.sub"

    def infer(self, cx: Cx) -> Tensor:
        _no_bools(cx, self.input, self.other, help="`^` tells where bools differ")
        return super().infer(cx)

    def onnx(self, g: Graph) -> Value:
        return in_i32(g, self.promoted(), lambda d: g.Sub(*self.scaled(g, d)))


def _no_bools(cx: Cx, *operands: Any, help: str) -> None:
    for o in operands:
        if isinstance(o, bool) or (isinstance(o, TensorType) and o.dtype is DType.BOOL):
            raise OpError(f"{cx.name} takes numbers, but gets {o}", code="E0401", help=help)


class rsub(_Scaled):
    """other - alpha input."""

    input: Tensor
    other: Operand
    alpha: Number = 1

    torch = "torch.rsub"
    method = False

    def infer(self, cx: Cx) -> Tensor:
        _no_bools(cx, self.input, self.other, help="`^` tells where bools differ")
        return super().infer(cx)

    def onnx(self, g: Graph) -> Value:
        flipped = sub(input=self.other, other=self.input, alpha=self.alpha)
        return flipped.onnx(g)


class mul(_Binary):
    """input * other; of bools, `and`."""

    torch = "torch.mul"
    allowed = EVERY
    keeps = "factors"

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        if dtype is DType.BOOL:
            return g.And(*self.both(g, dtype))
        return in_i32(g, dtype, lambda d: g.Mul(*self.both(g, d)))


class multiply(mul):
    """input * other."""

    torch = "torch.multiply"
    keeps = "factors"


class subtract(sub):
    """input - alpha other."""

    torch = "torch.subtract"


class div(_Binary):
    """input / other, a float; `rounding_mode` rounds the quotient and keeps ints."""

    rounding_mode: Literal["trunc", "floor"] | None = None

    torch = "torch.div"
    keywords = ("rounding_mode",)
    allowed = EVERY

    @property
    def keeps(self) -> str:  # type: ignore[override]  # of its arguments here
        """The divisor, whichever side needs a gradient, unless it is a number."""
        if not isinstance(self.other, TensorType):
            return ""
        return "factors second" if isinstance(self.input, TensorType) else "input"

    def infer(self, cx: Cx) -> Tensor:
        result = super().infer(cx)
        if self.rounding_mode is None:
            return result.with_dtype(as_float(result.dtype))
        takes(cx, result, NUMBERS, "their common type")
        return result

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        if self.rounding_mode is None:
            return g.Div(*self.both(g, as_float(dtype)))
        if self.rounding_mode == "floor":
            return _floor_divided(g, self, dtype)
        if dtype.is_int:
            return in_i32(g, dtype, lambda d: g.Div(*self.both(g, d)))
        return _truncated(g, g.Div(*self.both(g, dtype)), dtype)


def _truncated(g: Graph, x: Value, dtype: DType) -> Value:
    """sign(x) floor(|x|)."""
    return g.Mul(g.Sign(x), g.Floor(g.Abs(x)))


class divide(div):
    """input / other."""

    torch = "torch.divide"


class true_divide(_Binary):
    """input / other, a float."""

    torch = "torch.true_divide"
    allowed = EVERY

    @property
    def keeps(self) -> str:  # type: ignore[override]  # of its arguments here
        """The divisor, whichever side needs a gradient, unless it is a number."""
        if not isinstance(self.other, TensorType):
            return ""
        return "factors second" if isinstance(self.input, TensorType) else "input"

    def infer(self, cx: Cx) -> Tensor:
        result = super().infer(cx)
        return result.with_dtype(as_float(result.dtype))

    def onnx(self, g: Graph) -> Value:
        return g.Div(*self.both(g, as_float(self.promoted())))


def _floor_divided(g: Graph, op: _Binary, dtype: DType) -> Value:
    """floor(a / b); ONNX's division of ints truncates, so Python's remainder is taken off first."""
    if dtype.is_float:
        return _floats_floor_divided(g, *op.both(g, dtype), dtype)

    def emit(d: DType) -> Value:
        a, b = op.both(g, d)
        return g.Div(g.Sub(a, g.Mod(a, b)), b)

    return in_i32(g, dtype, emit)


def _modulo(g: Graph, a: Value, b: Value, dtype: DType) -> tuple[Value, Value]:
    """C's fmod of floats, and where it is not 0 and of another sign than `b`."""
    zero = g.const(0.0, dtype)
    rest = g.Mod(a, b, fmod=1)
    return rest, g.And(g.Not(g.Equal(rest, zero)), g.Xor(g.Less(b, zero), g.Less(rest, zero)))


def _floats_floor_divided(g: Graph, a: Value, b: Value, dtype: DType) -> Value:
    """The quotient without the remainder, as PyTorch computes it: floor(a / b) rounds a / b first.

    Source: c10/util/generic_math.h, div_floor_floating
    """
    zero, one = g.const(0.0, dtype), g.const(1.0, dtype)
    rest, apart = _modulo(g, a, b, dtype)
    quotient = g.Div(g.Sub(a, rest), b)
    quotient = g.Where(apart, g.Sub(quotient, one), quotient)
    whole = g.Floor(quotient)
    whole = g.Where(g.Greater(g.Sub(quotient, whole), g.const(0.5, dtype)), g.Add(whole, one), whole)
    plain = g.Div(a, b)
    below = g.Or(g.Less(plain, zero), g.Less(g.Reciprocal(plain), zero))
    signed = g.Where(below, g.const(-0.0, dtype), zero)
    return g.Where(g.Equal(b, zero), plain, g.Where(g.Equal(quotient, zero), signed, whole))


class floor_divide(_Binary):
    """floor(input / other)."""

    torch = "torch.floor_divide"
    keeps = ""

    def onnx(self, g: Graph) -> Value:
        return _floor_divided(g, self, self.promoted())


class remainder(_Binary):
    """input - other floor(input / other), of the sign of `other`, as Python's `%`."""

    torch = "torch.remainder"

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        if dtype.is_int:
            return in_i32(g, dtype, lambda d: g.Mod(*self.both(g, d)))
        a, b = self.both(g, dtype)
        rest, apart = _modulo(g, a, b, dtype)
        return g.Where(apart, g.Add(rest, b), rest)


class fmod(_Binary):
    """input - other trunc(input / other), of the sign of `input`."""

    input: Tensor
    other: Operand

    torch = "torch.fmod"

    def onnx(self, g: Graph) -> Value:
        return in_i32(g, self.promoted(), lambda d: g.Mod(*self.both(g, d), fmod=1))


class pow_(Function):
    """input ** exponent."""

    input: Operand
    exponent: Operand

    name = "pow"
    torch = "torch.pow"
    placement = "each"

    def infer(self, cx: Cx) -> Tensor:
        shape = result_shape(cx, self.input, self.exponent)
        result = TensorType(result_dtype(cx, self.input, self.exponent), shape)
        takes(cx, result, NUMBERS, "their common type")
        fits(cx, result.dtype, self.input, self.exponent)
        if result.dtype.is_int and type(self.exponent) is Dim:
            at_least(cx, 0, exponent=self.exponent)
        return result

    def onnx(self, g: Graph) -> Value:
        dtype = dtype_of(self.input, self.exponent)
        if self.exponent == 2:
            return in_i32(g, dtype, lambda d: _square(g, operand(g, self.input, d)))
        if self.exponent == 0.5 and dtype.is_float:
            return g.Sqrt(operand(g, self.input, dtype))
        return in_i32(g, dtype, lambda d: g.Pow(operand(g, self.input, d), operand(g, self.exponent, d)))


def _square(g: Graph, x: Value) -> Value:
    return g.Mul(x, x)


class _Extremum(_Binary):
    """The larger or smaller of two, element by element; NaN wins."""

    input: Tensor
    other: Tensor

    allowed = EVERY
    keeps = "inputs"
    node: ClassVar[str]
    bools: ClassVar[str]

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        if dtype is DType.BOOL:
            return getattr(g, self.bools)(*self.both(g, dtype))
        return in_i32(g, dtype, lambda d: getattr(g, self.node)(*self.both(g, d)))


class maximum(_Extremum):
    """The larger of two tensors, element by element."""

    torch = "torch.maximum"
    node = "Max"
    bools = "Or"


class minimum(_Extremum):
    """The smaller of two tensors, element by element."""

    torch = "torch.minimum"
    node = "Min"
    bools = "And"


class lerp(Function):
    """input + weight (end - input)."""

    input: Tensor
    end: Tensor
    weight: Tensor | Number

    torch = "torch.lerp"
    placement = "each"

    def infer(self, cx: Cx) -> Tensor:
        tensors = [t for t in (self.input, self.end, self.weight) if isinstance(t, TensorType)]
        takes(cx, self.input, FLOATS)
        same_dtype(cx, *tensors)
        return TensorType(self.input.dtype, result_shape(cx, *tensors))

    def onnx(self, g: Graph) -> Value:
        weight = operand(g, self.weight, self.input.dtype)
        return between(g, self.input, self.end, weight, self.input.dtype)


def between(g: Graph, start: Value, end: Value, weight: Value, dtype: DType) -> Value:
    """`lerp`, from the nearer end, so that it gives both ends exactly."""
    apart = g.Sub(end, start)
    late = g.Sub(end, g.Mul(apart, g.Sub(g.const(1.0, dtype), weight)))
    near = g.Less(g.Abs(weight), g.const(0.5, dtype))
    return g.Where(near, g.Add(start, g.Mul(weight, apart)), late)


class _OfTensors(_Binary):
    """A function of two tensors whose common type is converted to a float."""

    input: Tensor
    other: Tensor

    allowed = EVERY

    def infer(self, cx: Cx) -> Tensor:
        result = super().infer(cx)
        return result.with_dtype(as_float(result.dtype))

    def floats(self, g: Graph) -> tuple[Value, Value, DType]:
        """The operands as floats, and which."""
        dtype = as_float(self.promoted())
        return (*self.both(g, dtype), dtype)


class atan2(_OfTensors):
    """The angle from the positive x-axis to (x, y) = (other, input), in (-pi, pi]."""

    torch = "torch.atan2"
    keeps = "inputs"

    def onnx(self, g: Graph) -> Value:
        y, x, dtype = self.floats(g)
        tall, wide = g.Abs(y), g.Abs(x)
        diagonal = g.Where(g.Equal(tall, g.const(0.0, dtype)), tall, g.const(math.pi / 4, dtype))
        angle = g.Where(g.Equal(tall, wide), diagonal, g.Atan(g.Div(tall, wide)))  # as 0 / 0 and inf / inf
        angle = g.Where(is_negative(g, x), g.Sub(g.const(math.pi, dtype), angle), angle)
        return g.Where(is_negative(g, y), g.Neg(angle), angle)


class arctan2(atan2):
    """The angle from the positive x-axis to (x, y) = (other, input), in (-pi, pi]."""

    torch = "torch.arctan2"
    keeps = "inputs"


class copysign(_OfTensors):
    """|input| with the sign of `other`."""

    input: Tensor
    other: Operand

    torch = "torch.copysign"

    def onnx(self, g: Graph) -> Value:
        a, b, _ = self.floats(g)
        size = g.Abs(a)
        return g.Where(is_negative(g, b), g.Neg(size), size)


class hypot(_OfTensors):
    """sqrt(input² + other²), without overflow on the way."""

    torch = "torch.hypot"
    allowed = FLOATS

    def onnx(self, g: Graph) -> Value:
        a, b, dtype = self.floats(g)
        a, b = g.Abs(a), g.Abs(b)
        high = g.Max(a, b)
        ratio = g.Div(g.Min(a, b), high)
        size = g.Mul(high, g.Sqrt(g.Add(g.const(1.0, dtype), g.Mul(ratio, ratio))))
        size = g.Where(g.Equal(high, g.const(0.0, dtype)), high, size)
        return g.Where(g.Or(g.IsInf(a), g.IsInf(b)), g.const(math.inf, dtype), size)


class logaddexp(_OfTensors):
    """log(exp(input) + exp(other))."""

    torch = "torch.logaddexp"
    allowed = FLOATS
    keeps = "inputs"

    def onnx(self, g: Graph) -> Value:
        return log_add_exp(g, *self.floats(g))


def log_add_exp(g: Graph, a: Value, b: Value, dtype: DType) -> Value:
    """log(exp(a) + exp(b)) = max + log(1 + exp(-|a - b|)), where a - b is 0 of equal infinities."""
    apart = g.Where(g.Equal(a, b), g.const(0.0, dtype), g.Abs(g.Sub(a, b)))
    rest = g.Log(g.Add(g.const(1.0, dtype), g.Exp(g.Neg(apart))))
    return g.Add(g.Max(a, b), rest)


class xlogy(_Binary):
    """input * log(other), 0 where `input` is 0."""

    torch = "torch.xlogy"
    allowed = EVERY
    keeps = "inputs"

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """PyTorch has no name for a number in place of `input`."""
        if "input" in kwargs and not isinstance(kwargs["input"], TensorType):
            raise OpError("xlogy takes a number for `input` by position only", code="E0514", arg="input")
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor:
        result = super().infer(cx)
        return result.with_dtype(as_float(result.dtype))

    def onnx(self, g: Graph) -> Value:
        dtype = as_float(self.promoted())
        a, b = self.both(g, dtype)
        zero = g.const(0.0, dtype)
        nothing = g.And(g.Equal(a, zero), g.Not(g.IsNaN(b)))
        return g.Where(nothing, zero, g.Mul(a, g.Log(b)))


class _Certain(_Extremum):
    """The larger or smaller of two; the other one where one is NaN."""

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        if not dtype.is_float:
            return super().onnx(g)
        a, b = self.both(g, dtype)
        best = getattr(g, self.node)(a, b)
        return g.Where(g.IsNaN(a), b, g.Where(g.IsNaN(b), a, best))


class fmax(_Certain):
    """The larger of two tensors, element by element; a number rather than NaN."""

    torch = "torch.fmax"
    node = "Max"
    bools = "Or"


class fmin(_Certain):
    """The smaller of two tensors, element by element; a number rather than NaN."""

    torch = "torch.fmin"
    node = "Min"
    bools = "And"


class _Added(Function):
    """`input` and something of two other tensors."""

    input: Tensor
    tensor1: Tensor
    tensor2: Tensor
    value: Number = 1

    keywords = ("value",)
    placement = "each"
    node: ClassVar[str]

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS)
        tensors = (self.input, self.tensor1, self.tensor2)
        same_dtype(cx, *tensors)
        return TensorType(self.input.dtype, result_shape(cx, *tensors))

    def onnx(self, g: Graph) -> Value:
        term = getattr(g, self.node)(self.tensor1, self.tensor2)
        scaled = term if self.value == 1 else g.Mul(term, operand(g, self.value, self.input.dtype))
        return g.Add(self.input, scaled)


class addcmul(_Added):
    """input + value tensor1 tensor2."""

    torch = "torch.addcmul"
    node = "Mul"


class addcdiv(_Added):
    """input + value tensor1 / tensor2."""

    torch = "torch.addcdiv"
    node = "Div"


class heaviside(Function):
    """0 below 0, 1 above it, and `values` at it."""

    input: Tensor
    values: Tensor

    torch = "torch.heaviside"
    placement = "each"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, NUMBERS)
        same_dtype(cx, self.input, self.values)
        return TensorType(self.input.dtype, result_shape(cx, self.input, self.values))

    def onnx(self, g: Graph) -> Value:
        def emit(dtype: DType) -> Value:
            x, zero = g.cast(self.input, dtype), g.const(0, dtype)
            above = g.Where(g.Greater(x, zero), g.const(1, dtype), zero)
            return g.Where(g.Equal(x, zero), g.cast(self.values, dtype), above)

        return in_i32(g, self.input.dtype, emit)
