"""The calls of a run, nested as they were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from spec_lang.accounting.counts import Count, larger, plus, times, total
from spec_lang.accounting.tensors import Storage, tensors_in
from spec_lang.frozen import Frozen
from spec_lang.ir import model

Kind: TypeAlias = Literal["layer", "function", "block", "fn", "extern"]


class Call(Frozen):
    """What was called, and all that it takes; equal calls are one.

    Attributes:
        name: That of the layer, function or block.
        kind: `layer` and `function` are the library's, `fn` and `block` the program's own.
        method: Of a block, which method.
        result: The types of what it gives, nested as it gives them.
        flops: Of the products of matrices in it.
        training: The same, with those of the gradients.
        made: The bytes of all the tensors that it makes.
        peak: The most bytes that it needs at a time beside what it is given, its results among them.
        inner: The calls in it.
        file: The index of the file where it stands, and the place there of the first such call.
        span: The place.
    """

    name: str
    kind: Kind
    method: str
    result: Any
    flops: Count
    training: Count
    made: Count
    peak: Count
    inner: tuple[Use, ...]
    file: int
    span: model.Span | None


class Use(Frozen):
    """A call of the module at `path` below the caller's ('' for itself, and for functions).

    Where `count` is more than 1, the call is made that often: of the items of a list from that in `path` on where `along`,
    else of the same module.
    """

    call: Call
    path: str
    count: int | Any = 1
    along: bool = False


class Frame:
    """The calls of a method that is being run, and what memory each needs."""

    def __init__(self, base: str | None) -> None:
        self.base = base
        self.uses: list[Use] = []
        self._steps: list[tuple[list[Storage], list[Storage], Count]] = []

    def relative(self, path: str) -> str:
        """The path of a module from the one that is run."""
        if self.base is None or not path.startswith(self.base):
            return path
        return path[len(self.base) :].removeprefix(".")

    def note(self, use: Use, given: Any, result: Any) -> None:
        """A call that was made of these tensors, and gave those."""
        taken = [t.storage for t in tensors_in(given)]
        made = [s for s in dict.fromkeys(t.storage for t in tensors_in(result)) if s not in taken]
        self.uses.append(use)
        self._steps.append((taken, made, use.call.peak))

    def merge(self, other: Frame, count: Any) -> None:
        """The calls of a loop's body, made `count` times; the memory is that of one step."""
        self.uses += [Use(u.call, u.path, times(u.count, count), u.along) for u in other.uses]
        self._steps += other._steps

    def peak(self, result: Any) -> Count:
        """The most bytes at a time, where each tensor is kept until its last use."""
        last: dict[Storage, int] = {}
        for i, (taken, made, _) in enumerate(self._steps):
            last.update(dict.fromkeys((*taken, *made), i))
        last.update(dict.fromkeys((t.storage for t in tensors_in(result)), len(self._steps)))
        live: Count = 0
        most: Count = 0
        own: set[Storage] = set()
        for i, (taken, made, needed) in enumerate(self._steps):
            most = larger(most, plus(live, needed))
            own.update(made)
            live = plus(live, total(s.size for s in made))
            for s in {*taken, *made}:
                if last[s] == i and s in own:
                    live = plus(live, times(-1, s.size))
                    own.discard(s)
        return most

    def flops(self) -> Count:
        return total(times(u.call.flops, u.count) for u in self.uses)

    def training(self) -> Count:
        return total(times(u.call.training, u.count) for u in self.uses)

    def made(self) -> Count:
        return total(times(u.call.made, u.count) for u in self.uses)


def grouped(uses: Sequence[Use]) -> dict[str, list[Use]]:
    """Uses by the first name of their paths; those of the module itself and of functions under ''."""
    found: dict[str, list[Use]] = {}
    for u in uses:
        found.setdefault(u.path.partition(".")[0], []).append(u)
    return found
