"""An exported model states how it was made, and `verify --onnx` and `run --onnx` use that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from spec_lang.exporting import KEY
from spec_lang.runtimes.stated import literal, stated
from tests.commands import specc

SPEC = """
model Net(width: int = 4, names: list[int] = [1, 2], label: str = "a b", rate: float = 0.5, extra: int? = none,
          size: (int, int) = (2, 3)):
    layers:
        fc = Linear(3, width)

    forward(x: float[N, 3]) -> float[N, width]:
        y = fc(x) * rate
        if extra is not none:
            y = y + extra
        if label == "c d":
            y = y * 3.0
        return y * sum(names) * size[1]

    twice(x: float[N, 3]) -> float[N, width]:
        return fc(x) * 2.0

model Other:
    forward(x: float[N, 3]) -> float[N, 3]:
        return x + 1.0
"""
SETS = [
    "--set=width=5",
    "--set=names=[1, 2, 3]",
    '--set=label="c d"',
    "--set=rate=0.25",
    "--set=extra=7",
    "--set=size=(4, 5)",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.nnspec").write_text(SPEC)
    (tmp_path / "w").mkdir()
    (tmp_path / "out").mkdir()
    state = {"net.fc.weight": torch.randn(5, 3), "net.fc.bias": torch.randn(5), "extra": torch.ones(1)}
    torch.save({"best": state, "rest": {"a": torch.ones(1)}}, tmp_path / "w" / "w.pt")
    np.save(tmp_path / "x.npy", np.ones((2, 3), np.float16))
    return tmp_path


EXPORT = [
    "compile",
    "net.nnspec",
    "--target",
    "onnx",
    "--model",
    "Net",
    *SETS,
    "-o",
    "out/m.onnx",
    "--dtype",
    "f16",
]
WEIGHTS = ["--weights", "w/w.pt:best", "--rename", "net.*=*", "--ignore", "extra"]


@pytest.mark.parametrize(
    "weights", [WEIGHTS, [*WEIGHTS, "--embed"], ["--seed", "4"]], ids=["file", "embedded", "seed"]
)
@pytest.mark.parametrize("method", ["forward", "twice"])
def test_what_the_model_states_is_used(weights: list[str], method: str, folder: Path) -> None:
    done = specc(*EXPORT, *weights, "--method", method, cwd=folder)
    assert done.returncode == 0, done.stderr
    for where in (folder, folder / "out"):
        spec, model = folder / "net.nnspec", Path("out/m.onnx" if where == folder else "m.onnx")
        found = specc("verify", spec, "--onnx", model, "--samples", "1", cwd=where)
        assert found.returncode == 0, found.stderr + found.stdout
        assert "Net: agrees" in found.stdout
    for runtime in ("onnxruntime", "torch"):
        done = specc(
            "run",
            "net.nnspec",
            "--onnx",
            "out/m.onnx",
            "--input",
            "x.npy",
            "-o",
            runtime,
            "--runtime",
            runtime,
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr
    a, b = (np.load(next((folder / r).glob("*.npy"))) for r in ("onnxruntime", "torch"))
    assert a.shape == (2, 5)
    np.testing.assert_allclose(a, b, rtol=2e-2, atol=1e-2)


def test_a_self_contained_model_runs_without_its_weights_file(folder: Path) -> None:
    assert specc(*EXPORT, *WEIGHTS, cwd=folder).returncode == 0
    (folder / "w" / "w.pt").unlink()
    run = ["run", "net.nnspec", "--onnx", "out/m.onnx", "--input", "x.npy", "-o", "r"]
    assert specc(*run, cwd=folder).returncode == 0
    for command in ([*run, "--runtime", "torch"], ["verify", "net.nnspec", "--onnx", "out/m.onnx"]):
        done = specc(*command, cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "w/w.pt:best, which is not there: name it with --weights" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "width=4"], "exported with width=5, not with width=4"),
        (["--set", "rate=0.5", "--set", "width=5"], "exported with rate=0.25, not with rate=0.5"),
        (["--dtype", "f32"], "exported with --dtype f16, not f32"),
        (["--method", "twice"], "exported with --method forward, not twice"),
        (["--model", "Other"], "of `Net`"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_what_differs_is_said_as_such(options: list[str], words: str, folder: Path) -> None:
    assert specc(*EXPORT, *WEIGHTS, cwd=folder).returncode == 0
    done = specc("verify", "net.nnspec", "--onnx", "out/m.onnx", *options, cwd=folder)
    assert done.returncode == 1
    assert words in done.stderr
    assert "input" not in done.stderr
    same = ["--set", "width=5", "--dtype", "f16", "--method", "forward", "--model", "Net", "--samples", "1"]
    assert specc("verify", "net.nnspec", "--onnx", "out/m.onnx", *same, cwd=folder).returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "{}", "null", '{"hyper": 3}', '{"hyper": {"width": {}}, "method": "forward", "dtype": "f32"}',
        '{"hyper": {}, "method": 3, "dtype": "f32"}', '{"hyper": {}, "method": "forward", "dtype": "f99"}',
        '{"hyper": {"width": NaN}, "method": "forward", "dtype": "f32"}',
        '{"hyper": {"x y": 3, "width = 3 #": 4}, "method": "forward", "dtype": "f32"}',
        '{"hyper": {"label": "\\"; import os"}, "method": "forward", "dtype": "f32"}',
        '{"hyper": {"names": ' + "[" * 500 + "]" * 500 + '}, "method": "forward", "dtype": "f32"}',
        '{"hyper": {"names": ' + "[" * 100_000 + ', "method": "forward", "dtype": "f32"}',
        '{"hyper": {}, "method": "forward", "dtype": "f32", "weights": {"file": "\\u0000"}}',
        '{"hyper": {}, "method": "forward", "dtype": "f32", "weights": {"file": 3}}',
        '{"hyper": {}, "method": "forward", "dtype": "f32", "weights": {"file": "w", "rename": 3}}',
    ],
)  # fmt: skip
def test_a_model_that_states_nonsense_is_told(text: str, folder: Path) -> None:
    assert specc(*EXPORT, "--seed", "1", cwd=folder).returncode == 0
    path = folder / "out" / "m.onnx"
    proto = onnx.load(path, load_external_data=False)
    next(p for p in proto.metadata_props if p.key == KEY).value = text
    path.write_bytes(proto.SerializeToString())
    done = specc("verify", "net.nnspec", "--onnx", "out/m.onnx", "--samples", "1", cwd=folder)
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert "itself failed" not in done.stderr


def test_values_are_written_as_the_language_reads_them() -> None:
    values: list[Any] = [3, -2.5, True, None, "a b", [1, [2.0]], {"tuple": [1, "x"]}, {"tuple": [1]}]
    assert [literal(v) for v in values] == [
        "3",
        "-2.5",
        "true",
        "none",
        '"a b"',
        "[1, [2.0]]",
        '(1, "x")',
        "(1,)",
    ]
    for wrong in (float("inf"), 'a"b', "a\\b", "a\nb", {"x": 1}, {"tuple": 3}, object()):
        with pytest.raises(ValueError, match=r"^$"):
            literal(wrong)


def test_a_model_of_another_program_states_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    found = stated(str(tmp_path / "m.onnx"))
    assert (found.model, found.values, found.weights) == (None, {}, None)
