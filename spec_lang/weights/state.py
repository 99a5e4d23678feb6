"""A model's state as data: its keys, how they start, and the initialisers that its graph makes of them."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from spec_lang.ops.init import Clone, Draw
from spec_lang.shapes.dtype import DType

ITEM_SIZES = {
    DType.F64: 8,
    DType.F32: 4,
    DType.F16: 2,
    DType.BF16: 2,
    DType.I64: 8,
    DType.I32: 4,
    DType.I16: 2,
    DType.I8: 1,
    DType.U8: 1,
    DType.BOOL: 1,
}
"""Bytes an element, for the dtypes that a model can be exported with."""


class Entry(NamedTuple):
    """One key of the state_dict.

    `shared` names the key whose tensor this one is (the right side of a `tie`); what that tensor starts as is said there.
    `fill` is what the tensor starts as where no draw touches it; `value` is the start of a buffer that an expression
    gives, as little-endian bytes of `dtype` (of f32 where that is FLOAT). A file may lack what is `optional`, which then
    is 0.
    """

    key: str
    shape: tuple[int, ...]
    dtype: DType = DType.FLOAT
    shared: str | None = None
    fill: float = 0.0
    value: bytes | None = None
    optional: bool = False


class State(NamedTuple):
    """Every key in state_dict order, and what construction draws from the generator, in order, under full keys.

    The sizes inside `draws` are constants. Draws that come after a `tie` name the key that is shared, not the one that
    shares it. Buffers that are not persistent are no part of it.
    """

    entries: tuple[Entry, ...]
    draws: tuple[Draw | Clone, ...] = ()


class Rows(NamedTuple):
    """Rows `start:stop` along the first axis of the tensor at `key`; a `key` of None is that many rows of zeros."""

    key: str | None
    start: int
    stop: int


class Needed(NamedTuple):
    """A tensor that the graph needs from the state: the tensor at the key `name`, or rows of several, stacked.

    Every piece of `rows` has the same shape behind its first axis; `shape` regroups the result (ONNX's LSTM takes
    `[directions, 4 * hidden, input]`). `dtype` is concrete: the model's precision is decided.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    rows: tuple[Rows, ...] = ()

    @property
    def length(self) -> int:
        """Its size in bytes."""
        return prod(self.shape) * ITEM_SIZES[self.dtype]
