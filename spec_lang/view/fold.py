"""Loops: steps that do the same are drawn once, with their count.

Two steps do the same where their nodes and edges are equal one by one, and each tensor from outside is either the same
in both or, in the later one, what the earlier one gave: what the loop carries. Nothing else may still be read of what
the earlier one gave, since it is drawn no more.
"""

from __future__ import annotations

from collections.abc import Set

from spec_lang.view.graph import Edge, Graph, Node


class _Step:
    """The nodes of one run of a loop's body, in order, and what they take."""

    def __init__(self, graph: Graph, group: Node) -> None:
        self.group = group
        inside = {group.id}
        for n in graph.nodes.values():  # groups stand before what they hold
            if n.parent in inside:
                inside.add(n.id)
        self.nodes = [graph.nodes[i] for i in sorted(inside)]
        self.place = {n.id: i for i, n in enumerate(self.nodes)}
        self.edges = [e for e in graph.edges if e.target in inside]
        self.outside = [e for e in self.edges if e.source not in inside]

    def form(self) -> list[object]:
        """What the step does, whatever flows in from outside."""
        nodes: list[object] = [
            (n.kind, n.detail, n.family, n.count, id(n.template), self._at(n.parent)) for n in self.nodes
        ]
        return nodes + [
            (self._at(e.source), e.port if e.source in self.place else None, self._at(e.target), e.type)
            for e in self.edges
        ]

    def _at(self, id: int | None) -> int | None:
        return None if id is None else self.place.get(id)


class Loop:
    """The steps of one loop so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._steps: list[_Step] = []
        self._form: list[object] = []
        self._carried: list[bool] | None = None
        """Which tensors from outside the later ones of equal steps take from the one before."""

    def ended(self, group: Node, alive: Set[int]) -> dict[int, int]:
        """Take a step that has been drawn; where it is drawn already, gives which node stands for each of its own.

        `alive` are the nodes whose results have names behind the step.
        """
        if group.id not in self.graph.nodes:
            return {}
        step = _Step(self.graph, group)
        form = step.form()
        if self._steps and form == self._form:
            last = self._steps[-1]
            carried = [e.source in last.place for e in step.outside]
            fits = all(c or _same(e, b) for e, b, c in zip(step.outside, last.outside, carried, strict=True))
            if fits and any(carried) and alive.isdisjoint(last.place) and self._carried in (None, carried):
                self._carried = carried
                last.group.count += 1
                renamed = {n.id: m.id for n, m in zip(step.nodes, last.nodes, strict=True)}
                self.graph.remove(set(renamed))
                return renamed
        self._steps.append(step)
        self._form, self._carried = form, None
        return {}

    def close(self) -> None:
        """Leave no box around a step that is drawn alone, nor around a single node that stands for all steps."""
        for step in self._steps:
            inside = [n for n in step.nodes if n.parent == step.group.id]
            if step.group.count > 1 and len(inside) > 1:
                continue
            for n in inside:
                n.parent = step.group.parent
                n.count *= step.group.count
            del self.graph.nodes[step.group.id]


def _same(a: Edge, b: Edge) -> bool:
    return (a.source, a.port) == (b.source, b.port)
