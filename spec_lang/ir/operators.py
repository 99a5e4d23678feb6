"""Which function of the library an operator on tensors is, and which condition a comparison of sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from spec_lang.shapes import Cond, Dim

BINARY: Final = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "//": "floor_divide",
    "%": "remainder",
    "**": "pow",
    "@": "matmul",
    "&": "bitwise_and",
    "|": "bitwise_or",
    "^": "bitwise_xor",
    "<<": "bitwise_left_shift",
    ">>": "bitwise_right_shift",
}
COMPARISONS: Final = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
UNARY: Final = {"-": "neg", "+": "positive", "~": "bitwise_not", "not": "logical_not"}
INDEXING: Final = "getitem"

CONDITIONS: Final[dict[str, Callable[[Dim | int, Dim | int], Cond]]] = {
    "==": Cond.eq,
    "!=": Cond.ne,
    "<": Cond.lt,
    "<=": Cond.le,
    ">": Cond.gt,
    ">=": Cond.ge,
}
