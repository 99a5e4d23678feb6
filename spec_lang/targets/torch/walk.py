"""All parts of a piece of a program."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ir import model as m

_LEAVES = frozenset({str, int, float, bool, type(None)})


def nodes(*roots: object) -> Iterator[m.Node]:
    """Every node inside, outermost first, types and places left out."""
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting += reversed(node)
        elif isinstance(node, m.Node):
            yield node
            for key in reversed(node.__dict__):
                value = node.__dict__[key]
                if value.__class__ not in _LEAVES and key not in ("span", "type"):
                    waiting.append(value)


def names_in(*roots: object) -> set[str]:
    """The names that are read inside; an append reads its list."""
    found = nodes(*roots)
    return {n.name if isinstance(n, m.Append) else n.id for n in found if isinstance(n, m.Name | m.Append)}
