"""Specs that use much of the language at once check, and their classes can be written and constructed."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec_lang.ir.instantiate import instantiate
from spec_lang.ir.model import Block
from spec_lang.ir.state import State
from spec_lang.targets.torch import emit
from tests.check.checking import check_text, codes

GOOD = sorted(Path(__file__).with_name("good").glob("*.nnspec"))


@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.stem)
def test_good(path: Path) -> None:
    program, diagnostics = check_text(path.read_text())
    assert [f"{d.code} {d.message}" for d in diagnostics] == []
    assert program is not None
    for source in emit(program).values():
        compile(source, path.stem, "exec")
    for d in program.definitions:
        if isinstance(d, Block) and d.entry and "extern" not in path.read_text():
            assert State(program, instantiate(program, d.name)).tensors


def test_each_layer_of_a_list_has_its_own_sizes() -> None:
    text = """
        model M:
            layers:
                stack = [Linear(_, 4), Linear(_, 2)]
                named = {"a": Linear(_, 3), "b": Linear(_, 1)}

            forward(x: float[N, 8]) -> float[N, 1]:
                x = x -> stack
                x = named["a"](x)
                return named["b"](x)

            expect shape("stack.1.weight") == [2, 4]
            expect shape("named.b.weight") == [1, 3]
    """
    assert codes(text) == []
