"""What a trial does is undone, whatever it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.ir.from_ast.names.scope import LoadedModule, scopes
from spec_lang.ir.from_ast.state.effects import Effects, Trial
from spec_lang.ir.from_ast.state.notes import Notes
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.value import (
    AliasModule,
    BlockModule,
    Cell,
    MethodSummary,
    OpModule,
    Owed,
    Summary,
)
from spec_lang.ops.base import LAYERS
from spec_lang.shapes import Cond, dim, symbol
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse

TEXT = "model M:\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x\n"
SOURCE = Source("m.nnspec", TEXT)
LABEL = Label(SOURCE, Span(0, 1))


def _definition() -> Any:
    tree, _ = parse(SOURCE)
    assert tree is not None
    (scope,), _ = scopes([LoadedModule("m", tree)])
    return scope.names["M"]


DEFINITION = _definition()
NODE = ast.Hole(Span(0, 1))
SUMMARY = Summary(DEFINITION)
METHOD = MethodSummary(
    "forward", next(p for p in DEFINITION.node.parts if isinstance(p, ast.Method)), DEFINITION.scope
)


def place() -> Place:
    return Place(DEFINITION.scope, Mode.BODY)


def _module() -> OpModule:
    return OpModule("fc", object.__new__(LAYERS["Identity"]), {}, {}, NODE)


def _alias() -> AliasModule:
    return AliasModule("fc", DEFINITION, {}, {}, NODE, lambda name, node: Cell(name, node))


def determine_all(effects: Effects) -> Callable[[], bool]:
    """Find out one thing of each kind; gives whether all of it is unknown again."""
    cell, module, alias = Cell("in_features", NODE), _module(), _alias()
    effects.determine(cell, dim(4))
    effects.ready(module, module.layer)
    effects.become(alias, BlockModule("fc", SUMMARY, {}, {}, NODE))
    effects.summarise(SUMMARY, METHOD)
    return lambda: (
        cell.value is None and module.ready is None and alias.block is None and SUMMARY.methods == {}
    )


CHANGES: dict[str, Callable[[Effects], object]] = {
    "diagnostics": lambda e: e.report(Diagnostic("E0301", "a mistake", LABEL)),
    "owed": lambda e: e.owe(Owed(Cond.ge(symbol("N"), 2), "N >= 2", False, LABEL)),
    "determined": determine_all,
    "needed": lambda e: e.need("N", symbol("N")),
    "used": lambda e: e.use("fc"),
    "strangers": lambda e: e.estrange("foo"),
    "tainted": lambda e: e.taint(),
    "notes": lambda e: [e.note(getattr(e.notes, table), 7, "noted") for table in Notes.__slots__],
}
"""A change of each slot; one that is missing fails the first test."""
BOOKKEEPING = {"_log"}


def state(effects: Effects) -> dict[str, object]:
    """A copy of all slots that can be compared."""
    found: dict[str, object] = {s: copy.copy(getattr(effects, s)) for s in Effects.__slots__ if s != "notes"}
    return found | {f"notes.{t}": dict(getattr(effects.notes, t)) for t in Notes.__slots__}


def test_every_slot_is_changed_here() -> None:
    assert set(CHANGES) == set(Effects.__slots__) - BOOKKEEPING


@pytest.mark.parametrize("slot", CHANGES)
def test_each_change_is_one(slot: str) -> None:
    effects = Effects()
    before = state(effects)
    CHANGES[slot](effects)
    SUMMARY.methods.clear()
    assert state(effects) != before


@pytest.mark.parametrize("earlier", [False, True], ids=["from nothing", "behind others"])
@pytest.mark.parametrize("slot", CHANGES)
def test_a_trial_undoes_every_slot(slot: str, earlier: bool) -> None:
    effects = Effects()
    if earlier:
        for change in CHANGES.values():
            change(effects)
        SUMMARY.methods.clear()
    before = state(effects)
    with effects.trial(place()):
        CHANGES[slot](effects)
        with effects.trial(place()) as inner:
            CHANGES[slot](effects)
            inner.keep()
    assert state(effects) == before


def test_what_was_found_out_is_unknown_again() -> None:
    effects = Effects()
    with effects.trial(place()):
        is_unknown = determine_all(effects)
        assert not is_unknown()
    assert is_unknown()


@pytest.mark.parametrize("slot", CHANGES)
def test_what_is_kept_stays(slot: str) -> None:
    effects, other = Effects(), Effects()
    with effects.trial(place()) as trial:
        CHANGES[slot](effects)
        trial.keep()
    CHANGES[slot](other)
    SUMMARY.methods.clear()
    kept, made = getattr(effects, slot), getattr(other, slot)
    if slot == "notes":
        assert all(getattr(kept, t) == getattr(made, t) for t in Notes.__slots__)
    elif isinstance(kept, list):
        assert len(kept) == len(made) > 0
    else:
        assert kept == made


def test_code_that_is_never_taken_leaves_notes_and_uses_only() -> None:
    effects = Effects()
    before = state(effects)
    with effects.trial(place()) as trial:
        for change in CHANGES.values():
            change(effects)
        trial.keep_notes()
    after = state(effects)
    changed = {slot for slot in after if after[slot] != before[slot]}
    assert changed == {"used", *(f"notes.{t}" for t in Notes.__slots__)}


def test_a_mistake_in_python_undoes_too() -> None:
    effects = Effects()
    before = state(effects)

    def attempt() -> None:
        with effects.trial(place()):
            CHANGES["needed"](effects)
            raise KeyError

    with pytest.raises(KeyError):
        attempt()
    assert state(effects) == before


def test_a_trial_stands_at_a_place_of_its_own() -> None:
    at, effects = place(), Effects()
    with effects.trial(at) as trial:
        trial.at.assume(Cond.ge(symbol("N"), 2))
        trial.at.locals["x"] = None
        trial.at.bound["K"] = symbol("K")
        trial.at.partial |= {"y"}
        trial.at.path = (Cond.ge(symbol("N"), 2),)
    assert not at.facts.given
    assert (at.locals, at.bound, at.partial, at.path) == ({}, {}, frozenset(), ())


def test_the_place_goes_on_from_a_trial_that_is_kept() -> None:
    at, effects = place(), Effects()
    with effects.trial(at) as trial:
        trial.at.assume(Cond.ge(symbol("N"), 2))
        trial.at.locals["x"] = None
        trial.keep()
    assert at.facts.given
    assert "x" in at.locals


def test_a_trial_tells_of_what_is_broken_though_it_is_undone() -> None:
    effects = Effects()
    with effects.trial(place()) as trial:
        effects.taint()
    assert isinstance(trial, Trial)
    assert trial.broken
    assert not effects.tainted
