"""What a diagnostic's code means."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One kind of mistake.

    Attributes:
        title: A few words.
        explanation: Why it is one, and what to do; paragraphs of plain text.
        bad: A small spec, or part of one, that has it.
        good: The same without it.
    """

    title: str
    explanation: str
    bad: str = ""
    good: str = ""
