"""Nodes that need not be: those that would only repeat their input, or whose result is a constant."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from spec_lang.shapes import Cond, Dim, Pack, Verdict
from spec_lang.targets.onnx import dtypes, fold
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Const, Edge, Initializer, as_edge

RANDOM = frozenset(
    {
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Bernoulli",
        "Dropout",
        "Multinomial",
    }
)
"""Ops that give another result each time: two equal nodes are two."""


def without_node(
    g: Emitter, op_type: str, inputs: Sequence[Edge | None], attributes: dict[str, Any]
) -> Edge | None:
    """The value that the node would give, if that is there already or is a constant."""
    x = inputs[0] if inputs else None
    if x is not None and _repeats(g, op_type, x, inputs, attributes):
        return x
    if op_type in _COMMUTATIVE and len(inputs) == 2 and _is_scalar(x, _NEUTRAL[op_type]):
        return inputs[1]
    if op_type in ("Reshape", "Squeeze", "Unsqueeze") and isinstance(x, Initializer):
        shape = _reshaped(op_type, x.sizes, inputs, attributes)
        return None if shape is None else g.regrouped(x, shape)
    if op_type == "Shape" and x is not None and (sizes := _constant_shape(x)) is not None:
        return as_edge(g.ints(sizes[attributes.get("start") : attributes.get("end")]))
    if op_type == "Gather" and x is not None and not attributes.get("axis"):
        return _first(g, x, inputs[1])
    if op_type not in RANDOM and inputs and all(i is None or isinstance(i, Const) for i in inputs):
        return fold.fold(g, op_type, inputs, attributes)
    return None


def _constant_shape(x: Edge) -> list[int] | None:
    """The sizes of a value, where all of them are known."""
    if "shape" not in x.__dict__:
        return None
    sizes = [d.const for d in x.shape if isinstance(d, Dim) and d.const is not None]
    return sizes if len(sizes) == len(x.shape) else None


def _first(g: Emitter, x: Edge, indices: Edge | None) -> Edge | None:
    """`x[0], ..., x[n - 1]` is a slice, where the spec says that x is as long: a slice would not notice that it is not."""
    counting = None if indices is None else g.producer(indices)
    if indices is None or counting is None or counting.op_type != "Range":
        return None
    start, _, step = counting.inputs
    if not (_is_scalar(start, 0) and _is_scalar(step, 1) and indices.is_typed and x.is_typed):
        return None
    n, length = indices.dims[0], x.shape[0]
    if isinstance(length, Pack) or g.facts.decide(Cond.le(n, length)) is not Verdict.PROVED:
        return None
    sliced: Edge = g.Slice(x, g.ints([0]), g.dims([n]), g.ints([0]))
    return sliced


def _repeats(
    g: Emitter, op_type: str, x: Edge, inputs: Sequence[Edge | None], attributes: dict[str, Any]
) -> bool:
    if op_type == "Identity":
        return True
    if op_type == "Cast":
        return "dtype" in x.__dict__ and g.dtype(x.dtype) == attributes["to"]
    if op_type == "Transpose":
        perm = attributes.get("perm")
        return perm is not None and list(perm) == list(range(len(perm)))
    if op_type == "Concat":
        return len(inputs) == 1
    if op_type in _NEUTRAL and len(inputs) == 2:
        return _is_scalar(inputs[1], _NEUTRAL[op_type])
    return False


_NEUTRAL = {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1, "Pow": 1}
"""The right operands that leave the left one as it is."""
_COMMUTATIVE = frozenset({"Add", "Mul"})


def _is_scalar(edge: Edge | None, value: int) -> bool:
    """Whether an operand is this number, of rank 0 so that it shapes nothing."""
    return isinstance(edge, Const) and edge.sizes == () and dtypes.unpack(edge.raw, edge.number)[0] == value


def _reshaped(
    op_type: str, sizes: tuple[int, ...], inputs: Sequence[Edge | None], attributes: dict[str, Any]
) -> tuple[int, ...] | None:
    """The new shape of a stored tensor, where the graph says it by constants."""
    by = inputs[1] if len(inputs) > 1 else None
    if not isinstance(by, Const):
        return None
    values = [int(v) for v in dtypes.unpack(by.raw, by.number)]
    if op_type == "Reshape":
        if attributes.get("allowzero"):
            return None
        target = [sizes[i] if v == 0 else v for i, v in enumerate(values)]
        rest = prod(v for v in target if v != -1)
        return tuple(prod(sizes) // rest if v == -1 and rest else v for v in target)
    if op_type == "Squeeze":
        gone = {v % len(sizes) for v in values}
        return tuple(n for i, n in enumerate(sizes) if i not in gone)
    rank = len(sizes) + len(values)
    new = {v % rank for v in values}
    rest_of = iter(sizes)
    return tuple(1 if i in new else next(rest_of) for i in range(rank))
