"""`Attention` takes its heads side by side, as `[batch, time, heads * width]`, and gives them so.

A graph that splits the heads, attends and joins them again needs neither the reshapes nor the transposes:

    split(x) -> Reshape [0, 0, heads, width] -> Transpose -> Attention -> Transpose -> Reshape [0, 0, heads * width]

Source: https://onnx.ai/onnx/operators/onnx__Attention.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spec_lang.shapes import Dim
from spec_lang.targets.onnx import attributes, dtypes
from spec_lang.targets.onnx.graph import Builder
from spec_lang.targets.onnx.nodes import Const, Edge, Node
from spec_lang.targets.onnx.uses import Uses

_HEADS_OUT = attributes.write({"perm": [0, 2, 1, 3]})
_PARTS_OUT = attributes.write({"perm": [2, 0, 3, 1, 4]})
_AXIS_0 = attributes.write({"axis": 0})


class _Operand(NamedTuple):
    """One input of an Attention before its heads were split: part `part` of `parts` along the last axis of `source`."""

    source: Edge
    heads: int
    part: int = 0
    parts: int = 1


def join_heads(g: Builder, nodes: Sequence[Node], outputs: Sequence[Edge]) -> list[Node]:
    """The nodes with heads left side by side wherever an Attention's surroundings allow it."""
    if not any(n.op_type == "Attention" for n in nodes):
        return list(nodes)
    return _Pass(g, nodes, outputs).run()


class _Pass:
    def __init__(self, g: Builder, nodes: Sequence[Node], outputs: Sequence[Edge]) -> None:
        self.g = g
        self.nodes = nodes
        self.uses = Uses(nodes, outputs)
        self.splits: dict[Edge, tuple[Edge, ...]] = {}

    def run(self) -> list[Node]:
        result: list[Node] = []
        replaced: dict[Node, list[Node]] = {}
        for node in self.nodes:
            if node.op_type == "Attention":
                result += self._rewritten(node, replaced) or [node]
            elif node in replaced:
                result += replaced[node]
            else:
                result.append(node)
        return result

    def _rewritten(self, node: Node, gone: dict[Node, list[Node]]) -> list[Node] | None:
        """The nodes in place of an Attention, if it can be."""
        operands = [self._operand(i) for i in node.inputs[:3]]
        joined = self._joined(node)
        q, k, v = operands
        if q is None or k is None or v is None or joined is None or k.heads != v.heads:
            return None
        if any(i is not None for i in node.inputs[4:]):  # the cache has its heads split
            return None
        transpose, reshape = joined
        gone[transpose] = gone[reshape] = []
        new: list[Node] = []
        inputs = [self._input(o, node, new) for o in (q, k, v)]
        heads = attributes.write({"kv_num_heads": k.heads, "q_num_heads": q.heads})
        node.attributes = dict(sorted({**node.attributes, **heads}.items()))
        node.inputs = (*inputs, *node.inputs[3:])
        node.outputs = reshape.outputs
        return [*new, node]

    def _operand(self, edge: Edge | None) -> _Operand | None:
        """What the heads of an input were split from."""
        transpose = self.uses.producer(edge, "Transpose")
        if transpose is not None and transpose.attributes == _HEADS_OUT:
            split = self._reshape(transpose.inputs[0], 4)
            return None if split is None else _Operand(split[0], split[1][0])
        gather = self.uses.producer(edge, "Gather")
        if gather is None or gather.attributes not in (_AXIS_0, {}):
            return None
        at = _scalar(gather.inputs[1])
        parts = self.uses.producer(gather.inputs[0], "Transpose")
        if at is None or parts is None or parts.attributes != _PARTS_OUT:
            return None
        split = self._reshape(parts.inputs[0], 5)
        return None if split is None else _Operand(split[0], split[1][1], at % split[1][0], split[1][0])

    def _reshape(self, edge: Edge | None, rank: int) -> tuple[Edge, list[int]] | None:
        """What a reshape splits into `[batch, time, ...]`, and the sizes behind those."""
        node = self.uses.producer(edge, "Reshape")
        if node is None or edge is None:
            return None
        source = node.inputs[0]
        if source is None or not source.is_typed or not edge.is_typed:
            return None
        if len(source.shape) != 3 or len(edge.shape) != rank or source.shape[:2] != edge.shape[:2]:
            return None
        sizes = [d.const for d in edge.shape[2:] if isinstance(d, Dim) and d.const is not None]
        return (source, sizes) if len(sizes) == rank - 2 else None

    def _joined(self, node: Node) -> tuple[Node, Node] | None:
        """The transpose and the reshape behind an Attention, if nothing else reads between."""
        transpose = self.uses.only_reader(node.outputs[0], "Transpose")
        if transpose is None or transpose.attributes != _HEADS_OUT:
            return None
        reshape = self.uses.only_reader(transpose.outputs[0], "Reshape")
        if reshape is None or len(node.outputs) > 1:
            return None
        before, after = node.outputs[0], reshape.outputs[0]
        if not before.is_typed or not after.is_typed or len(after.shape) != 3:
            return None
        batch, heads, time, width = before.shape
        if not isinstance(heads, Dim) or not isinstance(width, Dim):
            return None
        return (transpose, reshape) if after.shape == (batch, time, heads * width) else None

    def _input(self, operand: _Operand, node: Node, new: list[Node]) -> Edge:
        """The operand with its heads side by side."""
        if operand.parts == 1:
            return operand.source
        parts = self.splits.get(operand.source)
        if parts is None:
            parts = self.splits[operand.source] = self._split(operand, node, new)
        return parts[operand.part]

    def _split(self, operand: _Operand, node: Node, new: list[Node]) -> tuple[Edge, ...]:
        path = node.name.rpartition(".")[0]
        name = self.g.node_names.take(f"{path}.Split" if path else "Split")
        outputs = tuple(Edge(self.g.values.take(f"{name}.{i}")) for i in range(operand.parts))
        written = attributes.write({"axis": -1, "num_outputs": operand.parts})
        new.append(Node(name, "Split", (operand.source,), outputs, written, node.source, ""))
        return outputs


def _scalar(edge: Edge | None) -> int | None:
    """The value of a constant scalar index."""
    if isinstance(edge, Const) and edge.sizes == () and edge.number == dtypes.INT64:
        return int(dtypes.unpack(edge.raw, edge.number)[0])
    return None
