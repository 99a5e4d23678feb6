"""specc: neural networks as specs.

import spec_lang

LeNet5 = spec_lang.load("lenet5.nnspec").LeNet5       # the generated module, without a file on disk
spec_lang.install()                                    # from now on `import lenet5` finds lenet5.nnspec
spec_lang.compile_file("lenet5.nnspec", "build")       # writes build/lenet5.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.diagnostics import Diagnostic, SpecError
    from spec_lang.loading import install, load, uninstall

__version__ = "0.1.0"
__all__ = ["Diagnostic", "SpecError", "check_file", "compile_file", "install", "load", "uninstall"]


def compile_file(path: str | Path, folder: str | Path) -> list[Path]:
    """Compile a spec, and what it imports, to PyTorch modules in `folder`; gives the files written.

    Raises:
        SpecError: the spec does not check; nothing is written.
        OSError: a file cannot be read or written.
    """
    from spec_lang import workspace

    sources = _compiled(Path(path)).torch_sources()
    files: dict[Path, str | bytes] = {Path(folder) / name: text for name, text in sources.items()}
    workspace.write_all(files)
    return list(files)


def check_file(path: str | Path) -> list[Diagnostic]:
    """Everything that is wrong with a spec; an empty list where it checks.

    Raises:
        SpecError: the file cannot be read.
    """
    return list(_compiled(Path(path)).diagnostics)


def _compiled(path: Path) -> Compilation:
    from spec_lang import workspace
    from spec_lang.compiler import compile_sources

    return compile_sources({path.stem: workspace.read(path)}, workspace.finder((path.parent,)))


_LAZY = {
    "Diagnostic": "diagnostics",
    "SpecError": "diagnostics",
    "install": "loading",
    "load": "loading",
    "uninstall": "loading",
}


def __getattr__(name: str) -> Any:
    """What lives in the package's parts, imported when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
