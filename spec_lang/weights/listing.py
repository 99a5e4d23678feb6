"""What a file of weights holds, whatever its format, without torch."""

from __future__ import annotations

import os
from math import prod
from typing import Final, NamedTuple

from spec_lang.shapes.dtype import DType
from spec_lang.weights import safetensors
from spec_lang.weights.checkpoint import is_checkpoint, read_all
from spec_lang.weights.export import load
from spec_lang.weights.named import named
from spec_lang.weights.onnx_file import tensors
from spec_lang.weights.state import ITEM_SIZES
from spec_lang.weights.stored import Stored, open_regular, read_exactly

WIDTHS: Final = {
    "complex64": 64,
    "complex128": 128,
    "complex32": 32,
    "ComplexFloatStorage": 64,
    "ComplexDoubleStorage": 128,
    "u16": 16,
    "u32": 32,
    "u64": 64,
    "uint16": 16,
    "uint32": 32,
    "uint64": 64,
    "float8_e4m3fn": 8,
    "float8_e5m2": 8,
    "float8_e4m3fnuz": 8,
    "float8_e5m2fnuz": 8,
}
"""Bits an element of dtypes that no model here can have, beside those of safetensors."""


class Listed(NamedTuple):
    """One tensor of a file; `stored` is None where its elements cannot be read, `size` where its bytes are not known."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int | None
    stored: Stored | None


def listed(path: str) -> tuple[list[Listed], tuple[str, ...]]:
    """Every tensor of a file, in its order, and what to tell the user of it.

    Of a checkpoint all state_dicts, or the one of `FILE:NAME`.

    Raises:
        WeightsError: the file is none that is known, or malformed.
    """
    file, name = named(path)
    if name is None and file.endswith(".onnx"):
        return [_row(key, dtype, shape, place) for key, place, dtype, shape in tensors(file)], ()
    found = read_all(file) if name is None and _is_checkpoint(file) else load(path)
    return [_row(key, t.dtype, t.shape, t) for key, t in found.tensors.items()], found.notes


def size_of(dtype: str | DType, shape: tuple[int, ...]) -> int | None:
    """The bytes that a tensor takes, where its dtype is known."""
    bits = (
        8 * ITEM_SIZES[dtype] if isinstance(dtype, DType) else safetensors.BITS.get(dtype, WIDTHS.get(dtype))
    )
    return None if bits is None else -(-bits * prod(shape) // 8)


def _row(name: str, dtype: str | DType, shape: tuple[int, ...], stored: Stored | None) -> Listed:
    return Listed(
        name, dtype.value if isinstance(dtype, DType) else dtype, shape, size_of(dtype, shape), stored
    )


def _is_checkpoint(path: str) -> bool:
    if path.endswith((".safetensors", safetensors.INDEX_SUFFIX)):
        return False
    fd = open_regular(path)
    try:
        return is_checkpoint(read_exactly(fd, 4, 0) or b"")
    finally:
        os.close(fd)
