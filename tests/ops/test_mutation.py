"""Calls that are accepted run in PyTorch with the shapes and dtypes inferred, whatever was changed in them."""

from __future__ import annotations

import random

import pytest

from spec_lang.diagnostics.codes import CODES
from spec_lang.ops.base import OpError
from tests.ops.harness import Case, refused
from tests.ops.mutation import Leak, hunt, mutant
from tests.ops.test_functions import CASES


def shown(leaks: list[Leak]) -> str:
    return "\n".join(f"{leak.case} at {leak.env}: {leak.error}" for leak in leaks)


def test_accepted_calls_run() -> None:
    outcome = hunt(CASES, 400, seed=7)
    assert not outcome.leaks, shown(outcome.leaks)
    assert outcome.accepted > 100


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_accepted_calls_run_many(seed: int) -> None:
    outcome = hunt(CASES, 10_000, seed)
    assert not outcome.leaks, shown(outcome.leaks)
    assert len(outcome.strict) < 0.06 * outcome.runs


def refusals(count: int) -> list[tuple[Case, OpError]]:
    """What is refused among some changed calls."""
    draw = random.Random(5)
    mutants = [mutant(draw.choice(CASES), draw) for _ in range(count)]
    return [(one, error) for one in mutants if (error := refused(one)) is not None]


def test_refusals_are_explained() -> None:
    """Each refusal has a known code and one line that names the function."""
    errors = refusals(1500)
    assert len(errors) > 300
    for one, error in errors:
        assert error.code in CODES, error.message
        declared_by_its_twin = error.arg == "inplace"
        assert error.message.startswith(one.name) or declared_by_its_twin, error.message
        assert "\n" not in error.message
