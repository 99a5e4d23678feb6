"""What the integers that go into an exported graph may be: they index tensors of known sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from spec_lang.ir.arithmetic import HostError
from spec_lang.ir.dim_text import size
from spec_lang.shapes import Dim

_PASS: Final = frozenset(
    {"Cast", "Concat", "Expand", "Flatten", "Identity", "Pad", "Reshape", "Slice", "Split", "Squeeze", "Tile"}
    | {
        "Transpose",
        "Unsqueeze",
        "Max",
        "Min",
        "Where",
        "Clip",
        "Gather",
        "GatherElements",
        "Mul",
        "Add",
        "Sub",
    }
)
"""Operators whose results are (mostly) elements of their inputs; arithmetic keeps small integers small."""
_ARITHMETIC: Final = frozenset({"Add", "Sub", "Mul"})


def index_bounds(graph: Any) -> Callable[[str, Mapping[str, int]], int | None]:
    """For an `onnx.GraphProto`, what integers of an input must be below, given the sizes of its dynamic dims.

    Where they pass arithmetic on their way to an index, half of the indexed size.
    """
    shapes = _shapes(graph)
    users: dict[str, list[tuple[Any, int]]] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            users.setdefault(name, []).append((node, place))

    def limits(name: str) -> Iterator[tuple[str | int, bool]]:
        """The sizes that values derived from `name` index, and whether they were computed with."""
        waiting: list[tuple[str, bool, int | None]] = [(name, False, None)]
        seen: set[tuple[str, int | None]] = {(name, None)}
        while waiting:
            value, computed, column = waiting.pop()
            for node, place in users.get(value, ()):
                found = _limits(node, place, column, shapes)
                yield from ((limit, computed) for limit in found)
                if not found and node.op_type in _PASS:
                    joined = node.op_type == "Concat" and column is None and _attribute(node, "axis", 0) == -1
                    at = place if joined else column
                    for result in node.output:
                        if (result, at) not in seen:
                            seen.add((result, at))
                            waiting.append((result, computed or node.op_type in _ARITHMETIC, at))

    def bound(name: str, sizes: Mapping[str, int]) -> int | None:
        found = []
        for limit, computed in limits(name):
            value = _value(limit, sizes)
            if value is not None:
                found.append(max(1, value // 2) if computed else value)
        return min(found, default=None)

    return bound


def _limits(
    node: Any, place: int, column: int | None, shapes: Mapping[str, list[str | int]]
) -> list[str | int]:
    """The sizes that input `place` of a node indexes.

    Args:
        column: Which of the axes that are indexed together the values are for, where they were joined with others.
    """
    shape = shapes.get(node.input[0], [])
    if node.op_type in ("Gather", "GatherElements", "ScatterElements") and place == 1:
        axis = _attribute(node, "axis", 0)
        return [shape[axis]] if -len(shape) <= axis < len(shape) else []
    if node.op_type in ("GatherND", "ScatterND") and place == 1:
        indexed = shape[_attribute(node, "batch_dims", 0) :]
        return indexed if column is None or column >= len(indexed) else [indexed[column]]
    if node.op_type in ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss") and place == 1:
        return shape[1:2]
    return []


def _attribute(node: Any, name: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _shapes(graph: Any) -> dict[str, list[str | int]]:
    shapes: dict[str, list[str | int]] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    for t in graph.initializer:
        shapes[t.name] = list(t.dims)
    return shapes


def _value(limit: str | int, sizes: Mapping[str, int]) -> int | None:
    if isinstance(limit, int):
        return limit or None
    try:
        value = size(limit, sizes)
    except HostError:
        return None
    return value.const if isinstance(value, Dim) else value
