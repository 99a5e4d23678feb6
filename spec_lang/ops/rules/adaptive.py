"""Adaptive pooling: sizes and lowering. Part i of n covers the elements from ⌊i L / n⌋ to ⌈(i + 1) L / n⌉.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import written_out
from spec_lang.ops.rules.convolution import batch, unbatch
from spec_lang.ops.rules.norm import mean
from spec_lang.ops.rules.pooling import max_pool_onnx
from spec_lang.ops.rules.reductions import maximum_over
from spec_lang.shapes import Dim, DType, TensorType, dim

Targets = Sequence["Dim | None"]
"""One size an axis; None keeps what comes in."""


def adaptive_result(x: TensorType, sizes: Targets) -> TensorType:
    """The input's type with the sizes asked for."""
    n = len(sizes)
    kept = zip(sizes, x.dims[-n:], strict=True)
    return x.with_shape((*x.shape[:-n], *(size if s is None else s for s, size in kept)))


def _changed(x: Value, sizes: Targets) -> list[tuple[int, Dim, Dim]]:
    """(axis from the end, size, wanted) of each axis that changes."""
    n = len(sizes)
    return [
        (i - n, x.dims[i - n], wanted)
        for i, wanted in enumerate(sizes)
        if wanted is not None and wanted != x.dims[i - n]
    ]


def adaptive_avg_onnx(g: Graph, x: Value, sizes: Targets) -> Value:
    """A global or strided average pool where the sizes divide, else a product with a matrix of weights an axis."""
    n, changed = len(sizes), _changed(x, sizes)
    if not changed:
        return x
    if all(wanted == 1 for _, _, wanted in changed):
        if len(changed) == n and len(x.dims) == n + 2:
            return g.GlobalAveragePool(x)
        return mean(g, x, [axis for axis, _, _ in changed])
    kernel = _window(x, sizes)
    if kernel is not None:
        batched = len(x.dims) == n + 2
        return unbatch(g, g.AveragePool(batch(g, x, batched), kernel_shape=kernel, strides=kernel), batched)
    for axis, size, wanted in changed:
        x = _averaged(g, x, axis, size, wanted)
    return x


