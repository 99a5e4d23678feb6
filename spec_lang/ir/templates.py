"""Constructed modules: what they are, apart from where they stand.

A template is a module without a path; equal layers share one, so that a thousand equal blocks cost what one
does. An `Instance` is a template at a path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ops.base import Layer


class OpTemplate:
    """A layer of the library."""

    __slots__ = ("op",)

    def __init__(self, op: Layer) -> None:
        self.op = op


class Repeated(Mapping[str, "Child"]):
    """The children of a list of equal modules: a hundred thousand of them take no more room than one."""

    __slots__ = ("child", "length")

    def __init__(self, child: Child, length: int) -> None:
        self.child = child
        self.length = length

    def __getitem__(self, name: str) -> Child:
        if name.isdecimal() and str(int(name)) == name and int(name) < self.length:
            return self.child
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self.length))

    def __len__(self) -> int:
        return self.length


class ContainerTemplate:
    """A list, a dict or a `Sequential` of modules, by their names in it."""

    __slots__ = ("children", "kind")

    def __init__(self, kind: str, children: Mapping[str, Child]) -> None:
        self.kind = kind
        self.children = children


class BlockTemplate:
    """A block with values for its hyperparameters and implicit dims, and its layers."""

    __slots__ = ("children", "definition", "values")

    def __init__(
        self, definition: model.Block, values: dict[str, Host], children: Mapping[str, Child]
    ) -> None:
        self.definition = definition
        self.values = values
        self.children = children


class ExternTemplate:
    """A layer that somebody wrote in Python."""

    __slots__ = ("definition", "values")

    def __init__(self, definition: model.Extern, values: dict[str, Host]) -> None:
        self.definition = definition
        self.values = values


Template: TypeAlias = OpTemplate | ContainerTemplate | BlockTemplate | ExternTemplate
Child: TypeAlias = Template | None


class Instance:
    """A template at a path."""

    __slots__ = ("path", "template")

    def __init__(self, template: Template, path: str) -> None:
        self.template = template
        self.path = path

    def below(self, name: str) -> str:
        """The path of something in it."""
        return f"{self.path}.{name}" if self.path else name

    @property
    def is_container(self) -> bool:
        return isinstance(self.template, ContainerTemplate)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its layers, `none` ones left out."""
        if isinstance(self.template, OpTemplate | ExternTemplate):
            return ()
        return tuple(n for n, c in self.template.children.items() if c is not None)

    def child(self, name: str) -> Instance | None:
        """One of its layers; None for one that is `none`.

        Raises:
            KeyError: it has no such layer.
        """
        if isinstance(self.template, OpTemplate | ExternTemplate):
            raise KeyError(name)
        found = self.template.children[name]
        return None if found is None else Instance(found, self.below(name))

    def registered(self) -> Iterator[tuple[str, Instance]]:
        """Its layers by the names under which they are registered, in order."""
        for name in self.names:
            child = self.child(name)
            assert child is not None
            yield name, child

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instance) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)
