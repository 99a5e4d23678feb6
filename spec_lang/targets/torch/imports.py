"""What a generated file imports: only what it uses, in the linter's order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from typing import Any

from spec_lang.ir import model as m
from spec_lang.targets.torch.effects import Growing
from spec_lang.targets.torch.layout import line_width
from spec_lang.targets.torch.names import parameters, safe
from spec_lang.targets.torch.text import identifier, module_name

_PLAIN = {"math": "import math", "torch": "import torch", "F": "import torch.nn.functional as F"}
_FROM = {
    "OrderedDict": "collections",
    "Callable": "collections.abc",
    "Mapping": "collections.abc",
    "Sequence": "collections.abc",
    "dataclass": "dataclasses",
    "partial": "functools",
    "Any": "typing",
    "Literal": "typing",
    "cast": "typing",
    "Tensor": "torch",
    "nn": "torch",
}
_STDLIB = frozenset({"collections", "collections.abc", "dataclasses", "functools", "typing"})


class Imports:
    """Collects what one file uses.

    `here` is its module, `own` are the names that it defines, `definitions` those of the program by full name.
    """

    def __init__(self, here: str, own: Iterable[str], definitions: Mapping[str, m.Definition]) -> None:
        self.here = here
        self._reading = here
        self.definitions = definitions
        self._taken: Growing[str, None] = Growing((safe(name), None) for name in own)
        self._used: Growing[str, None] = Growing()
        self._ours: Growing[tuple[str, str], str] = Growing()
        self._externs: Growing[tuple[str, str], str] = Growing()
        self.helpers: Growing[str, str] = Growing()

    @property
    def tables(self) -> tuple[Growing[Any, Any], ...]:
        """All that is collected."""
        return self._taken, self._used, self._ours, self._externs, self.helpers

    def use(self, name: str) -> str:
        """Note the use of `torch`, `F`, `Tensor`, `math`, ... and give the name back."""
        self._used[name] = None
        return name

    def definition(self, name: str) -> str:
        """The Python name of a definition, written `module.Name` where another file has it."""
        module, _, own = name.rpartition(".")
        module = module or self._reading
        defined = self.defined(name)
        if isinstance(defined, m.Extern):
            return self.extern(defined.module, defined.name)
        python = safe(own)
        if module == self.here:
            return python
        return self._import(self._ours, self._relative(module_name(module)), python)

    def _relative(self, module: str) -> str:
        """How this file imports another one of the program: with dots, where both are in one package."""
        own, other = module_name(self.here).split(".")[:-1], module.split(".")
        shared = 0
        while shared < min(len(own), len(other) - 1) and own[shared] == other[shared]:
            shared += 1
        return "." * (len(own) - shared + 1) + ".".join(other[shared:]) if shared else module

    def reading(self, definition: str) -> Imports:
        """The same imports, for what stands in the file of a definition: names without a module are of that file."""
        other = copy(self)
        other._reading = definition.rpartition(".")[0] or self._reading
        return other

    def defined(self, name: str) -> m.Definition | None:
        """A definition of the program by its name where it is read."""
        return self.definitions.get(name if "." in name else f"{self._reading}.{name}")

    def parameter(self, definition: str, name: str) -> str:
        """The Python name of a parameter of a definition."""
        match self.defined(definition):
            case m.Block(hypers=hypers, dims=dims):
                given = [*(h.name for h in hypers), *dims]
            case m.Function(inputs=hypers) | m.Record(fields=hypers):
                given = [h.name for h in hypers]
            case m.TensorFunction(method=method):
                given = [i.name for i in method.inputs]
            case _:
                return name
        return parameters(given).get(name, name)

    def _import(self, names: Growing[tuple[str, str], str], module: str, name: str) -> str:
        if (module, name) not in names:
            local = name
            if local in self._taken:
                local = safe(f"{module.rpartition('.')[2]}_{name}")
            while local in self._taken:
                local += "_"
            self._taken[local] = None
            names[module, name] = local
        return names[module, name]

    @property
    def externs(self) -> Collection[str]:
        """The Python names of what somebody else wrote, of which no type is known."""
        return self._externs.values()

    def extern(self, module: str, name: str) -> str:
        """The Python name of something that somebody else wrote."""
        return self._import(self._externs, module_name(module), identifier(name))

    def helper(self, name: str, source: str) -> str:
        """The name of a function or class that this file carries."""
        if name not in self.helpers:
            self.helpers[name] = source
            for word in (*_PLAIN, *_FROM):
                if _occurs(word, source):
                    self.use(word)
        return name

    def lines(self) -> list[str]:
        """The import block, its sections apart by one line."""
        froms: dict[str, dict[str, str]] = {}
        for name in sorted(self._used.keys() & _FROM.keys()):
            froms.setdefault(_FROM[name], {})[name] = name
        standard = [_PLAIN["math"]] if "math" in self._used else []
        standard += _from_lines({k: v for k, v in froms.items() if k in _STDLIB})
        third = [_PLAIN[name] for name in ("torch", "F") if name in self._used]
        others = {k: v for k, v in froms.items() if k not in _STDLIB}
        for module, names in _by_module(self._externs).items():
            others[module] = {**others.get(module, {}), **names}
        third += _from_lines(others)
        ours = _by_module(self._ours)
        beside = {k: v for k, v in ours.items() if k.startswith(".")}
        absolute = {k: v for k, v in ours.items() if k not in beside}
        sections = [standard, third, _from_lines(absolute), _from_lines(beside)]
        return [line for section in sections if section for line in ("", *section)][1:]


def _occurs(word: str, source: str) -> bool:
    at = source.find(word)
    while at != -1:
        before, after = source[at - 1 : at], source[at + len(word) : at + len(word) + 1]
        if not (before.isalnum() or before in ("_", ".")) and not (after.isalnum() or after == "_"):
            return True
        at = source.find(word, at + 1)
    return False


def _by_module(names: Mapping[tuple[str, str], str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (module, name), local in names.items():
        found.setdefault(module, {})[name] = local
    return found


def _from_lines(modules: Mapping[str, Mapping[str, str]]) -> list[str]:
    lines: list[str] = []
    for module in sorted(modules, key=_natural):
        ordered = sorted(modules[module].items(), key=lambda item: _member_order(item[0]))
        names = [name if name == local else f"{name} as {local}" for name, local in ordered]
        line = f"from {module} import {', '.join(names)}"
        if len(line) <= line_width():
            lines.append(line)
        else:
            lines += [f"from {module} import (", *(f"    {name}," for name in names), ")"]
    return lines


def _natural(name: str) -> tuple[int, str, str]:
    """The order of modules; those with more dots before them come first."""
    rest = name.lstrip(".")
    return len(rest) - len(name), rest.lower(), rest


def _member_order(name: str) -> tuple[int, str, str]:
    """Constants, then classes, then the rest, as isort has it."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower(), name
