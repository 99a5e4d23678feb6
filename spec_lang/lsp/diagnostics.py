"""Diagnostics as editors show them, each in the file that it is about."""

from __future__ import annotations

from lsprotocol import types

from spec_lang.diagnostics import Diagnostic
from spec_lang.lsp.view import View

SOURCE = "specc"


def published(view: View) -> dict[str, list[types.Diagnostic]]:
    """The diagnostics of a view by the names of files; a file without any has an empty list."""
    found: dict[str, list[types.Diagnostic]] = {name: [] for name in view.texts}
    for diagnostic in view.diagnostics:
        name = diagnostic.primary.source.name
        found.setdefault(name, []).append(shown(view, diagnostic))
    return found


def shown(view: View, diagnostic: Diagnostic) -> types.Diagnostic:
    place = view.positions_of(diagnostic.primary.source)
    nowhere = types.Range(types.Position(0, 0), types.Position(0, 0))
    related: list[types.DiagnosticRelatedInformation] = []
    for label in diagnostic.labels:
        where = view.positions_of(label.source)
        if where is not None and label.text:
            counted, start = where
            uri = uri_of(label.source.name)
            location = types.Location(uri, counted.span(label.span, start))
            related.append(types.DiagnosticRelatedInformation(location, label.text))
    lines = [diagnostic.message, *(f"note: {n}" for n in diagnostic.notes)]
    lines += [] if diagnostic.help is None else [f"help: {diagnostic.help}"]
    return types.Diagnostic(
        range=nowhere if place is None else place[0].span(diagnostic.primary.span, place[1]),
        message="\n".join(lines),
        severity=(
            types.DiagnosticSeverity.Error
            if diagnostic.severity == "error"
            else types.DiagnosticSeverity.Warning
        ),
        code=diagnostic.code,
        source=SOURCE,
        related_information=related or None,
    )


def uri_of(name: str) -> str:
    """The address of a file; an editor's own address of what is no file is as it is."""
    from pygls.uris import from_fs_path

    return name if ":" in name.split("/")[0] and not name.startswith("/") else from_fs_path(name) or name
