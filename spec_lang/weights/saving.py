"""Writes safetensors files: tensors of another file under their own names and dtypes, or a model's state_dict."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Final, NamedTuple

from spec_lang.shapes.dtype import DType
from spec_lang.weights import rename, safetensors
from spec_lang.weights.export import Progress, load, pieces
from spec_lang.weights.listing import listed, size_of
from spec_lang.weights.matching import match, roots
from spec_lang.weights.named import named
from spec_lang.weights.output import Output, transfer, write
from spec_lang.weights.state import Entry
from spec_lang.weights.stored import Stored, WeightsError, open_regular, problem, refuse, shown

NAMES: Final = {dtype: name for name, dtype in safetensors.DTYPES.items()}


class Saved(NamedTuple):
    """One tensor to write: zeros where nothing is stored."""

    stored: Stored | None
    dtype: DType | str
    shape: tuple[int, ...]


def save(
    weights: str,
    path: str,
    *,
    renames: Sequence[str] = (),
    ignores: Sequence[str] = (),
    entries: tuple[Entry, ...] | None = None,
    progress: Progress = lambda done, total: None,
) -> tuple[str, ...]:
    """Write the tensors of the file `weights` to the safetensors file `path`; gives what to tell the user.

    With `entries`, a model's, they are held to those as an export holds them, and a tensor that several keys share is written
    under the first of them, as `safetensors.torch.save_model` does. Floats keep the file's precision.

    Raises:
        WeightsError: the file is malformed or does not fit the model, or something cannot be read or written.
    """
    patterns = [rename.parse(text) for text in renames]
    left_out = [rename.parse_ignored(text) for text in ignores]
    found, notes = _source(weights)
    read = {named(weights)[0], *(t.path for t in found.values())}
    if os.path.realpath(path) in map(os.path.realpath, read):
        raise refuse("E1016", "the result would overwrite the weights", path)
    keys = rename.apply(found, patterns, weights, left_out)
    renamed = {new: found[old] for new, old in keys.items()}
    metadata = {"format": "pt"}
    if entries is None:
        tensors = {key: Saved(t, t.dtype, t.shape) for key, t in renamed.items()}
    else:
        held, more = match(entries, renamed, DType.F64, weights)
        notes += more
        root_of = roots(entries)
        by_key = {e.key: e for e in entries}
        tensors = {}
        first: dict[str, str] = {}
        for entry in entries:
            root = root_of[entry.key]
            if root in first:
                metadata[entry.key] = first[root]
                continue
            first[root] = entry.key
            stored = held.get(root)
            dtype = by_key[root].dtype
            if dtype is DType.FLOAT:
                dtype = DType.F32 if stored is None or not isinstance(stored.dtype, DType) else stored.dtype
            tensors[entry.key] = Saved(stored, dtype, entry.shape)
    _write(tensors, metadata, path, weights, progress)
    return notes


def _source(weights: str) -> tuple[dict[str, Stored], tuple[str, ...]]:
    """The tensors to write: of a checkpoint its one state_dict."""
    file, name = named(weights)
    if name is None and file.endswith(".onnx"):
        rows, notes = listed(weights)
        lacking = [row.name for row in rows if row.stored is None]
        if lacking:
            message = f"the elements of {shown(lacking[0])} are written as single numbers, which is not read"
            raise refuse("E1018", message, weights)
        held = {row.name: row.stored for row in rows if row.stored is not None}
        _all_there(held)
        return held, notes
    found = load(weights)
    return dict(found.tensors), found.notes


def _all_there(tensors: Mapping[str, Stored]) -> None:
    """Hold what a model says of files beside it to those files.

    Raises:
        WeightsError: one cannot be read (E1001) or is shorter than is said (E1003).
    """
    sizes = {}
    for path in {t.path for t in tensors.values()}:
        fd = open_regular(path)
        sizes[path] = os.fstat(fd).st_size
        os.close(fd)
    for key, t in tensors.items():
        if t.offset + (size_of(t.dtype, t.shape) or 0) > sizes[t.path]:
            raise refuse("E1003", f"{shown(key)} ends behind the file", t.path)


def _write(
    tensors: Mapping[str, Saved], metadata: Mapping[str, str], path: str, weights: str, progress: Progress
) -> None:
    """The file: a header, then the widest elements first, so that all are aligned."""
    problems = [
        problem("E1011", f"{shown(key)} is {t.dtype}, which is not converted", weights)
        for key, t in tensors.items()
        if not isinstance(t.dtype, DType) and not (t.dtype in safetensors.BITS and _is_safetensors(t))
    ]
    if problems:
        raise WeightsError(tuple(problems[:20]))
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    at = 0
    order = sorted(tensors, key=lambda key: -_alignment(tensors[key].dtype))
    for key in order:
        size = size_of(tensors[key].dtype, tensors[key].shape) or 0
        dtype = tensors[key].dtype
        name = NAMES[dtype] if isinstance(dtype, DType) else dtype
        header[key] = {"dtype": name, "shape": list(tensors[key].shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with Output(path) as output:
        try:
            fd = output.main(8 + len(text) + at)
            write(fd, len(text).to_bytes(8, "little") + text, 0)
            start, done = 8 + len(text), 0
            for key in order:
                for count in _steps(tensors[key], fd, start + done):
                    done += count
                    progress(done, at)
            output.commit(())
        except OSError as error:
            raise output.failed(error) from None


def _is_safetensors(tensor: Saved) -> bool:
    return tensor.stored is not None and tensor.stored.dtype == tensor.dtype


def _alignment(dtype: DType | str) -> int:
    return size_of(dtype, (1,)) or 0


def _steps(tensor: Saved, fd: int, at: int) -> Iterator[int]:
    """Write one tensor; gives the bytes of each step."""
    stored, dtype = tensor.stored, tensor.dtype
    if stored is not None and stored.strides is None and stored.dtype == dtype:
        yield from transfer(stored, 0, size_of(dtype, tensor.shape) or 0, fd, at)
        return
    assert isinstance(dtype, DType)
    for chunk in pieces(stored, 0, prod(tensor.shape), dtype):
        write(fd, chunk, at)
        at += len(chunk)
        yield len(chunk)
