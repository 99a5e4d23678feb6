"""What is known of dims at a place in a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import ClassVar

from spec_lang.shapes import proof
from spec_lang.shapes.cond import Cond
from spec_lang.shapes.conditionals import first_condition, where
from spec_lang.shapes.dim import Dim, dim
from spec_lang.shapes.errors import TooLarge, Undefined
from spec_lang.shapes.flags import Flag, Is
from spec_lang.shapes.proof import Budget
from spec_lang.shapes.solve import learn
from spec_lang.shapes.system import System

_CACHED = 1024
"""The verdicts that are kept of some facts."""
_ASSUMED = 1024
"""The facts that are kept by what they were made from."""
_CHOICES = 16
"""The disjunctions that are used; more are not."""
_CASE = 8
"""The steps that assuming a part of a condition costs."""


class Verdict(Enum):
    """What is known of a condition: true for all values, false for all values, or neither proved."""

    PROVED = "proved"
    REFUTED = "refuted"
    OPEN = "open"


_OF: Mapping[bool | None, Verdict] = {True: Verdict.PROVED, False: Verdict.REFUTED, None: Verdict.OPEN}


class Facts:
    """Conditions taken to be true; immutable.

    `PROVED` means: true for all integers that satisfy the symbols' bounds and the facts, wherever both are defined
    (no division by zero, no negative power). `REFUTED` means: false for all of them.
    """

    __slots__ = ("_cases", "_choices", "_chosen", "_flags", "_known", "_system", "_verdicts", "given")

    NONE: ClassVar[Facts]

    given: tuple[Cond, ...]
    """The conditions, in the order in which they were assumed."""

    def __init__(self) -> None:
        self.given = ()
        self._system = System()
        self._flags: dict[Flag, bool] = {}
        self._chosen: dict[str, str] = {}
        """The option that a choice is: it is no other one."""
        self._choices: tuple[Cond, ...] = ()
        self._known: frozenset[object] = frozenset()
        self._verdicts: dict[object, Verdict] = {}
        self._cases: list[tuple[Cond, Facts]] | None = None

    def assume(self, cond: Cond) -> Facts:
        """These facts and one more: the same object for the same condition, so that what it proves is proved once."""
        if cond.op == "true":
            return self
        key = (self, cond.key)
        found = _assumed.get(key)
        if found is None:
            if len(_assumed) >= _ASSUMED:
                _assumed.clear()
            found = _assumed[key] = self if cond in self.given else self._and(cond)
        return found

    def _and(self, cond: Cond) -> Facts:
        new = Facts()
        new.given = (*self.given, cond)
        new._system = self._system.copy()
        new._flags, new._chosen = dict(self._flags), dict(self._chosen)
        new._choices = self._choices
        new._known = self._known.union([p.key for p in _conjuncts(cond)])
        new._learn(cond)
        return new

    @property
    def contradictory(self) -> bool:
        """Whether the facts are known to exclude each other: then everything is proved."""
        return self._system.contradictory

    def decide(self, cond: Cond) -> Verdict:
        """Whether the condition follows, is impossible, or neither is proved."""
        key = cond.key
        found = self._verdicts.get(key)
        if found is None:
            if len(self._verdicts) >= _CACHED:
                self._verdicts.clear()
            found = self._verdicts[key] = _OF[self._holds(cond, Budget())]
        return found

    def equal(self, a: Dim | int, b: Dim | int) -> bool:
        """Whether two dims are proved equal."""
        a, b = dim(a), dim(b)
        return a.terms == b.terms or self.decide(Cond.eq(a, b)) is Verdict.PROVED

    def simplify(self, d: Dim) -> Dim:
        """An equal dim with what is known substituted, in the author's names."""
        try:
            reduced = self._system.reduce(d)
            return d if reduced.terms == d.terms else self._system.authors(reduced)
        except (TooLarge, Undefined):
            return d

    def lower(self, d: Dim | int) -> int | None:
        """A proved lower bound."""
        return self._bounds(dim(d))[0]

    def upper(self, d: Dim | int) -> int | None:
        """A proved upper bound."""
        return self._bounds(dim(d))[1]

    def _bounds(self, d: Dim) -> tuple[int | None, int | None]:
        try:
            return self._system.reduce(d).bounds
        except (TooLarge, Undefined):
            return d.bounds

    # --- learning ---

    def _learn(self, cond: Cond) -> None:
        for part in _conjuncts(cond):
            self._learn_part(part)
        self._narrow()

    def _learn_part(self, cond: Cond) -> None:
        negated = cond.op == "not"
        inner = cond.parts[0] if negated else cond
        if inner.said is not None:
            self._learn_flag(inner.said, not negated)
        elif cond.op == "or":
            self._choices = (*self._choices, cond)[:_CHOICES]
        elif cond.op == "false" or self._direct(cond, Budget(_CASE)) is False:
            self._system.contradictory = True
        elif inner.dims:
            try:
                a, b = inner.dims
                self._learn_comparison("!%" if negated else inner.op, a, b)
            except (TooLarge, Undefined):
                return  # the fact is not used

    def _learn_flag(self, said: Flag, holds: bool) -> None:
        if self._flag(said) is (not holds):
            self._system.contradictory = True
            return
        self._flags[said] = holds
        if holds and isinstance(said, Is):
            self._chosen[said.choice.text] = said.option

    def _flag(self, said: Flag) -> bool | None:
        found = self._flags.get(said)
        if found is None and isinstance(said, Is) and said.choice.text in self._chosen:
            return self._chosen[said.choice.text] == said.option
        return found

    def _learn_comparison(self, op: str, a: Dim, b: Dim) -> None:
        if op == "divides":
            learn(self._system, "divides", a, b)
        elif op == "!%":
            learn(self._system, "nonzero", b % a)
        elif op in ("==", "!="):
            learn(self._system, "zero" if op == "==" else "nonzero", a - b)
        else:
            learn(self._system, "order", _difference(op, a, b))

    def _narrow(self) -> None:
        """Drop alternatives that are impossible; the last one left is a fact."""
        changed = True
        while changed and not self.contradictory:
            changed = False
            for choice in self._choices:
                verdicts = [self._direct(p, Budget(0)) for p in choice.parts]
                left = [p for p, v in zip(choice.parts, verdicts, strict=True) if v is not False]
                if True not in verdicts and len(left) > 1:
                    continue
                self._choices = tuple(c for c in self._choices if c is not choice)
                changed = True
                if True in verdicts:
                    break
                if not left:
                    self._system.contradictory = True
                    break
                for part in _conjuncts(left[0]):
                    self._learn_part(part)
                break

    # --- deciding ---

    def _holds(self, cond: Cond, budget: Budget) -> bool | None:
        if self.contradictory or (self._known and cond.key in self._known):
            return True
        direct = self._direct(cond, budget)
        if direct is not None or not self._choices or cond.op in ("and", "or"):
            return direct
        return True if self._by_cases(cond, budget) else None

    def _by_cases(self, cond: Cond, budget: Budget) -> bool:
        """Whether the condition holds in each alternative of some fact."""
        for choice, rest in self._by_choice():
            if all(
                rest._supposing(p, budget, lambda f: f._holds(cond, budget)) is True for p in choice.parts
            ):
                return True
        return False

    def _by_choice(self) -> list[tuple[Cond, Facts]]:
        """Each disjunction, and the facts without it."""
        if self._cases is None:
            self._cases = []
            for choice in self._choices:
                rest = Facts()
                rest._system, rest._known = self._system, self._known
                rest._flags, rest._chosen = self._flags, self._chosen
                rest._choices = tuple(c for c in self._choices if c is not choice)
                self._cases.append((choice, rest))
        return self._cases

    def _by_sides(self, cond: Cond, test: Cond, budget: Budget) -> bool | None:
        """Decide a comparison of conditional dims where their condition holds, and where it does not."""
        known = self._direct(test, budget)  # alternatives are for what neither side decides
        if known is not None:
            return self._holds(side(cond, test, known), budget)
        found: set[bool | None] = set()
        for holds in (True, False):
            if budget.left < _CASE:
                return None
            budget.left -= _CASE
            facts = self.assume(test if holds else ~test)
            if not facts.contradictory:
                found.add(facts._holds(side(cond, test, holds), budget))
        return found.pop() if len(found) == 1 else None

    def _supposing(self, cond: Cond, budget: Budget, query: Callable[[Facts], bool | None]) -> bool | None:
        """The query's answer with one more fact, or None out of budget."""
        if budget.left < _CASE:
            return None
        budget.left -= _CASE
        return query(self.assume(cond))

    def _direct(self, cond: Cond, budget: Budget) -> bool | None:
        match cond.op:
            case "true" | "false":
                return cond.op == "true"
            case "flag":
                return self._flag(cond.said)  # type: ignore[arg-type]  # a flag says something
            case "not":
                found = self._holds(cond.parts[0], budget)
                return None if found is None else not found
            case "and":
                return self._chain(cond.parts, False, budget)
            case "or":
                return self._chain(cond.parts, True, budget)
        try:
            found = self._compared(cond, budget)
            test = None if found is not None else first_condition(*cond.dims)
            return found if test is None else self._by_sides(cond, test, budget)
        except (TooLarge, Undefined):
            return None

    def _compared(self, cond: Cond, budget: Budget) -> bool | None:
        """As `_comparison`; a side of a conditional dim that is not taken may have no value."""
        try:
            return self._comparison(cond, budget)
        except Undefined:
            return None

    def _chain(self, parts: tuple[Cond, ...], decisive: bool, budget: Budget) -> bool | None:
        """`and` (decisive: False) and `or` (True): each part is read where the earlier ones did not decide."""
        facts = self
        undecided = False
        for part in parts:
            found = facts._holds(part, budget)
            if found is decisive and not facts.contradictory:
                return decisive
            if facts.contradictory:
                return self.contradictory or decisive
            if found is None:
                undecided = True
                if budget.left < _CASE:
                    return None
                budget.left -= _CASE
                facts = facts.assume(~part if decisive else part)
        return None if undecided else not decisive

    def _comparison(self, cond: Cond, budget: Budget) -> bool | None:
        a, b = cond.dims
        system = self._system
        if cond.op == "divides":
            return proof.divides(system, a, b, budget)
        if cond.op in ("==", "!="):
            found = proof.is_zero(system, a - b, budget)
            return found if found is None or cond.op == "==" else not found
        return proof.at_least_zero(system, _difference(cond.op, a, b), budget)


Facts.NONE = Facts()
_assumed: dict[tuple[Facts, object], Facts] = {}
"""What each fact more made of some facts."""


def _difference(op: str, a: Dim, b: Dim) -> Dim:
    """The dim that is >= 0 exactly where `a op b`."""
    match op:
        case ">=":
            return a - b
        case ">":
            return a - b - 1
        case "<=":
            return b - a
    return b - a - 1


def side(cond: Cond, test: Cond, holds: bool) -> Cond:
    """A comparison of conditional dims by one side of a condition of theirs."""
    a, b = (where(d, test, holds) for d in cond.dims)
    return Cond.divides(a, b) if cond.op == "divides" else Cond.compared(cond.op, a, b)


def _conjuncts(cond: Cond) -> tuple[Cond, ...]:
    return cond.parts if cond.op == "and" else (cond,)
