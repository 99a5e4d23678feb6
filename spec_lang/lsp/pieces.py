"""A file as pieces, a definition each: what is typed in one leaves the trees of the others as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.limits import ERRORS
from spec_lang.syntax.tokens import is_steady

_SCAN = re.compile(
    r"^(?P<word>[^\W\d])"
    r"|#[^\n]*"
    r'|"{3}(?:[^\\]|\\.)*?"{3}|\'{3}(?:[^\\]|\\.)*?\'{3}'
    r'|"{3}[\s\S]*|\'{3}[\s\S]*'
    r"|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?",
    re.MULTILINE | re.DOTALL,
)


_BRACKETS = frozenset({"E0101", "E0107"})
"""Mistakes that make the parser look at brackets all over the file."""
_FAR = frozenset({"E0102", "E0108", "E0117", "E0118", "E0119", "E0120"})
"""Mistakes that are about a whole file, or go on to its end."""


class Piece(Source):
    """A part of a file's text that has one definition, where it can be read; its places count from its own start."""

    def read(self) -> ast.Definition | None:
        """Its definition, where it has one and no mistake of syntax."""
        known: tuple[ast.Definition | None, ast.Module | None] | None = self.__dict__.get("known")
        if known is None:
            known = self.__dict__["known"] = self._read()
        return known[0]

    @property
    def doc(self) -> ast.String | None:
        """The file's own docstring, which stands in its first piece."""
        self.read()
        module: ast.Module | None = self.__dict__["known"][1]
        return None if module is None else module.doc

    @property
    def recovered(self) -> tuple[ast.Definition, ...]:
        """Its definitions as far as the parser made something of them."""
        self.read()
        module: ast.Module | None = self.__dict__["known"][1]
        return () if module is None else module.definitions

    @property
    def comments(self) -> tuple[ast.Comment, ...]:
        self.read()
        module: ast.Module | None = self.__dict__["known"][1]
        return () if module is None else module.comments

    @property
    def is_steady(self) -> bool:
        """Whether it is read the same where a bracket is open elsewhere in its file."""
        known: bool | None = self.__dict__.get("steady")
        if known is None:
            known = self.__dict__["steady"] = self.read() is not None and is_steady(self)
        return known

    def _read(self) -> tuple[ast.Definition | None, ast.Module | None]:
        module, wrong = parse(self)
        if wrong or module is None or len(module.definitions) != 1:
            return None, module
        definition = module.definitions[0]
        definition.__dict__["source"] = self
        return definition, module


class Text:
    """One state of a file.

    Attributes:
        source: All of it.
        pieces: Its parts in order, with the offset at which each starts.
        wrong: Its mistakes of syntax; places are those of the whole file.
    """

    def __init__(self, source: Source, before: Text | None = None) -> None:
        self.source = source
        self.pieces: list[tuple[int, Piece]] = []
        known = {} if before is None else _by_text(before)
        for start, end in split(source.text):
            text = source.text[start:end]
            alike = known.get(text)
            self.pieces.append((start, alike.pop() if alike else Piece(source.name, text)))
        self.starts: Mapping[Source, int] = {piece: start for start, piece in self.pieces} | {source: 0}
        self.tree, self.wrong = self._read()

    def _read(self) -> tuple[ast.Module | None, list[Diagnostic]]:
        definitions = [piece.read() for _, piece in self.pieces]
        if not definitions or None in definitions:
            broken = [i for i, node in enumerate(definitions) if node is None]
            near = self._near(broken) if broken else None
            if near is not None:
                return None, near
            module, wrong = parse(self.source)
            if module is None or wrong:
                return None, wrong
            return module, []  # a line inside brackets began like a definition
        doc = self.pieces[0][1].doc
        span = definitions[0].span  # type: ignore[union-attr]  # none of them is None
        return ast.Module(span, self.source, doc, tuple(definitions)), []  # type: ignore[arg-type]  # as above

    def _near(self, broken: list[int]) -> list[Diagnostic] | None:
        """The mistakes of pieces that cannot be read, by these and their neighbours alone.

        None where the rest of the file may matter: a bracket that is open is looked for in all of it, a neighbour that is not
        read as before shows that a mistake goes on in it.
        """
        found: list[Diagnostic] = []
        while broken:
            first = last = broken.pop(0)
            while broken and broken[0] == last + 1:
                last = broken.pop(0)
            low, high = max(first - 1, 0), min(last + 2, len(self.pieces))
            start = self.pieces[low][0]
            end = self.pieces[high][0] if high < len(self.pieces) else len(self.source.text)
            module, wrong = parse(Source(self.source.name, self.source.text[start:end]))
            if module is None or not wrong or not _FAR.isdisjoint(d.code for d in wrong):
                return None
            if not _BRACKETS.isdisjoint(d.code for d in wrong):
                others = (p for i, (_, p) in enumerate(self.pieces) if not low <= i < high)
                if not all(p.is_steady for p in others):
                    return None
            spans = {d.span for d in module.definitions}
            for i in {low, high - 1} - set(range(first, last + 1)):
                place, piece = self.pieces[i]
                node = piece.read()
                if node is None or Span(*(at + place - start for at in node.span)) not in spans:
                    return None
            found += [_moved(d, self.source, start) for d in wrong]
        return found if len(found) < ERRORS else None

    def definitions(self) -> Iterator[ast.Definition]:
        """What can be read of it, in order."""
        if self.tree is not None:
            yield from self.tree.definitions
            return
        for _, piece in self.pieces:
            if (found := piece.read()) is not None:
                yield found

    @property
    def readable(self) -> ast.Module:
        """Its tree; of a file with mistakes, what the parser made of it, so that its imports are followed."""
        if self.tree is not None:
            return self.tree
        found = tuple(d for _, piece in self.pieces for d in piece.recovered)
        return ast.Module(Span(0, len(self.source.text)), self.source, None, found)

    def source_of(self, node: ast.Definition) -> Source:
        return node.source or self.source

    def start_of(self, node: ast.Definition) -> int:
        """Where the places of a definition's nodes count from."""
        return self.starts[self.source_of(node)]


def split(text: str) -> Iterator[tuple[int, int]]:
    """The ranges of a file that begin where a line begins with a word."""
    starts = [m.start() for m in _SCAN.finditer(text) if m.group("word")]
    if starts:
        yield from zip([0, *starts[1:]], [*starts[1:], len(text)], strict=True)


def _by_text(text: Text) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for _, piece in reversed(text.pieces):
        found.setdefault(piece.text, []).append(piece)
    return found


def _moved(diagnostic: Diagnostic, source: Source, by: int) -> Diagnostic:
    """A diagnostic of a part of a file, in the whole of it."""

    def moved(label: Label) -> Label:
        return Label(source, Span(label.span.start + by, label.span.end + by), label.text)

    return diagnostic.replace(primary=moved(diagnostic.primary), labels=tuple(map(moved, diagnostic.labels)))
