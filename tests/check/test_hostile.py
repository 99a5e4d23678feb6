"""Specs that once were no specs to the checker: each is checked as any other."""

from __future__ import annotations

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source

SOUND = {
    "names of other letters": """
block Größe:
    forward(x: float[N, α]) -> float[N, α]:
        return x * 2.0

model Μοντέλο:
    layers:
        größe = Größe()

    forward(été: float[N, 4]) -> float[N, 4]:
        return été -> größe
""",
    "a rule for layers whose number is not known": """
block Tagger(n: int):
    layers:
        lstm = LSTM(8, 8, num_layers=n, batch_first=true)

    forward(x: float[N, T, 8]) -> float[N, T, 8]:
        y, _ = x -> lstm
        return y

    init:
        LSTM.weight_hh_l0 = normal(std=0.02)

model M(n: int = 3):
    layers:
        tagger = Tagger(n)

    forward(x: float[N, T, 8]) -> float[N, T, 8]:
        return x -> tagger
""",
}


@pytest.mark.parametrize("name", SOUND)
def test_they_check_and_are_python(name: str) -> None:
    result = compile_sources({"m": Source("m.nnspec", SOUND[name])})
    assert not result.diagnostics
    for file, text in result.torch_sources().items():
        compile(text, file, "exec", dont_inherit=True)
