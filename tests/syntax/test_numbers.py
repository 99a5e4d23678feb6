"""Each node of a definition has a number of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from spec_lang import resources
from spec_lang.diagnostics import Source, Span
from spec_lang.syntax import ast
from spec_lang.syntax.from_bytes import read_source
from spec_lang.syntax.from_text import parse, parse_expr
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import children, same, walk
from tests.fuzz.mutations import HOSTILE, TOKEN

TESTS = Path(__file__).parents[1]
FILES = sorted([*resources.models().rglob("*.nnspec"), *TESTS.rglob("*.nnspec")])


def texts() -> Iterator[str]:
    for path in FILES:
        source, wrong = read_source(path.name, path.read_bytes())
        if not wrong:
            yield source.text


def definitions(text: str) -> tuple[ast.Definition, ...]:
    module, _ = parse(Source("net.nnspec", text))
    return () if module is None else module.definitions


def numbers(node: Node) -> list[int]:
    return [n.number for n in walk(node)]


def hold(definition: ast.Definition) -> None:
    found = numbers(definition)
    assert min(found) >= 0
    assert max(found) < definition.numbers
    assert len(found) == len(set(found))
    for node in walk(definition):
        assert all(below.number < node.number for below in children(node))


def test_numbers_are_unique_and_dense() -> None:
    used = given = 0
    for text in texts():
        for definition in definitions(text):
            hold(definition)
            used += len(numbers(definition))
            given += definition.numbers
    assert used > 20_000
    assert given < 1.01 * used


def test_numbers_are_unique_after_mistakes() -> None:
    dice = Random(5)
    corpus = [text for text in texts() if len(text) < 4_000]
    recovered = 0
    for _ in range(600):
        words = TOKEN.findall(dice.choice(corpus) + dice.choice(corpus))
        for _ in range(dice.choice((1, 2, 4))):
            at = dice.randrange(len(words))
            words[at : at + dice.randrange(3)] = [dice.choice(dice.choice((HOSTILE, words)))]
        module, found = parse(Source("net.nnspec", "".join(words)))
        if module is not None:
            recovered += bool(found) and bool(module.definitions)
            for definition in module.definitions:
                hold(definition)
    assert recovered > 200


@pytest.mark.parametrize(
    "before",
    [
        '"""A docstring."""\n',
        "x = 1 + 2\n",
        "x = (1 + 2\n",
        "f(a, b) -> c\n",
        "model N:\n    forward(x: float[N]) -> float[N]:\n        return relu(x) relu(x)\n",
        "model N(a: int = 1 + 2\n",
        'x = f"{a + b} {a b}"\n',
        "model N:\n    forward(x y) ->\n\n-> x\n",
    ],
)
def test_numbers_do_not_depend_on_what_stands_before(before: str) -> None:
    text = "model M(n: int = 3):\n    forward(x: float[N, n]) -> float[N, n]:\n        return x -> relu\n"
    alone = definitions(text)[-1]
    after = definitions(before + text)[-1]
    assert same(alone, after)
    assert numbers(alone) == numbers(after)
    assert alone.numbers == after.numbers == len(numbers(alone))


def test_fstrings_count_with_their_definition() -> None:
    (definition,) = definitions("x = [f\"a{i + 1}b{f'{j}'}\", k]\n")
    hold(definition)
    assert any(isinstance(n, ast.FString) for n in walk(definition))


def test_an_expression_alone() -> None:
    value, wrong = parse_expr('[f"a{i + 1}", (2, 3), g(x, y=1)]')
    assert not wrong
    assert value is not None
    found = numbers(value)
    assert len(found) == len(set(found))
    assert value.number == max(found)
    assert min(found) >= 0


def test_a_copy_stands_for_its_node() -> None:
    (definition,) = definitions("x = 1 + 2\n")
    copy = definition.replace(span=Span(0, 1))
    assert (copy.number, copy.numbers) == (definition.number, definition.numbers)
    assert "number" not in definition.node_fields
    assert "number" not in repr(definition)


def test_a_node_that_was_not_parsed_has_none() -> None:
    assert ast.Hole(Span(0, 0)).number == -1


def test_threads_count_for_themselves() -> None:
    corpus = [text for text in texts() if 2_000 < len(text) < 20_000][:24]
    alone = [[numbers(d) for d in definitions(text)] for text in corpus]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda text: [numbers(d) for d in definitions(text)], corpus * 4)
        assert list(found) == alone * 4
