"""Helpers that make weights files and read exported tensors back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spec_lang.diagnostics import SpecError
from spec_lang.shapes.dtype import DType
from spec_lang.weights import export as weights
from spec_lang.weights.place import External, Streamed
from spec_lang.weights.state import Entry, Needed, State

NUMPY = {
    DType.F64: np.float64,
    DType.F32: np.float32,
    DType.F16: np.float16,
    DType.BF16: np.uint16,
    DType.I64: np.int64,
    DType.BOOL: np.bool_,
}


def state_of(tensors: Mapping[str, Any], shared: Mapping[str, str] | None = None) -> State:
    """The state whose entries have the shapes of these arrays; floats are the model's own."""
    entries = []
    for key, value in tensors.items():
        dtype = DType.FLOAT if value.dtype.kind == "f" else DType(f"i{8 * value.dtype.itemsize}")
        entries.append(Entry(key, tuple(value.shape), dtype, (shared or {}).get(key)))
    return State(tuple(entries))


def needed_of(state: State, precision: DType = DType.F32) -> list[Needed]:
    """Every tensor that is not tied to another, as it is."""
    return [
        Needed(e.key, precision if e.dtype is DType.FLOAT else e.dtype, e.shape)
        for e in state.entries
        if e.shared is None
    ]


def exported(
    state: State, needed: Sequence[Needed], path: Path, **options: Any
) -> tuple[dict[str, np.ndarray], weights.Export]:
    """The elements that each tensor of a committed export has."""
    with weights.export(state, needed, str(path), **options) as job:
        streamed = {
            name: b"".join(map(bytes, data.chunks()))
            for name, data in job.data.items()
            if isinstance(data, Streamed)
        }
        job.commit([b"model"])
    found = {}
    for tensor in needed:
        data = job.data[tensor.name]
        if isinstance(data, External):
            assert not data.location.startswith(("/", ".."))
            with open(path.parent / data.location, "rb") as file:
                file.seek(data.offset)
                raw = file.read(data.length)
        else:
            raw = streamed[tensor.name] if isinstance(data, Streamed) else bytes(data)
        assert len(raw) == tensor.length
        found[tensor.name] = np.frombuffer(raw, NUMPY[tensor.dtype]).reshape(tensor.shape)
    return found, job


def codes(error: SpecError) -> list[str]:
    return [d.code for d in error.diagnostics]


def text(error: SpecError) -> str:
    return "\n".join("\n".join((d.message, *d.notes, d.help or "")) for d in error.diagnostics)


def listing(folder: Path) -> set[str]:
    return set(os.listdir(folder))


def sizes(names: Iterable[Path]) -> int:
    return sum(p.stat().st_size for p in names)
