"""Every model that comes with the compiler gives the same in PyTorch, ONNX Runtime and OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spec_lang import workspace
from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir import model
from spec_lang.runtimes import Request
from spec_lang.runtimes.verify import verify
from tests.mutation.samples import SMALL

ROOT = Path(__file__).parents[2] / "models"
UNKNOWN_TO_OPENVINO = {"Losses"}
FILES = sorted(path.stem for path in ROOT.glob("*.nnspec"))


def requests(file: str, rows: int) -> list[Request]:
    """Every model of a file, in small, by each of its methods."""
    source = workspace.read(ROOT / f"{file}.nnspec")
    program = compile_sources({file: source}, workspace.finder((ROOT,))).checked()
    return [
        Request(program, d.name, row, method=m.name)
        for d in program.definitions
        if isinstance(d, model.Block) and d.entry
        for row in SMALL.get(d.name, [{}])[:rows]
        for m in d.methods
        if m.name != "loss"
    ]


def agree(request: Request, **options: Any) -> None:
    found = verify(request, **options)
    assert found.trials
    assert found.agrees, [t for t in found.trials if not t.agrees]
    assert not found.unable or request.name in UNKNOWN_TO_OPENVINO, found.unable


@pytest.mark.parametrize("file", FILES)
def test_models_agree(file: str) -> None:
    for request in requests(file, rows=1):
        agree(request, samples=2)


NAMED = """
record Cfg:
    w: int = 4

model F(l: int = 4, len: float = 0.5, self: int? = none, cfg: Cfg = Cfg()):
    layers:
        I = Linear(l, cfg.w)

    forward(nn: float[N, l], torch: float[N, l]? = none) -> (float[N, cfg.w], float[N, l]?, [float[N, l]? for i in range(2)]):
        x = I(nn) * len
        if self is not none:
            x = x * self
        return x, torch, [none, nn]

    O(l: float[N, A]) -> float[N]:
        return l.mean(dim=1)
"""


@pytest.mark.parametrize("method", ["forward", "O"])
def test_names_that_python_has_taken_and_results_that_are_none(method: str) -> None:
    program = compile_sources({"net": Source("net.nnspec", NAMED)}).checked()
    agree(Request(program, "F", {"l": 3, "len": 2.0, "self": 2}, method=method), samples=2)


@pytest.mark.long
@pytest.mark.parametrize("file", FILES)
def test_models_agree_in_every_runtime_at_many_sizes(file: str) -> None:
    for request in requests(file, rows=2):
        agree(request, runtimes=("onnxruntime", "openvino"), samples=6)
