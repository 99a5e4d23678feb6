"""A run of which some modules keep their inputs alone, and run once more for their gradients (activation checkpoints).

The second run ends before the product of what keeps something last, as PyTorch's does.
Source: https://docs.pytorch.org/docs/stable/checkpoint.html
"""

from __future__ import annotations

from collections.abc import Callable

from spec_lang.accounting.calls import Call, Kept, Use
from spec_lang.accounting.counts import Count, larger, plus, times
from spec_lang.accounting.gradients import training_flops
from spec_lang.accounting.kept import activations, inside
from spec_lang.accounting.traffic import Traffic, forward, joined, traffic
from spec_lang.frozen import Frozen

Chosen = Callable[[str], bool]
"""Whether the module at a path runs once more."""


class Step(Frozen):
    """What a run and its gradients take.

    Attributes:
        kept: The bytes that are kept between them.
        inside: The bytes that a module which runs once more keeps until its gradients are taken, of the largest one.
        flops: Of both, second runs included.
        traffic: What devices send each other.
        again: How many calls run once more.
    """

    kept: Count
    inside: Count
    flops: Count
    traffic: Traffic
    again: Count


def step(call: Call, chosen: Chosen = lambda path: False) -> Step:
    """What a run takes where the modules that are chosen run once more."""
    units: list[Use] = []
    short = _short(call, chosen, units)
    flops, sent = training_flops(call), traffic(call)
    most: Count = 0
    count: Count = 0
    for use in units:
        more, again, _ = _again(use.call)
        flops = plus(flops, times(more, use.count))
        sent = joined(sent, again, use.count)
        most = larger(most, inside(use.call))
        count = plus(count, use.count)
    return Step(activations(short), most, flops, sent, count)


def _short(call: Call, chosen: Chosen, units: list[Use]) -> Call:
    """The run without what is inside those modules, which are noted."""
    inner: list[Use] = []
    for use in call.inner:
        if use.path and chosen(use.path):
            units.append(use)
            kept = Kept(tuple(range(len(use.call.given))))
            inner.append(use.replace(call=use.call.replace(inner=(), kept=kept, sent=())))
        elif not use.path and use.call.inner:
            inner.append(use.replace(call=_short(use.call, chosen, units)))
        else:
            inner.append(use)
    return call.replace(inner=tuple(inner)) if call.inner else call


def _again(call: Call) -> tuple[Count, Traffic, bool]:
    """The FLOPs of a second run and what is sent for it; last, whether anything in it is kept."""
    if not call.inner:
        kept = call.kept
        late = bool(kept.results) or kept.more != 0
        return (call.flops if late else 0), {}, late or bool(kept.given)
    flops: Count = 0
    sent: Traffic = {}
    found = False
    for use in reversed(call.inner):
        if found:
            flops = plus(flops, times(use.call.flops, use.count))
            sent = joined(sent, forward(use.call), use.count)
            continue
        flops, sent, found = _again(use.call)
        if found and use.count != 1:
            rest = plus(use.count, -1)
            flops = plus(flops, times(use.call.flops, rest))
            sent = joined(sent, forward(use.call), rest)
    return (flops, sent, True) if found else (0, {}, False)
