"""What makes two tensors broadcast that do not: for messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from spec_lang.ops.base import Cx
from spec_lang.shapes import BroadcastError, Dim, Shape, TensorType, broadcast, dim
from spec_lang.shapes.dim import the_atom

RULE = "sizes broadcast where they are equal or one of them is 1, counted from the last axis"
_MOST = 6
"""Tensors of more dims are not tried."""


def broadcasting_help(cx: Cx, tensors: Sequence[TensorType], error: BroadcastError) -> str:
    """An axis of size 1 where it belongs, the other order of two axes, or a slice; else the rule."""
    if len(tensors) == 2 and all(t.rank is not None and t.rank <= _MOST for t in tensors):
        a, b = tensors
        found = list(_steps(cx, b, a)) or list(_steps(cx, a, b))
        if found:
            return ", or ".join(found[:2])
        cut = _cut(cx, a, b, error.axis) or _cut(cx, b, a, error.axis)
        if cut is not None:
            return cut
    named = any(d.const is None for d in error.sizes if isinstance(d, Dim))
    return f"{RULE}; a dim with a name is not taken to be 1" if named else RULE


def _steps(cx: Cx, t: TensorType, other: TensorType) -> Iterator[str]:
    """One step on a tensor after which it broadcasts to the shape of another one, which has no fewer dims."""
    rank, sizes = len(t.shape), t.shape
    if not 1 <= rank <= len(other.shape):
        return
    placed = False
    for count in range(1, len(other.shape) - rank + 1):
        for kept in combinations(range(rank + count), rank):
            if kept[0] != 0:
                continue  # an axis in front is there without being written
            rest = iter(sizes)
            shape = tuple(next(rest) if k in kept else dim(1) for k in range(rank + count))
            if _same(cx, shape, other):
                placed = True
                yield f"`{_written(kept, rank + count)}` makes {t} {t.with_shape(shape)}, which does"
    if placed:
        return
    for i, j in combinations(range(rank), 2):
        swapped = list(sizes)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        if tuple(swapped) != sizes and _same(cx, tuple(swapped), other):
            yield f"`transpose({i}, {j})` makes {t} {t.with_shape(tuple(swapped))}, which does"


def _written(kept: Sequence[int], rank: int) -> str:
    """How an axis or several are added."""
    added = [k for k in range(rank) if k not in kept]
    if len(added) == 1:
        return f"unsqueeze({added[0]})"
    return f"[{', '.join(':' if k in kept else 'none' for k in range(rank))}]"


def _same(cx: Cx, shape: Shape, other: TensorType) -> bool:
    """Whether a shape broadcasts to that of a tensor."""
    try:
        return broadcast(cx.facts, shape, other.shape) == other.shape
    except BroadcastError:
        return False


def _cut(cx: Cx, whole: TensorType, table: TensorType, axis: int) -> str | None:
    """A table of so many rows, of which as many are meant as the other tensor has."""
    size, most = whole.shape[axis], table.shape[axis]
    if (
        not isinstance(size, Dim)
        or not isinstance(most, Dim)
        or (most.const or 0) < 2
        or the_atom(size) is None
    ):
        return None
    at = len(table.shape) + axis
    rows = (*table.shape[:at], size, *table.shape[at + 1 :])
    if not _same(cx, rows, whole):
        return None
    return (
        f"`[{':, ' * at}:{size}]` takes {size} of the {most} there are; then state `require {size} <= {most}`"
    )
