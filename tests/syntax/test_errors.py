"""Bad specs with their exact output beside them; `--record` writes it anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from spec_lang.diagnostics import Diagnostic
from spec_lang.diagnostics.codes import CODES
from spec_lang.diagnostics.render import ordered, render
from spec_lang.syntax.from_bytes import read_source
from spec_lang.syntax.from_text import parse

FILES = sorted(Path(__file__).with_name("bad").glob("*.nnspec"))


def diagnose(path: Path) -> list[Diagnostic]:
    source, wrong = read_source(path.name, path.read_bytes())
    return wrong or parse(source)[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_output(path: Path, golden: Callable[[Path, str], None]) -> None:
    start = process_time()
    found = diagnose(path)
    assert process_time() - start < 2
    assert found, "this spec should be refused"
    golden(path.with_suffix(".txt"), render(found))


def test_each_place_is_reported_once() -> None:
    for path in FILES:
        lines = [d.primary.source.position(d.primary.span.start).line for d in ordered(diagnose(path))]
        assert len(lines) == len(set(lines)) or path.stem == "fstrings", path.stem


def test_every_code_has_a_spec() -> None:
    raised = {d.code for path in FILES for d in diagnose(path)}
    known = {code for code in CODES if code.startswith("E01")}
    assert raised == known - {"E0118", "E0123"}
