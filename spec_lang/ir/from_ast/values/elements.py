"""What a loop's element stands for in one iteration."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.substitution import as_term
from spec_lang.ir.from_ast.values.value import Iteration, RecordValue, Value
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim, symbol


def elements_at(it: Iteration, index: Dim) -> dict[str, Dim]:
    """The values of the element's symbols at one index; none for those that nothing gives there."""
    found: dict[str, Dim] = {}
    for part in it.parts:
        found |= elements_at(part, index)
    if it.item is not None:
        found |= element_values(it.element, it.item(index))
    elif it.known is not None and index.const is not None and 0 <= index.const < len(it.known):
        found |= element_values(it.element, it.known[index.const])
    return found


def element_values(element: Value, known: Value) -> dict[str, Dim]:
    """The symbols of an element by their values at one iteration."""
    if isinstance(element, Dim) and isinstance(known, Dim):
        if len(element.symbols) == 1 and str(element) in element.symbols:
            return {str(element): known}
        return {}
    if isinstance(element, Real):
        return {str(element): as_term(known)} if isinstance(known, Real | float) else {}
    found: dict[str, Dim] = {}
    if isinstance(element, tuple) and isinstance(known, tuple):
        for e, k in zip(element, known, strict=False):
            found |= element_values(e, k)
    elif isinstance(element, RecordValue) and isinstance(known, RecordValue):
        for name, e in element.fields.items():
            found |= element_values(e, known.fields[name])
    return found


def element_symbols(element: Value) -> frozenset[str]:
    """The symbols of numbers in an element; a size that is made of a float has the float's name in it."""
    if isinstance(element, Dim):
        return element.symbols
    if isinstance(element, Real):
        return frozenset({str(element)})
    if isinstance(element, tuple):
        return frozenset().union(*map(element_symbols, element))
    if isinstance(element, RecordValue):
        return frozenset().union(*map(element_symbols, element.fields.values()))
    return frozenset()


def element_flags(it: Iteration) -> frozenset[str]:
    """The names of the flags in a loop's element, which each item has its own of."""
    return _flags(it.element).union(*map(element_flags, it.parts))


def _flags(element: Value) -> frozenset[str]:
    if isinstance(element, Cond):
        return element.names - element.symbols
    if isinstance(element, tuple):
        return frozenset().union(*map(_flags, element))
    if isinstance(element, RecordValue):
        return frozenset().union(*map(_flags, element.fields.values()))
    return frozenset()


def as_symbols(element: Value) -> Value:
    """An element whose ints are symbols: of an item that is gone through, `s.out` is another size each time."""
    if isinstance(element, Dim):
        return symbol(str(element), *element.bounds)
    if isinstance(element, tuple):
        return tuple(map(as_symbols, element))
    if isinstance(element, RecordValue):
        return RecordValue(element.definition, {n: as_symbols(v) for n, v in element.fields.items()})
    return element
