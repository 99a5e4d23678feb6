"""Tuples, lists and dicts."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.items import known_list, spliced
from spec_lang.ir.from_ast.expressions.lists import joined
from spec_lang.ir.from_ast.layers.containers import list_module
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.choices import as_size
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import POISON, Mapped, Parts, Value
from spec_lang.syntax import ast


def tuple_(c: Check, at: Place, node: ast.Tuple) -> Value:
    items = item_values(c, at, node.items)
    return POISON if items is None else tuple(items)


def list_(c: Check, at: Place, node: ast.List) -> Value:
    if any(isinstance(n, ast.Star) for n in node.items) and at.mode is not Mode.LAYERS:
        return _spliced(c, at, node)
    pairs = placed(c, at, node.items)
    items = [v for _, v in pairs]
    if POISON in items:
        return POISON
    if at.mode is Mode.LAYERS and any(map(is_module, items)):
        return list_module(c, at, pairs)
    return items


def _spliced(c: Check, at: Place, node: ast.List) -> Value:
    """A list with others in it, which may be of a length that is not known."""
    found: list[Value] = []
    for item in node.items:
        value = c.ev(at, item.value if isinstance(item, ast.Star) else item)
        if isinstance(item, ast.Star) and not isinstance(value, Mapped | Parts):
            items = known_list(c, value, item.value)
            value = POISON if items is None else items
        elif not isinstance(item, ast.Star) and value is not POISON:
            value = [as_size(value, c.block.hypers)]
        found.append(value)
    return POISON if POISON in found else joined(c, at, *found)


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
