"""Reshapes whose target needs no shape arithmetic where ONNX's 0 and -1 can say it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spec_lang.ops.lowering import Value
from spec_lang.shapes import Dim
from spec_lang.targets.onnx.nodes import Edge, as_edge

if TYPE_CHECKING:
    from spec_lang.targets.onnx.graph import Builder


def reshape(g: Builder, x: Value, sizes: Sequence[Dim]) -> Value:
    """`x` with the shape `sizes`, whose product is that of its own."""
    x = as_edge(x)
    shape = tuple(sizes)
    if x.is_typed and x.shape == shape:
        return x
    target = _target(x, shape)
    if target is None:
        zero = any(not _positive(d) for d in shape)
        y = g.Reshape(x, g.dims(shape), allowzero=1 if zero else None)
    else:
        y = g.Reshape(x, g.ints(target))
    if x.is_typed:
        return g.typed(y, x.dtype, shape)
    y.__dict__.setdefault("shape", shape)
    return as_edge(y)


def _target(x: Edge, shape: tuple[Dim, ...]) -> list[int] | None:
    """The constants of a Reshape, if they can say `shape`: at most one -1, 0 where the size stays."""
    before = x.shape if "shape" in x.__dict__ else ()
    target: list[int] = []
    inferred = 0
    for i, size in enumerate(shape):
        if size.const is not None:
            if size.const == 0:
                return None
            target.append(size.const)
        elif i < len(before) and before[i] == size:
            target.append(0)
        else:
            target.append(-1)
            inferred += 1
    if inferred > 1:
        return None
    if inferred and not all(_positive(d) for i, d in enumerate(shape) if target[i] != -1):
        return None
    return target


def _positive(size: Dim) -> bool:
    low = size.bounds[0]
    return low is not None and low >= 1
