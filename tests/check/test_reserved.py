"""The table of nn.Module's attributes is torch's own."""

from __future__ import annotations

import pytest

from spec_lang.ir.reserved import CONTAINER_ATTRIBUTES, MODULE_ATTRIBUTES, MODULE_INTERNALS
from tests.check.checking import codes

torch = pytest.importorskip("torch")


def test_table() -> None:
    own = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert own <= MODULE_ATTRIBUTES
    assert own | {"type"} >= MODULE_ATTRIBUTES


def test_internals() -> None:
    names = {n for n in dir(torch.nn.Module()) if n.startswith("_") and not n.startswith("__")}
    assert names == MODULE_INTERNALS


@pytest.mark.parametrize(
    ("kind", "made"), [("dict", torch.nn.ModuleDict), ("sequential", torch.nn.Sequential)]
)
def test_containers(kind: str, made: type) -> None:
    own = {n for n in set(dir(made())) - set(dir(torch.nn.Module())) if not n.startswith("__")}
    assert own == CONTAINER_ATTRIBUTES[kind]


@pytest.mark.parametrize(
    "key", ["keys", "pop", "type", "forward", "a.b", "", "_apply", "__init__", "training"]
)
def test_keys_refused(key: str) -> None:
    text = f"""
        model M:
            layers:
                parts = {{"first": Linear(4, 4), "{key}": Linear(4, 4)}}

            forward(x: float[N, 4]) -> float[N, 4]:
                return x -> parts["first"] -> parts["{key}"]
    """
    assert codes(text) == ["E0207"]
    with pytest.raises(KeyError):
        torch.nn.ModuleDict({key: torch.nn.Linear(4, 4)})


@pytest.mark.parametrize("key", ["append", "insert", "float", "training"])
def test_names_of_children_refused(key: str) -> None:
    text = f"""
        model M:
            layers:
                parts = Sequential(first=Linear(4, 4), {key}=Linear(4, 4))

            forward(x: float[N, 4]) -> float[N, 4]:
                return x -> parts
    """
    assert codes(text) == ["E0207"]


@pytest.mark.parametrize("name", ["training", "parameters", "apply", "type", "_apply", "_call_impl"])
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
