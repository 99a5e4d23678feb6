"""One state of an open spec, which features read: its text, its trees, what their checks came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spec_lang.diagnostics import Diagnostic, Source, Span
from spec_lang.ir.from_ast.definitions.checked import Checked
from spec_lang.ir.from_ast.values.value import Value
from spec_lang.lsp.pieces import Text
from spec_lang.lsp.positions import Positions
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import children

Trail = list[Node]
"""A definition, and each node below it that has a place in it, down to the innermost."""


class View:
    """What was known when a check had ended; nothing in it changes.

    Attributes:
        text: The file itself; `texts` has those that it imports too, by the names of their sources.
        version: The editor's number of this state of the file.
    """

    def __init__(
        self,
        name: str,
        texts: Mapping[str, Text],
        checked: Mapping[ast.Definition, Checked],
        diagnostics: list[Diagnostic],
        version: int | None,
        encoding: str,
    ) -> None:
        self.name = name
        self.texts = texts
        self.text = texts[name]
        self.checked = checked
        self.diagnostics = diagnostics
        self.version = version
        self.encoding = encoding
        self.positions = Positions(self.text.source, encoding)

    def positions_of(self, source: Source) -> tuple[Positions, int] | None:
        """How to count in the file of a source, and where in it the source starts."""
        for text in self.texts.values():
            start = text.starts.get(source)
            if start is not None:
                own = text is self.text
                return self.positions if own else Positions(text.source, self.encoding), start
        return None

    def definition_at(self, offset: int) -> ast.Definition | None:
        for node in self.text.definitions():
            start = self.text.start_of(node)
            if start + node.span.start <= offset <= start + node.span.end:
                return node
        return None

    def trail(self, offset: int) -> Trail:
        """The nodes at an offset, from the definition inwards; none outside of definitions."""
        node: Node | None = self.definition_at(offset)
        if node is None:
            return []
        place = offset - self.text.start_of(node)  # type: ignore[arg-type]  # it is a definition
        found: Trail = []
        while node is not None:
            found.append(node)
            inside = [n for n in children(node) if n.span.start <= place <= n.span.end]
            node = min(inside, key=lambda n: (n.span.end == place, len_of(n.span)), default=None)
        return found

    def value(self, definition: ast.Definition, node: Node) -> Value:
        """What the check noted that an expression gives: a tensor's type, a layer, a list; None where it noted nothing."""
        checked = self.checked.get(definition)
        return None if checked is None else checked.notes.types.get(node.number)

    def named(self, name: str) -> Checked | None:
        """What is known of the definition of this name in the file, also where its text is not readable now."""
        for node, checked in self.checked.items():
            if getattr(getattr(node, "name", None), "id", None) == name and checked.definition.file == 0:
                return checked
        return None


def len_of(span: Span) -> int:
    return span.end - span.start


def below(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of their places."""
    yield node
    for child in children(node):
        yield from below(child)
