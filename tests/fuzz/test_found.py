"""Specs that random programs once broke, each as small as it could be made."""

from __future__ import annotations

import pytest
import torch

from spec_lang.ops.base import FUNCTIONS
from spec_lang.targets.torch.operations import NO_METHODS
from tests.fuzz.held import hold

FOUND = {
    "functions that tensors have no method for": """
model Net():
    forward(x: float[N, 3]) -> (float[N, 3], bool[N, 3], float[2*N, 3]):
        return x.rsub(2.0) + x.zeros_like() + x.full_like(3.0), x.ones_like(dtype=bool), [x, x].cat(dim=0)
""",
    "methods whose arguments stand elsewhere or are called something else": """
model Net():
    forward(x: float[N, 4], m: bool[N, 4]) -> (bool[N, 4], float[N, 4], float[N, 4], float[N, 2], float[N, 2]):
        a, b = x.split(split_size_or_sections=2, dim=1)
        return m.where(m, ~m), m.where(x, 0.0), m -> where(x, 1.0), a, b
""",
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    hold(FOUND[name])


def test_what_is_no_method_is_known() -> None:
    names = {op.torch.removeprefix("torch.") for op in FUNCTIONS.values() if op.torch.startswith("torch.")}
    assert {n for n in names if not hasattr(torch.Tensor, n)} | {"where"} == NO_METHODS
