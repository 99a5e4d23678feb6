"""Diagnostics for tools: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable

from spec_lang.diagnostics.diagnostic import Diagnostic, Label
from spec_lang.diagnostics.render import ordered


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """One object a diagnostic and line: places count from 1, ends are exclusive."""
    return "".join(json.dumps(_object(d), ensure_ascii=False) + "\n" for d in ordered(diagnostics))


def _object(d: Diagnostic) -> dict[str, object]:
    return {
        "code": d.code,
        "severity": d.severity,
        "message": d.message,
        **_place(d.primary),
        "labels": [{**_place(label), "text": label.text} for label in (d.primary, *d.labels) if label.text],
        "notes": list(d.notes),
        "help": d.help,
        "fixes": [
            {
                "title": fix.title,
                "safe": fix.safe,
                "edits": [{**_place(Label(e.source, e.span)), "text": e.text} for e in fix.edits],
            }
            for fix in d.fixes
        ],
    }


def _place(label: Label) -> dict[str, object]:
    start = label.source.position(label.span.start)
    end = label.source.position(label.span.end)
    return {
        "file": label.source.name,
        "line": start.line,
        "column": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }
