"""Every model of `models/`, small, agrees in PyTorch and the ONNX runtimes, by every method that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spec_lang.ir import model as ir
from spec_lang.runtimes import Request
from spec_lang.runtimes.verify import verify
from tests.models.test_twins import MODELS
from tests.mutation.samples import SMALL
from tests.onnx.exporting import model_file


def models() -> list[tuple[str, str, dict[str, Any]]]:
    """File, model and hyperparameters; variants are run where they are small."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for path in sorted(Path(MODELS).glob("*.nnspec")):
        for d in model_file(path.stem).definitions:
            if isinstance(d, ir.Block) and d.entry:
                found += ((path.stem, d.name, row) for row in SMALL.get(d.name, [{}])[:1])
    return [*found, ("resnet", "ResNet18", {})]


CASES = [pytest.param(*c, id=c[1]) for c in models()]


def agrees(file: str, name: str, hypers: dict[str, Any], runtime: str) -> None:
    """Hold every method to PyTorch, and say what differs."""
    program = model_file(file)
    block = next((d for d in program.definitions if isinstance(d, ir.Block) and d.name == name), None)
    methods = [m.name for m in block.methods if m.name != "loss"] if block else ["forward"]
    for method in methods:
        request = Request(program, name, hypers, method=method)
        found = verify(request, runtimes=[runtime], samples=3, threads=1)
        assert found.trials or found.unable, "nothing was compared"
        assert not found.unable, found.unable
        assert found.agrees, [t for t in found.trials if not t.agrees]


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(("file", "name", "hypers"), CASES)
def test_runtimes_agree(file: str, name: str, hypers: dict[str, Any], runtime: str) -> None:
    agrees(file, name, hypers, runtime)
