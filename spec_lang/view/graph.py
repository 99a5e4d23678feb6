"""The graph of one method of a model: what is drawn, before anybody says where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from spec_lang.accounting.counts import Count
from spec_lang.ir.model import Span
from spec_lang.shapes import Dim

Kind = Literal[
    "input", "output", "layer", "op", "tensor", "choice", "block", "list", "loop", "function", "branch"
]
"""What a node is; from `block` on, a box that holds others."""
GROUPS = frozenset(("block", "list", "loop", "function", "branch"))


@dataclass
class Node:
    """A box of the picture.

    Attributes:
        title: What it is called in its place: `conv1`, `relu`, `+`.
        detail: What it is: `Conv2d(3, 64, 7, stride=2)`.
        family: The family of ops that it is of (`convolution`), which gives its colour; empty for groups.
        path: The module's path in the model, as in the state_dict; of a group that stands for several, the first's.
        parent: The group that it stands in.
        file: The index of its file among the program's.
        span: Where it is written there.
        count: How many equal ones in a row it stands for.
        parameters: What one of them has learned numbers, those of its layers included.
        notes: What else to know, a sentence each: shared layers, tied parameters, branches not taken.
        change: In a comparison: `added`, `removed` or `changed`.
        flops: The FLOPs of the products of matrices in one of them; None where that is no number for all calls.
        times: How often a loop runs whose count only a call tells; None for all other nodes.
        open: Whether it is one of two ways of which a call takes one.
        exact: All that it is made with, uncut: what tells it from others that look alike. Not part of the picture.
    """

    id: int
    kind: Kind
    title: str
    detail: str = ""
    family: str = ""
    path: str = ""
    parent: int | None = None
    file: int = 0
    span: Span | None = None
    count: int = 1
    parameters: int = 0
    notes: list[str] = field(default_factory=list)
    change: str = ""
    flops: Count = 0
    times: Dim | None = None
    open: bool = False
    exact: str = ""

    @property
    def is_group(self) -> bool:
        return self.kind in GROUPS


@dataclass(eq=False)
class Edge:
    """A tensor on its way from the node that makes it, at the place `port` among its results, to one that takes it.

    Attributes:
        type: Its type with the model's values: `float[N, T, 768]`.
        names: Its type in the names of the block where it is taken, where that says more: `float[N, T, dim]`.
        label: What the way is: a condition's branch, or nothing.
        change: In a comparison: `added`, `removed` or `changed`.
    """

    source: int
    port: int
    target: int
    type: str
    names: str = ""
    label: str = ""
    change: str = ""


@dataclass
class Graph:
    """One method of a model; nodes stand in the order in which they run, groups before what they hold.

    Attributes:
        parameters: The learned numbers of the model, shared ones once.
        flops: The FLOPs of the method's products of matrices.
        dims: The names of the dims of its inputs.
    """

    model: str
    method: str
    nodes: dict[int, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    parameters: int = 0
    flops: Count = 0
    dims: set[str] = field(default_factory=set)

    def children(self, parent: int | None) -> Iterator[Node]:
        """The nodes that stand in a group, or in none."""
        return (n for n in self.nodes.values() if n.parent == parent)

    def above(self, id: int | None) -> Iterator[int]:
        """The groups around a node, itself first."""
        while id is not None:
            yield id
            id = self.nodes[id].parent

    def remove(self, gone: set[int]) -> None:
        """Take nodes away, with the edges at them."""
        for id in gone:
            del self.nodes[id]
        self.edges = [e for e in self.edges if e.source not in gone and e.target not in gone]
