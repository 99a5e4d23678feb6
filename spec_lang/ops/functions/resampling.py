"""Padding, resampling, shuffling and sliding blocks.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html#vision-functions
"""

from __future__ import annotations

from math import prod
from typing import Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank
from spec_lang.ops.functions.as_layer import _AsLayer
from spec_lang.ops.kinds import Dim, Number, Size2
from spec_lang.ops.layers import resampling, reshaping
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, known_float
from spec_lang.ops.rules.elementwise import EVERY, NUMBERS, same_dtype, takes
from spec_lang.ops.rules.padding import non_negative, pad_onnx, pad_sizes, pairs
from spec_lang.ops.rules.resampling import Resampling
from spec_lang.ops.rules.sampling import sampled_volume
from spec_lang.shapes import Cond, DType, maximum
from spec_lang.shapes import dim as as_dim


class interpolate(Function):
    """The spatial axes resampled to `size`, or to ⌊L * scale_factor⌋."""

    input: Tensor
    size: Dim | list[Dim] | None = None
    scale_factor: Number | list[Number] | None = None
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "nearest-exact", "area"] = (
        "nearest"
    )
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None
    antialias: bool = False

    torch = "F.interpolate"
    placement = "batch"
    keeps = ""

    @property
    def rule(self) -> Resampling:
        """The arguments as the layer's rule takes them."""
        return Resampling(
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
            self.antialias,
        )

    def infer(self, cx: Cx) -> Tensor:
        self.rule.check(cx)
        return self.rule.result(cx, self.input)

    def onnx(self, g: Graph) -> Value:
        return self.rule.onnx(g, self.input)


class pixel_shuffle(_AsLayer):
    """[*, C r², H, W] to [*, C, H r, W r]. Source: https://arxiv.org/abs/1609.05158"""

    upscale_factor: Dim

    torch = "F.pixel_shuffle"
    layer = resampling.PixelShuffle


class pixel_unshuffle(_AsLayer):
    """[*, C, H r, W r] to [*, C r², H, W]: the inverse of pixel_shuffle."""

    downscale_factor: Dim

    torch = "F.pixel_unshuffle"
    layer = resampling.PixelUnshuffle


class channel_shuffle(_AsLayer):
    """The channels of [N, C, ...] dealt out over `groups`. Source: https://arxiv.org/abs/1707.01083"""

    groups: Dim

    torch = "F.channel_shuffle"
    layer = resampling.ChannelShuffle


class unfold(_AsLayer):
    """Sliding blocks of [N, C, H, W] as the columns of [N, C kh kw, L]."""

    kernel_size: Size2
    dilation: Size2 = 1
    padding: Size2 = 0
    stride: Size2 = 1

    torch = "F.unfold"
    layer = reshaping.Unfold


class fold(_AsLayer):
    """Blocks, the columns of [N, C kh kw, L], summed where they lie in [N, C, H, W]."""

    output_size: Size2
    kernel_size: Size2
    dilation: Size2 = 1
    padding: Size2 = 0
    stride: Size2 = 1

    torch = "F.fold"
    layer = reshaping.Fold


class pad(Function):
    """The last axes extended; the list starts with the last axis: (left, right, top, bottom, ...)."""

    input: Tensor
    pad: list[Dim]
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: Number | None = None

    torch = "F.pad"
    placement = "axes"

    @property
    def keeps(self) -> str:  # type: ignore[override]  # of its arguments here
        return "input" if self.mode in ("reflect", "replicate") else ""

    def infer(self, cx: Cx) -> Tensor:
        x, n = self.input, len(self.pad) // 2
        if len(self.pad) % 2:
            raise OpError(f"{cx.name} takes pairs, but gets {len(self.pad)} numbers", code="E0501", arg="pad")
        sides = pairs(self.pad)
        rank = known_rank(cx, x)
        if self.mode != "constant":
            takes(cx, x, EVERY if self.mode == "circular" else NUMBERS)
            non_negative(cx, sides)
            if self.value is not None:
                raise OpError(f'{cx.name} takes a value only in mode "constant"', code="E0502", arg="value")
            if rank not in (n + 1, n + 2) or n not in (1, 2, 3):
                raise OpError(
                    f'{cx.name} in mode "{self.mode}" pads the {rank - 2} or {rank - 1} spatial axes of {x}, not {n}',
                    code="E0302",
                    arg="pad",
                )
        elif n > rank:
            raise OpError(f"{cx.name} pads {n} axes, but its input is {x}", code="E0302", arg="pad")
        if not n:
            return x
        if isinstance(self.value, float) and not x.dtype.is_float:
            raise OpError(
                f"{cx.name} cannot put the float {self.value} among {x.dtype}", code="E0401", arg="value"
            )
        return x.with_shape((*x.shape[:-n], *pad_sizes(cx, x.dims[-n:], sides, self.mode, "pad")))

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        if not self.pad:
            return x
        value = 0.0 if self.value is None else known_float(self.value, "value")
        return pad_onnx(g, x, pairs(self.pad), self.mode, value if x.dtype.is_float else int(value))


