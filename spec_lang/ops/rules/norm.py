"""Normalisation: conditions and lowering, for the layers and the functions."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ops.base import Cx, OpError
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import known_float
from spec_lang.shapes import Cond, Dim, Pack, TensorType


def trailing(cx: Cx, x: TensorType, normalized_shape: Sequence[Dim]) -> None:
    """Demand that the last dims of `x` are `normalized_shape`.

    Raises:
        OpError: they are not.
    """
    n = len(normalized_shape)
    last = x.shape[-n:]
    listed = ", ".join(map(str, normalized_shape))
    if len(last) < n or any(isinstance(d, Pack) for d in last):
        raise OpError(
            f"{cx.name} normalises the last {n} dims [{listed}], but its input is {x}", code="E0302"
        )
    for stated, found in zip(normalized_shape, last, strict=True):
        if not isinstance(found, Pack):
            cx.equal(
                stated,
                found,
                f"{cx.name} normalises dims [{listed}], but its input ends in {found} where {stated} is expected",
                arg="normalized_shape",
            )


def more_than_one(cx: Cx, count: Dim, what: str) -> None:
    """Demand more than one value for a variance, as PyTorch does."""
    cx.require(
        Cond.gt(count, 1),
        f"{cx.name} needs more than one value per {what}, but there is {count}",
        code="E0304",
    )


def layer_norm_onnx(
    g: Graph,
    x: Value,
    axes: int,
    weight: Value | None,
    bias: Value | None,
    eps: float,
) -> Value:
    """LayerNormalization over the last `axes` dims; it needs a scale, so without one ones are written."""
    if weight is None:
        sizes = [d.const for d in x.dims[-axes:]]
        if None in sizes:
            return _plain_norm(g, x, list(range(-axes, 0)), eps)
        weight = g.const(_ones([s for s in sizes if s is not None]), x.dtype)
    inputs = (x, weight) if bias is None else (x, weight, bias)
    attributes = {} if axes == 1 else {"axis": -axes}
    return g.LayerNormalization(*inputs, epsilon=known_float(eps, "eps"), **attributes)


def _ones(sizes: list[int]) -> object:
    return 1.0 if not sizes else [_ones(sizes[1:])] * sizes[0]


def _plain_norm(g: Graph, x: Value, axes: list[int], eps: float) -> Value:
    """(x - E[x]) / sqrt(Var[x] + eps) over `axes`."""
    centred = g.Sub(x, mean(g, x, axes))
    variance = mean(g, g.Mul(centred, centred), axes)
    return g.Div(centred, g.Sqrt(g.Add(variance, g.const(eps, x.dtype))))


def mean(g: Graph, x: Value, axes: list[int], keepdims: bool = True) -> Value:
    """ReduceMean, whose axes became an input in opset 18."""
    keep = {} if keepdims else {"keepdims": 0}
    if g.opset < 18:
        return g.ReduceMean(x, axes=axes, **keep)
    return g.ReduceMean(x, g.ints(axes), **keep)


def channels_first(g: Graph, value: Value, n: int) -> Value:
    """A vector of channels, shaped to multiply [N, C, ...] with `n` axes behind C."""
    return value if n == 0 else g.Unsqueeze(value, g.ints(list(range(1, n + 1))))
