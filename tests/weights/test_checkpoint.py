"""PyTorch checkpoints: real ones, and ones made to harm."""

from __future__ import annotations

import argparse
import collections
import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
import torch

from spec_lang.diagnostics import SpecError
from spec_lang.shapes.dtype import DType
from spec_lang.weights import export as weights
from spec_lang.weights.elements import read
from spec_lang.weights.stored import Stored
from tests.weights.helpers import codes, text


def elements(stored: Stored) -> bytes:
    return b"".join(read(stored, 0, int(np.prod(stored.shape))))


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


def module() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 5))


@pytest.mark.parametrize("zipped", [True, False])
def test_state_dicts_are_found_in_place(zipped: bool, tmp_path: Path) -> None:
    state = module().state_dict()
    path = tmp_path / "m.pt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = weights.load(str(path)).tensors
    assert list(found) == list(state)
    data = path.read_bytes()
    for key, tensor in state.items():
        stored = found[key]
        assert stored.shape == tuple(tensor.shape)
        assert stored.strides is None
        assert data[stored.offset : stored.offset + stored.length] == bits(tensor)


@pytest.mark.parametrize("zipped", [True, False])
def test_views_are_gathered(zipped: bool, tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "base": base,
        "transposed": base.t(),
        "slice": base[1:3],
        "columns": base[:, 1:5:2],
        "expanded": torch.arange(3.0).expand(5, 3),
        "last": base.flatten()[23:],
        "empty": base[:0],
        "permuted": torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1),
        "one": base[2:3, :].t(),
        "scalar": torch.tensor(3.5, dtype=torch.float64),
    }
    path = tmp_path / "m.pt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = weights.load(str(path)).tensors
    for key, tensor in state.items():
        assert elements(found[key]) == bits(tensor), key
    assert found["slice"].strides is None
    assert found["transposed"].strides == (1, 6)


@pytest.mark.parametrize(
    ("torch_dtype", "dtype"),
    [
        (torch.float64, DType.F64),
        (torch.float32, DType.F32),
        (torch.float16, DType.F16),
        (torch.bfloat16, DType.BF16),
        (torch.int64, DType.I64),
        (torch.int32, DType.I32),
        (torch.int16, DType.I16),
        (torch.int8, DType.I8),
        (torch.uint8, DType.U8),
        (torch.bool, DType.BOOL),
        (torch.uint16, "uint16"),
        (torch.complex64, "ComplexFloatStorage"),
    ],
)
def test_dtypes(torch_dtype: torch.dtype, dtype: DType | str, tmp_path: Path) -> None:
    torch.save({"a": torch.ones(3).to(torch_dtype)}, tmp_path / "m.pt")
    assert weights.load(str(tmp_path / "m.pt")).tensors["a"].dtype == dtype


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(protocol: int, tmp_path: Path) -> None:
    state = module().state_dict()
    torch.save({"state_dict": state, "n": 10**30}, tmp_path / "m.pt", pickle_protocol=protocol)
    assert list(weights.load(str(tmp_path / "m.pt")).tensors) == list(state)


def test_parameters_and_shared_storages(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.randn(3, 2))
    torch.save({"a": weight, "b": weight, "c": weight.data[1]}, tmp_path / "m.pt")
    found = weights.load(str(tmp_path / "m.pt")).tensors
    assert found["a"] == found["b"]
    assert found["c"].offset == found["a"].offset + 8


class Custom:
    """Some object of a training script."""

    def __init__(self) -> None:
        self.x = {1: 2}


