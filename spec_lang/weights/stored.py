"""Where tensors lie in weights files, and what goes wrong with such files."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from spec_lang.diagnostics import Diagnostic, Label, Source, Span, SpecError
from spec_lang.shapes.dtype import DType
from spec_lang.weights.state import ITEM_SIZES


class Stored(NamedTuple):
    """A tensor in a file, little-endian; `strides` count elements, and are None where it is contiguous.

    `dtype` is the file's own name for one that no model here can have (`F8_E4M3`, `complex64`).
    """

    path: str
    offset: int
    dtype: DType | str
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None = None

    @property
    def length(self) -> int:
        """Its size in bytes, once gathered; only for a dtype that a model can have."""
        return prod(self.shape) * (ITEM_SIZES[self.dtype] if isinstance(self.dtype, DType) else 0)


class WeightsFile(NamedTuple):
    """What a weights file holds: its tensors by key, the files that they are in, and what to tell the user of it."""

    tensors: Mapping[str, Stored]
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()


def shown(name: str) -> str:
    """A name from a file as messages quote it: short, and nothing in it reaches the terminal as a control."""
    name = name if len(name) <= 100 else f"{name[:60]}...{name[-30:]}"
    return "`" + "".join(c if c.isprintable() else "?" for c in name) + "`"


def problem(
    code: str, message: str, path: str, *, notes: tuple[str, ...] = (), help: str | None = None
) -> Diagnostic:
    """A diagnostic about a file that has no lines."""
    return Diagnostic(code, message, Label(Source(path, ""), Span(0, 0)), notes=notes, help=help)


class WeightsError(SpecError):
    """Weights that cannot be used, with everything that is wrong with them."""


def refuse(
    code: str, message: str, path: str, *, notes: tuple[str, ...] = (), help: str | None = None
) -> WeightsError:
    """The error for one problem, to raise."""
    return WeightsError((problem(code, message, path, notes=notes, help=help),))


def open_regular(path: str) -> int:
    """A descriptor of a regular file, opened for reading; a pipe or device is refused without waiting for it.

    Raises:
        WeightsError: there is no such file, or it is none that can be read at any place.
    """
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise refuse("E1001", f"cannot read the weights: {error.strerror}", path) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise refuse("E1001", "the weights are no regular file", path)
    return fd


def read_exactly(fd: int, count: int, offset: int) -> bytes | None:
    """`count` bytes from `offset`, or None where the file ends before."""
    if offset + count >= 1 << 63:  # the system's offsets are signed
        return None
    parts = []
    while count:
        part = os.pread(fd, min(count, 1 << 24), offset)
        if not part:
            return None
        parts.append(part)
        count -= len(part)
        offset += len(part)
    return b"".join(parts)
