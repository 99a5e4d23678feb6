"""Headers of safetensors files: real ones, and ones that lie."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from safetensors.numpy import save_file

from spec_lang.diagnostics import SpecError
from spec_lang.shapes.dtype import DType
from spec_lang.weights import export as weights
from spec_lang.weights import safetensors
from tests.weights.helpers import codes, text


def raw(path: Path, header: bytes | dict[str, object], data: bytes = b"", length: int | None = None) -> str:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return str(path)


def entry(dtype: str = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_tensors_are_found_where_the_library_put_them(tmp_path: Path) -> None:
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b.c": np.arange(4, dtype=np.int64),
        "half": np.ones((3, 1), np.float16),
        "empty": np.zeros((0, 4), np.float32),
        "scalar": np.array(7.0, np.float64),
        "flag": np.array([True, False]),
    }
    path = tmp_path / "m.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    found = safetensors.read(str(path)).tensors
    assert set(found) == set(tensors)
    data = path.read_bytes()
    for key, value in tensors.items():
        stored = found[key]
        assert stored.shape == value.shape
        assert data[stored.offset : stored.offset + stored.length] == value.tobytes()


def test_a_dtype_that_no_model_has_keeps_its_name(tmp_path: Path) -> None:
    path = raw(tmp_path / "m.safetensors", {"a": entry("F8_E4M3", [4])}, bytes(4))
    assert safetensors.read(path).tensors["a"].dtype == "F8_E4M3"


HOSTILE = {
    "empty": (b"", None, b""),
    "short": (b"\1\0", None, b""),
    "header longer than file": (b"{}", 1 << 62, b""),
    "negative when signed": (b"{}", (1 << 64) - 1, b""),
    "not json": (b"{nope", None, b""),
    "not an object": (b"[1]", None, b""),
    "space first": (b" {}", None, b""),
    "not utf-8": (b'{"\xff\xfe": 1}', None, b""),
    "nested": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, None, b""),
    "nested lists": (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", None, b""),
    "endless number": (b'{"a":' + b"9" * 1_000_000 + b"}", None, b""),
    "twice": (b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2), None, bytes(4)),
    "no entry": (b'{"a": 1}', None, b""),
    "extra field": ({"a": {**entry(), "x": 1}}, None, bytes(4)),
    "missing field": ({"a": {"dtype": "F32"}}, None, bytes(4)),
    "unknown dtype": ({"a": entry("F33")}, None, bytes(4)),
    "dtype no text": ({"a": entry(4)}, None, bytes(4)),
    "negative size": ({"a": entry(shape=[-1])}, None, bytes(4)),
    "float size": ({"a": entry(shape=[1.0])}, None, bytes(4)),
    "true size": ({"a": entry(shape=[True])}, None, bytes(4)),
    "huge size": ({"a": entry(shape=[1 << 64])}, None, bytes(4)),
    "overflowing shape": ({"a": entry(shape=[1 << 62, 4])}, None, bytes(4)),
    "many dims": ({"a": entry(shape=[1] * 65)}, None, bytes(4)),
    "one offset": ({"a": entry(offsets=[0])}, None, bytes(4)),
    "backwards": ({"a": entry(offsets=[4, 0])}, None, bytes(4)),
    "other length": ({"a": entry(offsets=[0, 8])}, None, bytes(8)),
    "truncated": ({"a": entry(shape=[2], offsets=[0, 8])}, None, bytes(4)),
    "overlap": ({"a": entry(), "b": entry(offsets=[2, 6])}, None, bytes(6)),
    "same range": ({"a": entry(), "b": entry()}, None, bytes(4)),
    "hole": ({"a": entry(), "b": entry(offsets=[8, 12])}, None, bytes(12)),
    "hole in front": ({"a": entry(offsets=[4, 8])}, None, bytes(8)),
    "left over": ({"a": entry()}, None, bytes(5)),
    "sub-byte": ({"a": entry("F4", [3], [0, 2])}, None, bytes(2)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_lying_file_is_a_clear_error_in_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    header, length, data = HOSTILE[name]
    path = tmp_path / "m.safetensors"
    if name in ("empty", "short"):
        path.write_bytes(header)
    else:
        raw(path, header, data, length)
    tracemalloc.start()
    start = process_time()
    with pytest.raises(SpecError) as caught:
        weights.load(str(path))
    assert process_time() - start < 2
    assert tracemalloc.get_traced_memory()[1] < 60 << 20
    tracemalloc.stop()
    assert codes(caught.value) == ["E1002"]
    assert len(text(caught.value)) < 1000


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 1 << 40) + b"{")
        file.truncate((1 << 40) + 8)
    start = process_time()
    with pytest.raises(SpecError, match="more than"):
        safetensors.read(str(path))
    assert process_time() - start < 1


@pytest.mark.parametrize(
    "header", [b'{"a":[' + b"1," * 15_000_000 + b"1]}", b'{"a":[' + b"[]," * 10_000_000 + b"1]}"]
)
def test_a_header_of_many_values_is_refused(header: bytes, tmp_path: Path) -> None:
    path = raw(tmp_path / "m.safetensors", header)
    tracemalloc.start()
    with pytest.raises(SpecError, match="values"):
        safetensors.read(path)
    assert tracemalloc.get_traced_memory()[1] < 120 << 20
    tracemalloc.stop()


def test_control_characters_in_keys_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = raw(tmp_path / "m.safetensors", {"\x1b[31mred\n": entry("F33")})
    with pytest.raises(SpecError) as caught:
        safetensors.read(path)
    assert "\x1b" not in text(caught.value)
    assert "?[31mred?" in text(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in ("missing.safetensors", "pipe.safetensors", "."):
        with pytest.raises(SpecError) as caught:
            weights.load(str(tmp_path / name))
        assert codes(caught.value) == ["E1001"]


@pytest.mark.parametrize("content", [b"", b"hello world, this is text", b"\x93NUMPY" + bytes(40), bytes(100)])
def test_files_of_another_kind(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        weights.load(str(path))
    assert codes(caught.value) == ["E1001"]


# --- Shards ---------------------------------------------------------------------------------


def shards(folder: Path, places: dict[str, str]) -> str:
    for shard in set(places.values()):
        keys = [k for k, v in places.items() if v == shard]
        save_file({k: np.full(3, len(k), np.float32) for k in keys}, folder / shard)
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return str(path)


def test_shards_are_read_through_their_index(tmp_path: Path) -> None:
    path = shards(tmp_path, {"a": "m-1.safetensors", "bb": "m-2.safetensors", "ccc": "m-1.safetensors"})
    file = weights.load(path)
    assert list(file.tensors) == ["a", "bb", "ccc"]
    assert [os.path.basename(file.tensors[k].path) for k in ("a", "bb", "ccc")] == [
        "m-1.safetensors",
        "m-2.safetensors",
        "m-1.safetensors",
    ]


@pytest.mark.parametrize(
    "shard",
    [
        "../m.safetensors",
        "/etc/passwd",
        "a/../../m",
        "..",
        ".",
        "",
        "a//b",
        "a\\b",
        "a\0b",
        "./m.safetensors",
    ],
)
def test_shards_outside_the_folder_are_refused(shard: str, tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "m.safetensors")
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"a": shard}}))
    with pytest.raises(SpecError) as caught:
        weights.load(str(path))
    assert codes(caught.value) == ["E1005"]


@pytest.mark.parametrize(
    "index", [b"", b"[]", b"{}", b'{"weight_map": [1]}', b'{"weight_map": {"a": 1}}', b"\xff"]
)
def test_malformed_indices(index: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_bytes(index)
    with pytest.raises(SpecError) as caught:
        weights.load(str(path))
    assert codes(caught.value) == ["E1004"]


def test_an_index_and_its_shards_must_agree(tmp_path: Path) -> None:
    path = Path(shards(tmp_path, {"a": "m-1.safetensors", "bb": "m-2.safetensors"}))
    index = json.loads(path.read_text())
    index["weight_map"] = {"a": "m-1.safetensors", "zz": "m-2.safetensors"}
    path.write_text(json.dumps(index))
    with pytest.raises(SpecError) as caught:
        weights.load(str(path))
    assert "bb" in text(caught.value)
    (tmp_path / "m-2.safetensors").unlink()
    (tmp_path / "m-1.safetensors").write_bytes(b"x")
    with pytest.raises(SpecError) as caught:
        weights.load(str(path))
    assert codes(caught.value) == ["E1002", "E1001"]


def test_seventy_billion_parameters_are_located_in_little_time(tmp_path: Path) -> None:
    """80 layers of a Llama's shapes in 30 sparse shards: 140 GB that are not there."""
    shapes = {"embed": [128_256, 8192], "head": [128_256, 8192]}
    for i in range(80):
        for name, shape in {
            "q": [8192, 8192],
            "k": [1024, 8192],
            "v": [1024, 8192],
            "o": [8192, 8192],
            "gate": [28_672, 8192],
            "up": [28_672, 8192],
            "down": [8192, 28_672],
            "norm1": [8192],
            "norm2": [8192],
        }.items():
            shapes[f"layers.{i}.{name}"] = shape
    places = {key: f"m-{i * 30 // len(shapes)}.safetensors" for i, key in enumerate(shapes)}
    for shard in set(places.values()):
        header, at = {}, 0
        for key in (k for k, v in places.items() if v == shard):
            end = at + 2 * int(np.prod(shapes[key]))
            header[key] = entry("BF16", shapes[key], [at, end])
            at = end
        raw(tmp_path / shard, header)
        os.truncate(tmp_path / shard, (tmp_path / shard).stat().st_size + at)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    start = process_time()
    file = weights.load(str(index))
    assert process_time() - start < 1
    assert sum(t.length for t in file.tensors.values()) > 140e9
    assert all(t.dtype is DType.BF16 for t in file.tensors.values())
