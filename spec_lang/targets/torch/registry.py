"""The declarations of ops, found by the language's names."""

from __future__ import annotations

from spec_lang.ops.base import FUNCTIONS, LAYERS, Op
from spec_lang.targets.torch.text import BadProgram

CONTAINERS = frozenset({"Sequential", "ModuleList", "ModuleDict"})
"""What is made of layers: PyTorch's own names."""


def op_class(name: str) -> type[Op]:
    """The declaration of a layer or function.

    Raises:
        BadProgram: nothing is declared by this name.
    """
    found = LAYERS.get(name) or FUNCTIONS.get(name)
    if found is None:
        raise BadProgram(f"no op is called {name!r}")
    return found
