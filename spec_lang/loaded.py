"""The package of the modules that `load` makes. What is pickled names them, so a process that reads it comes here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__path__: list[str] = []


class NotLoaded(ModuleNotFoundError):
    """A class of a spec that this process has not loaded."""


class _Explains(MetaPathFinder):
    """Says of a module that is not there what makes it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, last = fullname.rpartition(".")
        if package != __name__:
            return None
        spec = last.partition("_")[2] or last
        raise NotLoaded(
            f"{fullname} is made by spec_lang.load of the spec `{spec}`, with the text that it had then: load that spec "
            "in this process first; or save a state_dict, which needs no class",
            name=fullname,
        )


if not any(isinstance(finder, _Explains) for finder in sys.meta_path):
    sys.meta_path.append(_Explains())
