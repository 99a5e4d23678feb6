"""Specs as strangers write them: sound ones are checked as any other, wrong ones are told briefly and in bounded time."""

from __future__ import annotations

import time

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.diagnostics.render import render

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


HEAD = "model M:\n    forward(x: float[N, 4]) -> float[N, 4]:\n"
ENDLESS = {
    "thousands of unknown names": HEAD
    + "".join(f"        a{i} = b{i}\n" for i in range(10_000))
    + "        return x\n",
    "thousands of mistakes on one line": "model M("
    + ", ".join(f"a{i}: itn" for i in range(3_000))
    + f"):\n{HEAD.splitlines()[1]}\n        return x\n",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_mistakes_by_the_thousand_are_told_in_bounded_time(name: str) -> None:
    """Each costs what is near it, not the whole spec: 4 s where they take minutes otherwise."""
    before = time.process_time()
    result = compile_sources({"m": Source("m.nnspec", ENDLESS[name])})
    text = render(result.diagnostics)
    assert time.process_time() - before < 20
    assert text.count("error[") == len(result.diagnostics) >= 3_000


@pytest.mark.parametrize(
    "line", ["        return {}", "        x = x -> {}", "        return rearrange(x, '{} -> c')"]
)
def test_names_as_long_as_a_file_are_shown_in_part(line: str) -> None:
    result = compile_sources({"m": Source("m.nnspec", HEAD + line.format("y" * 100_000) + "\n")})
    assert result.errors
    assert len(render(result.diagnostics)) < 10_000


def test_a_thousand_files_import_each_other() -> None:
    text = "from m{} import B{}\n\nblock B{}:\n    layers:\n        b = B{}()\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> b\n"

    def find(name: str) -> Source | None:
        n, following = int(name[1:]), (int(name[1:]) + 1) % 1000
        return Source(f"{name}.nnspec", text.format(following, following, n, following))

    first = find("m0")
    assert first is not None
    result = compile_sources({"m0": first}, find)
    assert [d.code for d in result.diagnostics] == ["E0701"]
    assert len(render(result.diagnostics)) < 5_000
