"""The type of a tensor: a dtype and a symbolic shape."""

from __future__ import annotations

from typing import Final, TypeAlias

from spec_lang.shapes.dim import Dim
from spec_lang.shapes.dtype import DType

MAX_DIMS: Final = 64
"""The dims that a tensor of PyTorch may have."""


class Pack:
    """`*B`: any number of leading dims, the same wherever the name is used."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pack) and self.name == other.name

    def __hash__(self) -> int:
        return hash((Pack, self.name))

    def __str__(self) -> str:
        return f"*{self.name}"

    __repr__ = __str__


Shape: TypeAlias = tuple["Dim | Pack", ...]


class TensorType:
    """dtype and shape; at most one `Pack` in the shape."""

    def __init__(self, dtype: DType, shape: Shape) -> None:
        self.dtype = dtype
        self.shape = shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorType) and (self.dtype, self.shape) == (other.dtype, other.shape)

    def __hash__(self) -> int:
        return hash((self.dtype, self.shape))

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    __repr__ = __str__

    @property
    def rank(self) -> int | None:
        """The number of dims, or None where leading dims are a pack."""
        return None if any(isinstance(d, Pack) for d in self.shape) else len(self.shape)

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The shape without packs; only for shapes of known rank."""
        return tuple(d for d in self.shape if not isinstance(d, Pack))

    def with_shape(self, shape: Shape) -> TensorType:
        return TensorType(self.dtype, shape)

    def with_dtype(self, dtype: DType) -> TensorType:
        return TensorType(dtype, self.shape)
