"""Tied tensors: one tensor under two names, which a checkpoint may store once."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.text import BadProgram, identifier, quoted


def key(e: m.Expr) -> str:
    """The state_dict's name of what a path leads to."""
    match e:
        case m.Name(id=id_):
            return identifier(id_)
        case m.Attribute(value=value, name=name):
            return f"{key(value)}.{identifier(name)}"
        case m.Subscript(value=value, index=(m.Literal_(value=int() | str() as index),)):
            return f"{key(value)}.{index}"
        case _:
            raise BadProgram("a tie's path has constant indices")


def hook(ties: Sequence[m.Tie], imports: Imports) -> list[str]:
    """The hook that lets a state_dict load which stores a tied tensor under one of its names."""
    pairs = [(quoted(key(t.left)), quoted(key(t.right))) for t in ties]
    nn, any_ = imports.use("nn"), imports.use("Any")
    some = len(ties) > 1 and any(t.test is not None for t in ties)
    module = f"        module: {nn}.Module, state_dict: dict[str, {any_}], prefix: str, *_: {any_}"
    if some:
        given = ["ties: list[tuple[str, str]]", *module.strip().split(", ")]
        module = "\n".join(f"        {part}," for part in _joined(given))
    lines = [
        "    @staticmethod",
        "    def _fill_in_tied(",
        module,
        "    ) -> None:",
        '        """Accept a state_dict that stores a tied tensor under one name only."""',
    ]
    if len(pairs) == 1:
        a, b = pairs[0]
        return [
            *lines,
            f"        tied = [prefix + {a}, prefix + {b}]",
            "        for name, other in (tied, reversed(tied)):",
            "            if other in state_dict:",
            "                state_dict.setdefault(name, state_dict[other])",
        ]
    if some:
        listed = ["        for left, right in ties:"]
    else:
        listed = [
            "        for left, right in (",
            *(f"            ({a}, {b})," for a, b in pairs),
            "        ):",
        ]
    return [
        *lines,
        *listed,
        "            tied = [prefix + left, prefix + right]",
        "            for name, other in (tied, reversed(tied)):",
        "                if other in state_dict:",
        "                    state_dict.setdefault(name, state_dict[other])",
    ]


def _joined(parts: list[str]) -> list[str]:
    """Parts that were split at commas inside brackets, whole again."""
    whole: list[str] = []
    for part in parts:
        if whole and whole[-1].count("[") > whole[-1].count("]"):
            whole[-1] += f", {part}"
        else:
            whole.append(part)
    return whole
