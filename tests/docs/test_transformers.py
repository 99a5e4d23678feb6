"""The specs of `transformers.md` that name a model: PyTorch and ONNX Runtime agree, with each optional input and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import specc
from tests.docs.fences import ROOT, Fence, fences

PAGE = ROOT / "docs" / "transformers.md"
MODELS = [f for f in fences(PAGE) if "model" in f.words]


@pytest.mark.long
@pytest.mark.parametrize("snippet", MODELS, ids=str)
def test_models_agree(snippet: Fence, tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text(snippet.text, encoding="utf-8")
    options = [f"--{name}={value}" for name, value in snippet.words.items()]
    done = specc("verify", spec, *options, "--samples", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agrees" in done.stdout
