"""Recurrences as one Scan or Loop node, whose body is built by the same calls as the graph around it.

A node that needs nothing of the body is emitted outside of it: it is computed once, and shared.

Source: https://onnx.ai/onnx/operators/onnx__Scan.html and https://onnx.ai/onnx/operators/onnx__Loop.html
"""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ops.lowering import Step, Value
from spec_lang.shapes import Dim, DType, Shape, TensorType
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Body, Edge, Node, as_edge


def scan(
    g: Emitter,
    step: Step,
    states: Sequence[Value],
    sequences: Sequence[Value],
    axis: int,
    reverse: bool,
) -> tuple[Sequence[Value], Sequence[Value]]:
    """The final states, and the rows of each step stacked along `axis`."""
    g.depth += 1
    body = Body(g.depth)
    before = [_taken(g, body, "state", s) for s in states]
    rows = [_taken(g, body, "row", x.with_shape(_without(x, axis))) for x in sequences]
    body.inputs = (*before, *rows)
    after, given = step(before, rows)
    typed = [as_edge(g.typed(a, s.dtype, s.shape)) for a, s in zip(after, states, strict=True)]
    body.outputs = _given(g, body, [*typed, *map(as_edge, given)])
    g.depth -= 1
    directions, axes = ([1], axis) if reverse else (None, axis)
    results = g.emit(
        "Scan",
        [as_edge(v) for v in (*states, *sequences)],
        {
            "num_scan_inputs": len(sequences),
            "scan_input_axes": [axes] * len(sequences) if axes else None,
            "scan_input_directions": directions and directions * len(sequences),
            "scan_output_axes": [axes] * len(given) if axes and given else None,
            "scan_output_directions": directions and directions * len(given) if given else None,
        },
        outputs=len(states) + len(given),
        body=body,
    )
    results = (results,) if isinstance(results, Edge) else results
    length = sequences[0].dims[axis]
    finals = [g.typed(r, s.dtype, s.shape) for r, s in zip(results, states, strict=False)]
    stacked = [
        g.typed(r, y.dtype, (*y.shape[:axis], length, *y.shape[axis:]))
        for r, y in zip(results[len(states) :], given, strict=True)
    ]
    return finals, stacked


def loop(
    g: Emitter, step: Step, states: Sequence[Value], count: Dim
) -> tuple[Sequence[Value], Sequence[Value]]:
    """As `scan` over what counts the steps, which may be none: the final states, and the rows stacked in front."""
    g.depth += 1
    body = Body(g.depth)
    index = _taken(g, body, "step", TensorType(DType.I64, ()))
    goes_on = _taken(g, body, "goes_on", TensorType(DType.BOOL, ()))
    before = [_taken(g, body, "state", s) for s in states]
    body.inputs = (index, goes_on, *before)
    after, given = step(before, [index])
    typed = [as_edge(g.typed(a, s.dtype, s.shape)) for a, s in zip(after, states, strict=True)]
    body.outputs = _given(g, body, [goes_on, *typed, *map(as_edge, given)])
    g.depth -= 1
    always = g.const(True, DType.BOOL)
    inputs = [as_edge(v) for v in (g.dim(count), always, *states)]
    results = g.emit("Loop", inputs, {}, outputs=len(states) + len(given), body=body)
    results = (results,) if isinstance(results, Edge) else results
    finals = [g.typed(r, s.dtype, s.shape) for r, s in zip(results, states, strict=False)]
    stacked = [
        g.typed(r, y.dtype, (count, *y.shape)) for r, y in zip(results[len(states) :], given, strict=True)
    ]
    return finals, stacked


def _without(x: Value, axis: int) -> Shape:
    return (*x.shape[:axis], *x.shape[axis + 1 :])


def _taken(g: Emitter, body: Body, name: str, type: TensorType) -> Edge:
    """An input of the body."""
    edge = Edge(g.values.take(f"{g.path}.{name}" if g.path else name), TensorType(type.dtype, type.shape))
    edge.body = body
    return edge


def _given(g: Emitter, body: Body, values: Sequence[Edge]) -> list[Edge]:
    """Results of the body, each by a node of its own: what is none, or is a result already, is repeated."""
    made = {id(o) for n in body.nodes for o in n.outputs}
    outputs: list[Edge] = []
    for value in values:
        root = value.root
        if id(root) in made:
            made.discard(id(root))
            outputs.append(root)
            continue
        repeated = Edge(g.values.take(f"{root.name}.again"), value)
        repeated.body = body
        name = g.node_names.take(f"{g.path}.Identity" if g.path else "Identity")
        body.nodes.append(Node(name, "Identity", (root,), (repeated,), {}, g.source, ""))
        outputs.append(repeated)
    return outputs
