"""The wire format of protocol buffers, for writing: messages are lists of byte pieces.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct

_SMALL = tuple(bytes((n,)) for n in range(128))


def varint(n: int) -> bytes:
    """A base-128 integer; a negative one as its 64-bit two's complement."""
    if 0 <= n < 128:
        return _SMALL[n]
    n &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def integer(field: int, n: int) -> bytes:
    """An int32, int64 or enum field."""
    return varint(field << 3) + varint(n)


def float32(field: int, x: float) -> bytes:
    """A float field; a number too large for float32 becomes an infinity."""
    try:
        return varint(field << 3 | 5) + struct.pack("<f", x)
    except OverflowError:
        return varint(field << 3 | 5) + struct.pack("<f", float("inf") if x > 0 else float("-inf"))


def data(field: int, payload: bytes) -> bytes:
    """A bytes field, or a message that is already written."""
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def text(field: int, s: str) -> bytes:
    """A string field."""
    return data(field, s.encode())


def header(field: int, length: int) -> bytes:
    """What stands before a bytes field whose `length` bytes follow separately."""
    return varint(field << 3 | 2) + varint(length)
