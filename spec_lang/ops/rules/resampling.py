"""Resampling of spatial axes: sizes, conditions and lowering, for the layers and the function.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from spec_lang.frozen import Record
from spec_lang.ops.base import Cx, OpError, known_rank
from spec_lang.ops.kinds import Real
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.adaptive import adaptive_avg_onnx
from spec_lang.ops.rules.arguments import any_float, at_least, known_float, per_axis
from spec_lang.shapes import Cond, Dim, DType, TensorType, dim

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


class Resampling(Record):
    """The arguments of `interpolate`, of which either `size` or `scale_factor` is given."""

    size: Any
    scale_factor: Any
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

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
        if self.size is not None:
            at_least(cx, 1, size=self.size)

    def result(self, cx: Cx, x: TensorType) -> TensorType:
        """[N, C, ...] with each spatial size as given, or ⌊L * scale⌋.

        Raises:
            OpError: the rank does not fit the mode, nothing would be left, or a size hangs on how a float rounds.
        """
        any_float(cx, x)
        n = known_rank(cx, x, RANKS[self.mode]) - 2
        if self.size is not None:
            return x.with_shape((*x.shape[:2], *per_axis(cx, self.size, n, "size")))
        factors = per_axis(cx, self.scale_factor, n, "scale_factor")
        return x.with_shape(
            (*x.shape[:2], *(scaled(cx, s, f) for s, f in zip(x.dims[2:], factors, strict=True)))
        )

    def onnx(self, g: Graph, x: Value) -> Value:
        """One Resize node; by sizes where they are given or the factor is recomputed from them."""
        n = len(x.dims) - 2
        sizes = per_axis(_NOBODY, self.size, n, "size") if self.size is not None else None
        if sizes is None:
            factors = per_axis(_NOBODY, self.scale_factor, n, "scale_factor")
            if self.mode == "area" or self.recompute_scale_factor:
                sizes = tuple(scaled(_NOBODY, s, f) for s, f in zip(x.dims[2:], factors, strict=True))
        if self.mode == "area" and sizes is not None:
            return adaptive_avg_onnx(g, x, sizes)
        attributes = _attributes(self.mode, bool(self.align_corners))
        if sizes is not None:
            return g.Resize(x, None, None, g.dims([*x.dims[:2], *sizes]), **attributes)
        scales = [1.0, 1.0, *(known_float(f, "scale_factor") for f in factors)]
        return g.Resize(x, None, g.const(scales, DType.F32), **attributes)


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
    """⌊size * factor⌋, where that is the same in floats and in integers for all sizes.

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
        if ratio.denominator > 2**20:
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
