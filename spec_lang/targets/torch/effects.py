"""What writing leaves behind besides its lines, and how it is taken back where the lines are not used."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Growing(dict[K, V]):
    """A table to which writing only adds entries, and never removes or changes one: its size tells what it held before."""

    def shrink(self, size: int) -> None:
        """Take back what came after the first `size` entries."""
        while len(self) > size:
            self.popitem()


class Effects:
    """Everything that a piece of writing may note: the names it takes, what it imports, which sizes it needs.

    Of two ways to write something, the one that is dropped is undone.
    """

    __slots__ = ("_tables",)

    def __init__(self, *tables: Growing[Any, Any]) -> None:
        self._tables = tables

    def mark(self) -> tuple[int, ...]:
        """The present state, to return to."""
        return tuple(map(len, self._tables))

    def undo(self, mark: tuple[int, ...]) -> None:
        """Take back everything that was noted since a mark."""
        for table, size in zip(self._tables, mark, strict=True):
            table.shrink(size)
