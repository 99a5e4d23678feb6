"""Diagnostics for people: the line, a caret under the place, and what to try."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spec_lang.diagnostics.diagnostic import Diagnostic, Label
from spec_lang.diagnostics.excerpt import Marker, brief, excerpt, printable
from spec_lang.diagnostics.source import Source

WIDTH = 100
_WORDS = re.compile(r"(?:`[^`]*`|\S)+")  # code in backticks is one word


class Piece(NamedTuple):
    """Text with the name of its style; "" is the plain one."""

    text: str
    style: str = ""


Line = list[Piece]


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By file and place, each once."""
    seen: dict[tuple[str, int, int, str, str], Diagnostic] = {}
    for d in diagnostics:
        span = d.primary.span
        seen.setdefault((d.primary.source.name, span.start, span.end, d.code, d.message), d)
    return [seen[key] for key in sorted(seen)]


def render(diagnostics: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """All diagnostics, in order, with the number of errors at the end; "" if there are none."""
    items = ordered(diagnostics)
    if not items:
        return ""
    lines: list[Line] = []
    for item in items:
        lines += [*_diagnostic(item), []]
    lines.append([Piece(summary(items), "bold")])
    if colour:
        return _coloured(lines)
    return "".join("".join(piece.text for piece in line).rstrip() + "\n" for line in lines)


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """`3 errors`, `1 error, 2 warnings`."""
    counts = [
        (sum(d.severity == severity for d in diagnostics), severity) for severity in ("error", "warning")
    ]
    return ", ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n) or "no errors"


def _diagnostic(d: Diagnostic) -> list[Line]:
    severity = "red" if d.severity == "error" else "yellow"
    head = Piece(f"{d.severity}[{d.code}]", f"bold {severity}")
    lines: list[Line] = [[head, Piece(f": {brief(printable(d.message))}", "bold")]]
    groups = _by_source(d)
    last = max(
        source.position(max(label.span.start, label.span.end - 1)).line
        for source, labels in groups
        for label in labels
    )
    gutter = len(str(last))
    for number, (source, labels) in enumerate(groups):
        at = source.position(labels[0].span.start)
        arrow = "-->" if number == 0 else ":::"
        # A file of weights has neither text nor lines.
        place = f":{at.line}:{at.column}" if source.text or source.lines else ""
        lines.append([Piece(" " * gutter + arrow, "blue"), Piece(f" {brief(printable(source.name))}{place}")])
        if not source.text:
            continue
        lines.append([Piece(" " * gutter + " |", "blue")])
        markers = [Marker(label.span, brief(printable(label.text)), label is d.primary) for label in labels]
        for row in excerpt(source, markers, WIDTH - gutter - 3):
            number_text = f"{row.number or '':>{gutter}} |"
            style = severity if row.primary else "blue"
            lines.append(
                [Piece(number_text, "blue"), Piece(f" {row.text}", style if row.number is None else "")]
            )
    for note in d.notes:
        lines += _note(gutter, "", note)
    if d.help is not None:
        lines += _note(gutter, "help: ", d.help)
    return lines


def _by_source(d: Diagnostic) -> list[tuple[Source, list[Label]]]:
    """The labels of each source: the primary one's first, and itself first there."""
    groups: list[tuple[Source, list[Label]]] = [(d.primary.source, [d.primary])]
    for label in d.labels:
        for source, labels in groups:
            if source is label.source:
                labels.append(label)
                break
        else:
            groups.append((label.source, [label]))
    return groups


def _note(gutter: int, kind: str, text: str) -> list[Line]:
    lead = " " * gutter + " = "
    rows = [
        row
        for part in brief(kind + text).splitlines()
        for row in _wrapped(printable(part), WIDTH - len(lead))
    ]
    lines: list[Line] = []
    for number, row in enumerate(rows):
        start = Piece(lead if number == 0 else " " * len(lead), "blue")
        if number == 0 and kind:
            lines.append([start, Piece(kind, "bold"), Piece(row[len(kind) :])])
        else:
            lines.append([start, Piece(row)])
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """Break a long text between words; a chain of arrows breaks before an arrow."""
    if len(text) <= width:
        return [text]
    chain = text.count(" -> ") > 2
    words = text.split(" -> ") if chain else _WORDS.findall(text)
    glue = " -> " if chain else " "
    rows: list[str] = []
    row = words[0]
    for word in words[1:]:
        if len(row) + len(glue) + len(word) <= width:
            row += glue + word
        else:
            rows.append(row)
            row = f"-> {word}" if chain else word
    return [*rows, row]


def _coloured(lines: list[Line]) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    console = Console(
        file=StringIO(), force_terminal=True, color_system="standard", width=10_000, highlight=False
    )
    with console.capture() as capture:
        for line in lines:
            console.print(Text.assemble(*((piece.text, piece.style) for piece in line)), soft_wrap=True)
    return capture.get()
