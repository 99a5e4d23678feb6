"""Activations: each is a function of `torch.nn.functional` and the layer of `torch.nn` with the same arguments.

Source: https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from spec_lang.ops.base import Cx, Function, Layer, OpError, Param, Tensor, axis_of, known_rank, size_at
from spec_lang.ops.init import Fill
from spec_lang.ops.kinds import Axis, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, known_float, no_inplace, number
from spec_lang.ops.rules.elementwise import (
    FLOATS,
    INTS,
    NUMBERS,
    as_float,
    in_i32,
    operand,
    same_dtype,
    takes,
)
from spec_lang.ops.twin import twin
from spec_lang.shapes import Cond, Dim, DType


class _Activation(Function):
    """A function of each element that keeps shape and dtype."""

    input: Tensor

    placement = "each"
    allowed: ClassVar[frozenset[DType]] = FLOATS

    def check(self, cx: Cx) -> None:
        no_inplace(self.name, getattr(self, "inplace", False))

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        takes(cx, self.input, self.allowed)
        return self.input


def _number(g: Graph, value: Any, x: Value) -> Value:
    return operand(g, value, x.dtype)


class relu(_Activation):
    """max(x, 0)."""

    inplace: bool = False

    torch = "F.relu"
    allowed = NUMBERS
    keeps = "result"

    def onnx(self, g: Graph) -> Value:
        x = self.input
        if x.dtype.is_float:
            return g.Relu(x)
        return in_i32(g, x.dtype, lambda d: g.Max(g.cast(x, d), g.const(0, d)))


class relu6(_Activation):
    """min(max(x, 0), 6)."""

    inplace: bool = False

    torch = "F.relu6"
    allowed = NUMBERS
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        return g.Clip(self.input, _number(g, 0, self.input), _number(g, 6, self.input))


class hardtanh(_Activation):
    """x clipped to [min_val, max_val]."""

    min_val: Number = -1.0
    max_val: Number = 1.0
    inplace: bool = False

    torch = "F.hardtanh"
    allowed = NUMBERS - {DType.U8}
    keeps = "input"

    def check(self, cx: Cx) -> None:
        super().check(cx)
        _ordered(cx, self.min_val, self.max_val)

    def infer(self, cx: Cx) -> Tensor:
        if self.input.dtype.is_int and not all(map(_is_whole, (self.min_val, self.max_val))):
            raise OpError(
                f"{cx.name} of ints takes int bounds", code="E0401", help="convert with `to(float)`"
            )
        return super().infer(cx)

    def onnx(self, g: Graph) -> Value:
        x = self.input
        return g.Clip(x, _number(g, self.min_val, x), _number(g, self.max_val, x))


def _is_whole(value: Any) -> bool:
    return isinstance(value, Dim) or (isinstance(value, float) and value.is_integer())


def _ordered(cx: Cx, low: Any, high: Any) -> None:
    message = f"{cx.name} takes min_val at most max_val, but they are {low} and {high}"
    low, high = (v.const if isinstance(v, Dim) and v.const is not None else v for v in (low, high))
    if isinstance(low, Dim | int) and isinstance(high, Dim | int):
        cx.require(Cond.le(low, high), message, code="E0501", arg="min_val")
    elif isinstance(low, float | int) and isinstance(high, float | int) and low > high:
        raise OpError(message, code="E0501", arg="min_val")


class elu(_Activation):
    """x where x > 0, else alpha (exp(x) - 1). Source: https://arxiv.org/abs/1511.07289"""

    alpha: Number = 1.0
    inplace: bool = False

    torch = "F.elu"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        return g.Elu(self.input, alpha=known_float(self.alpha, "alpha"))


class selu(_Activation):
    """scale (max(x, 0) + min(alpha (exp(x) - 1), 0)), self-normalising. Source: https://arxiv.org/abs/1706.02515"""

    inplace: bool = False

    torch = "F.selu"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        return g.Selu(self.input)


class celu(_Activation):
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0). Source: https://arxiv.org/abs/1704.07483"""

    alpha: Number = 1.0
    inplace: bool = False

    torch = "F.celu"
    keeps = "input"

    def check(self, cx: Cx) -> None:
        super().check(cx)
        number(cx, "!=", 0, alpha=self.alpha)

    def onnx(self, g: Graph) -> Value:
        x, alpha = self.input, known_float(self.alpha, "alpha")
        if x.dtype is not DType.F64:
            return g.Celu(x, alpha=alpha)
        slope = _number(g, alpha, x)
        below = g.Mul(slope, g.Sub(g.Exp(g.Div(x, slope)), _number(g, 1.0, x)))
        return g.Where(g.Greater(x, _number(g, 0.0, x)), x, below)


