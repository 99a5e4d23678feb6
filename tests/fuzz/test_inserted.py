"""Code that is never taken changes nothing, whatever it is, and neither does a method that gives back what it gets."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from tests.fuzz.held import Broken, compiled
from tests.fuzz.inserted import changes_nothing, helps_nothing, with_helper, with_unseen
from tests.fuzz.mutations import texts
from tests.fuzz.programs import written

SOUND = ("models", "tests/check/good")
BAD = ("tests/errors/bad",)
KINDS = ("random", "sound", "bad")


def spec(kind: str, rng: Random) -> str:
    """A random program, one of the project's specs, or one with a mistake."""
    return written(rng).text if kind == "random" else rng.choice(texts(SOUND if kind == "sound" else BAD))


def unseen_on_trial(kind: str, seed: int, counts: Counter[str]) -> None:
    """Put code that is never taken into a spec, and hold it to what the spec was without.

    Raises:
        AssertionError: it is something else; the message has the code and its place.
    """
    rng = Random(seed)
    made = with_unseen(spec(kind, rng), rng, mistaken=kind == "bad")
    if made is None:
        counts["no place"] += 1
        return
    try:
        counts[changes_nothing(made, "Net" if kind == "random" else None)] += 1
    except Exception as error:  # whatever it is, the code is what one needs to see
        shown = f"{kind} {seed}:\n{made.shown}"
        raise AssertionError(f"{shown}\n{type(error).__name__}: {error}") from error


def helper_on_trial(kind: str, seed: int, counts: Counter[str]) -> None:
    """Put a call's value through a method that gives it back, and hold the spec to what it was without.

    Raises:
        AssertionError: it is something else; the message has the spec.
    """
    rng = Random(seed)
    text = spec(kind, rng)
    changed = None if compiled(text).errors else with_helper(text, rng)
    if changed is None:
        counts["no place"] += 1
        return
    try:
        helps_nothing(text, changed)
    except Broken as error:
        raise AssertionError(f"{kind} {seed}: {error}\n{changed}") from error
    counts["accepted"] += 1


@pytest.mark.parametrize(("kind", "seeds", "wanted"), [("random", 6, 4), ("sound", 6, 4), ("bad", 50, 0)])
def test_code_that_is_never_taken_changes_nothing(kind: str, seeds: int, wanted: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(seeds):
        unseen_on_trial(kind, seed, counts)
    assert counts["accepted"] >= wanted, counts


@pytest.mark.parametrize("kind", ["random", "sound"])
def test_a_method_that_gives_back_what_it_gets_changes_nothing(kind: str) -> None:
    counts: Counter[str] = Counter()
    for seed in range(10):
        helper_on_trial(kind, seed, counts)
    assert counts["accepted"] >= 7, counts


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_much_code_that_is_never_taken_changes_nothing(kind: str) -> None:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for seed in range(1000, 1000 + int(os.environ.get("SPECC_LONG", "10000"))):
        try:
            unseen_on_trial(kind, seed, counts)
        except AssertionError as error:
            failures.append(str(error))
    print(dict(counts))
    assert not failures, f"{len(failures)}:\n\n" + "\n\n".join(failures[:20])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["random", "sound"])
def test_many_methods_that_give_back_what_they_get_change_nothing(kind: str) -> None:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for seed in range(1000, 1000 + int(os.environ.get("SPECC_LONG", "10000"))):
        try:
            helper_on_trial(kind, seed, counts)
        except AssertionError as error:
            failures.append(str(error))
    print(dict(counts))
    assert not failures, f"{len(failures)}:\n\n" + "\n\n".join(failures[:20])
