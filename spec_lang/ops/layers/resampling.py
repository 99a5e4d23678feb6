"""Layers that change how finely space is sampled."""

from __future__ import annotations

from typing import Literal

from spec_lang.ops.base import Cx, Layer, Tensor
from spec_lang.ops.kinds import Dim, Number, Size2
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least
from spec_lang.ops.rules.resampling import Resampling
from spec_lang.ops.rules.shuffling import (
    channel_shuffle_onnx,
    channel_shuffle_type,
    pixel_shuffle_onnx,
    pixel_shuffle_type,
    pixel_unshuffle_onnx,
    pixel_unshuffle_type,
)


class _Resampled(Layer):
    """Resamples the spatial axes by a rule."""

    placement = "batch"

    @property
    def rule(self) -> Resampling:
        raise NotImplementedError

    def check(self, cx: Cx) -> None:
        self.rule.check(cx)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return self.rule.result(cx, input)

    def onnx(self, g: Graph, input: Value) -> Value:
        return self.rule.onnx(g, input)


class Upsample(_Resampled):
    """Resamples the spatial axes to `size`, or to ⌊L * scale_factor⌋."""

    size: Dim | list[Dim] | None = None
    scale_factor: Number | list[Number] | None = None
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "nearest-exact", "area"] = (
        "nearest"
    )
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    torch = "nn.Upsample"

    @property
    def keeps(self) -> str:  # type: ignore[override]  # of its arguments here
        return "input" if self.mode == "area" else ""

    @property
    def rule(self) -> Resampling:
        return Resampling(
            self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )


class _Upsampling2d(_Resampled):
    """Resampling of images in one fixed mode."""

    size: Size2 | None = None
    scale_factor: Number | list[Number] | None = None

    ranks = (4,)
    keeps = ""

    @property
    def rule(self) -> Resampling:
        return Resampling(self.size, self.scale_factor)


class UpsamplingNearest2d(_Upsampling2d):
    """Resamples images by their nearest neighbours."""

    torch = "nn.UpsamplingNearest2d"


class UpsamplingBilinear2d(_Upsampling2d):
    """Resamples images bilinearly, corners aligned."""

    torch = "nn.UpsamplingBilinear2d"

    @property
    def rule(self) -> Resampling:
        return Resampling(self.size, self.scale_factor, "bilinear", True)


class PixelShuffle(Layer):
    """[*, C r², H, W] to [*, C, H r, W r]. Source: https://arxiv.org/abs/1609.05158"""

    upscale_factor: Dim

    torch = "nn.PixelShuffle"
    keeps = ""

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, upscale_factor=self.upscale_factor)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return pixel_shuffle_type(cx, input, self.upscale_factor)

    def onnx(self, g: Graph, input: Value) -> Value:
        return pixel_shuffle_onnx(g, input, self.upscale_factor)


class PixelUnshuffle(Layer):
    """[*, C, H r, W r] to [*, C r², H, W]: the inverse of PixelShuffle."""

    downscale_factor: Dim

    torch = "nn.PixelUnshuffle"
    keeps = ""

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, downscale_factor=self.downscale_factor)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return pixel_unshuffle_type(cx, input, self.downscale_factor)

    def onnx(self, g: Graph, input: Value) -> Value:
        return pixel_unshuffle_onnx(g, input, self.downscale_factor)


class ChannelShuffle(Layer):
    """Deals the channels of [N, C, ...] out over `groups`. Source: https://arxiv.org/abs/1707.01083"""

    groups: Dim

    torch = "nn.ChannelShuffle"
    keeps = ""

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, groups=self.groups)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        return channel_shuffle_type(cx, input, self.groups)

    def onnx(self, g: Graph, input: Value) -> Value:
        return channel_shuffle_onnx(g, input, self.groups)
