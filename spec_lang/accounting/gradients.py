"""What training takes: beside what a method does, the gradients of all that its results depend on."""

from __future__ import annotations

from typing import TypeAlias

from spec_lang.accounting.calls import Call
from spec_lang.accounting.counts import Count, plus, times

Known: TypeAlias = dict[tuple[int, frozenset[int]], tuple[Count, frozenset[int]]]


def training_flops(call: Call) -> Count:
    """The FLOPs of a call and of its gradients, where those of all its results are taken."""
    every = frozenset(i for i, t in enumerate(call.results) if t.grad)
    return plus(call.flops, _gradients(call, every, {})[0])


def _gradients(call: Call, needed: frozenset[int], known: Known) -> tuple[Count, frozenset[int]]:
    """The FLOPs of the gradients through a call, and the places among its inputs whose gradients they are part of.

    `needed` are the places of the results whose gradients are taken: what leads to none of them has none.
    """
    if not needed:
        return 0, frozenset()
    if not call.inner:
        return call.gradients, frozenset(i for i, t in enumerate(call.given) if t.grad)
    key = id(call), needed
    if key in known:
        return known[key]
    wanted = {id(call.results[i]) for i in needed}
    count: Count = 0
    for use in reversed(call.inner):
        after = frozenset(i for i, t in enumerate(use.results) if t.grad and id(t) in wanted)
        flops, reached = _gradients(use.call, after, known)
        count = plus(count, times(flops, use.count))
        wanted.update(id(use.given[i]) for i in reached)
    known[key] = count, frozenset(i for i, t in enumerate(call.given) if id(t) in wanted)
    return known[key]
