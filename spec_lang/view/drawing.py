"""A graph while it is drawn: nodes in the boxes that they stand in, and what flows between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from spec_lang.diagnostics import Source
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.evaluate import Env, EvaluationError
from spec_lang.shapes import TensorType
from spec_lang.view import describe
from spec_lang.view.graph import Edge, Graph, Kind, Node
from spec_lang.view.values import Wire, wires

MOST: int = 20_000
"""Nodes of one picture."""


class Drawing:
    """A graph that grows.

    Attributes:
        parent: The box that is being drawn.
        next: The id of the next node: those of later nodes are larger.
    """

    def __init__(self, graph: Graph, program: model.Program, sources: Mapping[str, Source]) -> None:
        self.graph = graph
        self.parent: int | None = None
        self.next = 0
        self._files = program.files
        self._sources = sources

    def add(self, kind: Kind, title: str, at: model.Node | None, env: Env, **more: Any) -> Node:
        """A new node in the box that is being drawn.

        Raises:
            EvaluationError: there are too many.
        """
        span = None if at is None else at.span
        if len(self.graph.nodes) >= MOST:
            raise EvaluationError("E0802", f"a picture has at most {MOST:,} nodes", env.file, span)
        node = Node(self.next, kind, title, parent=self.parent, file=env.file, span=span, **more)
        self.next += 1
        self.graph.nodes[node.id] = node
        return node

    def connect(self, sources: Any, target: Node, label: str = "") -> None:
        """Edges from the tensors in a value to a node."""
        for w in wires(sources):
            type = str(w.with_shape(w.shape))
            names = w.names if w.names != type else ""
            self.graph.edges.append(Edge(w.node, w.port, target.id, type, names, label))

    @contextmanager
    def group(self, kind: Kind, title: str, at: model.Node | None, env: Env, **more: Any) -> Iterator[Node]:
        """A box around the nodes that come next; one that stays empty is none."""
        outer = self.parent
        node = self.add(kind, title, at, env, **more)
        self.parent = node.id
        try:
            yield node
        finally:
            self.parent = outer
        if not any(n.parent == node.id for n in self.since(node.id + 1)):
            del self.graph.nodes[node.id]

    def since(self, first: int) -> list[Node]:
        """The nodes from this id on, in order."""
        found: list[Node] = []
        for n in reversed(self.graph.nodes.values()):
            if n.id < first:
                break
            found.append(n)
        return found[::-1]

    def results(self, node: Node, types: Any) -> Host:
        """What a node gives: its results by their places."""
        count = 0

        def one(type: Any) -> Host:
            nonlocal count
            if isinstance(type, TensorType):
                count += 1
                return Wire(type, node.id, count - 1)
            if isinstance(type, tuple | list):
                return tuple(map(one, type))
            return type

        return one(types)

    def text(self, node: model.Node, env: Env) -> str:
        """What the author wrote, on one line."""
        source = self._sources.get(self._files[env.file].path)
        if source is None or node.span is None:
            return "…"
        found = " ".join(source.text[slice(*node.span)].split())
        return found if len(found) <= describe.LONG else f"{found[: describe.LONG - 1]}…"
