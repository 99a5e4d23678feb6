"""Elementwise ops: PyTorch's promotion and broadcasting, and operands for ONNX, which promotes nothing.

Source: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from spec_lang.ops.base import Cx, OpError
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.broadcasting import broadcasting_help
from spec_lang.shapes import (
    BroadcastError,
    Cond,
    Dim,
    DType,
    Facts,
    MixedPrecision,
    Shape,
    TensorType,
    Verdict,
    broadcast,
    promote,
)

FLOATS = frozenset(d for d in DType if d.is_float)
INTS = frozenset(d for d in DType if d.is_int)
NUMBERS = FLOATS | INTS
BITS = INTS | {DType.BOOL}
EVERY = NUMBERS | {DType.BOOL}
NARROW = frozenset({DType.I8, DType.U8, DType.I16})
"""Ints that ONNX runtimes compute with rarely; lowerings compute in i32."""


LARGEST: Final = {
    1: (3.4028234663852886e38, 3.4028232635611926e38),
    10: (65504.0, 65472.0),
    11: (1.7976931348623157e308, 1.7976931348623155e308),
    16: (3.3895313892515355e38, 3.3762391092936863e38),
}
"""The largest finite number of ONNX's float dtypes, by their numbers, and the one below it."""


def as_float(dtype: DType) -> DType:
    """The dtype of a function that maps ints to floats."""
    return dtype if dtype.is_float else DType.FLOAT


def takes(cx: Cx, x: TensorType, allowed: Iterable[DType], what: str = "") -> None:
    """Demand one of some dtypes.

    Raises:
        OpError: E0401, another one.
    """
    if x.dtype not in allowed:
        raise OpError(
            f"{cx.name} takes {_group(allowed)}, but {f'{what} is' if what else 'gets'} {x}",
            code="E0401",
            help=_conversion(cx, x, allowed),
        )


def _conversion(cx: Cx, x: TensorType, allowed: Iterable[DType]) -> str | None:
    if cx.name == "`^`":
        return "`**` is the power"
    return "convert with `to(float)`" if not x.dtype.is_float and DType.FLOAT in allowed else None


def _group(allowed: Iterable[DType]) -> str:
    group = frozenset(allowed)
    known = {FLOATS: "float numbers", INTS: "ints", NUMBERS: "numbers", BITS: "ints or bools"}
    if group in known:
        return known[group]
    for whole, name in ((EVERY, "any dtype"), (NUMBERS, "numbers"), (FLOATS, "float numbers")):
        left_out = whole - group
        if group < whole and len(left_out) < 3:
            return f"{name} but {' and '.join(sorted(map(str, left_out)))}"
    return " or ".join(sorted({str(d) for d in group}))


def same_dtype(cx: Cx, *tensors: TensorType | None, help: str = "convert one with `to(...)`") -> None:
    """Demand one dtype of several tensors, as ops do that promote nothing."""
    present = [t for t in tensors if t is not None]
    for t in present[1:]:
        if t.dtype is not present[0].dtype:
            raise OpError(
                f"{cx.name} takes tensors of one dtype, but gets {present[0]} and {t}",
                code="E0410",
                help=help,
            )


def _scalar_dtype(value: Any) -> DType:
    if type(value) is bool:
        return DType.BOOL
    return DType.I64 if isinstance(value, Dim | int) else DType.FLOAT


def _join(cx: Cx, dtypes: Iterable[DType]) -> DType | None:
    result: DType | None = None
    for dtype in dtypes:
        try:
            result = dtype if result is None else promote(result, dtype)
        except MixedPrecision:
            raise OpError(
                f"{cx.name} mixes {result}, the model's own precision, with {dtype}: which one wins would depend on the export",
                code="E0410",
                help="convert one of them with `to(...)`",
            ) from None
    return result


def _combine(cx: Cx, higher: DType | None, lower: DType | None) -> DType | None:
    if higher is None or lower is None:
        return higher or lower
    if higher.is_float:
        return higher
    if higher is DType.BOOL or lower.is_float:
        return _join(cx, (higher, lower))
    return higher


