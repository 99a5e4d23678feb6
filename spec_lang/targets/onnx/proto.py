"""An ONNX model as bytes, written piece by piece: what is large is passed through, never held.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from spec_lang.frozen import Frozen
from spec_lang.shapes import Dim, Pack
from spec_lang.targets.onnx import attributes, wire
from spec_lang.targets.onnx.nodes import Body, Const, Edge, Initializer, Node
from spec_lang.weights.place import External, Streamed, TensorData

NEWEST_OPSET = 28
OLDEST_OPSET = 17
DEFAULT_OPSET = 24
"""The newest that ONNX Runtime 1.22 and later execute fully on the CPU, with the fused Attention of 24."""

_IR_VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12, 25: 13, 26: 13, 27: 13, 28: 14}
"""The format version that came with each opset. Source: onnx.helper.VERSION_TABLE."""
_METADATA_SINCE = 10
"""The format version from which nodes, values and tensors carry metadata."""

_LIMIT = 2**31 - 1
"""Protocol buffers refuse larger messages."""


class TooLarge(Exception):
    """The model does not fit one protocol buffer; its weights must stand in files beside it."""


class Model(Frozen):
    """A finished graph.

    Attributes:
        outputs: The results, under the names that they have in the model.
        numbers: Gives ONNX's number of a value's dtype.
        metadata: Further facts about the model, by key.
        domains: The custom domains that nodes are of.
    """

    name: str
    doc: str
    opset: int
    nodes: Sequence[Node]
    inputs: Sequence[Edge]
    outputs: Sequence[Edge]
    constants: Sequence[Const]
    initializers: Sequence[Initializer]
    numbers: Callable[[Edge], int]
    metadata: Mapping[str, str]
    producer_version: str
    domains: Sequence[str] = ()


def serialize(model: Model, data: Mapping[str, TensorData]) -> bytes:
    """The model's bytes; `data` has the elements of each initialiser by its name, or nothing for an input to fill.

    Raises:
        TooLarge: over 2 GiB.
    """
    return b"".join(chunks(model, data))


def chunks(model: Model, data: Mapping[str, TensorData]) -> Iterator[bytes | memoryview]:
    """The model's bytes in pieces.

    Raises:
        TooLarge: over 2 GiB; before the first piece.
    """
    ir_version = _IR_VERSIONS[model.opset]
    head = (
        wire.integer(1, ir_version)
        + wire.text(2, "specc")
        + wire.text(3, model.producer_version)
        + (wire.text(6, model.doc) if model.doc else b"")
    )
    tail = b"".join(
        [
            *(_opset(domain, 1) for domain in model.domains),
            _opset("", model.opset),
            *(wire.data(14, _entry(k, v)) for k, v in model.metadata.items()),
        ]
    )
    graph, length = _graph(model, data, ir_version >= _METADATA_SINCE)
    if len(head) + length + len(tail) + 16 > _LIMIT:
        raise TooLarge(f"the model takes {length:,} bytes, more than the 2 GiB of one ONNX file")
    yield head + wire.header(7, length)
    for piece in graph:
        if isinstance(piece, Streamed):
            yield from piece.chunks()
        else:
            yield piece
    yield tail


def _opset(domain: str, version: int) -> bytes:
    return wire.data(8, (wire.text(1, domain) if domain else b"") + wire.integer(2, version))


def _entry(key: str, value: str) -> bytes:
    return wire.text(1, key) + wire.text(2, value)


def _graph(
    model: Model, data: Mapping[str, TensorData], metadata: bool
) -> tuple[list[bytes | Streamed], int]:
    """The pieces of the graph, and their length."""
    pieces: list[bytes | Streamed] = []
    small = [wire.data(1, _node(n, model.numbers, metadata)) for n in model.nodes]
    small.append(wire.text(2, model.name))
    small += [wire.data(5, attributes.tensor(c.name, c.number, c.sizes, c.raw)) for c in model.constants]
    for initializer in model.initializers:
        found = data.get(initializer.name)
        if isinstance(found, Streamed):
            before = _tensor_head(initializer) + wire.header(9, found.length)
            small.append(wire.header(5, len(before) + found.length) + before)
            pieces += [b"".join(small), found]
            small = []
        elif isinstance(found, External):
            small.append(wire.data(5, _tensor_head(initializer) + _external(found)))
        elif found is not None:
            small.append(wire.data(5, _tensor_head(initializer) + wire.data(9, found)))
    if model.doc:
        small.append(wire.text(10, model.doc))
    small += [wire.data(11, value_info(v, model.numbers)) for v in model.inputs]
    small += [wire.data(11, value_info(v, model.numbers)) for v in model.initializers if v.name not in data]
    small += [wire.data(12, value_info(v, model.numbers)) for v in model.outputs]
    small += _inside(model.nodes, model.outputs, model.numbers)
    pieces.append(b"".join(small))
    return pieces, sum(p.length if isinstance(p, Streamed) else len(p) for p in pieces)


def _inside(
    nodes: Sequence[Node], outputs: Sequence[Edge], numbers: Callable[[Edge], int]
) -> Iterator[bytes]:
    """The types of values that are no outputs; a result that is left out has no name and no type."""
    ends = {id(o) for o in outputs}
    return (
        wire.data(13, value_info(o, numbers))
        for n in nodes
        for o in n.outputs
        if o.name and o.is_typed and id(o) not in ends
    )


def _body(body: Body, name: str, numbers: Callable[[Edge], int], metadata: bool) -> bytes:
    """The attribute `body` of a node."""
    graph = [wire.data(1, _node(n, numbers, metadata)) for n in body.nodes]
    graph.append(wire.text(2, name))
    graph += [wire.data(11, value_info(v, numbers)) for v in body.inputs]
    graph += [wire.data(12, value_info(v, numbers)) for v in body.outputs]
    graph += _inside(body.nodes, body.outputs, numbers)
    return wire.text(1, "body") + wire.data(6, b"".join(graph)) + wire.integer(20, _GRAPH)


_GRAPH = 5
"""The number of the attribute type."""


def _node(node: Node, numbers: Callable[[Edge], int], metadata: bool) -> bytes:
    parts = [wire.text(1, "" if i is None else i.name) for i in node.inputs]
    parts += [wire.text(2, o.name) for o in node.outputs]
    parts += [wire.text(3, node.name), wire.text(4, node.op_type)]
    if node.body is not None:
        parts.append(wire.data(5, _body(node.body, node.name, numbers, metadata)))
    parts += [wire.data(5, a) for a in node.attributes.values()]
    if node.source and not metadata:
        parts.append(wire.text(6, node.source))
    if node.domain:
        parts.append(wire.text(7, node.domain))
    if node.source and metadata:
        parts.append(wire.data(9, _entry("source", node.source)))
    return b"".join(parts)


def _tensor_head(x: Initializer) -> bytes:
    return attributes.tensor_head(x.name, x.number, x.sizes)


def _external(at: External) -> bytes:
    entries = {"location": at.location, "offset": str(at.offset), "length": str(at.length)}
    return b"".join(wire.data(13, _entry(k, v)) for k, v in entries.items()) + wire.integer(14, 1)


def value_info(value: Edge, numbers: Callable[[Edge], int]) -> bytes:
    """A `ValueInfoProto`: a dim that is not known carries its text."""
    shape = b"".join(wire.data(1, _dimension(d)) for d in value.shape)
    tensor = wire.integer(1, numbers(value)) + wire.data(2, shape)
    return wire.text(1, value.name) + wire.data(2, wire.data(1, tensor))


def _dimension(size: Dim | Pack) -> bytes:
    if isinstance(size, Dim) and size.const is not None:
        return wire.integer(1, size.const)
    return wire.text(2, str(size))
