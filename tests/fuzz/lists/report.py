"""Counts what becomes of many programs, and makes those that go wrong small."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random

from tests.fuzz.lists.draw import simpler
from tests.fuzz.lists.held import ACCEPTED, CRASH, LOST, RIGHT, WRONG, Outcome, trial
from tests.fuzz.lists.programs import Program, written


@dataclass
class Report:
    """What became of many programs.

    Attributes:
        counts: How many of each outcome.
        found: Those of each kind of an outcome that is not as it should be, by what is shown of it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    found: dict[str, dict[str, list[tuple[int, Program, Outcome]]]] = field(
        default_factory=lambda: {k: defaultdict(list) for k in ("wrong", "refused", "narrow", "defaults")}
    )
    parts: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def wrong(self) -> int:
        return self.counts[WRONG] + self.counts[CRASH]

    @property
    def share(self) -> float:
        """Of those that run unchecked, how many are accepted."""
        runs = self.counts[ACCEPTED] + self.counts[LOST]
        return self.counts[ACCEPTED] / runs if runs else 1.0

    def table(self) -> str:
        lines = [f"{self.counts[k]:7} {k}" for k in (ACCEPTED, WRONG, CRASH, RIGHT, LOST)]
        lines += [
            f"{self.share:7.1%} of those that run as declared are accepted",
            f"{self.counts['narrow']:7} accepted, and the class refuses values that run",
            f"{self.counts['defaults']:7} accepted, and what is written or whether it checks depends on the defaults",
        ]
        for what in ("wrong", "refused"):
            kinds = sorted(self.found[what].items(), key=lambda x: -len(x[1]))[:25]
            lines += ["", f"{what}, by sort:", *(f"{len(v):7} {k}" for k, v in kinds)]
        for what in ("wrong", "refused"):
            for part in ("source", "use", "layer", "container", "run", "follow", "host"):
                rows = [(k, n) for (p, k), n in self.parts[what].items() if p == part]
                rows = sorted(rows, key=lambda x: -x[1])[:8]
                lines.append(f"{what} by {part}: " + ", ".join(f"{k} {n}" for k, n in rows))
        return "\n".join(lines)


def examine(seed: int, report: Report, onnx: bool = True) -> None:
    """Put the program of a seed on trial, and count what becomes of it."""
    program = written(Random(seed))
    outcome = trial(program, onnx)
    report.counts[outcome.what] += 1
    if outcome.what in (WRONG, CRASH):
        k = program.kind
        _note(report, "wrong", f"{outcome.sort}: {k['container']}, {k['run']}", seed, program, outcome)
    elif outcome.what == LOST:
        _note(report, "refused", f"{outcome.sort}: {_masked(outcome.why)}", seed, program, outcome)
    if outcome.narrow:
        report.counts["narrow"] += 1
        _note(report, "narrow", "narrow", seed, program, outcome)
    if outcome.defaults:
        report.counts["defaults"] += 1
        _note(report, "defaults", outcome.defaults.partition(": ")[2][:5], seed, program, outcome)


def _masked(message: str) -> str:
    """A message without what names the program's own parts."""
    return re.sub(
        r"\W*\b(?:[a-z]|body|others|widths|depths|rates|flags|pairs|stages|sizes|acts|\d+)\b\W*",
        " _ ",
        message,
    )[:70]


def _note(report: Report, what: str, sort: str, seed: int, program: Program, outcome: Outcome) -> None:
    report.found[what][sort].append((seed, program, outcome))
    for part, value in program.kind.items():
        report.parts[what][part, value] += 1


def listed(report: Report, what: str, limit: int) -> str:
    """The kinds of an outcome, most frequent first, each with the smallest program that shows it."""
    kinds = sorted(report.found[what].items(), key=lambda x: -len(x[1]))[:limit]
    smallest: dict[str, tuple[int, str]] = {}
    for sort, cases in kinds:
        seed, program, outcome = min(cases, key=lambda x: len(x[1].text))
        small, last = shrunk(program, outcome, what)
        why = {"narrow": last.narrow, "defaults": last.defaults}.get(what) or last.why
        before, shown = smallest.get(small.text, (0, f"{sort}, as seed {seed}"))
        smallest[small.text] = before + len(cases), shown if before else f"{shown}\n{small.text}\n{why}\n"
    ordered = sorted(smallest.values(), key=lambda x: -x[0])
    return "\n".join(f"=== {count} x {shown}" for count, shown in ordered)


def shrunk(program: Program, outcome: Outcome, what: str) -> tuple[Program, Outcome]:
    """A smaller program with the same outcome."""

    def alike(other: Outcome) -> bool:
        if what in ("narrow", "defaults"):
            return bool(getattr(other, what)) and getattr(other, what)[-12:] == getattr(outcome, what)[-12:]
        return (other.what, other.sort) == (outcome.what, outcome.sort)

    onnx = outcome.sort.startswith("ONNX")
    tries = 0
    going = True
    while going and tries < 300:
        going = False
        for taken in simpler(program.taken):
            tries += 1
            if tries > 300:
                break
            try:
                small = written(None, taken)
            except (IndexError, KeyError):
                continue
            if (len(small.text), small.taken) >= (len(program.text), program.taken):
                continue
            found = trial(small, onnx, defaults=what == "defaults")
            if alike(found):
                program, outcome, going = small, found, True
                break
    return program, outcome
