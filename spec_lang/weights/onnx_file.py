"""Reads ONNX files without the onnx package: what a model says of itself, and where its weights are.

Nothing that is large is read: messages are walked through by their lengths. Sources: https://protobuf.dev/programming-guides/encoding/,
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from spec_lang.shapes.dtype import DType
from spec_lang.weights.stored import Stored, open_regular, refuse, shown

WINDOW: Final = 1 << 16
MAX_TEXT: Final = 1 << 22
"""Bytes of the longest text that is read; a longer one is as if it were not there."""
MAX_FIELDS: Final = 1_000_000
"""Fields that are looked at, which bounds the time."""
MAX_RANK: Final = 64
NUMBERS: Final[dict[int, str | DType]] = {
    1: DType.F32,
    2: DType.U8,
    3: DType.I8,
    4: "u16",
    5: DType.I16,
    6: DType.I32,
    7: DType.I64,
    8: "string",
    9: DType.BOOL,
    10: DType.F16,
    11: DType.F64,
    12: "u32",
    13: "u64",
    14: "complex64",
    15: "complex128",
    16: DType.BF16,
}
"""ONNX's numbers of dtypes."""


class NotOnnx(Exception):
    """What is wrong with the file, for the user."""


class About(NamedTuple):
    """What a model says of itself: which program made it, and its metadata."""

    producer: str = ""
    metadata: Mapping[str, str] = {}


class Field(NamedTuple):
    """One field of a message: its number, and its value, or the range of bytes that it takes."""

    number: int
    value: int
    start: int
    end: int

    @property
    def is_range(self) -> bool:
        return self.start >= 0


class Reader:
    """Walks through messages of an open file."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = os.fstat(fd).st_size
        self._at = 0
        self._window = b""
        self._left = MAX_FIELDS

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message that takes these bytes.

        Raises:
            NotOnnx: they are no message.
        """
        at = start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise NotOnnx(f"it has more than {MAX_FIELDS:,} fields")
            tag, at = self._varint(at, end)
            number, kind = tag >> 3, tag & 7
            value, first, last = 0, -1, -1
            if kind == 0:
                value, at = self._varint(at, end)
            elif kind == 2:
                length, at = self._varint(at, end)
                first, last = at, at + length
                at = last
            elif kind in (1, 5):
                first, last = at, at + (8 if kind == 1 else 4)
                at = last
            else:
                raise NotOnnx(f"no protocol buffer: a field of kind {kind} at byte {at:,}")
            if at > end or not number:
                raise NotOnnx(f"no protocol buffer, or one that is cut off at byte {at:,}")
            yield Field(number, value, first, last)

    def bytes(self, start: int, end: int) -> bytes:
        """A range of the file that is not large."""
        return os.pread(self.fd, min(end - start, MAX_TEXT), start)

    def text(self, field: Field) -> str:
        """A field that is a text."""
        if not field.is_range or field.end - field.start > MAX_TEXT:
            return ""
        return self.bytes(field.start, field.end).decode("utf-8", "replace")

    def integers(self, field: Field) -> list[int]:
        """A repeated integer, one field for all or each."""
        if not field.is_range:
            return [field.value]
        at = field.start
        found: list[int] = []
        while at < field.end and len(found) <= MAX_RANK:
            value, at = self._varint(at, field.end)
            found.append(value)
        return found

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        result = shift = 0
        while at < end and shift < 70:
            byte = self._byte(at)
            at += 1
            result |= (byte & 127) << shift
            if byte < 128:
                return result & (1 << 64) - 1, at
            shift += 7
        raise NotOnnx(f"no protocol buffer, or one that is cut off at byte {at:,}")

    def _byte(self, at: int) -> int:
        where = at - self._at
        if not 0 <= where < len(self._window):
            self._window = os.pread(self.fd, WINDOW, at)
            self._at, where = at, 0
            if not self._window:
                raise NotOnnx("it became shorter while it was read")
        return self._window[where]


def about(path: str) -> About:
    """What the model in a file says of itself; nothing where the file holds no model.

    Raises:
        WeightsError: it cannot be read (E1001).
    """
    fd = open_regular(path)
    try:
        reader = Reader(fd)
        producer = ""
        metadata: dict[str, str] = {}
        try:
            for field in reader.fields(0, reader.size):
                if field.number == 2:
                    producer = reader.text(field)
                elif field.number == 14 and field.is_range:
                    pair = {f.number: reader.text(f) for f in reader.fields(field.start, field.end)}
                    metadata[pair.get(1, "")] = pair.get(2, "")
        except NotOnnx:
            return About()
        return About(producer, metadata)
    finally:
        os.close(fd)


def tensors(path: str) -> list[tuple[str, Stored | None, str | DType, tuple[int, ...]]]:
    """A model's weights: name, place, dtype and shape of each; no place where the elements are written as single numbers.

    Raises:
        WeightsError: it cannot be read (E1001), or is no ONNX model (E1018).
    """
    fd = open_regular(path)
    try:
        reader = Reader(fd)
        graphs = [f for f in reader.fields(0, reader.size) if f.number == 7 and f.is_range]
        if not graphs:
            raise NotOnnx("it has no graph")
        return [
            _tensor(reader, path, field)
            for graph in graphs
            for field in reader.fields(graph.start, graph.end)
            if field.number == 5 and field.is_range
        ]
    except NotOnnx as error:
        raise refuse("E1018", f"not an ONNX model: {error}", path) from None
    finally:
        os.close(fd)


def _tensor(
    reader: Reader, path: str, message: Field
) -> tuple[str, Stored | None, str | DType, tuple[int, ...]]:
    name, number = "", 0
    dims: list[int] = []
    data: list[Field] = []
    outside: dict[str, str] = {}
    for field in reader.fields(message.start, message.end):
        if field.number == 1:
            dims += reader.integers(field)
            if len(dims) > MAX_RANK:
                raise NotOnnx(f"a tensor has more than {MAX_RANK} dims")
        elif field.number == 2:
            number = field.value
        elif field.number == 8:
            name = reader.text(field)
        elif field.number == 13 and field.is_range:
            pair = {f.number: reader.text(f) for f in reader.fields(field.start, field.end)}
            outside[pair.get(1, "")] = pair.get(2, "")
        elif field.number in (4, 9, 10) and field.is_range:
            data.append(field)
    if any(n >= 1 << 63 for n in dims):
        raise NotOnnx(f"{shown(name)} has a negative size")
    dtype, shape = NUMBERS.get(number, f"type {number}"), tuple(dims)
    place: tuple[str, int] | None = None
    if outside:
        digits = outside.get("offset", "0")
        if digits.isascii() and digits.isdigit() and len(digits) < 19:
            place = _beside(path, outside.get("location", "")), int(digits)
    elif len(data) == 1 and data[0].end - data[0].start == _size(dtype, shape):
        place = path, data[0].start
    elif not _size(dtype, shape):
        place = path, 0
    return name, None if place is None else Stored(*place, dtype, shape), dtype, shape


def _size(dtype: str | DType, shape: tuple[int, ...]) -> int:
    return Stored("", 0, dtype, shape).length


def _beside(path: str, location: str) -> str:
    """The file that a model names for its weights.

    Raises:
        NotOnnx: it lies outside the model's folder.
    """
    parts = location.split("/")
    if os.path.isabs(location) or "\0" in location or "\\" in location or any(p in ("", "..") for p in parts):
        raise NotOnnx(f"its weights are said to be in {shown(location)}, which is not in its own folder")
    return os.path.join(os.path.dirname(path), location)
