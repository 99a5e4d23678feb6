"""One layer of a transformer's encoder, and one of its decoder.

Source: https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

from spec_lang.ops.activations import gelu, relu
from spec_lang.ops.base import Cx, Hole, Layer, OpError, Tensor
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.layers.attention import MultiheadAttention
from spec_lang.ops.layers.composite import _Composite
from spec_lang.ops.layers.linear import Linear
from spec_lang.ops.layers.norm import LayerNorm
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import Products, made
from spec_lang.ops.rules.arguments import at_least, probability
from spec_lang.ops.rules.attention import Masks
from spec_lang.shapes import DType, dim


class _TransformerLayer(_Composite):
    """Attention and a feed-forward network, each with a residual connection and a norm."""

    d_model: Dim
    nhead: Dim
    dim_feedforward: Dim = 2048
    dropout: Number = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    layer_norm_eps: Number = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True

    holes = {"d_model": Hole(-1, "features")}
    ranks = (2, 3)
    always = ("linear1.weight", "linear2.weight")

    norms = 2
    placement = "batch; first batch_first"

    attentions: ClassVar[tuple[str, ...]] = ("self_attn",)

    @property
    def attention(self) -> MultiheadAttention:
        """Each of the layer's attentions; its fields are bound already."""
        return MultiheadAttention(
            embed_dim=self.d_model,
            num_heads=self.nhead,
            dropout=self.dropout,
            bias=self.bias,
            batch_first=self.batch_first,
        )

    @property
    def norm(self) -> LayerNorm:
        return LayerNorm(normalized_shape=self.d_model, eps=self.layer_norm_eps, bias=self.bias)

    @property
    def linears(self) -> tuple[Linear, Linear]:
        return (
            Linear(in_features=self.d_model, out_features=self.dim_feedforward, bias=self.bias),
            Linear(in_features=self.dim_feedforward, out_features=self.d_model, bias=self.bias),
        )

    def children(self) -> Iterator[tuple[str, Layer]]:
        for name in self.attentions:
            yield name, self.attention
        first, second = self.linears
        yield "linear1", first
        yield "linear2", second
        for i in range(self.norms):
            yield f"norm{i + 1}", self.norm

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, d_model=self.d_model, nhead=self.nhead, dim_feedforward=self.dim_feedforward)
        self.attention.check(cx)
        probability(cx, dropout=self.dropout)

    # --- ONNX: everything is [N, length, d_model] ---

    def enter(self, g: Graph, x: Value) -> Value:
        """`x` with the batch first, made where it has none."""
        return self.attention._batch_first(g, x)

    def leave(self, g: Graph, y: Value, x: Value) -> Value:
        """`y` in the layout of `x`."""
        if len(x.dims) == 2:
            return g.Squeeze(y, g.ints([0]))
        return y if self.batch_first else g.Transpose(y, perm=[1, 0, 2])

    def residual(self, g: Graph, x: Value, norm: int, block: Callable[[Value], Value]) -> Value:
        """norm(x + block(x)), or x + block(norm(x)) with `norm_first`."""
        if self.norm_first:
            return g.typed(g.Add(x, block(self._normed(g, x, norm))), DType.FLOAT, x.shape)
        return self._normed(g, g.typed(g.Add(x, block(x)), DType.FLOAT, x.shape), norm)

    def _normed(self, g: Graph, x: Value, norm: int) -> Value:
        with g.below(f"norm{norm}"):
            return g.typed(self.norm.onnx(g, x), DType.FLOAT, x.shape)

    def attended(self, g: Graph, name: str, x: Value, memory: Value, masks: Masks) -> Value:
        with g.below(name):
            y, _ = self.attention.batch_first_onnx(g, x, memory, memory, masks)
        return y

    def fed(self, g: Graph, x: Value) -> Value:
        """linear2(activation(linear1(x)))."""
        first, second = self.linears
        with g.below("linear1"):
            wide = g.typed(first.onnx(g, x), DType.FLOAT, (*x.shape[:-1], self.dim_feedforward))
        function = relu if self.activation == "relu" else gelu
        active = function(input=wide).onnx(g)
        with g.below("linear2"):
            return second.onnx(g, g.typed(active, DType.FLOAT, wide.shape))

    def masks(self, g: Graph, mask: Value | None, padding: Value | None, is_causal: bool | None) -> Masks:
        """The masks of one attention; the hint stands for the mask where nothing else hides keys."""
        if padding is not None and len(padding.dims) == 1:
            wide = g.Unsqueeze(padding, g.ints([0]))
            padding = g.typed(wide, padding.dtype, (dim(1), *padding.dims))
        hinted = bool(is_causal) and padding is None
        return Masks(None if hinted else mask, padding, hinted)

    def products(self, x: Tensor, memory: Tensor | None) -> Products:
        """Those of the attentions, of which the second looks at `memory`, and of the feed-forward network."""
        first, second = self.linears
        own = made(x) if self.norm_first else x
        yield from self.attention.flops(None, own, own, own)
        if memory is not None:
            yield from self.attention.flops(None, made(x), memory, memory)
        yield from first.flops(x, made(x))
        yield from second.flops(x, made(x.with_shape((*x.shape[:-1], self.dim_feedforward))))

    def attend_type(
        self,
        cx: Cx,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> None:
        """Check one attention's inputs."""
        self.attention.infer(cx, x, memory, memory, padding, False, mask, True, is_causal)


class TransformerEncoderLayer(_TransformerLayer):
    """x = norm(x + attention(x)), x = norm(x + linear2(activation(linear1(x))))."""

    torch = "nn.TransformerEncoderLayer"

    def infer(
        self,
        cx: Cx,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        self.attend_type(cx, src, src, src_mask, src_key_padding_mask, is_causal)
        return src

    def flops(
        self,
        out: Tensor,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Products:
        return self.products(src, None)

    def onnx(
        self,
        g: Graph,
        src: Value,
        src_mask: Value | None = None,
        src_key_padding_mask: Value | None = None,
        is_causal: bool = False,
    ) -> Value:
        masks = self.masks(g, src_mask, src_key_padding_mask, is_causal)
        return self.leave(g, self.encoded(g, self.enter(g, src), masks), src)

    def encoded(self, g: Graph, x: Value, masks: Masks) -> Value:
        """The layer on [N, length, d_model]."""
        x = self.residual(g, x, 1, lambda y: self.attended(g, "self_attn", y, y, masks))
        return self.residual(g, x, 2, lambda y: self.fed(g, y))


class TransformerDecoderLayer(_TransformerLayer):
    """As an encoder layer, with attention to the encoder's memory between the two blocks."""

    torch = "nn.TransformerDecoderLayer"
    norms = 3
    attentions = ("self_attn", "multihead_attn")

    def infer(
        self,
        cx: Cx,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        self.attend_type(cx, tgt, tgt, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        self.attend_type(cx, tgt, memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        return tgt

    def flops(
        self,
        out: Tensor,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Products:
        return self.products(tgt, memory)

    def onnx(
        self,
        g: Graph,
        tgt: Value,
        memory: Value,
        tgt_mask: Value | None = None,
        memory_mask: Value | None = None,
        tgt_key_padding_mask: Value | None = None,
        memory_key_padding_mask: Value | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Value:
        own = self.masks(g, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        across = self.masks(g, memory_mask, memory_key_padding_mask, memory_is_causal)
        y = self.decoded(g, self.enter(g, tgt), self.enter(g, memory), own, across)
        return self.leave(g, y, tgt)

    def decoded(self, g: Graph, x: Value, memory: Value, own: Masks, across: Masks) -> Value:
        """The layer on [N, length, d_model]."""
        x = self.residual(g, x, 1, lambda y: self.attended(g, "self_attn", y, y, own))
        x = self.residual(g, x, 2, lambda y: self.attended(g, "multihead_attn", y, memory, across))
        return self.residual(g, x, 3, lambda y: self.fed(g, y))


def a_layer(cx: Cx, layer: Any, wanted: type[_TransformerLayer], arg: str) -> None:
    """Demand a layer of one kind as an argument.

    Raises:
        OpError: another layer.
    """
    if not isinstance(layer, wanted):
        raise OpError(
            f"{cx.name} takes a {wanted.name} as {arg}, not a {type(layer).name}", code="E0514", arg=arg
        )
