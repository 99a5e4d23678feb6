"""Every spec of the tests and docs that checks: each method agrees in PyTorch and ONNX Runtime, and runs in training as declared."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from spec_lang import workspace
from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.diagnostics.codes import CODES
from spec_lang.ir import model as ir
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.runtimes import Request, Torch, prepare
from spec_lang.runtimes.pytorch import _leaves
from spec_lang.runtimes.verify import verify
from tests.check import test_conditional, test_optional
from tests.mutation.samples import SMALL
from tests.torch import test_anywhere, test_corners

ROOT = Path(__file__).parents[2]
FOLDERS = ("models", "tests/check/good", "tests/torch/golden", "examples")
TRAINING_ONLY = "more than 1"
"""What PyTorch's normalisations say of one number a channel, which have no statistics: an error of the data's."""


def specs() -> Iterator[tuple[str, str, Path]]:
    """Names, texts, and the folders that they import from."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.nnspec")):
            yield f"{folder}/{path.stem}", path.read_text(), path.parent
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for n, found in enumerate(re.findall(r"^```nnspec\n(.*?)^```", path.read_text(), re.S | re.M)):
            yield f"{path.stem} {n}", found, ROOT / "models"
    for code, row in CODES.items():
        yield code, row.good, ROOT / "models"
    for kind, (held, _) in {**test_optional.HELD, **test_conditional.ACCEPTED}.items():
        yield kind, dedent(held), ROOT
    for kind, text in {**test_corners.CASES, **test_anywhere.KINDS}.items():
        yield kind, dedent(text), ROOT


def requests() -> Iterator[tuple[str, Request]]:
    """Every method of every model of those that check, small."""
    for name, text, folder in specs():
        result = compile_sources({"spec": Source("spec.nnspec", text)}, workspace.finder((folder,)))
        if (
            result.errors
            or result.program is None
            or any(isinstance(d, ir.Extern) for d in result.program.definitions)
        ):
            continue
        for d in result.program.definitions:
            if isinstance(d, ir.Block) and d.entry and d.file == 0:
                rows = SMALL.get(d.name, [{}]) if name.startswith("models/") else [{}]
                for row in rows[:1]:
                    for m in d.methods:
                        yield (
                            f"{name}: {d.name}.{m.name}",
                            Request(result.program, d.name, row, method=m.name),
                        )


def wrong(request: Request) -> str | None:
    """What does not hold of a method; a model that ONNX cannot express is run in PyTorch by others' tests."""
    try:
        found = verify(request, samples=2, threads=1)
        if not found.agrees and not found.unable:
            return str([t for t in found.trials if not t.agrees])
        return untrainable(request)
    except EvaluationError as error:
        return None if error.code.startswith("E09") else f"{error.code} {error}"


def untrainable(request: Request) -> str | None:
    """What goes wrong in training: it fails, or gives other shapes or dtypes than in evaluation."""
    with prepare(request) as prepared:
        run = Torch(prepared, 1, fast=False)
        sampler = prepared.sampler()
        for sizes in sampler.sizes(2):
            inputs = run.tensors(sampler.sample(sizes))
            run.module.eval()
            declared = [(t.shape, t.dtype) for t in _leaves(run.call(inputs))]
            run.module.train()
            try:
                with torch.no_grad():
                    results = _leaves(run.method(**inputs))
            except ValueError as error:
                if TRAINING_ONLY in str(error):
                    continue
                return f"in training, {sizes}: {error}"
            if [(t.shape, t.dtype) for t in results] != declared:
                return f"in training, {sizes}: {[t.shape for t in results]}, not {declared}"
    return None


@pytest.mark.long
def test_every_spec_agrees_in_both_modes() -> None:
    count, found = 0, []
    for name, request in requests():
        if count == int(os.environ.get("SPECC_LONG", "10000")):
            break
        count += 1
        try:
            problem = wrong(request)
        except Exception as error:  # whatever it is, the spec is what one needs to see
            problem = f"{type(error).__name__}: {error}"
        if problem is not None:
            found.append(f"{name}: {problem}")
    print(f"\n{count} methods")
    assert count > 100 or "SPECC_LONG" in os.environ
    assert not found, "\n".join(found)
