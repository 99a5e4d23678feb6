"""Strings of lists, where one must be known itself: as a key, or as a part of a text."""

from __future__ import annotations

from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.values.elements import items_at
from spec_lang.ir.from_ast.values.value import Value
from spec_lang.ops.kinds import Choice


def need_text(c: Check, value: Value) -> None:
    """Ask for the list that a string which may be any is an item of.

    Raises:
        NeedsValue: it is one.
    """
    if isinstance(value, Choice) and value.options is None:
        it = c.block.running.loops.get(value.text)
        item = None if it is None else items_at(it, it.index).get(value.text)
        raise NeedsValue(frozenset({value.text if item is None else str(item)}), True)
