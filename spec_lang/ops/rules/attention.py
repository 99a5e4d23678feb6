"""Multi-head attention over projected queries, keys and values: masks and lowering. Everything is [N, length, E].

Of a query from which all keys are hidden nothing is promised: PyTorch itself gives NaN or 0, by the kernel it takes.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from spec_lang.frozen import Record
from spec_lang.ops.base import Cx, OpError, Tensor
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import same_shape
from spec_lang.ops.rules.elementwise import LARGEST
from spec_lang.ops.rules.padding import pad_onnx
from spec_lang.shapes import Dim, DType, dim


def check_masks(
    cx: Cx,
    masks: Sequence[tuple[str, Tensor | None, Sequence[Sequence[Dim]]]],
) -> None:
    """Demand masks of bools or floats, each of one of the shapes that it may have, by its rank.

    Raises:
        OpError: another dtype or shape.
    """
    for arg, mask, shapes in masks:
        if mask is None:
            continue
        if mask.dtype not in (DType.BOOL, DType.FLOAT):
            raise OpError(f"{cx.name} takes {arg} of bools or floats, but gets {mask}", code="E0401", arg=arg)
        wanted = next((s for s in shapes if len(s) == mask.rank), None)
        if wanted is None:
            listed = " or ".join(f"[{', '.join(map(str, s))}]" for s in shapes)
            raise OpError(f"{cx.name} takes {arg} of shape {listed}, but gets {mask}", code="E0302", arg=arg)
        same_shape(cx, mask, tuple(wanted), arg)


def check_causal(cx: Cx, is_causal: bool | None, mask: Tensor | None, arg: str = "is_causal") -> None:
    """Refuse the hint that a mask is causal where there is no mask, as PyTorch does."""
    if is_causal and mask is None:
        raise OpError(f"{cx.name} takes {arg} as a hint about a mask, but gets none", code="E0502", arg=arg)


class Heads(Record):
    """The sizes of one attention: batch, query length, key length, heads and the width of one."""

    batch: Dim
    length: Dim
    source: Dim
    heads: Dim
    width: Dim


class Masks(Record):
    """What hides keys from queries. A bool mask is true where a key is hidden, a float one is added.

    `attention` is [L, S] or [N * heads, L, S], `padding` is [N, S]; `causal` hides what lies ahead.
    """

    attention: Value | None = None
    padding: Value | None = None
    causal: bool = False

    def extended(self, g: Graph, n: int) -> Masks:
        """The masks for `n` more keys, which nothing hides."""
        if not n:
            return self
        attention, padding = (
            None if mask is None else pad_onnx(g, mask, [(0, n)], "constant")
            for mask in (self.attention, self.padding)
        )
        return Masks(attention, padding, self.causal)

    def merged(self, g: Graph, size: Heads) -> Value | None:
        """One mask that broadcasts to [N, heads, L, S]: a bool where all are, true where a key is seen."""
        hidden: list[Value] = []
        if self.attention is not None:
            mask = self.attention
            if len(mask.dims) == 3:
                mask = g.reshape(mask, [size.batch, size.heads, size.length, size.source])
            hidden.append(mask)
        if self.padding is not None:
            wide = g.Unsqueeze(self.padding, g.ints([1, 2]))
            hidden.append(g.typed(wide, self.padding.dtype, (size.batch, dim(1), dim(1), size.source)))
        if not hidden:
            return None
        shape = self._shape(size)
        if all(m.dtype is DType.BOOL for m in hidden):
            either = hidden[0] if len(hidden) == 1 else g.Or(*hidden)
            return g.typed(g.Not(either), DType.BOOL, shape)
        added = [self._added(g, m) for m in hidden]
        return g.typed(added[0] if len(added) == 1 else g.Add(*added), DType.FLOAT, shape)

    def _shape(self, size: Heads) -> tuple[Dim, ...]:
        """The shape of the merged mask."""
        if self.attention is not None and self.padding is None and len(self.attention.dims) == 2:
            return (size.length, size.source)
        by_head = self.attention is not None and len(self.attention.dims) == 3
        rows = dim(1) if self.attention is None else size.length
        return (size.batch, size.heads if by_head else dim(1), rows, size.source)

    def _added(self, g: Graph, mask: Value) -> Value:
        if mask.dtype is not DType.BOOL:
            return mask
        return g.Where(mask, g.const(-math.inf, DType.FLOAT), g.const(0.0, DType.FLOAT))


def visible(g: Graph, mask: Value) -> Value:
    """A float mask without the lowest finite number, by which ONNX Runtime's Attention hides keys as by -inf."""
    lowest, above = (g.const(-x, mask.dtype) for x in LARGEST[g.dtype(mask.dtype)])
    return g.typed(g.Where(g.Equal(mask, lowest), above, mask), mask.dtype, mask.shape)


