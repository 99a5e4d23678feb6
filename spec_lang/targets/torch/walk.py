"""All parts of a piece of a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def target_names(t: m.Target) -> list[str]:
    """The names that an assignment binds."""
    if t.items is not None:
        return [n for x in t.items for n in target_names(x)]
    return [] if t.name is None else [t.name]


def inside(s: m.Statement) -> list[m.Statement]:
    """The statements that stand directly in a loop or a branch; none in other statements."""
    parts = (v for v in s.__dict__.values() if v.__class__ is tuple and v)
    return [x for part in parts for x in part if isinstance(x, m.Statement)]


def statements_in(body: Sequence[m.Statement]) -> Iterator[m.Statement]:
    """All statements of a body, those inside loops and branches too."""
    for s in body:
        yield s
        yield from statements_in(inside(s))


def bound_in(body: Sequence[m.Statement]) -> Iterator[str]:
    """The locals and dims that a body binds."""
    for s in statements_in(body):
        if (target := getattr(s, "target", None)) is not None:
            yield from target_names(target)
        yield from (d.name.lstrip("*") for d in getattr(s, "dims", ()))
