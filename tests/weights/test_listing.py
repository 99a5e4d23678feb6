"""`specc weights`: what a file holds, whatever its format, and its conversion to safetensors."""

from __future__ import annotations

import json
import random
from pathlib import Path

import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from spec_lang import loading
from spec_lang.diagnostics import SpecError
from spec_lang.weights.listing import listed
from spec_lang.weights.onnx_file import about
from spec_lang.weights.saving import save
from tests.commands import specc
from tests.weights.helpers import codes, listing

STATE = {
    "b.weight": torch.randn(3, 4),
    "a.half": torch.randn(5).half(),
    "n": torch.tensor(3),
    "flags": torch.tensor([True, False]),
    "empty": torch.zeros(0, 7),
    "brain": torch.randn(2, 2).bfloat16(),
    "double": torch.randn(2).double(),
}


def rows(path: Path) -> dict[str, tuple[str, tuple[int, ...], int | None]]:
    return {r.name: (r.dtype, r.shape, r.size) for r in listed(str(path))[0]}


def expected(prefix: str = "") -> dict[str, tuple[str, tuple[int, ...], int]]:
    names = {
        "float32": "f32",
        "float16": "f16",
        "int64": "i64",
        "bool": "bool",
        "bfloat16": "bf16",
        "float64": "f64",
    }
    return {
        prefix + k: (names[str(v.dtype)[6:]], tuple(v.shape), v.numel() * v.element_size())
        for k, v in STATE.items()
    }


def graph(folder: Path, how: str) -> Path:
    """An ONNX model with the state as its weights."""
    tensors = []
    for key, value in STATE.items():
        bits = value.view(torch.int16) if value.dtype is torch.bfloat16 else value
        number = {"bfloat16": 16, "float16": 10}.get(str(value.dtype)[6:])
        number = number or onnx.helper.np_dtype_to_tensor_dtype(bits.numpy().dtype)
        raw = bits.numpy().tobytes()
        tensors.append(onnx.helper.make_tensor(key, number, value.shape, raw, raw=True))
    if how == "as numbers":
        tensors[0] = onnx.helper.make_tensor("b.weight", 1, (3, 4), STATE["b.weight"].flatten().tolist())
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], tensors))
    path = folder / "m.onnx"
    onnx.save(model, path, save_as_external_data=how == "beside", size_threshold=0)
    return path


def stored(kind: str, folder: Path) -> Path:
    if kind == "safetensors":
        save_file(STATE, folder / "w.safetensors")
    elif kind == "index":
        places = {key: f"s{i % 2}.safetensors" for i, key in enumerate(STATE)}
        for shard in set(places.values()):
            save_file({k: v for k, v in STATE.items() if places[k] == shard}, folder / shard)
        (folder / "w.index.json").write_text(json.dumps({"weight_map": places}))
        return folder / "w.index.json"
    elif kind == "checkpoint":
        torch.save(STATE, folder / "w.pt")
        return folder / "w.pt"
    else:
        return graph(folder, kind)
    return folder / "w.safetensors"


KINDS = ["safetensors", "index", "checkpoint", "inside", "beside", "as numbers"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_listed(kind: str, tmp_path: Path) -> None:
    assert rows(stored(kind, tmp_path)) == expected()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_converted_is_the_same_for_pytorch(kind: str, tmp_path: Path) -> None:
    save(str(stored(kind, tmp_path)), str(tmp_path / "out.safetensors"))
    found = load_file(tmp_path / "out.safetensors")
    assert found.keys() == STATE.keys()
    for key, value in STATE.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value)
    assert rows(tmp_path / "out.safetensors") == expected()


def test_all_state_dicts_of_a_checkpoint_are_listed(tmp_path: Path) -> None:
    torch.save({"model": STATE, "nets": {"ema": STATE}, "rng": torch.ones(3)}, tmp_path / "w.pt")
    assert rows(tmp_path / "w.pt") == expected("model.") | expected("nets.ema.") | {"rng": ("f32", (3,), 12)}
    assert rows(Path(f"{tmp_path}/w.pt:nets.ema")) == expected()


