"""Where one types: the call that is open, the definition that it stands in, also where nothing can be parsed."""

from __future__ import annotations

import re
from typing import NamedTuple

_OPENS = {")": "(", "]": "[", "}": "{"}
_TEXT = re.compile(
    r'"{3}[\s\S]*?(?:"{3}|\Z)|\'{3}[\s\S]*?(?:\'{3}|\Z)|"(?:[^"\\\n]|\\.)*"?|\'(?:[^\'\\\n]|\\.)*\'?|#[^\n]*'
)
_HEAD = re.compile(r"^(model|block|fn|record|extern)\b[ ]*(?:layer\b|fn\b)?[ ]*(\w*)", re.MULTILINE)
_SECTION = re.compile(r"^[ ]{4}(\w+)(.*)$", re.MULTILINE)
_WORD, _PATH = re.compile(r"\w*"), re.compile(r"[\w.]*")
REACH = 20_000
"""How many characters before the cursor an open bracket is looked for in."""

WIDE = 1_000
"""How many characters of a line count: patterns that look for its end try each of its places."""


class Call(NamedTuple):
    """A call that is open at the cursor.

    Attributes:
        name: What is called, with the dots before it.
        bracket: `(`, `[` or `{`.
        position: How many arguments stand before the one at the cursor.
        keyword: The name of the argument at the cursor, where it has been written.
        named: The names of the others.
        piped: Whether an arrow leads to it.
    """

    name: str
    bracket: str
    position: int
    keyword: str | None
    named: frozenset[str]
    piped: bool


class Context(NamedTuple):
    """What stands before the cursor.

    Attributes:
        word: The part of a name right before it.
        before: The line up to that.
        kind: Of the definition: `model`, `block`, ..., or empty outside of all.
        owner: The definition's name.
        section: `layers`, `init`, a method's name, or empty.
        call: The innermost open bracket.
        quote: Whether the cursor is inside a string, and what stands before that.
    """

    word: str
    before: str
    kind: str
    owner: str
    section: str
    call: Call | None
    quote: str | None


def context(text: str, offset: int) -> Context:
    """What stands before an offset."""
    text = text[max(0, offset - REACH) : offset]
    start = text.rfind("\n") + 1
    quoted = _open_string(text)
    word = _tail(text, _WORD)
    before = text[start : len(text) - len(word)]
    kind = owner = section = ""
    heads = list(_HEAD.finditer(text))
    if heads and (before[:1].isspace() or _open(text) is not None):
        kind, owner = heads[-1].group(1), heads[-1].group(2)
        inside = list(_SECTION.finditer(text, heads[-1].end()))
        indent = len(before) - len(before.lstrip())
        if inside and (indent > 4 or _open(text) is not None):
            section = inside[-1].group(1)
    return Context(
        word, before[-WIDE:], kind, owner, section, _open(text), None if quoted is None else quoted[-WIDE:]
    )


def _tail(text: str, letters: re.Pattern[str]) -> str:
    """The letters that a text ends in; a pattern that looks for them from the left would try each place before."""
    found = letters.match(text[::-1])
    return "" if found is None else found.group()[::-1]


def _open_string(text: str) -> str | None:
    """What stands before the string that is open at the end of a text."""
    line = text[text.rfind("\n") + 1 :]
    for match in _TEXT.finditer(line):
        part = match.group()
        if match.end() == len(line) and part[0] in "\"'" and (len(part) == 1 or part[-1] != part[0]):
            return line[: match.start()]
    return None


def _open(text: str) -> Call | None:
    """The innermost bracket that is open at the end of a text."""
    plain = _TEXT.sub(lambda m: " " * len(m.group()), text)
    depth: list[str] = []
    commas = 0
    parts: list[str] = []
    end = len(plain)
    for at in range(len(plain) - 1, -1, -1):
        letter = plain[at]
        if letter in _OPENS:
            depth.append(_OPENS[letter])
        elif letter in "([{":
            if depth:
                depth.pop()
                continue
            parts.append(plain[at + 1 : end])
            head = plain[:at]
            called = _tail(head, _PATH)
            piped = head[: len(head) - len(called)].rstrip().endswith("->")
            keywords = [re.match(r"\s*(\w+)\s*=(?!=)", part) for part in parts]
            named = frozenset(k.group(1) for k in keywords[1:] if k is not None)
            first = keywords[0]
            return Call(called, letter, commas, None if first is None else first.group(1), named, piped)
        elif letter == "," and not depth:
            commas += 1
            parts.append(plain[at + 1 : end])
            end = at
        elif letter == "\n" and not depth and at + 1 < len(plain) and (plain[at + 1].isalpha()):
            return None  # a line of its own at the left
    return None
