"""Convolutions: sizes, conditions and lowering, for the layers and the functions.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spec_lang.ops.base import Cx, OpError
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, divides, known
from spec_lang.shapes import Cond, Dim, Shape, TensorType, dim, maximum

Sides = Sequence[tuple["Dim | int", "Dim | int"]]
"""Padding before and after each spatial axis."""


def span(kernel: Dim | int, dilation: Dim | int) -> Dim | int:
    """What a dilated kernel covers: d (k - 1) + 1."""
    return dilation * (kernel - 1) + 1


def sides(
    padding: Sequence[Dim | int] | str, kernel: Sequence[Dim | int], dilation: Sequence[Dim | int]
) -> Sides:
    """The padding of each side; `same` puts the odd element after."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(p, p) for p in padding if not isinstance(p, str)]


def check_conv(
    cx: Cx,
    in_channels: Dim,
    out_channels: Dim,
    kernel: Sequence[Dim],
    stride: Sequence[Dim],
    padding: Sequence[Dim] | str,
    dilation: Sequence[Dim],
    groups: Dim,
) -> None:
    """The conditions of every convolution on its arguments."""
    at_least(cx, 1, in_channels=in_channels, out_channels=out_channels, groups=groups)
    at_least(cx, 1, kernel_size=kernel, stride=stride, dilation=dilation)
    divides(cx, groups, in_channels, "groups", "its input channels", f"{groups} groups")
    divides(cx, groups, out_channels, "groups", "its output channels", f"{groups} groups")
    if not isinstance(padding, str):
        at_least(cx, 0, padding=padding)
    elif padding == "same":
        for s in stride:
            cx.require(
                Cond.eq(s, 1),
                f'{cx.name} takes padding="same" only with stride 1, but stride is {s}',
                code="E0502",
                arg="padding",
            )


