"""What messages call the things that a caller can ask for: options of the command line, or arguments of `compile_onnx`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_from_python: Final = ContextVar("from_python", default=False)

_ARGUMENTS: Final = {
    "--dim": "dims",
    "--embed": 'mode="embed"',
    "--force": "force=True",
    "--ignore": "ignores",
    "--input": "inputs",
    "--method": "method",
    "--no-weights": 'mode="none"',
    "--opset": "opset",
    "--rename": "renames",
    "--seed": "seed",
    "--set": "hyperparameters",
    "--weights": "weights",
    "--zero-copy": 'mode="point"',
}
"""The arguments by the options that ask for the same."""
_LISTS: Final = frozenset({"--ignore", "--rename"})
"""Those that take a list of texts where the option is repeated."""
_NUMBERS: Final = frozenset({"--opset", "--seed"})


@contextmanager
def from_python() -> Iterator[None]:
    """Messages that are made inside speak of arguments."""
    before = _from_python.set(True)
    try:
        yield
    finally:
        _from_python.reset(before)


def asked(option: str, *values: str) -> str:
    """An option, as whoever calls would write it, with values or alone."""
    if not _from_python.get():
        shown = [f"'{v}'" if option in _LISTS else v for v in values]
        return " ".join(f"{option} {v}" for v in shown) if values else option
    name = _ARGUMENTS[option]
    if not values:
        return name
    if option in _LISTS:
        return f"{name}=[{', '.join(map(_text, values))}]"
    return f"{name}={values[0] if option in _NUMBERS else _text(values[0])}"


def _text(value: str) -> str:
    return f'"{value}"' if not set(value) & set('"\\') else repr(value)
