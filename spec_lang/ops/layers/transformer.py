"""Transformers: stacks of encoder and decoder layers.

Source: https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Hole, Layer, OpError, Tensor
from spec_lang.ops.init import Clone, Draw, XavierUniform
from spec_lang.ops.kinds import Dim, Module, Number
from spec_lang.ops.layers.composite import _Composite, below
from spec_lang.ops.layers.norm import LayerNorm
from spec_lang.ops.layers.transformer_layers import (
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    _TransformerLayer,
    a_layer,
)
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import Products, made
from spec_lang.ops.rules.arguments import at_least, few, known, known_count
from spec_lang.shapes import DType


class _Stack(_Composite):
    """Copies of one layer, run in order, and a norm behind them."""

    num_layers: Dim
    norm: Layer | None

    always = ("layers.0.linear1.weight", "layers.0.linear2.weight")

    @property
    def layer(self) -> _TransformerLayer:
        raise NotImplementedError

    def children(self) -> Iterator[tuple[str, Layer]]:
        for i in range(known_count(self.num_layers, "num_layers")):
            yield f"layers.{i}", self.layer
        if self.norm is not None:
            yield "norm", self.norm

    def check(self, cx: Cx) -> None:
        few(self.num_layers, "num_layers")
        self.layer.check(cx)
        if self.norm is not None:
            self.norm.check(cx)

    def draws(self) -> Iterator[Draw | Clone]:
        """One layer draws; the others are copies of it."""
        drawn: dict[str, None] = {}
        for d in self.layer.draws():
            drawn[d.name] = None
            yield from below("layers.0", iter([d]))
        for i in range(1, known_count(self.num_layers, "num_layers")):
            for name in drawn:
                yield Clone(f"layers.{i}.{name}", f"layers.0.{name}")
        if self.norm is not None:
            yield from below("norm", self.norm.draws())

    def stacked(self, x: Tensor, memory: Tensor | None) -> Products:
        """The products of all the layers: the first one's, and as often those of one that sees what another made."""
        yield from self.layer.products(x, memory)
        others = known_count(self.num_layers, "num_layers") - 1
        for p in self.layer.products(made(x), memory):
            yield p.replace(flops=others * p.flops)

    def normed_type(self, cx: Cx, x: Tensor) -> Tensor:
        """The type behind the norm.

        Raises:
            OpError: the norm does not give one tensor.
        """
        if self.norm is None:
            return x
        y = signature.call_layer(cx, self.norm, [x], {})
        if not isinstance(y, Tensor):
            raise OpError(f"{cx.name} takes a norm that gives one tensor", code="E0514", arg="norm")
        return y

    def normed(self, g: Graph, x: Value) -> Value:
        if self.norm is None:
            return x
        with g.below("norm"):
            y: Value = self.norm.onnx(g, x)
            return y


