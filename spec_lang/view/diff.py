"""Two graphs as one: what was added, what went, what became something else, whose shape changed.

Nodes are matched box by box, by what they are called, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher

from spec_lang.view.graph import Edge, Graph, Node

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def compared(old: Graph, new: Graph) -> Graph:
    """The new graph with what went from the old one, each node and edge saying what became of it."""
    pairs = dict(_matched(old, new))
    shift = max(new.nodes, default=0) + 1
    place = {a: pairs.get(a, a + shift) for a in old.nodes}
    nodes = {n.id: replace(n, notes=[*n.notes], change="added") for n in new.nodes.values()}
    before, after = _types(old), _types(new)
    for a, b in pairs.items():
        _change(nodes[b], old.nodes[a], before.get(a, {}), after.get(b, {}))
    order = {id: (i, 0) for i, id in enumerate(new.nodes)}
    last = (-1, 0)
    for n in old.nodes.values():
        if (
            n.id not in pairs
        ):  # it stands behind what it stood behind; its file is the old one, which is not shown
            parent = None if n.parent is None else place[n.parent]
            nodes[place[n.id]] = replace(n, id=place[n.id], parent=parent, change="removed", span=None)
            order[place[n.id]] = (last[0], last[1] + 1)
        last = order[place[n.id]]
    nodes = {id: nodes[id] for id in sorted(nodes, key=order.__getitem__)}
    return Graph(new.model, new.method, nodes, list(_edges(old, new, place)))


def listed(graph: Graph) -> list[str]:
    """The differences as lines, each node by its path: `+ added`, `- removed`, `~ changed`."""
    lines = []
    for n in graph.nodes.values():
        around = None if n.parent is None else graph.nodes[n.parent].change
        if n.change and not (
            around == n.change and n.change != "changed"
        ):  # what is in it came and went with it
            detail = f"  {n.detail}" if n.detail else ""
            lines.append(f"{_SIGNS[n.change]} {_path(graph, n)}{detail}")
            lines += [f"    {note}" for note in n.notes if note.startswith(_WAS)]
    return lines


_WAS = ("was ", "shape: ", "count: ")


def _matched(old: Graph, new: Graph) -> Iterator[tuple[int, int]]:
    """The nodes that are in both."""
    waiting: list[tuple[int | None, int | None]] = [(None, None)]
    while waiting:
        left, right = waiting.pop()
        a, b = list(old.children(left)), list(new.children(right))
        names = [(n.is_group, n.title) for n in a], [(n.is_group, n.title) for n in b]
        for block in SequenceMatcher(None, *names, autojunk=False).get_matching_blocks():
            for i in range(block.size):
                pair = a[block.a + i].id, b[block.b + i].id
                yield pair
                waiting.append(pair)


def _types(graph: Graph) -> dict[int, dict[int, str]]:
    """The types of each node's results by their places; of a box, those of what leaves it."""
    found: dict[int, dict[int, str]] = {}
    for e in graph.edges:
        outside = set(graph.above(e.target))
        for id in graph.above(e.source):
            if id in outside:
                break
            found.setdefault(id, {}).setdefault(e.port, e.type)
    return found


def _change(node: Node, old: Node, before: dict[int, str], after: dict[int, str]) -> None:
    """Say what became of a node that is in both."""
    notes = []
    if old.detail != node.detail:
        notes.append(f"was {old.detail or old.title}")
    if old.count != node.count:
        notes.append(f"count: {old.count} → {node.count}")
    notes += [f"shape: {before[p]} → {after[p]}" for p in after if p in before and before[p] != after[p]]
    node.change = "changed" if notes else ""
    node.notes += notes


def _edges(old: Graph, new: Graph, place: dict[int, int]) -> Iterator[Edge]:
    there = {(place[e.source], e.port, place[e.target], e.label): e for e in old.edges}
    for e in new.edges:
        same = there.pop((e.source, e.port, e.target, e.label), None)
        if same is None:
            yield replace(e, change="added")
        elif same.type != e.type:
            yield replace(e, change="changed", type=f"{same.type} → {e.type}", names="")
        else:
            yield e
    for e in there.values():
        yield replace(e, source=place[e.source], target=place[e.target], change="removed")


def _path(graph: Graph, node: Node) -> str:
    """Where a node is: its module's path, or the titles of what it is in."""
    titles = [graph.nodes[i].title for i in graph.above(node.id)]
    return node.path or ".".join(reversed(titles))
