"""Stacks of linear maps give in ONNX what they give in PyTorch, on rows or not, in every opset and at every size."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from spec_lang.loading import from_program
from tests.fuzz.held import compiled
from tests.fuzz.towers import stacked
from tests.onnx.exporting import checked, export, run

OPSETS = (17, 18, 20, 21, 23, 24, 28)
SIZES = ({"N": 1, "T": 1, "S": 1}, {"N": 2, "T": 5, "S": 3})


def on_rows(seed: int, path: Path) -> int:
    """Hold the model of a seed to its module; gives how many linear maps are on rows.

    Raises:
        AssertionError: they differ; the message has the model.
    """
    rng = Random(seed)
    text = stacked(rng)
    opset = rng.choice(OPSETS)
    program = compiled(text).checked()
    torch.manual_seed(seed)
    module = from_program(program, "towers").Net().eval()
    export(program, "Net", path, opset=opset, state=module.state_dict())
    graph = checked(path).graph
    dims = graph.input[0].type.tensor_type.shape.dim
    for sizes in SIZES:
        x = torch.randn([d.dim_value or sizes[d.dim_param] for d in dims])
        with torch.no_grad():
            wanted = module(x)
        for a, b in zip(run(path, {"x": x}), wanted if isinstance(wanted, tuple) else [wanted], strict=True):
            message = f"seed {seed}, opset {opset}, {sizes}\n{text}"
            np.testing.assert_allclose(a, b.numpy(), rtol=2e-4, atol=5e-5, err_msg=message)
    return sum(n.op_type == "Gemm" and n.output[0].endswith(".rows") for n in graph.node)


def test_towers_agree(tmp_path: Path) -> None:
    found = [on_rows(seed, tmp_path / "m.onnx") for seed in range(25)]
    assert sum(n > 1 for n in found) > 8


@pytest.mark.long
def test_many_towers_agree(tmp_path: Path) -> None:
    count = int(os.environ.get("SPECC_LONG", "10000"))
    found = [on_rows(seed, tmp_path / "m.onnx") for seed in range(1000, 1000 + count)]
    assert sum(n > 1 for n in found) > count // 3
