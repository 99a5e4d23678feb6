"""Lines of a source with markers under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import category, combining, east_asian_width

from spec_lang.diagnostics.source import Source, Span

TAB = 4
CUT = "..."
LONGEST = 2000
"""Characters of a message that are shown."""


class Marker(NamedTuple):
    """A place with a few words; the primary one is drawn with `^`, others with `-`."""

    span: Span
    text: str
    primary: bool


class Row(NamedTuple):
    """One line of an excerpt: a source line with its number, or markers without."""

    number: int | None
    text: str
    primary: bool = False


class Mark(NamedTuple):
    """A marker on one line, in characters of that line."""

    start: int
    end: int
    text: str
    primary: bool


def printable(text: str) -> str:
    """Text that is safe to print: control characters (a terminal would obey them) are replaced."""
    if text.isprintable():
        return text
    return "".join(char if char == "\n" or not _unsafe(char) else "\ufffd" for char in text)


def brief(text: str) -> str:
    """Text without its middle where it is too long to be read: names may be as long as a file."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} {CUT} {text[-LONGEST // 4 :]}"


def _unsafe(char: str) -> bool:
    return category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def excerpt(source: Source, markers: Sequence[Marker], width: int) -> list[Row]:
    """The lines that markers stand on, in order, each with its markers below."""
    by_line: dict[int, list[Mark]] = {}
    for marker in markers:
        for line, mark in _marks(source, marker):
            by_line.setdefault(line, []).append(mark)
    rows: list[Row] = []
    for number in sorted(by_line):
        text = source.line(number).rstrip("\r\n")
        rows += _line(number, text, by_line[number], width)
    return rows


def _marks(source: Source, marker: Marker) -> list[tuple[int, Mark]]:
    """A span on one line is one mark; one over several lines marks its first and its last."""
    first = source.position(marker.span.start)
    last = source.position(max(marker.span.start, marker.span.end - 1))
    start = first.column - 1
    if first.line == last.line:
        end = start + max(1, marker.span.end - marker.span.start)
        return [(first.line, Mark(start, end, marker.text, marker.primary))]
    head = source.line(first.line)
    tail = source.line(last.line)
    begin = len(tail) - len(tail.lstrip())
    return [
        (first.line, Mark(start, max(len(head.rstrip()), start + 1), "", marker.primary)),
        (last.line, Mark(min(begin, last.column - 1), last.column, marker.text, marker.primary)),
    ]


def _line(number: int, text: str, marks: list[Mark], width: int) -> list[Row]:
    marks = sorted(marks, key=lambda mark: (mark.start, not mark.primary))
    primary = next((mark for mark in marks if mark.primary), marks[0])
    left = max(0, primary.start - 2 * width)  # no more of a line of megabytes than can be shown
    text = text[left : primary.start + 2 * width]
    marks = [mark._replace(start=max(0, mark.start - left), end=max(1, mark.end - left)) for mark in marks]
    shown, columns = _expand(text)
    places = [
        Mark(
            _column(columns, mark.start),
            max(_column(columns, mark.end), _column(columns, mark.start) + 1),
            mark.text,
            mark.primary,
        )
        for mark in marks
    ]
    shown, shift = _cut(shown, places, width)
    places = [
        mark._replace(start=max(0, mark.start - shift), end=max(1, mark.end - shift)) for mark in places
    ]
    return [Row(number, shown), *_markers(places, width)]


def _expand(text: str) -> tuple[str, list[int]]:
    """The text as it is shown, and the display column of each of its characters and of its end."""
    shown: list[str] = []
    columns: list[int] = []
    column = 0
    for char in text:
        columns.append(column)
        if char == "\t":
            step = TAB - column % TAB
            shown.append(" " * step)
        elif combining(char):
            step = 0
            shown.append(char)
        elif _unsafe(char):
            step = 1
            shown.append("\ufffd")
        else:
            step = 2 if east_asian_width(char) in "WF" else 1
            shown.append(char)
        column += step
    columns.append(column)
    return "".join(shown), columns


def _column(columns: list[int], index: int) -> int:
    last = len(columns) - 1
    return columns[index] if index <= last else columns[last] + index - last


def _cut(text: str, marks: list[Mark], width: int) -> tuple[str, int]:
    """A part of a long line around its markers, and how far it is moved to the left."""
    if len(text) <= width:
        return text, 0
    primary = next((mark for mark in marks if mark.primary), marks[0])
    start = 0 if primary.end < width - len(CUT) else max(0, primary.start - width // 3)
    end = start + width
    cut = text[start:end]
    if start:
        cut = CUT + cut[len(CUT) :]
    if end < len(text):
        cut = cut[: -len(CUT)] + CUT
    return cut, start


def _markers(marks: list[Mark], width: int) -> list[Row]:
    """One line of carets, the last label beside it, the others below, each under its place."""
    marks = [mark for mark in marks if mark.start < width]
    line: list[str] = []
    for mark in sorted(marks, key=lambda mark: mark.primary):
        end = min(mark.end, max(width, mark.start + 1))
        line += " " * (end - len(line))
        line[mark.start : end] = ("^" if mark.primary else "-") * (end - mark.start)
    labelled = [mark for mark in marks if mark.text]
    under = "".join(line)
    if labelled and labelled[-1].start >= max(mark.start for mark in marks):
        under += f" {labelled.pop().text}"
    primary = any(mark.primary for mark in marks)
    rows = [Row(None, under, primary)]
    while labelled:
        mark = labelled.pop()
        lead = ""
        for other in labelled:
            if other.start < mark.start:
                lead = f"{lead:<{other.start}}|"
        rows.append(Row(None, f"{lead:<{mark.start}}{mark.text}", mark.primary))
    return rows
