"""Comprehensions each item of which is several layers: `[*[A(), B()] for ...]`, one list of them all."""

from __future__ import annotations

from spec_lang.ir.from_ast.layers.containers import may_be_key
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.notes import Notes
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_list, is_module
from spec_lang.ir.from_ast.values.value import POISON, Case, FlatModule, ListModule, RepeatModule, Value
from spec_lang.syntax import ast


def may_spread(at: Place, node: ast.Comprehension) -> bool:
    """Whether the last `for` only gives what it goes over: `[layer for w in widths for layer in [A(w), B(w)]]`."""
    *before, last = node.generators
    target, value = last.target, node.value
    return (
        at.mode is Mode.LAYERS
        and node.key is None
        and bool(before)
        and not last.tests
        and isinstance(target, ast.Name)
        and isinstance(value, ast.Name)
        and value.id == target.id
        and isinstance(last.iterable, ast.List | ast.Comprehension | ast.IfExp)
    )


def parts(notes: Notes, node: ast.Comprehension) -> tuple[tuple[ast.Generator, ...], ast.Expr | None]:
    """The loops of a comprehension, and what is spread for each item; None where an item is one."""
    if isinstance(node.value, ast.Star):
        return node.generators, node.value.value
    if node.number in notes.spread:
        return node.generators[:-1], node.generators[-1].iterable
    return node.generators, None


class NoLayers(Exception):
    """What the last `for` of a comprehension goes over is no list of layers."""


def run_of(c: Check, at: Place, node: ast.Comprehension, spread: ast.Expr) -> Value:
    """The layers that one item is, in order.

    Raises:
        NoLayers: it is something else, and no `*` says that it were a list of them.
    """
    if isinstance(spread, ast.Dict):
        return _entries(c, at, spread)
    value = c.ev(at, spread)
    found = _as_run(value)
    if found is None and not isinstance(node.value, ast.Star):
        raise NoLayers
    if found is None:
        hint = "without the `*`, it is an item itself" if is_module(value) else None
        what = "one of something else" if isinstance(value, list) else host.kind_of(value)
        return c.error("E0403", f"`*` before a `for` spreads a list of layers, not {what}", spread, help=hint)
    return found


def _entries(c: Check, at: Place, node: ast.Dict) -> Value:
    """The layers of a dict that each item makes, in order; their keys count."""
    items: list[Value] = []
    for entry in node.items:
        if entry.key is None:
            return c.error("E0403", "the dict of an item lists its layers, and spreads no other", entry.value)
        item = c.ev(at, entry.value)
        key = c.ev(at, entry.key)
        if item is POISON or key is POISON:
            return POISON
        if item is not None and not is_module(item):
            return c.error("E0408", f"a container holds layers, not {host.kind_of(item)}", entry.value)
        if is_list(item):
            return c.error("E0408", "Sequential holds layers, not a list of them", entry.value)
        if not may_be_key(c, key, "sequential", entry.key):
            return POISON
        items.append(item)
    return ListModule("", "run", items, [])


def keys_of(c: Check, at: Place, node: ast.Comprehension) -> tuple[Value, ...] | None:
    """What the layers of each item are called, where they are those of a dict."""
    value = node.value
    if not isinstance(value, ast.Star) or not isinstance(value.value, ast.Dict):
        return None
    return tuple(c.ev(at, entry.key) for entry in value.value.items if entry.key is not None)


def _as_run(value: Value) -> Value:
    if value is POISON:
        return POISON
    if isinstance(value, Case):
        yes, no = _as_run(value.yes), _as_run(value.no)
        return None if yes is None or no is None else Case(value.cond, yes, no)
    if isinstance(value, FlatModule) or (isinstance(value, RepeatModule) and not value.keyed):
        return ListModule("", "run", [value], [])
    if isinstance(value, ListModule) and value.kind in ("list", "run"):
        return ListModule("", "run", value.items, value.keys)
    if isinstance(value, list) and all(v is None for v in value):
        return ListModule("", "run", [], [])
    return None
