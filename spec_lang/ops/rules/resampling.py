"""Resampling of spatial axes: sizes, conditions and lowering, for the layers and the function.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, frexp
from struct import pack, unpack
from typing import Any, Final

from spec_lang.frozen import Record
from spec_lang.ops.base import Cx, OpError, known_rank
from spec_lang.ops.kinds import Real
from spec_lang.ops.lowering import Graph, Unsupported, Value
from spec_lang.ops.rules.adaptive import adaptive_avg_onnx
from spec_lang.ops.rules.arguments import any_float, at_least, known_float, per_axis
from spec_lang.ops.rules.elementwise import takes
from spec_lang.shapes import Cond, Dim, DType, TensorType, dim, maximum

RANKS = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
}
"""The ranks that each mode takes."""

_ALIGNED = ("linear", "bilinear", "bicubic", "trilinear")
_ANTIALIASED = ("bilinear", "bicubic")
_CUBIC: Final = -0.75
_ANTIALIASED_CUBIC: Final = -0.5
_POWERS: Final = 16
_ULP: Final = 2.0**-23


class Resampling(Record):
    """The arguments of `interpolate`, of which either `size` or `scale_factor` is given."""

    size: Any
    scale_factor: Any
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None
    antialias: bool = False

    def check(self, cx: Cx) -> None:
        """The conditions on the arguments alone."""
        if (self.size is None) == (self.scale_factor is None):
            raise OpError(f"{cx.name} takes either size or scale_factor", code="E0502", arg="scale_factor")
        if self.align_corners is not None and self.mode not in _ALIGNED:
            raise OpError(
                f'{cx.name} has no corners to align with mode="{self.mode}"',
                code="E0502",
                arg="align_corners",
                help="leave `align_corners` out",
            )
        if self.recompute_scale_factor and self.size is not None:
            raise OpError(
                f"{cx.name} has no scale factor to recompute where size is given",
                code="E0502",
                arg="recompute_scale_factor",
            )
        if self.antialias and self.mode not in _ANTIALIASED:
            raise OpError(
                f'{cx.name} has no antialiasing with mode="{self.mode}"',
                code="E0502",
                arg="antialias",
                help='it is there for mode="bilinear" and mode="bicubic"',
            )
        if self.size is not None:
            at_least(cx, 1, size=self.size)

    def result(self, cx: Cx, x: TensorType) -> TensorType:
        """[N, C, ...] with each spatial size as given, or ⌊L * scale⌋.

        Raises:
            OpError: the rank does not fit the mode, nothing would be left, or a size hangs on how a float rounds.
        """
        any_float(cx, x)
        if self.antialias:
            takes(cx, x, {DType.FLOAT, DType.F32, DType.F64})
        n = known_rank(cx, x, RANKS[self.mode]) - 2
        sizes = self._sizes(cx, x, n)
        if self.antialias:
            for size in (x.dims[-1], sizes[-1]):
                cx.require(
                    Cond.ge(size, 2),
                    f"{cx.name} with antialiasing takes and gives images at least 2 wide, but the width is {size}",
                    code="E0304",
                    help="images 1 wide have another result in PyTorch from layout to layout",
                )
        return x.with_shape((*x.shape[:2], *sizes))

    def _sizes(self, cx: Cx, x: TensorType, n: int) -> tuple[Dim, ...]:
        """The spatial sizes of the result."""
        if self.size is not None:
            return per_axis(cx, self.size, n, "size")
        factors = per_axis(cx, self.scale_factor, n, "scale_factor")
        sizes = tuple(scaled(cx, s, f) for s, f in zip(x.dims[2:], factors, strict=True))
        if self.mode != "area" and not self.recompute_scale_factor and not self.align_corners:
            for s, f in zip(x.dims[2:], factors, strict=True):
                self._as_the_factor_says(cx, s, f, n)
        return sizes

    def _as_the_factor_says(self, cx: Cx, size: Dim, factor: float | Dim | Real, n: int) -> None:
        """Demand that the result is not as large as one of a rounder factor, whose samples PyTorch may take instead.

        Of sizes that are known, the modes other than nearest have one answer.
        """
        if not isinstance(factor, float):
            return
        known = size.const is not None
        for whole in (1, 2) if self.mode == "nearest" and n > 1 else () if known else (1,):
            if not whole < factor < whole + 0.5:
                continue
            least = ceil(1 / (Fraction(factor) - whole))
            if size != 1:
                cx.require(
                    Cond.ge(size, least),
                    f"{cx.name} by {factor} makes {size * whole} of {size}, for which PyTorch may take a factor of {whole}",
                    code="E0501",
                    arg="scale_factor",
                    help="give `size`",
                )

    def onnx(self, g: Graph, x: Value) -> Value:
        """One Resize over the axes where ONNX Runtime's arithmetic is PyTorch's, and Gather or MatMul over the others."""
        n = len(x.dims) - 2
        axes = tuple(range(2, n + 2))
        factors: tuple[Any, ...] = (None,) * n
        if self.size is not None:
            sizes = per_axis(_NOBODY, self.size, n, "size")
        else:
            given = per_axis(_NOBODY, self.scale_factor, n, "scale_factor")
            sizes = tuple(scaled(_NOBODY, s, f) for s, f in zip(x.dims[2:], given, strict=True))
            if self.mode != "area" and not self.recompute_scale_factor:
                factors = tuple(known_float(f, "scale_factor") for f in given)
        if self.mode == "area":
            return adaptive_avg_onnx(g, x, sizes)
        aligned = bool(self.align_corners)
        resampled = [_Axis(a, x.dims[a], s, f) for a, s, f in zip(axes, sizes, factors, strict=True)]
        nearest = self.mode in ("nearest", "nearest-exact")
        if self.mode != "bicubic" or self.antialias:  # which take samples as they are where there are as many
            resampled = [r for r in resampled if r.out != r.size or (nearest and r.factor is not None)]
        if nearest:
            plain = [r for r in resampled if r.by_power_of_two]
            if x.dtype is DType.F64 and n > 1 and len(plain) < len(resampled):
                raise Unsupported("the nearest of f64 elements are others in PyTorch from layout to layout")
        elif self.antialias and (aligned or g.opset < 18):
            plain = []
        else:
            plain = [r for r in resampled if aligned or r.as_resize is not None]
        if x.dtype is DType.F64:
            plain = []  # ONNX Runtime has no Resize of f64
        y = self._resized(g, x, plain, aligned and self.size is None) if plain else x
        for r in resampled:
            if r not in plain:
                y = _picked(g, y, r, self.mode) if nearest else _weighted(g, y, r, self)
        return y

    def _resized(self, g: Graph, x: Value, axes: Sequence[_Axis], by_size: bool) -> Value:
        attributes = _attributes(self.mode, bool(self.align_corners))
        if self.antialias:
            attributes |= {"antialias": 1, "exclude_outside": 1}
            if self.mode == "bicubic":
                attributes["cubic_coeff_a"] = _ANTIALIASED_CUBIC
        shape, scales = list(x.dims), [1.0] * len(x.dims)
        for a in axes:
            shape[a.axis] = a.out
            scales[a.axis] = a.as_resize or a.factor or 1.0
        if by_size or any(a.factor is None for a in axes):
            y = g.Resize(x, None, None, g.dims(shape), **attributes)
        else:
            y = g.Resize(x, None, g.const(scales, DType.F32), **attributes)
        return g.typed(y, x.dtype, tuple(shape))


class _Axis(Record):
    """An axis of `size` that becomes `out`, by a factor where that says how far apart the samples are."""

    axis: int
    size: Dim
    out: Dim
    factor: float | None

    @property
    def by_power_of_two(self) -> bool:
        """Whether the nearest neighbours are the same in any arithmetic."""
        if self.factor is not None:
            return frexp(self.factor)[0] == 0.5
        return any(self.out == self.size * 2**k or self.size == self.out * 2**k for k in range(_POWERS))

    @property
    def as_resize(self) -> float | None:
        """The factor in f32 with which ONNX Runtime, which multiplies in f32, and ONNX's own shape inference, which does
        not, give as many samples; None where there is none."""
        if self.factor is None:
            return 1.0
        scale = rounded(self.factor)
        if self.size.const is None:
            return scale
        if self.out == self.size:  # which ONNX Runtime copies
            return None
        for near in (scale, rounded(scale * (1 + _ULP)), rounded(scale * (1 - _ULP))):
            if self.out == int(rounded(self.size.const * near)) == int(self.size.const * near):
                return near
        return None


def rounded(x: float) -> float:
    """A number as f32 has it."""
    [y] = unpack("<f", pack("<f", x))
    return float(y)


def _steps(g: Graph, size: Dim) -> Value:
    """0, 1, ... as f64."""
    steps = g.typed(g.Range(g.dim(0), g.dim(size), g.dim(1)), DType.I64, (size,))
    return g.cast(steps, DType.F64)


def _apart(g: Graph, r: _Axis, dtype: DType) -> Value:
    """How far apart samples are in the input, in the arithmetic of PyTorch's kernels: f64, or rounded to f32."""
    wide = DType.F64 if dtype is DType.F64 else DType.F32
    if r.factor is not None:
        return g.const(1 / r.factor if wide is DType.F64 else rounded(1 / r.factor), DType.F64)
    ratio = g.typed(g.Div(g.scalar(r.size, wide), g.scalar(r.out, wide)), wide, ())
    return g.cast(ratio, DType.F64)


