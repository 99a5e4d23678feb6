"""What buffers start as: every function of constants is computed while a model is exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spec_lang.ir.evaluate import EvaluationError
from spec_lang.loading import from_program
from tests.onnx.exporting import export, program, run

STARTS = {
    "cumprod(1 - linspace(1e-4, 0.02, steps, dtype=float), dim=0)": "float[steps]",
    "cumsum(ones(steps), 0).flip(0)": "float[steps]",
    "logcumsumexp(linspace(0, 1, steps), 0)": "float[steps]",
    "cummax(sin(arange(steps)), 0)[0]": "float[steps]",
    "erf(linspace(-1, 1, steps))": "float[steps]",
    "asin(linspace(-1, 1, steps)) + atan(arange(steps)) + tan(arange(steps)) + sinh(linspace(0, 1, steps))": "float[steps]",
    "gelu(linspace(-1, 1, steps)) + silu(arange(steps).to(float)) + softplus(arange(steps).to(float))": "float[steps]",
    "sort(cos(arange(steps)), descending=true)[0]": "float[steps]",
    "argsort(cos(arange(steps)))": "int[steps]",
    "topk(cos(arange(steps)), 3)[1]": "int[3]",
    "argmax(cos(arange(steps)), 0, keepdim=true)": "int[1]",
    "one_hot(arange(steps), steps)": "int[steps, steps]",
    "tril(ones(steps, steps)).logsumexp(1)": "float[steps]",
    "einsum('i,j->ij', arange(steps).to(float), ones(3))": "float[steps, 3]",
    "outer(arange(steps), arange(3)).to(float).norm(dim=1)": "float[steps]",
    "hann_window(steps) * 2": "float[steps]",
    "pad(ones(steps), (1, 2), value=3.0)": "float[steps + 3]",
    "eye(steps).roll(1, 0).cumsum(1)": "float[steps, steps]",
    "scatter(zeros(steps), 0, arange(3), 1.0)": "float[steps]",
    "gather(arange(steps).to(float), 0, arange(3))": "float[3]",
    "interpolate(arange(steps).to(float)[none, none], 5, mode='linear')[0, 0]": "float[5]",
    "avg_pool1d(arange(steps).to(float)[none, none], 2)[0, 0]": "float[steps//2]",
    "conv1d(arange(steps).to(float)[none, none], ones(1, 1, 3))[0, 0]": "float[steps - 2]",
    "layer_norm(arange(steps).to(float), (steps,))": "float[steps]",
    "log_softmax(arange(steps).to(float), 0)": "float[steps]",
    "quantile(arange(steps).to(float), 0.3)": "float[]",
    "where(isnan(log(arange(steps) - 1.0)), 0.0, 1.0)": "float[steps]",
    "bitwise_and(arange(steps), 3) + bitwise_xor(arange(steps), 5)": "int[steps]",
    "(arange(steps) > 3) ^ (arange(steps) < 6)": "bool[steps]",
    "diagonal(outer(arange(steps), arange(steps)))": "int[steps]",
    "stack(unbind(eye(4)), 1).reshape(-1)": "float[16]",
}


@pytest.mark.parametrize("persistent", ["true", "false"])
@pytest.mark.parametrize("start", STARTS)
def test_a_start_is_what_pytorch_makes_of_it(start: str, persistent: str, tmp_path: Path) -> None:
    spec = program(f"""
model Net(steps: int = 8):
    layers:
        buffer start: {STARTS[start]} = {start.replace("'", '"')}, persistent={persistent}

    forward(x: float[N]) -> (float[N], {STARTS[start]}):
        require steps >= 4
        return x, start
""")
    path = tmp_path / "net.onnx"
    export(spec, "Net", path)
    x = torch.zeros(2)
    wanted = from_program(spec, "net_of_starts").Net()(x)[1]
    got = run(path, {"x": x})[1]
    assert got.dtype == wanted.numpy().dtype
    np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-5, atol=1e-6)


def test_a_random_start_is_not_computed() -> None:
    spec = program("""
model Net:
    layers:
        buffer start: float[4] = cumprod(rand(4), 0), persistent=false

    forward(x: float[4]) -> float[4]:
        return x + start
""")
    from spec_lang.targets.onnx.export import emit

    with pytest.raises(EvaluationError, match="cannot be computed without running the model"):
        emit(spec, "Net")
