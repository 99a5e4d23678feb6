"""Tensors of which the type is known, where they lie, and whether they need a gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from spec_lang.accounting.counts import Count, plain, times
from spec_lang.ir.arithmetic import Host
from spec_lang.shapes import DType, Shape, TensorType
from spec_lang.weights.state import ITEM_SIZES


class Storage:
    """The memory that tensors lie in, in bytes; of parameters, which are counted apart, 0."""

    __slots__ = ("size",)

    def __init__(self, size: Count) -> None:
        self.size = size


class Traced(TensorType):
    """A tensor of a run.

    Attributes:
        storage: Where it lies.
        grad: Whether its gradient is needed where the model trains.
        ordered: Whether its elements lie in order, so that another shape of them needs no copy.
        turned: Whether they would, were its second and third last axes swapped.
    """

    def __init__(
        self, dtype: DType, shape: Shape, storage: Storage, grad: bool, ordered: bool, turned: bool = False
    ) -> None:
        super().__init__(dtype, shape)
        self.storage = storage
        self.grad = grad
        self.ordered = ordered
        self.turned = turned


def item_size(dtype: DType, precision: DType) -> int:
    """The bytes of an element, where `float` is `precision`."""
    return ITEM_SIZES[precision if dtype is DType.FLOAT else dtype]


def size_of(type: TensorType, precision: DType) -> Count:
    """The bytes of a tensor."""
    size: Count = item_size(type.dtype, precision)
    for d in type.dims:
        size = times(size, plain(d))
    return size


def fresh(type: TensorType, precision: DType, grad: bool = False) -> Traced:
    """A tensor in memory of its own."""
    return Traced(type.dtype, type.shape, Storage(size_of(type, precision)), grad, True)


def tensors_in(value: Any) -> Iterator[Traced]:
    """The tensors in an argument or a result, in order."""
    if isinstance(value, Traced):
        yield value
    elif isinstance(value, tuple | list):
        for v in value:
            yield from tensors_in(v)


def mapped(value: Host, change: Callable[[TensorType], Host]) -> Host:
    """A value with others in place of its tensors."""
    if isinstance(value, TensorType):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)(mapped(v, change) for v in value)
    return value


__all__ = ["Storage", "Traced", "fresh", "item_size", "mapped", "size_of", "tensors_in"]
