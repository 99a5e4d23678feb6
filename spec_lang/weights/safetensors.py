"""Reads the headers of safetensors files; the tensors stay where they are.

A file is a u64 (the header's length), the header (a JSON object: key to dtype, shape and data offsets) and the data, which the
tensors cover without holes. Source: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from math import prod
from typing import Final

from spec_lang.diagnostics import Diagnostic
from spec_lang.shapes.dtype import DType
from spec_lang.weights.stored import (
    Stored,
    WeightsError,
    WeightsFile,
    open_regular,
    problem,
    read_exactly,
    refuse,
    shown,
)

MAX_HEADER: Final = 32 << 20
MAX_VALUES: Final = 2_000_000
"""Commas and braces in a header: bounds the memory that JSON takes; 150,000 tensors have fewer."""
MAX_RANK: Final = 64
INDEX_SUFFIX: Final = ".index.json"

DTYPES: Final = {
    "F64": DType.F64,
    "F32": DType.F32,
    "F16": DType.F16,
    "BF16": DType.BF16,
    "I64": DType.I64,
    "I32": DType.I32,
    "I16": DType.I16,
    "I8": DType.I8,
    "U8": DType.U8,
    "BOOL": DType.BOOL,
}
BITS: Final = {
    name: bits
    for bits, names in (
        (64, "F64 I64 U64 C64"),
        (32, "F32 I32 U32"),
        (16, "F16 BF16 I16 U16"),
        (8, "I8 U8 BOOL F8_E5M2 F8_E4M3 F8_E8M0 F8_E5M2FNUZ F8_E4M3FNUZ"),
        (6, "F6_E2M3 F6_E3M2"),
        (4, "F4"),
    )
    for name in names.split()
}


class _Malformed(Exception):
    """What is wrong, for the user."""


def read(path: str) -> WeightsFile:
    """The tensors of one file.

    Raises:
        WeightsError: the file is malformed (E1002, E1003).
    """
    fd = open_regular(path)
    try:
        size = os.fstat(fd).st_size
        start, header = _header(fd, size)
        return WeightsFile(_tensors(path, header, start, size), (path,))
    except _Malformed as error:
        raise refuse("E1002", f"not a sound safetensors file: {error}", path) from None
    finally:
        os.close(fd)


def read_index(path: str, read_shard: Callable[[str], WeightsFile]) -> WeightsFile:
    """The tensors of the shards that an index file names, each read by `read_shard`; the shards lie in its folder.

    Raises:
        WeightsError: the index or a shard is malformed, or they disagree (E1004); a shard lies elsewhere (E1005).
    """
    places = _weight_map(path)
    folder = os.path.dirname(path)
    tensors: dict[str, Stored] = {}
    problems: list[Diagnostic] = []
    shards = sorted(set(places.values()))
    files = [os.path.join(folder, shard) for shard in shards]
    for shard, file in zip(shards, files, strict=True):
        try:
            held = read_shard(file).tensors
        except WeightsError as error:
            problems += error.diagnostics
            continue
        for key in held:
            if places.get(key) != shard:
                problems.append(
                    problem("E1004", f"{shown(shard)} holds {shown(key)}, which the index does not say", path)
                )
        tensors.update(held)
    if not problems:
        problems += [
            problem("E1004", f"the index says that {shown(shard)} holds {shown(key)}, but it does not", path)
            for key, shard in places.items()
            if key not in tensors
        ]
    if problems:
        raise WeightsError(tuple(problems[:50]))
    return WeightsFile({key: tensors[key] for key in places}, tuple(files))


def _weight_map(path: str) -> dict[str, str]:
    fd = open_regular(path)
    try:
        size = os.fstat(fd).st_size
        if size > MAX_HEADER:
            raise _Malformed(f"it is {size:,} bytes long; an index has at most {MAX_HEADER:,}")
        index = _json(read_exactly(fd, size, 0) or b"")
        places = index.get("weight_map")
        if not isinstance(places, dict) or not all(isinstance(shard, str) for shard in places.values()):
            raise _Malformed("its `weight_map` is to be an object of key and file name")
    except _Malformed as error:
        raise refuse("E1004", f"not a sound index of weights files: {error}", path) from None
    finally:
        os.close(fd)
    for shard in sorted(set(places.values())):
        parts = shard.split("/")
        if (
            "\\" in shard
            or "\0" in shard
            or os.path.isabs(shard)
            or not all(p not in ("", ".", "..") for p in parts)
        ):
            raise refuse(
                "E1005",
                f"the index names {shown(shard)}, which is not in its own folder",
                path,
                help="put the shards beside the index file and name them without a path",
            )
    return places


def _header(fd: int, size: int) -> tuple[int, dict[str, object]]:
    """Where the data starts, and the header."""
    head = read_exactly(fd, 8, 0)
    if head is None:
        raise _Malformed(f"it is only {size} bytes long")
    length = int.from_bytes(head, "little")
    if length > size - 8:
        raise _Malformed(f"it says that its header has {length:,} bytes, but {size - 8:,} are there")
    if length > MAX_HEADER:
        raise _Malformed(f"its header has {length:,} bytes, more than the {MAX_HEADER:,} that are read")
    text = read_exactly(fd, length, 8)
    if text is None:
        raise _Malformed("its header ends early")
    if not text.startswith(b"{"):
        raise _Malformed("its header does not begin with `{`")
    return 8 + length, _json(text)


def _json(data: bytes) -> dict[str, object]:
    if sum(map(data.count, b",[{:")) > MAX_VALUES:
        raise _Malformed(f"its JSON has more than {MAX_VALUES:,} values")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise _Malformed(f"its JSON is not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _Malformed("its JSON is nested too deeply") from None
    except ValueError as error:
        raise _Malformed(f"its JSON does not parse: {error}") from None
    if not isinstance(value, dict):
        raise _Malformed("its JSON is no object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _Malformed(f"{shown(key)} is there twice")
        seen.add(key)
    return value


def _tensors(path: str, header: dict[str, object], start: int, size: int) -> dict[str, Stored]:
    tensors: dict[str, Stored] = {}
    ranges: list[tuple[int, int, str]] = []
    for key, about in header.items():
        if key == "__metadata__":
            if about is not None and not _texts(about):
                raise _Malformed("its `__metadata__` is to be an object of texts")
            continue
        dtype, shape, begin, end = _entry(key, about)
        if end > size - start:
            raise _Malformed(
                f"{shown(key)} ends at byte {end:,} of the data, which has {size - start:,} (a broken download?)"
            )
        ranges.append((begin, end, key))
        tensors[key] = Stored(path, start + begin, DTYPES.get(dtype, dtype), shape)
    ranges.sort()
    at, last = 0, ""
    for begin, end, key in ranges:
        if begin < at:
            raise _Malformed(f"{shown(key)} and {shown(last)} overlap")
        if begin > at:
            raise _Malformed(f"{begin - at:,} bytes before {shown(key)} belong to no tensor")
        at, last = end, key
    if at != size - start:
        raise _Malformed(f"{size - start - at:,} bytes at its end belong to no tensor")
    return tensors


def _entry(key: str, about: object) -> tuple[str, tuple[int, ...], int, int]:
    """dtype, shape and the range of one tensor, which agree."""
    if not key.isascii() and any("\ud800" <= c <= "\udfff" for c in key):
        raise _Malformed(f"the key {shown(key)} is no text")
    if not isinstance(about, dict) or set(about) != {"dtype", "shape", "data_offsets"}:
        raise _Malformed(f"{shown(key)} is to have `dtype`, `shape` and `data_offsets`, and nothing else")
    dtype, shape, offsets = about["dtype"], about["shape"], about["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _Malformed(f"the dtype of {shown(key)} is unknown: {shown(str(dtype))}")
    if not _sizes(shape) or len(shape) > MAX_RANK:
        raise _Malformed(f"the shape of {shown(key)} is to be a list of at most {MAX_RANK} sizes")
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _Malformed(f"the offsets of {shown(key)} are to be a start and an end")
    if prod(filter(None, shape)) >= 1 << 63:
        raise _Malformed(f"the shape of {shown(key)} is too large")
    begin, end = offsets
    bits = prod(shape) * BITS[dtype]
    if bits != 8 * (end - begin):
        raise _Malformed(
            f"{shown(key)} is {dtype} {shape}, {-(-bits // 8):,} bytes, but its offsets span {end - begin:,}"
        )
    return dtype, tuple(shape), begin, end


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 63 for n in value)
