"""Tuples, lists and dicts."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.items import spliced
from spec_lang.ir.from_ast.layers.containers import list_module
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.choices import as_size
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import POISON, Value
from spec_lang.syntax import ast


def tuple_(c: Check, at: Place, node: ast.Tuple) -> Value:
    items = item_values(c, at, node.items)
    return POISON if items is None else tuple(items)


def list_(c: Check, at: Place, node: ast.List) -> Value:
    pairs = placed(c, at, node.items)
    items = [v for _, v in pairs]
    if POISON in items:
        return POISON
    if at.mode is Mode.LAYERS and any(map(is_module, items)):
        return list_module(c, at, pairs)
    return items


def placed(c: Check, at: Place, nodes: tuple[ast.Expr, ...]) -> list[tuple[ast.Expr, Value]]:
    """The values of a list's items, each with its place; `*x` is spliced."""
    found: list[tuple[ast.Expr, Value]] = []
    for node in nodes:
        if isinstance(node, ast.Star):
            items = spliced(c, at, c.ev(at, node.value), node.value)
            found += [(node, POISON)] if items is None else [(node, v) for v in items]
        else:
            found.append((node, as_size(c.ev(at, node), c.block.hypers)))
    return found


def item_values(c: Check, at: Place, nodes: tuple[ast.Expr, ...]) -> list[Value] | None:
    """The values of a tuple's items; None after a mistake."""
    found = [v for _, v in placed(c, at, nodes)]
    return None if POISON in found else found


def star(c: Check, at: Place, node: ast.Star) -> Value:
    return c.error("E0403", "`*` spreads a list inside a list, a tuple or a call's arguments", node)
