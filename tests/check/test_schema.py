"""The published JSON Schema of the IR is that of its model, and programs round-trip through JSON."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir.model import Program

ROOT = Path(__file__).parents[2]


def test_the_published_schema_is_current() -> None:
    published = json.loads((ROOT / "docs" / "ir.schema.json").read_text())
    assert published == Program.model_json_schema(), "write it anew: specc ir --schema > docs/ir.schema.json"


@pytest.mark.parametrize("path", sorted((ROOT / "models").glob("*.nnspec")), ids=lambda p: p.stem)
def test_programs_round_trip_and_fit_the_schema(path: Path) -> None:
    program = compile_sources({path.stem: Source(path.name, path.read_text())}).checked()
    text = program.model_dump_json()
    assert Program.model_validate_json(text) == program
    schema = json.loads((ROOT / "docs" / "ir.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))
