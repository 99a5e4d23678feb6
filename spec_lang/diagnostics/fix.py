"""Mending as data: what to write where, for tools that offer it and commands that apply it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spec_lang.diagnostics.source import Source, Span
from spec_lang.frozen import Frozen, Record


class Edit(Record):
    """Text that takes the place of a range of one source; an empty range inserts, an empty text deletes."""

    source: Source
    span: Span
    text: str


class Fix(Frozen):
    """One way to mend a mistake; where a diagnostic has several, one of them is meant.

    Attributes:
        title: What it does, in the imperative, such as ``"write `Conv2d`"``.
        edits: In one or more places that do not overlap.
        safe: Whether the author cannot have meant anything else, so that it may be applied unseen.
    """

    title: str
    edits: tuple[Edit, ...]
    safe: bool = False


class Instead(str):
    """A help that is one edit: what stands in place of what the diagnostic marks.

    Attributes:
        text: It.
        of: What it replaces, where that is a word: the diagnostic must mark it alone, or in quotes.
        safe: As that of a `Fix`.
    """

    text: str
    of: str
    safe: bool

    def __new__(cls, words: str, text: str = "", of: str = "", safe: bool = True) -> Instead:
        made = super().__new__(cls, words)
        made.text, made.of, made.safe = text, of, safe
        return made

    def fix(self, source: Source, span: Span) -> Fix | None:
        """The edit at the place that a diagnostic marks, where that is what is to be replaced."""
        text, marked = self.text, source.at(span)
        if self.of and marked != self.of:
            if marked[1:-1] != self.of or marked[:1] not in ("'", '"'):
                return None
            text = f"{marked[0]}{text}{marked[-1]}"
        title = f"write `{text}`" if text else f"delete `{marked}`"
        return Fix(title, (Edit(source, span, text),), self.safe)


def instead(text: str, of: str = "", safe: bool = True) -> Instead:
    """The help "write `text`"."""
    return Instead(f"write `{text}`", text, of, safe)


def applied(source: Source, fixes: Iterable[Fix]) -> tuple[str, list[Fix]]:
    """A source's text with fixes applied, and which: those that overlap an earlier one, or change another source, are not."""
    taken: list[Edit] = []
    used: list[Fix] = []
    for fix in fixes:
        if all(e.source.name == source.name for e in fix.edits) and not _overlap(fix.edits, taken):
            taken += fix.edits
            used.append(fix)
    text = source.text
    for _, edit in sorted(enumerate(taken), key=lambda pair: (pair[1].span, pair[0]), reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text, used


def _overlap(edits: Sequence[Edit], taken: Sequence[Edit]) -> bool:
    """Whether two edits touch the same characters; insertions at one place do not."""
    return any(
        (a.span.start < b.span.end and b.span.start < a.span.end) or a == b for a in edits for b in taken
    )
