"""What a loop's element stands for in one iteration."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.value import Case, Env, Iteration, Maybe, RecordValue, SymList, Value
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, Truth, opaque, symbol


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
    if isinstance(element, SymList) and isinstance(known, SymList):
        (own,) = element.args
        return {str(own): opaque("list", *known.args, text=known.name)}
    if isinstance(element, tuple) and isinstance(known, tuple):
        for e, k in zip(element, known, strict=False):
            found |= element_values(e, k)
    elif isinstance(element, RecordValue) and isinstance(known, RecordValue):
        for name, e in element.fields.items():
            found |= element_values(e, known.fields[name])
    return found


def element_items(it: Iteration, index: Dim) -> Env:
    """As `elements_at`, with what an element has that is no int: its floats and truths at one index."""
    found: Env = {}
    for part in it.parts:
        found |= element_items(part, index)
    if it.item is not None:
        _items(it.element, it.item(index), found)
    elif it.known is not None and index.const is not None and 0 <= index.const < len(it.known):
        _items(it.element, it.known[index.const], found)
    return found


def _items(element: Value, known: Value, env: Env) -> None:
    """What the names in an element are at one iteration."""
    if isinstance(element, Dim | SymList):
        env |= element_values(element, known)
    elif isinstance(element, Real) and isinstance(known, Real | float | Dim):
        if not element.args:
            env[element.head] = known
    elif isinstance(element, Cond) and isinstance(known, Cond | bool):
        if isinstance(element.said, Truth):
            env[str(element.said)] = known
    elif isinstance(element, tuple) and isinstance(known, tuple):
        for e, k in zip(element, known, strict=False):
            _items(e, k, env)
    elif isinstance(element, RecordValue) and isinstance(known, RecordValue):
        for name, e in element.fields.items():
            _items(e, known.fields[name], env)


def item_elements(it: Iteration, index: Dim) -> dict[str, Dim]:
    """What an element's ints are called in the loop, by what they are of their lists at its index."""
    found: dict[str, Dim] = {}
    for part in it.parts:
        found |= item_elements(part, index)
    if it.item is not None:
        by_name = element_values(it.element, it.item(index))
        found |= {str(item): symbol(name, *item.bounds) for name, item in by_name.items()}
        found |= _lengths(it.element, it.item(index))
    return found


def _lengths(element: Value, item: Value) -> dict[str, Dim]:
    """The lengths of an element's lists, by what they are of the lists that it is in."""
    if isinstance(element, SymList) and isinstance(item, SymList):
        return {str(item.length): element.length}
    found: dict[str, Dim] = {}
    if isinstance(element, tuple) and isinstance(item, tuple):
        for e, i in zip(element, item, strict=False):
            found |= _lengths(e, i)
    elif isinstance(element, RecordValue) and isinstance(item, RecordValue):
        for name, e in element.fields.items():
            found |= _lengths(e, item.fields[name])
    return found


def element_names(element: Value) -> frozenset[str]:
    """The names of all that an element has, in whatever it is part of."""
    if isinstance(element, tuple | list):
        return frozenset().union(*map(element_names, element))
    if isinstance(element, RecordValue):
        return frozenset().union(*map(element_names, element.fields.values()))
    if isinstance(element, Choice):
        return frozenset((element.text,))
    if isinstance(element, SymList):
        return frozenset((element.text,))
    if isinstance(element, Maybe):
        return element_names(element.value) | element.absent.names
    if isinstance(element, Case):
        return element_names(element.yes) | element_names(element.no) | element.cond.names
    return element.names if isinstance(element, Dim | Real | Cond) else frozenset()


def element_symbols(element: Value) -> frozenset[str]:
    """The symbols of ints in an element, and those that stand for its lists."""
    if isinstance(element, Dim):
        return element.symbols
    if isinstance(element, SymList):
        return frozenset().union(*(a.symbols for a in element.args))
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
    if isinstance(element, SymList):
        own = symbol(element.text)
        return SymList("{}", element.item, opaque("len", own, low=0, text="len({})"), (own,))
    if isinstance(element, tuple):
        return tuple(map(as_symbols, element))
    if isinstance(element, RecordValue):
        return RecordValue(element.definition, {n: as_symbols(v) for n, v in element.fields.items()})
    return element
