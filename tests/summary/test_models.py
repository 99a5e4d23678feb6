"""The totals of every model of `models/` are PyTorch's own, at two sizes of its inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spec_lang.accounting.trace import Options, trace
from tests.models.test_tracing import LIGHT, as_torch, module, sampler
from tests.onnx.exporting import model_file
from tests.summary.counting import counted


def on_meta(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(on_meta, value))
    return value.to("meta") if isinstance(value, torch.Tensor) else value


def made(file: str, name: str, hypers: dict[str, Any]) -> nn.Module:
    with torch.device("meta"):
        model: nn.Module = getattr(module(file), name)(**hypers)
    return model


@LIGHT
def test_totals_are_pytorchs(file: str, name: str, hypers: dict[str, Any]) -> None:
    model = made(file, name, hypers)
    dice, _ = sampler(file, name, hypers)
    found = [s for s in dice.sizes(100) if s.values.get("N") != 1][
        :2
    ]  # batch norms refuse to train on one value
    assert len(found) == 2 or not dice.names
    for sizes in found:
        x = on_meta([as_torch(v) for v in dice.sample(sizes).values()])
        dims: dict[str, int] = {}
        ranks: dict[str, int] = {}
        for key, v in sizes.values.items():
            name_, v = key.lstrip("*"), v if isinstance(v, tuple) else (v,)
            ranks[name_] = len(v)
            dims |= {name_ if len(v) == 1 else f"{name_}{i}": n for i, n in enumerate(v)}
        for training in (False, True):
            options = Options(dims=dims, ranks=ranks, training=training)
            run = trace(model_file(file), name, hypers, options)
            model.train(training)
            forward, both = counted(model, x), counted(model, x, gradients=True)
            assert (run.call.flops, run.flops) == (forward, both if training else forward)
        assert run.state.parameters == sum(p.numel() for p in model.parameters())
