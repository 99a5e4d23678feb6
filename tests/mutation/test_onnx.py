"""Mutants that check agree in both targets: exported, they give in ONNX Runtime what PyTorch gives."""

from __future__ import annotations

import os
from collections import Counter
from math import isinf
from pathlib import Path

import pytest
from torch import Tensor
from torch.utils._pytree import tree_map_only

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir import model as ir
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.instantiate import instantiate
from spec_lang.ir.state import State
from spec_lang.runtimes import CannotRun, Request, Torch, prepare
from spec_lang.runtimes.inputs import NoSizes
from spec_lang.runtimes.verify import verify
from tests.mutation.mutants import Mutant
from tests.mutation.samples import hypers, models
from tests.mutation.test_mutation import MODELS, sampled
from tests.mutation.trial import MAX_PARAMETERS

ROUNDING = 5e-5
DIVISIONS = ("/", "//", "%")
NOT_EXPORTED = ("E09", "E06")  # ONNX cannot express it; a condition on the hyperparameters refuses the sample


def disagreements(name: str, mutant: Mutant, counts: Counter[str]) -> list[str]:
    """What differs between the targets of an accepted mutant, for one row of hyperparameters of each of its models."""
    result = compile_sources({name: Source(f"{name}.nnspec", mutant.text)})
    if result.errors or result.program is None:
        counts["refused"] += 1
        return []
    program = result.program
    found: list[str] = []
    for model in models(result.modules[0].tree):
        row = hypers(model)[0]
        block = next(
            (d for d in program.definitions if isinstance(d, ir.Block) and d.name == model.name.id), None
        )
        for method in [m.name for m in block.methods if m.name != "loss"] if block else []:
            request = Request(program, model.name.id, row, method=method)
            try:
                root = instantiate(program, model.name.id, row)
                if State(program, root).parameters > MAX_PARAMETERS:
                    counts["too big"] += 1
                    continue
                trials = verify(request, samples=2, threads=1).trials
            except EvaluationError as error:
                if not error.code.startswith(NOT_EXPORTED):
                    raise
                counts[f"not exported: {error.code}"] += 1
                continue
            except CannotRun as error:
                if not isinstance(error.__cause__, IndexError) or not by_values(request):
                    raise
                counts["an index out of range"] += 1
                continue
            except NoSizes:
                counts["no sizes within the conditions"] += 1
                continue
            counts["compared"] += 1
            far = [
                d for t in trials for d in t.differences if not d.agrees and (d.note or d.absolute > ROUNDING)
            ]
            # Attention over infinities: runtimes differ in what is no number.
            if far and isinf(far[0].absolute) and mutant.after in DIVISIONS:
                counts["a division by zero"] += 1
            elif far:
                found.append(f"{name}, {mutant}, {model.name.id}.{method}: {far[0]}")
    return found


def by_values(request: Request) -> bool:
    """Whether every index that is beyond its dim is so by its value alone: where tensors have none, all sizes run."""
    with prepare(request) as prepared:
        run = Torch(prepared, threads=1)
        sampler = prepared.sampler(request.seed)
        run.module.to("meta")
        for sizes in sampler.sizes(2):
            inputs = tree_map_only(Tensor, lambda t: t.to("meta"), run.tensors(sampler.sample(sizes)))
            try:
                run.call(inputs)
            except IndexError:
                return False
    return True


def put_on_trial(path: Path, count: int) -> None:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for mutant in sampled(path, count):
        try:
            failures += disagreements(path.stem, mutant, counts)
        except Exception as error:  # whatever it is, the mutant is what one needs to see
            failures.append(f"{path.stem}, {mutant}: {type(error).__name__}: {error}")
    print(f"\n{path.stem}: {dict(counts)}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_some_accepted_mutants_agree(path: Path) -> None:
    put_on_trial(path, 2)


@pytest.mark.long
@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_accepted_mutants_agree(path: Path) -> None:
    put_on_trial(path, min(int(os.environ.get("SPECC_LONG", "10000")), 1000))
