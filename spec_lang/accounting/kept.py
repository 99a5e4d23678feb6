"""What autograd keeps of a run until the gradients are taken: the activations.

An op says in words what it keeps (`keeps`): `input` is its first tensor, `inputs` are all of them, `factors` each of the
first two if the other one needs a gradient, `second` is the second one, `indices` those that hold no floats, `result` and `results` what it gives. What
it makes for the gradient alone is its `aside`. Of an op that does not say so, all that it is given and gives is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from spec_lang.accounting.calls import Call, Kept, Use
from spec_lang.accounting.counts import Count, plus, times, total
from spec_lang.accounting.tensors import Storage, Traced, size_of
from spec_lang.ops.base import Op
from spec_lang.shapes import DType, TensorType

WORDS = ("input", "second", "inputs", "factors", "indices", "result", "results")
Known: TypeAlias = "dict[tuple[int, frozenset[int]], tuple[Kept, frozenset[int]]]"


def kept_of_op(
    op: Op, given: Sequence[Traced], results: Sequence[Traced], aside: Iterable[TensorType], precision: DType
) -> Kept:
    """What one call keeps where its gradient is needed."""
    if not any(t.grad for t in results):
        return Kept()
    words = ("inputs", "results") if op.keeps is None else op.keeps.split()
    places = {i for word in words for i in _given(word, given)}
    made = range(len(results) if "results" in words else 1 if "result" in words else 0)
    more = total(size_of(t, precision) for t in aside)
    return Kept(tuple(sorted(places)), tuple(made), more, op.keeps is None)


def _given(word: str, given: Sequence[Traced]) -> Iterable[int]:
    match word:
        case "input":
            return range(len(given[:1]))
        case "second" if len(given) > 1:
            return (1,)
        case "inputs":
            return range(len(given))
        case "factors" if len(given) > 1:
            return (i for i in (0, 1) if given[1 - i].grad)
        case "indices":
            return (i for i, t in enumerate(given) if not t.dtype.is_float)
    return ()


def activations(call: Call) -> Count:
    """The bytes of all that a run keeps for the gradients of its results, what it was given among them."""
    kept, _ = _kept(call, _floats(call), {})
    own = [call.given[i].storage for i in kept.given] + [call.results[i].storage for i in kept.results]
    return plus(kept.more, total(s.size for s in dict.fromkeys(own)))


def inside(call: Call) -> Count:
    """The bytes that a call keeps beside what it was given."""
    kept, _ = _kept(call, _floats(call), {})
    given = {t.storage for t in call.given}
    own = dict.fromkeys(s for i in kept.results if (s := call.results[i].storage) not in given)
    return plus(kept.more, total(s.size for s in own))


def unsaid(call: Call) -> frozenset[str]:
    """The names of the ops in a run that do not say what they keep, where that matters."""
    if not call.inner:
        return frozenset({call.name} if call.kept.guessed else ())
    return frozenset().union(*(unsaid(c) for c in {id(u.call): u.call for u in call.inner}.values()))


def _floats(call: Call) -> frozenset[int]:
    return frozenset(i for i, t in enumerate(call.results) if t.grad)


def _kept(call: Call, needed: frozenset[int], known: Known) -> tuple[Kept, frozenset[int]]:
    """What a call keeps where the results at the places `needed` lead to what gradients are taken of.

    Beside it, the places among the tensors that it is given whose gradients are part of that: what leads to nothing is
    freed at once.
    """
    if not needed:
        return Kept(), frozenset()
    if not call.inner:
        return call.kept, frozenset(i for i, t in enumerate(call.given) if t.grad)
    key = id(call), needed
    if key not in known:
        known[key] = _inside(call, needed, known)
    return known[key]


def _inside(call: Call, needed: frozenset[int], known: Known) -> tuple[Kept, frozenset[int]]:
    wanted = {id(call.results[i]) for i in needed}
    more: Count = 0
    held: dict[Storage, None] = {}
    for use in reversed(call.inner):
        after = frozenset(i for i, t in enumerate(use.results) if t.grad and id(t) in wanted)
        kept, reached = _kept(use.call, after, known)
        wanted.update(id(use.given[i]) for i in reached)
        more = plus(more, times(kept.more, use.count))
        more = plus(more, _between(use, kept))
        held.update((use.given[i].storage, None) for i in kept.given)
        held.update((use.results[i].storage, None) for i in kept.results)
    given = tuple(i for i, t in enumerate(call.given) if t.storage in held)
    results = tuple(i for i, t in enumerate(call.results) if t.storage in held)
    outside = {call.given[i].storage for i in given} | {call.results[i].storage for i in results}
    more = plus(more, total(s.size for s in held if s not in outside))
    reached = frozenset(i for i, t in enumerate(call.given) if id(t) in wanted)
    return Kept(given, results, more), reached


def _between(use: Use, kept: Kept) -> Count:
    """Where a call is made several times in a row, what each but the last hands to the next."""
    if use.count == 1:
        return 0
    places = range(len(use.results)) if not use.along else range(min(1, len(use.results)))
    carried = total(use.results[i].storage.size for i in places if i in kept.given or i in kept.results)
    return times(plus(use.count, -1), carried)