def _picked(g: Graph, x: Value, r: _Axis, mode: str) -> Value:
    """The nearest neighbours along one axis, rounded as PyTorch's kernels round: of "nearest-exact" they subtract a half
    from a product, as one operation, and add it again, but for images."""
    steps, apart = _steps(g, r.out), _apart(g, r, x.dtype)

    def f32(y: Value) -> Value:
        return g.cast(g.typed(y, DType.F64, (r.out,)), DType.F32)

    half = g.const(0.5, DType.F64)
    if mode == "nearest":
        place = f32(g.Mul(steps, apart))
    elif x.dtype is DType.F64 or len(x.dims) == 4:
        place = f32(g.Mul(g.Add(steps, half), apart))
    else:
        place = g.Add(f32(g.Sub(g.Mul(g.Add(steps, half), apart), half)), g.const(0.5, DType.F32))
    index = g.cast(g.typed(g.Floor(place), DType.F32, (r.out,)), DType.I64)
    index = g.Min(index, g.dim(r.size - 1))
    return g.typed(g.Gather(x, index, axis=r.axis), x.dtype, _with(x, r))


def _weighted(g: Graph, x: Value, r: _Axis, rule: Resampling) -> Value:
    """Sums along one axis, by a matrix of weights: what Resize has no attributes for."""
    dtype = DType.F64 if x.dtype is DType.F64 else DType.F32
    weights = g.typed(_weights(g, r, dtype, rule), DType.F64, (r.size, r.out))
    weights = g.cast(weights, dtype)
    rank = len(x.dims)
    order = [*(i for i in range(rank) if i != r.axis), r.axis]
    y = g.Transpose(g.cast(x, dtype), perm=order) if r.axis != rank - 1 else g.cast(x, dtype)
    y = g.MatMul(y, weights)
    if r.axis != rank - 1:
        y = g.Transpose(y, perm=[*range(r.axis), rank - 1, *range(r.axis, rank - 1)])
    return g.cast(g.typed(y, dtype, _with(x, r)), x.dtype)