def _window(x: Value, sizes: Targets) -> list[int] | None:
    """The window of an equivalent strided pool, where all sizes are known and divide."""
    window = []
    for size, wanted in zip(x.dims[-len(sizes) :], sizes, strict=True):
        found, asked = size.const, size.const if wanted is None else wanted.const
        if found is None or asked is None or found % asked:
            return None
        window.append(found // asked)
    return window


def _resized(x: Value, axis: int, size: Dim) -> tuple[Dim, ...]:
    dims = list(x.dims)
    dims[axis] = size
    return tuple(dims)


def _parts(g: Graph, x: Value, axis: int, size: Dim, wanted: Dim) -> Value | None:
    """`x` with the axis split into (wanted, size // wanted), where it divides for all sizes; None elsewhere."""
    if size % wanted != 0:
        return None
    at = len(x.dims) + axis
    return g.reshape(x, [*x.dims[:at], wanted, size // wanted, *x.dims[at + 1 :]])


def _averaged(g: Graph, x: Value, axis: int, size: Dim, wanted: Dim) -> Value:
    shape, at = _resized(x, axis, wanted), len(x.dims) + axis
    parts = _parts(g, x, axis, size, wanted)
    if parts is not None:
        return g.typed(mean(g, parts, [at + 1], keepdims=False), x.dtype, shape)
    rows = _weights(g, size, wanted, x.dtype)
    if axis == -1:
        return g.typed(g.MatMul(x, g.Transpose(rows, perm=[1, 0])), x.dtype, shape)
    if axis == -2:
        return g.typed(g.MatMul(rows, x), x.dtype, shape)
    rest = dim(1)
    for d in x.dims[at + 1 :]:
        rest = rest * d
    flat = g.reshape(x, [*x.dims[: at + 1], rest])
    y = g.typed(g.MatMul(rows, flat), x.dtype, (*x.dims[:at], wanted, rest))
    return g.reshape(y, shape)


def adaptive_max_onnx(
    g: Graph, x: Value, sizes: Targets, return_indices: bool
) -> Value | tuple[Value, Value]:
    """A global or strided max pool where the sizes divide, else gathered parts of equal length an axis."""
    n, changed = len(sizes), _changed(x, sizes)
    kernel = _window(x, sizes)
    if kernel is not None and (changed or return_indices):
        zeros, ones = [0] * n, [1] * n
        return max_pool_onnx(g, x, kernel, kernel, zeros, ones, False, return_indices)
    if return_indices:
        return _largest_places(g, x, sizes)
    if changed and len(changed) == n and all(w == 1 for _, _, w in changed) and len(x.dims) == n + 2:
        return g.GlobalMaxPool(x)
    for axis, size, wanted in changed:
        x = _maximal(g, x, axis, size, wanted)
    return x


def _maximal(g: Graph, x: Value, axis: int, size: Dim, wanted: Dim) -> Value:
    shape, at = _resized(x, axis, wanted), len(x.dims) + axis
    parts = _parts(g, x, axis, size, wanted)
    if parts is None:
        parts = g.Gather(x, _places(g, size, wanted), axis=at)
    return g.typed(maximum_over(g, parts, [at + 1]), x.dtype, shape)


def _ends(g: Graph, size: Dim, wanted: Dim) -> tuple[Value, Value]:
    """Where each part starts and ends: ⌊i L / n⌋ and ⌈(i + 1) L / n⌉, as columns."""
    part = g.Unsqueeze(g.Range(g.dim(0), g.dim(wanted), g.dim(1)), g.ints([1]))
    start = g.Mul(part, g.dim(size))
    end = g.Add(start, g.dim(size + wanted - 1))
    return g.Div(start, g.dim(wanted)), g.Div(end, g.dim(wanted))


def _weights(g: Graph, size: Dim, wanted: Dim, dtype: DType) -> Value:
    """[wanted, size]: 1 / length in each part, 0 elsewhere."""
    if size.const is not None and wanted.const is not None:
        written_out(size.const * wanted.const, "adaptive pooling of sizes that do not divide")
        parts = _ranges(size.const, wanted.const)
        rows = [
            [1.0 / (end - start) if start <= i < end else 0.0 for i in range(size.const)]
            for start, end in parts
        ]
        return g.const(rows, dtype)
    start, end = _ends(g, size, wanted)
    place = g.Range(g.dim(0), g.dim(size), g.dim(1))
    length = g.cast(g.typed(g.Sub(end, start), DType.I64, (wanted, dim(1))), dtype)
    inside = g.And(g.GreaterOrEqual(place, start), g.Less(place, end))
    return g.Where(inside, g.Reciprocal(length), g.const(0.0, dtype))


def _places(g: Graph, size: Dim, wanted: Dim) -> Value:
    """[wanted, longest]: the elements of each part; a shorter part repeats its last one."""
    if size.const is not None and wanted.const is not None:
        written_out(size.const + wanted.const, "adaptive pooling of sizes that do not divide")
        ranges = _ranges(size.const, wanted.const)
        longest = max(end - start for start, end in ranges)
        index = [[min(start + i, end - 1) for i in range(longest)] for start, end in ranges]
        return g.const(index, DType.I64)
    start, end = _ends(g, size, wanted)
    step = g.Range(g.dim(0), g.dim(size // wanted + 2), g.dim(1))
    return g.Min(g.Add(start, step), g.Sub(end, g.const(1, DType.I64)))


def _largest_places(g: Graph, x: Value, sizes: Targets) -> tuple[Value, Value]:
    """The largest element of each part and its place in its plane: the parts of an image and of its places, alike."""
    n = len(sizes)
    wanted = [size if s is None else s for s, size in zip(sizes, x.dims[-n:], strict=True)]
    plane = prod(x.dims[-n:], start=dim(1))
    places = g.typed(g.Range(g.dim(0), g.dim(plane), g.dim(1)), DType.I64, (plane,))
    places = g.reshape(places, x.dims[-n:])
    shape = (*x.shape[:-n], *wanted)
    parts, where = (_in_parts(g, v, wanted, n) for v in (x, places))
    at = g.ArgMax(parts, axis=-1)
    where = g.Expand(where, g.Shape(parts))
    last = g.ints([-1])
    y, index = (g.Squeeze(g.GatherElements(v, at, axis=-1), last) for v in (parts, where))
    return g.typed(y, x.dtype, shape), g.typed(index, DType.I64, shape)


def _in_parts(g: Graph, x: Value, wanted: Sequence[Dim], n: int) -> Value:
    """[..., L, ...] as [..., n, ..., elements of a part]."""
    lead = len(x.dims) - n
    sizes = x.dims[lead:]
    y = x
    for i in reversed(range(n)):
        y = g.Gather(y, _places(g, sizes[i], wanted[i]), axis=lead + i)
    order = [*range(lead), *range(lead, lead + 2 * n, 2), *range(lead + 1, lead + 2 * n, 2)]
    y = g.Transpose(y, perm=order)
    if n == 1:
        return y
    kept = g.Shape(y, end=lead + n) if lead + n else g.ints([])
    return g.Reshape(y, g.Concat(kept, g.ints([-1]), axis=0))


def _ranges(size: int, n: int) -> list[tuple[int, int]]:
    return [(i * size // n, -(-(i + 1) * size // n)) for i in range(n)]
