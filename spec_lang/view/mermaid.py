"""A graph as a Mermaid flowchart, which READMEs and reviews draw."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.view.closed import closed, opened
from spec_lang.view.costs import short
from spec_lang.view.graph import Edge, Graph, Node

_SHAPES = {
    "input": ("([", "])"),
    "output": ("([", "])"),
    "choice": ("{", "}"),
    "op": ("(", ")"),
    "tensor": ("[/", "/]"),
}
_STYLES = {
    "io": "fill:#e8eaf6,stroke:#5c6bc0,color:#1a237e",
    "block": "fill:#eceff1,stroke:#607d8b,color:#263238",
    "learned": "fill:#e3f2fd,stroke:#1e88e5,color:#0d47a1",
    "added": "fill:#e6ffec,stroke:#1a7f37,color:#1a7f37,stroke-width:3px",
    "removed": "fill:#ffebe9,stroke:#cf222e,color:#cf222e,stroke-width:3px,stroke-dasharray:6 3",
    "changed": "fill:#fff8c5,stroke:#9a6700,color:#7d4e00,stroke-width:3px",
    "plain": "fill:#fafafa,stroke:#9e9e9e,color:#424242",
}


def mermaid(graph: Graph, depth: int | None = 1) -> str:
    """The flowchart's text, with so many levels of boxes open."""
    shown = closed(graph, opened(graph, depth))
    lines = ["flowchart TB", *_inside(shown, None, 1), *(f"  {_edge(e)}" for e in shown.edges)]
    classes: dict[str, list[str]] = {}
    for n in shown.nodes.values():
        if n.change or not _is_open(shown, n):
            classes.setdefault(_class(n), []).append(f"n{n.id}")
    for name, members in classes.items():
        lines += [f"  classDef {name} {_STYLES[name]}", f"  class {','.join(members)} {name}"]
    return "\n".join(lines) + "\n"


def _inside(graph: Graph, parent: int | None, level: int) -> Iterator[str]:
    indent = "  " * level
    for n in graph.children(parent):
        if _is_open(graph, n):
            yield f'{indent}subgraph n{n.id} ["{_label(n)}"]'
            yield from _inside(graph, n.id, level + 1)
            yield f"{indent}end"
        else:
            before, after = _SHAPES.get(n.kind, ("[", "]"))
            yield f'{indent}n{n.id}{before}"{_label(n)}"{after}'


def _is_open(graph: Graph, node: Node) -> bool:
    return node.is_group and next(graph.children(node.id), None) is not None


def _label(n: Node) -> str:
    lines = [f"{n.title} ×{n.count}" if n.count > 1 else n.title]
    lines += [n.detail] if n.detail else []
    if n.parameters:
        each = f"{n.count} × " if n.count > 1 else ""
        lines.append(f"{each}{n.parameters:,} parameters")
    if work := short(n.flops):
        lines.append(f"{work} FLOPs{' each' if n.count > 1 else ''}")
    return "<br/>".join(map(_escaped, [*lines, *n.notes]))


def _edge(e: Edge) -> str:
    text = f"{e.label}: {e.type}" if e.label else e.type
    return f'n{e.source} -->|"{_escaped(text)}"| n{e.target}'


def _escaped(text: str) -> str:
    for mark, name in (("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(mark, name)
    return text


def _class(n: Node) -> str:
    if n.change:
        return n.change
    if n.kind in ("input", "output"):
        return "io"
    if n.is_group:
        return "block"
    return "learned" if n.parameters else "plain"
