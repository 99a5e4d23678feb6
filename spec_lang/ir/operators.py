"""What operators are: which function of the library on tensors, which condition on sizes, which function on numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

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

ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}
"""Python's operators on numbers and sizes; whoever applies one bounds its result."""

ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
