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


def spliced(*children: str) -> list[str]:
    return codes(f"""
        model M(depth: int = 2, widths: list[int] = [4, 8]):
            layers:
                buffer used: float[depth, widths[0]] = zeros()
                body = Sequential({", ".join(children)})

            forward(x: float[N, 8]) -> float[N, _]:
                return x -> body
    """)


def test_a_sequential_runs_the_dicts_that_are_spliced_into_it() -> None:
    blocks = '**{f"block{i}": Linear(8, 8) for i in range(depth)}'
    heads = '**{f"head{i}": Linear(_, widths[i]) for i in range(len(widths))}'
    assert spliced(blocks, heads) == []
    assert spliced("stem=Linear(8, 8)", blocks, heads, "last=Linear(_, 3)") == []
    assert spliced('**{f"{i}": Linear(8, 8) for i in range(depth)}') == []
    assert spliced('**{f"block{w}-{i}": Linear(8, 8) for i, w in enumerate(widths)}') == []


@pytest.mark.parametrize(
    "children",
    [
        ("block1=Linear(8, 8)", '**{f"block{i}": Linear(8, 8) for i in range(depth)}'),
        ('**{f"block{i}": Linear(8, 8) for i in range(depth)}', "block1=Linear(8, 8)"),
        ("Linear(8, 8)", '**{f"{i}": Linear(8, 8) for i in range(depth)}'),
        (
            '**{f"block{i}": Linear(8, 8) for i in range(depth)}',
            '**{f"block1{i}": Linear(8, 8) for i in range(depth)}',
        ),
        ('**{f"block{i // 2}": Linear(8, 8) for i in range(depth)}',),
        ('**{f"block{w}": Linear(8, 8) for w in widths}',),
        ('**{f"block{i}{w}": Linear(8, 8) for i, w in enumerate(widths)}',),
    ],
)
def test_no_two_children_may_have_one_key(children: tuple[str, ...]) -> None:
    assert spliced(*children) == ["E0205"]


def test_functions_that_are_right_or_wrong_for_values_mean_what_they_say() -> None:
    """Their variables may be called as an op is, and they make records."""
    text = """
        record Row:
            out: int
            p: float

        PAIRS = [(1, 2), (3, 4)]

        fn depths(n: float) = [ceil(d * n) for _, d in PAIRS]

        fn rows(n: float) = [
            Row(expand + len([roll for roll in range(ceil(n))]), sum(depths(n)[:k]) / sum(depths(n)))
            for k, (expand, d) in enumerate(PAIRS)
        ]

        model M(rows: list[Row] = rows(2.0)):
            layers:
                body = Sequential(*[Sequential(Linear(_, r.out), Dropout(r.p)) for r in rows])

            forward(x: float[N, 3]) -> float[N, _]:
                return x -> body

            expect shape("body.1.0.weight") == [5, 3]
    """
    program, diagnostics = check_text(text)
    assert [f"{d.code} {d.message}" for d in diagnostics] == []
    assert program is not None
    (source,) = emit(program).values()
    assert "for k, (expand, _) in enumerate(PAIRS)" in source
    assert len(State(program, instantiate(program, "M")).tensors) == 4
