"""Lists of tensors whose number may be a symbol."""

from __future__ import annotations

from collections.abc import Callable

from spec_lang.ops.base import Cx, OpError, Tensor, size_at
from spec_lang.ops.kinds import Run, Tensors
from spec_lang.shapes import Cond, Dim, Pack, TensorType, dim
from spec_lang.shapes.sums import summed


def each(tensors: Tensors, f: Callable[[Tensor], Tensor]) -> Tensors:
    """The list with every tensor of it in place of itself."""
    return tuple(
        Run(item=f(x.item), other=f(x.other), index=x.index, count=x.count) if isinstance(x, Run) else f(x)
        for x in tensors
    )


def apart(tensors: Tensors) -> tuple[Tensor, ...]:
    """Tensors that stand for all: what holds of each two of these holds of each two of the list."""
    return tuple(t for x in tensors for t in ((x.item, x.other) if isinstance(x, Run) else (x,)))


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


def fixed(cx: Cx, tensors: Tensors, x: Tensor) -> Tensor:
    """One of the tensors that stand for all, its sizes, which are those of all, without an index."""
    runs = [r for r in tensors if isinstance(r, Run) and r.item is x]
    if not runs:
        return x
    own = {runs[0].index: dim(0)}
    return x.with_shape(tuple(d if isinstance(d, Pack) else d.substitute(own) for d in x.shape))


def total(cx: Cx, tensors: Tensors, axis: int) -> Dim:
    """The sizes along an axis, added up.

    Raises:
        OpError: the sum has no closed form.
    """
    found = dim(0)
    for x in tensors:
        if not isinstance(x, Run):
            found = found + size_at(cx, x, axis)
            continue
        size = size_at(cx, x.item, axis)
        part = summed(size, x.index, x.count)
        if part is None:
            raise OpError(
                f"{cx.name} adds up {size} for each of {x.count} tensors, for which there is no formula",
                code="E0310",
                arg="tensors",
                help="give each item a size that does not depend on its place, or is linear in it",
            )
        low = size.bounds[0]
        if low is not None and x.index in size.symbols:
            cx.learn(Cond.ge(part, low * x.count))
        found = found + part
    return found
