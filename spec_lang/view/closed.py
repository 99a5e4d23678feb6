"""A graph with some of its boxes closed: one node each, with the edges of what it holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from spec_lang.view.graph import Edge, Graph

SLIM = frozenset(("branch", "loop"))
"""Boxes that only group what stands in a method: they are as open as what they stand in."""


def opened(graph: Graph, depth: int | None) -> set[int]:
    """The boxes that are open where so many levels are, or all without a number."""
    found: set[int] = set()
    for n in graph.nodes.values():
        if n.is_group:
            levels = sum(graph.nodes[i].kind not in SLIM for i in graph.above(n.id))
            if depth is None or levels <= depth:
                found.add(n.id)
    return found


def closed(graph: Graph, open: Collection[int]) -> Graph:
    """The graph in which only these boxes are open; of equal edges, one."""
    seen: dict[int, int] = {}
    nodes = {}
    for n in graph.nodes.values():  # groups stand before what they hold
        around = n.parent
        if around is not None and (seen[around] != around or around not in open):
            seen[n.id] = seen[around]
            continue
        seen[n.id] = n.id
        nodes[n.id] = replace(n)
    edges: dict[tuple[int, int, int], Edge] = {}
    for e in graph.edges:
        source, target = seen[e.source], seen[e.target]
        if source != target:
            port = e.port if source == e.source else e.source * 1000 + e.port
            edges.setdefault((source, port, target), replace(e, source=source, target=target, port=port))
    return Graph(graph.model, graph.method, nodes, list(edges.values()))
