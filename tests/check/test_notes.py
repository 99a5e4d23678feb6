"""Whoever writes a definition out asks nothing: each name and call of it is noted where it was checked."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from spec_lang.diagnostics import Source
from spec_lang.ir.from_ast.definitions.checked import Checked
from spec_lang.ir.from_ast.definitions.definitions import Definitions
from spec_lang.ir.from_ast.definitions.options import Options
from spec_lang.ir.from_ast.emission.emit import emit
from spec_lang.ir.from_ast.names.scope import LoadedModule
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.walk import walk
from tests.fuzz.programs import written

ROOT = Path(__file__).parents[2]
SPECS = sorted(
    [*(ROOT / "models").glob("*.nnspec"), *(ROOT / "tests").glob("check/good/*.nnspec")]
    + [p for p in (ROOT / "tests").glob("torch/golden/*.nnspec") if "import " not in p.read_text()]
)
UNSEEN = """
block Two(norm: layer = LayerNorm):
    layers:
        fc = Linear(_, 8)
        ln = norm(8)
        no = [Linear(8, 8) for w in []]

    forward(x: float[N, 4], flags: bool[N]) -> float[N, 8]:
        x = x -> fc -> ln -> no
        for a, b in zip([], []):
            for c in a:
                x = foo(x -> fc, c) + relu(unknown.weight) * b
        if 1 == 2:
            for c in unknown:
                x = x -> fc -> ln
        y = fc(x.sum(0)) if false else x
        z = [fc(k) for k in [] if k > other(k)]
        return y

fn pick(norm: layer, k: int = len([1, 2])) = norm if k > sum([1, 2]) else LayerNorm

model M(k: int = 3, mode: "a" | "b" = "a"):
    layers:
        two = Two(pick(LayerNorm))

    forward(x: float[N, 4], flags: bool[N]) -> float[N, 8]:
        return two(x, flags) if k > 2 or mode == "a" else two(x, flags) + k

    expect parameters == 56
    expect M(k=4).parameters == 56
"""


EXPECTATIONS = {"parameters", "keys", "shape"}
"""Words that mean something in `expect` alone."""
STRANGERS = {"nowhere", "nothing"}
"""What random programs call in code that is never taken, and nobody has defined."""


class Asked(dict[int, Any]):
    """A table that keeps what it was asked for in vain."""

    def __init__(self, table: dict[int, Any], missing: list[int]) -> None:
        super().__init__(table)
        self.missing = missing

    def get(self, key: int, default: Any = None) -> Any:
        if key not in self:
            self.missing.append(key)
        return super().get(key, default)


def missing_names(name: str, text: str) -> list[str]:
    """The names whose meaning the IR of a spec needs, and that no check has noted."""
    tree, diagnostics = parse(Source(f"{name}.nnspec", text))
    assert tree is not None
    assert not diagnostics
    definitions = Definitions([LoadedModule(name, tree)], Options())
    definitions.run()
    if definitions.result():
        return []
    known = definitions.known
    asked: list[tuple[Checked, list[int]]] = []
    defaults = [d.checked for d in known.defaults.values() if d.checked is not None]
    for checked in [c for cs in known.by_definition.values() for c in cs] + [
        *known.outside.values(),
        *defaults,
    ]:
        missing: list[int] = []
        checked.notes.refs = Asked(checked.notes.refs, missing)
        asked.append((checked, missing))
    emit(known)
    return [
        node.id
        for checked, numbers in asked
        for node in walk(checked.definition.node)
        if isinstance(node, ast.Name) and node.number in numbers
    ]


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_name_is_noted(path: Path) -> None:
    assert set(missing_names(path.stem, path.read_text())) <= EXPECTATIONS


def test_only_unknown_names_in_code_that_is_never_taken_mean_nothing() -> None:
    assert set(missing_names("unseen", UNSEEN)) == {"unknown", "foo", "other", "parameters"}


def test_every_name_of_random_programs_is_noted() -> None:
    for seed in range(60):
        missing = set(missing_names("random", written(Random(seed)).text))
        assert {n for n in missing if not n.startswith(("gone", "foo", "bar"))} <= STRANGERS, seed
