"""The table of codes: complete, true to the compiler, and printed in `docs/errors.md`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import spec_lang
from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.diagnostics.codes import CODES
from spec_lang.diagnostics.index import markdown
from spec_lang.ir.from_ast import Options

PACKAGE = Path(spec_lang.__file__).parent
INDEX = PACKAGE.parent / "docs" / "errors.md"
PARTS = "block Attention:\n    forward(x: float[N, D]) -> float[N, D]:\n        return x\n"
WITHOUT_SPEC = {"E0210", "E0710", "E0711", "E0714"}
"""Mistakes on the command line or in a checked program that comes as JSON, and what no spec is known to have."""
COMPLETE = [code for code in CODES if "E02" <= code < "E09" and code not in WITHOUT_SPEC]


def codes_of(text: str) -> list[str]:
    """The codes of the mistakes in a spec that may import from `parts`."""

    def find(module: str) -> Source | None:
        return Source("parts.nnspec", PARTS) if module == "parts" else None

    return [d.code for d in compile_sources({"spec": Source("spec.nnspec", text)}, find).diagnostics]


@pytest.mark.parametrize("code", COMPLETE)
def test_the_bad_example_has_just_this_mistake(code: str) -> None:
    assert CODES[code].bad
    assert codes_of(CODES[code].bad) == [code]


@pytest.mark.parametrize("code", COMPLETE)
def test_the_good_example_checks(code: str) -> None:
    assert CODES[code].good
    assert codes_of(CODES[code].good) == []


def test_a_model_that_is_not_there() -> None:
    found = compile_sources(
        {
            "spec": Source(
                "spec.nnspec", "model Net:\n    forward(x: float[N]) -> float[N]:\n        return x\n"
            )
        },
        options=Options(model="Nett"),
    ).diagnostics
    assert [(d.code, d.help) for d in found] == [("E0210", "did you mean `Net`?")]


def raised() -> set[str]:
    """The codes that stand in the package's code, outside the table."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name != "rows":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    word = node.value
                    if len(word) == 5 and word[0] == "E" and word[1:].isdigit():
                        found.add(word)
    return found


def test_what_is_raised_is_explained_and_what_is_explained_is_raised() -> None:
    assert raised() - set(CODES) == set()
    assert set(CODES) - raised() == set()


def test_explanations_are_written_out() -> None:
    for code, row in CODES.items():
        assert row.title, code
        assert not row.title.endswith("."), code
        assert row.explanation.endswith((".", "!", "?", "`")), code


def test_the_index_is_current(golden: Callable[[Path, str], None]) -> None:
    golden(INDEX, markdown(CODES))
