"""`specc run` and `verify` with inputs and models that are wrong or made to harm: each is explained, and nothing is unpickled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.commands import specc

SPEC = """
model E(vocab: int = 10, context: int = 4):
    layers:
        emb = Embedding(vocab, 32)

    forward(t: int[N, T]) -> float[N, T, 32]:
        require T <= context
        return t -> emb
"""


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def write(folder: Path) -> None:
    (folder / "e.nnspec").write_text(SPEC)
    np.save(folder / "swapped.npy", np.ones((2, 3), ">i8"))
    np.save(folder / "outside.npy", np.full((2, 3), 99))
    np.save(folder / "object.npy", np.array([[{1: 2}]], dtype=object), allow_pickle=True)
    np.savez(folder / "several.npz", a=np.zeros(3))
    np.save(folder / "short.npy", np.zeros((2, 3), np.float16))
    (folder / "huge.npy").write_bytes(
        npy(b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000, 3)}\n")
    )
    (folder / "deep.npy").write_bytes(npy(b"(" * 5000))


def run(folder: Path, file: str, runtime: str = "onnxruntime") -> subprocess.CompletedProcess[str]:
    return specc("run", "e.nnspec", "--input", f"t={file}", "-o", "out", "--runtime", runtime, cwd=folder)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("object.npy", "Object arrays cannot be loaded"),
        ("several.npz", "archive of several"),
        ("short.npy", "float16, but the model takes int64"),
        ("huge.npy", "no .npy file that can be read"),
        ("deep.npy", "no .npy file that can be read"),
        ("gone.npy", "No such file"),
        ("outside.npy", "refuses these inputs"),
    ],
)
def test_wrong_inputs_are_explained(file: str, words: str, tmp_path: Path) -> None:
    write(tmp_path)
    done = run(tmp_path, file)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_another_byte_order_is_read(runtime: str, tmp_path: Path) -> None:
    write(tmp_path)
    assert run(tmp_path, "swapped.npy", runtime).returncode == 0
    assert np.load(tmp_path / "out" / "output.npy").shape == (2, 3, 32)


def exported(folder: Path) -> onnx.ModelProto:
    write(folder)
    np.save(folder / "t.npy", np.ones((2, 3), np.int64))
    done = specc("compile", "e.nnspec", "--target", "onnx", "--seed", "0", cwd=folder)
    assert done.returncode == 0, done.stderr
    return onnx.load(folder / "e.onnx", load_external_data=False)


def metadata(model: onnx.ModelProto, key: str, value: str) -> None:
    next(p for p in model.metadata_props if p.key == key).value = value


def rename(model: onnx.ModelProto, old: str, new: str) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.name = new if value.name == old else value.name
    for node in model.graph.node:
        node.input[:] = [new if n == old else n for n in node.input]
        node.output[:] = [new if n == old else n for n in node.output]


def outside(model: onnx.ModelProto, location: str) -> None:
    for tensor in model.graph.initializer:
        next(e for e in tensor.external_data if e.key == "location").value = location


def custom(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "somebody.else"
    model.opset_import.append(onnx.helper.make_opsetid("somebody.else", 1))


def reshaped(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2**62


def huge(model: onnx.ModelProto) -> None:
    """A result of 64 TiB that stands for the model's."""
    graph = model.graph
    graph.initializer.append(
        onnx.helper.make_tensor("sizes", onnx.TensorProto.INT64, [3], [2**20, 2**19, 32])
    )
    graph.node.append(onnx.helper.make_node("ConstantOfShape", ["sizes"], ["zeros"]))
    del graph.node[:-1]
    graph.node[0].output[0] = graph.output[0].name


