"""From syntax trees to a checked program: names, types, shapes, and the IR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spec_lang.diagnostics import Diagnostic
from spec_lang.ir.from_ast.checker import Checker, Options
from spec_lang.ir.from_ast.scope import LoadedModule

if TYPE_CHECKING:
    from spec_lang.ir.model import Program


def check(
    modules: Sequence[LoadedModule], options: Options | None = None
) -> tuple[Program | None, list[Diagnostic]]:
    """Check parsed files and make their IR.

    Args:
        modules: The entry, and behind it the files that it imports, each by its dotted name.
        options: Values that replace hyperparameters' defaults, and for which model.

    Returns:
        The program, None where there are errors, and every mistake once, in the files' order.
    """
    options = options or Options()
    checker = Checker(modules, options)
    checker.run()
    diagnostics = checker.result()
    if diagnostics:
        return None, diagnostics
    from spec_lang.ir.from_ast.emit import emit

    return emit(checker), []


__all__ = ["LoadedModule", "Options", "check"]
