"""The formatter keeps what a program means and says, and has nothing to change the second time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spec_lang.diagnostics import Source
from spec_lang.diagnostics.render import render
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.layout import WIDTH
from spec_lang.syntax.to_text import format_module
from spec_lang.syntax.walk import same
from tests.syntax.programs import Programs, with_comments

ROOT = Path(__file__).parents[2]
FILES = sorted(Path(__file__).with_name("format").glob("*.nnspec"))


def read(text: str) -> ast.Module:
    module, wrong = parse(Source("program", text))
    assert not wrong, f"{text}\n{render(wrong)}"
    assert module is not None
    return module


def comments(module: ast.Module) -> list[str]:
    return sorted(comment.text for comment in module.comments)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_trees_survive(seed: int) -> None:
    tree = Programs(Random(seed)).module()
    text = format_module(tree)
    again = read(text)
    assert same(tree, again), text
    assert format_module(again) == text


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
@example(0)
def test_comments_survive(seed: int) -> None:
    random = Random(seed)
    text = with_comments(format_module(Programs(random).module()), random)
    module = read(text)
    once = format_module(module)
    again = read(once)
    assert same(module, again), f"{text}\n----\n{once}"
    assert comments(module) == comments(again), f"{text}\n----\n{once}"
    assert format_module(again) == once, text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_output(path: Path, golden: Callable[[Path, str], None]) -> None:
    golden(path.with_suffix(".txt"), format_module(read(path.read_text())))


@pytest.mark.parametrize("path", sorted((ROOT / "models").glob("*.nnspec")), ids=lambda path: path.stem)
def test_models_survive(path: Path) -> None:
    module = read(path.read_text())
    text = format_module(module)
    assert same(module, read(text))
    assert format_module(read(text)) == text
    assert all(len(line) <= WIDTH or '"' in line for line in text.splitlines())
