"""What is `float` is of the model's own precision, also where it is made of ints and numbers alone."""

from __future__ import annotations

import pytest
import torch

from spec_lang.loading import from_program
from tests.onnx.exporting import program

MADE = {
    "to": "i.to(float)",
    "float": "i.float()",
    "float of floats": "x[0, :, 0].float()",
    "division": "i / 2",
    "division of numbers": "1 / (i + 1)",
    "product": "i * 0.5",
    "sum of bools": "m + 0.5",
    "power": "2.0 ** i",
    "function": "sin(i)",
    "sigmoid": "sigmoid(i)",
    "true_divide": "true_divide(i, 3)",
    "where": "where(m, 0.0, -100.0)",
    "where of ints": "where(m, i, 0.5)",
    "method": "i.sqrt()",
    "list": "stack([i * 0.5, i / 3]).sum(0)",
    "full": "full((T,), 0.5)",
    "full by dtype": "full((T,), 1, dtype=float)",
    "linspace": "linspace(0, 1, T)",
    "arange": "arange(0.0, 4.0, 1.0)",
    "eye": "eye(T)[0]",
    "window": "hann_window(T)",
    "mean": "i.mean(dtype=float) + i * 0",
    "var": "i.to(float).var() + i",
    "function of the program": "halves(i)",
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", ["float input", "parameters"])
def test_what_is_made_has_the_models_precision(made: str, dtype: torch.dtype, kind: str) -> None:
    x = "x: float[N, T, 4], " if kind == "float input" else ""
    if not x and "x[" in MADE[made]:
        pytest.skip("it has no float input")
    spec = program(f"""
fn halves(i: int[T]) -> float[T]:
    return i / 2

model Net:
    layers:
        fc = Linear(4, 4)

    forward({x}i: int[T], m: bool[T]) -> float[4]:
        require T == 4
        return fc({MADE[made]})
""")
    module = from_program(spec, f"made_{list(MADE).index(made)}").Net().to(dtype)
    i, m = torch.tensor([0, 1, 2, 3]), torch.tensor([True, False, True, True])
    given = (torch.randn(2, 4, 4, dtype=dtype), i, m) if x else (i, m)
    assert module(*given).dtype is dtype
