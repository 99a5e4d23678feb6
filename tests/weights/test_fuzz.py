"""Whatever bytes a weights file has, the answer is tensors within it or a diagnostic, in little time and memory."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from spec_lang.diagnostics import SpecError
from spec_lang.shapes.dtype import DType
from spec_lang.weights import export as weights
from tests.fuzz.test_mutations import TooLong, limited

SECONDS = 2.0
GROWTH = 200 << 10
"""Kilobytes that the process may grow by."""
LARGE = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0xFFFF,
    0x7FFFFFFF,
    0xFFFFFFFF,
    1 << 60,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)


def state() -> dict[str, torch.Tensor]:
    base = torch.arange(24.0).reshape(4, 6)
    return {
        "a": base,
        "b.t": base.t(),
        "n": torch.ones(3, dtype=torch.int64),
        "e": base[:0],
        "s": torch.tensor(1.5),
    }


@cache
def sound(kind: str) -> bytes:
    """A file that is as it should be."""
    buffer = io.BytesIO()
    if kind == "safetensors":
        arrays = {k: v.contiguous().numpy() for k, v in state().items()}
        return save(arrays, metadata={"format": "pt"})
    if kind == "index":
        return json.dumps({"metadata": {}, "weight_map": {"a": "x.safetensors"}}).encode()
    held = {"state_dict": state(), "epoch": 3, "optimizer": {"state": [state()], "lr": 0.1}}
    torch.save(held, buffer, _use_new_zipfile_serialization=kind != "older")
    return buffer.getvalue()


def bytes_changed(kind: str, dice: Random) -> bytes:
    """A file with some of its bytes changed, the first ones more often where they describe the rest."""
    near = 400 if kind in ("safetensors", "index") else 0
    return changed(sound(kind), dice, near)


def pickle_changed(kind: str, dice: Random) -> bytes:
    """A sound archive of a checkpoint whose pickle is changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sound("zip"))) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, changed(data, dice) if name.endswith("data.pkl") else data)
    return buffer.getvalue()


def changed(raw: bytes, dice: Random, near: int = 0) -> bytes:
    """Bits, bytes, numbers and whole ranges changed, cut or doubled."""
    data = bytearray(raw)
    for _ in range(dice.choice((1, 1, 2, 3, 8))):
        at = dice.randrange(len(data) or 1)
        if near and dice.random() < 0.4:
            at = min(at, dice.randrange(near))
        change = dice.randrange(6)
        if change == 0:
            data[at : at + 1] = bytes([dice.randrange(256)])
        elif change == 1:
            data[at:] = b"" if dice.random() < 0.5 else data[at + dice.randrange(1, 64) :]
        elif change == 2:
            width, layout = dice.choice(((2, "<H"), (4, "<I"), (8, "<Q")))
            limit = (1 << 8 * width) - 1
            data[at : at + width] = struct.pack(layout, min(limit, dice.choice(LARGE)))
        elif change == 3:
            start = dice.randrange(len(data) or 1)
            data[at:at] = data[start : start + dice.randrange(1, 200)]
        elif change == 4 and data:
            data[min(at, len(data) - 1)] ^= 1 << dice.randrange(8)
        else:
            data[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 9)))
    return bytes(data)


VALUES = (
    -1,
    0,
    1,
    1 << 31,
    1 << 62,
    1 << 63,
    1 << 64,
    1.0,
    True,
    None,
    "",
    "F32",
    [],
    {},
    [1],
    [-1],
    [0, 8],
    [8, 0],
    [1 << 62, 4],
    float("nan"),
)


def header_changed(kind: str, dice: Random) -> bytes:
    """A safetensors file of a header that lies."""
    data = sound("safetensors")
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for _ in range(dice.choice((1, 1, 2))):
        key = dice.choice(list(header))
        about = header[key]
        change = dice.randrange(5)
        if change == 0 or not isinstance(about, dict):
            header[dice.choice(("__metadata__", key, "x", "a" * 5000, "\ud800", "\0"))] = dice.choice(
                (about, *VALUES)
            )
        elif change == 1:
            about[dice.choice((*about, "other"))] = dice.choice(VALUES)
        elif change == 2 and about.get("data_offsets"):
            about["data_offsets"] = [dice.choice((*LARGE, 8, 16, 96)), dice.choice((*LARGE, 8, 16, 96))]
        elif change == 3:
            about["shape"] = [dice.choice((*LARGE, 2, 3)) for _ in range(dice.randrange(70))]
        else:
            del header[key]
    text = json.dumps(header).encode() + b" " * dice.randrange(9)
    return (
        struct.pack("<Q", dice.choice((len(text), len(text), len(text), len(text) + 1, 1 << 60)))
        + text
        + data[8 + length :]
    )


