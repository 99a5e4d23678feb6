"""The weights of several attentions, over keys of different numbers, in one graph."""

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
