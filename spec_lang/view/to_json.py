"""A graph as the page's script reads it."""

from __future__ import annotations

from typing import Any, Final

from spec_lang.view.costs import short, whole
from spec_lang.view.graph import Graph, Node

_OWN: Final = ("flops", "times", "open", "exact")
"""What a script reads in another form, or not at all."""


def as_json(graph: Graph) -> dict[str, Any]:
    """What the page draws: `flops` is the short text of a picture, `all_flops` the whole one."""
    return {
        "model": graph.model,
        "method": graph.method,
        "parameters": graph.parameters,
        "flops": short(graph.flops),
        "all_flops": whole(graph.flops),
        "nodes": list(map(_node, graph.nodes.values())),
        "edges": [{k: v for k, v in e.__dict__.items() if v != ""} for e in graph.edges],
    }


def _node(n: Node) -> dict[str, Any]:
    found = {k: v for k, v in n.__dict__.items() if k not in _OWN and v not in ("", None, [])}
    if n.flops != 0:
        found |= {"flops": short(n.flops), "all_flops": whole(n.flops)}
    return found
