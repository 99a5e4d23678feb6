"""The table of nn.Module's attributes is torch's own."""

from __future__ import annotations

import pytest

from spec_lang.ir.reserved import MODULE_ATTRIBUTES
from tests.check.checking import codes

torch = pytest.importorskip("torch")


def test_table() -> None:
    own = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert own <= MODULE_ATTRIBUTES
    assert own | {"type"} >= MODULE_ATTRIBUTES


@pytest.mark.parametrize("name", ["training", "parameters", "apply", "type"])
def test_refused(name: str) -> None:
    text = f"""
        model M:
            layers:
                {name} = Linear(4, 4)

            forward(x: float[N, 4]) -> float[N, 4]:
                return x -> {name}
    """
    assert codes(text) == ["E0207"]


@pytest.mark.parametrize("name", ["layers", "model", "block", "init", "norm", "max", "range", "expect"])
def test_allowed(name: str) -> None:
    text = f"""
        model M:
            layers:
                {name} = Linear(4, 4)

            forward(x: float[N, 4]) -> float[N, 4]:
                return x -> {name}
    """
    assert codes(text) == []
