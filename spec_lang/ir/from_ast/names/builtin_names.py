"""The names of built-in functions and values."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.value import Value

COMPUTED = frozenset(
    {
        *("range", "len", "enumerate", "zip", "reversed"),
        *("min", "max", "sum", "all", "any"),
        *("int", "float", "bool", "str"),
        *("round", "ceil", "floor", "sqrt", "log", "exp", "abs"),
    }
)
"""Python's own functions that give numbers, truths, strings and lists."""


MAKERS = frozenset({"Sequential", "partial"})
"""The built-in names that make layers, so that `_` may stand among their arguments."""


BUILTINS = COMPUTED | MAKERS


BUILTIN_VALUES: dict[str, Value] = {"inf": float("inf"), "pi": 3.141592653589793}
