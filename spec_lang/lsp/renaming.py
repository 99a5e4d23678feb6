"""Rename, and hold the result to the checker before it is given."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Diagnostic, Source, Span
from spec_lang.ir.from_ast import Options
from spec_lang.lsp.diagnostics import uri_of
from spec_lang.lsp.names import Symbol
from spec_lang.lsp.navigation import uses
from spec_lang.lsp.positions import Positions
from spec_lang.lsp.project import Buffers
from spec_lang.lsp.view import View
from spec_lang.workspace import module_name, place_of


class Refused(Exception):
    """A name cannot be changed, and why."""


def rename(view: View, root: Path, buffers: Buffers, symbol: Symbol, new: str) -> types.WorkspaceEdit:
    """The edits that give a symbol another name wherever it stands.

    Raises:
        Refused: it is not the program's own, or the program would check otherwise.
    """
    if symbol.kind == "library":
        raise Refused(f"`{symbol.name}` is the library's, and is not renamed here")
    if not new.isidentifier():
        raise Refused(f"`{new}` is no name")
    if any(d.severity == "error" for d in view.diagnostics):
        raise Refused("a spec with mistakes is not renamed in: what its names mean is not known")
    spans: dict[str, list[Span]] = {}
    sources: dict[str, Source] = {}
    for text, span, _ in uses(view, root, buffers, symbol):
        if text.source.at(span) == symbol.name:  # an alias has a name of its own
            sources[text.source.name] = text.source
            spans.setdefault(text.source.name, []).append(span)
    changed = {name: _replaced(sources[name].text, places, new) for name, places in spans.items()}
    changes: dict[str, list[types.TextEdit]] = {}
    for name, places in spans.items():
        wrong = _difference(name, root, buffers, changed)
        if wrong is not None:
            raise Refused(f"with `{new}`, {Path(name).name} would not check: {wrong.message}")
        counted = Positions(sources[name], view.encoding)
        changes[uri_of(name)] = [types.TextEdit(counted.span(span), new) for span in sorted(set(places))]
    return types.WorkspaceEdit(changes=changes)


def _replaced(text: str, spans: list[Span], new: str) -> str:
    for span in sorted(set(spans), reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return text


def _difference(name: str, root: Path, buffers: Buffers, changed: dict[str, str]) -> Diagnostic | None:
    """A mistake that a file has with the changes and does not have without them."""
    before = _checked(name, root, buffers, {})
    known = [d.code for d in before]
    for diagnostic in _checked(name, root, buffers, changed):
        if diagnostic.code not in known:
            return diagnostic
        known.remove(diagnostic.code)
    return None


def _checked(name: str, root: Path, buffers: Buffers, changed: dict[str, str]) -> list[Diagnostic]:
    def find(module: str) -> Source | None:
        place = str(place_of(root, module))
        return Source(place, changed[place]) if place in changed else buffers.find(root, module)

    source = Source(name, changed[name]) if name in changed else buffers.source(Path(name))
    module = module_name(Path(name), root)
    return compile_sources({module: source}, find, Options(emit=False)).diagnostics
