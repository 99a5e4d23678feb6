"""Where a name is defined, and where it is used, across the files of a project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from spec_lang.diagnostics import Span
from spec_lang.lsp.diagnostics import uri_of
from spec_lang.lsp.names import Names, Occurrence, Symbol
from spec_lang.lsp.pieces import Text
from spec_lang.lsp.positions import Positions
from spec_lang.lsp.project import Buffers, all_texts, names_of
from spec_lang.lsp.view import View
from spec_lang.syntax import ast


def at(view: View, names: Names, offset: int) -> Occurrence | None:
    """The name at an offset."""
    definition = view.definition_at(offset)
    if definition is None:
        return None
    place = offset - view.text.start_of(definition)
    found = names.occurrences(definition, view.checked.get(definition))
    return next((o for o in found if o.span.start <= place <= o.span.end), None)


def definition(view: View, names: Names, offset: int) -> list[types.Location]:
    """Where the name at an offset is first bound; an import leads to the file that it is from."""
    found = at(view, names, offset)
    if found is None or found.symbol.kind == "library":
        return _module(view, names, offset)
    symbol = found.symbol
    text = next((t for t in view.texts.values() if t.source.name == symbol.file), None)
    if text is None:
        return []
    there = names if text is view.text else Names(text, {})
    places = [(span, binds) for span, each, binds in places_of(text, there, view) if each == symbol]
    counted = Positions(text.source, view.encoding)
    bound = [span for span, binds in places if binds] or [span for span, _ in places]
    return [types.Location(uri_of(symbol.file), counted.span(span)) for span in bound[:1]]


def _module(view: View, names: Names, offset: int) -> list[types.Location]:
    """The file of an import's module."""
    node = view.definition_at(offset)
    if not isinstance(node, ast.Import):
        return []
    there = next((names.globals.get((i.alias or i.name).id) for i in node.names), None)
    start = types.Position(0, 0)
    return [] if there is None else [types.Location(uri_of(there.file), types.Range(start, start))]


def places_of(text: Text, names: Names, view: View | None = None) -> Iterator[tuple[Span, Symbol, bool]]:
    """Each name of a file with its place in the whole of it."""
    for node in text.definitions():
        start = text.start_of(node)
        checked = None if view is None else view.checked.get(node)
        for o in names.occurrences(node, checked):
            yield Span(start + o.span.start, start + o.span.end), o.symbol, o.binds


def uses(view: View, root: Path, buffers: Buffers, symbol: Symbol) -> Iterator[tuple[Text, Span, bool]]:
    """Every place of the project where a name stands for this."""
    known = dict(view.texts)
    texts = list(all_texts(root, buffers, known, symbol.name))
    if symbol.kind in ("local", "loop", "let", "member", "method", "dim"):
        texts = [t for t in texts if t.source.name == symbol.file]
    for text in texts:
        names = names_of(text, root, known | {t.source.name: t for t in texts})
        for span, each, binds in places_of(text, names, view):
            if each == symbol:
                yield text, span, binds


def references(
    view: View, root: Path, buffers: Buffers, symbol: Symbol, declared: bool
) -> list[types.Location]:
    """The places where a name stands, with that of its definition if it is `declared`."""
    found: list[types.Location] = []
    for text, span, binds in uses(view, root, buffers, symbol):
        if declared or not binds:
            counted = Positions(text.source, view.encoding)
            found.append(types.Location(uri_of(text.source.name), counted.span(span)))
    return found
