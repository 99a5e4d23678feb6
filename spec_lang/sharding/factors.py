"""Axes as ordered lists of factors, and which factors hang together.

An axis of `heads * head_dim` rows is two factors, the outer one first. Two factors that must be cut alike are one class:
a union-find, in which a factor may also be found to be several (`D` rows that turn out to be `heads` times `D // heads`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from math import prod
from typing import Final, TypeAlias

from spec_lang.ir import model
from spec_lang.shapes import Dim, dim

Axis: TypeAlias = "tuple[Factor, ...]"


class Reason:
    """Why a class cannot be cut: what needs it whole, and where that stands.

    `by_size` where only its size is needed: a device that has some of the samples computes with their number.
    """

    __slots__ = ("by_size", "file", "span", "what")

    def __init__(self, what: str, file: int, span: model.Span | None, by_size: bool = False) -> None:
        self.what = what
        self.file = file
        self.span = span
        self.by_size = by_size


class Factor:
    """A factor of an axis. `sizes` are its sizes in the terms of each definition in which it was met."""

    __slots__ = ("_into", "_reasons", "_sizes", "number", "parts")
    _numbers: Final = count()

    def __init__(self, sizes: Mapping[str, Dim] | None = None) -> None:
        self._into: Factor | None = None
        self._reasons: list[Reason] = []
        self._sizes = dict(sizes or {})
        self.number = next(self._numbers)
        self.parts: Axis = ()
        """What it was found to be, where that is several factors."""

    @property
    def root(self) -> Factor:
        """The one that stands for its class."""
        at = self
        while at._into is not None:
            at = at._into
        return at

    @property
    def sizes(self) -> Mapping[str, Dim]:
        return self.root._sizes

    @property
    def reasons(self) -> Sequence[Reason]:
        return self.root._reasons

    def keep_whole(self, reason: Reason) -> None:
        """Say that something needs all of it."""
        for f in flat((self,)):
            if not any(r.what == reason.what for r in f._reasons):
                f._reasons.append(reason)

    def join(self, other: Factor) -> None:
        """Make two factors, neither of them several, one class."""
        a, b = sorted((self.root, other.root), key=lambda f: f.number)
        if a is b:
            return
        b._into = a
        a._sizes = b._sizes | a._sizes
        for reason in b._reasons:
            a.keep_whole(reason)


def flat(axis: Iterable[Factor]) -> tuple[Factor, ...]:
    """The factors of an axis as they are known by now: classes' roots, outermost first."""
    found: list[Factor] = []
    for f in axis:
        root = f.root
        found.extend(flat(root.parts) if root.parts else (root,))
    return tuple(found)


def whole(axes: Iterable[Axis], reason: Reason) -> None:
    """Say that something needs all of these axes."""
    for axis in axes:
        for f in flat(axis):
            f.keep_whole(reason)


def unify(a: Axis, b: Axis, reason: Reason) -> None:
    """Say that two axes are cut alike; where their factors cannot be matched, both stay whole."""
    left, right = list(flat(a)), list(flat(b))
    while left and right:
        if len(left) == len(right) == 1 or _same(left[0], right[0]):
            left.pop(0).join(right.pop(0))
        elif len(left) == 1 and left[0] not in right:
            _split(left.pop(), right)
            return
        elif len(right) == 1 and right[0] not in left:
            _split(right.pop(), left)
            return
        elif len(left) == len(right) and not _differ(left[0], right[0]):
            left.pop(0).join(right.pop(0))
        else:
            break
    whole((tuple(left), tuple(right)), reason)


def _split(f: Factor, parts: Sequence[Factor]) -> None:
    for reason in f.reasons:
        whole((tuple(parts),), reason)
    f.parts = tuple(parts)


def _same(a: Factor, b: Factor) -> bool:
    if a.root is b.root:
        return True
    return any(a.sizes[s] == b.sizes[s] for s in a.sizes.keys() & b.sizes.keys())


def _differ(a: Factor, b: Factor) -> bool:
    return any(a.sizes[s] != b.sizes[s] for s in a.sizes.keys() & b.sizes.keys())


def size_in(axis: Iterable[Factor], scope: str) -> Dim | None:
    """The size of an axis in the terms of a definition, where it is known there."""
    total = dim(1)
    for f in flat(axis):
        size = f.sizes.get(scope)
        if size is None:
            return None
        total *= size
    return total


def regroup(
    axes: Sequence[Axis], before: Sequence[Dim], after: Sequence[Dim], scope: str
) -> list[Axis] | None:
    """The axes that a reshape makes of others, by their sizes; None where sizes do not tell.

    The shortest stretches of both whose products agree belong together: one axis that becomes several is split, several
    that become one are put one behind the other.
    """
    one = dim(1)
    given = [(a, s) for a, s in zip(axes, before, strict=True) if s != one]
    wanted = [s for s in after if s != one]
    made: list[Axis] = []
    while given and wanted:
        stretch = _stretch([s for _, s in given], wanted)
        if stretch is None:
            return None
        taken, left = stretch
        held = flat(f for a, _ in given[:taken] for f in a)
        parts = shared_out(held, wanted[:left], scope)
        if parts is None:
            return None
        made += parts
        given, wanted = given[taken:], wanted[left:]
    if given or wanted:
        return None
    rest = iter(made)
    return [() if s == one else next(rest) for s in after]


def _stretch(before: Sequence[Dim], after: Sequence[Dim]) -> tuple[int, int] | None:
    """How many of each it takes for the first products that agree."""
    for total in range(2, len(before) + len(after) + 1):
        for n in range(max(1, total - len(after)), min(len(before), total - 1) + 1):
            if prod(before[:n], start=dim(1)) == prod(after[: total - n], start=dim(1)):
                return n, total - n
    return None


def shared_out(held: Sequence[Factor], sizes: Sequence[Dim], scope: str) -> list[Axis] | None:
    """Factors shared out over axes of these sizes, whose product is theirs."""
    if len(sizes) == 1:
        return [tuple(held)]
    if len(held) == 1:
        parts = [Factor({scope: s}) for s in sizes]
        _split(held[0], parts)
        return [(p,) for p in parts]
    left, made = list(held), []
    for size in sizes:
        taken: list[Factor] = []
        while left and size_in(taken, scope) != size:
            taken.append(left.pop(0))
        if size_in(taken, scope) != size:
            return None
        made.append(tuple(taken))
    return made
