"""Words of Python's libraries that people write out of habit, and the language's own for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

NAMESPACES = frozenset({"torch", "nn", "F", "functional", "np", "numpy", "tf", "keras", "jnp", "math"})
"""Modules of Python's whose members a spec names directly."""

DTYPES: Mapping[str, str] = {
    "float32": "f32",
    "fp32": "f32",
    "single": "f32",
    "float64": "f64",
    "double": "f64",
    "fp64": "f64",
    "float16": "f16",
    "fp16": "f16",
    "half": "f16",
    "bfloat16": "bf16",
    "int64": "i64",
    "long": "i64",
    "int32": "i32",
    "int16": "i16",
    "short": "i16",
    "int8": "i8",
    "uint8": "u8",
    "byte": "u8",
    "boolean": "bool",
}
"""The exact dtypes."""

IN_TYPES: Mapping[str, str] = {
    **{d: d for d in ("float", "int", "bool", "f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u8")},
    **DTYPES,
    **dict.fromkeys(("float32", "fp32", "single"), "float"),
    **dict.fromkeys(("int64", "long"), "int"),
}
"""The dtypes of a tensor's type: what is 32 bits wide in PyTorch is mostly the model's own precision."""

_FILLED = {"zeros": "zeros()", "ones": "ones()", "randn": "normal()", "rand": "uniform()"}
_PARAMETER = re.compile(
    r"(?:self\.)?(\w+)\s*=\s*(?:(?:torch\.)?nn\.)?Parameter\(\s*(?:torch\.)?"
    rf"(?:({'|'.join(_FILLED)})\(\(?([\w\s,+*/()-]*?)\)?\)|.*)\s*\)\s*",
    re.S,
)
_ADDED = re.compile(r"(?:self\.)?(?:add_module|register_module)\(\s*([\"'])(\w+)\1\s*,\s*(.+)\)\s*", re.S)
_BUFFER = re.compile(r"(?:self\.)?register_buffer\(\s*([\"'])(\w+)\1\s*,\s*(.+)\)\s*", re.S)


class Declared(NamedTuple):
    """How a spec says what a line of an `__init__` does.

    Attributes:
        help: In words.
        text: The line itself, where all of it is known.
    """

    help: str
    text: str | None = None


def declared(line: str) -> Declared | None:
    """What `self.w = nn.Parameter(...)`, `register_buffer(...)`, `add_module(...)` or `self.fc = ...` is under `layers:`."""
    if (found := _PARAMETER.fullmatch(line)) is not None:
        name, fill, sizes = found.groups()
        if fill is None or not sizes.strip() or sizes.count("(") != sizes.count(")"):
            return Declared(f"a learned tensor is declared: `param {name}: float[4] = normal(std=0.02)`")
        text = f"param {name}: float[{sizes.strip().rstrip(',')}] = {_FILLED[fill]}"
        return Declared(f"a learned tensor is declared: `{text}`", text)
    if (found := _BUFFER.fullmatch(line)) is not None:
        return Declared(
            f"a fixed tensor is declared with its type: `buffer {found[2]}: float[4, 4] = tril(ones(4, 4))`"
        )
    if (found := _ADDED.fullmatch(line)) is not None:
        text = f"{found[2]} = {found[3]}"
        return Declared(f"write `{text}`", text)
    if (found := re.fullmatch(r"self\.(\w+\s*=.*)", line, re.S)) is not None:
        name = found[1].partition("=")[0].strip()
        return Declared(f"write `{name} = ...`: layers are named without `self.`", found[1])
    return None
