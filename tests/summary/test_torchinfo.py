"""The rows of ten models are those of torchinfo: modules, shapes, parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from spec_lang.accounting.rows import Row
from spec_lang.accounting.summary import summarise
from spec_lang.accounting.trace import Options
from spec_lang.shapes import TensorType
from tests.models.test_tracing import as_torch, module, sampler
from tests.models.test_verify import models
from tests.onnx.exporting import model_file

torchinfo = pytest.importorskip("torchinfo")

TEN = ["GPT2", "LeNet5", "RegNet", "ConvNeXt", "VGG", "ResNet18", "MobileNetV2", "UNet", "DenseNet", "MLP"]
CASES = [pytest.param(*r, id=r[1]) for r in models() if r[1] in TEN]


def leaves(row: Row, path: str = "") -> Iterator[tuple[str, list[int] | None, int]]:
    """Path, shape and parameters of each layer of the library, equal ones one by one."""
    if not row.inner:
        shape = [d.const or 0 for d in row.type.dims] if isinstance(row.type, TensorType) else None
        yield path, shape, row.parameters // row.count
    for r in row.inner:
        first, _, last = r.name.partition("-") if r.count > 1 else (r.name, "", "")
        for at in range(int(first), int(last) + 1) if last else [first]:
            if r.name:
                yield from leaves(
                    r.replace(parameters=r.parameters // r.count, count=1), f"{path}.{at}".strip(".")
                )


@pytest.mark.parametrize(("file", "name", "hypers"), CASES)
def test_rows_are_torchinfos(file: str, name: str, hypers: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model: nn.Module = getattr(module(file), name)(**hypers)
    dice, _ = sampler(file, name, hypers)
    sizes = dice.sizes(1)[0]
    x = [as_torch(v) for v in dice.sample(sizes).values()]
    found = torchinfo.summary(model, input_data=x, verbose=0, depth=20, cache_forward_pass=False)
    paths = {id(m): n for n, m in model.named_modules()}
    theirs = {
        paths[i.layer_id]: (list(i.output_size), i.num_params)
        for i in found.summary_list
        if not list(i.module.children())
    }
    dims = {k: v for k, v in sizes.values.items() if isinstance(v, int)}
    ours = summarise(model_file(file), name, hypers, Options(dims=dims))
    tied = set(ours.row.tied)
    rows = {path: (shape, n) for path, shape, n in leaves(ours.row)}
    assert rows.keys() == theirs.keys()
    for path, (shape, n) in rows.items():
        assert shape == theirs[path][0], path
        if not any(key.startswith(f"{path}.") for key in tied):
            assert n == theirs[path][1], path


def test_ten_models_are_compared() -> None:
    assert len(CASES) == len(TEN)
