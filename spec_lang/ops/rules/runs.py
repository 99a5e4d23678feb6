"""Lists of tensors whose number may be a symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spec_lang.ops.base import Cx, OpError, Tensor, size_at
from spec_lang.ops.kinds import Run, Tensors
from spec_lang.shapes import Cond, Dim, Pack, TensorType, dim
from spec_lang.shapes.sums import summed, written


def each(tensors: Tensors, f: Callable[[Tensor], Tensor]) -> Tensors:
    """The list with every tensor of it in place of itself."""
    return tuple(
        Run(item=f(x.item), index=x.index, count=x.count) if isinstance(x, Run) else f(x) for x in tensors
    )


def kinds(tensors: Tensors) -> tuple[Tensor, ...]:
    """One tensor for each of a rank and dtype; sizes may have an index in them."""
    return tuple(x.item if isinstance(x, Run) else x for x in tensors)


def first_of(tensors: Tensors) -> Tensor:
    """A tensor whose sizes, but for those that differ, are those of all: the first, without an index in it."""
    plain = [x for x in tensors if isinstance(x, TensorType)]
    if plain:
        return plain[0]
    run = tensors[0]
    assert isinstance(run, Run)
    own = dict.fromkeys(run.index.symbols, dim(0))
    shape = (d if isinstance(d, Pack) else d.substitute(own) for d in run.item.shape)
    return run.item.with_shape(tuple(shape))


def others(cx: Cx, tensors: Tensors) -> Iterator[tuple[Cx, Tensor]]:
    """Every tensor, and where it is asked about: each of a run, in front of whose end its index is."""
    for x in tensors:
        if isinstance(x, Run):
            yield Cx(cx.facts.assume(Cond.lt(x.index, x.count)), cx.name), x.item
        else:
            yield cx, x


def counted(cx: Cx, tensors: Tensors) -> Dim:
    """How many tensors there are, which must be one at least.

    Raises:
        OpError: there are none.
    """
    counts = [x.count if isinstance(x, Run) else dim(1) for x in tensors]
    number = sum(counts, start=dim(0))
    wrong = f"{cx.name} takes at least one tensor"
    if not tensors:
        raise OpError(wrong, code="E0501", arg="tensors")
    if not any(isinstance(x, TensorType) for x in tensors):
        cx.require(Cond.ge(number, 1), wrong, code="E0501", arg="tensors")
    return number


def total(cx: Cx, tensors: Tensors, axis: int) -> Dim:
    """The sizes along an axis, added up."""
    found = dim(0)
    for x in tensors:
        if not isinstance(x, Run):
            found = found + size_at(cx, x, axis)
            continue
        size = size_at(cx, x.item, axis)
        (own,) = x.index.symbols
        part = summed(size, own, x.count)
        if part is None:
            part = written(size, own, x.count)
        low = size.bounds[0]
        if low is not None and own in size.symbols:
            cx.learn(Cond.ge(part, low * x.count))
        found = found + part
    return found
