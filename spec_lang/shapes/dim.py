"""Dims: integer expressions in a normal form, so that equal dims are seen to be equal.

A dim is a polynomial with integer coefficients over atoms: symbols, floor divisions, remainders, minima, maxima,
symbolic powers and uninterpreted terms. Normalising uses the bounds of atoms, which are fixed when an atom is made,
and nothing else; facts belong to `Facts`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from spec_lang.shapes.atom import (
    FLOOR,
    IF,
    MAX,
    MIN,
    MOD,
    OPAQUE,
    POW,
    SYMBOL,
    Atom,
    Bounds,
    escaped,
    filled,
    intern,
)
from spec_lang.shapes.errors import TooLarge, Undefined

if TYPE_CHECKING:
    from spec_lang.shapes.cond import Cond

Monomial: TypeAlias = tuple[Atom, ...]
"""A product of atoms: sorted by serial, repeated as often as the exponent says; `()` is 1."""
Terms: TypeAlias = dict[Monomial, int]
Tree: TypeAlias = tuple[Any, ...]
"""A dim as nested tuples, its kind first; see `Dim.tree`."""

MAX_TERMS = 256
MAX_DEGREE = 16
MAX_LENGTH = 4096
"""The atoms and terms of a dim, inside its atoms too."""
INT64 = 2**63 - 1
_SHORT = 8


class Dim:
    """An immutable integer expression; `==` is structural on the normal form, and symbols are equal by name."""

    __slots__ = ("_bounds", "_hash", "_key", "_str", "_symbols", "const", "terms")

    const: int | None
    """The value, where the dim is a constant."""
    terms: Terms
    """The polynomial; never changed once made."""
    _key: frozenset[tuple[Monomial, int]] | None
    _hash: int | None
    _str: str | None
    _bounds: Bounds | None
    _symbols: frozenset[str] | None

    def __init__(self, terms: Terms) -> None:
        """Wrap terms without zero coefficients.

        Raises:
            TooLarge: over the limits.
        """
        self.terms = terms
        self._key = self._hash = self._str = self._bounds = self._symbols = None
        if len(terms) == 1:
            ((monomial, coefficient),) = terms.items()
            self.const = None if monomial else coefficient
        else:
            self.const = None if terms else 0
            if len(terms) > MAX_TERMS:
                raise TooLarge(f"a size of more than {MAX_TERMS} terms")
            if len(terms) > _SHORT and self.length > MAX_LENGTH:
                raise TooLarge("a size that is too long to follow")
        for monomial, coefficient in terms.items():
            if not -INT64 <= coefficient <= INT64:
                raise TooLarge("a size that does not fit 64 bits")
            if len(monomial) > MAX_DEGREE:
                raise TooLarge(f"a size of a degree over {MAX_DEGREE}")

    @property
    def length(self) -> int:
        """How many atoms and terms are in it, inside its atoms too."""
        return len(self.terms) + sum(a.size for m in self.terms for a in m)

    # --- identity ---

    @property
    def key(self) -> frozenset[tuple[Monomial, int]]:
        """Equal exactly for the same normal form over the same atoms, bounds included."""
        if self._key is None:
            self._key = frozenset(self.terms.items())
        return self._key

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dim):
            if self.terms == other.terms:
                return True
            return (
                len(self.terms) == len(other.terms)
                and self.const is None
                and hash(self) == hash(other)
                and str(self) == str(other)
            )
        return self.const == other if isinstance(other, int) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = (
                hash(self.const)
                if self.const is not None
                else hash(sum(hash((sum(a.digest for a in m), c)) for m, c in self.terms.items()))
            )
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError("a dim is no condition; compare it")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.tree(), {s: b for a in leaves(self) for s, b in [(a.name, (a.low, a.high))]})

    # --- arithmetic ---

    def __add__(self, other: Dim | int) -> Dim:
        if isinstance(other, int):
            if self.const is not None:
                return dim(self.const + other)
            return self if other == 0 else _plus_constant(self, other)
        if not isinstance(other, Dim):
            return NotImplemented
        if other.const is not None:
            return self + other.const
        if self.const is not None:
            return other + self.const
        small, large = (self, other) if len(self.terms) < len(other.terms) else (other, self)
        terms = large.terms.copy()
        for monomial, coefficient in small.terms.items():
            total = terms.get(monomial, 0) + coefficient
            if total:
                terms[monomial] = total
            else:
                del terms[monomial]
        return Dim(terms)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        if self.const is not None:
            return dim(-self.const)
        return Dim({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Dim | int) -> Dim:
        if isinstance(other, Dim):
            if other.const is None:
                return self + -other
            other = other.const
        return self + -other

    def __rsub__(self, other: Dim | int) -> Dim:
        return -self + other

    def __mul__(self, other: Dim | int) -> Dim:
        if isinstance(other, int):
            return _scaled(self, other)
        if not isinstance(other, Dim):
            return NotImplemented
        if other.const is not None:
            return _scaled(self, other.const)
        if self.const is not None:
            return _scaled(other, self.const)
        return _product(self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim | int) -> Dim:
        """Floor division, as Python's.

        Raises:
            Undefined: by the constant 0.
        """
        return _division.floordiv(self, dim(other))

    def __rfloordiv__(self, other: int) -> Dim:
        return _division.floordiv(dim(other), self)

    def __mod__(self, other: Dim | int) -> Dim:
        """The remainder, with the sign of the divisor, as Python's.

        Raises:
            Undefined: by the constant 0.
        """
        return _division.mod(self, dim(other))

    def __rmod__(self, other: int) -> Dim:
        return _division.mod(dim(other), self)

    def __pow__(self, other: Dim | int) -> Dim:
        """A power.

        Raises:
            Undefined: to a negative constant.
            TooLarge: over the limits.
        """
        return _power.power(self, dim(other))

    def __rpow__(self, other: int) -> Dim:
        return _power.power(dim(other), self)

    # --- queries ---

    @property
    def bounds(self) -> Bounds:
        """The least and greatest value for all values of the symbols, None where there is none or it is not known."""
        if self._bounds is None:
            self._bounds = _bounds.of(self)
        return self._bounds

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it."""
        if self._symbols is None:
            atom = the_atom(self)
            self._symbols = (
                frozenset().union(*[a.symbols for m in self.terms for a in m])
                if atom is None
                else atom.symbols
            )
        return self._symbols

    @property
    def conditional(self) -> bool:
        """Whether a condition is anywhere in it."""
        return any(a.conditional for m in self.terms for a in m)

    @property
    def names(self) -> frozenset[str]:
        """The names that `substitute` replaces: of symbols, of what conditions say, and uninterpreted terms by their text."""
        own = frozenset(_replace.text_of(a) for a in leaves(self))
        return own.union(*(c.names for c in self.conditions)) if self.conditional else own

    @property
    def conditions(self) -> tuple[Cond, ...]:
        """The conditions that choose between its parts."""
        if not self.conditional:
            return ()
        found: list[Cond] = []
        for atom in [a for m in self.terms for a in m if a.conditional]:
            if atom.cond is not None:
                found += [atom.cond, *(x for d in atom.cond.dims for x in d.conditions)]
            found += [x for d in atom.args for x in d.conditions]
        return tuple(dict.fromkeys(found))

    def substitute(self, values: Mapping[Any, object]) -> Dim:
        """The dim with symbols (or uninterpreted terms, by their text, or the lists in them) replaced by dims and ints.

        In conditions, names stand for floats, choices and truths too, and flags for their truths.
        """
        if self.const is not None or not values:
            return self
        return _replace.by_name(self, values)

    def evaluate(self, values: Mapping[Any, Any]) -> int:
        """The value, with Python's floor division.

        Raises:
            KeyError: a symbol without a value.
            Undefined: a division by zero or a negative power.
            TooLarge: a power of more than some thousand bits.
        """
        return self.const if self.const is not None else _replace.evaluate(self, values)

    def tree(self) -> Tree:
        """The dim as nested tuples that mirror `str`.

        ("const", 3), ("symbol", "D"), ("opaque", "depths[0]"), ("neg", a), ("add", a, b), ("sub", a, b),
        ("mul", a, b), ("floordiv", a, b), ("mod", a, b), ("pow", a, b), ("min", a, b, ...), ("max", a, b, ...),
        ("if", test, a, b), where the test is as `Cond.tree` gives it.
        """
        return _printing.tree(self)

    def __str__(self) -> str:
        if self._str is None:
            self._str = str(self.const) if self.const is not None else _printing.text(self)
        return self._str

    __repr__ = __str__


