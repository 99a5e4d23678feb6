"""Reads ONNX files without the onnx package: what a model says of itself, and where its weights are.

Nothing that is large is read: messages are walked through by their lengths. Sources: https://protobuf.dev/programming-guides/encoding/,
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from spec_lang.weights.stored import open_regular

WINDOW: Final = 1 << 16
MAX_TEXT: Final = 1 << 22
"""Bytes of the longest text that is read; a longer one is as if it were not there."""


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

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message that takes these bytes.

        Raises:
            NotOnnx: they are no message.
        """
        at = start
        while at < end:
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
