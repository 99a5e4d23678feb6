"""What a picture says of FLOPs: of each box those of all in it, as a short text."""

from __future__ import annotations

from spec_lang.accounting.counts import Count, times, total
from spec_lang.shapes import Dim
from spec_lang.view.graph import Graph, Node

LONG = 34
"""Characters of FLOPs that stand in a picture; longer ones are said when a node is chosen."""
_UNITS = (("P", 15), ("T", 12), ("G", 9), ("M", 6), ("K", 3))


def add_up(graph: Graph, parameters: int) -> None:
    """Give boxes the FLOPs of what they hold, boxes around repeated layers their parameters, and the graph its totals."""
    inside: dict[int | None, list[Node]] = {}
    for n in reversed(graph.nodes.values()):  # what a box holds stands behind it
        if n.is_group:
            held = inside.get(n.id, [])
            n.flops = times(_sum(held), 1 if n.times is None else n.times)
            if n.times is not None and isinstance(n.flops, Dim) and _steps(n) & n.flops.symbols:
                n.flops = None
            if not n.parameters and n.kind == "list":
                n.parameters = sum(h.count * h.parameters for h in held)
        inside.setdefault(n.parent, []).append(n)
    graph.parameters = parameters
    graph.flops = _sum(inside.get(None, []))


def _steps(n: Node) -> set[str]:
    """The names that a loop over an unknown number of steps gives a value."""
    return set(n.title.removeprefix("for ").partition(" in ")[0].split(", "))


def _sum(held: list[Node]) -> Count:
    """The FLOPs of nodes that follow each other; of two ways of which a call takes one, where both take as many."""
    sure = total(times(n.flops, n.count) for n in held if not n.open)
    ways = [times(n.flops, n.count) for n in held if n.open]
    if all(w == 0 for w in ways):
        return sure
    return None


def short(count: Count, long: int = LONG) -> str:
    """A count with three digits and a unit, `7.08M·N·T + 3.07K·N·T²`; what is long or not known is an empty text."""
    if count is None or count == 0:
        return ""
    text = _scaled(count) if isinstance(count, int) else " + ".join(_terms(count))
    text = text.replace("+ -", "− ")
    return text if len(text) <= long else ""


def whole(count: Count) -> str:
    """A count in full."""
    if count is None:
        return "it depends on what a call brings"
    return f"{count:,}" if isinstance(count, int) else str(count)


def _terms(count: Dim) -> list[str]:
    found = []
    for monomial, factor in sorted(count.terms.items(), key=lambda t: -abs(t[1])):
        powers = dict.fromkeys(monomial, 0)
        for atom in monomial:
            powers[atom] += 1
        atoms = [f"{Dim({(a,): 1})}{_POWERS[p] if p < len(_POWERS) else f'^{p}'}" for a, p in powers.items()]
        atoms = [f"({a})" if any(c in a for c in "+-/% ") else a for a in atoms]
        found.append("·".join([*([_scaled(factor)] if factor != 1 else []), *atoms]))
    return found


_POWERS = ("", "", "²", "³")


def _scaled(n: int) -> str:
    sign, n = ("-", -n) if n < 0 else ("", n)
    for unit, digits in _UNITS:
        if n >= 10**digits:
            value = n / 10**digits
            return f"{sign}{value:.0f}{unit}" if value >= 100 else f"{sign}{value:.3g}{unit}"
    return f"{sign}{n}"
