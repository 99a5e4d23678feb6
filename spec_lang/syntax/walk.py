"""Going over a tree, whatever its nodes are."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.diagnostics import Span
from spec_lang.syntax.node import Node


def children(node: Node) -> Iterator[Node]:
    """The nodes right below one, in the order of the fields."""
    for name in node.node_fields:
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple) and value.__class__ is not Span:
            yield from _nodes(value)


def _nodes(values: tuple[object, ...]) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple) and value.__class__ is not Span:
            yield from _nodes(value)


def walk(node: Node) -> Iterator[Node]:
    """A node and all nodes below it."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        pending += children(node)


def move_spans(node: Node, by: int) -> None:
    """Move a tree that was just made, and that nobody else holds, to another place in its source."""
    for each in walk(node):
        for name in each.node_fields:
            value = getattr(each, name)
            if isinstance(value, Span):
                each.__dict__[name] = Span(value.start + by, value.end + by)


def same(left: object, right: object) -> bool:
    """Whether two trees say the same: equal but for places, comments and how literals are spelled."""
    pending = [(left, right)]
    while pending:
        a, b = pending.pop()
        if isinstance(a, Node) and isinstance(b, Node):
            if type(a) is not type(b):
                return False
            pending += [
                (getattr(a, name), getattr(b, name)) for name in a.node_fields if name not in _SPELLING
            ]
        elif isinstance(a, Span) and isinstance(b, Span):
            continue
        elif isinstance(a, tuple) and isinstance(b, tuple):
            if len(a) != len(b):
                return False
            pending += zip(a, b, strict=True)
        elif type(a) is not type(b) or a != b:
            return False
    return True


_SPELLING = frozenset({"text", "source", "comments", "span"})
