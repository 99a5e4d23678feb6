"""What `torch.save` writes beside plain tensors: each kind is read as torch reads it, or named and refused."""

from __future__ import annotations

import argparse
import collections
import datetime
import io
import pathlib
import pickle
import pickletools
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spec_lang.diagnostics import SpecError
from spec_lang.shapes.dtype import DType
from spec_lang.weights import export as weights
from spec_lang.weights.elements import read
from spec_lang.weights.state import Entry, State
from spec_lang.weights.unpickle import BadPickle, load
from tests.weights.helpers import codes, exported, needed_of, text

FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older"])


def saved(value: object, folder: Path, zipped: bool, **options: Any) -> str:
    path = folder / "m.pt"
    torch.save(value, path, _use_new_zipfile_serialization=zipped, **options)
    return str(path)


def elements(path: str, key: str) -> bytes:
    stored = weights.load(path).tensors[key]
    return b"".join(read(stored, 0, int(np.prod(stored.shape))))


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


class Sub(torch.Tensor):
    """A tensor of somebody's own class."""


def attributed() -> torch.nn.Parameter:
    parameter = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    parameter.note = "state of its own"  # type: ignore[attr-defined]
    return parameter


SAME: dict[str, Callable[[], torch.Tensor]] = {
    "a parameter": lambda: torch.nn.Parameter(torch.randn(2, 3)),
    "a parameter with attributes": attributed,
    "a buffer": lambda: torch.nn.Buffer(torch.randn(2, 3)),
    "a subclass": lambda: torch.randn(2, 3).as_subclass(Sub),
    "channels last": lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "another dtype's storage": lambda: torch.arange(6, dtype=torch.float64)[1:].view(torch.float32),
    "expanded and stepped": lambda: torch.arange(24.0).view(2, 3, 4).permute(2, 1, 0)[::2],
    "of no elements": lambda: torch.empty(3, 0).t(),
    "of no dims": lambda: torch.tensor(2.0),
    "asking for gradients": lambda: torch.ones(2, requires_grad=True),
}


@pytest.mark.parametrize("name", SAME)
@FORMATS
def test_tensors_are_read_as_torch_reads_them(name: str, zipped: bool, tmp_path: Path) -> None:
    tensor = SAME[name]()
    path = saved({"a": tensor, "b": torch.ones(1)}, tmp_path, zipped)
    assert elements(path, "a") == bits(tensor.as_subclass(torch.Tensor))
    assert elements(path, "b") == bits(torch.ones(1))


def quantised() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_channel(torch.randn(3, 2), torch.ones(3), torch.zeros(3), 0, torch.qint8)


