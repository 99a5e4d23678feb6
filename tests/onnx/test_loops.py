"""Loops over a size that only a call knows: one node of the graph, which gives what the module gives at every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spec_lang.ir.evaluate import EvaluationError
from spec_lang.loading import from_program
from spec_lang.shapes import DType
from spec_lang.targets.onnx.export import emit
from spec_lang.targets.onnx.proto import DEFAULT_OPSET
from tests.onnx.exporting import checked, export, program, run

BODIES = {
    "a cell": """
        h = zeros(N, 4)
        for t in range(T):
            h = cell(x[:, t], h)
        return h
""",
    "a decay, joined": """
        h = zeros(N, 4)
        out = zeros(N, 0, 4)
        for t in range(T):
            h = h * sigmoid(decay) + x[:, t]
            out = cat([out, h[:, none]], dim=1)
        return out.sum(1) + h
""",
    "from the second on": """
        h = x[:, 0]
        for t in range(1, T):
            h = h * 0.5 + x[:, t] * t
        return h
""",
    "to the last but one": """
        h = x[:, 0]
        for t in range(T - 1):
            h = h + x[:, t + 1] - x[:, t]
        return h
""",
    "two that grow": """
        a = zeros(0, N)
        b = ones(N, 1, 4)
        for t in range(T):
            y = x[:, t].sum(-1)
            a = cat([a, y[none]])
            b = cat([b, stack([x[:, t], x[:, t] * 2], 1)], dim=1)
        return a.sum(0)[:, none] + b.sum(1)
""",
    "a slice up to it": """
        h = zeros(N, 4)
        for t in range(T):
            h = h + x[:, :t + 1].mean(1) * (t + 1)
        return h
""",
    "backwards": """
        h = zeros(N, 4)
        for t in range(T):
            h = tanh(h + x[:, T - 1 - t])
        return h
""",
    "one in another": """
        h = zeros(N, 4)
        for t in range(T):
            for s in range(N):
                h = h * 0.9 + x[s, t]
        return h
""",
    "a block that loops": """
        return last(x) + last(x * 2)
""",
}
SPEC = """
block Last:
    layers:
        fc = Linear(4, 4)

    forward(x: float[N, T, 4]) -> float[N, 4]:
        h = zeros(N, 4)
        for t in range(T):
            g = fc(x[:, t])
            h = tanh(g + h)
        return h

model Net:
    layers:
        cell = GRUCell(4, 4)
        last = Last()
        param decay: float[4] = ones()

    forward(x: float[N, T, 4]) -> float[N, 4]:
        unused = cell(x[:, 0]) + last(x) + decay
"""


@pytest.mark.parametrize("opset", [17, DEFAULT_OPSET])
@pytest.mark.parametrize("body", BODIES)
def test_a_loop_is_one_node(body: str, opset: int, tmp_path: Path) -> None:
    spec = program(SPEC + BODIES[body])
    path = tmp_path / "net.onnx"
    module = from_program(spec, "net_of_loops").Net().eval()
    export(spec, "Net", path, state=module.state_dict(), opset=opset)
    assert any(n.op_type == "Loop" for n in checked(path).graph.node)
    for n, t in ((1, 1), (2, 1), (3, 5), (1, 9)):
        x = torch.randn(n, t, 4)
        [got] = run(path, {"x": x})
        np.testing.assert_allclose(got, module(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_loop_in_f16(tmp_path: Path) -> None:
    spec = program(SPEC + BODIES["a decay, joined"])
    path = tmp_path / "net.onnx"
    export(spec, "Net", path, dtype=DType.F16)
    [got] = run(path, {"x": torch.randn(2, 3, 4).half()})
    assert got.dtype == np.float16


@pytest.mark.parametrize(
    "body",
    [
        """
        h = zeros(N, 4)
        for t in range(0, T, 2):
            h = h + x[:, t]
        return h
""",
        """
        h = zeros(N, 4)
        for t in range(T):
            if t > 1:
                h = h + x[:, t]
        return h
""",
    ],
)
def test_what_a_graph_cannot_loop_over_is_refused(body: str) -> None:
    spec = program(SPEC + body)
    with pytest.raises(EvaluationError, match="run time") as found:
        emit(spec, "Net")
    assert found.value.code == "E0903"
