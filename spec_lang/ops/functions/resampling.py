"""Padding, resampling, shuffling and sliding blocks.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html#vision-functions
"""

from __future__ import annotations

from typing import Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank
from spec_lang.ops.functions.as_layer import _AsLayer
from spec_lang.ops.kinds import Dim, Number, Size2
from spec_lang.ops.layers import resampling, reshaping
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, known_float
from spec_lang.ops.rules.padding import non_negative, pad_onnx, pad_sizes, pairs
from spec_lang.ops.rules.resampling import Resampling


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

    torch = "F.interpolate"

    @property
    def rule(self) -> Resampling:
        """The arguments as the layer's rule takes them."""
        return Resampling(
            self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
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

    def infer(self, cx: Cx) -> Tensor:
        x, n = self.input, len(self.pad) // 2
        if len(self.pad) % 2:
            raise OpError(f"{cx.name} takes pairs, but gets {len(self.pad)} numbers", code="E0501", arg="pad")
        sides = pairs(self.pad)
        rank = known_rank(cx, x)
        if self.mode != "constant":
            any_float(cx, x)
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