class leaky_relu(_Activation):
    """x where x > 0, else negative_slope x."""

    negative_slope: Number = 0.01
    inplace: bool = False

    torch = "F.leaky_relu"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        return g.LeakyRelu(self.input, alpha=known_float(self.negative_slope, "negative_slope"))


class rrelu(_Activation):
    """x where x > 0, else a x with a drawn from U(lower, upper) in training, their mean else."""

    lower: Number = 1.0 / 8
    upper: Number = 1.0 / 3
    inplace: bool = False

    torch = "F.rrelu"
    trains = True
    keywords = ("inplace",)

    def check(self, cx: Cx) -> None:
        super().check(cx)
        _ordered(cx, self.lower, self.upper)

    def onnx(self, g: Graph) -> Value:
        slope = (known_float(self.lower, "lower") + known_float(self.upper, "upper")) / 2
        return g.LeakyRelu(self.input, alpha=slope)


class gelu(_Activation):
    """x Φ(x), Φ the normal distribution's; or its approximation by tanh. Source: https://arxiv.org/abs/1606.08415"""

    approximate: Literal["none", "tanh"] = "none"

    torch = "F.gelu"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        if g.opset >= 20:
            return g.Gelu(self.input, **({} if self.approximate == "none" else {"approximate": "tanh"}))
        return self._tanh(g) if self.approximate == "tanh" else self._erf(g)

    def _erf(self, g: Graph) -> Value:
        x = self.input
        cdf = g.Add(g.Erf(g.Mul(x, _number(g, math.sqrt(0.5), x))), _number(g, 1.0, x))
        return g.Mul(g.Mul(x, cdf), _number(g, 0.5, x))

    def _tanh(self, g: Graph) -> Value:
        x = self.input
        cube = g.Mul(g.Mul(x, x), x)
        inner = g.Add(x, g.Mul(cube, _number(g, 0.044715, x)))
        tanh = g.Tanh(g.Mul(inner, _number(g, math.sqrt(2 / math.pi), x)))
        return g.Mul(g.Mul(x, g.Add(tanh, _number(g, 1.0, x))), _number(g, 0.5, x))


class silu(_Activation):
    """x sigmoid(x), also called swish. Source: https://arxiv.org/abs/1702.03118"""

    inplace: bool = False

    torch = "F.silu"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        return g.Mul(self.input, g.Sigmoid(self.input))


class mish(_Activation):
    """x tanh(softplus(x)). Source: https://arxiv.org/abs/1908.08681"""

    inplace: bool = False

    torch = "F.mish"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        if g.opset >= 18:
            return g.Mish(self.input)
        return g.Mul(self.input, g.Tanh(g.Softplus(self.input)))


class softplus(_Activation):
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""

    beta: Number = 1.0
    threshold: Number = 20.0

    torch = "F.softplus"
    keeps = "input"

    def check(self, cx: Cx) -> None:
        number(cx, "!=", 0, beta=self.beta)

    def onnx(self, g: Graph) -> Value:
        x = self.input
        beta, threshold = known_float(self.beta, "beta"), known_float(self.threshold, "threshold")
        scaled = x if beta == 1 else g.Mul(x, _number(g, beta, x))
        y = g.Softplus(scaled)
        y = y if beta == 1 else g.Div(y, _number(g, beta, x))
        if threshold >= 20:  # beyond it the two agree to float32's precision
            return y
        return g.Where(g.Greater(scaled, _number(g, threshold, x)), x, y)


class softsign(_Activation):
    """x / (1 + |x|)."""

    torch = "F.softsign"
    allowed = NUMBERS

    def infer(self, cx: Cx) -> Tensor:
        return _floats_of(super().infer(cx))

    def onnx(self, g: Graph) -> Value:
        return g.Softsign(g.cast(self.input, as_float(self.input.dtype)))


def _floats_of(x: Tensor) -> Tensor:
    return x.with_dtype(as_float(x.dtype))


class hardswish(_Activation):
    """x relu6(x + 3) / 6. Source: https://arxiv.org/abs/1905.02244"""

    inplace: bool = False

    torch = "F.hardswish"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        return g.HardSwish(self.input)


class hardsigmoid(_Activation):
    """relu6(x + 3) / 6."""

    inplace: bool = False

    torch = "F.hardsigmoid"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        return g.HardSigmoid(self.input, alpha=1 / 6, beta=0.5)


class hardshrink(_Activation):
    """x where |x| > lambd, else 0."""

    lambd: Number = 0.5

    torch = "F.hardshrink"
    keeps = "input"

    def onnx(self, g: Graph) -> Value:
        x = self.input
        small = g.LessOrEqual(g.Abs(x), _number(g, known_float(self.lambd, "lambd"), x))
        return g.Where(small, _number(g, 0.0, x), x)  # Shrink makes NaN 0


