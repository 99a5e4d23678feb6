"""Comparisons, logic, bits, and choosing by a condition.

Source: https://docs.pytorch.org/docs/stable/torch.html#comparison-ops
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from spec_lang.ops.base import FUNCTIONS, Cx, Function, OpError, Tensor
from spec_lang.ops.functions.arithmetic import _Binary
from spec_lang.ops.kinds import Number, Operand
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import number
from spec_lang.ops.rules.elementwise import (
    BITS,
    EVERY,
    FLOATS,
    INTS,
    dtype_of,
    fits,
    operand,
    recast,
    result_dtype,
    result_shape,
    same_dtype,
    takes,
)
from spec_lang.shapes import Dim, DType, TensorType


class _Comparison(_Binary):
    """A comparison; the result is a bool."""

    allowed = EVERY
    nodes: ClassVar[tuple[str, ...]]

    def infer(self, cx: Cx) -> Tensor:
        return super().infer(cx).with_dtype(DType.BOOL)

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        if dtype in (DType.BOOL, DType.I8, DType.U8, DType.I16) and self.nodes[0] != "Equal":
            dtype = DType.I32
        y = getattr(g, self.nodes[0])(*self.both(g, dtype))
        return g.Not(y) if len(self.nodes) > 1 else y


def _comparison(name: str, nodes: str, doc: str) -> None:
    body = {
        "__doc__": doc,
        "__module__": __name__,
        "torch": f"torch.{name}",
        "nodes": tuple(nodes.split()),
    }
    type(name, (_Comparison,), body)


for _name, _nodes, _doc in (
    ("eq", "Equal", "Where they are equal."),
    ("ne", "Equal Not", "Where they differ."),
    ("lt", "Less", "Where the first is smaller."),
    ("le", "LessOrEqual", "Where the first is smaller or equal."),
    ("gt", "Greater", "Where the first is larger."),
    ("ge", "GreaterOrEqual", "Where the first is larger or equal."),
):
    _comparison(_name, _nodes, _doc)


for _name, _other in (
    ("not_equal", "ne"),
    ("less", "lt"),
    ("less_equal", "le"),
    ("greater", "gt"),
    ("greater_equal", "ge"),
):
    _same = FUNCTIONS.declared[_other]
    type(_name, (_same,), {"__doc__": _same.__doc__, "__module__": __name__, "torch": f"torch.{_name}"})


class isclose(Function):
    """Whether |input - other| <= atol + rtol |other|; equal infinities are close."""

    input: Tensor
    other: Tensor
    rtol: Number = 1e-5
    atol: Number = 1e-8
    equal_nan: bool = False

    torch = "torch.isclose"
    placement = "each"

    def infer(self, cx: Cx) -> Tensor:
        number(cx, ">=", 0, rtol=self.rtol, atol=self.atol)
        takes(cx, self.input, FLOATS)
        same_dtype(cx, self.input, self.other)
        return TensorType(DType.BOOL, result_shape(cx, self.input, self.other))

    def onnx(self, g: Graph) -> Value:
        a, b, dtype = self.input, self.other, self.input.dtype
        limit = g.Add(operand(g, self.atol, dtype), g.Mul(operand(g, self.rtol, dtype), g.Abs(b)))
        apart = g.Abs(g.Sub(a, b))
        near = g.And(g.LessOrEqual(apart, limit), g.Not(g.IsInf(apart)))
        close = g.Or(g.Equal(a, b), near)
        return g.Or(close, g.And(g.IsNaN(a), g.IsNaN(b))) if self.equal_nan else close


class _Logical(Function):
    """Logic on whether elements are 0."""

    input: Tensor
    other: Tensor

    placement = "each"
    node: ClassVar[str]

    def infer(self, cx: Cx) -> Tensor:
        return TensorType(DType.BOOL, result_shape(cx, self.input, self.other))

    def onnx(self, g: Graph) -> Value:
        return getattr(g, self.node)(g.cast(self.input, DType.BOOL), g.cast(self.other, DType.BOOL))


class logical_and(_Logical):
    """Where neither is 0."""

    torch = "torch.logical_and"
    node = "And"


class logical_or(_Logical):
    """Where one of them is not 0."""

    torch = "torch.logical_or"
    node = "Or"


class logical_xor(_Logical):
    """Where exactly one of them is 0."""

    torch = "torch.logical_xor"
    node = "Xor"


class _Bitwise(_Binary):
    """An operation on bits; of bools, logic."""

    allowed = BITS
    nodes: ClassVar[tuple[str, str]]
    bit: ClassVar[Callable[[Graph, Value, Value], Value]]
    """The operation on bits that are the ints 0 and 1."""

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        bools, ints = self.nodes
        if dtype is DType.BOOL:
            return getattr(g, bools)(*self.both(g, dtype))
        if g.opset < 18:
            return recast(g, self._bit_by_bit(g, dtype), dtype)
        return getattr(g, ints)(*self.both(g, dtype))

    def _bit_by_bit(self, g: Graph, dtype: DType) -> Value:
        """Σ 2^k bit_k, and the sign, which weighs -2^width: what two's complement says."""
        width = _WIDTHS[dtype]
        powers = g.const([2**k for k in range(width)], DType.I64)
        bits, signs = [], []
        for x in self.both(g, dtype):
            wide = g.cast(x, DType.I64)
            signs.append(g.Cast(g.Less(wide, g.const(0, DType.I64)), to=g.dtype(DType.I64)))
            each = g.Unsqueeze(wide, g.ints([-1]))
            high = g.Div(g.Sub(each, g.Mod(each, powers)), powers)
            bits.append(g.Mod(high, g.const(2, DType.I64)))
        low = g.MatMul(type(self).bit(g, *bits), powers)  # exact, where runtimes sum by way of doubles
        return g.Add(low, g.Mul(type(self).bit(g, *signs), g.const(-(2**width), DType.I64)))


