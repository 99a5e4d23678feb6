"""Normalisation: conditions and lowering, for the layers and the functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from spec_lang.ops.base import Cx, OpError, Param
from spec_lang.ops.init import Fill
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import full, known, known_float
from spec_lang.shapes import Cond, Dim, DType, Pack, TensorType, dim


def trailing(cx: Cx, x: TensorType, normalized_shape: Sequence[Dim]) -> None:
    """Demand that the last dims of `x` are `normalized_shape`.

    Raises:
        OpError: they are not.
    """
    n = len(normalized_shape)
    if not n:
        raise OpError(f"{cx.name} normalises at least one dim", code="E0501", arg="normalized_shape")
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


def statistics(x: TensorType, axes: int) -> TensorType:
    """A number for each stretch of the last `axes` that is normalised by itself, as kernels keep them."""
    return TensorType(DType.F32, x.shape[:-axes])


def channel_params(features: Dim, affine: bool, tracked: bool) -> Iterator[Param]:
    """The weight and bias of each channel, and its running statistics."""
    if affine:
        yield Param("weight", (features,), Fill(1.0))
        yield Param("bias", (features,), Fill(0.0))
    if tracked:
        yield Param("running_mean", (features,), Fill(0.0), learned=False)
        yield Param("running_var", (features,), Fill(1.0), learned=False)
        # files of PyTorch before 0.4.1 lack the counter, which evaluation does not use
        yield Param("num_batches_tracked", (), Fill(0.0), DType.I64, learned=False, optional=True)


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
        weight = full(g, 1.0, [s for s in sizes if s is not None], x.dtype)
    inputs = (x, weight) if bias is None else (x, weight, bias)
    attributes = {} if axes == 1 else {"axis": -axes}
    return g.LayerNormalization(*inputs, epsilon=known_float(eps, "eps"), **attributes)


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


_EPSILON = {1: 1.1920928955078125e-07, 10: 0.0009765625, 16: 0.0078125, 11: 2.220446049250313e-16}
"""The machine epsilon of ONNX's float dtypes, by their numbers."""


def rms_norm_onnx(g: Graph, x: Value, axes: int, weight: Value | None, eps: float | None) -> Value:
    """RMSNormalization (opset 23), else x / sqrt(E[x²] + eps) * w."""
    epsilon = _EPSILON[g.dtype(x.dtype)] if eps is None else known_float(eps, "eps")
    if weight is not None and g.opset >= 23:
        attributes = {} if axes == 1 else {"axis": -axes}
        return g.RMSNormalization(x, weight, epsilon=epsilon, **attributes)
    square = mean(g, g.Mul(x, x), list(range(-axes, 0)))
    y = g.Div(x, g.Sqrt(g.Add(square, g.const(epsilon, x.dtype))))
    return y if weight is None else g.Mul(y, weight)


def group_norm_onnx(
    g: Graph, x: Value, groups: Dim, weight: Value | None, bias: Value | None, eps: float
) -> Value:
    """InstanceNormalization of [N, groups, rest], back in shape, scaled by channel."""
    batch, channels, *sizes = x.dims
    rest = prod(sizes, start=channels // groups)
    ones, zeros = (_channels(g, value, groups, x.dtype) for value in (1.0, 0.0))
    each = g.reshape(x, [batch, groups, rest])
    y = g.InstanceNormalization(each, ones, zeros, epsilon=known_float(eps, "eps"))
    y = g.reshape(g.typed(y, x.dtype, (batch, groups, rest)), x.dims)
    if weight is not None:
        y = g.Mul(y, channels_first(g, weight, len(sizes)))
    return y if bias is None else g.Add(y, channels_first(g, bias, len(sizes)))


def _channels(g: Graph, value: float, count: Dim, dtype: DType) -> Value:
    """One number for each channel."""
    if count.const is None:
        return g.Expand(g.const(value, dtype), g.dims([count]))
    return full(g, value, [count.const], dtype)


def local_response_onnx(g: Graph, x: Value, size: Dim, alpha: float, beta: float, k: float) -> Value:
    """LRN of images where `size` is odd; for even sizes ONNX's window leans the other way, so it is spelled out."""
    n = known([size], "size")[0]
    alpha, beta, k = known_float(alpha, "alpha"), known_float(beta, "beta"), known_float(k, "k")
    batch, channels, *sizes = x.dims
    if n % 2:
        image = x if len(sizes) == 2 else g.reshape(x, [batch, channels, prod(sizes, start=dim(1)), 1])
        y = g.LRN(image, size=n, alpha=alpha, beta=beta, bias=k)
        return y if image is x else g.reshape(g.typed(y, x.dtype, image.shape), x.dims)
    flat = [batch, dim(1), channels, prod(sizes, start=dim(1))]
    squares = g.reshape(g.typed(g.Mul(x, x), x.dtype, x.shape), flat)
    pads = [n // 2, 0, (n - 1) // 2, 0]
    near = g.AveragePool(squares, kernel_shape=[n, 1], pads=pads, count_include_pad=1)
    near = g.reshape(g.typed(near, x.dtype, tuple(flat)), x.dims)
    scale = g.Add(g.Mul(near, g.const(alpha, x.dtype)), g.const(k, x.dtype))
    return g.Div(x, g.Pow(scale, g.const(beta, x.dtype)))