def opcodes(dice: Random, count: int) -> bytes:
    """Random operations of a pickle, their arguments often what they should be."""
    known = [
        b"(", b")", b"]", b"}", b"0", b"1", b"2", b"N", b"\x88", b"\x89", b"K\x03", b"M\x03\x00", b"J\xff\xff\xff\x7f", b"\x8a\x09" + b"\xff" * 8 + b"\0",
        b"\x8b\x04\0\0\0\1\2\3\4", b"G" + b"\x40" * 8, b"X\x01\0\0\0a", b"\x8c\x07storage", b"U\x01b", b"X\x03\0\0\0cpu", b"I01\n", b"L5L\n",
        b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n", b"ccollections\nOrderedDict\n",
        b"ctorch._utils\n_rebuild_tensor_v3\n", b"ctorch\nSize\n", b"cos\nsystem\n", b"\x93", b"t", b"\x85", b"\x86", b"\x87", b"l", b"d", b"a", b"e", b"s", b"u",
        b"R", b"\x81", b"\x92", b"b", b"Q", b"q\x01", b"h\x01", b"\x94", b"r\x05\0\0\0", b"j\x05\0\0\0", b"\x8f", b"\x90", b"\x91", b"\x96\x02" + bytes(7) + b"ab",
    ]  # fmt: skip
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x08tQK\x00K\x08\x85K\x01\x85\x89}tR"
    out = [b"\x80\x02"]
    for _ in range(count):
        chance = dice.random()
        if chance < 0.05:
            out.append(bytes([dice.randrange(256)]))
        elif chance < 0.15:
            out.append(b"X\x01\0\0\0" + bytes([97 + dice.randrange(26)]) + tensor + b"s")
        else:
            out.append(dice.choice(known))
    return b"".join(out) + b"."


def random_pickle(kind: str, dice: Random) -> bytes:
    """A checkpoint whose pickle is random, in both formats."""
    pickled = opcodes(dice, dice.randrange(1, 60))
    if kind == "older":
        head = b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
        return (
            head + pickled + pickle.dumps(["0"], 2) + struct.pack("<Q", dice.choice((8, *LARGE))) + bytes(32)
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m/data.pkl", pickled)
        file.writestr("m/data/0", bytes(32))
    return buffer.getvalue()


MAKERS: tuple[tuple[str, str, Callable[[str, Random], bytes]], ...] = (
    ("safetensors", "m.safetensors", bytes_changed),
    ("safetensors", "m.safetensors", header_changed),
    ("index", "m.safetensors.index.json", bytes_changed),
    ("zip", "m.pt", bytes_changed),
    ("older", "m.pt", bytes_changed),
    ("zip", "m.pt", pickle_changed),
    ("zip", "m.pt", random_pickle),
    ("older", "m.pt", random_pickle),
)


def put_on_trial(seed: int, folder: Path, counts: Counter[str]) -> None:
    """Read one random file.

    Raises:
        Exception: what comes is neither tensors within the file nor a diagnostic.
    """
    kind, name, make = MAKERS[seed % len(MAKERS)]
    path = folder / name
    path.write_bytes(make(kind, Random(seed)))
    try:
        with limited(SECONDS):
            found = weights.load(str(path)).tensors
    except SpecError as error:
        counts[f"{kind} {error.diagnostics[0].code}"] += 1
        message = error.diagnostics[0].message
        assert len(message) < 500
        assert message.isprintable()
        return
    counts[f"{kind} tensors"] += 1
    size = path.stat().st_size
    for stored in found.values():
        extent = stored.length
        if stored.strides is not None:
            assert isinstance(stored.dtype, DType)
            last = sum((n - 1) * s for n, s in zip(stored.shape, stored.strides, strict=True))
            extent = (last + 1) * (stored.length // int(np.prod(stored.shape)))
        assert 0 <= stored.offset <= stored.offset + extent <= size
    if kind == "safetensors":
        _taken_by_the_library(path, set(found))


def _taken_by_the_library(path: Path, keys: set[str]) -> None:
    """What is read here, safetensors' own reader takes too."""
    try:
        with safe_open(path, "numpy") as file:
            assert set(file.keys()) == keys
    except SafetensorError as error:
        raise AssertionError(f"the library refuses it: {error}") from error


def failures(seeds: range, folder: Path) -> list[str]:
    """What goes wrong with the files of these seeds."""
    counts: Counter[str] = Counter()
    found: list[str] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in seeds:
        try:
            put_on_trial(seed, folder, counts)
        except (Exception, TooLong) as error:  # whatever it is, the seed finds it again
            found.append(f"seed {seed}: {type(error).__name__}: {str(error)[:200]}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(dict(counts), f"{grown:,} kB more")
    return [*found, *([f"it took {grown:,} kB"] if grown > GROWTH else [])]


@pytest.mark.parametrize("first", range(0, 700, 350))
def test_changed_files_are_read_or_refused(first: int, tmp_path: Path) -> None:
    assert failures(range(first, first + 350), tmp_path) == []


@pytest.mark.long
def test_many_changed_files_are_read_or_refused(tmp_path: Path) -> None:
    assert failures(range(10_000, 10_000 + int(os.environ.get("SPECC_LONG", "20000"))), tmp_path) == []
