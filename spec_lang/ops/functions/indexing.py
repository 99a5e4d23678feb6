"""`x[...]`: ints, lists of them, slices, `None`, `...` and index tensors, as PyTorch reads them.

Source: https://docs.pytorch.org/docs/stable/tensor_view.html and https://numpy.org/doc/stable/user/basics.indexing.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spec_lang.ops.base import Cx, Function, OpError, Sharing, Tensor
from spec_lang.ops.kinds import Index, SliceOf
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.elementwise import LOWERING, result_shape
from spec_lang.shapes import Cond, Dim, DType, Pack, TensorType, conditional, dim, maximum, minimum

_INDEX_DTYPES = frozenset({DType.I64, DType.I32})
_END = 2**63 - 1


def _axes(cx: Cx, x: Tensor, index: Sequence[Any]) -> list[tuple[Any, int | None]]:
    """Each item of the index with the axis that it stands for; None for a new axis. `...` is left out."""
    dots = sum(item is ... for item in index)
    if dots > 1:
        raise OpError(f"{cx.name} takes one `...` only", code="E0303", arg="index")
    tensors = [item for item in index if isinstance(item, TensorType | tuple)]
    if len(tensors) > 1 and any(isinstance(t, TensorType) and t.rank == 0 for t in tensors):
        raise OpError(
            f"{cx.name} takes an index of rank 0 beside other tensors by rules of its own",
            code="E0303",
            arg="index",
            help="index with it first: `x[i][...]`",
        )
    taken = sum(item is not None and item is not ... for item in index)
    known = len(x.shape) - (x.rank is None)
    if taken > known:
        raise OpError(
            f"{cx.name}: {taken} indices for the {known} known dims of {x}", code="E0303", arg="index"
        )
    at = next((i for i, item in enumerate(index) if item is ...), len(index))
    placed: list[tuple[Any, int | None]] = []
    axis = 0
    for i, item in enumerate(index):
        if i == at:
            after = sum(j is not None for j in index[at + 1 :])
            axis = len(x.shape) - after
        elif item is None:
            placed.append((None, axis))
        else:
            if isinstance(x.shape[axis], Pack):
                raise OpError(
                    f"{cx.name} cannot index into the hidden dims of {x}",
                    code="E0302",
                    arg="index",
                    help="start with `...`",
                )
            placed.append((item, axis))
            axis += 1
    return placed


def _cut(cx: Cx, s: SliceOf, size: Dim) -> Dim:
    """How many elements a slice has by Python's clamping: an end below 0 counts from the end, and both stay within the axis."""
    for name, end in (("start", s.start), ("stop", s.stop)):
        if end is None or not cx.holds(Cond.le(end, 0)) or cx.holds(Cond.lt(end, 0)) or end == 0:
            continue
        below = Cx(cx.facts.assume(Cond.lt(end, 0)), cx.name)
        at_0 = Cx(cx.facts.assume(zero := Cond.eq(end, 0)), cx.name)  # -0 is 0, which counts from the start
        sizes = _cut(at_0, _with(s, name, dim(0)), size), _cut(below, s, size)
        cx.open += [zero | c for c in below.open]
        cx.open += [~zero | c for c in at_0.open]
        return conditional(zero, *sizes)
    step = dim(1) if s.step is None else s.step
    cx.require(
        Cond.ge(step, 1),
        f"{cx.name} takes steps of at least 1, but the step is {step}",
        code="E0501",
        help="`flip(dim)` turns an axis round",
    )
    start = dim(0) if s.start is None else _end(cx, s.start, size)
    stop = size if s.stop is None else _end(cx, s.stop, size)
    length = stop - start
    if not cx.holds(Cond.ge(length, 0)):
        length = maximum(length, 0)
    return length if step == 1 else (length + step - 1) // step


def _with(s: SliceOf, name: str, end: Dim) -> SliceOf:
    return SliceOf(end, s.stop, s.step) if name == "start" else SliceOf(s.start, end, s.step)


def _end(cx: Cx, end: Dim, size: Dim) -> Dim:
    if cx.holds(Cond.lt(end, 0)):
        end = size + end
        return end if cx.holds(Cond.ge(end, 0)) else maximum(end, 0)
    cx.require(
        Cond.ge(end, 0),
        f"{cx.name}: {end} counts from the start or, where negative, from the end",
        code="E0304",
    )
    if cx.holds(Cond.le(end, size)):
        return end
    return size if cx.holds(Cond.ge(end, size)) else minimum(end, size)


def pick(cx: Cx, i: Dim, size: Dim, x: Tensor) -> None:
    """Demand that an int index is in range."""
    cond = Cond.ge(i + size, 0) if cx.holds(Cond.lt(i, 0)) else Cond.lt(i, size)
    if not cx.holds(Cond.lt(i, 0)) and not cx.holds(Cond.ge(i, 0)):
        cond = cond & Cond.ge(i, 0)
    cx.require(
        cond,
        f"{cx.name} takes element {i} of an axis of {size} in {x}",
        code="E0304",
        arg="index",
        help=f"elements are counted from 0: the last is {size - 1}, or -1",
    )


