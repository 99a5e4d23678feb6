"""From syntax trees to a checked program: names, types, shapes, and the IR."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from spec_lang.diagnostics import Diagnostic
from spec_lang.ir.from_ast.definitions.definitions import Definitions
from spec_lang.ir.from_ast.definitions.known import may_be_loose
from spec_lang.ir.from_ast.definitions.options import Options
from spec_lang.ir.from_ast.names.scope import LoadedModule
from spec_lang.syntax import ast

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
    collecting = gc.isenabled()
    gc.disable()  # nothing here makes garbage in cycles, and its passes are quadratic in large programs
    try:
        return _checked(modules, options)
    finally:
        if collecting:
            gc.enable()


def _checked(modules: Sequence[LoadedModule], options: Options) -> tuple[Program | None, list[Diagnostic]]:
    definitions = Definitions(modules, options)
    definitions.run()
    diagnostics = definitions.result()
    if diagnostics:
        return None, diagnostics
    return emitted(definitions, modules)


def emitted(
    definitions: Definitions, modules: Sequence[LoadedModule]
) -> tuple[Program | None, list[Diagnostic]]:
    """The IR of what was checked without a mistake, and the mistakes that only it shows; expectations are run."""
    options = definitions.known.options
    expects = any(isinstance(p, ast.Expect) for p in _parts(modules))
    loose = may_be_loose(definitions.known)
    if not (options.emit or expects or loose):
        return None, []
    from spec_lang.ir.from_ast.emission.emit import emit

    program = emit(definitions.known)
    if loose:
        from spec_lang.ir.from_ast.emission.loose import report_loose

        report_loose(definitions.known, program)
        if found := definitions.result():
            return None, found
    if expects:
        from spec_lang.ir.from_ast.emission.expects import run_expects

        run_expects(definitions, program)
        if found := definitions.result():
            return None, found
    return program, []


def _parts(modules: Sequence[LoadedModule]) -> Iterator[ast.Part]:
    for definition in modules[0].tree.definitions:
        if isinstance(definition, ast.Block):
            yield from definition.parts


__all__ = ["LoadedModule", "Options", "check"]
