"""Volumes sampled at places, before ONNX's GridSample took them (opset 20).

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html
"""

from __future__ import annotations

from itertools import product
from math import prod

from spec_lang.ops.lowering import Graph, Value
from spec_lang.shapes import Dim, DType, dim


def sampled_volume(g: Graph, x: Value, grid: Value, mode: str, padding: str, aligned: bool) -> Value:
    """The element nearest to each place, or its eight neighbours by how near they are."""
    places = _Places(g, x, grid, padding, aligned)
    if mode == "nearest":
        return places.taken([g.Round(c) for c in places.coordinates])
    low = [g.Floor(c) for c in places.coordinates]
    high = [g.Add(v, places.one) for v in low]
    total = None
    for corner in product((0, 1), repeat=3):
        at = [(low, high)[side][i] for i, side in enumerate(corner)]
        near = [g.Sub(places.one, g.Abs(g.Sub(c, v))) for c, v in zip(places.coordinates, at, strict=True)]
        weight = g.Unsqueeze(g.Mul(g.Mul(near[0], near[1]), near[2]), g.ints([1]))
        term = g.Mul(places.taken(at), weight)
        total = term if total is None else g.Add(total, term)
    assert total is not None, "a cube has corners"
    return total


class _Places:
    """Where to sample [N, C, D, H, W]: a coordinate in elements for each axis, each [N, places]."""

    def __init__(self, g: Graph, x: Value, grid: Value, padding: str, aligned: bool) -> None:
        self.g = g
        self.x = x
        self.shape = grid.dims[1:-1]
        self.zeros = padding == "zeros"
        self.one = g.const(1.0, x.dtype)
        sizes = x.dims[2:]
        self.coordinates = [
            self._padded(self._in_elements(grid, axis, size, aligned), size, padding, aligned)
            for axis, size in zip((2, 1, 0), sizes, strict=True)
        ]

    def _in_elements(self, grid: Value, axis: int, size: Dim, aligned: bool) -> Value:
        """-1 and 1 as the first and last element, or as the outer edges of those."""
        g, dtype = self.g, self.x.dtype
        c = g.Add(g.Gather(grid, g.const(axis, DType.I64), axis=4), self.one)
        half = g.const(0.5, dtype)
        if aligned:
            return g.Mul(g.Mul(c, half), g.scalar(size - 1, dtype))
        return g.Mul(g.Sub(g.Mul(c, g.scalar(size, dtype)), self.one), half)

    def _padded(self, c: Value, size: Dim, padding: str, aligned: bool) -> Value:
        g, dtype = self.g, self.x.dtype
        if padding == "reflection":
            c = self._reflected(c, size, aligned)
        if padding == "zeros":
            return c
        return g.Min(g.Max(c, g.const(0.0, dtype)), g.scalar(size - 1, dtype))

    def _reflected(self, c: Value, size: Dim, aligned: bool) -> Value:
        """A triangle wave between the first and last element, or between their outer edges."""
        g, dtype = self.g, self.x.dtype
        low = 0.0 if aligned else -0.5
        span = g.scalar(size - 1 if aligned else size, dtype)
        start = g.const(low, dtype)
        away = g.Abs(g.Sub(c, start))
        turns = g.Floor(g.Div(away, span))
        rest = g.Sub(away, g.Mul(turns, span))
        odd = g.Equal(g.Mod(turns, g.const(2.0, dtype), fmod=1), self.one)
        folded = g.Add(g.Where(odd, g.Sub(span, rest), rest), start)
        return g.Where(g.Equal(span, g.const(0.0, dtype)), g.const(0.0, dtype), folded)

    def taken(self, at: list[Value]) -> Value:
        """The elements at whole coordinates, [N, C, ...]; outside, 0 or the nearest at the border."""
        g, x = self.g, self.x
        batch, channels, *sizes = x.dims
        places = prod(self.shape, start=dim(1))
        index = g.const(0, DType.I64)
        inside: Value | None = None
        for c, size in zip(at, sizes, strict=True):
            last = g.scalar(size - 1, x.dtype)
            zero = g.const(0.0, x.dtype)
            within = g.And(g.GreaterOrEqual(c, zero), g.LessOrEqual(c, last))
            inside = within if inside is None else g.And(inside, within)
            whole = g.Cast(g.Min(g.Max(c, zero), last), to=g.dtype(DType.I64))
            whole = g.Max(whole, g.const(0, DType.I64))  # NaN is cast to any int
            index = g.Add(g.Mul(index, g.dim(size)), whole)
        flat = g.reshape(g.typed(index, DType.I64, (batch, *self.shape)), [batch, 1, places])
        flat = g.Expand(flat, g.dims([batch, channels, places]))
        volume = g.reshape(x, [batch, channels, prod(sizes, start=dim(1))])
        y = g.typed(g.GatherElements(volume, flat, axis=2), x.dtype, (batch, channels, places))
        y = g.reshape(y, [batch, channels, *self.shape])
        if not self.zeros:
            return y
        assert inside is not None, "there are three axes"
        return g.Where(g.Unsqueeze(inside, g.ints([1])), y, g.const(0.0, x.dtype))
