"""The products of matrices that an op computes: what FLOPs are counted from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Final, TypeAlias

from spec_lang.frozen import Record
from spec_lang.shapes import Dim, DType, TensorType, dim

if TYPE_CHECKING:
    from spec_lang.ops.base import Op

Side: TypeAlias = "tuple[TensorType, ...]"
"""The tensors that one side of a product is made of."""

LEARNED: Final = TensorType(DType.FLOAT, ())
"""Stands for a layer's own parameters on a side of a product."""


def made(x: TensorType) -> TensorType:
    """A tensor of this type that the op makes of its inputs and its parameters: its gradient is always needed."""
    return TensorType(x.dtype, x.shape)


FREE: Final = frozenset(
    {
        "activations",
        "losses",
        "layers.adaptive_pooling",
        "layers.batch_norm",
        "layers.distance",
        "layers.dropout",
        "layers.embedding",
        "layers.instance_norm",
        "layers.norm",
        "layers.padding",
        "layers.pooling",
        "layers.resampling",
        "layers.reshaping",
        "layers.unpooling",
        "functions.arithmetic",
        "functions.comparison",
        "functions.conversion",
        "functions.creation",
        "functions.dropout",
        "functions.einops",
        "functions.elementwise",
        "functions.indexing",
        "functions.norm",
        "functions.order",
        "functions.pooling",
        "functions.reductions",
        "functions.resampling",
        "functions.scattering",
        "functions.selection",
        "functions.shape",
        "functions.signal",
    }
)
"""The families whose ops multiply no matrices; in others, an op says so itself (`free`)."""


class Product(Record):
    """One product: its FLOPs, two for each multiply-add, and its sides.

    The gradient of each side that needs one costs as many FLOPs again: of one with parameters, with what is made of
    them, or with an input whose own gradient is needed.
    """

    flops: Dim
    left: Side
    right: Side


Products: TypeAlias = Iterator[Product]


def is_free(op: type[Op]) -> bool:
    """Whether an op is declared to multiply no matrices."""
    return op.free or op.__module__.removeprefix("spec_lang.ops.") in FREE


def flops_of(sizes: Sequence[Dim | int]) -> Dim:
    """Two for each multiply-add of a product over these sizes: those of the result, and those that are summed over."""
    return 2 * prod(map(dim, sizes), start=dim(1))
