"""Tensors have as few dims as PyTorch's."""

from __future__ import annotations

import pytest

from spec_lang.diagnostics import SpecError
from tests.onnx.exporting import program

ONES = ", ".join("1" * 64)


@pytest.mark.parametrize(
    "call", ["x[none]", "x.unsqueeze(0)", f"x.expand({ONES}, 1)", f"ones(({ONES}, 1)) * x"]
)
def test_a_result_of_more_dims_is_refused(call: str) -> None:
    program(f"model Net:\n    forward(x: float[{ONES}]) -> float[{ONES}]:\n        return relu(x)\n")
    with pytest.raises(SpecError, match=r"E0302.*would give 65 dims, more than 64"):
        program(
            f"model Net:\n    forward(x: float[{ONES}]) -> float[1]:\n        return ({call}).reshape(1)\n"
        )


def test_a_type_of_more_dims_is_refused() -> None:
    with pytest.raises(SpecError, match=r"E0302.*at most 64 dims, but this one has 65"):
        program(f"model Net:\n    forward(x: float[{ONES}, N]) -> float[N]:\n        return x.reshape(-1)\n")