def test_views_are_gathered_and_kinds_that_no_model_has_are_listed(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    torch.save({"t": whole.t(), "c": torch.ones(2, dtype=torch.complex64)}, tmp_path / "w.pt")
    assert rows(tmp_path / "w.pt")["c"][1:] == ((2,), 16)
    with pytest.raises(SpecError) as caught:
        save(str(tmp_path / "w.pt"), str(tmp_path / "out.safetensors"))
    assert codes(caught.value) == ["E1011"]
    save(str(tmp_path / "w.pt"), str(tmp_path / "out.safetensors"), ignores=["c"], renames=["t=x"])
    assert torch.equal(load_file(tmp_path / "out.safetensors")["x"], whole.t())
    assert listing(tmp_path) == {"w.pt", "out.safetensors"}


TIED = """
model Net:
    layers:
        embed = Embedding(5, 4)
        norm  = BatchNorm1d(4)
        head  = Linear(4, 5, bias=false)

    tie head.weight = embed.weight

    forward(words: int[N]) -> float[N, 5]:
        return words -> embed -> norm -> head
"""


def test_a_models_state_loads_into_it(tmp_path: Path) -> None:
    """Both of a tied pair, one of them, and under the names that `torch.compile` gives; older files lack the counter of a norm."""
    (tmp_path / "net.nnspec").write_text(TIED)
    module = loading.load(tmp_path / "net.nnspec").Net()
    nn.init.normal_(module.norm.weight)
    state = {f"_orig_mod.{k}": v for k, v in module.state_dict().items() if "num_batches" not in k}
    state["_orig_mod.extra"] = torch.ones(1)
    torch.save({"model": state}, tmp_path / "w.pt")
    command = ["weights", "w.pt", "--to", "out.safetensors", "--model", "net.nnspec:Net"]
    done = specc(*command, cwd=tmp_path)
    assert done.returncode == 1
    assert "--rename '_orig_mod.*=*'" in done.stderr
    done = specc(*command, "--rename", "_orig_mod.*=*", "--ignore", "extra", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    other = loading.load(tmp_path / "net.nnspec").Net()
    other.load_state_dict(load_file(tmp_path / "out.safetensors"))
    for key, value in module.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key
    found = rows(tmp_path / "out.safetensors")
    assert len({"embed.weight", "head.weight"} & found.keys()) == 1
    assert (
        specc(
            "compile", "net.nnspec", "--target", "onnx", "--weights", "out.safetensors", cwd=tmp_path
        ).returncode
        == 0
    )


def test_json_has_a_tensor_a_line(tmp_path: Path) -> None:
    path = stored("checkpoint", tmp_path)
    done = specc("weights", path, "--format", "json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {f["name"]: (f["dtype"], tuple(f["shape"]), f["bytes"]) for f in found} == expected()
    table = specc("weights", path).stdout.splitlines()
    assert table[0].split() == ["name", "dtype", "shape", "bytes"]
    assert table[1].split(maxsplit=2)[:2] == ["b.weight", "f32"]
    assert table[-1] == "7 tensors, 92 bytes"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--rename", "a=b"], 2),
        (["--model", "net.nnspec"], 2),
        (["--to", "out.pt"], 2),
        (["--to", "out.safetensors", "--set", "a=1"], 2),
        (["--to", "out.safetensors", "--model", "none.nnspec"], 2),
        (["--to", "out.safetensors", "--model", "net.nnspec:Other"], 1),
        (["--to", "out.safetensors", "--model", "net.nnspec"], 1),
        (["--to", "there.safetensors"], 1),
        (["--to", "w.safetensors"], 1),
        (["--to", "w.safetensors", "--force"], 1),
        (["--to", "out.safetensors", "--ignore", "nothing"], 1),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_mistakes_are_told_and_leave_nothing(options: list[str], status: int, tmp_path: Path) -> None:
    (tmp_path / "net.nnspec").write_text(TIED)
    (tmp_path / "there.safetensors").write_text("mine")
    stored("safetensors", tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    done = specc("weights", "w.safetensors", *options, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert "rror" in done.stderr
    assert "itself failed" not in done.stderr
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def changed(data: bytes, dice: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out))
        kind = dice.random()
        if kind < 0.6:
            out[at] = dice.choice([0, 1, 127, 128, 255, dice.randrange(256)])
        elif kind < 0.8:
            del out[at : at + dice.randint(1, 9)]
        else:
            out[at:at] = dice.randbytes(dice.randint(1, 9))
    return bytes(out)


@pytest.mark.parametrize("kind", ["inside", "beside"])
def test_random_changes_of_a_graph_never_surprise(kind: str, tmp_path: Path) -> None:
    path = stored(kind, tmp_path)
    data = path.read_bytes()
    dice = random.Random(0)
    answers: set[str] = set()
    for _ in range(400):
        path.write_bytes(changed(data, dice))
        about(str(path))
        try:
            listed(str(path))
            save(str(path), str(tmp_path / "out.safetensors"))
        except SpecError as error:
            answers |= set(codes(error))
        else:
            answers.add("saved")
    assert answers <= {"saved", "E1018", "E1001", "E1003", "E1011", "E1013", "E1016"}
    assert "saved" in answers


@pytest.mark.parametrize("place", ["/etc/passwd", "../w", "a/../../w", "", "no\0"])
def test_weights_outside_the_models_folder_are_not_read(place: str, tmp_path: Path) -> None:
    tensor = onnx.TensorProto(name="a", data_type=1, dims=[1])
    tensor.external_data.add(key="location", value=place)
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(SpecError) as caught:
        listed(str(tmp_path / "m.onnx"))
    assert codes(caught.value) == ["E1018"]


def test_a_graph_of_endless_fields_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x08\x01" * 3_000_000)
    assert about(str(tmp_path / "m.onnx")).producer == ""
    with pytest.raises(SpecError, match="fields"):
        listed(str(tmp_path / "m.onnx"))
