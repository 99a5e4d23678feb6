"""IR from outside holds together, or is refused in our words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spec_lang.diagnostics import SpecError
from spec_lang.ir.verify import read
from tests.check.checking import check_text, checked

MODELS = sorted((Path(__file__).parents[2] / "models").glob("*.nnspec"))
SMALL = """
    model M:
        layers:
            fc = Linear(_, 4)

        forward(x: float[N, 8]) -> float[N, 4]:
            return x -> fc -> relu
"""


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_what_the_checker_makes_holds_together(path: Path) -> None:
    program, _ = check_text(path.read_text())
    assert program is not None
    assert read(program.model_dump_json()) == program


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"relu"', '"rleu"', "E0711"),
        ('"Linear"', '"Linaer"', "E0711"),
        ('"id":"fc"', '"id":"fd"', "E0711"),
        ('"N"', '"N +"', "E0711"),
        ('"N"', '"N//0"', "E0711"),
        ('"N"', '"f(N +)"', "E0711"),
        ('"float"', '"flaot"', "E0711"),
        ('"file":0', '"file":7', "E0711"),
        ('"lines":[0,', '"lines":[1,', "E0711"),
        ('"lines":[0,1,', '"lines":[0,0,', "E0711"),
        ('"lines":[0,1,', '"lines":[', "E0711"),
        ('"lines":[0,', '"lines":["",', "E0710"),
        ('"span":[108,123]', '"span":[108,107]', "E0711"),
        ('"span":[108,123]', '"span":[-1,123]', "E0710"),
        ('"span":[108,123]', '"span":[108]', "E0710"),
        ('"kind":"call"', '"kind":"cull"', "E0710"),
        ('"version":"1"', '"version":"2"', "E0710"),
        ('"definitions"', '"dfinitions"', "E0710"),
        ("{", "[", "E0710"),
    ],
)
def test_what_does_not_is_refused(old: str, new: str, code: str) -> None:
    text = json.dumps(json.loads(checked(SMALL).model_dump_json()), separators=(",", ":"))
    assert old in text
    with pytest.raises(SpecError) as error:
        read(text.replace(old, new))
    assert {d.code for d in error.value.diagnostics} == {code}


ORDER = """
record R:
    a: int = 1
    b: int = 2

fn g(p: int = 1, q: int = 2) = p + q

fn f(x: float[N, 3], k: int = 1, j: int = 2) -> float[N, 3]:
    return x * k * j

extern layer E(p: int = 1, q: int = 2) from "nowhere":
    forward(x: float[N, 3], k: float[N]? = none, j: float[N]? = none) -> float[N, 3]

model M(p: int = 1, q: int = 2, r: R = R()):
    layers:
        e = E()

    forward(x: float[N, 3], k: float[N]? = none, j: float[N]? = none) -> float[N, 3]:
        y = f(e(x) * g() * p * q * r.a * r.b)
        if k is not none:
            y = y + k[:, none]
        return y if j is none else y + j[:, none]
"""


@pytest.mark.parametrize(
    ("definition", "place", "name"),
    [("R", "fields", "b"), ("g", "inputs", "q"), ("f", "method", "j"), ("E", "hypers", "q"), ("E", "forward", "j"), ("M", "hypers", "r"), ("M", "methods", "j")],
)  # fmt: skip
def test_what_must_be_given_stands_before_defaults(definition: str, place: str, name: str) -> None:
    program = json.loads(checked(ORDER).model_dump_json())
    found = next(d for d in program["definitions"] if d["name"] == definition)[place]
    found = found[0] if place == "methods" else found
    given = found["inputs"] if isinstance(found, dict) else found
    assert given[-1]["name"] == name
    given[-1]["default"] = None
    with pytest.raises(SpecError, match=f"`{name}` has no default, and stands behind"):
        read(json.dumps(program))
