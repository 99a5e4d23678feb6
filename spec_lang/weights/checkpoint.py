"""Reads PyTorch checkpoints without torch and without running anything in them: where each tensor lies in the file.

Both formats of torch.save: the zip archive (since 1.6) and the row of pickles before it. Source: torch/serialization.py.
"""

from __future__ import annotations

import mmap
import os
from math import prod
from typing import Any, Final, NamedTuple

from spec_lang.shapes.dtype import TORCH_NAMES, DType
from spec_lang.weights.archive import BadArchive, Record, records
from spec_lang.weights.state import ITEM_SIZES
from spec_lang.weights.stored import Stored, WeightsFile, open_regular, read_exactly, refuse, shown
from spec_lang.weights.unpickle import BadPickle, Foreign, Opaque, View, load

MAX_PICKLE: Final = 64 << 20
LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL: Final = 1001
HOLDERS: Final = (
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "net",
    "network",
    "weights",
    "params",
    "ema",
)
"""Keys under which training scripts keep the state_dict, the likeliest first."""

STORAGES: Final = {
    "DoubleStorage": DType.F64,
    "FloatStorage": DType.F32,
    "HalfStorage": DType.F16,
    "BFloat16Storage": DType.BF16,
    "LongStorage": DType.I64,
    "IntStorage": DType.I32,
    "ShortStorage": DType.I16,
    "CharStorage": DType.I8,
    "ByteStorage": DType.U8,
    "BoolStorage": DType.BOOL,
}
OTHER_WIDTHS: Final = {
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
    "QInt32Storage": 4,
    "QInt8Storage": 1,
    "QUInt8Storage": 1,
    "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
    "UntypedStorage": 1,
}
"""Bytes an element of the storages that no model has."""
TORCH_DTYPES: Final = {name: dtype for dtype, name in TORCH_NAMES.items()}


_TENSORS: Final = (View, Foreign)


class _Malformed(Exception):
    """What is wrong, for the user."""


class _Contents(NamedTuple):
    """The pickled object, and where each storage's bytes are."""

    value: Any
    storages: dict[str, Record]


def read(path: str) -> WeightsFile:
    """The tensors of a checkpoint's state_dict.

    Raises:
        WeightsError: the file is malformed (E1006) or holds no state_dict (E1007).
    """
    fd = open_regular(path)
    try:
        size = os.fstat(fd).st_size
        zipped = read_exactly(fd, 4, 0) == b"PK\3\4"
        contents = _read_zip(fd, size) if zipped else _read_legacy(fd, size)
        chosen, notes = _state_dict(contents.value, path)
        tensors = {}
        for key, view in chosen.items():
            tensors[key] = _stored(path, key, view, contents.storages)
        return WeightsFile(tensors, (path,), notes)
    except (_Malformed, BadArchive, BadPickle) as error:
        raise refuse("E1006", f"not a sound PyTorch checkpoint: {error}", path) from None
    finally:
        os.close(fd)


def is_checkpoint(head: bytes) -> bool:
    """Whether a file that begins so may be a checkpoint: a zip archive, or a pickle of protocol 2 or later."""
    return head.startswith(b"PK\3\4") or (head.startswith(b"\x80") and head[1:2] in b"\2\3\4\5")


def _read_zip(fd: int, size: int) -> _Contents:
    found = records(fd, size)
    pickles = [name for name in found if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise _Malformed("the archive has no single `data.pkl`")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in found:
        raise _Malformed("it is a TorchScript module; save its state_dict() with torch.save instead")
    for name, record in found.items():
        if record.compressed:
            raise _Malformed(f"{shown(name)} is compressed, which torch.save never does; save it again")
    order = found.get(f"{root}byteorder")
    if order is not None and (order.size > 10 or read_exactly(fd, order.size, order.offset) != b"little"):
        raise _Malformed("it was saved on a big-endian machine")
    record = found[pickles[0]]
    if record.size > MAX_PICKLE:
        raise _Malformed(f"its pickle has {record.size:,} bytes, more than the {MAX_PICKLE:,} that are read")
    data = read_exactly(fd, record.size, record.offset)
    if data is None:
        raise _Malformed("its pickle ends early")
    value = load(memoryview(data)).value
    prefix = f"{root}data/"
    return _Contents(
        value, {name.removeprefix(prefix): r for name, r in found.items() if name.startswith(prefix)}
    )


def _read_legacy(fd: int, size: int) -> _Contents:
    """Pickles of a magic number, the protocol, the machine, the object and the storages' keys; then each storage's bytes."""
    if size == 0:
        raise _Malformed("it is empty")
    # The pages are the file's own; they go with the last reference, which a traceback may hold.
    data = memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ))[:MAX_PICKLE]
    magic, at, _ = load(data)
    if magic != LEGACY_MAGIC:
        raise _Malformed("it is neither a zip archive nor PyTorch's older format")
    protocol, at, _ = load(data, at)
    system, at, _ = load(data, at)
    if protocol != LEGACY_PROTOCOL or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _Malformed("it was saved by another version of the format, or on a big-endian machine")
    value, at, kinds = load(data, at)
    keys, at, _ = load(data, at)
    return _Contents(value, _legacy_storages(fd, size, at, keys, kinds))


