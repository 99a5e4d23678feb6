"""Pooling: sizes, conditions and lowering, for the layers and the functions.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod

from spec_lang.ops.base import Cx, OpError
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, at_least, known, known_float
from spec_lang.ops.rules.convolution import batch, nondefault, span, unbatch
from spec_lang.ops.rules.padding import pad_onnx
from spec_lang.ops.rules.reductions import reduced
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
        fits = Cond.ge(reach + span(k, d), span(k, d))
        if not cx.holds(fits):
            after_padding = " after padding" if p != 0 else ""
            cx.require(
                fits,
                f"{cx.name}'s window covers {span(k, d)}, but its input has only {size + 2 * p}{after_padding}",
                code="E0304",
                arg="kernel_size",
            )
        windows = reach // s + 1
        result.append(_starting_inside(cx, windows, size, k, s, p, d) if ceil_mode else windows)
    return tuple(result)


def _starting_inside(
    cx: Cx, windows: Dim, size: Dim, k: Dim | int, s: Dim | int, p: Dim | int, d: Dim | int
) -> Dim:
    """The rounded-up count without a window that starts past L + p; only strides beyond the kernel make one."""
    if cx.holds(Cond.le(p + s, span(k, d))):
        return windows
    inside = (size + p - 1) // s + 1
    return inside if cx.holds(Cond.ge(p + s, span(k, d))) else minimum(windows, inside)


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


def _after(kernel: list[int], stride: list[int], padding: list[int], dilation: list[int]) -> list[int]:
    """Padding after each axis that makes rounding down give what rounding up gives.

    Rounding up adds s - 1 elements. No window may start past L + p, nor reach further than its span from there.
    """
    return [min(p + s - 1, d * (k - 1)) for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True)]


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
    if _is_whole(x, kernel, padding, dilation):
        return _whole_max(g, x, n, return_indices)
    k, s, d = known(kernel, "kernel_size"), known(stride, "stride"), known(dilation, "dilation")
    before = known(padding, "padding")
    after = _after(k, s, before, d) if ceil_mode else before
    if any(a >= size for a, size in zip(after, k, strict=True)):
        return _max_pool_wide(g, x, k, s, before, after, d, return_indices)
    attributes = nondefault(strides=(s, [1] * n), pads=(before + after, [0] * 2 * n), dilations=(d, [1] * n))
    batched = len(x.dims) == n + 2
    if not return_indices:
        return unbatch(g, g.MaxPool(batch(g, x, batched), kernel_shape=k, **attributes), batched)
    y, indices = g.MaxPool(batch(g, x, batched), kernel_shape=k, outputs=2, **attributes)
    plane = prod(x.dims[-n:], start=dim(1))
    return unbatch(g, y, batched), unbatch(g, g.Mod(indices, g.scalar(plane, DType.I64)), batched)


def _is_whole(x: Value, kernel: Sizes, padding: Sizes, dilation: Sizes | None = None) -> bool:
    """Whether one window covers all, which then need not be known."""
    sizes = list(map(dim, kernel))
    if all(k.const is not None for k in sizes) or any(d != 1 for d in dilation or ()):
        return False
    return sizes == list(x.dims[-len(sizes) :]) and all(p == 0 for p in padding)


def _whole_max(g: Graph, x: Value, n: int, return_indices: bool) -> Value | tuple[Value, Value]:
    axes = list(range(len(x.shape) - n, len(x.shape)))
    y = reduced(g, "Max", x, axes, True)
    if not return_indices:
        return y
    lead = x.dims[:-n]
    plane = g.reshape(x, [*lead, prod(x.dims[-n:], start=dim(1))])
    at = g.typed(g.ArgMax(plane, axis=len(lead)), DType.I64, (*lead, dim(1)))
    return y, g.reshape(at, [*lead, *[dim(1)] * n])


def _max_pool_wide(
    g: Graph,
    x: Value,
    kernel: list[int],
    stride: list[int],
    before: list[int],
    after: list[int],
    dilation: list[int],
    return_indices: bool,
) -> Value | tuple[Value, Value]:
    """Runtimes take pads below the kernel only, so a wider border is made first; indices then count in the wider plane."""
    extra = [a - b for a, b in zip(after, before, strict=True)]
    wide = pad_onnx(g, x, [(0, e) for e in extra], "constant", -math.inf)
    sizes = x.dims[-len(extra) :]
    wider = [size + e for size, e in zip(sizes, extra, strict=True)]
    wide = g.typed(wide, x.dtype, (*x.shape[: -len(extra)], *wider))
    found = max_pool_onnx(g, wide, kernel, stride, before, dilation, False, return_indices)
    if not isinstance(found, tuple):
        return found
    y, index = found
    return y, _in_plane(g, index, wider, sizes)


def _in_plane(g: Graph, index: Value, wider: Sequence[Dim], sizes: Sequence[Dim]) -> Value:
    """Places in a plane of sizes `wider` as those in one of `sizes` at its start."""
    places: list[Value] = []
    for size in reversed(wider):
        places.append(g.Mod(index, g.dim(size)))
        index = g.Div(index, g.dim(size))
    result = places.pop()
    for size in sizes[1:]:
        result = g.Add(g.Mul(result, g.dim(size)), places.pop())
    return result


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
    """One AveragePool node; a border that counts is made first where a rounded-up window passes it."""
    n = len(kernel)
    if divisor_override is None and _is_whole(x, kernel, padding):
        return reduced(g, "mean", x, list(range(len(x.shape) - n, len(x.shape))), True)
    k, s, before = known(kernel, "kernel_size"), known(stride, "stride"), known(padding, "padding")
    batched = len(x.dims) == n + 2
    after = _after(k, s, before, [1] * n) if ceil_mode else before
    scale = None
    if divisor_override is not None:
        scale = g.const(prod(k) / known([divisor_override], "divisor_override")[0], x.dtype)
        count_include_pad = True
    elif after != before and count_include_pad:
        x = pad_onnx(g, x, [(p, p) for p in before], "constant")
        after = [a - b for a, b in zip(after, before, strict=True)]
        before, count_include_pad = [0] * n, False
    attributes = nondefault(
        strides=(s, [1] * n),
        pads=(before + after, [0] * 2 * n),
        count_include_pad=(int(count_include_pad and any(before + after)), 0),
    )
    y = g.AveragePool(batch(g, x, batched), kernel_shape=k, **attributes)
    return unbatch(g, y if scale is None else g.Mul(y, scale), batched)


def check_avg_pool(
    cx: Cx, kernel: Sizes, stride: Sizes, padding: Sizes, divisor_override: Dim | None = None
) -> None:
    """The conditions of average pooling on its arguments."""
    check_pool(cx, kernel, stride, padding, [1] * len(kernel))
    if divisor_override is not None:
        cx.require(
            Cond.ge(divisor_override, 1) if divisor_override.const is None else Cond.ne(divisor_override, 0),
            f"{cx.name} cannot divide by {divisor_override}",
            code="E0501",
            arg="divisor_override",
        )


def lp_pool_onnx(
    g: Graph, x: Value, norm_type: float, kernel: Sizes, stride: Sizes, ceil_mode: bool
) -> Value:
    """LpPool where p is an even integer (ONNX takes |x|ᵖ, PyTorch xᵖ), else its definition by average pooling."""
    p, k = known_float(norm_type, "norm_type"), known(kernel, "kernel_size")
    zeros = [0] * len(k)
    if p > 0 and p % 2 == 0 and not ceil_mode:
        batched = len(x.dims) == len(k) + 2
        strides = known(stride, "stride")
        y = g.LpPool(batch(g, x, batched), kernel_shape=k, strides=strides, **nondefault(p=(int(p), 2)))
        return unbatch(g, y, batched)
    powers = g.typed(g.Pow(x, g.const(p, x.dtype)), x.dtype, x.shape)
    means = avg_pool_onnx(g, powers, kernel, stride, zeros, ceil_mode, count_include_pad=True)
    sums = g.Mul(means, g.const(float(prod(k)), x.dtype))
    return g.Pow(sums, g.const(1.0 / p, x.dtype))


def check_avg_input(cx: Cx, x: TensorType, kernel: Sizes) -> None:
    """What average pooling over three axes asks for on the CPU: single or double precision, an input no smaller than the kernel.

    Raises:
        OpError: it does not hold.
    """
    any_float(cx, x)
    if len(kernel) < 3:
        return
    if x.dtype in (DType.F16, DType.BF16):
        raise OpError(
            f"{cx.name} has no kernel for {x.dtype} on the CPU", code="E0401", help="convert with `to(f32)`"
        )
    for size, k in zip(x.dims[-3:], kernel, strict=True):
        cx.require(
            Cond.ge(size, k),
            f"{cx.name} takes an input no smaller than its kernel of {k}, but it has {size}",
            code="E0304",
            arg="kernel_size",
        )
