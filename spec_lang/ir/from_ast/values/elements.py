"""What a loop's element stands for in one iteration."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.value import Iteration, RecordValue, Value
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
    found: dict[str, Dim] = {}
    if isinstance(element, tuple) and isinstance(known, tuple):
        for e, k in zip(element, known, strict=False):
            found |= element_values(e, k)
    elif isinstance(element, RecordValue) and isinstance(known, RecordValue):
        for name, e in element.fields.items():
            found |= element_values(e, known.fields[name])
    return found


def inside(it: Iteration, *conds: Cond) -> tuple[Cond, ...]:
    """What holds in one iteration: what is zipped is at one index."""
    if not _zips(it):
        return conds
    own = _dims_of(it)
    return (*conds, *(Cond.eq(own[n], v) for n, v in elements_at(it, it.index).items() if n in own))


def _zips(it: Iteration) -> bool:
    return len(it.parts) > 1 or any(map(_zips, it.parts))


def _dims_of(it: Iteration) -> dict[str, Dim]:
    return element_dims(it.element) | {n: d for part in it.parts for n, d in _dims_of(part).items()}


def element_dims(element: Value) -> dict[str, Dim]:
    """The ints of an element that are symbols, by their names."""
    if isinstance(element, Dim):
        return {str(element): element} if str(element) in element.symbols else {}
    if isinstance(element, tuple):
        return {n: d for e in element for n, d in element_dims(e).items()}
    if isinstance(element, RecordValue):
        return {n: d for e in element.fields.values() for n, d in element_dims(e).items()}
    return {}


def backwards(it: Iteration) -> Iteration:
    """An iteration over the same, from its end."""
    known = None if it.known is None else it.known[::-1]
    other = Iteration(it.length, it.index, it.element, known, it.symbols)
    item, last = it.item, it.length - 1
    if item is not None:
        other.item = lambda k: item(last - k)
    other.text, other.parts = it.text, tuple(map(backwards, it.parts))
    return other


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
