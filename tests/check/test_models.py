"""Every model that ships checks, its expectations hold, and its IR survives JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec_lang.ir.model import Program
from tests.check.checking import check_text

MODELS = sorted((Path(__file__).parents[2] / "models").glob("*.nnspec"))


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_checks(path: Path) -> None:
    program, diagnostics = check_text(path.read_text())
    assert [f"{d.code} {d.message}" for d in diagnostics] == []
    assert program is not None
    assert Program.model_validate_json(program.model_dump_json()) == program
