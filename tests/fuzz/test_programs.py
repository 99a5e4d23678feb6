"""Random programs: what checks runs as declared, computes what the oracle computes, and agrees in every target."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings

from spec_lang.ops.base import FUNCTIONS, LAYERS
from tests.fuzz import reach
from tests.fuzz.held import compiled, hold
from tests.fuzz.programs import Written, programs, written
from tests.mutation.trial import TALLY

LEAST_ACCEPTED = 0.9
LEAST_COMPARED = 0.8
FORMS = frozenset(
    [
        *(
            "Append",
            "FString",
            "IfExp",
            "Ellipsis",
            "Slice from the end",
            "Binary or",
            "Unary not",
            "Unary ~",
            "argument named",
        ),
        *(
            "assign to TargetTuple",
            "assign to Name with a type",
            "if elif",
            "if else",
            "if alone",
            "for TargetTuple in enumerate",
        ),
        *(
            "block = alias",
            "model = alias",
            "fn of numbers",
            "fn of tensors",
            "ConstantDef",
            "Record",
            "docstring",
            "param",
            "buffer",
        ),
        *(
            "part Let",
            "part Require",
            "part Tie",
            "part InitSection",
            "method loss",
            "method of another name",
        ),
        *(
            "hyper BoundedType",
            "hyper ListType",
            "hyper OptionalType",
            "hyper TupleType",
            "hyper bool",
            "hyper float",
            "hyper layer",
        ),
        *("hyper choice of strings", "hyper choice of types", "hyper record", "input OptionalType = none"),
        *("input TensorListType", "input TupleType", "input TensorType = expression"),
        *(
            "result TensorListType",
            "result TupleType",
            "several results",
            "result TensorType named",
            "dtype i32",
            "dtype bool",
        ),
        *(f"never {kind}" for kind in ("Assign", "Append", "Require", "Return", "If", "For", "IfExp")),
        *(f"over nothing {kind}" for kind in ("Assign", "Append", "Require", "If", "For")),
        "never, by a hyperparameter",
        *(f"loop in a loop, over {kind}" for kind in ("range", "zip", "enumerate")),
        *(
            f"method called from {who}, {where}"
            for who in ("forward", "another")
            for where in ("before", "behind")
        ),
        *("method called in a loop", "weight read"),
    ]
)
"""What random programs have of the language."""
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


@pytest.mark.parametrize("first", [0, pytest.param(10, marks=pytest.mark.long)])
def test_random_programs_keep_all_promises(first: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, first + 10):
        put_on_trial(seed, counts)


def test_most_random_programs_check() -> None:
    refused = [seed for seed in range(60) if compiled(written(Random(seed)).text).errors]
    assert len(refused) <= (1 - LEAST_ACCEPTED) * 60, refused


@pytest.mark.long
def test_random_programs_reach_the_library_and_the_language() -> None:
    trees = [reach.tree(written(Random(seed)).text) for seed in range(400)]
    ops, forms = set().union(*map(reach.ops, trees)), set().union(*map(reach.forms, trees))
    assert len(ops & FUNCTIONS.keys()) > 0.85 * len(FUNCTIONS)
    assert len(ops & LAYERS.keys()) > 0.7 * len(LAYERS)
    assert forms >= FORMS, FORMS - forms


@settings(
    max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
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
