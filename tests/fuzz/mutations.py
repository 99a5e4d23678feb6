"""Specs that an editor's accident or an attacker makes of sound ones: bytes and tokens changed, doubled, lost, swapped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz.programs import written

ROOT = Path(__file__).parents[2]
SOUND = ("models", "tests/check/good", "tests/syntax/format")
BAD = ("tests/errors/bad", "tests/syntax/bad")
TOKEN = re.compile(r"\"\"\"[\s\S]*?\"\"\"|\"[^\"\n]*\"|\w+|\n[ ]*|[ ]+|->|//|\*\*|[<>=!]=|.", re.DOTALL)
HOSTILE = (
    "10**10**6", "9" * 30, "-1", "0", "1e308", "inf", "none", "_", "True", "*", "**", "range(10**12)", "[0] * 10**9", "0.1",
    "[[i for j in range(9)] for i in range(9)]", '"""', "'''", '"', "\\", "\0", "\f", "\r", "\t", "\u202e", "\u2028", "\ud7ff", "é",
    "\ufeff", "\N{ZERO WIDTH SPACE}", "f\"{x!r:{y}}\"", 'f"{a.b}"', "{}", "()", "[]", "((((((((((", "not " * 30, "-" * 60, "class",
    "lambda", "import", "self", "torch", "nn", "__init__", "__class__", "forward", "super", "from os import path", "x.y.z",
    "->", "if", "else", "for", "in", "tie", "require", "expect", "let", "param", "buffer", "extern", "record", "fn", "init:", "layers:",
)  # fmt: skip
"""What takes a token's place."""


@cache
def texts(folders: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of all specs in some folders of the project."""
    files = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.nnspec"))
    return tuple(path.read_bytes().decode("utf-8", "replace") for path in files)


def mutated(dice: Random) -> bytes:
    """The bytes of a changed spec: one of the project's, or a random program."""
    kind = dice.random()
    text = written(dice).text if kind < 0.4 else dice.choice(texts(SOUND if kind < 0.8 else BAD))
    if dice.random() < 0.9:
        return _tokens_changed(text, dice).encode("utf-8", "replace")
    return _bytes_changed(text.encode(), dice)


def _tokens_changed(text: str, dice: Random) -> str:
    tokens = TOKEN.findall(text)
    for _ in range(dice.choice((1, 1, 1, 1, 2, 4))):
        if tokens:
            dice.choice(_CHANGES)(tokens, dice.randrange(len(tokens)), dice)
    return "".join(tokens)


def _lose(tokens: list[str], at: int, dice: Random) -> None:
    del tokens[at : at + dice.choice((1, 1, 2, 5, 20))]


def _harm(tokens: list[str], at: int, dice: Random) -> None:
    tokens[at : at + dice.randrange(2)] = [dice.choice(HOSTILE)]


def _swap(tokens: list[str], at: int, dice: Random) -> None:
    other = dice.randrange(len(tokens))
    tokens[at], tokens[other] = tokens[other], tokens[at]


def _double(tokens: list[str], at: int, dice: Random) -> None:
    start = dice.randrange(len(tokens))
    tokens[at:at] = tokens[start : start + dice.choice((1, 3, 9, 30))]


def _alike(tokens: list[str], at: int, dice: Random) -> None:
    """Another word for a word, another number for a number."""
    words = [n for n, token in enumerate(tokens) if token[0].isalnum()]
    if words:
        at = dice.choice(words)
        kind = tokens[at][0].isdigit()
        tokens[at] = dice.choice([tokens[n] for n in words if tokens[n][0].isdigit() is kind])


def _double_line(tokens: list[str], at: int, dice: Random) -> None:
    ends = [n for n, token in enumerate(tokens) if token[0] == "\n"]
    if len(ends) > 1:
        n = dice.randrange(len(ends) - 1)
        line = tokens[ends[n] : ends[n + 1]]
        to = dice.choice(ends)
        tokens[to:to] = line


def _splice(tokens: list[str], at: int, dice: Random) -> None:
    other = TOKEN.findall(dice.choice(texts(SOUND)))
    start = dice.randrange(len(other))
    tokens[at:at] = other[start : start + dice.choice((1, 3, 9, 30))]


_CHANGES = (_lose, _harm, _swap, _double, _alike, _alike, _alike, _alike, _double_line, _splice)


def _bytes_changed(raw: bytes, dice: Random) -> bytes:
    data = bytearray(raw)
    for _ in range(dice.choice((1, 1, 2, 4))):
        if not data:
            break
        at = dice.randrange(len(data))
        kind = dice.randrange(4)
        if kind == 0:
            data[at] = dice.randrange(256)
        elif kind == 1:
            del data[at : at + dice.choice((1, 2, 10, 1000))]
        elif kind == 2:
            data[at] ^= 1 << dice.randrange(8)
        else:
            data[at:at] = bytes(dice.randrange(256) for _ in range(dice.choice((1, 2, 4))))
    return bytes(data)
