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
        waiting, seen = [(name, False)], {name}
        while waiting:
            value, computed = waiting.pop()
            for node, place in users.get(value, ()):
                limit = _limit(node, place, shapes)
                if limit is not None:
                    yield limit, computed
                elif node.op_type in _PASS:
                    for result in node.output:
                        if result not in seen:
                            seen.add(result)
                            waiting.append((result, computed or node.op_type in _ARITHMETIC))

    def bound(name: str, sizes: Mapping[str, int]) -> int | None:
        found = []
        for limit, computed in limits(name):
            value = _value(limit, sizes)
            if value is not None:
                found.append(max(1, value // 2) if computed else value)
        return min(found, default=None)

    return bound


def _limit(node: Any, place: int, shapes: Mapping[str, list[str | int]]) -> str | int | None:
    """The size that input `place` of a node indexes."""
    shape = shapes.get(node.input[0], [])
    if node.op_type in ("Gather", "GatherElements", "ScatterElements") and place == 1:
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        return shape[axis] if -len(shape) <= axis < len(shape) else None
    if node.op_type in ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss") and place == 1:
        return shape[1] if len(shape) > 1 else None
    return None


def _shapes(graph: Any) -> dict[str, list[str | int]]:
    shapes: dict[str, list[str | int]] = {t.name: list(t.dims) for t in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    return shapes


def _value(limit: str | int, sizes: Mapping[str, int]) -> int | None:
    if isinstance(limit, int):
        return limit or None
    try:
        value = size(limit, sizes)
    except HostError:
        return None
    return value.const if isinstance(value, Dim) else value
