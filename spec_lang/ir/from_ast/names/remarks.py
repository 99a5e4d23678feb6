"""Which comments stand above a statement, and which at its end."""

from __future__ import annotations

from spec_lang.diagnostics import Source
from spec_lang.syntax import ast


class Remarks:
    """The comments of one file by line."""

    def __init__(self, source: Source, comments: tuple[ast.Comment, ...]) -> None:
        self.source = source
        self.own: dict[int, str] = {}
        self.behind: dict[int, str] = {}
        for comment in comments:
            line = source.position(comment.span.start).line
            alone = not source.line(line)[: source.position(comment.span.start).column - 1].strip()
            (self.own if alone else self.behind)[line] = comment.text

    def around(self, node: object) -> tuple[tuple[str, ...], str | None]:
        """The comments on lines of their own right above a node, and the one at its end."""
        if not self.own and not self.behind:
            return (), None
        span = node.span  # type: ignore[attr-defined]  # nodes have spans
        first = self.source.position(span.start).line
        above: list[str] = []
        line = first - 1
        while line in self.own:
            above.insert(0, self.own[line])
            line -= 1
        last = self.source.position(max(span.start, span.end - 1)).line
        if getattr(node, "body", None):  # the end of its head
            last = first
        return tuple(above), self.behind.get(last)
