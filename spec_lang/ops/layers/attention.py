"""Multi-head attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec_lang.ops.base import Cx, Hole, Layer, OpError, Param, Tensor
from spec_lang.ops.init import Clone, Draw, Fill, UniformFan, XavierNormal, XavierUniform
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import LEARNED, Product, Products, flops_of
from spec_lang.ops.rules.arguments import at_least, divides, full, known, model_float, probability
from spec_lang.ops.rules.attention import Heads, Masks, attend, check_causal, check_masks
from spec_lang.ops.rules.norm import mean
from spec_lang.shapes import DType, dim


class MultiheadAttention(Layer):
    """Concat(head₁, ...) W_O, head_i = softmax(Q_i K_iᵀ / sqrt(width)) V_i of projected queries, keys and values.

    Source: https://arxiv.org/abs/1706.03762
    """

    embed_dim: Dim
    num_heads: Dim
    dropout: Number = 0.0
    bias: bool = True
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    kdim: Dim | None = None
    vdim: Dim | None = None
    batch_first: bool = False

    torch = "nn.MultiheadAttention"
    placement = "batch; first batch_first"
    always = ("out_proj.weight",)
    holes = {
        "embed_dim": Hole(-1, "query features"),
        "kdim": Hole(-1, "key features", input=1),
        "vdim": Hole(-1, "value features", input=2),
    }
    ranks = (2, 3)

    @property
    def key_features(self) -> Dim:
        return self.embed_dim if self.kdim is None else self.kdim

    @property
    def value_features(self) -> Dim:
        return self.embed_dim if self.vdim is None else self.vdim

    @property
    def packed(self) -> bool:
        """Whether one matrix projects queries, keys and values."""
        return self.key_features == self.embed_dim == self.value_features

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, embed_dim=self.embed_dim, num_heads=self.num_heads)
        at_least(cx, 1, kdim=self.key_features, vdim=self.value_features)
        divides(cx, self.num_heads, self.embed_dim, "num_heads", "its features", f"{self.num_heads} heads")
        probability(cx, dropout=self.dropout)

    # --- types ---

    def infer(
        self,
        cx: Cx,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        self._check_inputs(cx, query, key, value)
        batch, length = self._outer(query)
        _, source = self._outer(key)
        masks = [[length, source], [*(b * self.num_heads for b in batch), length, source]]
        if not batch:
            masks[1] = [self.num_heads, length, source]
        padding = [[*batch, source]]
        check_masks(cx, [("attn_mask", attn_mask, masks), ("key_padding_mask", key_padding_mask, padding)])
        check_causal(cx, is_causal, attn_mask)
        if not need_weights:
            return query, None
        heads = () if average_attn_weights else (self.num_heads,)
        return query, query.with_shape((*batch, *heads, length, source + self._extra))

    @property
    def _extra(self) -> int:
        """How many keys are added to those that come in."""
        return self.add_bias_kv + self.add_zero_attn

    def _outer(self, x: Tensor) -> tuple[tuple[Dim, ...], Dim]:
        """The batch, if there is one, and the length."""
        if len(x.dims) == 2:
            return (), x.dims[0]
        first, second = x.dims[:2]
        return ((first,), second) if self.batch_first else ((second,), first)

    def _check_inputs(self, cx: Cx, query: Tensor, key: Tensor, value: Tensor) -> None:
        for x, what in ((query, "its query"), (key, "its key"), (value, "its value")):
            model_float(cx, x, what)
            if x.rank != len(query.dims):
                raise OpError(
                    f"{cx.name} takes query, key and value of one rank, but its query is {query} and {what} {x}",
                    code="E0302",
                )
        for x, wanted, what in (
            (key, self.key_features, "key"),
            (value, self.value_features, "value"),
        ):
            size = x.dims[-1]
            cx.equal(size, wanted, f"{cx.name} expects {wanted} {what} features, but gets {size}")
        for a, b in zip(key.dims[:-1], value.dims[:-1], strict=True):
            cx.equal(a, b, f"{cx.name} takes as many values as keys, but gets {key} and {value}")
        for a, b in zip(self._outer(query)[0], self._outer(key)[0], strict=True):
            cx.equal(a, b, f"{cx.name} takes query and key of one batch, but gets {query} and {key}")

    # --- parameters ---

    def modules(self) -> Iterator[tuple[str, str]]:
        yield "", self.name
        yield "out_proj", "Linear"

    def params(self) -> Iterator[Param]:
        e = self.embed_dim
        if self.packed:
            yield Param("in_proj_weight", (3 * e, e), XavierUniform(e, 3 * e))
        else:
            yield Param("q_proj_weight", (e, e), XavierUniform(e, e))
            yield Param("k_proj_weight", (e, self.key_features), XavierUniform(self.key_features, e))
            yield Param("v_proj_weight", (e, self.value_features), XavierUniform(self.value_features, e))
        if self.bias:
            yield Param("in_proj_bias", (3 * e,), Fill(0.0))
        if self.add_bias_kv:
            yield Param("bias_k", (dim(1), dim(1), e), XavierNormal(e, e))
            yield Param("bias_v", (dim(1), dim(1), e), XavierNormal(e, e))
        yield Param("out_proj.weight", (e, e), UniformFan(e, True))
        if self.bias:
            yield Param("out_proj.bias", (e,), Fill(0.0))

    def draws(self) -> Iterator[Draw | Clone]:
        """The output's Linear draws first, weight and bias; then its bias is zeroed and the others are drawn."""
        e = self.embed_dim
        yield Draw("out_proj.weight", UniformFan(e, True))
        if self.bias:
            yield Draw("out_proj.bias", UniformFan(e))
        for p in self.params():
            if p.name.endswith("_weight"):
                yield Draw(p.name, p.init)
        if self.bias:
            yield Draw("out_proj.bias", Fill(0.0))
        for p in self.params():
            if p.name in ("bias_k", "bias_v"):
                yield Draw(p.name, p.init)

    def flops(
        self,
        out: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Products:
        e, learned = self.embed_dim, (LEARNED,)
        batch, length = self._outer(query)
        scores = flops_of((*batch, length, self._outer(key)[1] + self._extra, e))
        for x in (query, key, value):
            yield Product(flops_of((*x.dims, e)), (x,), learned)
        yield Product(scores, learned, learned)  # of queries and keys
        yield Product(scores, learned, learned)  # of weights and values
        yield Product(flops_of((*query.dims, e)), learned, learned)

    # --- ONNX ---

    def onnx(
        self,
        g: Graph,
        query: Value,
        key: Value,
        value: Value,
        key_padding_mask: Value | None = None,
        need_weights: bool = True,
        attn_mask: Value | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        batched = len(query.dims) == 3
        q, k, v = (self._batch_first(g, x) for x in (query, key, value))
        if key_padding_mask is not None and not batched:
            shape = (dim(1), *key_padding_mask.dims)
            wide = g.Unsqueeze(key_padding_mask, g.ints([0]))
            key_padding_mask = g.typed(wide, key_padding_mask.dtype, shape)
        hinted = is_causal and key_padding_mask is None and not need_weights
        masks = Masks(None if hinted else attn_mask, key_padding_mask, hinted)
        y, weights = self.batch_first_onnx(g, q, k, v, masks)
        if not batched:
            y = g.Squeeze(y, g.ints([0]))
        elif not self.batch_first:
            y = g.Transpose(y, perm=[1, 0, 2])
        if not need_weights:
            return y, None
        if average_attn_weights:
            weights = mean(g, weights, [1], keepdims=False)
        return y, weights if batched else g.Squeeze(weights, g.ints([0]))

    def _batch_first(self, g: Graph, x: Value) -> Value:
        """[N, length, features], whatever the layout."""
        batch, length = self._outer(x)
        shape = (*(batch or (dim(1),)), length, x.dims[-1])
        if not batch:
            return g.typed(g.Unsqueeze(x, g.ints([0])), x.dtype, shape)
        return x if self.batch_first else g.typed(g.Transpose(x, perm=[1, 0, 2]), x.dtype, shape)

    def batch_first_onnx(
        self, g: Graph, query: Value, key: Value, value: Value, masks: Masks
    ) -> tuple[Value, Value]:
        """The output as [N, L, E] and the weights as [N, heads, L, S] of inputs in that layout."""
        (batch, length, _), source = query.dims, key.dims[1]
        e, heads = known([self.embed_dim, self.num_heads], "embed_dim")
        q, k, v = self._projected(g, query, key, value)
        if self.add_bias_kv:
            k, v = (self._with_row(g, x, g.param(n), batch) for x, n in ((k, "bias_k"), (v, "bias_v")))
        if self.add_zero_attn:
            zeros = full(g, 0.0, [1, 1, e], DType.FLOAT)
            k, v = (self._with_row(g, x, zeros, batch) for x in (k, v))
        size = Heads(batch, length, source + self._extra, dim(heads), dim(e // heads))
        y, weights = attend(g, q, k, v, size, masks.extended(g, self._extra))
        y = g.MatMul(y, g.Transpose(g.param("out_proj.weight"), perm=[1, 0]))
        return g.Add(y, g.param("out_proj.bias")) if self.bias else y, weights

    def _with_row(self, g: Graph, x: Value, row: Value, batch: Dim) -> Value:
        """One more key or value, the same for the whole batch."""
        rows = row if batch == 1 else g.Expand(row, g.dims([batch, 1, self.embed_dim]))
        return g.Concat(x, rows, axis=1)

    def _projected(self, g: Graph, query: Value, key: Value, value: Value) -> list[Value]:
        """Queries, keys and values; one product for those that come from the same tensor."""
        if not self.packed:
            names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
            return [
                self._product(g, x, g.param(name), at, at + 1)
                for at, (x, name) in enumerate(zip((query, key, value), names, strict=True))
            ]
        if query.name == key.name == value.name:
            return self._split(g, query, 0, 3)
        if key.name == value.name:
            return [*self._split(g, query, 0, 1), *self._split(g, key, 1, 3)]
        return [y for at, x in enumerate((query, key, value)) for y in self._split(g, x, at, at + 1)]

    def _split(self, g: Graph, x: Value, start: int, stop: int) -> list[Value]:
        """The projections `start` to `stop` of one tensor."""
        e = known([self.embed_dim], "embed_dim")[0]
        if (start, stop) == (0, 3):
            weight = g.param("in_proj_weight")
        else:
            rows = [("in_proj_weight", start * e, stop * e)]
            weight = g.rows(f"in_proj_weight.{'qkv'[start:stop]}", rows, [(stop - start) * e, e])
        y = self._product(g, x, weight, start, stop)
        if stop - start == 1:
            return [y]
        return list(g.Split(y, g.ints([e] * (stop - start)), axis=-1, outputs=stop - start))

    def _product(self, g: Graph, x: Value, weight: Value, start: int, stop: int) -> Value:
        """x Wᵀ + b, with the rows of the bias from `start` to `stop` thirds."""
        y = g.MatMul(x, g.Transpose(weight, perm=[1, 0]))
        if not self.bias:
            return y
        if (start, stop) == (0, 3):
            return g.Add(y, g.param("in_proj_bias"))
        e = known([self.embed_dim], "embed_dim")[0]
        rows = [("in_proj_bias", start * e, stop * e)]
        return g.Add(y, g.rows(f"in_proj_bias.{'qkv'[start:stop]}", rows, [(stop - start) * e]))