_small: dict[int, Dim] = {}
_SMALL = range(-16, 1025)
"""The integers whose dims are kept."""


def dim(value: int | Dim) -> Dim:
    """An integer as a dim.

    Raises:
        TooLarge: it does not fit int64.
    """
    if isinstance(value, Dim):
        return value
    found = _small.get(value)
    if found is not None:
        return found
    made = Dim({(): int(value)} if value else {})
    if value in _SMALL:
        _small[value] = made
    return made


@lru_cache(4096)
def symbol(name: str, low: int | None = 1, high: int | None = None) -> Dim:
    """A named integer of at least `low` and at most `high`."""
    return atomic(intern(SYMBOL, name=name, low=low, high=high))


_TABLE = re.compile(r"\[(-?\d+(?:, -?\d+)*)\]\[(\d+)\]")
"""An item of a list of numbers."""


def opaque(
    name: str,
    *args: Dim | int | str,
    low: int | None = None,
    high: int | None = None,
    text: str | None = None,
) -> Dim:
    """An integer that the algebra does not look into, such as `depths[0]` or `round(x * 0.5)`; equal by its text.

    It prints as `text`, where each `{}` stands for an argument, or without a text as `name[args]`. Dims among the
    arguments take part in `substitute`.
    """
    template = text if text is not None else f"{name}[{', '.join(['{}'] * len(args))}]" if args else name
    if all(isinstance(a, str) or dim(a).const is not None for a in args):
        filled_in = filled(template, args) if args else template
        table = _TABLE.fullmatch(filled_in)
        if table is not None and int(table[2]) < table[1].count(",") + 1:
            return dim(int(table[1].split(",")[int(table[2])]))
        template, args = escaped(filled_in), ()
    dims = tuple(opaque(a) if isinstance(a, str) else dim(a) for a in args)
    return atomic(intern(OPAQUE, dims, name=template, low=low, high=high))


