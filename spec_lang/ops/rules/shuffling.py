"""Channels and space exchanged: sizes and lowering, for the layers and the functions."""

from __future__ import annotations

from spec_lang.ops.base import Cx, OpError, Tensor, known_rank, size_at
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import divides, known
from spec_lang.shapes import Dim, dim, exact_div


def _image(cx: Cx, x: Tensor) -> tuple[Dim, Dim, Dim]:
    """Channels, height and width of [*, C, H, W]."""
    if len(x.shape) < 3:
        raise OpError(f"{cx.name} takes [*, C, H, W], but its input is {x}", code="E0302")
    return size_at(cx, x, -3), size_at(cx, x, -2), size_at(cx, x, -1)


def pixel_shuffle_type(cx: Cx, x: Tensor, r: Dim) -> Tensor:
    """[*, C r², H, W] to [*, C, H r, W r].

    Raises:
        OpError: r² does not divide the channels.
    """
    channels, height, width = _image(cx, x)
    divides(cx, r * r, channels, "upscale_factor", "its channels", f"{r} x {r} pixels")
    return x.with_shape((*x.shape[:-3], exact_div(channels, r * r), height * r, width * r))


def pixel_shuffle_onnx(g: Graph, x: Value, r: Dim) -> Value:
    """DepthToSpace on floats of [N, C, H, W], which is what runtimes have it for; else by reshapes."""
    n = known([r], "upscale_factor")[0]
    *lead, channels, height, width = x.dims
    if len(lead) == 1 and x.dtype.is_float:
        return g.DepthToSpace(x, blocksize=n, mode="CRD")
    folded = g.reshape(x, [*lead, exact_div(channels, n * n), n, n, height, width])
    k = len(lead)
    order = [*range(k), k, k + 3, k + 1, k + 4, k + 2]
    shape: list[Dim | int] = [*lead, exact_div(channels, n * n), height, n, width, n]
    moved = g.typed(g.Transpose(folded, perm=order), x.dtype, tuple(map(dim, shape)))
    return g.reshape(moved, [*lead, exact_div(channels, n * n), height * n, width * n])


def pixel_unshuffle_type(cx: Cx, x: Tensor, r: Dim) -> Tensor:
    """[*, C, H r, W r] to [*, C r², H, W].

    Raises:
        OpError: r does not divide height and width.
    """
    channels, height, width = _image(cx, x)
    divides(cx, r, height, "downscale_factor", "its height", f"blocks of {r}")
    divides(cx, r, width, "downscale_factor", "its width", f"blocks of {r}")
    return x.with_shape((*x.shape[:-3], channels * r * r, exact_div(height, r), exact_div(width, r)))


def pixel_unshuffle_onnx(g: Graph, x: Value, r: Dim) -> Value:
    """Reshape, transpose, reshape: ONNX's SpaceToDepth orders the channels otherwise."""
    n = known([r], "downscale_factor")[0]
    *lead, channels, height, width = x.dims
    folded = g.reshape(x, [*lead, channels, exact_div(height, n), n, exact_div(width, n), n])
    k = len(lead)
    order = [*range(k), k, k + 2, k + 4, k + 1, k + 3]
    shape: list[Dim | int] = [*lead, channels, n, n, exact_div(height, n), exact_div(width, n)]
    moved = g.typed(g.Transpose(folded, perm=order), x.dtype, tuple(map(dim, shape)))
    return g.reshape(moved, [*lead, channels * n * n, exact_div(height, n), exact_div(width, n)])


def channel_shuffle_type(cx: Cx, x: Tensor, groups: Dim) -> Tensor:
    """The same shape.

    Raises:
        OpError: there are no channels, or `groups` does not divide them.
    """
    if known_rank(cx, x) < 3:
        raise OpError(f"{cx.name} takes [N, C, ...] with at least 3 dims, but its input is {x}", code="E0302")
    divides(cx, groups, x.dims[1], "groups", "its channels", f"{groups} groups")
    return x


def channel_shuffle_onnx(g: Graph, x: Value, groups: Dim) -> Value:
    """[N, g, C/g, ...] transposed to [N, C/g, g, ...]."""
    n = known([groups], "groups")[0]
    batch, channels, *rest = x.dims
    folded = g.reshape(x, [batch, n, exact_div(channels, n), *rest])
    order = [0, 2, 1, *range(3, 3 + len(rest))]
    shape: list[Dim | int] = [batch, exact_div(channels, n), n, *rest]
    return g.reshape(g.typed(g.Transpose(folded, perm=order), x.dtype, tuple(map(dim, shape))), x.dims)
