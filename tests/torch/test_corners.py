"""Corners of the language, each in the smallest spec that has it: generated code runs as the oracle computes, and as ONNX does."""

from __future__ import annotations

import pytest
import torch

from spec_lang.loading import from_program
from tests.fuzz.held import compiled, hold

CASES = {
    "a dtype where no layer has parameters": """
model Net:
    layers:
        same = Identity()
    forward(x: int[N, T]) -> float[N, T]:
        return (x != 0).to(float) -> same
""",
    "a dtype where the only weight is left out": """
model Net(dim: int = 4):
    layers:
        norm = RMSNorm(dim, elementwise_affine=false)
    forward(x: int[N, dim]) -> float[N, dim]:
        return x.to(float) -> norm
""",
    "a dtype where a list of layers may be empty": """
model Net(dim: int = 4, depth: int >= 0 = 0):
    layers:
        fcs = [Linear(dim, dim) for i in range(depth)]
    forward(x: int[N, dim]) -> float[N, dim]:
        return x.to(float) -> fcs
""",
    "a list that nothing reads": """
model Net(dim: int = 4, depth: int = 2):
    layers:
        fcs = [Linear(dim, dim) for i in range(depth)]
    forward(x: float[N, dim]) -> float[N, dim]:
        steps = []
        for fc in fcs:
            x = fc(x)
            steps += [relu(x)]
        return x
""",
}


@pytest.mark.parametrize("case", CASES)
def test_corner(case: str) -> None:
    hold(CASES[case])


def test_a_dtype_without_parameters_compiles_whole() -> None:
    module = from_program(compiled(CASES["a dtype where no layer has parameters"]).checked(), "corner")
    whole = torch.compile(module.Net(), fullgraph=True, backend="eager")
    assert whole(torch.ones(2, 3, dtype=torch.int64)).dtype == torch.float32
