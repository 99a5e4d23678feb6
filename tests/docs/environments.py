"""Where commands of the docs run: in front of all, the executables that they name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.docs.fences import ROOT


def environment(executables: Path, **more: str) -> dict[str, str]:
    """This process's environment, with a folder of executables in front, one thread, and lines of one width."""
    path = f"{executables}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "100", **more}


def working_tree() -> dict[str, str]:
    """One whose `specc` and `python` are this process's own, and run this working tree."""
    return environment(Path(sys.executable).parent, PYTHONPATH=str(ROOT))
