"""Solved facts, as they are read: what substitutes, what is known to be >= 0 or never 0."""

from __future__ import annotations

from typing import TypeAlias

from spec_lang.shapes.atom import FLOOR, SYMBOL, Atom
from spec_lang.shapes.dim import Dim, Monomial, the_atom
from spec_lang.shapes.division import divide, sign_of, without
from spec_lang.shapes.replace import rewrite

Seen: TypeAlias = "dict[Atom, Dim | None]"
"""What a rule has made of atoms, None for those that stay."""
Key: TypeAlias = "str | Atom"
"""What a substitution replaces: symbols by name, other atoms by identity."""

_PASSES = 6
_REDUCED = 512
"""The dims that are kept reduced."""
INNER = "\N{MIDDLE DOT}"
"""Starts the names of fresh symbols, which no program can write."""
SLACK = " >= 0"
"""Ends the names of those that are the difference of an order."""


class System:
    """The facts, solved; built once, then only read."""

    __slots__ = (
        "contradictory",
        "eliminated",
        "meanings",
        "nonzero",
        "orders",
        "quotients",
        "reduced",
        "rules",
        "seen_quotients",
        "seen_swaps",
        "swaps",
    )

    def __init__(self) -> None:
        self.swaps: dict[Key, Dim] = {}
        self.rules: list[tuple[Monomial, Dim]] = []
        self.quotients: list[tuple[Dim, Dim, Dim]] = []
        """`(q, x, j)` with `x == q*j`."""
        self.orders: list[Dim] = []
        """Dims that are >= 0."""
        self.nonzero: list[Dim] = []
        self.meanings: dict[str, Dim] = {}
        """What fresh and refined symbols stand for, in the author's names."""
        self.eliminated: list[tuple[Dim, Dim]] = []
        """Dims that were replaced by ones with fresh symbols, for printing back."""
        self.contradictory = False
        self._forget()

    def copy(self) -> System:
        new = System()
        new.swaps, new.rules, new.quotients = dict(self.swaps), list(self.rules), list(self.quotients)
        new.orders, new.nonzero = list(self.orders), list(self.nonzero)
        new.meanings, new.eliminated = dict(self.meanings), list(self.eliminated)
        new.contradictory = self.contradictory
        new.reduced, new.seen_swaps, new.seen_quotients = self.reduced, self.seen_swaps, self.seen_quotients
        return new

    # --- what substitutes ---

    def set_swap(self, key: Key, value: Dim) -> None:
        self.swaps[key] = value
        self._forget()

    def set_rules(self, rules: list[tuple[Monomial, Dim]]) -> None:
        self.rules = rules
        self._forget()

    def set_quotients(self, quotients: list[tuple[Dim, Dim, Dim]]) -> None:
        self.quotients = quotients
        self._forget()

    def _forget(self) -> None:
        """What was found by what substitutes is kept, shared with copies, until something else does in one of them."""
        self.reduced: dict[object, Dim] = {}
        """Dims reduced, by their keys."""
        self.seen_swaps: Seen = {}
        self.seen_quotients: Seen = {}

    # --- reading ---

    def reduce(self, d: Dim) -> Dim:
        """The dim with all that is solved substituted."""
        if d.const is not None or not (self.swaps or self.rules) or self._untouched(d):
            return d
        found = self.reduced.get(d.key)
        if found is None:
            if len(self.reduced) >= _REDUCED:
                self._forget()
            found = self.reduced[d.key] = self._reduce(d)
        return found

    def _reduce(self, d: Dim) -> Dim:
        for _ in range(_PASSES):
            new = rewrite(d, self._swap, self.seen_swaps)
            if self.quotients:
                new = rewrite(new, self._quotient, self.seen_quotients)
            if new.terms == d.terms:
                break
            d = new
        for lead, rest in self.rules * 2:
            d = _apply(lead, rest, d)
        return d

    def _untouched(self, d: Dim) -> bool:
        """Whether the dim has only symbols of which nothing is known."""
        if self.rules:
            return False
        swaps = self.swaps
        for monomial in d.terms:
            for atom in monomial:
                if atom.kind != SYMBOL or atom.name in swaps:
                    return False
        return True

    def _swap(self, atom: Atom) -> Dim | None:
        found = self.swaps.get(key_of(atom))
        return None if found is None or the_atom(found) is atom else found

    def _quotient(self, atom: Atom) -> Dim | None:
        """`a // b` where a known quotient gives a part of it."""
        if atom.kind != FLOOR:
            return None
        a, b = atom.args
        if sign_of_or_zero(b) <= 0:
            return None
        for q, x, j in self.quotients:
            part, rest = divide(a, x)
            if not part.terms:
                continue
            if b.terms == q.terms:
                return part * j + rest // b
            over, left = divide(b, q)
            if not rest.terms and not left.terms and sign_of_or_zero(over) > 0:
                return (part * j) // over
        return None

    def authors(self, d: Dim) -> Dim:
        """A reduced dim in the names of the author."""
        for original, value in reversed(self.eliminated):
            fresh = fresh_in(d)
            if not fresh:
                break
            part, rest = divide(d, self.reduce(value))
            if part.terms and not fresh_in(part):
                candidate = part * original + rest
                if _fresh_terms(candidate) < _fresh_terms(d):
                    d = candidate
        for _ in range(_PASSES):
            new = d.substitute(self.meanings)
            if new.terms == d.terms:
                break
            d = new
        return d


def sign_of_or_zero(d: Dim) -> int:
    """The sign where it is known, else 0; 0 for 0."""
    return 0 if d.const == 0 else sign_of(d)


def key_of(atom: Atom) -> Key:
    """The key of an atom in `System.swaps`."""
    return atom.name if atom.kind == SYMBOL else atom


def fresh_in(d: Dim) -> set[str]:
    """The names of the fresh symbols in a dim."""
    return {s for s in d.symbols if s.startswith(INNER)}


def _fresh_terms(d: Dim) -> int:
    """How many terms have a fresh symbol in them."""
    return sum(any(s.startswith(INNER) for a in m for s in a.symbols) for m in d.terms)


def _apply(lead: Monomial, rest: Dim, d: Dim) -> Dim:
    """The polynomial with a monomial rewritten once, wherever it divides a term."""
    hits = [(m, left) for m in d.terms if (left := without(m, lead)) is not None]
    for monomial, left in hits:
        c = d.terms.get(monomial, 0)
        d = d - Dim({monomial: c}) + rest * Dim({left: c}) if c else d
    return d
