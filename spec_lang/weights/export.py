"""Gives a graph its weights: where they are in a file that exists, or written beside the model.

with export(state, needed, "gpt2.onnx", weights="model.safetensors") as job:
    job.commit(proto.chunks(model, job.data))
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple, TypeAlias

from spec_lang.asking import asked
from spec_lang.frozen import Frozen
from spec_lang.shapes.dtype import DType
from spec_lang.weights import fingerprint, rename, safetensors
from spec_lang.weights.elements import BUFFER, convert, read
from spec_lang.weights.matching import match, roots
from spec_lang.weights.named import named
from spec_lang.weights.output import Output, transfer, write
from spec_lang.weights.place import External, Streamed, TensorData
from spec_lang.weights.state import ITEM_SIZES, Needed, State
from spec_lang.weights.stored import (
    Stored,
    WeightsError,
    WeightsFile,
    open_regular,
    problem,
    refuse,
    shown,
)

Mode: TypeAlias = Literal["copy", "point", "embed", "none"]
Progress: TypeAlias = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""

ALIGNMENT: Final = 64
"""Bytes to which tensors are aligned in a file that is written here."""
PAGE: Final = 4096
"""Bytes of a page of memory."""
SEED_KEY: Final = "specc.seed"
"""The key of the model's metadata under which the seed of its weights stands."""
EMBED_LIMIT: Final = 2**31 - 1
"""Protocol buffers refuse larger messages."""


class Export(Frozen):
    """A model's weights, ready: `data` is for the model's initialisers, `metadata` for the model, `notes` for the user.

    `commit` writes the model's bytes and puts all in place; `differs` gives the files that it would change, and writes none.
    """

    data: Mapping[str, TensorData]
    metadata: Mapping[str, str]
    notes: tuple[str, ...]
    commit: Callable[[Iterable[bytes | memoryview]], None]
    differs: Callable[[Iterable[bytes | memoryview]], list[str]]


class Piece(NamedTuple):
    """Elements `start:stop` of the tensor at a root key; zeros where `key` is None."""

    key: str | None
    start: int
    stop: int


def load(path: str) -> WeightsFile:
    """Where the tensors of a weights file are: safetensors, a PyTorch checkpoint, or an index of such files.

    `FILE:NAME` is the state_dict of that name in a checkpoint.

    Raises:
        WeightsError: it is none of them, or malformed.
    """
    path, name = named(path)
    if path.endswith(safetensors.INDEX_SUFFIX):
        return _plain(safetensors.read_index(path, _load_one), path, name)
    return _load_one(path, name)


def _load_one(path: str, name: str | None = None) -> WeightsFile:
    if path.endswith(".safetensors"):
        return _plain(safetensors.read(path), path, name)
    fd = open_regular(path)
    try:
        head = os.pread(fd, 16, 0)
    finally:
        os.close(fd)
    from spec_lang.weights import checkpoint  # archives and pickles: not what most exports read

    if checkpoint.is_checkpoint(head):
        return checkpoint.read(path, name)
    if head[8:9] == b"{":
        return _plain(safetensors.read(path), path, name)
    if b"ustar" in head or not head:
        raise refuse("E1001", "the file is empty or an archive of another kind", path)
    kinds = "safetensors, a PyTorch checkpoint or an index of such files (*.index.json)"
    raise refuse("E1001", f"not a weights file that is known: {kinds}", path)


def _plain(file: WeightsFile, path: str, name: str | None) -> WeightsFile:
    """A file that holds one set of tensors, which has no name."""
    if name is not None:
        message = f"there is no state_dict {shown(name)}: only checkpoints have several"
        raise refuse("E1007", message, path)
    return file


@contextmanager
def export(
    state: State,
    needed: Sequence[Needed],
    path: str,
    *,
    weights: str | None = None,
    seed: int = 0,
    mode: Mode = "copy",
    small: int = 0,
    renames: Sequence[str] = (),
    ignores: Sequence[str] = (),
    precision: DType = DType.F32,
    full_hash: bool = False,
    durable: bool = True,
    progress: Progress = lambda done, total: None,
) -> Iterator[Export]:
    """Weights from the file `weights`, or drawn from `seed`; the caller commits the model's bytes inside the context.

    Mode ``copy`` writes all of it to `NAME.onnx.data`; ``point`` points into `weights` where that has a tensor as the graph
    needs it, and writes the rest there; ``embed`` puts all of it into the model; ``none`` leaves it out. Where weights are copied,
    tensors of fewer bytes than `small` stand in the model all the same. `renames` and `ignores` are patterns of the file's keys. `precision` is what FLOAT stands for where a file's dtypes are checked. Unless `durable`, files are not forced to the disk before they are put in place.

    Raises:
        WeightsError: the file does not fit the model, or cannot be pointed into, or something cannot be read or written.
    """
    total = sum(n.length for n in needed)
    if mode == "embed" and total > EMBED_LIMIT:
        message = f"the weights take {total:,} bytes, and an ONNX file ends at {EMBED_LIMIT:,}"
        raise refuse(
            "E1014", message, path, help=f"leave out {asked('--embed')}: they go into a file beside the model"
        )
    with Output(path, durable=durable) as output:
        try:
            if mode == "none":
                job = Export({}, {}, (), output.commit, output.differs)
            elif weights is None:
                job = _from_seed(state, needed, output, seed, mode, small, progress)
            else:
                job = _from_file(
                    state,
                    needed,
                    output,
                    weights,
                    mode,
                    small,
                    renames,
                    ignores,
                    precision,
                    full_hash,
                    progress,
                )
        except OSError as error:
            raise output.failed(error) from None
        yield job


