"""Of two ways to write something, the one that is dropped leaves nothing behind; and every kind of node can be written."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest

from spec_lang import workspace
from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir import model as m
from spec_lang.targets.torch import calls, containers, expressions, methods, statements
from spec_lang.targets.torch.effects import Effects, Growing
from spec_lang.targets.torch.routine import Routine

ROOT = Path(__file__).parents[2]
FEW = {"gpt2", "lenet5", "tagger", "transformer"}
"""The models that are not behind the marker."""
SPECS = sorted([*(ROOT / "models").glob("*.nnspec"), *(Path(__file__).parent / "golden").glob("*.nnspec")])

BOTH_WAYS = """
model Net(dim: int = 4):
    layers:
        first = Linear(dim, dim)
        second = Linear(dim, dim)
        heads = [Linear(dim, dim) for i in range(3)]
        of_yet_another_name = Linear(dim, dim)

    forward(x: float[N, dim], weights_of_everything: float[N, dim]) -> float[N, dim]:
        return (x * weights_of_everything) -> first -> relu -> second -> heads -> add(of_yet_another_name(x) + of_yet_another_name(2 * x))
"""

DTYPE_TWICE = """
block Inner(dim: int):
    layers:
        fc = Linear(dim, dim)
    forward(x: float[N, dim]) -> float[N, dim]:
        return x -> fc

model Net(dim: int = 4):
    layers:
        inner = Inner(dim)
    forward(token: int[N]) -> float[N, dim]:
        a = zeros(N, dim)
        b = ones(N, dim)
        return (a + b) -> inner
"""


def written(text: str) -> str:
    return compile_sources({"net": Source("net.nnspec", text)}).torch_sources()["net.py"]


def test_undo_takes_back_what_came_after_the_mark() -> None:
    names: Growing[str, None] = Growing({"a": None})
    imports: Growing[str, str] = Growing()
    effects = Effects(names, imports)
    mark = effects.mark()
    names["b"] = None
    inner = effects.mark()
    imports["nn"] = "torch"
    effects.undo(inner)
    assert (list(names), imports) == (["a", "b"], {})
    names["a"] = None  # not new
    effects.undo(mark)
    assert (list(names), imports) == (["a"], {})


def tables(*owners: object) -> list[dict[str, Any]]:
    """All that can change in these objects."""
    return [
        {k: deepcopy(v) for k, v in vars(owner).items() if isinstance(v, dict | set | list)}
        for owner in owners
    ]


def unlike(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """What has changed, but for what is worked out once for all."""
    pairs = zip(before, after, strict=True)
    return [name for old, new in pairs for name in old if old[name] != new[name]]


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(p, marks=[pytest.mark.long] if p.parent.name == "models" and p.stem not in FEW else [])
        for p in SPECS
    ],
    ids=[p.stem for p in SPECS],
)
def test_a_layout_that_is_dropped_leaves_nothing(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = compile_sources({spec.stem: workspace.read(spec)}, workspace.finder((spec.parent,)))
    expected = program.torch_sources()
    attempt, body = statements._attempt, methods.body

    def attempt_twice(r: Routine, *args: Any, hoisting: bool) -> Any:
        owners = (r, r.imports, r.scope, *([r.owner] if r.owner else []))
        before, mark = tables(*owners), r.effects.mark()
        attempt(r, *args, hoisting=not hoisting)
        r.effects.undo(mark)
        assert not unlike(before, tables(*owners))
        return attempt(r, *args, hoisting=hoisting)

    def body_twice(r: Routine, *args: Any) -> list[str]:
        owners = (r.imports, *([r.owner] if r.owner else []))
        before, mark = tables(*owners), r.effects.mark()
        again = Routine(r.rules, r.imports, r.method, r.functions, r.owner)
        body(again, *args)
        r.effects.undo(mark)
        assert not unlike(before, tables(*owners))
        return body(r, *args)

    monkeypatch.setattr(statements, "_attempt", attempt_twice)
    monkeypatch.setattr(methods, "body", body_twice)
    assert program.torch_sources() == expected


def test_a_long_statement_is_written_as_if_it_had_not_been_tried_on_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected, attempt = written(BOTH_WAYS), statements._attempt
    assert "return torch.add(\n" in expected
    monkeypatch.setattr(statements, "_attempt", lambda *args, hoisting: attempt(*args, hoisting=True))
    monkeypatch.setattr(statements, "has_chain", lambda _: False)  # so that there is no second attempt
    assert written(BOTH_WAYS) == expected


def test_a_dtype_that_is_asked_for_twice_is_a_local_and_imports_what_it_needs() -> None:
    source = written(DTYPE_TWICE)
    assert "import torch\n" in source
    assert "dtype = next((p.dtype for p in self.parameters()), torch.get_default_dtype())" in source
    assert source.count("dtype=dtype") == 2


def test_every_kind_of_node_has_a_row() -> None:
    assert set(statements.STATEMENTS) == set(get_args(get_args(m.Stmt)[0]))
    kinds = set(get_args(get_args(m.Expr)[0]))
    assert set(expressions.EXPRESSIONS) == kinds
    assert all(set(rules.expressions) == kinds for rules in (calls.ROUTINE, containers.INIT))
    assert {*calls.ROUTINE.calls, "init"} == set(get_args(m.Call.model_fields["to"].annotation))
