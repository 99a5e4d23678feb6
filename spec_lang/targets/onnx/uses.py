"""Who makes and who reads each value of a graph."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.targets.onnx.nodes import Edge, Node


class Uses:
    """The producer and the readers of each value among some nodes.

    Attributes:
        producers: The node that gives a value; inputs, constants and weights have none.
        readers: The nodes that take it, one of them as often as it does.
    """

    def __init__(self, nodes: Sequence[Node], outputs: Sequence[Edge]) -> None:
        self.producers = {o: n for n in nodes for o in n.outputs}
        self.readers: dict[Edge, list[Node]] = {}
        for n in nodes:
            for i in n.reads():
                self.readers.setdefault(i, []).append(n)
        self._outputs = frozenset(outputs)

    def producer(self, edge: Edge | None, op_type: str) -> Node | None:
        """The node that gives a value, if that is of this op."""
        node = None if edge is None else self.producers.get(edge)
        return node if node is not None and node.op_type == op_type else None

    def only_reader(self, edge: Edge, op_type: str) -> Node | None:
        """The node that takes a value, if there is but one, of this op, and the value is no result of the graph."""
        readers = self.readers.get(edge, [])
        only = len(readers) == 1 and edge not in self._outputs and readers[0].op_type == op_type
        return readers[0] if only else None