class bitwise_and(_Bitwise):
    """The bits that both have; of bools, `and`."""

    torch = "torch.bitwise_and"
    nodes = ("And", "BitwiseAnd")
    bit = staticmethod(lambda g, a, b: g.Mul(a, b))


class bitwise_or(_Bitwise):
    """The bits that one of them has; of bools, `or`."""

    torch = "torch.bitwise_or"
    nodes = ("Or", "BitwiseOr")
    bit = staticmethod(lambda g, a, b: g.Max(a, b))


class bitwise_xor(_Bitwise):
    """The bits that exactly one of them has; of bools, where they differ."""

    torch = "torch.bitwise_xor"
    nodes = ("Xor", "BitwiseXor")
    bit = staticmethod(lambda g, a, b: g.Abs(g.Sub(a, b)))


_WIDTHS = {DType.U8: 8, DType.I8: 7, DType.I16: 15, DType.I32: 31, DType.I64: 63}
"""How many bits of an int are no sign."""


class _Shift(_Binary):
    """Bits moved; a negative number of places is undefined."""

    allowed = INTS

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.rules.arguments import at_least

        if isinstance(self.other, Dim):
            at_least(cx, 0, other=self.other)
        return super().infer(cx)

    def factor(self, g: Graph, dtype: DType) -> Value:
        """2 ** other."""
        if isinstance(self.other, Dim) and self.other.const is not None:
            return g.const(2**self.other.const, dtype)
        return g.Pow(g.const(2, dtype), operand(g, self.other, dtype))


class bitwise_left_shift(_Shift):
    """input * 2 ** other."""

    torch = "torch.bitwise_left_shift"

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        wide = DType.I64 if dtype is DType.I64 else DType.I32
        y = g.Mul(operand(g, self.input, wide), self.factor(g, wide))
        return recast(g, y, dtype)


class bitwise_right_shift(_Shift):
    """floor(input / 2 ** other)."""

    torch = "torch.bitwise_right_shift"

    def onnx(self, g: Graph) -> Value:
        dtype = self.promoted()
        wide = DType.I64 if dtype is DType.I64 else DType.I32
        a, b = operand(g, self.input, wide), self.factor(g, wide)
        y = g.Div(g.Sub(a, g.Mod(a, b)), b)
        return recast(g, y, dtype)


# --- Choosing -------------------------------------------------------------------------------


class where(Function):
    """`input` where the condition holds, else `other`."""

    condition: Tensor
    input: Operand
    other: Operand

    torch = "torch.where"
    placement = "each"
    method = False
    keeps = "input"

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """PyTorch has no name for a number in place of `input`."""
        if "input" in kwargs and not isinstance(kwargs["input"], TensorType):
            raise OpError("where takes a number for `input` by position only", code="E0514", arg="input")
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.condition, {DType.BOOL}, "its condition")
        dtype = result_dtype(cx, self.input, self.other)
        fits(cx, dtype, self.input, self.other)
        return TensorType(dtype, result_shape(cx, self.condition, self.input, self.other))

    def onnx(self, g: Graph) -> Value:
        dtype = dtype_of(self.input, self.other)
        if dtype is DType.BOOL:  # runtimes choose among numbers only
            yes = g.And(self.condition, operand(g, self.input, dtype))
            return g.Or(yes, g.And(g.Not(self.condition), operand(g, self.other, dtype)))
        return g.Where(self.condition, operand(g, self.input, dtype), operand(g, self.other, dtype))


class masked_fill(Function):
    """`value` where the mask holds, else `input`."""

    input: Tensor
    mask: Tensor
    value: Tensor | bool | Number

    torch = "torch.masked_fill"
    placement = "each"
    method = True
    keeps = "indices"

    def infer(self, cx: Cx) -> Tensor:
        x, value = self.input, self.value
        takes(cx, self.mask, {DType.BOOL}, "its mask")
        if isinstance(value, TensorType):
            if value.shape:
                raise OpError(f"{cx.name} takes a number or a tensor without dims, not {value}", code="E0302")
            if value.dtype is not x.dtype:
                raise OpError(f"{cx.name} of {x} takes a value of its dtype, not {value}", code="E0410")
        _of_kind(cx, x.dtype, value)
        fits(cx, x.dtype, value)
        return x.with_shape(result_shape(cx, x, self.mask))

    def onnx(self, g: Graph) -> Value:
        if self.input.dtype is DType.BOOL:
            return where(condition=self.mask, input=self.value, other=self.input).onnx(g)
        return g.Where(self.mask, operand(g, self.value, self.input.dtype), self.input)


def _of_kind(cx: Cx, dtype: DType, value: Any) -> None:
    if isinstance(value, float) and not dtype.is_float:
        raise OpError(f"{cx.name} cannot put the float {value} among {dtype}", code="E0401", arg="value")
