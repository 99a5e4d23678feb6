"""A line above each model that says how many parameters it has."""

from __future__ import annotations

from lsprotocol import types

from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.emission.emit import emit
from spec_lang.ir.instantiate import instantiate
from spec_lang.ir.state import State
from spec_lang.lsp.view import View
from spec_lang.syntax import ast


def parameters(known: Known, names: list[str]) -> dict[str, int]:
    """How many learned numbers each model has by its defaults, shared ones once; models too large to list are left out."""
    program = emit(known)
    found: dict[str, int] = {}
    for name in names:
        try:
            found[name] = State(program, instantiate(program, name)).parameters
        except EvaluationError:
            continue
    return found


def models(view: View) -> list[ast.Block]:
    return [n for n in view.text.definitions() if isinstance(n, ast.Block) and n.kind == "model"]


def lenses(view: View, counts: dict[str, int]) -> list[types.CodeLens]:
    found: list[types.CodeLens] = []
    for node in models(view):
        count = counts.get(node.name.id)
        if count is not None:
            where = view.positions.span(node.name.span, view.text.start_of(node))
            title = f"{count:,} parameter{'s' if count != 1 else ''}"
            found.append(types.CodeLens(where, types.Command(title, "")))
    return found
