"""What loops go over, and what they carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.module_values import at_index
from spec_lang.ir.from_ast.uses import Uses
from spec_lang.ir.from_ast.values import (
    POISON,
    Enumerate,
    ListModule,
    Mapped,
    Range,
    RepeatModule,
    SymList,
    Value,
    Zip,
    is_module,
    substitute,
)
from spec_lang.shapes import Dim, TensorType, dim
from spec_lang.shapes.linear import linear
from spec_lang.syntax import ast

MAX_UNROLLED = 64


State = list[Value]


Body = Callable[[State, Value], State | None]
"""One iteration: the state behind it, from the one before it and the loop's element."""


class Iteration:
    """What a loop goes over: its length, and the element at the symbol `index`.

    `known` are the elements where they are known one by one.
    """

    __slots__ = ("element", "index", "item", "known", "length", "owner", "symbols")

    def __init__(
        self, length: Dim, index: Dim, element: Value, known: Sequence[Value] | None, symbols: frozenset[str]
    ) -> None:
        self.length = length
        self.index = index
        self.element = element
        self.known = known
        self.symbols = symbols
        """Symbols of elements that no formula in the index gives (`for n in depths`)."""
        self.owner: ast.Comprehension | None = None
        """The comprehension whose layers are gone through: where a running size would be kept."""
        self.item: Callable[[Dim], Value] | None = None
        """The element at an index, where it is more than a formula in the index."""

    def elements_at(self, index: Dim) -> dict[str, Dim]:
        """The values of the element's symbols at one index."""
        if self.item is not None:
            return element_values(self.element, self.item(index))
        if self.known is not None and index.const is not None and 0 <= index.const < len(self.known):
            return element_values(self.element, self.known[index.const])
        return {}


class Grown:
    """A list inside a loop: what it was at the head, and what this iteration has appended."""

    __slots__ = ("added", "base")

    def __init__(self, base: Value, added: list[Value]) -> None:
        self.base = base
        self.added = added


class Carried:
    """A size that changes along a list of layers: a running variable of the generated constructor."""

    __slots__ = ("index", "name", "next", "owner", "start")

    def __init__(self, name: str, start: Dim, next: Dim, index: Dim, owner: ast.Comprehension | None) -> None:
        self.owner = owner
        self.name = name
        self.start = start
        self.next = next
        self.index = index


def ungrown(value: Value) -> Value:
    """A list with what an iteration has appended to it; other values as they are."""
    if isinstance(value, Grown):
        assert isinstance(value.base, list)
        return [*value.base, *value.added]
    return value


def reindexed(value: Value, own: str, index: Dim) -> Value:
    """An element of a loop at another index in place of its symbol `own`."""
    if is_module(value):
        return at_index(value, {own: index})
    return substitute(value, {own: index})


def _same_object(a: Value, b: Value) -> bool:
    return a is b or (isinstance(a, TensorType) and a == b)


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


def is_linear_in(d: Dim, name: str) -> bool:
    """Whether a dim is `scale * name + offset`; a dim without the name is."""
    return name not in d.symbols or linear(d, name) is not None


