"""Names: the author's where they can stand, with an underscore behind where Python or the file needs them."""

from __future__ import annotations

import keyword
from collections.abc import Iterable

from spec_lang.targets.torch.text import identifier

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


def safe(name: str, reserved: frozenset[str] = USED) -> str:
    """The author's name, or with an underscore where it cannot stand."""
    identifier(name)
    while keyword.iskeyword(name) or name in reserved or name in AMBIGUOUS:
        name += "_"
    return name


class Scope:
    """The local names of one Python function."""

    def __init__(self, reserved: frozenset[str], taken: Iterable[str] = ()) -> None:
        self.reserved = reserved
        self.names: dict[str, str] = {}
        self.taken = {safe(name, reserved) for name in taken}

    def local(self, name: str) -> str:
        """The Python name of the author's `name`."""
        if name not in self.names:
            self.names[name] = safe(name, self.reserved)
            self.taken.add(self.names[name])
        return self.names[name]

    def fresh(self, *wanted: str) -> str:
        """A name that nothing has: the first free one of those wanted, else the last with a number."""
        for name in wanted:
            if name not in self.taken and name not in self.reserved:
                break
        else:
            number = 2
            while f"{wanted[-1]}{number}" in self.taken:
                number += 1
            name = f"{wanted[-1]}{number}"
        self.taken.add(name)
        return name
