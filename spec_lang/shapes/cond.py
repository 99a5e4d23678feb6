"""Conditions on dims: comparisons, divisibility, uninterpreted truths, and their combinations."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import ClassVar

from spec_lang.shapes.dim import Dim, Tree, dim
from spec_lang.shapes.errors import Undefined
from spec_lang.shapes.printing import render

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", "<=": ">", ">": "<="}
ORDERS = frozenset({"<", "<=", ">", ">="})


class Cond:
    """An immutable condition.

    `op` is a comparison's sign (its sides in `dims`), `divides` (`dims[1] % dims[0] == 0`), `flag` (its text in
    `text`), `and`, `or`, `not` (over `parts`), `true` or `false`.
    """

    __slots__ = ("_hash", "dims", "op", "parts", "text")

    TRUE: ClassVar[Cond]
    FALSE: ClassVar[Cond]

    def __init__(
        self, op: str, dims: tuple[Dim, ...] = (), parts: tuple[Cond, ...] = (), text: str = ""
    ) -> None:
        self.op = op
        self.dims = dims
        self.parts = parts
        self.text = text
        self._hash: int | None = None

    # --- making ---

    @staticmethod
    def eq(a: Dim | int, b: Dim | int) -> Cond:
        return _compare("==", a, b)

    @staticmethod
    def ne(a: Dim | int, b: Dim | int) -> Cond:
        return _compare("!=", a, b)

    @staticmethod
    def lt(a: Dim | int, b: Dim | int) -> Cond:
        return _compare("<", a, b)

    @staticmethod
    def le(a: Dim | int, b: Dim | int) -> Cond:
        return _compare("<=", a, b)

    @staticmethod
    def gt(a: Dim | int, b: Dim | int) -> Cond:
        return _compare(">", a, b)

    @staticmethod
    def ge(a: Dim | int, b: Dim | int) -> Cond:
        return _compare(">=", a, b)

    @staticmethod
    def divides(d: Dim | int, a: Dim | int) -> Cond:
        """`a % d == 0`.

        Raises:
            Undefined: `d` is the constant 0.
        """
        d, a = dim(d), dim(a)
        if d.const == 0:
            raise Undefined("remainder of a division by zero")
        if d.const is not None and a.const is not None:
            return Cond.of(a.const % d.const == 0)
        return Cond.TRUE if d.const in (1, -1) else Cond("divides", (d, a))

    @staticmethod
    def flag(text: str) -> Cond:
        """A truth that the algebra does not look into; the same for the same text."""
        return Cond("flag", text=text)

    @staticmethod
    def of(value: bool) -> Cond:
        return Cond.TRUE if value else Cond.FALSE

    def __and__(self, other: Cond) -> Cond:
        return _join("and", self, other, Cond.TRUE, Cond.FALSE)

    def __or__(self, other: Cond) -> Cond:
        return _join("or", self, other, Cond.FALSE, Cond.TRUE)

    def __invert__(self) -> Cond:
        """The negation, pushed inwards."""
        if self.op in _NEGATED:
            return Cond(_NEGATED[self.op], self.dims)
        if self.op in ("and", "or"):
            return Cond("or" if self.op == "and" else "and", parts=tuple(~p for p in self.parts))
        if self.op == "not":
            return self.parts[0]
        if self.op in ("true", "false"):
            return Cond.of(self.op == "false")
        return Cond("not", parts=(self,))

    # --- identity ---

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Cond)
            and self.op == other.op
            and self.dims == other.dims
            and self.parts == other.parts
            and self.text == other.text
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.op, self.dims, self.parts, self.text))
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError("a condition may be open; decide it")

    # --- queries ---

    @property
    def is_bound(self) -> bool:
        """An order comparison, or a conjunction of such."""
        return self.op in ORDERS or (self.op == "and" and all(p.is_bound for p in self.parts))

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it; flags have none."""
        return frozenset().union(*(d.symbols for d in self.dims), *(p.symbols for p in self.parts))

    @property
    def flags(self) -> frozenset[str]:
        """The texts of the flags in it."""
        own = (self.text,) if self.op == "flag" else ()
        return frozenset(own).union(*(p.flags for p in self.parts))

    def substitute(self, values: Mapping[str, Dim | int | Cond]) -> Cond:
        """The condition with symbols replaced, and flags by conditions."""
        if self.op == "flag":
            found = values.get(self.text)
            return found if isinstance(found, Cond) else self
        if self.parts:
            parts = [p.substitute(values) for p in self.parts]
            if self.op == "not":
                return ~parts[0]
            result = parts[0]
            for part in parts[1:]:
                result = result & part if self.op == "and" else result | part
            return result
        if not self.dims:
            return self
        sizes = {n: v for n, v in values.items() if not isinstance(v, Cond)}
        a, b = (d.substitute(sizes) for d in self.dims)
        return Cond.divides(a, b) if self.op == "divides" else _compare(self.op, a, b)

    def evaluate(self, values: Mapping[str, int | bool]) -> bool:
        """The truth for values of symbols and flags.

        Raises:
            KeyError: a name without a value.
            Undefined: a division by zero or a negative power.
        """
        match self.op:
            case "true" | "false":
                return self.op == "true"
            case "flag":
                return bool(values[self.text])
            case "not":
                return not self.parts[0].evaluate(values)
            case "and":
                return all(p.evaluate(values) for p in self.parts)
            case "or":
                return any(p.evaluate(values) for p in self.parts)
        a, b = (d.evaluate(values) for d in self.dims)
        if self.op == "divides":
            if a == 0:
                raise Undefined("remainder of a division by zero")
            return b % a == 0
        return _COMPARE[self.op](a, b)

    def tree(self) -> Tree:
        """The condition as nested tuples, as `read` gives them; a flag is ("opaque", text)."""
        match self.op:
            case "true" | "false":
                return "const", self.op == "true"
            case "flag":
                return "opaque", self.text
            case "not" if self.parts[0].op == "divides":
                return self.parts[0]._divides("!=")
            case "not":
                return "not", self.parts[0].tree()
            case "and" | "or":
                result = self.parts[0].tree()
                for part in self.parts[1:]:
                    result = (self.op, result, part.tree())
                return result
            case "divides":
                return self._divides("==")
        a, b = self.dims
        return "compare", a.tree(), self.op, b.tree()

    def _divides(self, op: str) -> Tree:
        return "compare", ("mod", self.dims[1].tree(), self.dims[0].tree()), op, ("const", 0)

    def __str__(self) -> str:
        match self.op:
            case "true" | "false":
                return self.op
            case "flag":
                return self.text
            case "divides":
                return render(self._divides("=="))
            case "not":
                inner = self.parts[0]
                if inner.op == "divides":
                    return render(inner._divides("!="))
                return f"not {inner}" if inner.text.isidentifier() else f"not ({inner})"
            case "and" | "or":
                return f" {self.op} ".join(f"({p})" if p.op in ("and", "or") else str(p) for p in self.parts)
        a, b = self.dims
        return f"{a} {self.op} {b}"

    __repr__ = __str__


Cond.TRUE = Cond("true")
Cond.FALSE = Cond("false")


def _compare(op: str, a: Dim | int, b: Dim | int) -> Cond:
    a, b = dim(a), dim(b)
    if a.const is not None and b.const is not None:
        return Cond.of(_COMPARE[op](a.const, b.const))
    if a.terms == b.terms:
        return Cond.of(op in ("==", "<=", ">="))
    return Cond(op, (a, b))


def _join(op: str, a: Cond, b: Cond, unit: Cond, zero: Cond) -> Cond:
    if a is zero or b is zero:
        return zero
    if a is unit or a == b:
        return b
    if b is unit:
        return a
    parts: list[Cond] = []
    for part in (a, b):
        parts += [p for p in (part.parts if part.op == op else (part,)) if p not in parts]
    return parts[0] if len(parts) == 1 else Cond(op, parts=tuple(parts))
