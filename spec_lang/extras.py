"""The packages that only some work needs, and the extras of ours that bring them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

EXTRAS: Final = {
    "numpy": "onnx",
    "onnx": "onnx",
    "torch": "torch",
    "onnxruntime": "run",
    "openvino": "openvino",
    "pygls": "lsp",
    "watchfiles": "watch",
    "py_mini_racer": "view",
}
"""The smallest extra that brings each package."""


def lacking(packages: Iterable[str], extra: str) -> str:
    """What to say where packages are not installed."""
    return f"this needs {' and '.join(packages)}: pip install 'spec-lang[{extra}]'"
