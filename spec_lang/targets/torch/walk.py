"""All parts of a piece of a program."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ir import model as m


def nodes(*roots: object) -> Iterator[m.Node]:
    """Every node inside, outermost first, types and places left out."""
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting += reversed(node)
        elif isinstance(node, m.Node):
            yield node
            waiting += [v for k, v in reversed(node.__dict__.items()) if k not in ("span", "type")]


def names_in(*roots: object) -> set[str]:
    """The ids of all names inside."""
    return {n.id for n in nodes(*roots) if isinstance(n, m.Name)}
