"""What is known of dims at a place in a program."""

from __future__ import annotations

from enum import Enum

from spec_lang.shapes.cond import Cond
from spec_lang.shapes.dim import Dim, dim


class Verdict(Enum):
    """What is known of a condition: true for all values, false for all values, or neither proved."""

    PROVED = "proved"
    REFUTED = "refuted"
    OPEN = "open"


class Facts:
    """Conditions taken to be true; immutable."""

    __slots__ = ("_dims", "_flags", "_lower", "contradictory", "given")

    def __init__(self) -> None:
        self.given: tuple[Cond, ...] = ()
        self.contradictory = False
        self._dims: dict[str, Dim | int] = {}
        self._flags: dict[str, bool] = {}

    def assume(self, cond: Cond) -> Facts:
        """These facts and one more."""
        new = Facts()
        new.given = (*self.given, cond)
        new.contradictory = self.contradictory or cond.op == "false"
        new._dims, new._flags = dict(self._dims), dict(self._flags)
        for part in cond.parts if cond.op == "and" else (cond,):
            new._add(part)
        return new

    def _add(self, cond: Cond) -> None:
        if cond.op == "flag":
            self._flags[cond.text] = True
        elif cond.op == "not" and cond.parts[0].op == "flag":
            self._flags[cond.parts[0].text] = False
        elif cond.op == "==":
            difference = self.simplify(cond.dims[0] - cond.dims[1])
            for monomial, c in difference.terms.items():
                if len(monomial) == 1 and monomial[0].kind == "symbol" and c in (1, -1):
                    name = monomial[0].name
                    rest = (difference - Dim({monomial: c})) * -c
                    if name not in rest.symbols:
                        self._dims = {n: dim(v).substitute({name: rest}) for n, v in self._dims.items()}
                        self._dims[name] = rest
                        return

    def decide(self, cond: Cond) -> Verdict:
        """Whether the condition follows, is impossible, or neither is proved."""
        if self.contradictory or cond in self.given:
            return Verdict.PROVED
        match cond.op:
            case "true":
                return Verdict.PROVED
            case "false":
                return Verdict.REFUTED
            case "flag":
                known = self._flags.get(cond.text)
                return Verdict.OPEN if known is None else _verdict(known)
            case "not":
                return _negated(self.decide(cond.parts[0]))
            case "and":
                verdicts = [self.decide(p) for p in cond.parts]
                if Verdict.REFUTED in verdicts:
                    return Verdict.REFUTED
                return Verdict.OPEN if Verdict.OPEN in verdicts else Verdict.PROVED
            case "or":
                return _negated(self.decide(~cond))
            case "divides":
                d, a = map(self.simplify, cond.dims)
                return _zero(a % d) if (d.bounds[0] or 0) > 0 else Verdict.OPEN
        difference = self.simplify(cond.dims[0] - cond.dims[1])
        if cond.op in ("==", "!="):
            verdict = _zero(difference)
            return verdict if cond.op == "==" else _negated(verdict)
        if cond.op in ("<", "<="):
            difference = -difference
        low, high = (difference - 1 if cond.op in ("<", ">") else difference).bounds
        if low is not None and low >= 0:
            return Verdict.PROVED
        return Verdict.REFUTED if high is not None and high < 0 else Verdict.OPEN

    def equal(self, a: Dim | int, b: Dim | int) -> bool:
        """Whether two dims are proved equal."""
        return a == b or self.decide(Cond.eq(a, b)) is Verdict.PROVED

    def simplify(self, d: Dim) -> Dim:
        """The dim with what is known to be equal substituted."""
        return d.substitute(self._dims)

    def lower(self, d: Dim) -> int | None:
        """A proved lower bound."""
        return self.simplify(d).bounds[0]

    def upper(self, d: Dim) -> int | None:
        """A proved upper bound."""
        return self.simplify(d).bounds[1]


def _verdict(truth: bool) -> Verdict:
    return Verdict.PROVED if truth else Verdict.REFUTED


def _negated(verdict: Verdict) -> Verdict:
    if verdict is Verdict.OPEN:
        return verdict
    return _verdict(verdict is Verdict.REFUTED)


def _zero(d: Dim) -> Verdict:
    if d.const is not None:
        return _verdict(d.const == 0)
    low, high = d.bounds
    nonzero = (low is not None and low > 0) or (high is not None and high < 0)
    return Verdict.REFUTED if nonzero else Verdict.OPEN