def result_dtype(cx: Cx, *operands: Any) -> DType:
    """What PyTorch promotes tensors and numbers to: tensors with dims first, then rank 0, then numbers.

    Raises:
        OpError: E0402, `float` meets an exact float dtype.

    Source: c10 and ATen/native/TypeProperties.cpp, result_type.
    """
    tensors = [o for o in operands if isinstance(o, TensorType)]
    number = _join(cx, [_scalar_dtype(o) for o in operands if not isinstance(o, TensorType)])
    # a shape of one pack alone may be of rank 0: both readings must agree
    hidden = [t for t in tensors if len(t.shape) == 1 and t.rank is None]
    found = set()
    for scalars in (False, True) if hidden else (False,):
        ranked = [t for t in tensors if t.shape and not (scalars and t in hidden)]
        rank0 = [t for t in tensors if not t.shape or (scalars and t in hidden)]
        low = _combine(cx, _join(cx, [t.dtype for t in rank0]), number)
        found.add(_combine(cx, _join(cx, [t.dtype for t in ranked]), low))
    if len(found) > 1:
        raise OpError(
            f"{cx.name}'s result has another dtype where {hidden[0]} has no dims",
            code="E0410",
            help="convert one operand with `to(...)`",
        )
    dtype = found.pop()
    assert dtype is not None, "an op has an operand"
    return dtype


def result_shape(cx: Cx, *operands: Any) -> Shape:
    """The broadcast shape of the tensors among some operands.

    Raises:
        OpError: E0301, two sizes are neither equal nor 1.
    """
    tensors = [o for o in operands if isinstance(o, TensorType)]
    if not tensors:
        raise OpError(f"{cx.name} takes a tensor, but gets numbers only", code="E0514")
    first = tensors[0].shape
    if all(t.shape == first for t in tensors):
        return first
    try:
        return broadcast(cx.facts, *(t.shape for t in tensors))
    except BroadcastError as error:
        listed = " and ".join(map(str, tensors))
        sizes = " and ".join(map(str, error.sizes))
        message = f"{cx.name} cannot broadcast {listed}: axis {error.axis} is {sizes}"
        refused = OpError(message, code="E0305", help=broadcasting_help(cx, tensors, error))
        a, b = error.sizes
        if isinstance(a, Dim) and isinstance(b, Dim):
            refused.state = Cond.eq(a, b)
        raise refused from None


def fits(cx: Cx, dtype: DType, *operands: Any) -> None:
    """Demand that whole numbers among the operands are in the range of a narrow int dtype."""
    if dtype not in _RANGES:
        return
    low, high = _RANGES[dtype]
    for o in operands:
        if isinstance(o, Dim):
            cond = Cond.ge(o, low) & Cond.le(o, high)
            cx.require(cond, f"{cx.name}: {o} does not fit {dtype} ({low} to {high})", code="E0411")


_RANGES = {
    DType.I8: (-(2**7), 2**7 - 1),
    DType.U8: (0, 2**8 - 1),
    DType.I16: (-(2**15), 2**15 - 1),
    DType.I32: (-(2**31), 2**31 - 1),
}


# --- ONNX -----------------------------------------------------------------------------------


def operand(g: Graph, value: Any, dtype: DType) -> Value:
    """A tensor cast to a dtype, or a number as a constant of it."""
    if isinstance(value, Value):
        return g.cast(value, dtype)
    return g.scalar(int(value) if isinstance(value, float) and not dtype.is_float else value, dtype)


def dtype_of(*operands: Any) -> DType:
    """`result_dtype` in a lowering, where the checker has already accepted the operands."""
    return result_dtype(LOWERING, *operands)


def in_i32(g: Graph, dtype: DType, emit: Callable[[DType], Value]) -> Value:
    """What `emit` gives when computing in `dtype`, by way of i32 where that is a narrow int."""
    if dtype not in NARROW:
        return emit(dtype)
    return recast(g, emit(DType.I32), dtype)


def recast(g: Graph, y: Value, dtype: DType) -> Value:
    """A value that a lowering made, of another dtype, as `dtype`."""
    return g.Cast(y, to=g.dtype(dtype))


def is_negative(g: Graph, x: Value) -> Value:
    """Whether the sign is minus, also that of -0.0, whose reciprocal is -inf."""
    if x.dtype is DType.BOOL:
        return g.And(x, g.Not(x))
    if not x.dtype.is_float:
        wide = g.cast(x, DType.I32) if x.dtype in NARROW else x
        return g.Less(wide, g.const(0, wide.dtype))
    zero = g.const(0.0, x.dtype)
    return g.Or(g.Less(x, zero), g.Less(g.Reciprocal(x), zero))


class _Decided(Cx):
    """The context of rules that the checker has applied before, by facts that are not at hand: what is open holds."""

    def require(
        self,
        cond: Cond,
        message: str,
        *,
        code: str,
        arg: str | None = None,
        help: str | None = None,
    ) -> None:
        if self.facts.decide(cond) is not Verdict.OPEN:
            super().require(cond, message, code=code, arg=arg, help=help)


LOWERING = _Decided(Facts.NONE, "ONNX lowering")
"""For rules that lowerings apply again, where the checker has already decided."""
