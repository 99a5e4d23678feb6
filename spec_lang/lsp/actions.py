"""Code actions: the edits that mend a mistake, as its diagnostic has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lsprotocol import types

from spec_lang.diagnostics import Diagnostic, Source, Span
from spec_lang.lsp.diagnostics import shown, uri_of
from spec_lang.lsp.view import View


class Edit(Protocol):
    """Text in place of a range of a source."""

    @property
    def source(self) -> Source: ...
    @property
    def span(self) -> Span: ...
    @property
    def text(self) -> str: ...


class Fix(Protocol):
    """One way to mend a mistake."""

    @property
    def title(self) -> str: ...
    @property
    def edits(self) -> Sequence[Edit]: ...


def fixes_of(diagnostic: Diagnostic) -> Sequence[Fix]:
    """The edits that a diagnostic offers, the likeliest first; none where it has no such field."""
    found: Sequence[Fix] = getattr(diagnostic, "fixes", ())
    return found


def actions(view: View, asked: types.Range) -> list[types.CodeAction]:
    """What mends the mistakes of the file in a range."""
    found: list[types.CodeAction] = []
    for diagnostic in view.diagnostics:
        if diagnostic.primary.source not in view.text.starts:
            continue
        said = shown(view, diagnostic)
        if said.range.end < asked.start or said.range.start > asked.end:
            continue
        for number, fix in enumerate(fixes_of(diagnostic)):
            changes = _changes(view, fix)
            if changes is not None:
                found.append(
                    types.CodeAction(
                        fix.title,
                        kind=types.CodeActionKind.QuickFix,
                        diagnostics=[said],
                        is_preferred=number == 0 and getattr(fix, "safe", False),
                        edit=types.WorkspaceEdit(changes=changes),
                    )
                )
    return found


def _changes(view: View, fix: Fix) -> dict[str, list[types.TextEdit]] | None:
    """A fix as edits by file; None where one is of no file that was read."""
    changes: dict[str, list[types.TextEdit]] = {}
    for edit in fix.edits:
        place = view.positions_of(edit.source)
        if place is None:
            return None
        counted, start = place
        where = counted.span(edit.span, start)
        changes.setdefault(uri_of(edit.source.name), []).append(types.TextEdit(where, edit.text))
    return changes
