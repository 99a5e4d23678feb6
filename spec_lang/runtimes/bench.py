"""Compares the latency of runtimes on one model: runs in turn, medians, and the ratio to the first with its interval."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spec_lang.runtimes import RUNTIMES, CannotRun, Progress, Request, prepare
from spec_lang.runtimes.inputs import Sizes
from spec_lang.runtimes.request import first_line

WARM_UP: Final = 3
"""Runs before those that count."""
SHORTEST: Final = 0.02
"""Seconds that one measurement takes at least: shorter runs are repeated and their mean taken."""


@dataclass(frozen=True)
class Latency:
    """One runtime's row, times in seconds.

    Attributes:
        runtime: Which.
        median: Of one run.
        low: A tenth of the runs took less.
        high: A tenth took more.
        ratio: The median of its time by the first runtime's, run by run.
        ratio_low: The lower quartile of that ratio.
        ratio_high: The upper quartile.
    """

    runtime: str
    median: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True)
class Benchmark:
    """The rows of a comparison, and the sizes that it was made at."""

    sizes: Sizes
    threads: int
    rows: tuple[Latency, ...]
    notes: tuple[str, ...] = ()
    """What a runtime does otherwise than by default."""


def bench(
    request: Request,
    *,
    runtimes: Sequence[str] = ("torch", "onnxruntime"),
    sizes: Mapping[str, int] | None = None,
    runs: int = 30,
    threads: int = 2,
    progress: Progress = lambda text: None,
) -> Benchmark:
    """Time each runtime on the same random inputs.

    Args:
        request: The model and its weights.
        runtimes: Which; the first is what the others are compared with.
        sizes: Values for dim variables; small ones are chosen for the rest.
        runs: Measurements of each.
        threads: Of each runtime.
        progress: Told what is being done.

    Raises:
        CannotRun: a runtime is not there.
        NoSizes: the sizes violate a condition.
    """
    with prepare(request, progress) as prepared:
        sampler = prepared.sampler()
        chosen = sampler.fixed(sizes or {})
        inputs = sampler.sample(chosen)
        ready, notes = [], []
        for name in runtimes:
            progress(f"loading {name}")
            runtime = RUNTIMES[name](prepared, threads)
            note = getattr(runtime, "note", "")
            notes += [note] if note else []
            ready.append(runtime.ready(inputs))
        try:
            repeats = [_repeats(run) for run in ready]
        except (RuntimeError, ValueError, IndexError) as error:
            raise CannotRun(f"the numbers that were drawn are refused: {first_line(error)}") from None
        times: list[list[float]] = [[] for _ in runtimes]
        for n in range(runs):
            progress(f"run {n + 1} of {runs} with {chosen}")
            for run, repeat, found in zip(ready, repeats, times, strict=True):
                found.append(_seconds(run, repeat))
    rows = tuple(_row(name, found, times[0]) for name, found in zip(runtimes, times, strict=True))
    return Benchmark(chosen, threads, rows, tuple(notes))


def _repeats(run: Callable[[], object]) -> int:
    """Warm up, and say how many runs one measurement should have."""
    for _ in range(WARM_UP):
        run()
    return max(1, round(SHORTEST / max(_seconds(run, 1), 1e-7)))


def _seconds(run: Callable[[], object], repeat: int) -> float:
    run()  # the other runtime's threads go to sleep, and its data leaves the caches
    start = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - start) / repeat


def _row(name: str, found: list[float], base: list[float]) -> Latency:
    times = sorted(found)
    ratios = sorted(a / b for a, b in zip(found, base, strict=True))
    tenth, quarter = len(times) // 10, len(ratios) // 4
    return Latency(
        name,
        statistics.median(times),
        times[tenth],
        times[-1 - tenth],
        statistics.median(ratios),
        ratios[quarter],
        ratios[-1 - quarter],
    )