# --- From a file ----------------------------------------------------------------------------


def _from_file(
    state: State,
    needed: Sequence[Needed],
    output: Output,
    weights: str,
    mode: Mode,
    small: int,
    renames: Sequence[str],
    ignores: Sequence[str],
    precision: DType,
    full_hash: bool,
    progress: Progress,
) -> Export:
    patterns = [rename.parse(text) for text in renames]
    left_out = [rename.parse_ignored(text) for text in ignores]
    file = load(weights)
    keys = rename.apply(file.tensors, patterns, weights, left_out)
    own = {os.path.realpath(path) for path in (output.path, output.side_path)}
    if any(os.path.realpath(path) in own for path in (named(weights)[0], *file.files)):
        raise refuse("E1016", "the model or its data would overwrite the weights", weights)
    found, notes = match(
        state.entries, {new: file.tensors[old] for new, old in keys.items()}, precision, weights
    )
    plan = _Plan(state)
    places = _places(file.files, output.folder) if mode == "point" else {}
    data: dict[str, TensorData] = {}
    written: list[Needed] = []
    for tensor in needed:
        stored = found.get(plan.roots.get(tensor.name, ""))
        place = places.get(stored.path) if stored is not None and not tensor.rows else None
        if tensor.length == 0:
            data[tensor.name] = b""
        elif (
            stored is not None
            and place is not None
            and stored.strides is None
            and stored.dtype is tensor.dtype
        ):
            data[tensor.name] = External(place, stored.offset, stored.length)
        elif mode == "embed" or (mode == "copy" and tensor.length < small):
            data[tensor.name] = Streamed(tensor.length, _chunks(tensor, plan, found))
        else:
            written.append(tensor)
    if written:
        data |= _written_beside(written, output, plan, found, progress)
    metadata = {fingerprint.KEY: fingerprint.record(file.files, output.folder, full=full_hash)}
    return Export(data, metadata, file.notes + notes, output.commit, output.differs)


def _written_beside(
    tensors: Sequence[Needed], output: Output, plan: _Plan, found: Mapping[str, Stored], progress: Progress
) -> dict[str, TensorData]:
    """Write tensors into the file beside the model, and say where each is."""
    size, offsets = _layout(tensors)
    fd = output.side(size)
    done = 0
    for tensor in tensors:
        at = offsets[tensor.name]
        for count in _written(tensor, plan, found, fd, at):
            done += count
            progress(done, size)
    return {t.name: External(output.side_name, offsets[t.name], t.length) for t in tensors}


def _written(tensor: Needed, plan: _Plan, found: Mapping[str, Stored], fd: int, at: int) -> Iterator[int]:
    """Write the tensor at `at` of the descriptor; gives the bytes of each step."""
    width = ITEM_SIZES[tensor.dtype]
    for key, start, stop in plan.pieces(tensor):
        stored = None if key is None else found.get(key)
        if stored is not None and stored.strides is None and stored.dtype is tensor.dtype:
            steps = transfer(stored, start * width, (stop - start) * width, fd, at)
        else:
            steps = _stream(pieces(stored, start, stop, tensor.dtype), fd, at)
        yield from steps
        at += (stop - start) * width


def _stream(chunks: Iterable[bytes | memoryview], fd: int, at: int) -> Iterator[int]:
    for chunk in chunks:
        write(fd, chunk, at)
        at += len(chunk)
        yield len(chunk)


def _places(paths: Iterable[str], folder: str) -> dict[str, str]:
    """How a model in `folder` names each file.

    Raises:
        WeightsError: a runtime would refuse one of them (E1017).
    """
    problems = []
    places = {}
    for path in paths:
        place = _place(path, folder)
        if place is None:
            message = (
                "the weights lie outside the model's folder, or behind a link, and runtimes read neither"
            )
            help = f"leave out {asked('--zero-copy')}, or put the model into the folder of the file"
            problems.append(problem("E1017", message, path, help=help))
        else:
            places[path] = place
    if problems:
        raise WeightsError(tuple(problems))
    return places


