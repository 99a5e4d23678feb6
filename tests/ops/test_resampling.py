"""Resampling gives the sizes and the elements that PyTorch gives, for every size and factor."""

from __future__ import annotations

import itertools
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from spec_lang.targets.onnx.proto import DEFAULT_OPSET
from tests.onnx.exporting import export, program
from tests.ops.harness import case, check, refused
from tests.ops.oracle import quiet

MODES = {
    3: ("nearest", "nearest-exact", "linear", "area"),
    4: ("nearest", "nearest-exact", "bilinear", "bicubic", "area"),
    5: ("nearest", "nearest-exact", "trilinear", "area"),
}
FACTORS = (0.3, 1 / 3, 0.5, 0.7, 1.1, 1.5, 1.6, 2.3, 2.8, 3.0, 4.0, 41.0)


def _variants(mode: str) -> list[dict[str, Any]]:
    if mode in ("bilinear", "bicubic"):
        return [{"align_corners": a, "antialias": b} for a in (False, True) for b in (False, True)]
    return [{"align_corners": a} for a in (False, True)] if "linear" in mode else [{}]


@pytest.mark.parametrize("opset", [pytest.param(17, marks=pytest.mark.long), DEFAULT_OPSET])
@pytest.mark.parametrize(("rank", "mode"), [(r, m) for r in MODES for m in MODES[r][:2]])
def test_nearest_neighbours_of_all_pairs_of_sizes(rank: int, mode: str, opset: int, tmp_path: Path) -> None:
    ones = ", ".join("1" * (rank - 3))
    text = f"""
    model M:
        forward(x: float[1, 1, {ones}{"," * bool(ones)} A], like: float[B]) -> float[1, 1, {ones}{"," * bool(ones)} B]:
            return interpolate(x, [{ones}{"," * bool(ones)} B], mode="{mode}") + 0 * like
    """
    path = tmp_path / "m.onnx"
    export(program(dedent(text)), "M", path, opset=opset)
    session = onnxruntime.InferenceSession(path, quiet(), providers=["CPUExecutionProvider"])
    for n, m in itertools.product(range(1, 40), range(1, 100)):
        x = torch.arange(n, dtype=torch.float32).reshape(1, 1, *[1] * (rank - 3), n)
        wanted = F.interpolate(x, size=[1] * (rank - 3) + [m], mode=mode)
        [got] = session.run(None, {"x": x.numpy(), "like": np.zeros(m, np.float32)})
        assert (got == wanted.numpy()).all(), f"{n} to {m}"


@pytest.mark.parametrize("opset", [17, DEFAULT_OPSET])
@pytest.mark.parametrize(("rank", "mode"), [(r, m) for r in MODES for m in MODES[r]])
def test_factors_and_sizes(rank: int, mode: str, opset: int) -> None:
    ran = 0
    for k, factor in enumerate(FACTORS):
        shape = [(10, 7, 13)[(k + i) % 3] for i in range(rank - 2)]
        factors = [
            FACTORS[(k + 5 * i) % len(FACTORS)] if shape[i] * factor < 100 else 1.5 for i in range(rank - 2)
        ]
        for variant in _variants(mode):
            for how in (
                {"scale_factor": factors},
                {"scale_factor": factors, "recompute_scale_factor": True},
                {"size": [(3, 16, 27)[(k + i) % 3] for i in range(rank - 2)]},
            ):
                one = case(
                    "interpolate",
                    f"float[1, 2, {', '.join(map(str, shape))}]",
                    mode=mode,
                    **how,
                    **variant,
                    _opsets=(opset,),
                    _tolerance=2e-4,
                )
                if refused(one) is None:
                    ran += check(one)
    assert ran >= 20
