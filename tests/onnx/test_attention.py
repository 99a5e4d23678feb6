"""Heads that are split, attended and joined stay side by side, and nothing else changes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

import spec_lang
from tests.onnx.exporting import checked, export, program, run

HEADS = 3
TEXT = """
model M(heads: int = 3):
    layers:
        qkv = Linear(12, 36)
        q = Linear(12, 12)
        k = Linear(12, 12)
        v = Linear(12, 12)
    forward(x: float[N, T, 12], y: float[N, S, 12]) -> {type}:
{body}
"""

BODIES = {
    "packed": (
        """
        q1, k1, v1 = x -> qkv -> rearrange("n t (three h d) -> three n h t d", three=3, h=heads)
        a = scaled_dot_product_attention(q1, k1, v1, is_causal=true)
        b = scaled_dot_product_attention(q(x).unflatten(2, (heads, 4)).transpose(1, 2), k1, v1)
        return a -> rearrange("n h t d -> n t (h d)"), k(b -> rearrange("n h t d -> n t (h d)")) + v(x), y
""",
        "(float[N, T, 12], float[N, T, 12], float[N, S, 12])",
        True,
    ),
    "apart": (
        """
        q1 = q(x) -> rearrange("n t (h d) -> n h t d", h=heads)
        k1 = k(y) -> rearrange("n t (h d) -> n h t d", h=heads)
        v1 = v(y) -> rearrange("n t (h d) -> n h t d", h=heads)
        z = scaled_dot_product_attention(q1, k1, v1)
        return z -> rearrange("n h t d -> n t (h d)"), qkv(x)
""",
        "(float[N, T, 12], float[N, T, 36])",
        True,
    ),
    "another order of heads": (
        """
        q1 = q(x) -> rearrange("n t (d h) -> n h t d", h=heads)
        k1 = k(y) -> rearrange("n t (h d) -> n h t d", h=heads)
        v1 = v(y) -> rearrange("n t (h d) -> n h t d", h=heads)
        z = scaled_dot_product_attention(q1, k1, v1)
        return z -> rearrange("n h t d -> n t (h d)"), qkv(x)
""",
        "(float[N, T, 12], float[N, T, 36])",
        False,
    ),
    "read before it is joined": (
        """
        q1 = q(x) -> rearrange("n t (h d) -> n h t d", h=heads)
        k1 = k(y) -> rearrange("n t (h d) -> n h t d", h=heads)
        v1 = v(y) -> rearrange("n t (h d) -> n h t d", h=heads)
        z = scaled_dot_product_attention(q1, k1, v1)
        return z -> rearrange("n h t d -> n t (h d)"), z, qkv(x)
""",
        "(float[N, T, 12], float[N, heads, T, 4], float[N, T, 36])",
        False,
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_heads(name: str, tmp_path: Path) -> None:
    body, type, joined = BODIES[name]
    text = TEXT.format(type=type, body=body.strip("\n"))
    text = text.replace("model M(heads: int = 3):", "model M:").replace("heads", "3")
    spec = tmp_path / "spec.nnspec"
    spec.write_text(text)
    torch.manual_seed(0)
    module = spec_lang.load(spec).M().eval()
    path = tmp_path / "m.onnx"
    export(program(text), "M", path)
    feeds = {"x": torch.randn(2, 5, 12), "y": torch.randn(2, 4, 12)}
    with torch.no_grad():
        wanted = module(**feeds)
    for a, b in zip(run(path, feeds), wanted, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-5)
    model = checked(path)
    ranks = [
        any(a.name == "q_num_heads" for a in n.attribute)
        for n in model.graph.node
        if n.op_type == "Attention"
    ]
    assert all(ranks) is joined
    counts = Counter(n.op_type for n in model.graph.node)
    if joined:
        assert not counts["Reshape"]