def _place(path: str, folder: str) -> str | None:
    """How a model in `folder` names the file; None where it lies elsewhere or is a link, which runtimes refuse."""
    real, base = os.path.realpath(path), os.path.realpath(folder)
    name = os.path.relpath(real, base)
    inside = not name.startswith(os.pardir + os.sep) and name != os.pardir
    if not inside or not _is_text(name):
        return None
    plain = os.path.join(base, os.path.relpath(os.path.abspath(path), os.path.abspath(folder))) == real
    return name.replace(os.sep, "/") if plain and os.stat(real).st_nlink == 1 else None


def _is_text(name: str) -> bool:
    """Whether a file's name can stand in a model: it is UTF-8, without characters that end a line."""
    return name.isprintable()


def _chunks(
    tensor: Needed, plan: _Plan, found: Mapping[str, Stored]
) -> Callable[[], Iterator[bytes | memoryview]]:
    """The tensor's bytes in pieces, whenever they are asked for."""

    def chunks() -> Iterator[bytes | memoryview]:
        for key, start, stop in plan.pieces(tensor):
            yield from pieces(None if key is None else found.get(key), start, stop, tensor.dtype)

    return chunks


def pieces(stored: Stored | None, start: int, stop: int, dtype: DType) -> Iterator[bytes | memoryview]:
    """Elements `start:stop` in a dtype; zeros where nothing is stored (rows of zeros, or what a file may lack)."""
    if stored is None:
        yield from _zeros((stop - start) * ITEM_SIZES[dtype])
        return
    assert isinstance(stored.dtype, DType)
    for raw in read(stored, start, stop):
        yield convert(raw, stored.dtype, dtype)


def _zeros(count: int) -> Iterator[bytes]:
    for at in range(0, count, BUFFER):
        yield bytes(min(BUFFER, count - at))


# --- From a seed ----------------------------------------------------------------------------


def _from_seed(
    state: State,
    needed: Sequence[Needed],
    output: Output,
    seed: int,
    mode: Mode,
    small: int,
    progress: Progress,
) -> Export:
    from spec_lang.weights.seeded import Target, draw_into

    plan = _Plan(state)
    written = [n for n in needed if n.length]
    data: dict[str, TensorData] = {n.name: b"" for n in needed if not n.length}
    size, offsets = _layout(written, last=small)
    if not size:
        return Export(data, {SEED_KEY: str(seed)}, (), output.commit, output.differs)
    fd = output.side(size)
    targets: dict[str, list[Target]] = {}
    for tensor in written:
        at = offsets[tensor.name]
        for key, start, stop in plan.pieces(tensor):
            if key is not None:
                targets.setdefault(key, []).append(Target(start, stop, at, tensor.dtype))
            at += (stop - start) * ITEM_SIZES[tensor.dtype]
    draw_into(fd, state, targets, seed, lambda done: progress(done, size))
    kept = 0
    for tensor in written:
        at = offsets[tensor.name]
        if mode == "embed":
            data[tensor.name] = Streamed(tensor.length, _scratch(fd, at, tensor.length))
        elif tensor.length < small:
            data[tensor.name] = os.pread(fd, tensor.length, at)
        else:
            data[tensor.name] = External(output.side_name, at, tensor.length)
            kept = max(kept, at + tensor.length)
    if kept:
        os.ftruncate(fd, kept)
    else:
        output.forget_side()
    return Export(data, {SEED_KEY: str(seed)}, (), output.commit, output.differs)


def _scratch(fd: int, offset: int, length: int) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        for at in range(offset, offset + length, BUFFER):
            yield os.pread(fd, min(BUFFER, offset + length - at), at)

    return chunks


# --- Layout ---------------------------------------------------------------------------------


class _Plan:
    """Which elements of which tensors make up what the graph needs."""

    def __init__(self, state: State) -> None:
        self.roots = roots(state.entries)
        self.shapes = {e.key: e.shape for e in state.entries}

    def pieces(self, tensor: Needed) -> Iterator[Piece]:
        if not tensor.rows:
            yield Piece(self.roots[tensor.name], 0, math.prod(tensor.shape))
            return
        row = next((math.prod(self.shapes[r.key][1:]) for r in tensor.rows if r.key is not None), 0)
        if not row:
            row = math.prod(tensor.shape) // sum(stop - start for _, start, stop in tensor.rows)
        for key, start, stop in tensor.rows:
            yield Piece(None if key is None else self.roots[key], start * row, stop * row)


def _layout(tensors: Sequence[Needed], last: int = 0) -> tuple[int, dict[str, int]]:
    """The size of the file, and where each tensor starts in it; those of fewer bytes than `last` are behind the others.

    Small ones stand together: between large ones each would have a page of memory to itself, which costs an MLP of 1,000
    narrow layers a tenth of its time.
    """
    offsets: dict[str, int] = {}
    size = 0
    for tensor in sorted(tensors, key=lambda t: (t.length < last, t.length >= PAGE)):
        offsets[tensor.name] = size = -(-size // ALIGNMENT) * ALIGNMENT
        size += tensor.length
    return size, offsets
