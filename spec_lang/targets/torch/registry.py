"""The declarations of ops, found by the language's names."""

from __future__ import annotations

from spec_lang.ir import model as m
from spec_lang.ops.base import FUNCTIONS, LAYERS, Op
from spec_lang.targets.torch.text import BadProgram


def op_class(name: str) -> type[Op]:
    """The declaration of a layer or function.

    Raises:
        BadProgram: nothing is declared by this name.
    """
    found = LAYERS.get(name) or FUNCTIONS.get(name)
    if found is None:
        raise BadProgram(f"no op is called {name!r}")
    return found


def parameters(made: m.Expr) -> tuple[str, ...]:
    """What a constructor's layer has learned in any case, where the library declares it."""
    if isinstance(made, m.Call) and made.to == "make" and made.name in LAYERS:
        return LAYERS[made.name].always
    return ()
