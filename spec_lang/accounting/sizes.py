"""How many numbers the tensors of a model have, equal layers counted once."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TypeAlias

from spec_lang.ir.state import State
from spec_lang.ir.templates import BlockTemplate, Child, ContainerTemplate, Repeated
from spec_lang.shapes import DType

Numbers: TypeAlias = Mapping[tuple[DType, bool], int]
"""Numbers by dtype, and by whether they are learned."""


class Sizes:
    """The sizes of one model's modules.

    Attributes:
        tied: The tensors that are another name of one before them, by their keys: each with the key that it shares.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[int, Numbers] = {}
        self._tied = {t.key: t for t in state.tied}

    def tied(self, path: str) -> dict[str, str]:
        """The keys below a module of tensors that are another name of one before them, with the keys of those."""
        prefix = f"{path}." if path else ""
        return {
            key: t.shared for key, t in self._tied.items() if key.startswith(prefix) and t.shared is not None
        }

    def below(self, template: Child, path: str) -> Numbers:
        """The numbers of a module's tensors and of those below it; shared ones under their first name alone."""
        found = dict(self._of(template))
        for key in self.tied(path):
            t = self._tied[key]
            found[t.dtype, t.learned] -= prod(t.shape)
        return found

    def _of(self, template: Child) -> Numbers:
        found = self._known.get(id(template))
        if found is not None:
            return found
        sums: dict[tuple[DType, bool], int] = {}
        for t in self._state.own(template):
            key = t.dtype, t.learned
            sums[key] = sums.get(key, 0) + prod(t.shape)
        if isinstance(template, BlockTemplate | ContainerTemplate):
            children = template.children
            many = isinstance(children, Repeated)
            for child in (children.child,) if isinstance(children, Repeated) else children.values():
                for key, n in self._of(child).items():
                    sums[key] = sums.get(key, 0) + (n * len(children) if many else n)
        self._known[id(template)] = sums
        return sums


def learned(numbers: Numbers) -> int:
    """Those that are learned."""
    return sum(n for (_, is_learned), n in numbers.items() if is_learned)
