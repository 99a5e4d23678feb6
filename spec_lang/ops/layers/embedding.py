"""Tables of vectors that integers select."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ops.base import Cx, Layer, OpError, Param, Tensor
from spec_lang.ops.init import Normal
from spec_lang.ops.kinds import Count, Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, index_dtype
from spec_lang.shapes import Cond, DType


class Embedding(Layer):
    """y[..., :] = W[x[...], :]: a learned vector for each of `num_embeddings` integers."""

    num_embeddings: Dim
    embedding_dim: Dim
    padding_idx: Count | None = None
    max_norm: Number | None = None
    norm_type: Number = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False

    torch = "nn.Embedding"

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, num_embeddings=self.num_embeddings, embedding_dim=self.embedding_dim)
        check_padding_idx(cx, self.padding_idx, self.num_embeddings)
        if self.max_norm is not None:
            raise OpError(
                f"{cx.name} cannot take max_norm: PyTorch then changes the weights while the model runs",
                code="E0503",
                arg="max_norm",
                help="leave `max_norm` out",
            )

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        index_dtype(cx, input)
        return Tensor(DType.FLOAT, (*input.shape, self.embedding_dim))

    def params(self) -> Iterator[Param]:
        zero = padding_row(self.padding_idx, self.num_embeddings)
        yield Param("weight", (self.num_embeddings, self.embedding_dim), Normal(zero_row=zero))

    def onnx(self, g: Graph, input: Value) -> Value:
        return g.Gather(g.param("weight"), input)


def check_padding_idx(cx: Cx, padding_idx: int | None, rows: Dim) -> None:
    """Demand -rows <= padding_idx < rows."""
    if padding_idx is None:
        return
    lowest = -padding_idx if padding_idx < 0 else padding_idx + 1
    cx.require(
        Cond.ge(rows, lowest),
        f"{cx.name} has {rows} rows, so padding_idx {padding_idx} names none of them",
        code="E0501",
        arg="padding_idx",
    )


def padding_row(padding_idx: int | None, rows: Dim) -> int | None:
    """The row that starts at zero, where its number is known."""
    if padding_idx is None or padding_idx >= 0 or rows.const is None:
        return padding_idx
    return rows.const + padding_idx
