"""What a loop's element stands for in one iteration."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.value import Iteration, RecordValue, Value
from spec_lang.shapes import Cond, Dim, symbol


def elements_at(it: Iteration, index: Dim) -> dict[str, Dim]:
    """The values of the element's symbols at one index; none for those that nothing gives there."""
    return {str(own): value for own, value in element_pairs(it, index)}


def element_facts(it: Iteration, index: Dim) -> list[Cond]:
    """What the element's symbols are at one index, each with the bounds that it has."""
    return [Cond.eq(own, value) for own, value in element_pairs(it, index)]


def element_pairs(it: Iteration, index: Dim) -> list[tuple[Dim, Dim]]:
    """The element's symbols with their values at one index."""
    found = [pair for part in it.parts for pair in element_pairs(part, index)]
    if it.item is not None:
        found += _pairs(it.element, it.item(index))
    elif it.known is not None and index.const is not None and 0 <= index.const < len(it.known):
        found += _pairs(it.element, it.known[index.const])
    return found


def _pairs(element: Value, known: Value) -> list[tuple[Dim, Dim]]:
    """The symbols of an element with their values at one iteration."""
    if isinstance(element, Dim) and isinstance(known, Dim):
        return [(element, known)] if len(element.symbols) == 1 and str(element) in element.symbols else []
    if isinstance(element, tuple) and isinstance(known, tuple):
        return [pair for e, k in zip(element, known, strict=False) for pair in _pairs(e, k)]
    if isinstance(element, RecordValue) and isinstance(known, RecordValue):
        return [pair for name, e in element.fields.items() for pair in _pairs(e, known.fields[name])]
    return []


def part_of(it: Iteration, start: Dim, length: Dim) -> Iteration:
    """What is gone through from one index on."""
    if start.const == 0:
        return it
    (own,) = it.index.symbols
    known = None if it.known is None or start.const is None else it.known[start.const :]
    item = it.item
    found = Iteration(length, it.index, substitute(it.element, {own: it.index + start}), known, it.symbols)
    found.item = None if item is None else lambda k: item(start + k)
    found.parts = tuple(part_of(p, start, length) for p in it.parts)
    return found


def element_symbols(element: Value) -> frozenset[str]:
    """The symbols of ints in an element."""
    if isinstance(element, Dim):
        return element.symbols
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