def _weights(g: Graph, r: _Axis, dtype: DType, rule: Resampling) -> Value:
    """How much each place of the input, in rows, counts for each place of the result, in columns."""

    def const(x: float) -> Value:
        return g.const(x, DType.F64)

    aligned, cubic = bool(rule.align_corners), rule.mode == "bicubic"
    places = g.Unsqueeze(_steps(g, r.size), g.ints([1]))
    steps = _steps(g, r.out)
    apart = _apart(g, r, dtype)
    if aligned:
        ends = [g.scalar(d, DType.F64) for d in (r.size - 1, maximum(r.out - 1, 1))]
        apart = g.Div(*ends) if r.out.const != 1 else const(0.0)
        if r.out.const is None:
            apart = g.Where(g.Equal(g.dim(r.out), g.dim(1)), const(0.0), apart)
    center = g.Mul(g.Add(steps, const(0.5)), apart)
    if rule.antialias:
        wide = g.Max(apart, const(1.0))
        support = g.Mul(wide, const(2.0 if cubic else 1.0))
        reach = g.Add(support, const(-0.5))
        low = g.Sub(center, reach)  # the first place is at its whole part, the last before that of the end
        first = g.Floor(g.Max(low, const(0.0)))
        end = g.Floor(g.Add(center, g.Add(support, const(0.5))))
        away = g.Div(g.Abs(g.Add(g.Sub(places, center), const(0.5))), wide)
        inside = g.And(g.GreaterOrEqual(places, first), g.Less(places, end))
        weights = _cubic(g, away, _ANTIALIASED_CUBIC) if cubic else g.Max(g.Sub(const(1.0), away), const(0.0))
        weights = g.Where(inside, weights, const(0.0))
        return g.Div(weights, g.ReduceSum(weights, g.ints([0]), keepdims=1))
    at = g.Mul(steps, apart) if aligned else g.Sub(center, const(0.5))
    last = g.scalar(r.size - 1, DType.F64)
    if not cubic:
        at = g.Min(g.Max(at, const(0.0)), last)
        return g.Max(g.Sub(const(1.0), g.Abs(g.Sub(places, at))), const(0.0))
    whole = g.Floor(at)
    total = None
    for k in (-1.0, 0.0, 1.0, 2.0):
        tap = g.Add(whole, const(k))
        weight = _cubic(g, g.Abs(g.Sub(at, tap)), _CUBIC)
        here = g.Equal(places, g.Min(g.Max(tap, const(0.0)), last))
        part = g.Where(here, weight, const(0.0))
        total = part if total is None else g.Add(total, part)
    assert total is not None, "there are four taps"
    return total


