"""From Python: what the commands do, typed, with diagnostics as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import spec_lang

SPEC = """
model Net(width: int = 4):
    layers:
        fc = Linear(3, width)

    forward(x: float[N, 3]) -> float[N, width]:
        return fc(x)
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.nnspec"
    path.write_text(SPEC)
    return path


def test_a_model_is_exported_as_the_command_exports_it(spec: Path, tmp_path: Path) -> None:
    net = spec_lang.load(spec).Net(width=5)
    torch.save({"net." + k: v for k, v in net.state_dict().items()} | {"x": torch.ones(1)}, tmp_path / "w.pt")
    for mode in ("copy", "embed", "point"):
        path = spec_lang.compile_onnx(
            spec,
            tmp_path / "out.onnx",
            hyperparameters={"width": 5},
            weights=tmp_path / "w.pt",
            renames=["net.*=*"],
            ignores=["x"],
            mode=mode,  # type: ignore[arg-type]
        )
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        [found] = session.run(None, {"x": np.ones((2, 3), np.float32)})
        np.testing.assert_allclose(found, net(torch.ones(2, 3)).detach().numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(FileExistsError, match="with weights, or ask for random ones with seed=0"):
        spec_lang.compile_onnx(spec, tmp_path / "out.onnx")
    spec_lang.compile_onnx(spec, tmp_path / "out.onnx", seed=1)
    (tmp_path / "mine.onnx").write_text("mine")
    with pytest.raises(FileExistsError):
        spec_lang.compile_onnx(spec, tmp_path / "mine.onnx")
    assert (tmp_path / "mine.onnx").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "Nat"}, ValueError),
        ({"opset": 3}, ValueError),
        ({"method": "none"}, spec_lang.SpecError),
        ({"hyperparameters": {"width": -1}}, spec_lang.SpecError),
        ({"hyperparameters": {"wide": 1}}, spec_lang.SpecError),
    ],
)
def test_mistakes_are_errors_and_nothing_is_written(
    options: dict[str, Any], error: type[Exception], spec: Path, tmp_path: Path
) -> None:
    with pytest.raises(error):
        spec_lang.compile_onnx(spec, tmp_path / "out.onnx", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["net.nnspec"]


def test_a_text_is_loaded_and_checked(tmp_path: Path) -> None:
    assert spec_lang.load_text(SPEC).Net(6)(torch.ones(2, 3)).shape == (2, 6)
    assert spec_lang.check_text(SPEC) == []
    [found] = spec_lang.check_text(SPEC.replace("Linear", "Liner"))
    assert (found.code, found.severity) == ("E0202", "error")
    assert found.primary.source.position(found.primary.span.start).line == 4
    with pytest.raises(spec_lang.SpecError):
        spec_lang.load_text("model")
    with pytest.raises(spec_lang.SpecError):
        spec_lang.load_text("\ud800")
    (tmp_path / "net.nnspec").write_text(SPEC.replace("model", "block"))
    text = "from net import Net\n\nmodel M:\n    layers:\n        n = Net()\n\n    forward(x: float[N, 3]) -> float[N, 4]:\n        return n(x)\n"
    assert spec_lang.load_text(text, folder=tmp_path).M()(torch.ones(1, 3)).shape == (1, 4)
    assert [d.code for d in spec_lang.check_text(text)] != []


def test_a_file_of_the_users_is_not_replaced(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("mine")
    with pytest.raises(FileExistsError):
        spec_lang.compile_file(spec, tmp_path)
    assert (tmp_path / "net.py").read_text() == "mine"
    assert spec_lang.compile_file(spec, tmp_path, force=True) == [tmp_path / "net.py"]