def conv_sizes(
    cx: Cx,
    sizes: Sequence[Dim],
    kernel: Sequence[Dim | int],
    stride: Sequence[Dim | int],
    padding: Sides,
    dilation: Sequence[Dim | int],
) -> tuple[Dim, ...]:
    """floor((L + p_before + p_after - d (k - 1) - 1) / s) + 1 for each spatial axis.

    Raises:
        OpError: the kernel is larger than the padded input.
    """
    result = []
    for size, k, s, (before, after), d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        around, covered = before + after, span(k, d)
        rest = size + (around - covered)
        if not cx.holds(Cond.ge(rest, 0)):
            padded = size + around
            after_padding = " after padding" if padded != size else ""
            cx.require(
                Cond.ge(padded, covered),
                f"{cx.name}'s kernel covers {covered}, but its input has only {padded}{after_padding}",
                code="E0304",
                arg="kernel_size",
            )
        result.append(rest // s + 1)
    return tuple(result)


def split(x: TensorType, n: int) -> tuple[tuple[Dim, ...], Dim, tuple[Dim, ...]]:
    """The leading dims, the channels and the `n` spatial dims of a (perhaps unbatched) input."""
    dims = x.dims
    return dims[: -n - 1], dims[-n - 1], dims[-n:]


def conv_result(x: TensorType, channels: Dim | int, sizes: Sequence[Dim]) -> TensorType:
    """The input's type with other channels and spatial sizes."""
    n = len(sizes)
    shape: Shape = (*x.dims[: -n - 1], dim(channels), *sizes)
    return x.with_shape(shape)


def batch(g: Graph, x: Value, batched: bool) -> Value:
    """`x` with a leading axis of one where it has no batch axis."""
    return x if batched else g.Unsqueeze(x, g.ints([0]))


def unbatch(g: Graph, y: Value, batched: bool) -> Value:
    """The inverse of `batch`."""
    return y if batched else g.Squeeze(y, g.ints([0]))


def conv_onnx(
    g: Graph,
    x: Value,
    weight: Value,
    bias: Value | None,
    kernel: Sequence[Dim | int],
    stride: Sequence[Dim | int],
    padding: Sides,
    dilation: Sequence[Dim | int],
    groups: Dim | int,
    *,
    batched: bool = True,
) -> Value:
    """One Conv node, with a batch axis of one around it where the input has none."""
    n = len(kernel)
    before = known([p for p, _ in padding], "padding")
    after = known([p for _, p in padding], "padding")
    attributes = nondefault(
        strides=(known(stride, "stride"), [1] * n),
        pads=(before + after, [0] * 2 * n),
        dilations=(known(dilation, "dilation"), [1] * n),
        group=(known([groups], "groups")[0], 1),
    )
    y = g.Conv(batch(g, x, batched), weight, bias, kernel_shape=known(kernel, "kernel_size"), **attributes)
    return unbatch(g, y, batched)


def nondefault(**pairs: tuple[Any, Any]) -> dict[str, Any]:
    """The attributes whose value is not their default, from name=(value, default)."""
    return {name: value for name, (value, default) in pairs.items() if value != default}


def conv_transpose_sizes(
    cx: Cx,
    sizes: Sequence[Dim],
    kernel: Sequence[Dim | int],
    stride: Sequence[Dim | int],
    padding: Sequence[Dim | int],
    output_padding: Sequence[Dim | int],
    dilation: Sequence[Dim | int],
) -> tuple[Dim, ...]:
    """(L - 1) s - 2p + d (k - 1) + output_padding + 1 for each spatial axis.

    Raises:
        OpError: the extra padding reaches stride and dilation, or nothing is left.
    """
    result = []
    for size, k, s, p, extra, d in zip(sizes, kernel, stride, padding, output_padding, dilation, strict=True):
        at_least(cx, 0, output_padding=extra)
        if extra != 0:
            cx.require(
                Cond.lt(extra, maximum(s, d)),
                f"{cx.name} takes output_padding below its stride or its dilation, "
                f"but output_padding is {extra}, stride {s} and dilation {d}",
                code="E0502",
                arg="output_padding",
            )
        out = (size - 1) * s - 2 * p + span(k, d) + extra
        positive = Cond.ge(out, 1)
        if not cx.holds(positive):
            cx.require(
                positive, f"{cx.name} would give {out} of an axis of {size}", code="E0304", arg="padding"
            )
        result.append(out)
    return tuple(result)


def output_padding_for(
    cx: Cx | None,
    x: TensorType,
    output_size: Sequence[Dim],
    kernel: Sequence[Dim],
    stride: Sequence[Dim],
    padding: Sequence[Dim],
    dilation: Sequence[Dim],
) -> tuple[Dim, ...]:
    """The extra padding that gives `output_size`; its leading dims are ignored, as in PyTorch. Checked with a `cx`."""
    n = len(kernel)
    if cx is not None and len(output_size) not in (n, len(x.dims)):
        raise OpError(
            f"{cx.name} takes an output_size of {n} or {len(x.dims)} dims, but it has {len(output_size)}",
            code="E0501",
            arg="output_size",
        )
    result = []
    for wanted, size, k, s, p, d in zip(
        output_size[-n:], x.dims[-n:], kernel, stride, padding, dilation, strict=True
    ):
        least = (size - 1) * s - 2 * p + span(k, d)
        if cx is not None:
            cx.require(
                Cond.ge(wanted, least) & Cond.le(wanted, least + s - 1),
                f"{cx.name} can give {least} to {least + s - 1} there, but output_size asks for {wanted}",
                code="E0304",
                arg="output_size",
            )
        result.append(wanted - least)
    return tuple(result)


def conv_transpose_onnx(
    g: Graph,
    x: Value,
    weight: Value,
    bias: Value | None,
    kernel: Sequence[Dim | int],
    stride: Sequence[Dim | int],
    padding: Sequence[Dim | int],
    output_padding: Sequence[Dim | int],
    dilation: Sequence[Dim | int],
    groups: Dim | int,
) -> Value:
    """One ConvTranspose node, with a batch axis of one around it where the input has none.

    ONNX takes an output_padding below the stride that is known; another is cut out of a wider result.
    """
    n = len(kernel)
    strides, before = known(stride, "stride"), known(padding, "padding")
    sizes = known(kernel, "kernel_size")
    dilations = known(dilation, "dilation")
    attributes = nondefault(
        strides=(strides, [1] * n), dilations=(dilations, [1] * n), group=(known([groups], "groups")[0], 1)
    )
    batched = len(x.dims) == n + 2
    wide = batch(g, x, batched)
    extra = [dim(e).const for e in output_padding]
    if all(e is not None and e < s for e, s in zip(extra, strides, strict=True)):
        ends = nondefault(pads=(before * 2, [0] * 2 * n), output_padding=(extra, [0] * n))
        return unbatch(
            g, g.ConvTranspose(wide, weight, bias, kernel_shape=sizes, **ends, **attributes), batched
        )
    y = g.ConvTranspose(wide, weight, kernel_shape=sizes, **attributes)
    most = [max(s, d) - 1 for s, d in zip(strides, dilations, strict=True)]
    y = g.Pad(y, g.ints([0] * (n + 4) + most))
    stops = [
        (size - 1) * s + d * (k - 1) + 1 - p + e
        for size, s, d, k, p, e in zip(
            x.dims[-n:], strides, dilations, sizes, before, output_padding, strict=True
        )
    ]
    y = g.Slice(y, g.ints(before), g.dims(stops), g.ints(list(range(2, n + 2))))
    if bias is not None:
        y = g.Add(y, g.Unsqueeze(bias, g.ints(list(range(1, n + 1)))))
    return unbatch(g, y, batched)
