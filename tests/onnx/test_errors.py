"""What ONNX cannot express is a located error; what does not fit says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spec_lang.diagnostics import Source
from spec_lang.diagnostics.render import render
from spec_lang.diagnostics.to_json import to_json
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.verify import read
from spec_lang.targets.onnx.export import Options, emit
from tests.onnx.exporting import program

EXTERN = """
extern layer Fancy(a: int = 1) from "pkg.mod":
    forward(x: float[N, D]) -> float[N, D]

model M:
    layers:
        f = Fancy(a=2)
    forward(x: float[N, 4]) -> float[N, 4]:
        return f(x)
"""

PLAIN = """
model M(dim: int = 4, heads: int = 2):
    require dim % heads == 0, "heads must divide dim"
    layers:
        f = Linear(dim, dim)
    forward(x: float[N, dim]) -> float[N, dim]:
        return f(x)
"""


def fails(text: str, hypers: dict[str, Any] | None = None, **options: Any) -> EvaluationError:
    with pytest.raises(EvaluationError) as caught:
        emit(program(text), "M", hypers, Options(**options))
    return caught.value


def test_an_extern_without_a_domain_is_named_where_it_stands() -> None:
    error = fails(EXTERN)
    assert error.code == "E0901"
    assert "Fancy" in error.message
    assert "pkg.mod" in error.message
    diagnostic = error.diagnostic(program(EXTERN), {"spec.nnspec": Source("spec.nnspec", EXTERN)})
    start, end = diagnostic.primary.span
    assert EXTERN[start:end] == "f(x)"


def test_a_program_read_back_has_the_places_of_its_errors() -> None:
    back = read(program(EXTERN).model_dump_json())
    with pytest.raises(EvaluationError) as caught:
        emit(back, "M")
    located = caught.value.diagnostic(back, {"spec.nnspec": Source("spec.nnspec", EXTERN)})
    start, end = located.primary.span
    assert EXTERN[start:end] == "f(x)"
    assert "return f(x)" in render([located])


@pytest.mark.parametrize("sources", [{}, {"spec.nnspec": "\n" + EXTERN}], ids=["absent", "changed"])
def test_without_the_text_an_error_has_its_line_and_column(sources: dict[str, str]) -> None:
    texts = {name: Source(name, text) for name, text in sources.items()}
    error = fails(EXTERN)
    located = error.diagnostic(program(EXTERN), texts)
    shown = render([located])
    assert shown.splitlines()[1] == " --> spec.nnspec:9:16"
    assert "return" not in shown
    place = json.loads(to_json([located]))
    assert (place["file"], place["line"], place["column"], place["endColumn"]) == ("spec.nnspec", 9, 16, 20)


def test_an_extern_with_a_domain_is_a_node_of_it() -> None:
    text = EXTERN.replace('"pkg.mod"', '"pkg.mod" as "my.domain"')
    model = emit(program(text), "M").model
    [node] = model.nodes
    assert (node.domain, node.op_type, list(node.attributes)) == ("my.domain", "Fancy", ["a"])
    assert model.domains == ["my.domain"]


def test_a_condition_that_new_values_break() -> None:
    error = fails(PLAIN, {"heads": 3})
    assert error.code == "E0601"
    assert "heads must divide dim" in error.message
    assert "heads=3" in error.message


def test_a_condition_of_a_call_that_the_values_break() -> None:
    text = """
model M(depth: int = 2, k: int = 2):
    forward(x: float[N, 4], past: [float[N, 4] for i in range(depth)]? = none) -> float[N, 4]:
        return x if past is none else x + past[k]
"""
    assert emit(program(text), "M").model.nodes
    error = fails(text, inputs=("past",))
    assert error.code == "E0601"
    assert error.message.endswith("k must be less than depth (depth=2, k=2)")
    assert error.span is not None


def test_an_unknown_hyperparameter() -> None:
    assert fails(PLAIN, {"head": 3}).code == "E0512"


def test_an_unknown_method_and_a_missing_loss() -> None:
    assert fails(PLAIN, method="step").code == "E0905"
    assert fails(PLAIN, with_loss=True).code == "E0905"


def test_a_graph_that_would_give_nothing() -> None:
    text = """model M(acts: list[float] = [0.5]):
    layers:
        body = [Dropout(p) for p in acts[1:]]

    forward(x: float[N, 4]) -> [float[N, 4] for k in range(len(acts) - 1)]:
        return [x -> layer for layer in body]
"""
    assert fails(text).code == "E0909"


def test_an_unknown_input() -> None:
    error = fails(PLAIN, inputs=("nothing",))
    assert (error.code, error.message) == ("E0907", "forward has no input `nothing`")
    assert error.help == "its optional inputs: none"
    assert fails(PLAIN, inputs=("xx", "x")).help == "did you mean `x`?"


def test_a_program_that_runs_out_of_fuel() -> None:
    text = "model M(n: int = 3):\n    layers:\n        f = [Linear(4, 4) for i in range(n)]\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> f\n"
    with pytest.raises(EvaluationError) as caught:
        emit(program(text), "M", {"n": 10_000}, fuel=5_000)
    assert caught.value.code == "E0802"


def test_a_list_that_is_too_long() -> None:
    text = "model M(n: int = 3):\n    layers:\n        f = [Linear(4, 4) for i in range(n)]\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> f\n"
    with pytest.raises(EvaluationError) as caught:
        emit(program(text), "M", {"n": 10**12})
    assert caught.value.code == "E0801"
