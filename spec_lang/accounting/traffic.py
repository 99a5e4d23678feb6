"""What devices send each other for a run and for the gradients of its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from spec_lang.accounting.calls import Call
from spec_lang.accounting.counts import Count, plus, times

Traffic: TypeAlias = Mapping[str, tuple[Count, Count]]
"""How it is sent: how often, and the bytes of what all devices have together thereafter."""
Known: TypeAlias = dict[tuple[int, frozenset[int]], tuple[Traffic, frozenset[int]]]


def traffic(call: Call) -> Traffic:
    """Of a run and of the gradients of all its results."""
    needed = frozenset(i for i, t in enumerate(call.results) if t.grad)
    return _traffic(call, needed, {})[0]


def forward(call: Call) -> Traffic:
    """Of a run alone."""
    return _traffic(call, frozenset(), {})[0]


def joined(a: Traffic, b: Traffic, count: Count = 1) -> Traffic:
    """Both, the second one several times."""
    found = dict(a)
    for how, (often, size) in b.items():
        before = found.get(how, (0, 0))
        found[how] = plus(before[0], times(often, count)), plus(before[1], times(size, count))
    return found


def _traffic(call: Call, needed: frozenset[int], known: Known) -> tuple[Traffic, frozenset[int]]:
    """Beside it, the places among the tensors that the call is given whose gradients are taken."""
    key = id(call), needed
    if key in known:
        return known[key]
    found: Traffic = {}
    if not call.inner:
        reached = frozenset(i for i, t in enumerate(call.given) if t.grad) if needed else frozenset()
        for s in call.sent:
            if not s.back or reached:
                found = joined(found, {s.how: (1, s.size)})
        known[key] = found, reached
        return known[key]
    wanted = {id(call.results[i]) for i in needed}
    for use in reversed(call.inner):
        after = frozenset(i for i, t in enumerate(use.results) if t.grad and id(t) in wanted)
        inner, reached = _traffic(use.call, after, known)
        found = joined(found, inner, use.count)
        wanted.update(id(use.given[i]) for i in reached)
    known[key] = found, frozenset(i for i, t in enumerate(call.given) if id(t) in wanted)
    return known[key]
