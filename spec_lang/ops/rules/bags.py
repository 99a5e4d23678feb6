"""Bags of vectors of different lengths, each reduced to one: a row of [B, L], or what lies between two offsets.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html
"""

from __future__ import annotations

import math

from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.reductions import reduced
from spec_lang.shapes import Dim, DType


class Bags:
    """Which vectors are in which bag; those at the index `padding` are in none."""

    def __init__(
        self,
        g: Graph,
        input: Value,
        offsets: Value | None,
        include_last_offset: bool,
        padding: Dim | None,
        width: Dim,
        dtype: DType,
    ) -> None:
        self.g = g
        self.input = input
        self.offsets = offsets
        self.width = width
        self.dtype = dtype
        self.count = input.dims[0] if offsets is None else offsets.dims[0] - int(include_last_offset)
        self.kept = self._kept(padding)

    def _kept(self, padding: Dim | None) -> Value | None:
        """Whether each index counts; None where all do."""
        if padding is None:
            return None
        g, x = self.g, self.input
        return g.typed(g.Not(g.Equal(x, g.scalar(padding, x.dtype))), DType.BOOL, x.shape)

    def reduced(self, rows: Value, mode: str) -> Value:
        """The sum, mean or maximum of each bag; 0 of an empty one."""
        g = self.g
        none = g.const(-math.inf if mode == "max" else 0.0, self.dtype)
        shape = (*self.input.shape, self.width)
        if self.kept is not None:
            rows = g.Where(g.Unsqueeze(self.kept, g.ints([-1])), rows, none)
        rows = g.typed(rows, self.dtype, shape)
        if mode == "sum":
            return self._total(rows, "add")
        counts = g.Unsqueeze(self._counts(), g.ints([1]))
        if mode == "mean":
            return g.Div(self._total(rows, "add"), g.Max(counts, g.const(1.0, self.dtype)))
        empty = g.Equal(counts, g.const(0.0, self.dtype))
        return g.Where(empty, g.const(0.0, self.dtype), self._total(rows, "max"))

    def _counts(self) -> Value:
        g = self.g
        kept = self.kept
        if kept is None:
            kept = g.typed(
                g.Expand(g.const(True, DType.BOOL), g.dims(self.input.dims)), DType.BOOL, self.input.shape
            )
        return self._total(g.cast(kept, self.dtype), "add")

    def _total(self, rows: Value, how: str) -> Value:
        """[B, L, ...] or [L, ...] to [B, ...]."""
        g = self.g
        if self.offsets is None:
            return reduced(g, "sum" if how == "add" else "Max", rows, [1], False)
        if how == "max" and g.opset < 18:
            return self._largest(rows)
        rest = rows.dims[1:]
        start = g.Expand(g.const(0.0 if how == "add" else -math.inf, self.dtype), g.dims([self.count, *rest]))
        bag = self._bag()
        if rest:
            bag = g.Expand(g.Unsqueeze(bag, g.ints([1])), g.dims(rows.dims))
        return g.ScatterElements(start, bag, rows, axis=0, reduction=how)

    def _largest(self, rows: Value) -> Value:
        """The maximum over the whole input, where what is in another bag is -inf."""
        g = self.g
        bags = g.Unsqueeze(g.Range(g.dim(0), g.dim(self.count), g.dim(1)), g.ints([1, 2]))
        inside = g.Equal(bags, g.Unsqueeze(self._bag(), g.ints([1])))
        each = g.Where(inside, rows, g.const(-math.inf, self.dtype))
        return reduced(g, "Max", g.typed(each, self.dtype, (self.count, *rows.dims)), [1], False)

    def _bag(self) -> Value:
        """The bag of each index: how many bags begin at or before it, less one."""
        g, length = self.g, self.input.dims[0]
        assert self.offsets is not None
        starts = g.cast(self.offsets, DType.I64)
        starts = g.Slice(starts, g.ints([0]), g.dims([self.count]), g.ints([0]))
        ones = g.Expand(g.const(1, DType.I64), g.dims([self.count]))
        none = g.Expand(g.const(0, DType.I64), g.dims([length + 1]))  # an empty bag may begin at the end
        begun = g.CumSum(
            g.ScatterElements(none, starts, ones, axis=0, reduction="add"), g.const(0, DType.I64)
        )
        bag = g.Slice(begun, g.ints([0]), g.dims([length]), g.ints([0]))
        return g.typed(g.Sub(bag, g.const(1, DType.I64)), DType.I64, (length,))