NESTED: dict[str, tuple[Callable[[dict[str, Any]], Any], str | None]] = {
    "plain": (lambda s: s, None),
    "state_dict": (
        lambda s: {"epoch": 3, "state_dict": s, "optimizer": {"state": {0: {"m": torch.ones(2)}}}},
        "state_dict",
    ),
    "model": (lambda s: {"model": s, "args": argparse.Namespace(lr=0.1), "ema": s}, "model"),
    "other": (lambda s: {"student": s, "epoch": 3, "object": Custom()}, "student"),
    "with numbers": (lambda s: {**s, "epoch": 3, "rng": torch.Size([3])}, None),
    "tensors beside": (
        lambda s: {"model": s, "best_val_loss": torch.tensor(0.3), "rng_state": torch.get_rng_state()},
        "model",
    ),
    "another name, tensors beside": (lambda s: {"student": s, "best": torch.tensor(0.3)}, "student"),
    "deeper": (lambda s: {"model": {"backbone": s}, "n": 3}, "model.backbone"),
    "in a list": (lambda s: [s, {"lr": 3}], "0"),
    "extra state": (lambda s: {**s, "norm": {"scale": torch.ones(1)}}, None),
    "extra state under a usual name": (lambda s: {**s, "params": {"scale": torch.ones(1)}}, None),
    "optimizer": (
        lambda s: {"net": s, "optimizer": {"state": {0: {"m": torch.ones(2)}, 1: {"m": torch.ones(2)}}}},
        "net",
    ),
    "list beside": (lambda s: {"losses": [0.1, (2, {3})], "model_state_dict": dict(s)}, "model_state_dict"),
}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("zipped", [True, False])
def test_the_state_dict_in_what_training_scripts_save(name: str, zipped: bool, tmp_path: Path) -> None:
    state = module().state_dict()
    wrap, holder = NESTED[name]
    torch.save(wrap(state), tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    file = weights.load(str(tmp_path / "m.pt"))
    assert list(file.tensors) == list(state)
    assert any(f"`{holder}`" in note for note in file.notes) == (holder is not None)


@pytest.mark.parametrize(
    "value",
    [
        module(),
        [torch.ones(2)],
        torch.ones(2),
        {"a": 1},
        {},
        7,
        {"x": {"t": torch.ones(1)}, "y": {"t": torch.ones(1)}},
    ],
)
def test_other_things_are_no_state_dict(value: object, tmp_path: Path) -> None:
    torch.save(value, tmp_path / "m.pt")
    with pytest.raises(SpecError) as caught:
        weights.load(str(tmp_path / "m.pt"))
    assert codes(caught.value) == ["E1007"]


def test_one_of_several_state_dicts_is_named(tmp_path: Path) -> None:
    state = module().state_dict()
    sets = {
        "model": state,
        "ema": {k: v * 2 for k, v in state.items()},
        "nets": {"gen": state},
        "same": state,
    }
    path = str(tmp_path / "m:1.pt")
    torch.save(sets, path)
    assert "`model` is used; `" in weights.load(path).notes[0]
    assert ":ema` names another" in weights.load(path).notes[0]
    for name in ("model", "ema", "nets.gen", "same"):
        found = weights.load(f"{path}:{name}")
        assert list(found.tensors) == list(state)
        assert found.notes == ()
    assert weights.load(f"{path}:ema").tensors != weights.load(f"{path}:model").tensors
    with pytest.raises(SpecError) as caught:
        weights.load(f"{path}:emma")
    assert codes(caught.value) == ["E1007"]
    assert ":ema`" in text(caught.value)


def test_shards_of_checkpoints_have_an_index(tmp_path: Path) -> None:
    state = module().state_dict()
    places = {key: f"pytorch_model-{i % 2}.bin" for i, key in enumerate(state)}
    for shard in set(places.values()):
        torch.save({k: v for k, v in state.items() if places[k] == shard}, tmp_path / shard)
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    found = weights.load(str(index))
    assert list(found.tensors) == list(state)
    assert {os.path.basename(f) for f in found.files} == set(places.values())
    with pytest.raises(SpecError, match="only checkpoints"):
        weights.load(f"{index}:model")


def test_torchscript_is_named(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "m.pt"))
    with pytest.raises(SpecError, match="TorchScript"):
        weights.load(str(tmp_path / "m.pt"))


# --- Hostile pickles ------------------------------------------------------------------------


def archive(path: Path, pickled: bytes, records: dict[str, bytes] | None = None, compression: int = 0) -> str:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("m/data.pkl", pickled)
        file.writestr("m/byteorder", "little")
        for name, data in (records or {}).items():
            file.writestr(f"m/data/{name}", data)
    return str(path)