class TransformerEncoder(_Stack):
    """`num_layers` copies of an encoder layer, one after another."""

    encoder_layer: Module
    num_layers: Dim
    norm: Module | None = None
    enable_nested_tensor: bool = True
    mask_check: bool = True

    torch = "nn.TransformerEncoder"

    @property
    def layer(self) -> TransformerEncoderLayer:
        layer: TransformerEncoderLayer = self.encoder_layer
        return layer

    def check(self, cx: Cx) -> None:
        a_layer(cx, self.encoder_layer, TransformerEncoderLayer, "encoder_layer")
        at_least(cx, 1, num_layers=self.num_layers)
        super().check(cx)

    def infer(
        self,
        cx: Cx,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        y = signature.call_layer(cx, self.layer, [src, mask, src_key_padding_mask, bool(is_causal)], {})
        return self.normed_type(cx, y)

    def flops(
        self,
        out: Tensor,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Products:
        return self.stacked(src, None)

    def onnx(
        self,
        g: Graph,
        src: Value,
        mask: Value | None = None,
        src_key_padding_mask: Value | None = None,
        is_causal: bool | None = None,
    ) -> Value:
        layer = self.layer
        masks = layer.masks(g, mask, src_key_padding_mask, is_causal)
        x = layer.enter(g, src)
        for i in range(known([self.num_layers], "num_layers")[0]):
            with g.below(f"layers.{i}"):
                x = layer.encoded(g, x, masks)
        return layer.leave(g, self.normed(g, x), src)


class TransformerDecoder(_Stack):
    """`num_layers` copies of a decoder layer, one after another."""

    decoder_layer: Module
    num_layers: Dim
    norm: Module | None = None

    torch = "nn.TransformerDecoder"

    @property
    def layer(self) -> TransformerDecoderLayer:
        layer: TransformerDecoderLayer = self.decoder_layer
        return layer

    def check(self, cx: Cx) -> None:
        a_layer(cx, self.decoder_layer, TransformerDecoderLayer, "decoder_layer")
        at_least(cx, 1, num_layers=self.num_layers)
        super().check(cx)

    def infer(
        self,
        cx: Cx,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        masks = [tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask]
        hints = [bool(tgt_is_causal), memory_is_causal]
        y = signature.call_layer(cx, self.layer, [tgt, memory, *masks, *hints], {})
        return self.normed_type(cx, y)

    def flops(
        self,
        out: Tensor,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Products:
        return self.stacked(tgt, memory)

    def onnx(
        self,
        g: Graph,
        tgt: Value,
        memory: Value,
        tgt_mask: Value | None = None,
        memory_mask: Value | None = None,
        tgt_key_padding_mask: Value | None = None,
        memory_key_padding_mask: Value | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Value:
        layer = self.layer
        own = layer.masks(g, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        across = layer.masks(g, memory_mask, memory_key_padding_mask, memory_is_causal)
        x, entered = layer.enter(g, tgt), layer.enter(g, memory)
        for i in range(known([self.num_layers], "num_layers")[0]):
            with g.below(f"layers.{i}"):
                x = layer.decoded(g, x, entered, own, across)
        return layer.leave(g, self.normed(g, x), tgt)


class Transformer(_Composite):
    """An encoder and a decoder, each a stack with a norm behind it: decoder(tgt, encoder(src))."""

    d_model: Dim = 512
    nhead: Dim = 8
    num_encoder_layers: Dim = 6
    num_decoder_layers: Dim = 6
    dim_feedforward: Dim = 2048
    dropout: Number = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    custom_encoder: None = None
    custom_decoder: None = None
    layer_norm_eps: Number = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True

    torch = "nn.Transformer"
    always = ("encoder.norm.weight", "decoder.norm.weight")
    holes = {"d_model": Hole(-1, "features")}
    ranks = (2, 3)

    @property
    def encoder(self) -> TransformerEncoder:
        layer = TransformerEncoderLayer(**self._of_a_layer())
        return TransformerEncoder(encoder_layer=layer, num_layers=self.num_encoder_layers, norm=self._norm())

    @property
    def decoder(self) -> TransformerDecoder:
        layer = TransformerDecoderLayer(**self._of_a_layer())
        return TransformerDecoder(decoder_layer=layer, num_layers=self.num_decoder_layers, norm=self._norm())

    def _of_a_layer(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in TransformerEncoderLayer.arguments}

    def _norm(self) -> LayerNorm:
        return LayerNorm(normalized_shape=self.d_model, eps=self.layer_norm_eps, bias=self.bias)

    def children(self) -> Iterator[tuple[str, Layer]]:
        yield "encoder", self.encoder
        yield "decoder", self.decoder

    def draws(self) -> Iterator[Draw | Clone]:
        """When both are made, every matrix is drawn again."""
        yield from super().draws()
        for p in self.params():
            if len(p.shape) > 1:
                yield Draw(p.name, XavierUniform(p.shape[1], p.shape[0]))

    def infer(
        self,
        cx: Cx,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        memory = self.encoder.infer(cx, src, src_mask, src_key_padding_mask, src_is_causal)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return self.decoder.infer(cx, tgt, memory, *masks, tgt_is_causal, memory_is_causal)

    def flops(
        self,
        out: Tensor,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Products:
        yield from self.encoder.stacked(src, None)
        yield from self.decoder.stacked(tgt, made(src))

    def onnx(
        self,
        g: Graph,
        src: Value,
        tgt: Value,
        src_mask: Value | None = None,
        tgt_mask: Value | None = None,
        memory_mask: Value | None = None,
        src_key_padding_mask: Value | None = None,
        tgt_key_padding_mask: Value | None = None,
        memory_key_padding_mask: Value | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Value:
        with g.below("encoder"):
            memory = self.encoder.onnx(g, src, src_mask, src_key_padding_mask, src_is_causal)
        memory = g.typed(memory, DType.FLOAT, src.shape)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        with g.below("decoder"):
            return self.decoder.onnx(g, tgt, memory, *masks, tgt_is_causal, memory_is_causal)
