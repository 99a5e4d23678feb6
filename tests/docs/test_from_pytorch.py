"""Each pair of Python and spec in `from_pytorch.md` is one network: the same keys, and outputs from the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import spec_lang
from tests.docs.fences import ROOT, Fence, fences

FENCES = fences(ROOT / "docs" / "from_pytorch.md")
[PRELUDE] = [f for f in FENCES if "prelude" in f.words]
PYTHON = {f.words["pair"]: f for f in FENCES if f.language == "python" and "pair" in f.words}
SPECS = {f.words["pair"]: f for f in FENCES if f.language == "nnspec" and "pair" in f.words}
LIMITS = fences(ROOT / "docs" / "limits.md")
ALONE = [f for f in [*FENCES, *LIMITS] if f.language == "python" and not f.words]

TOKENS = torch.arange(12).view(2, 6) % 20
MASK = torch.arange(12).view(2, 6) % 3 > 0
SEQUENCE = torch.linspace(-2, 2, 96).view(2, 6, 8)
INPUTS: dict[str, list[tuple[Any, ...]]] = {
    "Classifier": [(torch.linspace(-1, 1, 3 * 28 * 28).view(3, 28, 28),)],
    "Stack": [(torch.linspace(-1, 1, 12).view(3, 4),)],
    "ResNet": [(torch.linspace(-1, 1, 2 * 3 * 11 * 8).view(2, 3, 11, 8),)],
    "Scaled": [(SEQUENCE,)],
    "Tied": [(TOKENS,)],
    "Noisy": [(SEQUENCE[0],)],
    "Patches": [(torch.linspace(-1, 1, 2 * 3 * 8 * 12).view(2, 3, 8, 12),)],
    "Pooled": [(SEQUENCE,), (SEQUENCE, MASK)],
    "Growing": [(SEQUENCE,), (SEQUENCE, SEQUENCE[:, :4])],
    "Positions": [(SEQUENCE,)],
    "First": [(SEQUENCE,)],
    "Started": [(TOKENS,)],
}


def run(fence: Fence) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(PRELUDE.text + fence.text, str(fence), "exec"), names)
    return names


def tensors(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [t for part in value for t in tensors(part)]


@pytest.fixture(params=SPECS)
def both(request: pytest.FixtureRequest) -> tuple[str, Callable[[], Any], Callable[[], Any]]:
    name = request.param
    module = spec_lang.load_text(SPECS[name].text)
    return name, run(PYTHON[name])[name], getattr(module, name)


def test_every_pair_is_run() -> None:
    assert set(PYTHON) == set(SPECS) == set(INPUTS)


def test_pairs_agree(both: tuple[str, Callable[[], Any], Callable[[], Any]]) -> None:
    name, by_hand, by_spec = both
    torch.manual_seed(1)
    theirs = by_hand().eval()
    torch.manual_seed(1)
    ours = by_spec().eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():  # they start from the same numbers
        torch.testing.assert_close(ours.state_dict()[key], value, msg=lambda text, key=key: f"{key}: {text}")
    for given in INPUTS[name]:
        for a, b in zip(tensors(ours(*given)), tensors(theirs(*given)), strict=True):
            torch.testing.assert_close(a, b)


def test_pairs_train_alike(both: tuple[str, Callable[[], Any], Callable[[], Any]]) -> None:
    name, by_hand, by_spec = both
    results = []
    for build in (by_hand, by_spec):
        torch.manual_seed(2)
        module = build()
        torch.manual_seed(3)
        results.append(tensors(module(*INPUTS[name][-1])))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("snippet", ALONE, ids=str)
def test_python_runs(snippet: Fence) -> None:
    run(snippet)
