"""The table of families says which one declares each op, and a family is imported only when it is asked for.

`pytest --record` writes the table anew from the declarations.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spec_lang.ops.functions
import spec_lang.ops.layers
from spec_lang.ops import index
from spec_lang.ops.base import FUNCTIONS, LAYERS, Registry


def test_the_index_is_what_is_declared(golden: Callable[[Path, str], None]) -> None:
    for package in (spec_lang.ops.functions, spec_lang.ops.layers):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    importlib.import_module("spec_lang.ops.activations")
    importlib.import_module("spec_lang.ops.losses")
    golden(Path(index.__file__), HEAD + table("LAYERS", LAYERS) + "\n" + table("FUNCTIONS", FUNCTIONS))


HEAD = '''"""Which family declares which op, so that a spec loads only the families that it uses.

Written from the declarations by `pytest --record tests/ops/test_index.py`.
"""

from __future__ import annotations

'''


def table(name: str, registry: Registry[Any]) -> str:
    """A family a line, its ops in the order of its file."""
    families: dict[str, list[str]] = {}
    for op in registry.declared.values():
        families.setdefault(op.__module__.removeprefix("spec_lang.ops."), []).append(op.name)
    rows = [f'    "{family}": "{" ".join(families[family])}",\n' for family in sorted(families)]
    return f"{name} = {{\n{''.join(rows)}}}\n"


def test_one_op_loads_one_family() -> None:
    program = (
        "import sys; from spec_lang.ops.base import LAYERS; assert 'Conv2d' in LAYERS; LAYERS['Linear'];"
        "print(*[m for m in sys.modules if m.startswith('spec_lang.ops.layers.')])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["spec_lang.ops.layers.linear"]
