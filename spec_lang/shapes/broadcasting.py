"""Broadcasting of symbolic shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec_lang.shapes.dim import Dim, dim
from spec_lang.shapes.tensor import Pack, Shape

if TYPE_CHECKING:
    from spec_lang.shapes.facts import Facts


class BroadcastError(Exception):
    """Shapes that do not broadcast: the axis, counted from the end (-1 is the last), and the two sizes there."""

    def __init__(self, axis: int, sizes: tuple[Dim | Pack, Dim | Pack]) -> None:
        super().__init__(f"{sizes[0]} and {sizes[1]} at axis {axis}")
        self.axis = axis
        self.sizes = sizes


def broadcast(facts: Facts, *shapes: Shape) -> Shape:
    """The shape that all of the shapes broadcast to, where that is proved.

    A size is never taken to be 1 unless it is proved to be: N against 1 is N, N against M is an error unless they are
    proved equal. `*B` meets the same `*B` or nothing; not a 1, since the result would have that axis where `*B` is empty.

    Raises:
        BroadcastError: two sizes that are not proved to fit.
    """
    result: Shape = ()
    for shape in shapes:
        result = shape if not result else _pair(facts, result, shape)
    return result


def _pair(facts: Facts, a: Shape, b: Shape) -> Shape:
    if a == b:
        return a
    merged: list[Dim | Pack] = []
    left, right = list(a), list(b)
    while left and right:
        merged.append(_size(facts, left.pop(), right.pop(), -1 - len(merged)))
    return (*left, *right, *reversed(merged))


def _size(facts: Facts, x: Dim | Pack, y: Dim | Pack, axis: int) -> Dim | Pack:
    if isinstance(x, Pack) or isinstance(y, Pack):
        if x == y:
            return x
        raise BroadcastError(axis, (x, y))
    if x.terms == y.terms or _is_one(facts, y):
        return x
    if _is_one(facts, x):
        return y
    if facts.equal(x, y):
        return x
    raise BroadcastError(axis, (x, y))


def _is_one(facts: Facts, size: Dim) -> bool:
    return size.const == 1 if size.const is not None else facts.equal(size, dim(1))
