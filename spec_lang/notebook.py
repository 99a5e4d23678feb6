"""Specs in IPython and notebooks: `%load_ext spec_lang`, then cells that begin with `%%nnspec`."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from spec_lang.diagnostics import SpecError
from spec_lang.loading import ExternsNotAllowed, SpecLoader, install, load_text


def load_ipython_extension(shell: Any) -> None:
    """Give an IPython shell the cell magic `%%nnspec`, imports of specs, and modules that follow their specs' changes."""
    install()
    shell.register_magic_function(lambda line, cell: define(shell, line, cell), "cell", "nnspec")
    shell.events.register("pre_run_cell", lambda *info: renew(shell))


def unload_ipython_extension(shell: Any) -> None:
    """Imports of specs stay: modules that were made so may be asked for again."""


def define(shell: Any, line: str, cell: str) -> None:
    """What a `%%nnspec` cell does: its definitions become variables of the shell; `--allow-extern` may import Python code."""
    words = line.split()
    if words not in ([], ["--allow-extern"]):
        print(f"%%nnspec takes --allow-extern or nothing, not {line.strip()}", file=sys.stderr)
        return
    try:
        module = load_text(cell, folder=".", allow_extern=bool(words))
    except (SpecError, ExternsNotAllowed) as error:
        print(error, file=sys.stderr)
        return
    own = {name: value for name, value in vars(module).items() if _is_own(module.__name__, name, value)}
    shell.user_ns.update(own)
    print(f"defined {', '.join(own)}")


def _is_own(module: str, name: str, value: Any) -> bool:
    """Whether a name is of the spec, and not of what is generated from it alone."""
    if name.startswith("__"):
        return False
    home = getattr(value, "__module__", None)
    return home == module or (home is None and not isinstance(value, ModuleType))


def renew(shell: Any) -> None:
    """Execute the modules anew whose specs have changed, and give the shell's names for their classes the new ones."""
    for name, module in list(sys.modules.items()):
        loader = getattr(getattr(module, "__spec__", None), "loader", None)
        if not isinstance(loader, SpecLoader) or not loader.changed:
            continue
        try:
            new = importlib.reload(module)
        except SpecError as error:
            print(error, file=sys.stderr)
            continue
        for variable, value in list(shell.user_ns.items()):
            own = getattr(value, "__qualname__", None)
            if own and getattr(value, "__module__", None) == name and hasattr(new, own):
                shell.user_ns[variable] = getattr(new, own)
