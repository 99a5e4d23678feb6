"""Dtypes as ONNX numbers them, and Python numbers as the bytes of a tensor."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from spec_lang.shapes import DType
from spec_lang.weights.state import ITEM_SIZES

Number = bool | int | float

FLOAT, UINT8, INT8, INT16, INT32, INT64, BOOL, FLOAT16, DOUBLE, BFLOAT16 = 1, 2, 3, 5, 6, 7, 9, 10, 11, 16

NUMBERS: dict[DType, int] = {
    DType.F32: FLOAT,
    DType.U8: UINT8,
    DType.I8: INT8,
    DType.I16: INT16,
    DType.I32: INT32,
    DType.I64: INT64,
    DType.BOOL: BOOL,
    DType.F16: FLOAT16,
    DType.F64: DOUBLE,
    DType.BF16: BFLOAT16,
}
"""`TensorProto.DataType` of each exact dtype; FLOAT is one of F32, F16 and BF16, by the export."""

DTYPES: dict[int, DType] = {n: d for d, n in NUMBERS.items()}
NAMES: dict[int, str] = {n: d.value for n, d in DTYPES.items()}
SIZES: dict[int, int] = {n: ITEM_SIZES[d] for n, d in DTYPES.items()}
"""Bytes of one element."""

FLOATS = frozenset({FLOAT, FLOAT16, DOUBLE, BFLOAT16})
_FORMATS = {
    FLOAT: "f",
    UINT8: "B",
    INT8: "b",
    INT16: "h",
    INT32: "i",
    INT64: "q",
    BOOL: "?",
    FLOAT16: "e",
    DOUBLE: "d",
    BFLOAT16: "H",
}


def pack(values: Sequence[Number], number: int) -> bytes:
    """Numbers as little-endian elements of the dtype with ONNX's `number`.

    Raises:
        struct.error: an integer does not fit.
    """
    if number == BFLOAT16:
        values = [_bfloat16(float(v)) for v in values]
    elif number in FLOATS:
        values = [_finite_or_inf(float(v), number) for v in values]
    elif number == BOOL:
        values = [bool(v) for v in values]
    return struct.pack(f"<{len(values)}{_FORMATS[number]}", *values)


def beyond(values: Sequence[Number], number: int) -> Number | None:
    """The first finite number that f16 or bf16 would round to an infinity."""
    if number not in (FLOAT16, BFLOAT16):
        return None
    limit = _LARGEST[number]
    return next((v for v in values if limit <= abs(v) < float("inf")), None)


def unpack(raw: bytes, number: int) -> tuple[Number, ...]:
    """The elements of a tensor as Python numbers."""
    values = struct.unpack(f"<{len(raw) // SIZES[number]}{_FORMATS[number]}", raw)
    if number == BFLOAT16:
        return tuple(struct.unpack("<f", struct.pack("<I", v << 16))[0] for v in values)
    return values


def _bfloat16(x: float) -> int:
    """The bits of the nearest bfloat16, ties to even."""
    bits: int = struct.unpack("<I", struct.pack("<f", _finite_or_inf(x, FLOAT)))[0]
    if x != x:
        return 0x7FC0
    return min(bits + 0x7FFF + (bits >> 16 & 1), 0xFFFFFFFF) >> 16


_LARGEST = {FLOAT: 3.4028235677973366e38, FLOAT16: 65520.0, BFLOAT16: 3.3961775292304957e38}


def _finite_or_inf(x: float, number: int) -> float:
    """`x`, or an infinity where it rounds to one."""
    limit = _LARGEST.get(number)
    if limit is None or x != x or -limit < x < limit:
        return x
    return float("inf") if x > 0 else float("-inf")
