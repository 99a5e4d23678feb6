"""Going on after a mistake: drop the line that has it, and read what follows as if it had been right.

A header that cannot be read is replaced by one that can, so that the lines under it are still read; a block
without lines gets a made-up one. What is made of a definition with a mistake is thrown away in the end.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from spec_lang.syntax.tables import Tables
from spec_lang.syntax.token import CONTEXTUAL, LAYOUT, Token


class Problem(NamedTuple):
    """A token that does not fit, with what `explain` needs to say why.

    Attributes:
        tokens: All tokens of the file.
        at: The index of the one that does not fit.
        first: The first one of its line.
        expected: The types that would have fitted.
        at_line: The types that could have begun the line.
    """

    tokens: list[Token]
    at: int
    first: int
    expected: frozenset[str]
    at_line: frozenset[str]


# What a made-up line of each kind of block is; the first that fits is taken.
_FILLERS: tuple[tuple[str, ...], ...] = (
    ("expect", "NAME", "NEWLINE"),
    ("NAME", "=", "NAME", "NEWLINE"),
    ("NAME", ":", "NAME", "NEWLINE"),
    ("NAME", "(", ")", "NEWLINE"),
)
_METHOD = ("NAME", "(", ")", ":", "NEWLINE")
_IF = ("if", "NAME", ":", "NEWLINE")
# What stands for a header that cannot be read, by its first token.
_HEADERS: dict[str, tuple[str, ...]] = {
    "model": ("model", "NAME", ":", "NEWLINE"),
    "block": ("block", "NAME", ":", "NEWLINE"),
    "record": ("record", "NAME", ":", "NEWLINE"),
    "fn": ("fn", *_METHOD),
    "extern": ("extern", "layer", "NAME", "(", ")", "from", "STRING", ":", "NEWLINE"),
    "layers": ("layers", ":", "NEWLINE"),
    "init": ("init", ":", "NEWLINE"),
    "for": ("for", "NAME", "in", "NAME", ":", "NEWLINE"),
    "if": _IF,
    "elif": ("elif", "NAME", ":", "NEWLINE"),
    "else": ("else", ":", "NEWLINE"),
}


class Recovery:
    """Works on the parser's own stacks."""

    def __init__(
        self, known: Tables, tokens: list[Token], states: list[int], values: list[Any], faulty: Iterable[int]
    ) -> None:
        self.known = known
        self.tokens = tokens
        self.states = states
        self.values = values
        self.faulty = sorted(faulty)
        self.mistakes: list[int] = []

    def _is_faulty(self, first: int) -> bool:
        """Whether the line that begins at a token has a mistake that was reported."""
        start = self.tokens[first - 1].end if first else 0
        after = self.line_end(first)
        while self.tokens[after].type in LAYOUT - {"$END"}:
            after += 1
        at = bisect_left(self.faulty, start)
        return at < len(self.faulty) and self.faulty[at] < max(self.tokens[after].start, start + 1)

    def line_start(self, index: int) -> int:
        """The first token of a token's line; a NEWLINE belongs to the line that it ends."""
        while index > 0 and self.tokens[index - 1].type not in LAYOUT:
            index -= 1
        return index

    def line_end(self, index: int) -> int:
        """The NEWLINE of a token's line."""
        while self.tokens[index].type not in ("NEWLINE", "$END"):
            index += 1
        return index

    def at(self, index: int) -> Problem | None:
        """What is wrong at a token; None if it only follows from an earlier mistake."""
        token = self.tokens[index]
        if token.type in ("_DEDENT", "$END") and self._mistake_inside(index):
            return None
        expected = frozenset(self.known.actions[self.states[-1]])
        missing_block = token.type != "_INDENT" and "_INDENT" in expected
        first = self.line_start(index - 1 if missing_block else index)
        if self._is_faulty(first):
            return None
        insort(self.faulty, self.tokens[first].start)
        height = self._height(first)
        at_line = frozenset(self.known.actions[self.states[height]])
        return Problem(self.tokens, index, first, expected, at_line)

    def resume(self, index: int) -> int | None:
        """Repair the stacks; the token to go on with, or None where there is nothing to go on with."""
        token = self.tokens[index]
        self.mistakes.append(token.start)
        if token.type == "$END" and "_INDENT" not in self.known.actions[self.states[-1]]:
            return None
        if token.type == "_INDENT":
            return self._drop_indent(index)
        if self.tokens[index - 1].type in LAYOUT and (filled := self._fill(index)) is not None:
            return filled
        if token.type in LAYOUT - {"NEWLINE"}:
            return None
        first = self.line_start(index)
        self._cut(self._height(first))
        end = self.line_end(index)
        if self.tokens[end].type == "$END":
            return end
        if self.tokens[end + 1].type != "_INDENT":
            return end + 1
        return self._header(first, end)

    def between_definitions(self) -> bool:
        """Whether no definition is being read: its first token would be there until all of it is."""
        return not any(type(value) is Token for value in self.values)

    # --- Stacks -----------------------------------------------------------------------------

    def _height(self, first: int) -> int:
        """How many values were there before a line."""
        start = self.tokens[first].start
        height = len(self.values)
        while height and _position(self.values[height - 1]) >= start:
            height -= 1
        return height

    def _cut(self, height: int) -> None:
        del self.values[height:]
        del self.states[height + 1 :]

    def _accepts(self, types: Sequence[str]) -> bool:
        """Whether these tokens could come next."""
        states = list(self.states)
        actions, gotos, rules = self.known.actions, self.known.gotos, self.known.rules
        for kind in types:
            while True:
                action = actions[states[-1]].get(kind)
                if action is None:
                    return False
                if action >= 0:
                    states.append(action)
                    break
                rule = rules[~action]
                if rule.size:
                    del states[-rule.size :]
                states.append(gotos[states[-1]][rule.origin])
        return True

    # --- Repairs ----------------------------------------------------------------------------

    def _drop_indent(self, index: int) -> int:
        """Read lines that are indented for no reason as if they were not."""
        close = self._matching(index)
        del self.tokens[close], self.tokens[index]
        return index

    def _fill(self, index: int) -> int | None:
        """Give a block without lines one."""
        place = self.tokens[index - 1].end
        for filler in _FILLERS:
            for types in (filler, ("_INDENT", *filler, "_DEDENT")):
                if self._accepts((*types, self._name_type(index))):
                    self._insert(index, [Token(kind, _TEXT.get(kind, "_"), place, place) for kind in types])
                    return index
        return None

    def _name_type(self, index: int) -> str:
        kind = self.tokens[index].type
        row = self.known.actions[self.states[-1]]
        return "NAME" if kind in CONTEXTUAL and kind not in row else kind

    def _header(self, first: int, end: int) -> int:
        """Read the lines under a header that cannot be read, or leave them out."""
        wanted = _HEADERS.get(self.tokens[first].type)
        header_like = wanted is not None or self.tokens[end - 1].type == ":" or self._names(first)
        candidates = (
            (wanted, _METHOD, _HEADERS["block"], _HEADERS["layers"], _IF) if wanted is None else (wanted,)
        )
        if header_like:
            for types in candidates:
                if types is not None and self._accepts((*types, "_INDENT")):
                    self._insert(end + 1, self._stand_in(types, first))
                    return end + 1
        return self._matching(end + 1) + 1

    def _names(self, first: int) -> bool:
        """Whether a line begins like a method or a definition: `name (` or `word name`."""
        return self.tokens[first].type == "NAME" and self.tokens[first + 1].type in ("(", "NAME")

    def _stand_in(self, types: Sequence[str], first: int) -> list[Token]:
        """Tokens of a header at the place of the one that they stand for, with its name if it has one."""
        place = self.tokens[first]
        named = next((t.text for t in self.tokens[first + 1 : first + 3] if t.type == "NAME"), "_")
        return [
            Token(kind, named if kind == "NAME" else _TEXT.get(kind, kind), place.start, place.end)
            for kind in types
        ]

    def _insert(self, index: int, made: list[Token]) -> None:
        self.tokens[index:index] = made

    def _matching(self, index: int) -> int:
        """The _DEDENT of an _INDENT."""
        depth = 0
        while True:
            kind = self.tokens[index].type
            if kind == "_INDENT":
                depth += 1
            elif kind == "_DEDENT":
                depth -= 1
                if depth == 0:
                    return index
            index += 1

    def _mistake_inside(self, index: int) -> bool:
        """Whether the block that ends here had a mistake."""
        depth = 0
        at = index
        while at > 0:
            at -= 1
            kind = self.tokens[at].type
            if kind == "_DEDENT":
                depth += 1
            elif kind == "_INDENT":
                if depth == 0:
                    break
                depth -= 1
        start = self.tokens[at].start
        return any(mistake >= start for mistake in self.mistakes)


_TEXT = {"STRING": '""', "NAME": "_"}


def _position(value: Any) -> int:
    """Where a value on the stack begins; what has no text is counted with the line that it is on."""
    if isinstance(value, Token):
        return value.start
    if isinstance(value, (list, tuple)):
        return next((at for item in value if (at := _position(item)) < _NOWHERE), _NOWHERE)
    span = getattr(value, "span", None)
    return span.start if span is not None else _NOWHERE


_NOWHERE = 2**62
