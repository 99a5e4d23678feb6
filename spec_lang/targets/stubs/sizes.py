"""Sizes as a dialect may write them: polynomials and quotients of names that are declared."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator, Mapping

from spec_lang.ir import model as m
from spec_lang.shapes import ParseError, TooLarge, Tree, read
from spec_lang.shapes.printing import render
from spec_lang.targets.torch.names import USED

_OPERATORS = ("add", "sub", "mul", "floordiv", "pow")


class Statics:
    """What construction fixes of one class, and which of that its annotations name.

    Attributes:
        values: Trees for names that are none of the class's own (`let`s).
        used: The names that some size needs, in order.
    """

    def __init__(self, names: Iterable[str], values: Mapping[str, Tree]) -> None:
        self.names = frozenset(names)
        self.values = values
        self.used: dict[str, None] = {}


class Sizes:
    """The sizes of one method: what its inputs bind, and how a size that is no name is one all the same.

    An input's `16*h` binds a name for the whole size, and `h` is that size by 16: those who read the
    annotations match names, and solve nothing.
    """

    def __init__(self, statics: Statics, method: m.Method | None = None) -> None:
        self._statics = statics
        self.declared: dict[str, None] = {}
        self._whole: dict[str, Tree] = {}
        """Sizes by their text."""
        self._solved: dict[str, Tree] = {}
        """What names stand for that only a larger size binds."""
        self._plain: frozenset[str] = frozenset()
        self._absent: frozenset[str] = frozenset()
        if method is not None:
            self._bind(method)

    def _bind(self, method: m.Method) -> None:
        numbers = {i.name for i in method.inputs if isinstance(i.type, m.ScalarType) and i.type.name == "int"}
        always = {d for i in method.inputs if not i.optional for d in dims_of(i.type)}
        others = {d for i in method.inputs if i.optional for d in dims_of(i.type)}
        names = numbers | {d for d in always | others if d.lstrip("*").isidentifier()}
        self._plain = frozenset(names)
        self._absent = frozenset(others - always - numbers) - self._statics.names
        for text in (d for i in method.inputs for d in dims_of(i.type)):
            self._take(text)

    def _take(self, text: str) -> None:
        """Learn from one size of an input."""
        tree = _tree(text)
        if tree is None or text in self._plain or text in self._whole:
            return
        open_ = [n for n in dict.fromkeys(symbols(tree)) if not self._known(n)]
        if len(open_) != 1:
            return
        name = self._free(open_[0])
        found = _solve(tree, open_[0], ("symbol", name))
        if found is not None:
            self._whole[text] = ("symbol", name)
            self._solved[open_[0]] = found
            self._plain |= {name}

    def _known(self, name: str) -> bool:
        return name in (self._plain | self._statics.names | self._statics.values.keys() | self._solved.keys())

    def _free(self, name: str) -> str:
        wanted = name.upper() if not self._known(name.upper()) else f"{name}_size"
        while self._known(wanted):
            wanted += "_"
        return wanted

    def given(self, text: str) -> str | None:
        """A size of an input; None where it cannot be written.

        Nor is one that is computed from other inputs' sizes (`P + T`), which are not known where a caller's tensor has no shape.
        """
        tree = self._whole.get(text) or _tree(text)
        if tree is None or (tree[0] != "symbol" and not self._statics.names.issuperset(symbols(tree))):
            return None
        return self._text(tree)

    def made(self, text: str) -> str | None:
        """A size of a result; None too where it depends on an input that may be absent."""
        tree = self._whole.get(text) or _tree(text)
        if tree is None or self._absent & {*symbols(tree), text}:
            return None
        return self._text(tree)

    def number(self, name: str) -> str | None:
        """The size that an int of the inputs is."""
        return self._text(("symbol", name)) if name in self.declared else None

    def _text(self, tree: Tree | None) -> str | None:
        closed = None if tree is None else self._closed(tree, 8)
        if closed is None:
            return None
        for name in symbols(closed):
            (self._statics.used if name in self._statics.names else self.declared)[name] = None
        return render(closed)

    def _closed(self, tree: Tree, depth: int) -> Tree | None:
        """The tree over what is declared; None where that is not enough."""
        match tree:
            case ("const", int(value)) if not isinstance(value, bool):
                return tree
            case ("symbol", str(name)):
                if keyword.iskeyword(name) or name in USED:
                    return None  # a dialect reads it as Python does
                if name in self._statics.names or name in self._plain:
                    return tree
                meant = self._solved.get(name) or self._statics.values.get(name)
                return self._closed(meant, depth - 1) if meant is not None and depth else None
            case (str(kind), left, right) if kind in _OPERATORS:
                sides = self._closed(left, depth), self._closed(right, depth)
                return None if None in sides else (kind, *sides)
        return None


def dims_of(kind: m.Type) -> Iterator[str]:
    """The sizes in a type that are the same in all of its values."""
    match kind:
        case m.TensorType(dims=dims):
            yield from dims
        case m.OptionalType(base=base):
            yield from dims_of(base)
        case m.TupleType(items=items):
            for item in items:
                yield from dims_of(item)
        case m.ListType(item=item, index=index):
            yield from (d for d in dims_of(item) if index is None or not mentions(d, index))


def mentions(text: str, name: str) -> bool:
    """Whether a size names this."""
    tree = _tree(text)
    return tree is None or name in symbols(tree)


def symbols(tree: Tree) -> Iterator[str]:
    """The names in a tree."""
    if tree[:1] == ("symbol",):
        yield tree[1]
    else:
        for part in tree[1:]:
            if isinstance(part, tuple):
                yield from symbols(part)


def _tree(text: str) -> Tree | None:
    if text.startswith("*"):
        return ("symbol", text)
    try:
        return read(text)
    except (ParseError, TooLarge):
        return None


def _solve(tree: Tree, name: str, size: Tree) -> Tree | None:
    """What a name is, where a size that it occurs in once is known."""
    if tree == ("symbol", name):
        return size
    match tree:
        case ("mul", left, right) if name not in symbols(right):
            return _solve(left, name, ("floordiv", size, right))
        case ("mul", left, right) if name not in symbols(left):
            return _solve(right, name, ("floordiv", size, left))
        case ("add", left, right) if name not in symbols(right):
            return _solve(left, name, ("sub", size, right))
        case ("add", left, right) if name not in symbols(left):
            return _solve(right, name, ("sub", size, left))
        case ("sub", left, right) if name not in symbols(right):
            return _solve(left, name, ("add", size, right))
    return None
