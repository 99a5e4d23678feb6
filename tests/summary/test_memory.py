"""The peak in evaluation is what PyTorch holds at most, in models whose kernels keep nothing for themselves."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from spec_lang.accounting.trace import Options, trace
from tests.models.test_tracing import as_torch, made, sampler
from tests.models.test_verify import models
from tests.onnx.exporting import model_file

SEEN = ["Activations", "Gated", "ConvNeXt", "Convolutions3d", "DenseNet", "GPT2", "LeNet5"]


class Held(TorchDispatchMode):
    """Counts the bytes of storages that are made, as long as they live."""

    def __init__(self, before: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.known = {t.untyped_storage()._cdata for t in before}
        self.live = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for t in tree_leaves(result):
            storage = t.untyped_storage()
            if storage._cdata not in self.known:
                self.known.add(storage._cdata)
                self.live += storage.nbytes()
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self.gone, storage._cdata, storage.nbytes())
        return result

    def gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.live -= size


@pytest.mark.parametrize(
    ("file", "name", "hypers"), [pytest.param(*r, id=r[1]) for r in models() if r[1] in SEEN]
)
def test_the_peak_in_evaluation_is_pytorchs(file: str, name: str, hypers: dict[str, Any]) -> None:
    dice, _ = sampler(file, name, hypers)
    sizes = dice.sizes(1)[0]
    x = [as_torch(v) for v in dice.sample(sizes).values()]
    model = made(file, name, hypers)
    with torch.no_grad(), Held([*model.state_dict().values(), *model.buffers(), *x]) as held:
        model(*x)
    dims = {k: v for k, v in sizes.values.items() if isinstance(v, int)}
    assert trace(model_file(file), name, hypers, Options(dims=dims)).call.peak == held.peak
