"""Padding of the last axes: sizes, conditions and lowering, for layers, functions and padded convolutions.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
"""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ops.base import Cx
from spec_lang.ops.lowering import Graph, Value
from spec_lang.shapes import Cond, Dim, dim

Sides = Sequence[tuple["Dim | int", "Dim | int"]]
"""Padding before and after each of the last axes."""

_ONNX_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pairs(padding: Sequence[Dim | int]) -> Sides:
    """PyTorch's flat list, which starts with the last axis, as one pair an axis, outermost first."""
    return [(padding[i], padding[i + 1]) for i in range(len(padding) - 2, -1, -2)]


def pad_sizes(
    cx: Cx, sizes: Sequence[Dim], padding: Sides, mode: str, arg: str = "padding"
) -> tuple[Dim, ...]:
    """The padded sizes; negative constant, replicated or circular padding crops.

    Raises:
        OpError: reflection needs padding below the size, circular padding at most the size; nothing would be left.
    """
    result = []
    for size, (before, after) in zip(sizes, padding, strict=True):
        for p in (before,) if before == after else (before, after):
            if mode == "reflect":
                cx.require(
                    Cond.gt(size, p),
                    f"{cx.name} reflects {p} elements, so that axis must have more than {p}, but it has {size}",
                    code="E0304",
                    arg=arg,
                )
            elif mode == "circular":
                cx.require(
                    Cond.ge(size, p),
                    f"{cx.name} wraps {p} elements around an axis of only {size}",
                    code="E0304",
                    arg=arg,
                )
        padded = size + before + after
        if _may_crop(before) or _may_crop(after):
            cx.require(
                Cond.ge(padded, 1),
                f"{cx.name} would leave {padded} of an axis of {size}",
                code="E0304",
                arg=arg,
            )
            cropped = sum(-c for p in (before, after) if (c := dim(p).const) is not None and c < 0)
            cx.require(
                Cond.ge(size, cropped),
                f"{cx.name} crops {cropped} elements of an axis of {size}",
                code="E0304",
                arg=arg,
            )
        result.append(padded)
    return tuple(result)


def _may_crop(p: Dim | int) -> bool:
    known = dim(p).const
    return known is None or known < 0


def non_negative(cx: Cx, padding: Sides) -> None:
    """Refuse negative padding."""
    for p in (p for side in padding for p in side):
        cx.require(
            Cond.ge(p, 0),
            f"{cx.name} takes padding of at least 0, but padding is {p}",
            code="E0501",
            arg="padding",
        )


def pad_onnx(g: Graph, x: Value, padding: Sides, mode: str, value: float = 0.0) -> Value:
    """A Pad node over the last axes; circular padding is slices joined around `x` before opset 19."""
    sides = [(dim(b), dim(a)) for b, a in padding]
    if all(b == 0 and a == 0 for b, a in sides):
        return x
    rest = len(x.shape) - len(sides)
    shape = (*x.shape[:rest], *(s + b + a for s, (b, a) in zip(x.dims[rest:], sides, strict=True)))
    if mode == "circular":
        y = x
        for axis, (before, after) in enumerate(sides, rest):
            y = _wrap(g, y, axis, x.dims[axis], before, after)
        return g.typed(y, x.dtype, shape)
    if mode == "zeros":
        mode = "constant"
    none = [dim(0)] * rest
    pads = g.dims([*none, *(b for b, _ in sides), *none, *(a for _, a in sides)])
    fill = g.const(value, x.dtype) if mode == "constant" and value else None
    attributes = {} if mode == "constant" else {"mode": _ONNX_MODES[mode]}
    inputs = (x, pads) if fill is None else (x, pads, fill)
    return g.typed(g.Pad(*inputs, **attributes), x.dtype, shape)


def _wrap(g: Graph, x: Value, axis: int, size: Dim, before: Dim, after: Dim) -> Value:
    """Circular padding of one axis by slices, which every opset has; negative padding crops."""

    def cut(start: Dim | int, stop: Dim | int) -> Value:
        return g.Slice(x, g.dims([start]), g.dims([stop]), g.ints([axis]))

    crops = _may_crop(before) and before.const is not None, _may_crop(after) and after.const is not None
    low, high = -before if crops[0] else dim(0), size + after if crops[1] else size
    parts = [cut(low, high) if any(crops) else x]
    if before != 0 and not crops[0]:
        parts.insert(0, cut(high - before, high))
    if after != 0 and not crops[1]:
        parts.append(cut(low, low + after))
    return parts[0] if len(parts) == 1 else g.Concat(*parts, axis=axis)
