"""Timing for the benchmarks: whole processes and functions in turn, medians of ratios with their interval."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Run(NamedTuple):
    """One process: wall seconds, peak memory in MB, and the CPU seconds that it and its children took."""

    seconds: float
    megabytes: float
    cpu: float


def process(command: Sequence[str]) -> Run:
    """Run a command to its end in a process of its own, which may keep its modules' bytecode as an installed one does.

    Raises:
        SystemExit: the command fails; its errors are printed.
    """
    read, write = os.pipe()
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        elapsed = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.stderr.buffer.write(done.stderr)
        os.write(
            write,
            f"{done.returncode} {elapsed} {used.ru_maxrss / 1024} {used.ru_utime + used.ru_stime}".encode(),
        )
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        status, elapsed, peak, cpu = pipe.read().split()
    os.waitpid(pid, 0)
    if int(status):
        raise SystemExit(f"{' '.join(command)} failed")
    return Run(float(elapsed), float(peak), float(cpu))


def cpu_seconds(f: Callable[[], object]) -> float:
    """The CPU time of one call."""
    started = time.process_time()
    f()
    return time.process_time() - started


class Ratio(NamedTuple):
    """ours / theirs over interleaved runs: the median, and the interval that holds the middle half."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> tuple[float, float, Ratio]:
    """The medians of both and of their ratio, measured in turn after one warm-up of each."""
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    found = quotient([a / b for a, b in pairs])
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), found


def quotient(quotients: Sequence[float]) -> Ratio:
    """The median of quotients, and the interval that holds the middle half."""
    ordered = sorted(quotients)
    quarter = len(ordered) // 4
    return Ratio(statistics.median(ordered), ordered[quarter], ordered[-1 - quarter])
