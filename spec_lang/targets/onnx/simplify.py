"""Nodes that need not be: those that would only repeat their input, or whose result is a constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spec_lang.shapes import Dim
from spec_lang.targets.onnx import fold
from spec_lang.targets.onnx.nodes import Const, Edge, as_edge

if TYPE_CHECKING:
    from spec_lang.targets.onnx.graph import Builder

RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)
"""Ops that give another result each time: two equal nodes are two."""


def without_node(
    g: Builder, op_type: str, inputs: Sequence[Edge | None], attributes: dict[str, Any]
) -> Edge | None:
    """The value that the node would give, if that is there already or is a constant."""
    x = inputs[0] if inputs else None
    if x is not None and _repeats(g, op_type, x, inputs, attributes):
        return x
    if op_type == "Shape" and x is not None and (sizes := _constant_shape(x)) is not None:
        return as_edge(g.ints(sizes[attributes.get("start") : attributes.get("end")]))
    if op_type not in RANDOM and inputs and all(i is None or isinstance(i, Const) for i in inputs):
        return fold.fold(g, op_type, inputs, attributes)
    return None


def _constant_shape(x: Edge) -> list[int] | None:
    """The sizes of a value, where all of them are known."""
    if "shape" not in x.__dict__:
        return None
    sizes = [d.const for d in x.shape if isinstance(d, Dim) and d.const is not None]
    return sizes if len(sizes) == len(x.shape) else None


def _repeats(
    g: Builder, op_type: str, x: Edge, inputs: Sequence[Edge | None], attributes: dict[str, Any]
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
    return False