class Evil:
    """Runs code where pickle loads it."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", ["top", "value", "key", "state", "hook"])
def test_a_hostile_pickle_does_nothing(place: str, protocol: int, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    evil = Evil(os.system, f"touch {flag}")
    value: Any = {
        "top": evil,
        "value": {"weight": torch.ones(2), "x": evil, "y": Evil(eval, f"open({str(flag)!r}, 'w')")},
        "key": {"weight": torch.ones(2), evil: 1},
        "state": {"weight": torch.ones(2), "c": [evil, {"d": (evil,)}]},
        "hook": {"weight": torch.ones(2), "f": Evil(getattr, Evil(__import__, "os"), "getcwd")},
    }[place]
    torch.save(value, tmp_path / "m.pt", pickle_protocol=protocol)
    if place == "top":
        with pytest.raises(SpecError) as caught:
            weights.load(str(tmp_path / "m.pt"))
        assert codes(caught.value) == ["E1007"]
    else:
        assert list(weights.load(str(tmp_path / "m.pt")).tensors) == ["weight"]
    assert not flag.exists()


def view(
    size: str, stride: str = "(1,)", offset: int = 0, count: int = 4, name: bytes = b"_rebuild_tensor_v2"
) -> bytes:
    """A pickle of {"a": tensor} with these texts of tuples."""
    out = io.BytesIO()
    out.write(
        b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n"
        + name
        + b"\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    )
    out.write(integer(count) + b"tQ" + integer(offset))
    for numbers in (size, stride):
        out.write(b"(" + b"".join(integer(n) for n in eval(numbers)) + b"t")
    out.write(b"\x89ccollections\nOrderedDict\n)RtRs.")
    return out.getvalue()


def integer(n: int) -> bytes:
    raw = n.to_bytes(17, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def test_the_hand_made_pickle_is_sound(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.pt", view("(2, 2)", "(2, 1)"), {"0": bytes(16)})
    assert weights.load(path).tensors["a"].shape == (2, 2)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("m/version", "3")
    assert torch.load(path)["a"].shape == (2, 2)


LYING = {
    "too large": (view("(5,)"), {"0": bytes(16)}),
    "offset": (view("(4,)", offset=1), {"0": bytes(16)}),
    "stride": (view("(2, 2)", "(3, 1)"), {"0": bytes(16)}),
    "huge stride": (view("(2,)", f"({2**62},)"), {"0": bytes(16)}),
    "negative stride": (view("(2,)", "(-1,)"), {"0": bytes(16)}),
    "negative size": (view("(-2,)"), {"0": bytes(16)}),
    "negative offset": (view("(2,)", offset=-1), {"0": bytes(16)}),
    "huge size": (view(f"({2**62}, {2**62})", "(0, 1)"), {"0": bytes(16)}),
    "overflow": (view(f"({2**70},)"), {"0": bytes(16)}),
    "rank": (view(repr((1,) * 65), repr((1,) * 65)), {"0": bytes(16)}),
    "other ranks": (view("(1, 1)", "(1,)"), {"0": bytes(16)}),
    "no record": (view("(4,)"), {}),
    "short record": (view("(4,)"), {"0": bytes(15)}),
    "cut": (view("(4,)")[:-10], {"0": bytes(16)}),
    "no stop": (view("(4,)")[:-1], {"0": bytes(16)}),
    "empty": (b"", {}),
    "pop of nothing": (b"\x80\x02000.", {}),
    "tuple of nothing": (b"\x80\x02\x87.", {}),
    "mark missing": (b"\x80\x02}u.", {}),
    "memo missing": (b"\x80\x02h\x07.", {}),
    "bad text": (b"\x80\x02X\x02\x00\x00\x00\xff\xfe.", {}),
    "long text": (b"\x80\x02X\xff\xff\xff\xffabc.", {}),
    "very long text": (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", {}),
    "opcode": (b"\x80\x02i.", {}),
    "persistent id as text": (b"\x80\x02P1\n.", {}),
    "extension": (b"\x80\x02\x82\x01.", {}),
    "endless name": (b"\x80\x02c" + b"a" * 1_000_000, {}),
}


@pytest.mark.parametrize("name", LYING)
def test_a_lying_pickle_is_a_clear_error(name: str, tmp_path: Path) -> None:
    pickled, records = LYING[name]
    with pytest.raises(SpecError) as caught:
        weights.load(archive(tmp_path / "m.pt", pickled, records))
    assert codes(caught.value) == ["E1006"]
    assert len(text(caught.value)) < 500


def doubling(make: bytes, levels: int) -> bytes:
    """A nest in which each level holds the one below twice."""
    out = b"\x80\x02)q\x00"
    for i in range(levels):
        index = struct.pack("<I", i)
        after = struct.pack("<I", i + 1)
        out += b"j" + index + b"j" + index + make + b"r" + after + b"0"
    return out + b"}j" + struct.pack("<I", levels)


BOMBS = {
    "memo far away": b"\x80\x02}r\xff\xff\xff\xff.",
    "nested tuples as a key": doubling(b"\x86", 200) + b"Ns.",
    "nested tuples as a value": doubling(b"\x86", 200)[: -len(b"}j....")] + b"}X\x01\x00\x00\x00aj" + struct.pack("<I", 200) + b"s.",
    "deep lists": b"\x80\x02}X\x01\x00\x00\x00a" + b"]" * 500_000 + b"a" * 499_999 + b"s.",
    "marks": b"\x80\x02" + b"(" * 3_000_000,
    "empty dicts": b"\x80\x02" + b"}" * 3_900_000 + b".",
    "opcodes": b"\x80\x02" + b"N0" * 10_000_000,
    "colliding keys": b"\x80\x02}("
    + b"".join(b"\x8a\x0c" + (k * ((1 << 61) - 1)).to_bytes(12, "little") + b"N" for k in range(1, 400_000))
    + b"u.",
    "one long size many times": b"\x80\x02(" + b"K\x01" * 400_000 + b"tq\x010}(" + b"Nctorch\nSize\nh\x01\x85R" * 100_000 + b"u.",
    "one long name many times": b"\x80\x04X" + struct.pack("<I", 10_000_000) + b"a" * 10_000_000 + b"q\x010}(" + b"Nh\x01h\x01\x93)R" * 100_000 + b"u.",
    "one dict under many keys": b"\x80\x02}(" + b"".join(b"X\x06\x00\x00\x00%06dN" % i for i in range(100_000)) + b"uq\x010}(" + b"".join(b"X\x06\x00\x00\x00%06dh\x01" % i for i in range(300_000)) + b"u.",
}  # fmt: skip


BOUNDED = """
import resource, sys, time
from spec_lang.diagnostics import SpecError
from spec_lang.weights import export as weights
resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))
for path in sys.argv[1:]:
    start = time.process_time()
    try:
        weights.load(path)
    except SpecError as error:
        print(error.diagnostics[0].code, time.process_time() - start)
