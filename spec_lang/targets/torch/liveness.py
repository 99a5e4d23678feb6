"""Which names are still read later in a method."""

from __future__ import annotations

from collections.abc import Container, Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.walk import names_in


class Later:
    """The names read after the statement that is being written: `name in later`.

    `outer` are those read after the whole body; in a loop, everything that the body reads is read again.
    """

    def __init__(self, body: Sequence[m.Stmt], outer: Container[str] = (), *, loop: bool = False) -> None:
        self._last = {name: len(body) if loop else i for i, s in enumerate(body) for name in names_in(s)}
        self._outer = outer
        self.at = 0

    def __contains__(self, name: object) -> bool:
        return (isinstance(name, str) and self._last.get(name, -1) > self.at) or name in self._outer
