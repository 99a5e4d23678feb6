"""Pooling: sizes, conditions and lowering, for the layers and the functions.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from spec_lang.ops.base import Cx
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, known
from spec_lang.ops.rules.convolution import batch, nondefault, span, unbatch
from spec_lang.ops.rules.padding import pad_onnx
from spec_lang.shapes import Cond, Dim, DType, TensorType, dim, minimum

Sizes = Sequence["Dim | int"]


def check_pool(cx: Cx, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> None:
    """The conditions of every pooling on its arguments; padding is at most half of the kernel."""
    at_least(cx, 1, kernel_size=kernel, stride=stride, dilation=dilation)
    at_least(cx, 0, padding=padding)
    for k, p in zip(kernel, padding, strict=True):
        if p == 0:
            continue
        cx.require(
            Cond.le(2 * p, k),
            f"{cx.name} pads by at most half of its kernel, but padding is {p} and the kernel {k}",
            code="E0502",
            arg="padding",
        )


def pool_sizes(
    cx: Cx,
    sizes: Sequence[Dim],
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> tuple[Dim, ...]:
    """floor((L + 2p - d (k - 1) - 1) / s) + 1; with `ceil_mode` rounded up, without windows that start past L + p.

    Raises:
        OpError: no window fits.
    """
    result = []
    for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        rest = size + 2 * p - span(k, d)
        reach = rest + s - 1 if ceil_mode else rest
        cx.require(
            Cond.ge(reach, 0),
            f"{cx.name}'s window covers {span(k, d)}, but its input has only {size + 2 * p}"
            + (" after padding" if p != 0 else ""),
            code="E0304",
            arg="kernel_size",
        )
        windows = reach // s + 1
        result.append(minimum(windows, (size + p - 1) // s + 1) if ceil_mode else windows)
    return tuple(result)


def pool_result(
    cx: Cx,
    x: TensorType,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes | None = None,
    ceil_mode: bool = False,
) -> TensorType:
    """The pooled type of a batched or unbatched input."""
    n = len(kernel)
    sizes = pool_sizes(cx, x.dims[-n:], kernel, stride, padding, dilation or [1] * n, ceil_mode)
    return x.with_shape((*x.shape[:-n], *sizes))


def _ceil_pads(
    x: Value, kernel: list[int], stride: list[int], padding: list[int], dilation: list[int]
) -> list[int] | None:
    """Padding after each axis that makes rounding down give what rounding up gives; None where a size is not known."""
    after = []
    for size, k, s, p, d in zip(x.dims[-len(kernel) :], kernel, stride, padding, dilation, strict=True):
        length, covered = size.const, d * (k - 1) + 1
        if length is None:
            return None
        windows = min((length + 2 * p - covered + s - 1) // s + 1, (length + p - 1) // s + 1)
        after.append(max(p, (windows - 1) * s + covered - length - p))
    return after


def max_pool_onnx(
    g: Graph,
    x: Value,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool = False,
) -> Value | tuple[Value, Value]:
    """One MaxPool node; PyTorch's indices count within one channel's plane, ONNX's within the whole tensor."""
    n = len(kernel)
    k, s, d = known(kernel, "kernel_size"), known(stride, "stride"), known(dilation, "dilation")
    before = known(padding, "padding")
    after: list[int] | None = before
    if ceil_mode:
        after = _ceil_pads(x, k, s, before, d)
    attributes = nondefault(
        strides=(s, [1] * n),
        pads=(before + (before if after is None else after), [0] * 2 * n),
        dilations=(d, [1] * n),
        ceil_mode=(int(after is None), 0),
    )
    batched = len(x.shape) == n + 2
    if not return_indices:
        return unbatch(g, g.MaxPool(batch(g, x, batched), kernel_shape=k, **attributes), batched)
    y, indices = g.MaxPool(batch(g, x, batched), kernel_shape=k, outputs=2, **attributes)
    plane = prod(x.dims[-n:], start=dim(1))
    return unbatch(g, y, batched), unbatch(g, g.Mod(indices, g.scalar(plane, DType.I64)), batched)


def avg_pool_onnx(
    g: Graph,
    x: Value,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Dim | int | None = None,
) -> Value:
    """One AveragePool node; a padded border that counts is made first where a rounded-up window passes it."""
    n = len(kernel)
    k, s, p = known(kernel, "kernel_size"), known(stride, "stride"), known(padding, "padding")
    batched = len(x.shape) == n + 2
    after: list[int] | None = p
    if ceil_mode:
        after = _ceil_pads(x, k, s, p, [1] * n)
    scale = None
    if divisor_override is not None:
        scale = g.const(prod(k) / known([divisor_override], "divisor_override")[0], x.dtype)
        count_include_pad = True
    elif ceil_mode and count_include_pad and after != p and any(p):
        x = pad_onnx(g, x, [(q, q) for q in p], "constant")
        after = None if after is None else [a - q for a, q in zip(after, p, strict=True)]
        p, count_include_pad = [0] * n, False
    elif after != p:
        count_include_pad = False
    pads = p + (p if after is None else after)
    attributes = nondefault(
        strides=(s, [1] * n),
        pads=(pads, [0] * 2 * n),
        ceil_mode=(int(after is None), 0),
        count_include_pad=(int(count_include_pad and any(pads)), 0),
    )
    y = g.AveragePool(batch(g, x, batched), kernel_shape=k, **attributes)
    if scale is not None:
        y = g.Mul(y, scale)
    return unbatch(g, y, batched)
