"""Every name of the IR is bound where it stands."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import nn

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir.model import Program
from spec_lang.ir.scopes import unbound
from spec_lang.workspace import finder
from tests.fuzz.programs import written
from tests.mutation.interpreter import TooBig
from tests.mutation.rows import rows
from tests.mutation.trial import runs_as_declared

HERE = Path(__file__).parent
SPECS = sorted(
    p
    for folder in (HERE.parents[1] / "models", HERE / "good", HERE.parent / "torch" / "golden")
    for p in folder.glob("*.nnspec")
)


def loose(program: Program) -> list[tuple[str, str]]:
    """The names that mean nothing where they stand, each with its definition's."""
    return [(d.name, u.name) for d in program.definitions for u in unbound(d, types=True)]


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_names_are_bound(path: Path) -> None:
    source = Source(path.name, path.read_text())
    result = compile_sources({path.stem: source}, finder((path.parent,)))
    assert loose(result.checked()) == []


def test_names_of_random_programs_are_bound() -> None:
    for seed in range(40):
        result = compile_sources({"net": Source("net.nnspec", written(Random(seed)).text)})
        if result.program is not None:
            # Code that is never taken may name anything: what constructors read is held.
            assert not [u for d in result.program.definitions for u in unbound(d)], seed


@pytest.mark.parametrize("name", ["items", "loops"])
def test_lists_run_at_other_values(name: str) -> None:
    result = compile_sources({name: Source(f"{name}.nnspec", (HERE / "good" / f"{name}.nnspec").read_text())})
    tree = result.modules[0].tree
    for k in range(20):
        try:
            wrong = runs_as_declared(name, result, lambda m, k=k: rows(tree, m)[k : k + 1])  # type: ignore[misc]
        except TooBig:
            continue
        assert wrong is None


def test_a_layer_that_is_none_by_default_is_what_its_name_says() -> None:
    """Code that is not taken calls what the hyperparameter is, not a function of that name."""
    text = """model Net(norm: layer? = none):
    layers:
        n = none if norm is none else norm(4)
        head = Linear(4, 5)
    forward(x: float[N, 4]) -> float[N, 5]:
        if n is not none:
            x = x -> n
        return x -> head
"""
    result = compile_sources({"net": Source("net.nnspec", text)})
    (written_,) = result.torch_sources().values()
    names: dict[str, Any] = {}
    exec(compile(written_, "net.py", "exec", dont_inherit=True), names)
    net = names["Net"](norm=nn.BatchNorm1d)
    assert isinstance(net.n, nn.BatchNorm1d)
    assert net(torch.ones(2, 4)).shape == (2, 5)
    assert names["Net"]().n is None