def _legacy_storages(fd: int, size: int, at: int, keys: Any, kinds: dict[str, str]) -> dict[str, Record]:
    """Where each storage is: in the order of the keys, each behind the number of its elements."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _Malformed("its list of storages is malformed")
    storages: dict[str, Record] = {}
    for key in keys:
        width = _width(kinds.get(key, ""))
        if width is None:
            raise _Malformed(f"storage {shown(key)} is of no kind that is known, so its size is not")
        length = int.from_bytes(read_exactly(fd, 8, at) or b"", "little") * width
        if at + 8 + length > size:
            raise _Malformed(f"storage {shown(key)} ends behind the file (a broken download?)")
        storages[key] = Record(at + 8, length)
        at += 8 + length
    return storages


def _width(kind: str) -> int | None:
    """Bytes an element of a kind of storage."""
    dtype = STORAGES.get(kind)
    return OTHER_WIDTHS.get(kind) if dtype is None else ITEM_SIZES[dtype]


def _state_dict(value: Any, path: str) -> tuple[dict[str, View | Foreign], tuple[str, ...]]:
    """The state_dict in what was saved, and which it is where there was a choice."""
    if isinstance(value, Opaque):
        raise refuse(
            "E1007",
            f"the checkpoint holds an object of {shown(value.name)}, not a state_dict",
            path,
            help="save `model.state_dict()` instead of the model",
        )
    if not isinstance(value, dict):
        raise refuse(
            "E1007", f"the checkpoint holds a {type(value).__name__.lower()}, not a state_dict", path
        )
    name, held = "", _tensors(value)
    if not held:
        holders = [key for key in HOLDERS if key in value] or [key for key in value if isinstance(key, str)][
            :100
        ]
        once = {id(held): held for held in map(value.get, holders)}
        tensors = {n: _tensors(held) for n, held in once.items()}
        found = {key: held for key in holders if (held := tensors[id(value[key])])}
        if not found or (len(found) > 1 and next(iter(found)) not in HOLDERS):
            names = ", ".join(map(shown, holders[:8])) or "nothing"
            raise refuse(
                "E1007",
                "the checkpoint has no state_dict under a usual name",
                path,
                notes=(f"it has {names}",),
            )
        name, held = next(iter(found.items()))
        value = value[name]
    notes = [f"the state_dict under {shown(name)} is used"] if name else []
    others = [
        shown(key) if isinstance(key, str) else "..."
        for key, item in value.items()
        if not isinstance(item, _TENSORS)
    ]
    if others:
        more = ", ..." if len(others) > 5 else ""
        notes.append(f"no tensors, so left out: {', '.join(others[:5])}{more}")
    return held, tuple(notes)


def _tensors(value: Any) -> dict[str, View | Foreign]:
    if not isinstance(value, dict):
        return {}
    return {key: item for key, item in value.items() if isinstance(key, str) and isinstance(item, _TENSORS)}


def _stored(path: str, key: str, view: View | Foreign, storages: dict[str, Record]) -> Stored:
    """Where a tensor's elements are, all of them within its storage."""
    if isinstance(view, Foreign):
        return Stored(path, 0, view.kind, ())
    dtype: DType | str
    if view.dtype is not None:
        dtype = TORCH_DTYPES.get(view.dtype, view.dtype)
    else:
        dtype = STORAGES.get(view.storage.kind, view.storage.kind)
    record = storages.get(view.storage.key)
    if record is None:
        raise _Malformed(f"the data of {shown(key)} is missing")
    if not isinstance(dtype, DType):
        return Stored(path, record.offset, dtype, view.shape)
    width = ITEM_SIZES[dtype]
    last = view.offset + sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True))
    if prod(view.shape) and (last + 1) * width > record.size:
        raise _Malformed(
            f"{shown(key)} reaches beyond its data: element {last:,} of {record.size // width:,}"
        )
    strides = None if _contiguous(view) else view.strides
    return Stored(path, record.offset + view.offset * width, dtype, view.shape, strides)


def _contiguous(view: View) -> bool:
    """Whether the elements lie in order, without gaps; strides of axes of size 1 do not matter."""
    expected = 1
    for size, stride in zip(reversed(view.shape), reversed(view.strides), strict=True):
        if size != 1 and stride != expected:
            return prod(view.shape) == 0
        expected *= size
    return True
