"""What a loop's element stands for in one iteration."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.value import (
    Case,
    Env,
    Iteration,
    Mapped,
    Maybe,
    RecordValue,
    SymList,
    Template,
    Value,
)
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, TensorType, Truth, dim, opaque, root, symbol
from spec_lang.shapes.division import divide
from spec_lang.shapes.real import as_term
from spec_lang.shapes.replace import by_terms

VARIABLE = "\N{DEGREE SIGN}"
"""Starts the symbol of what an author calls so, whatever counts some loop by that name."""


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
    if isinstance(element, Real):
        return [(as_term(element), as_term(known))] if isinstance(known, Real | float) else []
    if isinstance(element, SymList) and isinstance(known, SymList):
        (own,) = element.args
        return [(own, opaque("list", *known.args, text=known.name))]
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
    found.own = it.own
    found.parts = tuple(part_of(p, start, length) for p in it.parts)
    return found


def items_at(it: Iteration, index: Dim) -> Env:
    """As `elements_at`, with floats as such, and truths."""
    found: Env = {}
    for part in it.parts:
        found |= items_at(part, index)
    if it.item is not None:
        found |= _items(it.element, it.item(index))
    elif it.known is not None and index.const is not None and 0 <= index.const < len(it.known):
        found |= _items(it.element, it.known[index.const])
    return found


def _items(element: Value, known: Value) -> Env:
    """What the names in an element are at one iteration."""
    if isinstance(element, Real) and not element.args and isinstance(known, Real | float | Dim):
        return {element.head: known}
    if isinstance(element, Cond) and isinstance(element.said, Truth) and isinstance(known, Cond | bool):
        return {str(element.said): known}
    if isinstance(element, Choice) and isinstance(known, Choice | str):
        return {str(element): known}
    if isinstance(element, tuple) and isinstance(known, tuple):
        return {n: v for e, k in zip(element, known, strict=False) for n, v in _items(e, k).items()}
    if isinstance(element, RecordValue) and isinstance(known, RecordValue):
        return {n: v for name, e in element.fields.items() for n, v in _items(e, known.fields[name]).items()}
    return {str(own): value for own, value in _pairs(element, known)}


def names_of(it: Iteration, index: Dim) -> Env:
    """What an element's numbers and lists are called in the loop, by what they are of their lists at its index."""
    found: Env = {}
    for part in it.parts:
        found |= names_of(part, index)
    return found if it.item is None else found | _called(it.element, it.item(index))


def _called(element: Value, item: Value) -> Env:
    if isinstance(element, Real):
        return {str(item): element} if isinstance(item, Real) else {}
    if isinstance(element, Cond) and isinstance(item, Cond):
        return {str(item.said): element} if isinstance(item.said, Truth) else {}
    if isinstance(element, Choice):
        return {str(item): element} if isinstance(item, Choice) else {}
    if isinstance(element, SymList) and isinstance(item, SymList):
        return {str(item.length): element.length, item.text: element.args[0]}
    if isinstance(element, tuple) and isinstance(item, tuple):
        return {n: v for e, i in zip(element, item, strict=False) for n, v in _called(e, i).items()}
    if isinstance(element, RecordValue) and isinstance(item, RecordValue):
        return {n: v for name, e in element.fields.items() for n, v in _called(e, item.fields[name]).items()}
    return {str(value): own for own, value in _pairs(element, item)}


def element_symbols(element: Value) -> frozenset[str]:
    """The symbols of numbers in an element, and those that stand for its lists.

    A size that is made of a float has the float's name in it.
    """
    if isinstance(element, Dim):
        return element.symbols
    if isinstance(element, Real):
        return frozenset({str(element)})
    if isinstance(element, SymList):
        return frozenset().union(*(a.symbols for a in element.args))
    if isinstance(element, tuple):
        return frozenset().union(*map(element_symbols, element))
    if isinstance(element, RecordValue):
        return frozenset().union(*map(element_symbols, element.fields.values()))
    return frozenset()


def element_floats(it: Iteration) -> frozenset[str]:
    """The names of floats in an element."""
    return _floats(it.element).union(*map(element_floats, it.parts))


def _floats(element: Value) -> frozenset[str]:
    if isinstance(element, Real):
        return frozenset() if element.args else frozenset((element.head,))
    if isinstance(element, tuple):
        return frozenset().union(*map(_floats, element))
    if isinstance(element, RecordValue):
        return frozenset().union(*map(_floats, element.fields.values()))
    return frozenset()


def element_names(it: Iteration) -> frozenset[str]:
    """What names of an element's parts begin with: `s` of `s.rate`, `len(s)` and `s[0]`."""
    own = frozenset[str]() if it.own is None else frozenset((it.own,))
    return own.union(*map(element_names, it.parts))


def element_flags(it: Iteration) -> frozenset[str]:
    """The names of the flags and strings in a loop's element, which each item has its own of."""
    return _flags(it.element).union(*map(element_flags, it.parts))


def _flags(element: Value) -> frozenset[str]:
    if isinstance(element, Cond):
        return element.names - element.symbols
    if isinstance(element, Choice):
        return frozenset((str(element),))
    if isinstance(element, tuple):
        return frozenset().union(*map(_flags, element))
    if isinstance(element, RecordValue):
        return frozenset().union(*map(_flags, element.fields.values()))
    return frozenset()


def varies_along(it: Iteration, value: Value) -> bool:
    """Whether a value has parts of a loop's element in it, which each item has its own of."""
    own, parts = it.symbols | element_flags(it), element_names(it)
    return any(n in own or root(n) in parts for n in _names(value))


def _names(value: Value) -> frozenset[str]:
    """The names in a value that stand for what is known without the data."""
    if isinstance(value, Dim | Cond):
        return value.symbols | value.names
    if isinstance(value, Real):
        return value.names
    if isinstance(value, Choice):
        return value.names
    if isinstance(value, SymList):
        return frozenset((value.text,)) | value.length.names
    if isinstance(value, TensorType):
        return frozenset[str]().union(*(d.symbols for d in value.shape if isinstance(d, Dim)))
    if isinstance(value, tuple | list):
        return frozenset[str]().union(*map(_names, value))
    if isinstance(value, RecordValue):
        return _names(tuple(value.fields.values()))
    if isinstance(value, Template):
        return _names(tuple(p for p in value.parts if isinstance(p, Dim)))
    if isinstance(value, Mapped):
        return _names((value.item, value.length)) - value.index.symbols
    if isinstance(value, Maybe):
        return _names((value.absent, value.value))
    if isinstance(value, Case):
        return _names((value.cond, value.yes, value.no))
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


def by_variables(d: Dim, formulas: Mapping[str, tuple[str, Dim]], places: Mapping[str, Dim]) -> Dim:
    """A dim without what counts loops, where it is a formula in the authors' variables, which are formulas in that.

    Args:
        formulas: By what counts a loop, the author's variable and what that is.
        places: By what counts several loops as one, what it is by what counts each.
    """
    d = d.substitute(dict(places))
    for own in d.symbols & formulas.keys():
        author, value = formulas[own]
        if author.isidentifier():
            variable = symbol(VARIABLE + author, *value.bounds)
            d = by_terms(d.substitute({str(value): variable}), {value: variable})
        part, rest = divide(d, value) if own in d.symbols else (dim(0), d)
        if own not in part.symbols | rest.symbols:
            variable = symbol(VARIABLE + author, 0) if author.isidentifier() else opaque(author)
            d = part * variable + rest
    return d
