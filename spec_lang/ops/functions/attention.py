"""Scaled dot-product attention.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank, size_at
from spec_lang.ops.functions.shape import transposed
from spec_lang.ops.kinds import Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import Product, Products, flops_of
from spec_lang.ops.rules.arguments import alike, divides, is_symbolic, known_float, probability
from spec_lang.ops.rules.attention import visible
from spec_lang.ops.rules.elementwise import FLOATS, operand, result_shape, same_dtype, takes
from spec_lang.ops.rules.reductions import reduced
from spec_lang.shapes import Dim, DType, Shape, TensorType, dim


class scaled_dot_product_attention(Function):
    """softmax(q kᵀ scale + mask) v, scale 1/sqrt(E) by default. Source: https://arxiv.org/abs/1706.03762"""

    query: Tensor
    key: Tensor
    value: Tensor
    attn_mask: Tensor | None = None
    dropout_p: Number = 0.0
    is_causal: bool = False
    scale: Number | None = None
    enable_gqa: bool = False

    torch = "F.scaled_dot_product_attention"
    placement = "query[*B, h, t, e] key[*B, k, s, e] value[*B, k, s, v] attn_mask[*M, t, s] -> [*B, h, t, v]; whole t, s, e, v; h = k * g; M on B h"
    keywords = ("scale", "enable_gqa")
    keeps = "inputs result"
    lies_turned = True
    drops = "dropout_p"

    def check(self, cx: Cx) -> None:
        probability(cx, dropout_p=self.dropout_p)

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        q, k, v = self.query, self.key, self.value
        takes(cx, q, FLOATS, "the query")
        same_dtype(cx, q, k, v)
        for x, what in ((q, "query"), (k, "key"), (v, "value")):
            if x.rank is not None and x.rank < 2:
                raise OpError(
                    f"{cx.name} takes a {what} of at least 2 dims, but gets {x}", code="E0302", arg=what
                )
        cx.equal(
            size_at(cx, q, -1, "query"),
            size_at(cx, k, -1, "key"),
            f"{cx.name} takes queries and keys of one width, but gets {q} and {k}",
        )
        cx.equal(
            size_at(cx, k, -2, "key"),
            size_at(cx, v, -2, "value"),
            f"{cx.name} takes as many values as keys, but gets {k} and {v}",
        )
        length, source = size_at(cx, q, -2, "query"), size_at(cx, k, -2, "key")
        batch = self._batch(cx)
        self._check_mask(cx, (*batch, length, source))
        return q.with_shape((*batch, length, size_at(cx, v, -1, "value")))

    def _batch(self, cx: Cx) -> Shape:
        """The leading dims; with `enable_gqa` keys and values may have fewer heads, which divide the query's."""
        q, k, v = self.query, self.key, self.value
        if not self.enable_gqa:
            return result_shape(cx, *(x.with_shape(x.shape[:-2]) for x in (q, k, v)))
        for x, what in ((q, "query"), (k, "key"), (v, "value")):
            if known_rank(cx, x) < 3:
                raise OpError(
                    f"{cx.name} with enable_gqa takes heads at dim -3, but the {what} is {x}", code="E0302"
                )
        heads = q.dims[-3]
        for x, what in ((k, "key"), (v, "value")):
            divides(cx, x.dims[-3], heads, what, f"{heads} query heads", f"groups of {x.dims[-3]} heads")
        outer = result_shape(cx, *(x.with_shape(x.shape[:-3]) for x in (q, k, v)))
        return (*outer, heads)

    def _check_mask(self, cx: Cx, scores: Shape) -> None:
        mask = self.attn_mask
        if mask is None:
            return
        if self.is_causal:
            raise OpError(
                f"{cx.name} takes either a mask or is_causal, not both", code="E0501", arg="is_causal"
            )
        if mask.dtype not in (DType.BOOL, self.query.dtype):
            raise OpError(
                f"{cx.name} takes a mask of bools or of {self.query.dtype}, but gets {mask}",
                code="E0401",
                arg="attn_mask",
            )
        if mask.rank is not None and mask.rank < 2:
            raise OpError(
                f"{cx.name} takes a mask of at least 2 dims, but gets {mask}", code="E0302", arg="attn_mask"
            )
        wanted = TensorType(self.query.dtype, scores)
        found = result_shape(cx, TensorType(mask.dtype, mask.shape), wanted)
        if not alike(cx, found, scores):
            raise OpError(
                f"{cx.name} cannot broadcast mask {mask} to the scores [{', '.join(map(str, scores))}]",
                code="E0305",
                arg="attn_mask",
            )

    def flops(self, out: Tensor) -> Products:
        q, k, v = self.query, self.key, self.value
        batch, length, source = out.dims[:-2], q.dims[-2], k.dims[-2]
        yield Product(flops_of((*batch, length, source, q.dims[-1])), (q,), (k,))
        yield Product(flops_of((*batch, length, source, v.dims[-1])), (q, k), (v,))

    def aside(self, out: Tensor) -> Iterator[TensorType]:
        """As flash attention does, the logarithm of each query's sum, and no score."""
        yield TensorType(DType.F32, out.shape[:-1])

    # --- ONNX ---

    def onnx(self, g: Graph) -> Value:
        q, k, v = self.query, self.key, self.value
        same_batch = q.shape[:1] == k.shape[:1] == v.shape[:1]
        heads = self.enable_gqa or q.shape[:2] == k.shape[:2] == v.shape[:2]
        same_heads = k.shape[:2] == v.shape[:2]
        if (
            g.opset >= 23
            and not is_symbolic(self.scale)
            and len(q.shape) == len(k.shape) == len(v.shape) == 4
            and same_batch
            and heads
            and same_heads
        ):
            return self._fused(g)
        return self._decomposed(g)

    def _fused(self, g: Graph) -> Value:
        attributes: dict[str, Any] = {}
        if self.is_causal:
            attributes["is_causal"] = 1
        if self.scale is not None:
            attributes["scale"] = known_float(self.scale, "scale")
        inputs = [self.query, self.key, self.value]
        if self.attn_mask is not None:
            mask = self.attn_mask
            mask = mask if mask.dtype is DType.BOOL else visible(g, mask)
            inputs.append(self._wide_mask(g, mask))
        return g.Attention(*inputs, **attributes)

    def _wide_mask(self, g: Graph, mask: Tensor) -> Tensor:
        """The mask with a row for each query and a column for each key: runtimes broadcast its outer dims only."""
        length, source = self.query.dims[-2], self.key.dims[-2]
        if mask.dims[-2:] == (length, source):
            return mask
        return g.Expand(mask, g.dims([*[dim(1)] * (len(mask.dims) - 2), length, source]))

    def _decomposed(self, g: Graph) -> Value:
        q, k, v = self.query, self.key, self.value
        dtype = q.dtype
        if self.enable_gqa:
            k, v = self._repeated(g, k), self._repeated(g, v)
        rank = len(k.shape)
        keys = transposed(g, k, [*range(rank - 2), rank - 1, rank - 2])
        scores = g.MatMul(g.Mul(q, self._scale(g)), keys)
        mask = self.attn_mask
        if self.is_causal:
            mask = self._causal(g)
        if mask is not None and mask.dtype is DType.BOOL:
            scores = g.Where(mask, scores, g.const(-math.inf, dtype))
        elif mask is not None:
            scores = g.Add(scores, mask)
        weights = g.Softmax(scores, axis=-1)
        if self.attn_mask is not None:  # a query that may see nothing gets zeros
            best = reduced(g, "Max", g.typed(scores, dtype, (*q.shape[:-1], k.shape[-2])), [rank - 1], True)
            weights = g.Where(g.Equal(best, g.const(-math.inf, dtype)), g.const(0.0, dtype), weights)
        return g.MatMul(weights, v)

    def _scale(self, g: Graph) -> Value:
        dtype = self.query.dtype
        if self.scale is not None:
            return operand(g, self.scale, dtype)
        width = self.query.dims[-1] if self.query.rank is not None else self.query.shape[-1]
        if isinstance(width, Dim) and width.const is not None:
            return g.const(1 / math.sqrt(width.const), dtype)
        return g.Reciprocal(g.Sqrt(g.scalar(width, dtype)))

    def _causal(self, g: Graph) -> Value:
        """Whether the query at row i may see the key at column j: j <= i."""
        length, source = self.query.dims[-2], self.key.dims[-2]
        rows = g.Range(g.dim(0), g.dim(length), g.dim(1))
        columns = g.Range(g.dim(0), g.dim(source), g.dim(1))
        mask = g.GreaterOrEqual(g.Unsqueeze(rows, g.ints([1])), columns)
        return g.typed(mask, DType.BOOL, (length, source))

    def _repeated(self, g: Graph, x: Tensor) -> Value:
        """Each head of keys or values as often as queries share it, one after another."""
        heads, groups = self.query.dims[-3], x.dims[-3]
        if heads == groups:
            return x
        times = heads // groups
        lead = len(x.shape) - 3
        one = g.Unsqueeze(x, g.ints([lead + 1]))
        sizes = [*[dim(1)] * (lead + 1), times, dim(1), dim(1)]
        wide = g.Expand(one, g.dims(sizes))
        shape = (*x.dims[:-3], heads, *x.dims[-2:])
        wide = g.typed(wide, x.dtype, (*x.dims[:-2], times, *x.dims[-2:]))
        return g.reshape(wide, shape)
