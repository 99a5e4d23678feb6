"""A file as pieces, a definition each: what is typed in one leaves the trees of the others as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from spec_lang.diagnostics import Diagnostic, Source
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse

_SCAN = re.compile(
    r"^(?P<word>[^\W\d])"
    r"|#[^\n]*"
    r'|"{3}(?:[^\\]|\\.)*?"{3}|\'{3}(?:[^\\]|\\.)*?\'{3}'
    r'|"{3}[\s\S]*|\'{3}[\s\S]*'
    r"|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?",
    re.MULTILINE | re.DOTALL,
)


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
    def comments(self) -> tuple[ast.Comment, ...]:
        self.read()
        module: ast.Module | None = self.__dict__["known"][1]
        return () if module is None else module.comments

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
            module, wrong = parse(self.source)
            if module is None or wrong:
                return None, wrong
            return module, []  # a line inside brackets began like a definition
        doc = self.pieces[0][1].doc
        span = definitions[0].span  # type: ignore[union-attr]  # none of them is None
        return ast.Module(span, self.source, doc, tuple(definitions)), []  # type: ignore[arg-type]  # as above

    def definitions(self) -> Iterator[ast.Definition]:
        """What can be read of it, in order."""
        if self.tree is not None:
            yield from self.tree.definitions
            return
        for _, piece in self.pieces:
            if (found := piece.read()) is not None:
                yield found

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