class Iterations(Uses):
    """Values as something to go through."""

    carried: dict[str, Carried]
    """Running sizes by their symbol."""

    def iteration(self, value: Value, name: str, node: ast.Expr) -> Iteration | None:
        """How a value is gone through; its mistake is reported."""
        value = self.resolve(value)
        if value is POISON:
            return None
        if isinstance(value, Range):
            length = self.range_length(value)
            plain = self.facts.simplify(length)
            length = plain if plain.const is not None else length
            index = self.fresh(name, 0)
            known: Sequence[Value] | None = None
            if length.const is not None and length.const <= MAX_UNROLLED:
                known = [value.start + value.step * k for k in range(length.const)]
            return Iteration(length, index, value.start + value.step * index, known, frozenset())
        if isinstance(value, Enumerate):
            inner = self.iteration(value.items, name, node)
            if inner is None:
                return None
            known = None
            if inner.known is not None:
                known = [(value.start + k, v) for k, v in enumerate(inner.known)]
            element = None if inner.element is None else (value.start + inner.index, inner.element)
            it = Iteration(inner.length, inner.index, element, known, inner.symbols)
            if (item := inner.item) is not None:
                start = value.start
                it.item = lambda k: (start + k, item(k))
            return it
        if isinstance(value, Zip):
            return self._zipped(value, name, node)
        if isinstance(value, SymList):
            return self._over_symbols(value, name)
        if isinstance(value, Mapped):
            index = self.fresh(name, 0)
            return Iteration(value.length, index, value.at(index), None, frozenset())
        if isinstance(value, RepeatModule):
            index = self.fresh(name, 0)
            (own,) = value.index.symbols
            self.index_symbols = {**self.index_symbols, own: value.index}
            inner = value.iteration
            known = [at_index(value.item, {own: dim(k)}) for k in range(len(inner.known or ()))]
            each = at_index(value.item, {own: index})
            it = Iteration(value.length, index, each, known or None, inner.symbols)
            it.owner = value.node
            return it
        if isinstance(value, ListModule) and value.kind != "dict":
            value = value.items
        if isinstance(value, list | tuple):
            return self._over_known(list(value), name)
        if isinstance(value, TensorType):
            self.error("E0405", "a loop goes over what is known without the data, and this is a tensor", node)
        else:
            self.error("E0403", f"a loop cannot go over {host.kind_of(value)}", node)
        return None

    def _over_symbols(self, value: SymList, name: str) -> Iteration:
        index = self.fresh(f"{name}_index", 0)
        element = self.symbolic(str(self.fresh(name)), value.item)
        if isinstance(element, Dim):
            self.element_symbols |= element.symbols
            it = Iteration(value.length, index, element, None, element.symbols)
            it.item = lambda k: self.element_of(value, k)
            return it
        return Iteration(value.length, index, element, None, frozenset())

    def _over_known(self, items: list[Value], name: str) -> Iteration:
        index = self.fresh(f"{name}_index", 0)
        length = dim(len(items))
        if items and all(isinstance(i, Dim) and i.const is not None for i in items):
            consts = [i.const for i in items if isinstance(i, Dim) and i.const is not None]
            if len(set(consts)) == 1:
                return Iteration(length, index, items[0], items, frozenset())
            element = self.fresh(name, min(consts), max(consts))
            self.element_symbols |= element.symbols
            return Iteration(length, index, element, items, element.symbols)
        element_ = items[0] if items and all(_same_object(i, items[0]) for i in items) else None
        return Iteration(length, index, element_, items, frozenset())

    def _zipped(self, value: Zip, name: str, node: ast.Expr) -> Iteration | None:
        parts = [self.iteration(p, name, node) for p in value.parts]
        if any(p is None for p in parts):
            return None
        found = [p for p in parts if p is not None]
        length = found[0].length
        for p in found[1:]:
            if not self.facts.equal(p.length, length):
                self.error("E0403", f"`zip` of lists of different lengths: {length} and {p.length}", node)
                return None
        index = found[0].index
        elements = []
        for p in found:
            (own,) = p.index.symbols
            elements.append(reindexed(p.element, own, index))
        known = None
        if all(p.known is not None for p in found):
            known = list(zip(*(p.known or () for p in found), strict=False))
        element = None if any(p.element is None for p in found) else tuple(elements)
        symbols = frozenset[str]().union(*(p.symbols for p in found))
        it = Iteration(length, index, element, known, symbols)
        items = [p.item for p in found]
        if element is not None and any(items):
            it.item = lambda k: tuple(e if i is None else i(k) for i, e in zip(items, element, strict=True))
        return it

    def body(self, statements: tuple[ast.Statement, ...]) -> bool:
        raise NotImplementedError
