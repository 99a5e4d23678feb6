"""Which meshes of some devices hold a model, and how long a step takes on each.

A step takes as long as its FLOPs and what is sent over `tp`, which the next layer waits for; what is sent over `dp` goes on
beside the FLOPs, so that of it only what is left counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.sharding.costs import Cost, Setting, cost_of
from spec_lang.sharding.plan import Plan, plan_of


class Machine(Record):
    """The devices: their memory in bytes; the FLOPs that each does, and the bytes that each sends, in a second."""

    count: int
    memory: int
    flops: float | None
    bandwidth: float | None


class Fit(Record):
    """A mesh, and what a step takes there: `seconds` by what they go to; `refused` where it cannot be."""

    plan: Plan
    cost: Cost | None
    fits: bool
    seconds: tuple[tuple[str, float], ...]
    refused: str

    @property
    def time(self) -> float | None:
        """The seconds of a step."""
        return sum(s for _, s in self.seconds) if self.seconds else None

    @property
    def limit(self) -> str:
        """What binds: memory where it does not fit, else what most of the time goes to."""
        if not self.fits:
            return "memory"
        return max(self.seconds, key=lambda part: part[1])[0] if self.seconds else ""


def fits_of(program: model.Program, name: str, machine: Machine, setting: Setting) -> list[Fit]:
    """The meshes of `dp` and `tp`: those that fit by their time, or where that is not known by their peak; then the others.

    Raises:
        EvaluationError: what `forward` does depends on a size that is not given.
        ValueError: the bytes depend on one.
    """
    found = [_fit(program, name, plan, machine, setting) for plan in _plans(program, name, machine.count)]
    return sorted(found, key=lambda f: (f.cost is None, not f.fits, (f.fits and f.time) or 0, _peak(f)))


def _plans(program: model.Program, name: str, count: int) -> Iterator[Plan]:
    """All meshes that divide the model's sizes."""
    alone = plan_of(program, name, {}, {})
    parts = alone.divides if alone.cuts.cuts else ()
    for tp in sorted({1, *(n for n in parts if count % n == 0)}):
        yield plan_of(program, name, {}, {"dp": count // tp, "tp": tp})


def _fit(program: model.Program, name: str, plan: Plan, machine: Machine, setting: Setting) -> Fit:
    try:
        cost = cost_of(program, name, plan, setting)
    except EvaluationError as error:
        if error.code != "E0921":
            raise
        return Fit(plan, None, False, (), error.message)
    peak = cost.memory.peak
    if not isinstance(peak, int):
        raise ValueError(f"its memory is {'not known' if peak is None else peak}")
    return Fit(plan, cost, peak <= machine.memory, _seconds(cost, machine), "")


def _seconds(cost: Cost, machine: Machine) -> tuple[tuple[str, float], ...]:
    if machine.flops is None or machine.bandwidth is None or not isinstance(cost.flops, int):
        return ()
    computing = cost.flops / machine.flops
    sent = dict.fromkeys(("dp", "tp"), 0.0)
    for s in cost.sendings:
        assert isinstance(s.sent, int)
        sent[s.axis] += s.sent / machine.bandwidth
    waiting = max(0.0, sent["dp"] - computing)
    return ("FLOPs", computing), ("bandwidth of tp", sent["tp"]), ("bandwidth of dp", waiting)


def _peak(fit: Fit) -> int:
    peak = None if fit.cost is None else fit.cost.memory.peak
    return peak if isinstance(peak, int) else 0
