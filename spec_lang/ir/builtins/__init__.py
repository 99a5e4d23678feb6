"""The built-in functions and values of the language, over what is known without the data: one row each.

A row says what its name takes, what it gives while a spec is checked and with concrete values, and how Python spells it.
A new one is one more row; the checker, the evaluator and the targets know of it by that.
"""

from __future__ import annotations

from spec_lang.ir.arithmetic import Host, HostError, NotStatic, plain
from spec_lang.ir.builtins import folds, lists, numbers
from spec_lang.ir.builtins.row import Constant, Row, Site, Value
from spec_lang.shapes import Dim

FUNCTIONS: dict[str, Row] = {row.name: row for row in (*lists.ROWS, *folds.ROWS, *numbers.ROWS)}
CONSTANTS: dict[str, Constant] = {row.name: row for row in numbers.CONSTANTS}

MAKERS = frozenset({"Sequential", "partial"})
"""The built-in names that make layers, so that `_` may stand among their arguments: what they do is construction."""


def call(name: str, args: list[Host], kwargs: dict[str, Host]) -> Host:
    """The value of a built-in function.

    Raises:
        HostError: the arguments do not fit, or their values are known at run time only.
    """
    row = FUNCTIONS.get(name)
    if row is None:
        raise HostError(f"there is no built-in function `{name}`")
    try:
        return plain(row.concrete(*args, **kwargs))
    except (TypeError, ValueError, OverflowError) as error:
        for a in args:
            if isinstance(a, Dim):
                raise NotStatic(f"{name}({a})") from None
        raise HostError(f"{name} cannot take these values: {error}") from None


__all__ = ["CONSTANTS", "FUNCTIONS", "MAKERS", "Constant", "Row", "Site", "Value", "call"]
