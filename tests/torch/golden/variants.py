"""Variants of a model whose defaults name what only its own file knows."""

from collections.abc import Callable

from torch import nn

from library import WIDTH, Residual, Tower


class Tall(Tower):
    def __init__(
        self, part: Callable[..., nn.Module] = Residual, hidden: int = WIDTH
    ) -> None:
        super().__init__(depth=3, part=part, hidden=hidden)


class Narrow(Tower):
    def __init__(self, depth: int = 1) -> None:
        super().__init__(Residual, 4, depth=depth)
