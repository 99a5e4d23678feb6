"""What depends on sizes that only the inputs show: equal to the generated PyTorch module at several of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import spec_lang
from tests.onnx.exporting import checked, export, program, run

SPECS: dict[str, str] = {
    "linspace": "forward(x: float[A], y: float[B]) -> float[A]:\n        return x + linspace(-1.0, 2.0, A)",
    "linspace of sizes": (
        "forward(x: float[A], y: float[B]) -> float[A + B]:\n        return linspace(A, 3 * B, A + B)"
    ),
    "adaptive average": (
        "forward(x: float[2, A], y: float[B]) -> float[2, B]:\n        return adaptive_avg_pool1d(x, B)"
    ),
    "adaptive average of images": (
        "forward(x: float[1, 2, A, B], y: float[B]) -> float[1, 2, B, A]:\n"
        "        return adaptive_avg_pool2d(x, (B, A))"
    ),
    "adaptive maximum": (
        "forward(x: float[2, A], y: float[B]) -> float[2, B]:\n        return adaptive_max_pool1d(x, B)"
    ),
    "adaptive maximum with places": (
        "forward(x: float[1, 2, A, B], y: float[B]) -> (float[1, 2, B, A], int[1, 2, B, A]):\n"
        "        y, i = adaptive_max_pool2d(x, (B, A), return_indices=true)\n"
        "        return y, i"
    ),
    "a transposed convolution to a size": (
        "layers:\n        up = ConvTranspose1d(2, 3, 3, 2, 1)\n"
        "    forward(x: float[1, 2, (A - 1)//2 + 1], y: float[A]) -> float[1, 3, A]:\n"
        "        return up(x, output_size=[A])"
    ),
    "a pool and its inverse": (
        "forward(x: float[1, 2, 2*A + 1, 2*B], y: float[B]) -> float[1, 2, 2*A + 1, 2*B]:\n"
        "        y, i = max_pool2d(x, (3, 2), (2, 2), return_indices=true)\n"
        "        return max_unpool2d(y, i, (3, 2), (2, 2))"
    ),
    "padding to a size": (
        "forward(x: float[2, A], y: float[B]) -> float[2, A + 2*B + 1]:\n        return pad(x, (B, B + 1), value=0.5)"
    ),
    "padding to a multiple": (
        "forward(x: float[2, A], y: float[B]) -> float[2, _]:\n"
        "        return pad(x, (0, (A + 2) // 3 * 3 - A)).unflatten(1, (-1, 3)).sum(2)"
    ),
    "windows where a condition leaves one column": (
        "forward(x: float[1, A, W], y: float[B]) -> float[1, A, W]:\n"
        "        require W <= 1\n"
        "        rows = (A + 2) // 3\n"
        "        columns = (W + 2) // 3\n"
        "        z = pad(x, (0, columns * 3 - W, 0, rows * 3 - A))\n"
        '        z = rearrange(z, "n (h a) (w b) -> n (h w) a b", a=3, b=3)\n'
        '        z = rearrange(z, "n (h w) a b -> n (h a) (w b)", h=rows, w=columns)\n'
        "        return z[:, :A, :W]"
    ),
    "circular padding": (
        "forward(x: float[1, 2, A + B], y: float[B]) -> float[1, 2, A + 2*B + A]:\n"
        '        return pad(x, (B, A), mode="circular")'
    ),
    "the average of all": (
        "forward(x: float[1, 2, A, B], y: float[B]) -> float[1, 2, 1, 1]:\n        return avg_pool2d(x, (A, B))"
    ),
    "the maximum of all": (
        "forward(x: float[1, 2, A, B], y: float[B]) -> (float[1, 2, 1, 1], int[1, 2, 1, 1]):\n"
        "        y, i = max_pool2d(x, (A, B), return_indices=true)\n"
        "        return y, i"
    ),
    "groups of a size": (
        "forward(x: float[2, 2*A, 3], y: float[B]) -> float[2, 2*A, 3]:\n        return group_norm(x, A)"
    ),
    "attention scaled by a size": (
        "forward(x: float[1, 2, A, 4], y: float[B]) -> float[1, 2, A, 4]:\n"
        "        return scaled_dot_product_attention(x, x, x, scale=A)"
    ),
}


def inputs(name: str, a: int, b: int) -> dict[str, torch.Tensor]:
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        "padding to a size": ((2, a), (b,)),
        "padding to a multiple": ((2, a), (b,)),
        "windows where a condition leaves one column": ((1, a, 1), (b,)),
        "circular padding": ((1, 2, a + b), (b,)),
        "the average of all": ((1, 2, a, b), (b,)),
        "the maximum of all": ((1, 2, a, b), (b,)),
        "groups of a size": ((2, 2 * a, 3), (b,)),
        "adaptive average": ((2, a), (b,)),
        "adaptive average of images": ((1, 2, a, b), (b,)),
        "adaptive maximum": ((2, a), (b,)),
        "adaptive maximum with places": ((1, 2, a, b), (b,)),
        "a pool and its inverse": ((1, 2, 2 * a + 1, 2 * b), (b,)),
        "a transposed convolution to a size": ((1, 2, (a - 1) // 2 + 1), (a,)),
        "attention scaled by a size": ((1, 2, a, 4), (b,)),
    }
    x, y = shapes.get(name, ((a,), (b,)))
    generator = torch.Generator().manual_seed(a * 16 + b)
    return {"x": torch.randn(x, generator=generator), "y": torch.randn(y, generator=generator)}


@pytest.mark.parametrize("opset", [17, 24])
@pytest.mark.parametrize("name", SPECS)
def test_a_size_known_at_run_time(name: str, opset: int, tmp_path: Path) -> None:
    text = f"model M:\n    {SPECS[name]}\n"
    export(program(text), "M", tmp_path / "m.onnx", opset=opset)
    checked(tmp_path / "m.onnx")
    (tmp_path / "m.nnspec").write_text(text)
    torch.manual_seed(0)
    module: Any = spec_lang.load(tmp_path / "m.nnspec").M()
    for a, b in ((1, 1), (1, 3), (2, 3), (5, 2), (7, 3), (6, 6)):
        feeds = inputs(name, a, b)
        wanted = module(**feeds)
        results = wanted if isinstance(wanted, tuple) else (wanted,)
        for got, w in zip(run(tmp_path / "m.onnx", feeds), results, strict=True):
            np.testing.assert_allclose(got, w.detach().numpy(), rtol=1e-5, atol=1e-5, err_msg=f"{a}, {b}")
