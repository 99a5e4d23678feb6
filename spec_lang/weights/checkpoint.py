"""Reads PyTorch checkpoints without torch and without running anything in them: where each tensor lies in the file.

Both formats of torch.save: the zip archive (since 1.6) and the row of pickles before it. Source: torch/serialization.py.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Final, NamedTuple

from spec_lang.asking import asked
from spec_lang.shapes.dtype import TORCH_NAMES, DType
from spec_lang.weights.archive import BadArchive, Record, records
from spec_lang.weights.state import ITEM_SIZES
from spec_lang.weights.stored import Stored, WeightsFile, open_regular, read_exactly, refuse, shown
from spec_lang.weights.unpickle import BadPickle, Foreign, Opaque, View, load

MAX_PICKLE: Final = 64 << 20
MAX_SETS: Final = 10_000
MAX_NESTING: Final = 5
"""Dicts that are looked into for a state_dict, and how deep."""
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


def read(path: str, name: str | None = None) -> WeightsFile:
    """The tensors of a checkpoint's state_dict, of the one under `name` where that is given.

    Raises:
        WeightsError: the file is malformed (E1006) or holds no such state_dict (E1007).
    """
    return _read(path, lambda contents: _tensors_of(contents, path, name))


def read_all(path: str) -> WeightsFile:
    """The tensors of all of a checkpoint's state_dicts, each key behind the keys that lead to it.

    Raises:
        WeightsError: the file is malformed (E1006).
    """

    def every(contents: _Contents) -> WeightsFile:
        held = _sets(contents.value) if isinstance(contents.value, dict | list) else {}
        tensors = {
            f"{name}.{key}" if name else key: _stored(path, key, view, contents.storages)
            for name, found in held.items()
            for key, view in found.tensors.items()
        }
        return WeightsFile(tensors, (path,))

    return _read(path, every)


def _tensors_of(contents: _Contents, path: str, name: str | None) -> WeightsFile:
    chosen, notes = _state_dict(contents.value, path, name)
    tensors = {key: _stored(path, key, view, contents.storages) for key, view in chosen.items()}
    return WeightsFile(tensors, (path,), notes)


def _read(path: str, use: Callable[[_Contents], WeightsFile]) -> WeightsFile:
    fd = open_regular(path)
    try:
        size = os.fstat(fd).st_size
        zipped = read_exactly(fd, 4, 0) == b"PK\3\4"
        contents = _read_zip(fd, size) if zipped else _read_legacy(fd, size)
        return use(contents)
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


def _state_dict(
    value: Any, path: str, wanted: str | None
) -> tuple[dict[str, View | Foreign], tuple[str, ...]]:
    """The state_dict in what was saved, the one of the name `wanted` if that is given, and which it is where there was a choice."""
    if isinstance(value, Opaque):
        raise refuse(
            "E1007",
            f"the checkpoint holds an object of {shown(value.name)}, not a state_dict",
            path,
            help="save `model.state_dict()` instead of the model",
        )
    if not isinstance(value, dict | list):
        raise refuse(
            "E1007", f"the checkpoint holds a {type(value).__name__.lower()}, not a state_dict", path
        )
    found = _sets(value)
    name = _chosen(found, path, value) if wanted is None else wanted
    if name not in found:
        message = f"the checkpoint has no state_dict under {shown(name)}"
        raise refuse("E1007", message, path, notes=_named_sets(found, path))
    chosen, held = found[name]
    notes = [f"the state_dict under {shown(name)} is used"] if name and wanted is None else []
    others = [key for key, (other, _) in found.items() if other is not chosen and key in HOLDERS]
    if notes and others:
        also = ", ".join(shown(f"{path}:{key}") for key in others[:3])
        notes[0] += f"; {also} name{'s another' if len(others) == 1 else ' others'}"
    outside = [
        shown(key) if isinstance(key, str) else "..."
        for key, item in chosen.items()
        if not isinstance(item, _TENSORS)
    ]
    if outside:
        more = ", ..." if len(outside) > 5 else ""
        notes.append(f"no tensors, so left out: {', '.join(outside[:5])}{more}")
    return held, tuple(notes)


def _chosen(found: Mapping[str, _Set], path: str, value: Any) -> str:
    """The name of the set that is meant: all that was saved where nothing inside has more tensors, else the usual name, or the only one."""
    stray = len(found[""].tensors) if "" in found else 0
    inside = {name: held for name, held in found.items() if len(held.tensors) > stray}
    if "" in found and not inside:
        return ""
    usual = next((name for name in HOLDERS if name in inside), None)
    if usual is not None:
        return usual
    once = {id(held.value): name for name, held in reversed(inside.items())}
    if len(once) == 1:
        return next(iter(once.values()))
    if inside:
        message = "the checkpoint has several state_dicts, and none under a usual name"
        raise refuse("E1007", message, path, notes=_named_sets(inside, path), help="name one of them")
    keys = [key for key in value if isinstance(key, str)] if isinstance(value, dict) else []
    what = (
        f"it has {', '.join(map(shown, keys[:8])) or 'nothing'}"
        if isinstance(value, dict)
        else "it is a list"
    )
    raise refuse("E1007", "the checkpoint has no state_dict", path, notes=(what,))


def _named_sets(found: Mapping[str, _Set], path: str) -> tuple[str, ...]:
    """What the state_dicts of a file are called on the command line."""
    listed = [
        f"`{asked('--weights', shown(f'{path}:{name}')[1:-1])}` has {len(held.tensors):,} tensor{'s' * (len(held.tensors) != 1)}"
        for name, held in found.items()
        if name
    ]
    return tuple(listed[:8])


class _Set(NamedTuple):
    """A dict that has tensors, and those."""

    value: dict[Any, Any]
    tensors: dict[str, View | Foreign]


def _sets(value: Any) -> dict[str, _Set]:
    """The dicts with tensors in what was saved, by the keys that lead to them; all of it by an empty name.

    What lies under keys that are no text, as an optimizer's state does, is none.
    """
    found: dict[str, _Set] = {}
    tensors: dict[int, dict[str, View | Foreign]] = {}
    level = [("", value)]
    for _ in range(MAX_NESTING):
        below = []
        for name, holder in level:
            seen = id(holder) in tensors
            if isinstance(holder, dict) and not seen:
                tensors[id(holder)] = _tensors(holder)
            if isinstance(holder, dict) and tensors[id(holder)]:
                found[name] = _Set(holder, tensors[id(holder)])
            if not seen and len(tensors) < MAX_SETS:
                items = holder.items() if isinstance(holder, dict) else enumerate(holder[:MAX_SETS])
                below += [
                    (f"{name}.{key}" if name else str(key), item)
                    for key, item in items
                    if isinstance(item, dict | list) and (isinstance(key, str) or isinstance(holder, list))
                ]
        level = below[:MAX_SETS]
    return found


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
