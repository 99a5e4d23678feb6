"""Attention gives what PyTorch gives: its weights, over keys of different numbers, and what is hidden wholly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spec_lang.loading import from_program
from spec_lang.targets.onnx.proto import DEFAULT_OPSET
from tests.onnx.exporting import checked, export, program, run

NET = """
model Net:
    layers:
        own   = MultiheadAttention(4, 2, batch_first=true)
        cross = MultiheadAttention(4, 2, batch_first=true, add_bias_kv=true)
        last  = MultiheadAttention(4, 2)

    forward(x: float[N, T, 4], y: float[N, S, 4], hide: bool[T, S]) -> (
        u: float[N, T, T], v: float[N, T, S + 1], w: float[N, S, T], z: float[N, T, 4]
    ):
        _, u = own(x, x, x)
        z, v = cross(x, y, y, attn_mask=hide)
        q = y.transpose(0, 1)
        k = x.transpose(0, 1)
        _, w = last(q, k, k)
        return u, v, w, z
"""


@pytest.mark.parametrize("opset", [17, 22, 23, DEFAULT_OPSET])
def test_weights_of_keys_of_other_numbers(opset: int, tmp_path: Path) -> None:
    spec = program(NET)
    path = tmp_path / "net.onnx"
    module = from_program(spec, "net_of_weights").Net().eval()
    export(spec, "Net", path, state=module.state_dict(), opset=opset)
    checked(path)
    for n, t, s in ((2, 5, 1), (1, 1, 5), (3, 4, 4), (2, 2, 9)):
        feeds = {"x": torch.randn(n, t, 4), "y": torch.randn(n, s, 4), "hide": torch.rand(t, s) < 0.3}
        wanted = module(**feeds)
        for a, b in zip(run(path, feeds), wanted, strict=True):
            np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-4, atol=1e-5)


MASKED = """
model Net:
    forward(q: f32[N, H, T, D], k: f32[N, H, S, D], v: f32[N, H, S, D], mask: f32[T, S]) -> f32[N, H, T, D]:
        return scaled_dot_product_attention(q, k, v, mask)
"""
LOWEST = float(np.finfo(np.float32).min)


@pytest.mark.parametrize("opset", [17, 23, DEFAULT_OPSET])
def test_masks_of_one_number(opset: int, tmp_path: Path) -> None:
    """Of a row of finite numbers it is a mean, however low they are, of -inf it is 0, and of NaN it is NaN."""
    spec = program(MASKED)
    path = tmp_path / "net.onnx"
    module = from_program(spec, "net_of_masks").Net().eval()
    export(spec, "Net", path, opset=opset)
    for value in (-1e4, -1e9, -3e38, LOWEST, -np.inf, np.inf, np.nan, 3e38):
        for hidden in (2, 5):
            mask = torch.zeros(3, 5)
            mask[0] = value
            mask[1, :hidden] = value
            q, k, v = (torch.randn(1, 2, n, 4) for n in (3, 5, 5))
            feeds = {"q": q, "k": k, "v": v, "mask": mask}
            [got] = run(path, feeds)
            np.testing.assert_allclose(got, module(**feeds).numpy(), rtol=1e-4, atol=1e-5)