class getitem(Function):
    """`input[index]`."""

    input: Tensor
    index: Index

    torch = "getitem"
    keeps = "indices"
    placement = "axes"
    source = "https://docs.pytorch.org/docs/stable/tensor_view.html"

    @property
    def shares(self) -> Sharing:  # type: ignore[override]  # of its arguments here
        """Slices are parts of the tensor; what tensors and lists of ints choose is copied."""
        copied = any(isinstance(i, TensorType | list | tuple) for i in self.index)
        return "" if copied else "moved"

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        shape: list[Dim | Pack] = []
        tensors: list[tuple[int, Tensor]] = []
        last = 0
        for item, axis in _axes(cx, x, self.index):
            assert axis is not None, "every item has a place"
            shape += x.shape[last:axis]
            last = axis if item is None else axis + 1
            if item is None:
                shape.append(dim(1))
                continue
            size = x.shape[axis]
            assert isinstance(size, Dim), "packs are not indexed"
            if isinstance(item, TensorType):
                tensors.append((len(shape), _index_tensor(cx, item)))
                shape.append(size)
            elif isinstance(item, tuple):
                for i in item:
                    pick(cx, i, size, x)
                tensors.append((len(shape), TensorType(DType.I64, (dim(len(item)),))))
                shape.append(size)
            elif isinstance(item, SliceOf):
                shape.append(_cut(cx, item, size))
            else:
                pick(cx, item, size, x)
        shape += x.shape[last:]
        return x.with_shape(_gathered(cx, shape, tensors))

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        placed = _axes(LOWERING, x, self.index)
        y = _sliced(g, x, placed)
        ints = [(axis, item) for item, axis in placed if isinstance(item, Dim) and axis is not None]
        for axis, i in reversed(ints):
            y = g.Gather(y, g.dim(i), axis=axis)
        gone = [axis for axis, _ in ints]
        new, tensors, at = [], [], 0
        last = 0
        for item, axis in placed:
            assert axis is not None, "every item has a place"
            at += sum(a not in gone for a in range(last, axis))
            last = max(last, axis)
            if item is None:
                new.append(at)
                at += 1
            elif axis not in gone:
                if isinstance(item, Value):
                    tensors.append((at, item))
                elif isinstance(item, tuple):
                    listed = g.typed(g.dims(item), DType.I64, (dim(len(item)),))
                    tensors.append((at, listed))
                at += 1
                last = axis + 1
            else:
                last = axis + 1
        if new:
            y = g.Unsqueeze(y, g.ints(new))
        rank = len(x.shape) - len(gone) + len(new)
        return _gather(g, y, rank, tensors) if tensors else y


def _index_tensor(cx: Cx, i: Tensor) -> Tensor:
    if i.dtype in (DType.BOOL, DType.U8):
        raise OpError(
            f"{cx.name} by a mask {i} gives as many elements as the data has: no shape says how many",
            code="E0324",
            arg="index",
            help="`where` and `masked_fill` keep the shape",
        )
    if i.dtype not in _INDEX_DTYPES:
        raise OpError(f"{cx.name} takes int tensors as indices, but gets {i}", code="E0401", arg="index")
    return i


def _gathered(cx: Cx, shape: list[Dim | Pack], tensors: list[tuple[int, Tensor]]) -> tuple[Dim | Pack, ...]:
    """The axes that index tensors take replaced by those tensors' common shape: in place if adjacent, else in front."""
    if not tensors:
        return tuple(shape)
    common = result_shape(cx, *(i for _, i in tensors))
    axes = [axis for axis, _ in tensors]
    rest = [d for axis, d in enumerate(shape) if axis not in axes]
    at = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    return (*rest[:at], *common, *rest[at:])


def _sliced(g: Graph, x: Value, placed: list[tuple[Any, int | None]]) -> Value:
    """One Slice over all axes that are cut; it clamps its ends as Python does."""
    starts, ends, axes, steps = [], [], [], []
    for item, axis in placed:
        if not isinstance(item, SliceOf) or axis is None:
            continue
        start = dim(0) if item.start is None else item.start
        step = dim(1) if item.step is None else item.step
        stop = dim(_END) if item.stop is None or item.stop == x.dims[axis] else item.stop
        if start == 0 and stop == _END and step == 1:
            continue
        starts.append(start)
        ends.append(stop)
        axes.append(axis)
        steps.append(step)
    if not axes:
        return x
    ones = all(s == 1 for s in steps)
    return g.Slice(x, g.dims(starts), g.dims(ends), g.ints(axes), *([] if ones else [g.dims(steps)]))


def _gather(g: Graph, y: Value, rank: int, tensors: list[tuple[int, Value]]) -> Value:
    if len(tensors) == 1:
        axis, index = tensors[0]
        return g.Gather(y, index, **({"axis": axis} if axis else {}))
    axes = [axis for axis, _ in tensors]
    rest = [a for a in range(rank) if a not in axes]
    shape = _common_shape([i for _, i in tensors])
    order = axes + rest
    if order != list(range(rank)):
        y = g.Transpose(y, perm=order)
    columns = []
    for _, i in tensors:
        i = g.cast(i, DType.I64)
        if i.shape != shape:
            i = g.typed(g.Expand(i, g.dims([d for d in shape if isinstance(d, Dim)])), DType.I64, shape)
        columns.append(g.Unsqueeze(i, g.ints([-1])))
    y = g.GatherND(y, g.Concat(*columns, axis=-1))
    at = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    if at:
        n = len(shape)
        back = [*range(n, n + at), *range(n), *range(n + at, n + len(rest))]
        y = g.Transpose(y, perm=back)
    return y


def _common_shape(tensors: Sequence[Tensor]) -> tuple[Dim | Pack, ...]:
    return result_shape(LOWERING, *tensors)