class grid_sample(Function):
    """`input` at the places of `grid`, whose last axis is (x, y) or (x, y, z), from -1 to 1 across the image."""

    input: Tensor
    grid: Tensor
    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros"
    align_corners: bool | None = None

    torch = "F.grid_sample"
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        x, grid = self.input, self.grid
        takes(cx, x, {DType.FLOAT, DType.F32, DType.F64})
        same_dtype(cx, x, grid)
        rank = known_rank(cx, x, (4, 5))
        known_rank(cx, grid, (rank,), "its grid")
        if rank == 5 and self.mode == "bicubic":
            raise OpError(f'{cx.name} has mode="bicubic" for images only, not {x}', code="E0502", arg="mode")
        cx.equal(
            x.dims[0], grid.dims[0], f"{cx.name} takes a grid for each of {x.dims[0]} samples", arg="grid"
        )
        cx.equal(
            grid.dims[-1],
            rank - 2,
            f"{cx.name} takes places of {rank - 2} coordinates in {x}, but gets {grid}",
            arg="grid",
        )
        for size in x.dims[2:]:
            cx.require(Cond.ge(size, 1), f"{cx.name} of {x} has nothing to sample", code="E0304")
        return x.with_shape((*x.shape[:2], *grid.shape[1:-1]))

    def onnx(self, g: Graph) -> Value:
        x, spatial = self.input, len(self.input.shape) - 2
        if spatial == 3 and g.opset < 20:
            return sampled_volume(g, x, self.grid, self.mode, self.padding_mode, bool(self.align_corners))
        names = {"bilinear": "linear", "bicubic": "cubic"} if g.opset >= 20 else {}
        mode = names.get(self.mode, self.mode)
        padding = None if self.padding_mode == "zeros" else self.padding_mode
        return g.GridSample(
            x, self.grid, mode=mode, padding_mode=padding, align_corners=1 if self.align_corners else None
        )


class affine_grid(Function):
    """The grid of an affine map: each place of the output, from -1 to 1, times `theta`."""

    theta: Tensor
    size: list[Dim]
    align_corners: bool | None = None

    torch = "F.affine_grid"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        theta = self.theta
        takes(cx, theta, {DType.FLOAT, DType.F32, DType.F64})
        known_rank(cx, theta, (3,), "its theta")
        n = len(self.size) - 2
        if n not in (2, 3):
            raise OpError(
                f"{cx.name} takes a size of 4 or 5 dims, but gets {len(self.size)}", code="E0501", arg="size"
            )
        at_least(cx, 1, size=self.size)
        wanted = (self.size[0], n, n + 1)
        for have, want in zip(theta.dims, wanted, strict=True):
            cx.equal(
                have,
                want,
                f"{cx.name} takes a theta of [{', '.join(map(str, wanted))}], but gets {theta}",
                arg="theta",
            )
        return theta.with_shape((*theta.shape[:1], *self.size[2:], as_dim(n)))

    def onnx(self, g: Graph) -> Value:
        theta, spatial = self.theta, list(self.size[2:])
        n = len(spatial)
        one = g.const(1.0, theta.dtype)
        axes = [self._coordinates(g, size) for size in spatial]
        columns = []
        for i in reversed(range(n)):  # x is the last axis
            column = g.reshape(axes[i], [*[as_dim(1)] * i, spatial[i], *[as_dim(1)] * (n - i - 1), as_dim(1)])
            columns.append(g.Expand(column, g.dims([*spatial, 1])))
        columns.append(g.Expand(one, g.dims([*spatial, 1])))
        places = prod(spatial, start=as_dim(1))
        base = g.typed(g.Concat(*columns, axis=-1), theta.dtype, (*spatial, as_dim(n + 1)))
        y = g.MatMul(g.reshape(base, [places, n + 1]), g.Transpose(theta, perm=[0, 2, 1]))
        y = g.typed(y, theta.dtype, (theta.dims[0], places, as_dim(n)))
        return g.reshape(y, [theta.dims[0], *spatial, n])

    def _coordinates(self, g: Graph, size: Dim) -> Value:
        """The middles of `size` equal parts of [-1, 1], or its ends and what lies evenly between."""
        dtype = self.theta.dtype
        steps = g.cast(g.typed(g.Range(g.dim(0), g.dim(size), g.dim(1)), DType.I64, (size,)), dtype)
        odd = g.Mul(steps, g.const(2.0, dtype))
        if not self.align_corners:
            y = g.Sub(g.Div(g.Add(odd, g.const(1.0, dtype)), g.scalar(size, dtype)), g.const(1.0, dtype))
        elif size == 1:
            y = steps
        else:
            y = g.Sub(g.Div(odd, g.scalar(maximum(size - 1, 1), dtype)), g.const(1.0, dtype))
            if size.const is None:
                y = g.Where(g.Equal(g.dim(size), g.dim(1)), g.const(0.0, dtype), y)
        return g.typed(y, dtype, (size,))
