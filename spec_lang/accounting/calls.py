"""The calls of a run, nested as they were made."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from spec_lang.accounting.counts import Count, larger, plus, times, total
from spec_lang.accounting.tensors import Storage, Traced, tensors_in
from spec_lang.frozen import Frozen
from spec_lang.ir import model

Kind: TypeAlias = Literal["layer", "function", "block", "fn", "loop", "extern", "sent"]


class Kept(Frozen):
    """What a call keeps until the gradients are taken.

    Attributes:
        given: The places of those tensors that it was given.
        results: The places of those that it gave.
        more: The bytes of others.
        guessed: Whether its op does not say so.
    """

    given: tuple[int, ...] = ()
    results: tuple[int, ...] = ()
    more: Count = 0
    guessed: bool = False


class Sent(Frozen):
    """What several devices send each other for a call.

    Attributes:
        how: `all-reduce`, `all-gather` or `reduce-scatter`.
        back: Whether that is for the gradient of what the call was given.
        size: The bytes of what all of them have together thereafter.
    """

    how: str
    back: bool
    size: Count


class Call(Frozen):
    """What was called, and all that it takes; equal calls are one.

    Attributes:
        name: That of the layer, function or block.
        kind: `layer` and `function` are the library's, `fn` and `block` the program's own; a `loop` is the body of a
            loop that was not run step by step; what devices send each other is `sent`.
        method: Of a block, which method.
        type: The types of what it gives, nested as it gives them.
        flops: Of the products of matrices in it.
        gradients: Of a call of the library, those of the gradients of its products.
        made: The bytes of all the tensors that it makes.
        peak: The most bytes that it needs at a time beside what it is given, its results among them.
        given: The tensors that it was given, in order.
        results: The tensors that it gave, in order.
        inner: The calls in it, in order.
        kept: Of a call of the library, what it keeps for its gradient.
        sent: What devices send each other for it.
        file: The index of the file where it stands, of the first of equal calls.
        span: The place there.
    """

    name: str
    kind: Kind
    method: str
    type: Any
    flops: Count
    gradients: Count
    made: Count
    peak: Count
    given: tuple[Traced, ...]
    results: tuple[Traced, ...]
    inner: tuple[Use, ...]
    file: int
    span: model.Span | None
    kept: Kept = Kept()
    sent: tuple[Sent, ...] = ()


class Use(Frozen):
    """A call of the module at `path` below the caller's; '' for itself, and for functions.

    Where `count` is not 1, the call is made that often: of the items of a list from that in `path` on where `along`,
    else of the same module.
    """

    call: Call
    path: str
    given: tuple[Traced, ...]
    results: tuple[Traced, ...]
    count: Any = 1
    along: bool = False


class Frame:
    """The calls of a method that is being run; `base` is the path of its module."""

    def __init__(self, base: str | None) -> None:
        self.base = base
        self.uses: list[Use] = []

    def relative(self, path: str) -> str:
        """The path of a module from the one that is run."""
        if self.base is None or not path.startswith(self.base):
            return path
        return path[len(self.base) :].removeprefix(".")

    def note(self, call: Call, path: str, given: Any, result: Any, count: Any = 1) -> None:
        """A call that was made of these tensors, and gave those."""
        self.uses.append(Use(call, path, tuple(tensors_in(given)), tuple(tensors_in(result)), count))

    def closed(
        self,
        name: str,
        kind: Kind,
        method: str,
        type: Any,
        given: Any,
        result: Any,
        place: tuple[int, model.Span | None],
    ) -> Call:
        """The call that this frame was of."""
        results = tuple(tensors_in(result))
        return Call(
            name,
            kind,
            method,
            type,
            total(times(u.call.flops, u.count) for u in self.uses),
            0,
            total(times(u.call.made, u.count) for u in self.uses),
            _peak(self.uses, results),
            tuple(tensors_in(given)),
            results,
            tuple(self.uses),
            *place,
        )


def _peak(uses: list[Use], results: tuple[Traced, ...]) -> Count:
    """The most bytes at a time, where each tensor is kept until its last use."""
    last: dict[Storage, int] = {}
    for i, u in enumerate(uses):
        last.update((t.storage, i) for t in (*u.given, *u.results))
    last.update((t.storage, len(uses)) for t in results)
    live: Count = 0
    most: Count = 0
    own: set[Storage] = set()
    for i, u in enumerate(uses):
        most = larger(most, plus(live, u.call.peak))
        taken = {t.storage for t in u.given}
        made = dict.fromkeys(t.storage for t in u.results if t.storage not in taken)
        own.update(made)
        live = plus(live, total(s.size for s in made))
        for s in taken.union(made):
            if last[s] == i and s in own:
                live = plus(live, times(-1, s.size))
                own.discard(s)
    return most