ALTERED: dict[str, tuple[Callable[[onnx.ModelProto], object], str]] = {
    "an input renamed": (lambda m: rename(m, "t", "u"), "has no input `t`"),
    "an output that is a path": (lambda m: rename(m, "output", "../../gone"), "has no output `output`"),
    "one more input": (
        lambda m: m.graph.input.append(onnx.helper.make_tensor_value_info("\x1b[31m", 1, [3])),
        "has the input `?[31m`, which forward of E has not",
    ),
    "no outputs": (lambda m: m.graph.ClearField("output"), "has no output `output`"),
    "another shape": (reshaped, "the input `t` of bad.onnx has another type"),
    "another model": (lambda m: metadata(m, "model", "F\n" * 500), "is no export of E, but of `F?F"),
    "a seed that is no number": (lambda m: metadata(m, "specc.seed", "-1"), "has a seed that is no number"),
    "weights above the folder": (lambda m: outside(m, "../e.onnx.data"), "cannot load the model"),
    "weights on a device": (lambda m: outside(m, "/dev/zero"), "cannot load the model"),
    "weights behind a link": (lambda m: outside(m, "link"), "cannot load the model"),
    "an unknown operator": (custom, "cannot load the model"),
    "a result of terabytes": (huge, "refuses"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_altered_models_are_explained(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    model = exported(folder)
    (tmp_path / "e.onnx.data").write_bytes((folder / "e.onnx.data").read_bytes())
    (folder / "link").symlink_to(tmp_path / "e.onnx.data")
    change, words = ALTERED[name]
    change(model)
    onnx.save(model, folder / "bad.onnx")
    done = specc("run", "e.nnspec", "--input", "t.npy", "-o", "out", "--onnx", "bad.onnx", cwd=folder)
    assert done.returncode == 1
    assert words in done.stderr
    assert "specc itself" not in done.stderr
    assert not (folder / "out").exists()


def test_verify_explains_what_a_runtime_refuses(tmp_path: Path) -> None:
    model = exported(tmp_path)
    huge(model)
    onnx.save(model, tmp_path / "bad.onnx")
    done = specc("verify", "e.nnspec", "--onnx", "bad.onnx", "--samples", "1", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ONNX Runtime refuses these inputs")


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"onnx" * 100, "half"])
def test_files_that_are_no_models(content: bytes | str, tmp_path: Path) -> None:
    whole = exported(tmp_path).SerializeToString()
    (tmp_path / "bad.onnx").write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
    done = specc("run", "e.nnspec", "--input", "t.npy", "--onnx", "bad.onnx", cwd=tmp_path)
    assert done.returncode == 1
    assert "bad.onnx is no " in done.stderr


@pytest.mark.parametrize("path", ["/dev/zero", os.fsdecode(b"\xff.onnx"), "sparse.onnx", "bare/e.onnx"])
def test_models_that_are_not_opened(path: str, tmp_path: Path) -> None:
    model = exported(tmp_path)
    onnx.save(model, tmp_path / os.fsdecode(b"\xff.onnx"))
    with open(tmp_path / "sparse.onnx", "wb") as file:
        file.truncate(1 << 40)
    specc("compile", "e.nnspec", "--target", "onnx", "--no-weights", "-o", "bare", cwd=tmp_path)
    done = specc("run", "e.nnspec", "--input", "t.npy", "-o", "out", "--onnx", path, cwd=tmp_path)
    assert done.returncode == 1
    assert any(w in done.stderr for w in ("no regular file", "not UTF-8", "those end at", "--no-weights"))
    assert not (tmp_path / "out").exists()


def test_an_output_is_not_written_over_an_input(tmp_path: Path) -> None:
    write(tmp_path)
    np.save(tmp_path / "output.npy", np.ones((2, 3), np.int64))
    before = (tmp_path / "output.npy").read_bytes()
    done = specc("run", "e.nnspec", "--input", "t=output.npy", cwd=tmp_path)
    assert done.returncode == 1
    assert "output.npy is read, and would be overwritten" in done.stderr
    assert (tmp_path / "output.npy").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--size", "Q=3"], 1, "there is no dim variable `Q`; there are: N, T"),
        (["--size", "T=5"], 1, "the sizes T=5 violate a condition"),
        (["--size", "N"], 2, "--size takes NAME=NUMBER"),
        (["--size", "N=-1"], 2, "--size takes NAME=NUMBER"),
        (["--size", "N=٣"], 2, "--size takes NAME=NUMBER"),
        (["--size", "N=" + "9" * 5000], 2, "--size takes NAME=NUMBER"),
        (["--size", "../N=2"], 2, "--size takes NAME=NUMBER"),
        (["--rename", "a=b"], 2, "--rename goes with --weights"),
    ],
)
def test_options_that_mean_nothing_are_told(
    options: list[str], status: int, words: str, tmp_path: Path
) -> None:
    write(tmp_path)
    done = specc("verify", "e.nnspec", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
