"""Chains of calls (`x -> f -> g`), and where a long one breaks into statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spec_lang.ir import model as m
from spec_lang.ops.base import LAYERS

NESTED = 3
"""A chain of so many calls may stand in one expression."""


def stages(e: m.Expr) -> tuple[m.Expr, list[m.Call]]:
    """What a chain starts from, and its calls in the order in which they run."""
    calls: list[m.Call] = []
    while isinstance(e, m.Call) and e.style != "call" and e.args:
        calls.append(e)
        e = e.args[0]
    return e, calls[::-1]


def grouped(calls: Sequence[m.Call], made: Callable[[m.Expr], m.Expr | None]) -> list[list[m.Call]]:
    """The calls of each statement: what has weights begins one, what follows it cheaply stays with it.

    `made` gives the constructor of a module.
    """

    def heavy(call: m.Call) -> bool:
        if call.to not in ("apply", "run", "method"):
            return False
        maker = made(call.callee) if call.callee is not None else None
        return not (isinstance(maker, m.Call) and maker.to == "make" and _light(maker.name))

    groups: list[list[m.Call]] = [[]]
    for call in calls:
        last = groups[-1]
        full = len(last) == NESTED or (last and last[-1].to == "run")
        if last and (full or call.to == "run" or (heavy(call) and (len(last) > 1 or heavy(last[0])))):
            groups.append([])
        groups[-1].append(call)
    return groups


def _light(layer: str) -> bool:
    cls = LAYERS.get(layer)
    return cls is not None and not cls.always


def has_chain(e: object) -> bool:
    """Whether a chain of two calls or more stands anywhere inside."""
    if isinstance(e, m.Call) and len(stages(e)[1]) > 1:
        return True
    if isinstance(e, tuple):
        return any(map(has_chain, e))
    return isinstance(e, m.Node) and any(
        has_chain(v) for k, v in e.__dict__.items() if k not in ("span", "type")
    )