def attend(g: Graph, q: Value, k: Value, v: Value, size: Heads, masks: Masks) -> tuple[Value, Value]:
    """softmax(q kᵀ / sqrt(width) + mask) v as [N, L, E], and the weights as [N, heads, L, S]."""
    mask = masks.merged(g, size)
    if g.opset >= 23 and size.heads.const is not None:
        wide = mask if mask is None or mask.dtype is DType.BOOL else visible(g, mask)
        if mask is not None and mask.dims[-2] != size.length:  # runtimes broadcast no mask along the queries
            wide = g.Expand(wide, g.dims([*mask.dims[:-2], size.length, size.source]))
        attributes = {"is_causal": 1} if masks.causal else {}
        heads = size.heads.const
        y = g.Attention(q, k, v, wide, q_num_heads=heads, kv_num_heads=heads, **attributes)
        y = g.typed(y, DType.FLOAT, (size.batch, size.length, size.heads * size.width))
        # onnx infers 0 keys for the weights that Attention gives, and runtimes plan their memory by that; where
        # nothing reads the weights, their nodes are not in the graph
        return y, _weights(g, q, k, size, _causal(g, size) if masks.causal else mask)
    weights = _weights(g, q, k, size, _causal(g, size) if masks.causal else mask)
    values = g.Transpose(_by_head(g, v, size, size.source), perm=[0, 2, 1, 3])
    y = g.Transpose(g.MatMul(weights, values), perm=[0, 2, 1, 3])
    shape = (size.batch, size.length, size.heads, size.width)
    joined = g.reshape(g.typed(y, DType.FLOAT, shape), [size.batch, size.length, size.heads * size.width])
    return joined, weights


def _weights(g: Graph, q: Value, k: Value, size: Heads, mask: Value | None) -> Value:
    """softmax(q kᵀ / sqrt(width) + mask) as [N, heads, L, S]."""
    scale = g.const(1 / math.sqrt(size.width.const or 1), DType.FLOAT)
    queries = g.Transpose(_by_head(g, g.Mul(q, scale), size, size.length), perm=[0, 2, 1, 3])
    keys = g.Transpose(_by_head(g, k, size, size.source), perm=[0, 2, 3, 1])
    scores = g.MatMul(queries, keys)
    if mask is not None and mask.dtype is DType.BOOL:
        scores = g.Where(mask, scores, g.const(-math.inf, DType.FLOAT))
    elif mask is not None:
        scores = g.Add(scores, mask)
    return g.Softmax(scores, axis=-1)


def _by_head(g: Graph, x: Value, size: Heads, length: Dim) -> Value:
    flat = g.typed(x, DType.FLOAT, (size.batch, length, size.heads * size.width))
    return g.reshape(flat, [size.batch, length, size.heads, size.width])


def _causal(g: Graph, size: Heads) -> Value:
    """Whether the query at row i may see the key at column j: j <= i."""
    rows = g.Range(g.dim(0), g.dim(size.length), g.dim(1))
    columns = g.Range(g.dim(0), g.dim(size.source), g.dim(1))
    seen = g.GreaterOrEqual(g.Unsqueeze(rows, g.ints([1])), columns)
    return g.typed(seen, DType.BOOL, (size.length, size.source))
