"""Every function, held to PyTorch and ONNX Runtime in each of its cases."""

from __future__ import annotations

import pytest

from spec_lang.ops.base import FUNCTIONS
from tests.ops import cases_elementwise, cases_nn, cases_shape
from tests.ops.harness import Case, check

CASES: list[Case] = [*cases_elementwise.CASES, *cases_shape.CASES, *cases_nn.CASES]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function(name: str) -> None:
    cases = [c for c in CASES if c.name == name]
    assert cases, f"{name} has no case"
    for one in cases:
        assert check(one) > 0, f"{one} never ran"
