"""Choices that can be made again: what a program was drawn from is a list of numbers, and smaller numbers give simpler programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Makes choices at random, or those that it is given and the first option of each one behind them."""

    def __init__(self, rng: Random | None, given: Sequence[int] = ()) -> None:
        self.rng, self.given = rng, given
        self.taken: list[int] = []
        self.kind: dict[str, str] = {}
        """What the program is of: its source, use, run and what follows."""

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of the options; the simplest stands first."""
        at = len(self.taken)
        if self.rng is not None:
            [index] = self.rng.choices(range(len(options)), weights)
        else:
            index = min(self.given[at], len(options) - 1) if at < len(self.given) else 0
        self.taken.append(index)
        return options[index]

    def chance(self, often: float) -> bool:
        return self.pick((False, True), (1 - often, often))


def simpler(taken: Sequence[int]) -> Iterator[list[int]]:
    """Choices near these that are simpler: fewer, or smaller ones."""
    for width in (8, 4, 2, 1):
        for at in range(0, len(taken), width):
            yield [*taken[:at], *taken[at + width :]]
    for at, index in enumerate(taken):
        for less in range(index):
            yield [*taken[:at], less, *taken[at + 1 :]]
