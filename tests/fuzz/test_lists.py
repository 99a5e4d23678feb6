"""Specs over lists of layers, right or wrong: what is accepted runs as the unchecked interpreter runs it, for all values."""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.fuzz.lists.draw import simpler
from tests.fuzz.lists.programs import written
from tests.fuzz.lists.report import Report, examine, listed

SHARE = 0.9
"""Of those that run unchecked, at least so many are accepted."""


def test_programs_over_lists_are_refused_or_run() -> None:
    report = Report()
    for seed in range(30):
        examine(seed, report, onnx=seed % 5 == 0)
    assert report.wrong == 0, listed(report, "wrong", 5)


def test_choices_can_be_made_again() -> None:
    for seed in range(50):
        program = written(Random(seed))
        assert written(None, program.taken) == program
        assert all(written(None, taken).text for taken in simpler(program.taken))


@pytest.mark.long
def test_many_programs_over_lists_are_refused_or_run() -> None:
    report = Report()
    count = int(os.environ.get("SPECC_LONG", "10000"))
    for seed in range(1000, 1000 + count):
        examine(seed, report, onnx=seed % 5 == 0)
    print(report.table())
    assert report.wrong == 0, listed(report, "wrong", 20)
    assert report.share >= SHARE, report.table()