"""


@pytest.mark.long
def test_bombs_are_refused_in_bounded_time_and_memory(tmp_path: Path) -> None:
    paths = [archive(tmp_path / f"{i}.pt", pickled) for i, pickled in enumerate(BOMBS.values())]
    run = subprocess.run([sys.executable, "-c", BOUNDED, *paths], capture_output=True, text=True, check=False)
    assert run.stderr == ""
    answers = dict(zip(BOMBS, (line.split() for line in run.stdout.splitlines()), strict=True))
    for name, (code, seconds) in answers.items():
        assert code in ("E1006", "E1007"), name
        assert float(seconds) < 8, name


def test_random_changes_never_surprise(tmp_path: Path) -> None:
    """Whatever bytes of a pickle change, the answer is tensors or a diagnostic."""
    buffer = io.BytesIO()
    torch.save({"state_dict": module().state_dict(), "epoch": 3}, buffer)
    with zipfile.ZipFile(buffer) as file:
        pickled = file.read("archive/data.pkl")
        records = {n.split("/")[-1]: file.read(n) for n in file.namelist() if "/data/" in n}
    dice = random.Random(0)
    answers = collections.Counter[str]()
    for _ in range(400):
        changed = bytearray(pickled)
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        try:
            weights.load(archive(tmp_path / "m.pt", bytes(changed), records))
            answers["tensors"] += 1
        except SpecError as error:
            answers[codes(error)[0]] += 1
    assert set(answers) <= {"tensors", "E1006", "E1007"}
    assert answers["E1006"] > 20


# --- Hostile archives -----------------------------------------------------------------------


def test_a_zip_bomb_is_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("m/data.pkl", view("(4,)"))
        file.writestr("m/data/0", bytes(200 << 20))
    assert (tmp_path / "m.pt").stat().st_size < 1 << 20
    start = process_time()
    with pytest.raises(SpecError, match="compressed"):
        weights.load(str(tmp_path / "m.pt"))
    assert process_time() - start < 0.5


def sound() -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m/data.pkl", view("(4,)"))
        file.writestr("m/data/0", bytes(16))
    return bytearray(buffer.getvalue())


def patched(offset_of: bytes, at: int, value: bytes, nth: int = 0) -> bytes:
    data = sound()
    place = -1
    for _ in range(nth + 1):
        place = data.index(offset_of, place + 1)
    data[place + at : place + at + len(value)] = value
    return bytes(data)


CENTRAL, END, LOCAL = b"PK\1\2", b"PK\5\6", b"PK\3\4"
ARCHIVES = {
    "cut in half": bytes(sound()[: len(sound()) // 2]),
    "end cut": bytes(sound()[:-5]),
    "end offset": patched(END, 16, b"\xff\xff\xff\x7f"),
    "end size": patched(END, 12, b"\xff\xff\xff\x7f"),
    "end count": patched(END, 8, b"\xff\xff\xff\xff"),
    "several disks": patched(END, 4, b"\1\0"),
    "method": patched(CENTRAL, 10, b"\x08\0"),
    "local method": patched(LOCAL, 8, b"\x08\0"),
    "local name": patched(LOCAL, 30, b"x"),
    "encrypted": patched(CENTRAL, 8, b"\1\0"),
    "two sizes": patched(CENTRAL, 20, b"\1\0\0\0"),
    "huge record": patched(CENTRAL, 20, b"\xff\xff\xff\x7f" * 2, 1),
    "64-bit missing": patched(CENTRAL, 20, b"\xff\xff\xff\xff" * 2, 1),
    "record elsewhere": patched(CENTRAL, 42, b"\x40\0\0\0", 1),
    "overlap": patched(CENTRAL, 20, (300).to_bytes(4, "little") * 2),
    "name length": patched(CENTRAL, 28, b"\xff\xff"),
    "twice": bytes(sound()).replace(b"m/data/0", b"m/data.p").replace(b"m/data.pkl", b"m/data.p__"),
    "no pickle": bytes(sound()).replace(b"data.pkl", b"date.pkl"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_malformed_archive_is_a_clear_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(ARCHIVES[name])
    with pytest.raises(SpecError) as caught:
        weights.load(str(path))
    assert codes(caught.value) == ["E1006"]


def test_the_unharmed_archive_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(sound())
    assert list(weights.load(str(tmp_path / "m.pt")).tensors) == ["a"]


def test_64_bit_archives_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as file:
        for name, data in (("m/data.pkl", view("(4,)")), ("m/data/0", b"abcd" * 4)):
            with file.open(zipfile.ZipInfo(name), "w", force_zip64=True) as record:
                record.write(data)
    assert elements(weights.load(str(tmp_path / "m.pt")).tensors["a"]) == b"abcd" * 4


def test_a_big_endian_checkpoint_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as file:
        file.writestr("m/data.pkl", view("(4,)"))
        file.writestr("m/byteorder", "big")
    with pytest.raises(SpecError, match="big-endian"):
        weights.load(str(tmp_path / "m.pt"))


def legacy(*objects: object, tail: bytes = b"") -> bytes:
    return b"".join(pickle.dumps(o, 2) for o in objects) + tail


SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
LEGACY = {
    "other magic": legacy(1, 1001, SYSTEM, {}, []),
    "other protocol": legacy(0x1950A86A20F9469CFC6C, 1, SYSTEM, {}, []),
    "big endian": legacy(0x1950A86A20F9469CFC6C, 1001, {"little_endian": False}, {}, []),
    "keys": legacy(0x1950A86A20F9469CFC6C, 1001, SYSTEM, {}, [1]),
    "unknown storage": legacy(0x1950A86A20F9469CFC6C, 1001, SYSTEM, {}, ["7"]),
    "cut": legacy(0x1950A86A20F9469CFC6C, 1001),
    "no data": legacy(0x1950A86A20F9469CFC6C, 1001, SYSTEM) + view("(4,)") + legacy(["0"]),
    "large data": legacy(0x1950A86A20F9469CFC6C, 1001, SYSTEM)
    + view("(4,)")
    + legacy(["0"], tail=(1 << 62).to_bytes(8, "little") + bytes(16)),
    "short data": legacy(0x1950A86A20F9469CFC6C, 1001, SYSTEM)
    + view("(4,)")
    + legacy(["0"], tail=(3).to_bytes(8, "little") + bytes(16)),
}


@pytest.mark.parametrize("name", LEGACY)
def test_a_malformed_file_of_the_older_format(name: str, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(LEGACY[name])
    with pytest.raises(SpecError) as caught:
        weights.load(str(tmp_path / "m.pt"))
    assert codes(caught.value) == ["E1006"]
