"""Elements of stored tensors as bytes, in pieces, and from one dtype to another."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from spec_lang.shapes.dtype import DType
from spec_lang.weights.state import ITEM_SIZES
from spec_lang.weights.stored import Stored, refuse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.generic]

BUFFER = 4 << 20
"""Bytes held at a time."""

_NUMPY = {
    DType.F64: "<f8",
    DType.F32: "<f4",
    DType.F16: "<f2",
    DType.BF16: "<u2",
    DType.I64: "<i8",
    DType.I32: "<i4",
    DType.I16: "<i2",
    DType.I8: "i1",
    DType.U8: "u1",
    DType.BOOL: "?",
}
"""NumPy's dtype of the stored elements; bf16, which it lacks, as its bits."""


def read(stored: Stored, start: int, stop: int) -> Iterator[bytes]:
    """The elements `start:stop`, counted flat, as they are stored.

    Raises:
        WeightsError: the file became shorter, or unreadable (E1003).
    """
    assert isinstance(stored.dtype, DType)
    if stored.strides is not None:
        yield from _gather(stored, stored.strides, start, stop)
        return
    width = ITEM_SIZES[stored.dtype]
    at, left = stored.offset + start * width, (stop - start) * width
    fd = os.open(stored.path, os.O_RDONLY)
    try:
        while left:
            part = os.pread(fd, min(left, BUFFER), at)
            if not part:
                raise refuse("E1003", "the file became shorter while it was read", stored.path)
            # Elements are not cut in two.
            part = part[: len(part) // width * width] or part
            yield part
            at += len(part)
            left -= len(part)
    finally:
        os.close(fd)


def _gather(stored: Stored, strides: tuple[int, ...], start: int, stop: int) -> Iterator[bytes]:
    import numpy

    assert isinstance(stored.dtype, DType)
    width = ITEM_SIZES[stored.dtype]
    extent = 1 + sum((n - 1) * s for n, s in zip(stored.shape, strides, strict=True))
    try:
        flat = numpy.memmap(stored.path, f"u{width}", "r", stored.offset, (extent,))
    except ValueError:
        raise refuse("E1003", "the file became shorter while it was read", stored.path) from None
    view = numpy.lib.stride_tricks.as_strided(
        flat, stored.shape, [s * width for s in strides], writeable=False
    )
    step = BUFFER // width
    for at in range(start, stop, step):
        yield view.flat[at : min(stop, at + step)].tobytes()


def convert(raw: bytes | memoryview, old: DType, new: DType) -> bytes | memoryview:
    """The same numbers in another float dtype, rounded as PyTorch's `to` rounds (to nearest, ties to even).

    Finite numbers beyond f16's range become infinite.
    """
    if old is new:
        return raw
    import numpy

    return narrow(widen(numpy.frombuffer(raw, _NUMPY[old]), old), new).data.cast("B")


def widen(values: Any, dtype: DType) -> NDArray[np.float32]:
    """Float elements (bf16's as bits) as float32."""
    import numpy

    if dtype is DType.BF16:
        return (values.astype(numpy.uint32) << 16).view(numpy.float32)  # type: ignore[no-any-return]
    return values.astype(numpy.float32, copy=False)  # type: ignore[no-any-return]


def narrow(values: NDArray[np.float32], dtype: DType) -> Array:
    """float32 elements in a float dtype, bf16's as bits."""
    import numpy

    if dtype is not DType.BF16:
        with numpy.errstate(over="ignore"):
            return values.astype(_NUMPY[dtype], copy=False)
    bits = values.view(numpy.uint32)
    rounded = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(numpy.uint16)
    return numpy.where(numpy.isnan(values), numpy.uint16(0x7FC0), rounded)


def same(a: Stored, b: Stored) -> bool:
    """Whether two tensors of one dtype and shape have the same bytes."""
    if (a.path, a.offset, a.strides) == (b.path, b.offset, b.strides):
        return True
    count = math.prod(a.shape)
    step = BUFFER // 8
    return all(
        b"".join(read(a, at, min(count, at + step))) == b"".join(read(b, at, min(count, at + step)))
        for at in range(0, count, step)
    )
