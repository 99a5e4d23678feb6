"""Tied tensors: one tensor under two names, which a checkpoint may store once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.text import BadProgram, identifier, quoted
from spec_lang.targets.torch.walk import nodes


def key(e: m.Expr) -> str | None:
    """The state_dict's name of what a path leads to; None where an index depends on how many layers there are."""
    match e:
        case m.Name(id=id_):
            return identifier(id_)
        case m.Attribute(value=value, name=name):
            inner = key(value)
            return None if inner is None else f"{inner}.{identifier(name)}"
        case m.Subscript(value=value, index=(m.Literal_(value=int() | str() as index),)):
            inner = key(value)
            return None if inner is None else f"{inner}.{index}"
        case m.Subscript():
            return None
        case _:
            raise BadProgram("a tie's path leads to a parameter")


def listed(ties: Sequence[m.Tie]) -> bool:
    """Whether the hook is told which ties a constructor has made: some stand under a condition, and all have names."""
    some = len(ties) > 1 and any(t.test is not None for t in ties)
    return some and all(key(t.left) is not None and key(t.right) is not None for t in ties)


def hook(ties: Sequence[m.Tie], imports: Imports) -> list[str]:
    """The hook that lets a state_dict load which stores a tied tensor under one of its names."""
    found = [(key(t.left), key(t.right)) for t in ties]
    pairs = [(quoted(a), quoted(b)) for a, b in found if a is not None and b is not None]
    nn, any_ = imports.use("nn"), imports.use("Any")
    some = listed(ties)
    by_identity = len(pairs) < len(found)
    first = "module" if by_identity else "_module"
    module = f"        {first}: {nn}.Module, state_dict: dict[str, {any_}], prefix: str, *_: {any_}"
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
    if by_identity:
        return [
            *lines,
            "        tied: dict[int, list[str]] = {}",
            "        for name, tensor in [",
            "            *module.named_parameters(remove_duplicate=False),",
            "            *module.named_buffers(remove_duplicate=False),",
            "        ]:",
            "            tied.setdefault(id(tensor), []).append(prefix + name)",
            "        for names in tied.values():",
            "            stored = next((name for name in names if name in state_dict), None)",
            "            if stored is not None:",
            "                for name in names:",
            "                    state_dict.setdefault(name, state_dict[stored])",
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
        head = ["        for left, right in ties:"]
    else:
        head = [
            "        for left, right in (",
            *(f"            ({a}, {b})," for a, b in pairs),
            "        ):",
        ]
    return [
        *lines,
        *head,
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


def loading(imports: Imports) -> list[str]:
    """What says without `strict` which names of a tied tensor were not stored: the hook has filled them in, and PyTorch calls them missing."""
    mapping, any_ = imports.use("Mapping"), imports.use("Any")
    return [
        "    def load_state_dict(",
        f"        self, state_dict: {mapping}[str, {any_}], strict: bool = True, assign: bool = False",
        f"    ) -> {any_}:",
        '        """Without `strict`, list the names of tied tensors that are not stored, too."""',
        "        tensors = self.state_dict(keep_vars=True)",
        "        stored = {id(t) for name, t in tensors.items() if name in state_dict}",
        "        keys = super().load_state_dict(state_dict, strict, assign)",
        "        if not strict:",
        "            keys.missing_keys.extend(",
        "                n for n, t in tensors.items() if id(t) in stored and n not in state_dict",
        "            )",
        "        return keys",
    ]


def holding_ties(program: m.Program, definitions: Mapping[str, m.Definition]) -> frozenset[str]:
    """The blocks that have ties, themselves or in a block that they may hold, by their full names."""
    holds: dict[str, set[str]] = {}
    found: set[str] = set()
    for full, d in definitions.items():
        if not isinstance(d, m.Block):
            continue
        here = program.files[d.file].module
        names = {
            n.name if isinstance(n, m.Call) else n.id for n in nodes(d) if isinstance(n, m.Call | m.Name)
        }
        holds[full] = {name if "." in name else f"{here}.{name}" for name in names}
        if d.ties:
            found.add(full)
    for full, d in definitions.items():
        if isinstance(d, m.Variant):
            holds[full] = {d.base if "." in d.base else f"{program.files[d.file].module}.{d.base}"}
    while grown := {full for full, held in holds.items() if held & found} - found:
        found |= grown
    return frozenset(found)
