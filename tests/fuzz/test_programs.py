"""Random programs: what checks runs as declared, computes what the oracle computes, and agrees in every target."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.held import compiled, hold
from tests.fuzz.programs import Written, programs, written
from tests.mutation.trial import TALLY

LEAST_ACCEPTED = 0.9
LEAST_COMPARED = 0.8
torch.set_num_threads(1)


def put_on_trial(seed: int, counts: Counter[str]) -> None:
    """Hold the program of a seed to all promises, if it checks.

    Raises:
        AssertionError: it breaks one; the message has the program.
    """
    spec = written(Random(seed))
    refused = compiled(spec.text).errors
    counts[f"refused {refused[0].code}" if refused else "accepted"] += 1
    if refused:
        return
    torch.manual_seed(seed)
    try:
        hold(spec.text, spec.rows)
    except Exception as error:  # whatever it is, the program is what one needs to see
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}\n{spec}") from error


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_random_programs_keep_all_promises(first: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, first + 10):
        put_on_trial(seed, counts)


def test_most_random_programs_check() -> None:
    refused = [seed for seed in range(60) if compiled(written(Random(seed)).text).errors]
    assert len(refused) <= (1 - LEAST_ACCEPTED) * 60, refused


@settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)  # fmt: skip
@given(spec=programs())
def test_shrinking_programs_keep_all_promises(spec: Written) -> None:
    if not compiled(spec.text).errors:
        hold(spec.text, spec.rows)


@pytest.mark.long
def test_many_random_programs_keep_all_promises() -> None:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    count = int(os.environ.get("SPECC_LONG", "10000"))
    for seed in range(1000, 1000 + count):
        try:
            put_on_trial(seed, counts)
        except AssertionError as error:
            failures.append(str(error))
    print(dict(counts), dict(sorted(TALLY.items())))
    assert not failures, "\n\n".join(failures[:20])
    assert counts["accepted"] >= LEAST_ACCEPTED * count
    for kind in ("oracle: compared", "ONNX: compared", "training: ran", "sample: ran"):
        assert TALLY[kind] >= LEAST_COMPARED * sum(
            n for k, n in TALLY.items() if k.split()[0] == kind.split()[0]
        )
