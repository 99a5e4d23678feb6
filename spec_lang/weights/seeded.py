"""Draws weights straight to where they belong in a file, a chunk at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple

from spec_lang.ops.init import Fill
from spec_lang.shapes.dtype import DType
from spec_lang.weights.elements import convert, narrow
from spec_lang.weights.generator import Generator
from spec_lang.weights.output import write
from spec_lang.weights.random import draw, skip, steps
from spec_lang.weights.state import ITEM_SIZES, Entry, State

if TYPE_CHECKING:
    from spec_lang.weights.generator import Floats


WAITING: Final = 8
"""Chunks that may wait to be written."""


class Target(NamedTuple):
    """Elements `start:stop` of a tensor belong, as `dtype`, at `offset` of the file."""

    start: int
    stop: int
    offset: int
    dtype: DType


def draw_into(
    fd: int,
    state: State,
    targets: Mapping[str, Sequence[Target]],
    seed: int,
    progress: Callable[[int], None],
) -> None:
    """Write every tensor that has targets, as PyTorch's constructors would start it; the file is zero before.

    Raises:
        OSError: it cannot be written.
    """
    generator = Generator(seed)
    drawn: set[str] = set()
    shapes = {e.key: e.shape for e in state.entries}
    with _Sink(fd, progress) as sink:
        for step in steps(state.draws, shapes):
            drawn.update(step.keys)
            places = [place for key in step.keys for place in targets.get(key, ())]
            if not places:
                skip(generator, step.init, step.shape)
                continue
            for at, chunk in draw(generator, step.init, step.shape):
                sink.put(places, at, chunk)
        for entry in state.entries:
            if entry.key not in drawn and targets.get(entry.key):
                _fill(sink, generator, entry, targets[entry.key])


def _fill(sink: _Sink, generator: Generator, entry: Entry, places: Sequence[Target]) -> None:
    """Write a tensor that nothing draws."""
    if entry.value is not None:
        stored = DType.F32 if entry.dtype is DType.FLOAT else entry.dtype
        width = ITEM_SIZES[stored]
        for place in places:
            raw = memoryview(entry.value)[place.start * width : place.stop * width]
            write(sink.fd, raw if stored is place.dtype else convert(raw, stored, place.dtype), place.offset)
    elif entry.fill:
        for at, chunk in draw(generator, Fill(entry.fill), (math.prod(entry.shape),)):
            sink.put(places, at, chunk)


class _Sink:
    """Writes chunks of float32 to their targets, each in its own dtype, while the next are drawn."""

    def __init__(self, fd: int, progress: Callable[[int], None]) -> None:
        self.fd = fd
        self.progress = progress
        self.done = 0
        self._waiting: Queue[tuple[memoryview, int] | None] = Queue(maxsize=WAITING)
        self._failure: Exception | None = None
        self._writer = Thread(target=self._write, daemon=True)

    def __enter__(self) -> _Sink:
        self._writer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._waiting.put(None)
        self._writer.join()
        if self._failure is not None and error[0] is None:
            raise self._failure

    def _write(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                if self._failure is None:
                    write(self.fd, *item)
            except Exception as error:  # raised where the chunks come from, which wait for this thread
                self._failure = error

    def put(self, places: Sequence[Target], at: int, chunk: Floats) -> None:
        """Write a part of a tensor, from element `at` on, wherever it belongs; it must not be changed any more."""
        if self._failure is not None:
            raise self._failure
        for start, stop, offset, dtype in places:
            low, high = max(start, at), min(stop, at + len(chunk))
            if low < high:
                values = narrow(chunk[low - at : high - at], dtype)
                self._waiting.put((values.data.cast("B"), offset + (low - start) * ITEM_SIZES[dtype]))
                self.done += values.nbytes
        self.progress(self.done)
