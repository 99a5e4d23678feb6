"""Steps in a row that do the same are drawn once, with their count: runs of a loop's body, and modules of a list.

Two steps do the same where their nodes and edges are equal one by one, but for fractions in what they say (a rate that
grows with depth), and each tensor from outside is either the same in both or, in the later one, what the earlier one gave:
what is carried. Nothing else may still be read of what the earlier one gave, since it is drawn no more. Pairs of steps are
held to the pair before them likewise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field

from spec_lang.view.drawing import Drawing
from spec_lang.view.graph import Edge, Node

PERIODS = (1, 2)
"""How many steps in a row may be what is repeated."""
_NUMBER = r"\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)"
_FRACTION = re.compile(rf"(?<![\w.]){_NUMBER}(?: … {_NUMBER})?")


@dataclass
class Step:
    """What one step drew.

    Attributes:
        nodes: Its nodes, in order.
        top: Those that stand in no box of the step's own.
        edges: What its nodes take.
        count: How many steps it stands for.
        labels: What the first and the last one of them are called.
        repeat: The pair that it belongs to, where that stands for several.
    """

    nodes: list[Node]
    top: list[Node]
    edges: list[Edge]
    count: int
    labels: tuple[str, str]
    repeat: Repeat | None = None


@dataclass
class Repeat:
    """A pair of steps that stands for several."""

    steps: Sequence[Step]
    count: int = 1
    last: list[str] = field(default_factory=list)


class _Unit:
    """Steps that are compared as one."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.nodes = [n for s in steps for n in s.nodes]
        self.place = {n.id: i for i, n in enumerate(self.nodes)}
        self.edges = [e for s in steps for e in s.edges]
        self.outside = [e for e in self.edges if e.source not in self.place]

    def form(self) -> list[object]:
        """What it does, whatever flows in from outside."""
        found: list[object] = [(s.count if len(self.steps) > 1 else 0, len(s.nodes)) for s in self.steps]
        found += [
            (n.kind, _FRACTION.sub("·", n.exact), n.family, n.count, n.parameters, self._at(n.parent))
            for n in self.nodes
        ]
        found += [
            (self._at(e.source), e.port if e.source in self.place else None, self._at(e.target), e.type)
            for e in self.edges
        ]
        return found

    def _at(self, id: int | None) -> int | None:
        return None if id is None else self.place.get(id)

    def carried(self, before: _Unit) -> list[tuple[int, int] | None] | None:
        """Which of its tensors from outside are results of the unit before it, by their places; None where one is neither
        that nor what that unit takes too."""
        found: list[tuple[int, int] | None] = []
        for mine, other in zip(self.outside, before.outside, strict=True):
            if mine.source in before.place:
                found.append((before.place[mine.source], mine.port))
            elif (mine.source, mine.port) == (other.source, other.port):
                found.append(None)
            else:
                return None
        return found if any(found) else None