def atomic(atom: Atom) -> Dim:
    """The dim that is one atom."""
    return Dim({(atom,): 1})


def root(name: str) -> str:
    """What a name is a part of: `depths` for `depths[0]` and `len(depths)`, `config` for `config.dim`."""
    return name.removeprefix("len(").partition(".")[0].partition("[")[0].rstrip(")")


def the_atom(d: Dim) -> Atom | None:
    """The atom that the dim is, if it is one."""
    if len(d.terms) == 1:
        ((monomial, coefficient),) = d.terms.items()
        if coefficient == 1 and len(monomial) == 1:
            return monomial[0]
    return None


def total(dims: list[Dim]) -> Dim:
    """The sum."""
    terms: Terms = {}
    for d in dims:
        for monomial, coefficient in d.terms.items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
    return made(terms)


def made(terms: Terms) -> Dim:
    """The dim of terms that may be zero."""
    kept = {m: c for m, c in terms.items() if c}
    if not kept or (len(kept) == 1 and () in kept):
        return dim(kept.get((), 0))
    return Dim(kept)


def times(a: Monomial, b: Monomial) -> Monomial:
    """The product of two monomials without powers of the same base."""
    if not a:
        return b
    if not b:
        return a
    return tuple(sorted(a + b, key=serial))


def serial(atom: Atom) -> int:
    """The order of atoms in a monomial."""
    return atom.serial


def _plus_constant(d: Dim, constant: int) -> Dim:
    terms = d.terms.copy()
    total = terms.get((), 0) + constant
    if total:
        terms[()] = total
    else:
        del terms[()]
    return Dim(terms)


def _scaled(d: Dim, factor: int) -> Dim:
    if d.const is not None:
        return dim(d.const * factor)
    if factor == 1:
        return d
    if factor == 0:
        return dim(0)
    return Dim({m: c * factor for m, c in d.terms.items()})


def _product(a: Dim, b: Dim) -> Dim:
    if len(a.terms) * len(b.terms) > 16 * MAX_TERMS:
        raise TooLarge(f"a size of more than {MAX_TERMS} terms")
    if _has_power(a) and _has_power(b):
        return _power.product(a, b)
    terms: Terms = {}
    for m, c in a.terms.items():
        for n, k in b.terms.items():
            monomial = times(m, n)
            terms[monomial] = terms.get(monomial, 0) + c * k
    return made(terms)


def _has_power(d: Dim) -> bool:
    return any(a.kind == POW for m in d.terms for a in m)


def leaves(d: Dim) -> list[Atom]:
    """The symbols and uninterpreted terms in a dim, those inside of others too."""
    found: list[Atom] = []
    for monomial in d.terms:
        for atom in monomial:
            found += [atom] if atom.kind in (SYMBOL, OPAQUE) else []
            found += [leaf for arg in atom.args for leaf in leaves(arg)]
            if atom.cond is not None:
                found += [leaf for arg in atom.cond.all_dims for leaf in leaves(arg)]
    return found


def _rebuild(tree: Tree, bounds: Mapping[str, Bounds]) -> Dim:
    def leaf(kind: str, name: str) -> Dim:
        if kind == SYMBOL:
            return symbol(name, *bounds.get(name, (1, None)))
        low, high = bounds.get(name, (None, None))
        return opaque(name, low=low, high=high)

    return _printing.from_tree(tree, leaf)


# The rules live in modules of their own, which need `Dim`.
from spec_lang.shapes import bounds as _bounds  # noqa: E402
from spec_lang.shapes import division as _division  # noqa: E402
from spec_lang.shapes import power as _power  # noqa: E402
from spec_lang.shapes import printing as _printing  # noqa: E402
from spec_lang.shapes import replace as _replace  # noqa: E402
from spec_lang.shapes.conditionals import conditional  # noqa: E402
from spec_lang.shapes.extrema import maximum, minimum  # noqa: E402

exact_div = _division.exact_div
Items = _replace.Items

__all__ = [
    "FLOOR",
    "IF",
    "INT64",
    "MAX",
    "MIN",
    "MOD",
    "OPAQUE",
    "POW",
    "SYMBOL",
    "Atom",
    "Bounds",
    "Dim",
    "Items",
    "Monomial",
    "Terms",
    "TooLarge",
    "Tree",
    "Undefined",
    "atomic",
    "conditional",
    "dim",
    "exact_div",
    "leaves",
    "made",
    "maximum",
    "minimum",
    "opaque",
    "root",
    "symbol",
    "the_atom",
    "times",
    "total",
]
