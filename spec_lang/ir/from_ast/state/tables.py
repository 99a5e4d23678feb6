"""The tables of one definition: they grow while it is checked, and nothing in them is undone."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.values.value import (
    Carried,
    Cell,
    Iteration,
    Mapped,
    Owed,
    RepeatModule,
    Summary,
    Value,
)
from spec_lang.shapes import Dim, Facts, Pack, Truth, symbol
from spec_lang.syntax import ast


class Symbols:
    """The symbols that were made."""

    __slots__ = ("authors", "dynamic", "taken")

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.authors: dict[str, str] = {}
        """What symbols would be called if that were not taken."""
        self.dynamic: set[str] = set()
        """Symbols that stand for no expression."""


class Running:
    """What loops have made symbols of."""

    __slots__ = (
        "apart",
        "carried",
        "cells",
        "counters",
        "elements",
        "formulas",
        "heads",
        "indices",
        "lasts",
        "loops",
        "names",
        "owners",
        "places",
        "ran",
        "repeats",
        "unknown",
    )

    def __init__(self) -> None:
        self.unknown: set[str] = set()
        """Sizes of which nothing says more than that each is one, and functions that give them by an index."""
        self.carried: dict[str, Carried] = {}
        """Running sizes by their symbol."""
        self.apart: dict[tuple[str, Dim], dict[str, Dim]] = {}
        """By a list of layers and an index, the symbols of that item's own of what no formula gives."""
        self.lasts: dict[str, Dim] = {}
        """What running sizes are behind the loop, where a formula tells that."""
        self.loops: dict[str, Iteration] = {}
        """The loop that each symbol of an element, and of what counts it, is gone through by."""
        self.heads: dict[str, Iteration] = {}
        """The loops at whose heads a changing size is a symbol."""
        self.counters: set[str] = set()
        """The symbols that count iterations."""
        self.elements: set[str] = set()
        """Symbols of elements that no formula in an index gives."""
        self.formulas: dict[str, tuple[str, Dim]] = {}
        """What counts a loop without a name of its own: the author's variable, which is a formula in it."""
        self.places: dict[str, Dim] = {}
        """What counts several loops as one, by what counts each of them."""
        self.names: dict[str, tuple[str, Dim, int]] = {}
        """Symbols of loops: the author's variable, which is the symbol by a known factor plus an offset."""
        self.indices: dict[str, Dim] = {}
        """The indices of lists of layers by their names."""
        self.repeats: dict[str, RepeatModule] = {}
        """The lists of layers by the names of their indices."""
        self.owners: dict[ast.Comprehension, Dim] = {}
        """The index of each comprehension of layers."""
        self.ran: dict[Cell, Mapping[str, Dim]] = {}
        """By a cell, the item of each list, by the name of its index, at which it was determined last."""
        self.cells: dict[Cell, ast.Comprehension] = {}
        """The comprehension along which a cell was determined."""

    @property
    def some(self) -> frozenset[str]:
        """The symbols that stand for some size, which is another one in each iteration of what is around."""
        return frozenset(self.heads.keys() | self.carried.keys() | self.unknown)


class Block:
    """What a definition's check knows of it."""

    __slots__ = (
        "checking",
        "definition",
        "dims",
        "facts",
        "for_all",
        "free_axes",
        "given",
        "hypers",
        "lets",
        "members",
        "methods",
        "mono",
        "running",
        "stated",
        "stated_sizes",
        "summary",
        "symbols",
        "tidied",
        "tidied_for",
    )

    def __init__(self, definition: Def, mono: dict[str, Value]) -> None:
        self.definition = definition
        self.mono = mono
        """Hyperparameters that have no symbol: the values that this check is made for."""
        self.hypers: dict[str, Value] = {}
        self.lets: dict[str, Value] = {}
        self.for_all: dict[Truth, Mapped] = {}
        """What `all` of a list says of each item."""
        self.dims: dict[str, Dim | Pack] = {}
        """The dims that inputs bind."""
        self.given: set[str] = set()
        """Inputs of methods that are floats, truths or choices."""
        self.members: dict[str, Value] = {}
        self.methods: dict[str, ast.Method] = {}
        self.facts = Facts.NONE
        """What its requirements and layers say: what every method may take to be so."""
        self.checking: list[str] = []
        """The methods that are being checked, each called by the one before it."""
        self.free_axes: dict[str, int] = {}
        """The axes of a container's input by the symbols of their sizes, where nothing says yet what those are."""
        self.stated: dict[ast.Require, list[Owed]] = {}
        """What the definition's own conditions owe."""
        self.stated_sizes: dict[int, Dim] = {}
        """What layers state about free axes."""
        self.symbols = Symbols()
        self.running = Running()
        self.summary = Summary(definition)
        self.summary.mono = mono
        self.tidied: dict[Dim, Dim] = {}
        """Sizes in plainer words, by what holds in `tidied_for`."""
        self.tidied_for = Facts.NONE

    def fresh(self, name: str, low: int | None = 1, high: int | None = None) -> Dim:
        """A symbol that no other value has, named as near to `name` as may be."""
        taken = self.symbols.taken
        wanted, n = name, 2
        while wanted in taken or wanted in self.hypers or wanted in self.dims or wanted in self.lets:
            wanted, n = f"{name}_{n}", n + 1
        taken.add(wanted)
        if wanted != name:
            self.symbols.authors[wanted] = name
        return symbol(wanted, low, high)
