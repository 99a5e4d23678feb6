"""What is noted about each node of a definition, for the IR and for messages."""

from __future__ import annotations

from spec_lang.ir.from_ast.state.place import Item
from spec_lang.ir.from_ast.values.value import Cell, Maybe, Value


class Notes:
    """Tables by node; `Effects.note` writes them."""

    __slots__ = (
        "calls",
        "came",
        "cells",
        "dims_bound",
        "item_of",
        "listed",
        "refs",
        "required",
        "resolved",
        "sides",
        "spread",
        "taken",
        "types",
    )

    def __init__(self) -> None:
        self.refs: dict[int, str] = {}
        """What each name is: a local, a layer, a hyperparameter, ..."""
        self.calls: dict[int, tuple[str, str]] = {}
        """What each call calls: its kind, and the name."""
        self.types: dict[int, Value] = {}
        """The value of each expression that has a type; None where that differs from time to time."""
        self.resolved: dict[int, Maybe] = {}
        """Names of what may be none."""
        self.cells: dict[int, tuple[Cell, ...]] = {}
        """By a `_`, or by the construction of a block, what the dataflow determines."""
        self.item_of: dict[Cell, tuple[Item, ...]] = {}
        """The comprehensions in which each cell was made."""
        self.listed: dict[int, bool] = {}
        """The indices of tensors that are lists."""
        self.dims_bound: dict[int, list[tuple[str, tuple[int, ...], int]]] = {}
        """The dims that an assignment's annotation binds."""
        self.required: dict[int, tuple[bool | None, str]] = {}
        """Whether a `require` is known to hold, and when it is checked."""
        self.sides: dict[int, frozenset[bool]] = {}
        """By a choice in a comprehension of layers, which of its sides the items take."""
        self.taken: dict[int, bool] = {}
        """The choices of which one side alone is written, as no item takes the other, and nothing says its sizes."""
        self.spread: dict[int, bool] = {}
        """The comprehensions whose last `for` goes over lists of layers, which they spread."""
        self.came: dict[int, tuple[Value, Value, str]] = {}
        """By a tensor's identity: itself, what it came from, and through what."""
