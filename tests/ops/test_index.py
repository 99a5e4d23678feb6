"""The table of families says which one declares each op, and a family is imported only when it is asked for."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import spec_lang.ops.functions
import spec_lang.ops.layers
from spec_lang.ops.base import FUNCTIONS, LAYERS


def test_the_index_is_what_is_declared() -> None:
    for package in (spec_lang.ops.functions, spec_lang.ops.layers):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    importlib.import_module("spec_lang.ops.activations")
    importlib.import_module("spec_lang.ops.losses")
    for registry in (LAYERS, FUNCTIONS):
        declared = {n: c.__module__.removeprefix("spec_lang.ops.") for n, c in registry.declared.items()}
        assert dict(registry.modules) == declared


def test_one_op_loads_one_family() -> None:
    program = (
        "import sys; from spec_lang.ops.base import LAYERS; assert 'Conv2d' in LAYERS; LAYERS['Linear'];"
        "print(*[m for m in sys.modules if m.startswith('spec_lang.ops.layers.')])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["spec_lang.ops.layers.linear"]
