"""The fenced blocks of the README and the docs: ```LANGUAGE WORD NAME=VALUE, and their text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


class Fence(NamedTuple):
    """A block of a page.

    Attributes:
        page: Its page's file name.
        line: Where it begins.
        language: What it is written in: `nnspec`, `python`, `sh`, `text`, `toml`, `yaml`.
        words: What else its first line says, such as a code, `install`, or `file=NAME` as a pair.
        text: What stands inside.
    """

    page: str
    line: int
    language: str
    words: dict[str, str]
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def code(self) -> str | None:
        """The error that a spec gives, where it is one that is wrong."""
        return next((word for word in self.words if re.fullmatch(r"E\d{4}", word)), None)


def fences(page: Path) -> list[Fence]:
    """All blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Fence(page.name, text.count("\n", 0, m.start()) + 1, m[1], _words(m[2]), m[3])
        for m in FENCE.finditer(text)
    ]


def _words(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in text.split()]
    return {name: value for name, _, value in pairs}