def _cubic(g: Graph, t: Value, a: float) -> Value:
    """The weight of what is `t` away, by cubic convolution. Source: https://doi.org/10.1109/TASSP.1981.1163711"""

    def polynomial(*coefficients: float) -> Value:
        y: Value = g.const(coefficients[0], DType.F64)
        for c in coefficients[1:]:
            y = g.Add(g.Mul(y, t), g.const(c, DType.F64))
        return y

    near, far = polynomial(a + 2, -(a + 3), 0.0, 1.0), polynomial(a, -5 * a, 8 * a, -4 * a)
    one, two, zero = (g.const(x, DType.F64) for x in (1.0, 2.0, 0.0))
    return g.Where(g.Less(t, one), near, g.Where(g.Less(t, two), far, zero))


def _with(x: Value, r: _Axis) -> tuple[Dim, ...]:
    return (*x.dims[: r.axis], r.out, *x.dims[r.axis + 1 :])


def _attributes(mode: str, aligned: bool) -> dict[str, Any]:
    if mode == "nearest":
        return {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    if mode == "nearest-exact":
        return {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"}
    attributes: dict[str, Any] = {"mode": "cubic" if mode == "bicubic" else "linear"}
    if aligned:
        attributes["coordinate_transformation_mode"] = "align_corners"
    return attributes


def scaled(cx: Cx, size: Dim, factor: float | Dim | Real) -> Dim:
    """⌊size * factor⌋ in f64, as PyTorch has it, where that is the same in integers for all sizes.

    Raises:
        OpError: it is not, or is nothing.
    """
    if isinstance(factor, Dim):
        at_least(cx, 1, scale_factor=factor)
        return size * factor
    if isinstance(factor, Real):
        raise _unclear(cx, size, factor)
    if not 0 < factor < 2**20:
        raise OpError(f"{cx.name} cannot scale by {factor}", code="E0501", arg="scale_factor")
    if size.const is not None:
        out = dim(int(float(size.const) * factor))
    else:
        ratio = Fraction(factor)
        if ratio.denominator > 2**10:
            raise _unclear(cx, size, factor)
        out = size * ratio.numerator // ratio.denominator
    cx.require(
        Cond.ge(out, 1), f"{cx.name} would leave {out} of an axis of {size}", code="E0304", arg="scale_factor"
    )
    return out


def _unclear(cx: Cx, size: Dim, factor: object) -> OpError:
    return OpError(
        f"{cx.name} cannot say what {size} times {factor} rounds to",
        code="E0501",
        arg="scale_factor",
        help="give `size`, or a factor such as 2, 1.5 or 0.25",
    )


class _Nobody(Cx):
    """Where the checks have been made: a lowering reuses the rules for their results."""

    def __init__(self) -> None:
        pass

    name = "interpolate"

    def require(self, cond: Cond, message: str, **_: Any) -> None:
        pass


_NOBODY: Cx = _Nobody()