class softshrink(_Activation):
    """x moved towards 0 by lambd, and 0 where |x| <= lambd."""

    lambd: Number = 0.5

    torch = "F.softshrink"
    keeps = "input"

    def check(self, cx: Cx) -> None:
        number(cx, ">=", 0, lambd=self.lambd)

    def onnx(self, g: Graph) -> Value:
        x, lambd = self.input, _number(g, known_float(self.lambd, "lambd"), self.input)
        rest = g.Where(g.Less(x, g.Neg(lambd)), g.Add(x, lambd), g.Mul(x, _number(g, 0.0, x)))
        return g.Where(g.Greater(x, lambd), g.Sub(x, lambd), rest)  # Shrink makes NaN 0


class tanhshrink(_Activation):
    """x - tanh(x)."""

    torch = "F.tanhshrink"
    allowed = NUMBERS

    def infer(self, cx: Cx) -> Tensor:
        return _floats_of(super().infer(cx))

    def onnx(self, g: Graph) -> Value:
        x = g.cast(self.input, as_float(self.input.dtype))
        return g.Sub(x, g.Tanh(x))


class _FromAny(_Activation):
    """A function that maps ints and bools to floats."""

    allowed = NUMBERS | {DType.BOOL}
    keeps = "result"

    def infer(self, cx: Cx) -> Tensor:
        return _floats_of(super().infer(cx))


class tanh(_FromAny):
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""

    torch = "torch.tanh"

    def onnx(self, g: Graph) -> Value:
        return g.Tanh(g.cast(self.input, as_float(self.input.dtype)))


class sigmoid(_FromAny):
    """1 / (1 + exp(-x))."""

    torch = "torch.sigmoid"

    def onnx(self, g: Graph) -> Value:
        return g.Sigmoid(g.cast(self.input, as_float(self.input.dtype)))


class logsigmoid(_Activation):
    """log(sigmoid(x))."""

    torch = "F.logsigmoid"

    def onnx(self, g: Graph) -> Value:
        return g.Neg(g.Softplus(g.Neg(self.input)))


class threshold(_Activation):
    """x where x > threshold, else value."""

    threshold: Number
    value: Number
    inplace: bool = False

    torch = "F.threshold"
    allowed = NUMBERS
    keeps = "input"

    def infer(self, cx: Cx) -> Tensor:
        if self.input.dtype in INTS and not all(isinstance(v, Dim) for v in (self.threshold, self.value)):
            raise OpError(f"{cx.name} of ints takes ints", code="E0401", help="convert with `to(float)`")
        return super().infer(cx)

    def onnx(self, g: Graph) -> Value:
        x = self.input
        limit, value = _number(g, self.threshold, x), _number(g, self.value, x)
        if x.dtype.is_float:
            return g.Where(g.LessOrEqual(x, limit), value, x)
        return g.Where(g.Greater(x, limit), x, value)


