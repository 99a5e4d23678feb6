"""Tables of vectors that integers select."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from spec_lang.ops.base import Cx, Layer, OpError, Param, Tensor
from spec_lang.ops.init import Normal
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, index_dtype, same_shape
from spec_lang.ops.rules.bags import Bags
from spec_lang.ops.rules.elementwise import takes
from spec_lang.ops.rules.norm import mean
from spec_lang.ops.rules.reductions import maximum_over
from spec_lang.shapes import Cond, DType


class Embedding(Layer):
    """y[..., :] = W[x[...], :]: a learned vector for each of `num_embeddings` integers."""

    num_embeddings: Dim
    embedding_dim: Dim
    padding_idx: Dim | None = None
    max_norm: Number | None = None
    norm_type: Number = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False

    torch = "nn.Embedding"
    placement = "[*B] weight[num_embeddings, embedding_dim] -> [*B, embedding_dim]; rows num_embeddings"
    always = ("weight",)
    keeps = "input"
    sole = True

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, num_embeddings=self.num_embeddings, embedding_dim=self.embedding_dim)
        check_padding_idx(cx, self.padding_idx, self.num_embeddings)
        refuse_max_norm(cx, self.max_norm)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        index_dtype(cx, input)
        return Tensor(DType.FLOAT, (*input.shape, self.embedding_dim))

    def params(self) -> Iterator[Param]:
        zero = _zero_row(self.padding_idx, self.num_embeddings)
        yield Param("weight", (self.num_embeddings, self.embedding_dim), Normal(zero_row=zero))

    def onnx(self, g: Graph, input: Value) -> Value:
        return g.Gather(g.param("weight"), input)


def refuse_max_norm(cx: Cx, max_norm: object) -> None:
    """Refuse `max_norm`, with which a forward pass changes the weights.

    Raises:
        OpError: it is given.
    """
    if max_norm is not None:
        raise OpError(
            f"{cx.name} cannot take max_norm: PyTorch then changes the weights while the model runs",
            code="E0503",
            arg="max_norm",
            help="leave `max_norm` out",
        )


def check_padding_idx(cx: Cx, padding_idx: Dim | None, rows: Dim) -> None:
    """Demand -rows <= padding_idx < rows."""
    if padding_idx is None:
        return
    low, high = padding_idx.bounds
    message = f"{cx.name} has {rows} rows, so padding_idx {padding_idx} names none of them"
    if low is None or low < 0:
        cx.require(Cond.ge(rows, -padding_idx), message, code="E0501", arg="padding_idx")
    if high is None or high >= 0:
        cx.require(Cond.ge(rows, padding_idx + 1), message, code="E0501", arg="padding_idx")


def padding_row(padding_idx: Dim | None, rows: Dim) -> Dim | None:
    """The row that `padding_idx` names, counted from the first, where it is known whether it counts from there."""
    if padding_idx is None or padding_idx.const is None:
        return padding_idx
    return padding_idx if padding_idx.const >= 0 else rows + padding_idx


def _zero_row(padding_idx: Dim | None, rows: Dim) -> int | None:
    """The row that starts at zero, where its number is known."""
    row = padding_row(padding_idx, rows)
    return None if row is None else row.const


class EmbeddingBag(Layer):
    """The sum, mean or maximum of the vectors of each bag: a row of [B, L], or what lies between two `offsets`."""

    num_embeddings: Dim
    embedding_dim: Dim
    max_norm: Number | None = None
    norm_type: Number = 2.0
    scale_grad_by_freq: bool = False
    mode: Literal["sum", "mean", "max"] = "mean"
    sparse: bool = False
    include_last_offset: bool = False
    padding_idx: Dim | None = None

    torch = "nn.EmbeddingBag"
    always = ("weight",)
    sole = True
    ranks = (1, 2)
    keywords = ("include_last_offset", "padding_idx")  # PyTorch has `_weight` before them

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, num_embeddings=self.num_embeddings, embedding_dim=self.embedding_dim)
        check_padding_idx(cx, self.padding_idx, self.num_embeddings)
        refuse_max_norm(cx, self.max_norm)
        for arg in ("scale_grad_by_freq", "sparse"):
            if self.mode == "max" and getattr(self, arg):
                raise OpError(f'{cx.name} takes no {arg} with mode="max"', code="E0502", arg=arg)

    def infer(
        self,
        cx: Cx,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return self.bags(cx, DType.FLOAT, input, offsets, per_sample_weights)

    def bags(
        self,
        cx: Cx,
        dtype: DType,
        input: Tensor,
        offsets: Tensor | None,
        per_sample_weights: Tensor | None,
    ) -> Tensor:
        """What a table of a dtype gives."""
        index_dtype(cx, input)
        if per_sample_weights is not None:
            self._check_weights(cx, input, per_sample_weights, dtype)
        if len(input.dims) == 2:
            if offsets is not None or self.include_last_offset:
                raise OpError(
                    f"{cx.name} takes offsets for a 1-d input only, but its input is {input}",
                    code="E0502",
                    arg="offsets",
                )
            return Tensor(dtype, (input.dims[0], self.embedding_dim))
        if offsets is None or offsets.rank != 1 or offsets.dtype is not input.dtype:
            raise OpError(
                f"{cx.name} takes 1-d offsets of {input.dtype} for a 1-d input, but gets {offsets or 'none'}",
                code="E0302",
                arg="offsets",
            )
        bags = offsets.dims[0] - int(self.include_last_offset)
        cx.require(
            Cond.ge(bags, 1), f"{cx.name} needs a bag, but offsets is {offsets}", code="E0304", arg="offsets"
        )
        return Tensor(dtype, (bags, self.embedding_dim))

    def _check_weights(self, cx: Cx, input: Tensor, weights: Tensor, dtype: DType) -> None:
        if self.mode != "sum":
            raise OpError(
                f'{cx.name} weighs samples with mode="sum" only', code="E0502", arg="per_sample_weights"
            )
        takes(cx, weights, (dtype,), "per_sample_weights")
        same_shape(cx, weights, input.shape, "per_sample_weights")

    def params(self) -> Iterator[Param]:
        zero = _zero_row(self.padding_idx, self.num_embeddings)
        yield Param("weight", (self.num_embeddings, self.embedding_dim), Normal(zero_row=zero))

    def onnx(
        self,
        g: Graph,
        input: Value,
        offsets: Value | None = None,
        per_sample_weights: Value | None = None,
    ) -> Value:
        return self.lowered(g, g.param("weight"), input, offsets, per_sample_weights)

    def lowered(
        self,
        g: Graph,
        weight: Value,
        input: Value,
        offsets: Value | None,
        per_sample_weights: Value | None,
    ) -> Value:
        """The bags of rows of a given table."""
        rows = g.Gather(weight, input)
        if per_sample_weights is not None:
            rows = g.Mul(rows, g.Unsqueeze(per_sample_weights, g.ints([-1])))
        if offsets is not None or self.padding_idx is not None:
            row = padding_row(self.padding_idx, self.num_embeddings)
            last, width = self.include_last_offset, self.embedding_dim
            return Bags(g, input, offsets, last, row, width, weight.dtype).reduced(rows, self.mode)
        if self.mode == "mean":
            return mean(g, rows, [1], keepdims=False)
        if self.mode == "max":
            return maximum_over(g, rows, [1])
        return g.ReduceSum(rows, g.ints([1]), keepdims=0)
