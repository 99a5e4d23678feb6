"""What a loop's element stands for in one iteration."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.value import Iteration, Value
from spec_lang.shapes import Dim


def elements_at(it: Iteration, index: Dim) -> dict[str, Dim]:
    """The values of the element's symbols at one index."""
    if it.item is not None:
        return element_values(it.element, it.item(index))
    if it.known is not None and index.const is not None and 0 <= index.const < len(it.known):
        return element_values(it.element, it.known[index.const])
    return {}


def element_values(element: Value, known: Value) -> dict[str, Dim]:
    """The symbols of an element by their values at one iteration."""
    if isinstance(element, Dim) and isinstance(known, Dim):
        if len(element.symbols) == 1 and str(element) in element.symbols:
            return {str(element): known}
        return {}
    if isinstance(element, tuple) and isinstance(known, tuple):
        found: dict[str, Dim] = {}
        for e, k in zip(element, known, strict=False):
            found |= element_values(e, k)
        return found
    return {}
