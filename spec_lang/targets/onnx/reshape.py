"""Reshapes whose target needs no shape arithmetic where ONNX's 0 and -1 can say it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spec_lang.ops.lowering import Value
from spec_lang.shapes import Dim, Shape
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Edge, as_edge


class Target(NamedTuple):
    """What a Reshape takes beside its tensor."""

    sizes: Edge
    allowzero: int | None


def reshape(g: Emitter, x: Value, sizes: Sequence[Dim]) -> Value:
    """`x` with the shape `sizes`, whose product is that of its own."""
    x = as_edge(x)
    shape = tuple(sizes)
    if x.is_typed and x.shape == shape:
        return x
    target = reshape_target(g, x.shape if "shape" in x.__dict__ else (), shape)
    y = g.Reshape(x, target.sizes, allowzero=target.allowzero)
    if x.is_typed:
        return g.typed(y, x.dtype, shape)
    y.__dict__.setdefault("shape", shape)
    return as_edge(y)


def reshape_target(g: Emitter, before: Shape, shape: tuple[Dim, ...]) -> Target:
    """The target of a Reshape from `before` (empty where that is not known) to `shape`."""
    constants = _constants(before, shape)
    if constants is not None:
        return Target(as_edge(g.ints(constants)), None)
    zero = any(not _positive(d) for d in shape)
    return Target(as_edge(g.dims(shape)), 1 if zero else None)


def _constants(before: Shape, shape: tuple[Dim, ...]) -> list[int] | None:
    """The constants of a Reshape, if they can say `shape`: at most one -1, 0 where the size stays."""
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
