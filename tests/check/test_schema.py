"""The published JSON Schema of the IR is that of its model, and programs round-trip through JSON."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import jsonschema
import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir.model import Name, Program, make

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


@pytest.mark.parametrize("change", [{"kind": "nothing"}, {"unknown": 1}, {"value": 3}])
def test_the_schema_refuses_what_is_no_node(change: dict[str, object]) -> None:
    path = ROOT / "models" / "lenet5.nnspec"
    program = compile_sources({path.stem: Source(path.name, path.read_text())}).checked()
    text = json.loads(program.model_dump_json())
    validator = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "ir.schema.json").read_text()))
    validator.validate(text)
    [block, *_] = [d for d in text["definitions"] if d["kind"] == "block"]
    block["members"][0]["value"].update(change)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(text)


def test_a_node_of_the_compiler_is_as_one_that_is_read() -> None:
    made = make(Name, id="x", ref="local", type=None, span=(3, 4))
    read = Name.model_validate_json(made.model_dump_json())
    assert made == read
    assert made.model_fields_set == read.model_fields_set
    assert made.model_dump(exclude_unset=True) == read.model_dump(exclude_unset=True)
    other = made.model_copy(update={"id": "y"})
    assert (other.id, made.id) == ("y", "x")
    assert made.model_fields_set == other.model_fields_set == set(Name.model_fields)
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
