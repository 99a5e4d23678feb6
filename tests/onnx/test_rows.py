"""Linear maps work on rows wherever that leaves fewer nodes, and give what they gave."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import spec_lang
from spec_lang.shapes import DType, TensorType, dim, symbol
from spec_lang.targets.onnx.graph import Builder, Stored
from spec_lang.targets.onnx.nodes import Edge, Node
from spec_lang.targets.onnx.rows import by_rows
from tests.onnx.exporting import checked, export, program, run

LAYERS = {
    "a": "a = Linear(8, 12)",
    "b": "b = Linear(12, 8, bias=false)",
    "c": "c = Linear(8, 8)",
    "one": "one = Linear(8, 1)",
    "loop": "loop = LSTM(8, 12, proj_size=8, batch_first=true)",
    "norm": "norm = LayerNorm(8)",
    "scale": "param scale: float[8] = normal()",
    "shift": "param shift: float[1, 8] = normal()",
}
TEXT = """
model M:
    layers:
        {layers}
    forward(x: float[N, T, 8], y: float[N, T, 8]) -> {type}:
        {body}
"""

WHOLE = "float[N, T, 8]"
CASES = {
    "residual stack": (
        """
        x = x + (x -> norm -> a -> gelu -> b)
        return x + (x -> norm -> c)
""",
        WHOLE,
        {"LayerNormalization": 2, "Gemm": 3, "Gelu": 1, "Add": 2, "Reshape": 2, "Shape": 1},
    ),
    "several operands on rows": (
        """
        x = where(c(x) > 0.0, x, y) -> a -> relu -> b
        return (x -> c -> clamp(0.0, 1.0)) * scale + x
""",
        WHOLE,
        {
            "Gemm": 4,
            "Greater": 1,
            "Where": 1,
            "Relu": 1,
            "Clip": 1,
            "Mul": 1,
            "Add": 1,
            "Reshape": 3,
            "Shape": 1,
        },
    ),
    "an axis that reads other rows": (
        """
        x = x -> a -> relu -> b -> c
        x = x + x.mean(dim=1, keepdim=true)
        return x -> a -> relu -> b
""",
        WHOLE,
        {"Gemm": 5, "Relu": 2, "ReduceMean": 1, "Add": 1, "Reshape": 4, "Shape": 1},
    ),
    "results on the way": (
        """
        h = x -> a -> relu
        z = h -> b -> c -> c
        return h, z -> norm -> c
""",
        f"(float[N, T, 12], {WHOLE})",
        {"Gemm": 5, "Relu": 1, "LayerNormalization": 1, "Reshape": 3, "Shape": 2, "Concat": 1},
    ),
    "an operand with a leading axis of its own": (
        """
        return x -> a -> relu -> b -> c -> add(shift) -> c
""",
        WHOLE,
        {"Gemm": 4, "Relu": 1, "Add": 1, "Reshape": 4, "Shape": 1},
    ),
    "heads": (
        """
        q = x -> c -> rearrange("n t (h d) -> n h t d", h=2)
        return (q * 2.0) -> rearrange("n h t d -> n t (h d)") -> a -> silu -> b -> c
""",
        WHOLE,
        {"Gemm": 4, "Reshape": 4, "Transpose": 2, "Mul": 2, "Sigmoid": 1, "Shape": 2, "Concat": 1},
    ),
    "rows of one number beside a vector": (
        """
        z = (x -> c -> c -> one -> gelu) * scale
        return z -> c -> c -> c -> one -> gelu(approximate="tanh") -> mul(scale)
""",
        WHOLE,
        {"Gemm": 7, "Gelu": 2, "Mul": 2, "Reshape": 4, "Shape": 1, "Concat": 1},
    ),
    "a loop between": (
        """
        h, _ = x -> a -> relu -> b -> c -> loop
        return h -> c -> a -> relu -> b
""",
        WHOLE,
        {"Gemm": 7, "Relu": 2, "Reshape": 4, "Scan": 1}
        | {"Shape": 3, "Concat": 3, "Expand": 2, "Transpose": 2, "Add": 2},
    ),
    "one linear map": (
        """
        return x -> c
""",
        WHOLE,
        {"Transpose": 1, "MatMul": 1, "Add": 1},
    ),
}


def spec(body: str, type: str) -> str:
    """A model with the layers that its body names."""
    used = [line for name, line in LAYERS.items() if re.search(rf"\b{name}\b", body)]
    return TEXT.format(layers="\n        ".join(used), type=type, body=body.strip())


def held_to_torch(text: str, folder: Path, **options: Any) -> Counter[str]:
    """Hold a spec's graph to its module at several sizes; gives how many nodes of each op it has."""
    source = folder / "spec.nnspec"
    source.write_text(text)
    torch.manual_seed(0)
    module = spec_lang.load(source).M().eval()
    path = folder / "m.onnx"
    export(program(text), "M", path, **options)
    for n, t in ((1, 1), (2, 5)):
        feeds = {"x": torch.randn(n, t, 8), "y": torch.randn(n, t, 8)}
        with torch.no_grad():
            wanted = module(**feeds)
        for a, b in zip(run(path, feeds), wanted if isinstance(wanted, tuple) else [wanted], strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-5)
    return Counter(n.op_type for n in checked(path).graph.node)


@pytest.mark.parametrize("name", CASES)
def test_rows(name: str, tmp_path: Path) -> None:
    body, type, expected = CASES[name]
    assert held_to_torch(spec(body, type), tmp_path) == expected


@pytest.mark.parametrize("opset", [17, 20, 28])
@pytest.mark.parametrize("name", CASES)
def test_opsets(name: str, opset: int, tmp_path: Path) -> None:
    body, type, _ = CASES[name]
    held_to_torch(spec(body, type), tmp_path, opset=opset)


def test_a_vector_that_widens_rows_of_one_number_keeps_them_apart() -> None:
    """What a lowering leaves untyped has the operands' type only where a vector is as long as their last axis."""
    g = Builder(opset=24, lookup=lambda key: Stored(key, (8, 8), DType.FLOAT))
    n = symbol("N")
    x = g.input("x", TensorType(DType.FLOAT, (n, dim(5), dim(1))))
    wide = g.Mul(x, g.const([1.0] * 8, DType.FLOAT))  # untyped: [N, 5, 8], not [N, 5, 1]
    by_rows(g, [*g.nodes, Node("m", "MatMul", (x, x), (Edge("m"),), {}, "", "")], [wide])
    assert not wide.is_typed