class Fold:
    """The steps of one row so far."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self._steps: list[Step] = []
        self._details: dict[int, str] = {}
        """What the nodes of the first of equal steps said."""
        self._carried: dict[tuple[int, int], list[tuple[int, int] | None]] = {}
        """What later units take from the one before, by the node that begins the one that is drawn, and its steps."""

    def ended(
        self, first: int, alive: Set[int], count: int = 1, labels: tuple[str, str] = ("", "")
    ) -> dict[int, int]:
        """Take the step that the nodes from `first` on are, which stands for `count`.

        Where it is drawn already, gives which node stands for each of its own. `alive` are the nodes whose results have
        names behind the step.
        """
        nodes = self._drawing.since(first)
        if not nodes:
            return {}
        edges: list[Edge] = []
        for e in reversed(self._drawing.graph.edges):
            if e.target < first:
                break
            edges.append(e)
        top = [n for n in nodes if n.parent == self._drawing.parent]
        self._steps.append(Step(nodes, top, edges[::-1], count, labels))
        for period in PERIODS:
            renamed = self._folded(period, alive)
            if renamed:
                return renamed
        return {}

    def _folded(self, period: int, alive: Set[int]) -> dict[int, int]:
        steps = self._steps
        if len(steps) < 2 * period:
            return {}
        before, last = _Unit(steps[-2 * period : -period]), _Unit(steps[-period:])
        repeat = before.steps[0].repeat
        if any(s.repeat is not repeat for s in before.steps) or any(s.repeat for s in last.steps):
            return {}
        if repeat is not None and period == 1:
            return {}
        if not alive.isdisjoint(before.place) or before.form() != last.form():
            return {}
        carried = last.carried(before)
        begins = before.nodes[0].id, period
        if carried is None or self._carried.setdefault(begins, carried) != carried:
            return {}
        for mine, other in zip(before.nodes, last.nodes, strict=True):
            mine.detail = _ranged(self._details.setdefault(mine.id, mine.detail), other.detail)
        if period == 1:
            before.steps[0].count += last.steps[0].count
            before.steps[0].labels = (before.steps[0].labels[0], last.steps[0].labels[1])
        else:
            made = repeat or Repeat(before.steps)
            made.count += 1
            made.last = [s.labels[1] for s in last.steps]
            for s in before.steps:
                s.repeat = made
        renamed = {n.id: m.id for n, m in zip(last.nodes, before.nodes, strict=True)}
        self._drawing.graph.remove(set(renamed))
        del steps[-period:]
        return renamed

    def close(self, boxed: Callable[[], Node]) -> None:
        """Say the counts; around what is repeated and is more than one node, a box that `boxed` makes."""
        around: dict[int, Node] = {}
        for s in self._steps:
            if s.count > 1:
                self._counted(s.top, s.count, _label(s.labels), boxed, around)
        for repeat in {id(s.repeat): s.repeat for s in self._steps if s.repeat}.values():
            top = list(
                dict.fromkeys(
                    around[n.id].id if n.id in around else n.id for s in repeat.steps for n in s.top
                )
            )
            nodes = self._drawing.graph.nodes | {n.id: n for n in around.values()}
            firsts, lasts = [s.labels[0] for s in repeat.steps], repeat.last
            label = f"{_listed(firsts)} … {_listed(lasts, short=True)}" if lasts[0] else ""
            self._counted([nodes[i] for i in top], repeat.count, label, boxed, around)
        if around:
            self._placed(around)

    def _counted(
        self,
        top: Sequence[Node],
        count: int,
        label: str,
        boxed: Callable[[], Node],
        around: dict[int, Node],
    ) -> None:
        if len(top) == 1:
            top[0].count *= count
            top[0].title = label or top[0].title
            return
        box = boxed()
        box.count, box.title = count, label or box.title
        for n in top:
            n.parent = box.id
            around[n.id] = box

    def _placed(self, around: dict[int, Node]) -> None:
        """Put the new boxes before what they hold."""
        nodes = self._drawing.graph.nodes
        boxes = {b.id for b in around.values()}
        before: dict[int, Node] = {}

        def put(n: Node) -> None:
            if n.parent in boxes and n.parent not in before:
                put(around[n.id])
            before[n.id] = n

        for n in nodes.values():
            if n.id not in boxes:
                put(n)
        nodes.clear()
        nodes.update(before)


def _label(labels: tuple[str, str]) -> str:
    return f"{labels[0]} … {_item(labels[1])}" if labels[0] else ""


def _listed(labels: Sequence[str], short: bool = False) -> str:
    first = _item(labels[0]) if short else labels[0]
    return ", ".join([first, *map(_item, labels[1:])])


def _item(label: str) -> str:
    return label.rpartition(".")[2]


def _ranged(first: str, last: str) -> str:
    """A text with the fractions in it from one to the other; both, where one of them leaves some out."""
    if first == last:
        return first
    if _FRACTION.sub("·", first) != _FRACTION.sub("·", last):
        return f"{first} … {last}"
    ends = iter(_FRACTION.findall(last))

    def both(found: re.Match[str]) -> str:
        low, high = found[0].split(" … ")[0], next(ends).split(" … ")[-1]
        return low if low == high else f"{low} … {high}"

    return _FRACTION.sub(both, first)
