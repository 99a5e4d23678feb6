"""The CTC loss: the probability of all alignments by a recursion over time.

Source: https://www.cs.toronto.edu/~graves/icml_2006.pdf, section 4.1
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from spec_lang.ops.lowering import Graph, Value
from spec_lang.shapes import Dim, DType, dim


def ctc_onnx(
    g: Graph, log_probs: Value, targets: Value, input_lengths: Value, lengths: Value, blank: Dim
) -> Value:
    """-log p of each of N sequences: [T, N, C] and labels [N, S] to [N].

    α_t(s) sums α_(t-1) at s, s - 1 and, where two labels that differ follow each other, s - 2, in labels with blanks
    around each. Before the first step all is at s = 0.
    """
    dtype = log_probs.dtype
    labels, width = _extended(g, targets, lengths, blank)
    batch = log_probs.dims[1]
    shape = (batch, width)
    never = g.const(-math.inf, dtype)
    skips = _skips(g, labels, batch, width)
    places = g.Range(g.dim(0), g.dim(width), g.dim(1))
    first = g.Where(g.Equal(places, g.dim(0)), g.const(0.0, dtype), never)
    start = g.typed(g.Expand(first, g.dims(shape)), dtype, shape)
    steps = g.typed(g.Range(g.dim(0), g.dim(log_probs.dims[0]), g.dim(1)), DType.I64, (log_probs.dims[0],))
    ends = g.Unsqueeze(g.cast(input_lengths, DType.I64), g.ints([1]))

    def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        alpha, (row, time) = states[0], rows
        both = [alpha, _moved(g, alpha, batch, 1), g.Where(skips, _moved(g, alpha, batch, 2), never)]
        after = g.Add(_log_sum_exp(g, both, dtype), g.GatherElements(row, labels, axis=1))
        return [g.Where(g.Less(time, ends), after, alpha)], []

    [alpha], _ = g.scan(step, [start], [log_probs, steps])
    return g.Neg(_last_two(g, alpha, lengths))


def _extended(g: Graph, targets: Value, lengths: Value, blank: Dim) -> tuple[Value, Dim]:
    """The labels with a blank around each, [N, 2 S + 1], and how many those are; what is past the length is blank."""
    batch, count = targets.dims
    within = g.Less(g.Range(g.dim(0), g.dim(count), g.dim(1)), g.Unsqueeze(lengths, g.ints([1])))
    kept = g.Where(within, g.cast(targets, DType.I64), g.dim(blank))
    pairs = g.Concat(
        g.Unsqueeze(kept, g.ints([2])), g.Expand(g.dim(blank), g.dims([batch, count, 1])), axis=2
    )
    flat = g.reshape(g.typed(pairs, DType.I64, (batch, count, dim(2))), [batch, 2 * count])
    return g.Concat(g.Expand(g.dim(blank), g.dims([batch, 1])), flat, axis=1), 2 * count + 1


def _skips(g: Graph, labels: Value, batch: Dim, width: Dim) -> Value:
    """Where a label follows another one: the one before it differs, as no blank does from the blank before it."""
    axis = g.ints([1])
    ahead = g.Slice(labels, g.ints([2]), g.dims([width]), axis)
    behind = g.Slice(labels, g.ints([0]), g.ints([-2]), axis)
    none = g.Expand(g.const(False, DType.BOOL), g.dims([batch, 2]))
    skips = g.Concat(none, g.Not(g.Equal(ahead, behind)), axis=1)
    known = width.const is not None and width.const > 1
    return skips if known else g.Slice(skips, g.ints([0]), g.dims([width]), axis)


def _moved(g: Graph, alpha: Value, batch: Dim, places: int) -> Value:
    """Each element so many places further, -inf before the first."""
    none = g.Expand(g.const(-math.inf, alpha.dtype), g.dims([batch, places]))
    axis = g.ints([1])
    return g.Slice(g.Concat(none, alpha, axis=1), g.ints([0]), g.ints([-places]), axis)


def _log_sum_exp(g: Graph, terms: Sequence[Value], dtype: DType) -> Value:
    """log Σ exp of the terms, element by element; -inf where all are."""
    highest = g.Max(*terms)
    finite = g.Where(g.IsInf(highest), g.const(0.0, dtype), highest)
    return g.Add(finite, g.Log(g.Sum(*(g.Exp(g.Sub(t, finite)) for t in terms))))


def _last_two(g: Graph, alpha: Value, lengths: Value) -> Value:
    """log p of ending in the last label or in the blank behind it; of no label, in the blank."""
    dtype = alpha.dtype
    end = g.Unsqueeze(g.Mul(lengths, g.const(2, DType.I64)), g.ints([1]))
    last = g.GatherElements(alpha, end, axis=1)
    before = g.GatherElements(alpha, g.Max(g.Sub(end, g.const(1, DType.I64)), g.const(0, DType.I64)), axis=1)
    empty = g.Equal(end, g.const(0, DType.I64))
    before = g.Where(empty, g.const(-math.inf, dtype), before)
    return g.Squeeze(_log_sum_exp(g, [last, before], dtype), g.ints([1]))