OTHER: dict[str, tuple[Callable[[], torch.Tensor], str]] = {
    "negated": (
        lambda: torch.imag(torch.ones(4, dtype=torch.complex64).conj()),
        "negated or conjugated view",
    ),
    "conjugated": (lambda: torch.ones(4, dtype=torch.complex64).conj(), "negated or conjugated view"),
    "complex": (lambda: torch.ones(4, dtype=torch.complex64), "ComplexFloatStorage"),
    "sparse": (lambda: torch.eye(4).to_sparse(), "sparse tensor"),
    "rows of a sparse one": (lambda: torch.eye(4).to_sparse_csr(), "sparse tensor"),
    "quantised": (quantised, "quantised tensor"),
    "nested": (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "nested tensor"),
    "without data": (lambda: torch.empty(4, device="meta"), "tensor without data"),
    "unsigned": (lambda: torch.ones(4, dtype=torch.uint16), "uint16"),
    "of eight bits": (lambda: torch.ones(4).to(torch.float8_e4m3fn), "float8_e4m3fn"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OTHER)
@FORMATS
def test_tensors_of_another_kind_are_named_and_never_taken(name: str, zipped: bool, tmp_path: Path) -> None:
    make, kind = OTHER[name]
    path = saved({"a": make(), "b": torch.arange(3.0)}, tmp_path, zipped)
    assert weights.load(path).tensors["a"].dtype == kind
    assert elements(path, "b") == bits(torch.arange(3.0))
    state = State((Entry("a", (4,), DType.FLOAT), Entry("b", (3,), DType.FLOAT)))
    with pytest.raises(SpecError) as caught:
        exported(state, needed_of(state), tmp_path / "m.onnx", weights=path)
    assert codes(caught.value) == ["E1011"]
    assert f"`a` is f32 in the model, `{kind}` in the file" in text(caught.value)


BESIDE = {
    "number": 10**300, "larger number": 1 << 3000, "bytes": b"xx", "bytearray": bytearray(b"xx"), "set": {1, 2}, "frozen": frozenset({1}),
    "path": pathlib.PurePosixPath("x"), "time": datetime.datetime(2020, 1, 1), "complex": 3j, "error": ValueError("x"),
    "dtype": torch.float32, "device": torch.device("cpu"), "scalar": np.float64(3.0), "array": np.arange(3), "counter": collections.Counter("aab"),
    "storage": torch.ones(3).untyped_storage(), "namespace": argparse.Namespace(lr=0.1), "none": None, "size": torch.Size([3]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@FORMATS
def test_whatever_stands_beside_tensors_is_left_out(zipped: bool, protocol: int, tmp_path: Path) -> None:
    path = saved({"a": torch.arange(3.0), **BESIDE}, tmp_path, zipped, pickle_protocol=protocol)
    assert elements(path, "a") == bits(torch.arange(3.0))
    assert list(weights.load(path).tensors) == ["a"]


def test_the_oldest_protocol_that_torch_takes(tmp_path: Path) -> None:
    path = saved({"a": torch.arange(3.0), "n": 10**30, "yes": True}, tmp_path, True, pickle_protocol=1)
    assert elements(path, "a") == bits(torch.arange(3.0))


@FORMATS
def test_a_default_dict_is_a_dict(zipped: bool, tmp_path: Path) -> None:
    path = saved(collections.defaultdict(list, {"a": torch.arange(3.0)}), tmp_path, zipped)
    assert elements(path, "a") == bits(torch.arange(3.0))


@FORMATS
def test_parallel_modules_take_a_rename(zipped: bool, tmp_path: Path) -> None:
    linear = torch.nn.Linear(2, 3)
    path = saved({"state_dict": torch.nn.DataParallel(linear).state_dict()}, tmp_path, zipped)
    state = State((Entry("weight", (3, 2), DType.FLOAT), Entry("bias", (3,), DType.FLOAT)))
    with pytest.raises(SpecError) as caught:
        exported(state, needed_of(state), tmp_path / "m.onnx", weights=path)
    assert "`--rename 'module.*=*'`" in text(caught.value)
    found, _ = exported(state, needed_of(state), tmp_path / "m.onnx", weights=path, renames=["module.*=*"])
    assert found["weight"].tobytes() == bits(linear.weight)


# --- Python 2 -------------------------------------------------------------------------------


def as_python_2(pickled: bytes) -> bytes:
    """The same pickle with the strings of Python 2."""
    out = bytearray()
    operations = [(o, a, p) for o, a, p in pickletools.genops(pickled) if p is not None]
    ends = [p for _, _, p in operations[1:]] + [len(pickled)]
    for (operation, argument, at), end in zip(operations, ends, strict=True):
        if operation.name == "BINUNICODE":
            raw = argument.encode()
            out += pickle.SHORT_BINSTRING + struct.pack("<B", len(raw)) + raw
        else:
            out += pickled[at:end]
    return bytes(out)


def test_checkpoints_of_python_2(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(
        {"state_dict": {"a": torch.arange(3.0), "b": torch.ones(2, 2)}}, buffer, _use_new_zipfile_serialization=False
    )  # fmt: skip
    data = buffer.getvalue()
    out, at = b"", 0
    for _ in range(5):
        stream = io.BytesIO(data[at:])
        for operation, _, _ in pickletools.genops(stream):
            if operation.name == "STOP":
                break
        out += as_python_2(data[at : at + stream.tell()])
        at += stream.tell()
    path = tmp_path / "m.pt"
    path.write_bytes(out + data[at:])
    assert torch.equal(torch.load(path, weights_only=False)["state_dict"]["a"], torch.arange(3.0))
    assert elements(str(path), "a") == bits(torch.arange(3.0))


def test_ordered_dicts_of_python_2() -> None:
    """Their items stand in a list of lists, as the argument of the call."""
    made = b"\x80\x02ccollections\nOrderedDict\n](](U\x01aK\x07e](U\x01bK\x08ee\x85R."
    assert pickle.loads(made) == {"a": 7, "b": 8}
    assert load(memoryview(made)).value == {"a": 7, "b": 8}


# --- Hostile numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pickled",
    [b"\x80\x02I" + b"9" * 2000 + b"\n.", b"\x80\x02Iabc\n.", b"\x80\x02L\n.", b"\x80\x02\x8b\xff\xff\xff\xff.", b"\x80\x02\x8b\xff\xff\xff\x7f."],
)  # fmt: skip
def test_malformed_numbers(pickled: bytes) -> None:
    with pytest.raises(BadPickle):
        load(memoryview(pickled))
