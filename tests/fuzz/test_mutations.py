"""Whatever a spec's text is, the answer is diagnostics or a program that is Python, lays out stably and survives as JSON."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import SpecError
from spec_lang.diagnostics.render import render
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.model import Block, Program, Variant
from spec_lang.syntax.from_bytes import read_source
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.to_text import format_module
from spec_lang.syntax.walk import same
from spec_lang.targets.onnx.export import emit
from tests.fuzz.mutations import mutated

SECONDS = 2.0
"""Of the processor, for each step of one input."""


class TooLong(BaseException):
    """A step took more than its time."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooLong where the body takes more processor time."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def put_on_trial(data: bytes, counts: Counter[str]) -> None:
    """Hold one text to the promises.

    Raises:
        Exception: it breaks one; none but these tests' own bounds and assertions may be raised.
    """
    source, wrong = read_source("net.nnspec", data)
    if wrong:
        counts[wrong[0].code] += 1
        return
    with limited(SECONDS):
        result = compile_sources({"net": source})
    if result.diagnostics:
        with limited(SECONDS):
            render(result.diagnostics)
    if result.errors:
        counts[result.errors[0].code] += 1
        return
    counts["accepted"] += 1
    program = result.checked()
    with limited(SECONDS):
        for file, text in result.torch_sources().items():
            compile(text, file, "exec", dont_inherit=True)
    with limited(SECONDS):
        module, _ = parse(source)
        assert module is not None
        laid_out = format_module(module)
        again, _ = parse(read_source("net.nnspec", laid_out.encode())[0])
        assert again is not None, "its layout does not parse"
        assert same(module, again), "its layout is another program"
        assert format_module(again) == laid_out, "its layout is not stable"
    with limited(2 * SECONDS):
        assert Program.model_validate_json(program.model_dump_json()) == program
    _export(program, counts)


def _export(program: Program, counts: Counter[str]) -> None:
    names = [
        d.name for d in program.definitions if isinstance(d, Variant) or (isinstance(d, Block) and d.entry)
    ]
    for name in names[:1]:
        try:
            with limited(4 * SECONDS):
                emit(program, name)
            counts["exported"] += 1
        except (EvaluationError, SpecError):
            counts["not exported"] += 1


def fails(seeds: range) -> list[str]:
    """What goes wrong with the mutants of these seeds."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for seed in seeds:
        try:
            put_on_trial(mutated(Random(seed)), counts)
        except (Exception, TooLong) as error:  # whatever it is, the seed finds it again
            failures.append(f"seed {seed}: {type(error).__name__}: {str(error)[:200]}")
    print(dict(counts))
    return failures


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_mutated_specs_are_refused_or_sound(first: int) -> None:
    assert fails(range(first, first + 50)) == []


@pytest.mark.long
def test_many_mutated_specs_are_refused_or_sound() -> None:
    assert fails(range(1000, 1000 + int(os.environ.get("SPECC_LONG", "20000")))) == []