class glu(_Activation):
    """a sigmoid(b), a and b the halves along `dim`. Source: https://arxiv.org/abs/1612.08083"""

    dim: Axis = -1

    torch = "F.glu"
    placement = "axes"
    keeps = "input"

    def infer(self, cx: Cx) -> Tensor:
        x = super().infer(cx)
        if x.rank == 0:
            raise OpError(f"{cx.name} takes a tensor with dims, but gets {x}", code="E0302")
        axis, size = axis_of(cx, x, self.dim), size_at(cx, x, self.dim)
        cx.require(
            Cond.divides(2, size),
            f"{cx.name} halves axis {self.dim}, whose size {size} must be even",
            code="E0306",
        )
        return x.with_shape((*x.shape[:axis], size // 2, *x.shape[axis + 1 :]))

    def onnx(self, g: Graph) -> Value:
        halves = {"num_outputs": 2} if g.opset >= 18 else {}
        a, b = g.Split(self.input, axis=self.dim % len(self.input.shape), outputs=2, **halves)
        return g.Mul(a, g.Sigmoid(b))


class prelu(_Activation):
    """x where x > 0, else weight x; one weight, or one for each channel. Source: https://arxiv.org/abs/1502.01852"""

    weight: Tensor

    torch = "F.prelu"
    placement = ""  # its weights stand along the second axis
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        x, weight = super().infer(cx), self.weight
        same_dtype(cx, x, weight)
        known_rank(cx, weight, (0, 1), "its weight")
        if weight.shape and weight.dims[0] != 1:
            known_rank(cx, x)
            if not x.shape:
                raise OpError(f"{cx.name} takes one weight for {x}, but gets {weight}", code="E0302")
            channels = x.dims[1] if len(x.shape) > 1 else 1
            cx.equal(
                weight.dims[0], channels, f"{cx.name} has {weight.dims[0]} weights for {channels} channels"
            )
        return x

    def onnx(self, g: Graph) -> Value:
        x, weight = self.input, self.weight
        after = len(x.shape) - 2
        if weight.shape and weight.dims[0] != 1 and after > 0:
            return g.PRelu(x, g.reshape(weight, (weight.dims[0], *[1] * after)))
        if weight.shape and not x.shape:
            weight = g.reshape(weight, ())
        return g.PRelu(x, weight)


# --- Softmaxes ------------------------------------------------------------------------------


class _Softmax(_Activation):
    """A normalisation along `dim`; without one PyTorch takes 1, or 0 where there are 0, 1 or 3 dims."""

    dim: Axis | None = None
    dtype: DType | None = None

    keywords = ("dtype",)

    placement = "each; whole dim"
    keeps = "result"

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        if self.dtype is None:
            takes(cx, x, FLOATS)
        elif not self.dtype.is_float:
            raise OpError(f"{cx.name} gives float numbers, not {self.dtype}", code="E0401", arg="dtype")
        if self.dim is None:
            known_rank(cx, x)
        else:
            axis_of(cx, x, self.dim)
        return x.with_dtype(self.dtype or x.dtype)

    def _parts(self, g: Graph) -> tuple[Value, int]:
        x = self.input
        rank = len(x.shape)
        axis = self.dim if self.dim is not None else int(rank not in (0, 1, 3))
        return g.cast(x, self.dtype or x.dtype), axis % max(rank, 1)


def _along(g: Graph, emit: Any, x: Value, axis: int) -> Value:
    """A softmax of a rank-0 tensor needs an axis in ONNX."""
    if x.shape:
        return emit(x, axis=axis)
    return g.Squeeze(emit(g.Unsqueeze(x, g.ints([0])), axis=0), g.ints([0]))


class softmax(_Softmax):
    """exp(x) / sum exp(x) along `dim`."""

    torch = "F.softmax"

    def onnx(self, g: Graph) -> Value:
        return _along(g, g.Softmax, *self._parts(g))


class softmin(_Softmax):
    """softmax(-x)."""

    torch = "F.softmin"

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, NUMBERS)
        return super().infer(cx)

    def onnx(self, g: Graph) -> Value:
        x, (_, axis) = self.input, self._parts(g)
        y = in_i32(g, x.dtype, lambda d: g.Neg(g.cast(x, d)))  # of u8 it wraps before the conversion
        y = g.cast(g.typed(y, x.dtype, x.shape), self.dtype or x.dtype)
        return _along(g, g.Softmax, y, axis)


class log_softmax(_Softmax):
    """log(softmax(x))."""

    torch = "F.log_softmax"

    def onnx(self, g: Graph) -> Value:
        return _along(g, g.LogSoftmax, *self._parts(g))


class Softmax2d(Layer):
    """softmax over the channels of [N, C, H, W] or [C, H, W]."""

    torch = "nn.Softmax2d"
    ranks = (3, 4)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        takes(cx, input, FLOATS)
        return input

    def onnx(self, g: Graph, input: Value) -> Value:
        return g.Softmax(input, axis=len(input.shape) - 3)


class PReLU(Layer):
    """x where x > 0, else a learned weight times x. Source: https://arxiv.org/abs/1502.01852"""

    num_parameters: Dim = 1
    init: Number = 0.25

    torch = "nn.PReLU"
    always = ("weight",)
    sole = True

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, num_parameters=self.num_parameters)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return prelu(input=input, weight=Tensor(DType.FLOAT, (self.num_parameters,))).infer(cx)

    def params(self) -> Iterator[Param]:
        yield Param("weight", (self.num_parameters,), Fill(known_float(self.init, "init")))

    def onnx(self, g: Graph, input: Value) -> Value:
        return prelu(input=input, weight=g.param("weight")).onnx(g)


for _function, _name in (
    (relu, "ReLU"),
    (relu6, "ReLU6"),
    (elu, "ELU"),
    (selu, "SELU"),
    (celu, "CELU"),
    (leaky_relu, "LeakyReLU"),
    (rrelu, "RReLU"),
    (gelu, "GELU"),
    (silu, "SiLU"),
    (mish, "Mish"),
    (softplus, "Softplus"),
    (softsign, "Softsign"),
    (hardtanh, "Hardtanh"),
    (hardswish, "Hardswish"),
    (hardsigmoid, "Hardsigmoid"),
    (hardshrink, "Hardshrink"),
    (softshrink, "Softshrink"),
    (tanhshrink, "Tanhshrink"),
    (tanh, "Tanh"),
    (sigmoid, "Sigmoid"),
    (logsigmoid, "LogSigmoid"),
    (threshold, "Threshold"),
    (glu, "GLU"),
):
    twin(_function, _name)

for _function, _name in ((softmax, "Softmax"), (softmin, "Softmin"), (log_softmax, "LogSoftmax")):
    twin(_function, _name, without=("dtype",))
