"""Comprehensions with an `if`, over lists whose items are not known one by one."""

from __future__ import annotations

from collections.abc import Callable

from spec_lang.ir.from_ast.expressions.folding import symbols_of, template
from spec_lang.ir.from_ast.loops.invariants import item_along
from spec_lang.ir.from_ast.loops.iteration import counter
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.values.elements import element_symbols, varies_along
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import Iteration, Value
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim, Truth, opaque, symbol
from spec_lang.shapes.flags import named_truth
from spec_lang.shapes.real import named_real

_EACH = "each"
"""What an item's place in the whole list is called."""


def filtered(c: Check, it: Iteration, cond: Cond) -> Iteration | None:
    """The items of a loop for which a condition holds; None where they are no function of their place.

    How many there are and what each is are terms: `[w for w in widths if w > 4]` is a list of its own, of which it is
    known that each item is one of the whole list.

    Args:
        cond: The condition on the loop's element.
    """
    place = symbol(_EACH, 0)
    test, whole = item_along(it, cond, place), item_along(it, it.element, place)
    if varies_along(it, (test, whole)) or _EACH in it.length.names | type_symbols((test, whole)) - {_EACH}:
        return None

    def listing(part: Value) -> tuple[str, tuple[Dim, ...]]:
        sizes = {n: d for v in (part, test) for n, d in symbols_of(v).items() if n != _EACH}
        text, args = template(part, sizes)
        condition, others = template(test, sizes)
        return f"[{text} for {_EACH} in range({{}}) if {condition}]", (*args, it.length, *others)

    text, args = listing(place)
    length = opaque("len", *args, low=0, text=f"len({text})")
    pairs: list[tuple[Value, Callable[[Dim], Value]]] = []
    element = _elements(c, whole, listing, pairs)
    if element is None:
        return None
    found = Iteration(length, counter(c, "index"), element, None, element_symbols(element))
    found.item = lambda k: _at(element, dict(enumerate(item(k) for _, item in pairs)))
    c.block.running.elements |= found.symbols
    return found


def _elements(
    c: Check,
    part: Value,
    listing: Callable[[Value], tuple[str, tuple[Dim, ...]]],
    pairs: list[tuple[Value, Callable[[Dim], Value]]],
) -> Value:
    """An element of the items that are left, with what each number in it is at a place; None for what is no number."""
    if isinstance(part, tuple):
        items = tuple(_elements(c, p, listing, pairs) for p in part)
        return None if any(i is None for i in items) else items
    if not isinstance(part, Dim | Real | Cond):
        return None
    text, args = listing(part)
    if isinstance(part, Cond):
        truth = Cond.flag(Truth(str(c.fresh("item"))))
        pairs.append((truth, lambda k: Cond.flag(named_truth(f"{text}[{{}}]", (*args, k)))))
        return truth
    if isinstance(part, Dim):
        low, high = part.bounds
        size = c.fresh("item", low, high)
        pairs.append((size, lambda k: opaque("item", *args, k, low=low, high=high, text=f"{text}[{{}}]")))
        return size
    real = Real(str(c.fresh("item")))
    pairs.append((real, lambda k: named_real(f"{text}[{{}}]", (*args, k))))
    return real


def _at(element: Value, items: dict[int, Value]) -> Value:
    """The element with the items in its numbers' places, in their order."""
    if isinstance(element, tuple):
        return tuple(_at(e, items) for e in element)
    return items.pop(min(items))
