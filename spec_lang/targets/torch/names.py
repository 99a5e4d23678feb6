"""Names: the author's where they can stand, with an underscore behind where Python or the file needs them."""

from __future__ import annotations

import keyword
from collections.abc import Collection, Iterable
from typing import Any

from spec_lang.ir import model as m
from spec_lang.ir.builtins import FUNCTIONS
from spec_lang.targets.torch.effects import Growing
from spec_lang.targets.torch.text import identifier
from spec_lang.targets.torch.walk import nodes

USED = frozenset(
    [
        "torch",
        "nn",
        "F",
        "Tensor",
        "math",
        "self",
        "super",
        "range",
        "len",
        "enumerate",
        "zip",
        "min",
        "max",
        "sum",
        "int",
        "round",
        "float",
        "bool",
        "str",
        "list",
        "tuple",
        "dict",
        "abs",
        "isinstance",
        "ValueError",
        "Literal",
        "Sequence",
        "Callable",
        "OrderedDict",
        "dataclass",
        "partial",
        "Any",
        "cast",
    ]
)
"""What generated files use under these names."""

AMBIGUOUS = frozenset("lIO")
"""Names that look like digits; linters refuse them."""


def imported(*parts: object) -> frozenset[str]:
    """What locals must not hide: what files use, and the definitions and built-ins that these parts of a program name."""
    found = set(USED)
    for n in nodes(*parts):
        if isinstance(n, m.Name) and n.ref in ("constant", "definition"):
            found.add(n.id.rpartition(".")[2])
        elif isinstance(n, m.Call) and n.to in ("fn", "record", "block", "extern"):
            found.add(n.name.rpartition(".")[2])
        elif isinstance(n, m.Call) and n.to == "builtin" and n.name in FUNCTIONS:
            found.add(FUNCTIONS[n.name].spelling.partition(".")[0])
    return frozenset(found)


def safe(name: str, reserved: frozenset[str] = USED) -> str:
    """The author's name, or with an underscore where it cannot stand."""
    identifier(name)
    while keyword.iskeyword(name) or name in reserved or name in AMBIGUOUS:
        name += "_"
    return name


def parameters(names: Iterable[str]) -> dict[str, str]:
    """The Python names of a definition's parameters: the author's, but for those that cannot stand, and all different."""
    names = list(names)
    found = {name: name for name in names if safe(name) == name}
    for name in names:
        if name not in found:
            found[name] = _unlike(safe(name), found.values())
    return found


def _unlike(name: str, others: Collection[str]) -> str:
    while name in others:
        name += "_"
    return name


class Scope:
    """The names of one Python function: its parameters, and its locals, which are not to hide what is `reserved`."""

    def __init__(
        self, reserved: frozenset[str], given: Iterable[str] = (), taken: Iterable[str] = ()
    ) -> None:
        self.reserved = reserved
        self.names: Growing[str, str] = Growing(parameters(given))
        self.taken: Growing[str, None] = Growing((name, None) for name in self.names.values())
        self.taken.update(dict.fromkeys(safe(name, reserved) for name in taken))

    @property
    def tables(self) -> tuple[Growing[Any, Any], ...]:
        """All that is noted."""
        return self.names, self.taken

    def local(self, name: str) -> str:
        """The Python name of the author's `name`."""
        if name not in self.names:
            self.names[name] = _unlike(safe(name, self.reserved), self.names.values())
            self.taken[self.names[name]] = None
        return self.names[name]

    def free(self, *wanted: str) -> str:
        """A name that nothing has: the first free one of those wanted, else the last with a number."""
        for name in wanted:
            if name not in self.taken and name not in self.reserved:
                return name
        number = 2
        while f"{wanted[-1]}{number}" in self.taken:
            number += 1
        return f"{wanted[-1]}{number}"

    def fresh(self, *wanted: str) -> str:
        """A free name, taken from now on."""
        name = self.free(*wanted)
        self.taken[name] = None
        return name
