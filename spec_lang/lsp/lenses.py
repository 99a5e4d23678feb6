"""A line above each model that says how many parameters it has, and the FLOPs of its `forward`."""

from __future__ import annotations

from lsprotocol import types

from spec_lang.accounting.counts import Count
from spec_lang.accounting.trace import trace
from spec_lang.ir import model
from spec_lang.ir.arithmetic import HostError
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.instantiate import instantiate
from spec_lang.ir.state import State
from spec_lang.lsp.view import View
from spec_lang.syntax import ast
from spec_lang.view.costs import short

LONG = 80
"""Characters of FLOPs that a lens says."""


def costs(program: model.Program, name: str) -> tuple[int, Count] | None:
    """How many learned numbers a model has by its defaults, shared ones once, and the FLOPs of `forward` for all sizes.

    None for one that is too large to list; the FLOPs are None where they depend on more than sizes.
    """
    try:
        parameters = State(program, instantiate(program, name)).parameters
    except EvaluationError:
        return None
    try:
        run = trace(program, name)
    except (EvaluationError, HostError):
        return parameters, None
    return parameters, None if run.externs else run.call.flops


def models(view: View) -> list[ast.Block]:
    return [n for n in view.text.definitions() if isinstance(n, ast.Block) and n.kind == "model"]


def lenses(view: View, uri: str) -> list[types.CodeLens]:
    """A lens at each model; what it says is found when it is shown."""
    return [
        types.CodeLens(
            view.positions.span(node.name.span, view.text.start_of(node)),
            data={"uri": uri, "model": node.name.id},
        )
        for node in models(view)
    ]


def said(cost: tuple[int, Count] | None) -> str:
    """What a lens says; while there are mistakes, nothing is known."""
    if cost is None:
        return "not known"
    parameters, flops = cost
    text = f"{parameters:,} parameter{'s' if parameters != 1 else ''}"
    work = short(flops, LONG)
    return f"{text} · {work} FLOPs" if work else text
