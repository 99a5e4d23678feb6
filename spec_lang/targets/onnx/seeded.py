"""Draws weights straight to where they belong in a file, a chunk at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from spec_lang.ops.init import Fill
from spec_lang.shapes.dtype import DType
from spec_lang.targets.onnx.elements import convert, narrow
from spec_lang.targets.onnx.generator import Generator
from spec_lang.targets.onnx.output import write
from spec_lang.targets.onnx.random import draw, skip, steps
from spec_lang.targets.onnx.state import ITEM_SIZES, Entry, State

if TYPE_CHECKING:
    from spec_lang.targets.onnx.generator import Floats


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
    precision: DType,
    progress: Callable[[int], None],
) -> None:
    """Write every tensor that has targets, as PyTorch's constructors would start it; the file is zero before."""
    generator = Generator(seed)
    sink = _Sink(fd, progress)
    drawn: set[str] = set()
    shapes = {e.key: e.shape for e in state.entries}
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
            _fill(sink, generator, entry, targets[entry.key], precision)


def _fill(
    sink: _Sink, generator: Generator, entry: Entry, places: Sequence[Target], precision: DType
) -> None:
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
    """Writes chunks of float32 to their targets, each in its own dtype."""

    def __init__(self, fd: int, progress: Callable[[int], None]) -> None:
        self.fd = fd
        self.progress = progress
        self.done = 0

    def put(self, places: Sequence[Target], at: int, chunk: Floats) -> None:
        for start, stop, offset, dtype in places:
            low, high = max(start, at), min(stop, at + len(chunk))
            if low < high:
                values = narrow(chunk[low - at : high - at], dtype)
                write(self.fd, values.data.cast("B"), offset + (low - start) * ITEM_SIZES[dtype])
                self.done += values.nbytes
        self.progress(self.done)
