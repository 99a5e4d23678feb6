"""A spec that checks must run: mutants of every model are refused, or run in PyTorch as the checker said."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.mutation.mutants import Mutant, mutants, without_expects
from tests.mutation.trial import Report, trial

MODELS = sorted((Path(__file__).parents[2] / "models").glob("*.nnspec"))


def sampled(path: Path, count: int) -> list[Mutant]:
    """Some mutants of a model, or all of them where there are no more."""
    found = list(mutants(without_expects(path.read_text())))
    return found if len(found) <= count else Random(path.stem).sample(found, count)


def put_on_trial(path: Path, count: int) -> Report:
    report = Report()
    for mutant in sampled(path, count):
        trial(path.stem, mutant, report)
    print(f"\n{path.stem}: {report.summary()}")
    for line in report.lost:
        print(f"  refused, but runs: {line}")
    return report


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_accepted_mutants_run(path: Path) -> None:
    assert not put_on_trial(path, 6).failures


@pytest.mark.long
@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_all_accepted_mutants_run(path: Path) -> None:
    count = int(os.environ.get("SPECC_LONG", "100000"))
    assert not put_on_trial(path, count).failures
