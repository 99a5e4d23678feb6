"""Where the elements of a model's tensors are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias


class External(NamedTuple):
    """Where a tensor's elements are: a file beside the model's, and a range of its bytes."""

    location: str
    offset: int
    length: int


class Streamed(NamedTuple):
    """A tensor's elements, given in pieces when they are written."""

    length: int
    chunks: Callable[[], Iterable[bytes | memoryview]]


TensorData: TypeAlias = bytes | External | Streamed
