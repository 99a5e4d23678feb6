"""Which comment belongs to which part of a tree, by place."""

from __future__ import annotations

from bisect import bisect_left

from spec_lang.syntax.ast import Module


class Comments:
    """A file's comments; each is taken once."""

    def __init__(self, module: Module) -> None:
        self.text = module.source.text
        self.starts = [comment.span.start for comment in module.comments]
        self.texts = [_spaced(comment.text) for comment in module.comments]
        self.taken = [False] * len(self.starts)

    def take(self, start: int, end: int) -> list[str]:
        """All that are left in a range, in order."""
        return [self._take(at) for at in self._between(start, end)]

    def any_in(self, start: int, end: int) -> bool:
        """Whether there is one left in a range."""
        return bool(self._between(start, end))

    def trailing(self, end: int, before: int) -> str | None:
        """The one that follows on the same line and before a place, if it is left."""
        at = bisect_left(self.starts, end)
        if (
            at == len(self.starts)
            or self.taken[at]
            or self.starts[at] >= before
            or "\n" in self.text[end : self.starts[at]]
        ):
            return None
        return self._take(at)

    def beside(self, start: int, end: int) -> str | None:
        """The last one in a range that has code before it on its line."""
        for at in reversed(self._between(start, end)):
            if self._line_before(self.starts[at]).strip():
                return self._take(at)
        return None

    def own_lines(self, start: int, end: int, column: int = -1) -> list[tuple[int, str]]:
        """Those left in a range with their places, up to the first that stands at a column or left of it."""
        found: list[tuple[int, str]] = []
        for at in self._between(start, end):
            place = self.starts[at]
            if len(self._line_before(place).expandtabs(4)) <= column:
                break
            found.append((place, self._take(at)))
        return found

    def blank_before(self, place: int) -> bool:
        """Whether an empty line stands above the line of a place."""
        line = self.text.rfind("\n", 0, place)
        above = self.text.rfind("\n", 0, max(line, 0))
        return line > 0 and not self.text[above + 1 : line].strip()

    def blank_between(self, start: int, end: int) -> bool:
        """Whether an empty line stands between two places."""
        lines = self.text[start:end].split("\n")
        return any(not line.strip() for line in lines[1:-1])

    def column(self, place: int) -> int:
        """The column of a place, from 0."""
        return len(self._line_before(place).expandtabs(4))

    def _line_before(self, place: int) -> str:
        return self.text[self.text.rfind("\n", 0, place) + 1 : place]

    def _between(self, start: int, end: int) -> list[int]:
        at = bisect_left(self.starts, start)
        found: list[int] = []
        while at < len(self.starts) and self.starts[at] < end:
            if not self.taken[at]:
                found.append(at)
            at += 1
        return found

    def _take(self, at: int) -> str:
        self.taken[at] = True
        return self.texts[at]


def _spaced(text: str) -> str:
    """`#x` as `# x`; `#!`, `##` and `#:` stay as they are."""
    return f"# {text[1:]}" if len(text) > 1 and (text[1].isalnum() or text[1] == "_") else text
