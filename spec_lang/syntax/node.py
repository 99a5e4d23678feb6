"""The base of syntax nodes."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from spec_lang.diagnostics import Source, Span
from spec_lang.frozen import Frozen


class Node(Frozen):
    """A node of the tree; `span` is where it was written.

    Attributes:
        number: Its place in lists about the nodes of its definition, no field: two nodes of one definition have
            two numbers, from 0 up, and a node's is greater than those of the nodes below it. A node that was not
            parsed has -1.
    """

    number: ClassVar[int] = -1

    span: Span

    def replace(self, **changes: Any) -> Self:
        """A copy with other values in some fields, which stands for this node and has its number."""
        copy = super().replace(**changes)
        own = self.__dict__
        copy.__dict__.update({name: own[name] for name in ("number", "numbers", "source") if name in own})
        return copy


class DefinitionNode(Node):
    """The base of definitions.

    Attributes:
        numbers: The length of a list that the numbers of its nodes are places in, no field.
        source: The text that its spans are places in, where that is a part of its file, no field.
    """

    numbers: ClassVar[int] = 0
    source: ClassVar[Source | None] = None
