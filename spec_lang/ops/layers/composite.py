"""Layers made of layers: their parameters and draws are their children's, below the children's names."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ops.base import Cx, Layer, Param
from spec_lang.ops.init import Clone, Draw


class _Composite(Layer):
    """A layer with children."""

    def children(self) -> Iterator[tuple[str, Layer]]:
        """The children in the order of their registration, by path."""
        raise NotImplementedError

    def check(self, cx: Cx) -> None:
        for _, child in self.children():
            child.check(cx)

    def params(self) -> Iterator[Param]:
        for path, child in self.children():
            for p in child.params():
                yield p.replace(name=f"{path}.{p.name}")

    def modules(self) -> Iterator[tuple[str, str]]:
        yield "", self.name
        for path, child in self.children():
            for inner, name in child.modules():
                yield f"{path}.{inner}" if inner else path, name

    def draws(self) -> Iterator[Draw | Clone]:
        for path, child in self.children():
            yield from below(path, child.draws())


def below(path: str, draws: Iterator[Draw | Clone]) -> Iterator[Draw | Clone]:
    """The same draws for parameters below `path`."""
    for d in draws:
        if isinstance(d, Clone):
            yield Clone(f"{path}.{d.name}", f"{path}.{d.source}")
        else:
            yield d.replace(name=f"{path}.{d.name}")
