"""Conditions on dims: comparisons, divisibility, flags, and their combinations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from spec_lang.shapes.dim import Dim, Tree, dim, symbol
from spec_lang.shapes.errors import ParseError, TooLarge, Undefined
from spec_lang.shapes.flags import COMPARE, Choice, Compared, Every, Flag, Is, Same, Truth, named_truth
from spec_lang.shapes.printing import from_tree as dim_from_tree
from spec_lang.shapes.printing import render
from spec_lang.shapes.real import Real
from spec_lang.shapes.replace import Items

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", "<=": ">", ">": "<="}
MAX_SIZE: Final = 4096
"""The conditions that one condition may be made of."""
_EACH = 256
"""A condition is looked at for so many values of an index at most."""
ORDERS = frozenset({"<", "<=", ">", ">="})


class Cond:
    """An immutable condition.

    `op` is a comparison's sign (its sides in `dims`), `divides` (`dims[1] % dims[0] == 0`), `flag` (what it
    says in `said`), `and`, `or`, `not` (over `parts`), `true` or `false`.

    Raises:
        TooLarge: it has more than `MAX_SIZE` conditions inside.
    """

    __slots__ = ("_hash", "_key", "_names", "_symbols", "dims", "op", "parts", "said", "size")

    TRUE: ClassVar[Cond]
    FALSE: ClassVar[Cond]

    def __init__(
        self,
        op: str,
        dims: tuple[Dim, ...] = (),
        parts: tuple[Cond, ...] = (),
        said: Flag | None = None,
    ) -> None:
        self.op = op
        self.dims = dims
        self.parts = parts
        self.said = said
        self._hash: int | None = None
        self._key: object = None
        self._symbols: frozenset[str] | None = None
        self._names: frozenset[str] | None = None
        self.size: int = 1 + sum(p.size for p in parts)
        """How many conditions are in it."""
        if self.size > MAX_SIZE:
            raise TooLarge("a condition that is too long to follow")

    # --- making ---

    @staticmethod
    def eq(a: Dim | int, b: Dim | int) -> Cond:
        return Cond.compared("==", a, b)

    @staticmethod
    def ne(a: Dim | int, b: Dim | int) -> Cond:
        return Cond.compared("!=", a, b)

    @staticmethod
    def lt(a: Dim | int, b: Dim | int) -> Cond:
        return Cond.compared("<", a, b)

    @staticmethod
    def le(a: Dim | int, b: Dim | int) -> Cond:
        return Cond.compared("<=", a, b)

    @staticmethod
    def gt(a: Dim | int, b: Dim | int) -> Cond:
        return Cond.compared(">", a, b)

    @staticmethod
    def ge(a: Dim | int, b: Dim | int) -> Cond:
        return Cond.compared(">=", a, b)

    @staticmethod
    def compared(op: str, a: Dim | int, b: Dim | int) -> Cond:
        """`a op b`."""
        a, b = dim(a), dim(b)
        if a.const is not None and b.const is not None:
            return Cond.of(COMPARE[op](a.const, b.const))
        if a.terms == b.terms:
            return Cond.of(op in ("==", "<=", ">="))
        return Cond(op, (a, b))

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
    def flag(said: Flag) -> Cond:
        """A truth that the algebra of dims does not look into."""
        return Cond("flag", said=said)

    @staticmethod
    def chosen(choice: Choice | str, option: str) -> Cond:
        """A choice is one of its options; the last one is what the others leave."""
        if isinstance(choice, str):
            return Cond.of(choice == option)
        options = choice.options
        if options is None:
            return Cond.flag(Is(choice.name, option, choice.args))
        if option not in options:
            return Cond.FALSE
        if option != options[-1]:
            return Cond.flag(Is(choice.name, option, choice.args))
        rest = Cond.TRUE
        for other in options[:-1]:
            rest = rest & ~Cond.flag(Is(choice.name, other, choice.args))
        return rest

    @staticmethod
    def same(a: Choice | str, b: Choice | str) -> Cond:
        """Two choices are the same option."""
        if isinstance(b, str):
            return Cond.chosen(a, b)
        if isinstance(a, str):
            return Cond.chosen(b, a)
        return Cond.TRUE if a.text == b.text else Cond.flag(Same(a, b))

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
            and self.said == other.said
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.op, self.dims, self.parts, self.said))
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError("a condition may be open; decide it")

    # --- queries ---

    @property
    def key(self) -> object:
        """Equal for equal conditions over the same atoms, bounds included."""
        if self._key is None:
            if self.dims:
                self._key = (self.op, *[d.key for d in self.dims])
            else:
                self._key = (self.op, *[p.key for p in self.parts]) if self.parts else self
        return self._key

    @property
    def all_dims(self) -> tuple[Dim, ...]:
        """The dims in it."""
        return (*self.dims, *(d for p in self.parts for d in p.all_dims))

    @property
    def length(self) -> int:
        """How many parts it has, those of its dims included."""
        return 1 + sum(d.length for d in self.dims) + sum(p.length for p in self.parts)

    @property
    def is_bound(self) -> bool:
        """An order comparison, or a conjunction of such."""
        return self.op in ORDERS or (self.op == "and" and all(p.is_bound for p in self.parts))

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it; of flags, those of the sizes that names in them have inside."""
        if self._symbols is None:
            self._symbols = self._find_symbols()
        return self._symbols

    def _find_symbols(self) -> frozenset[str]:
        own = frozenset[str]()
        if isinstance(self.said, Truth):
            own = own.union(*(d.symbols for d in self.said.args))
        elif isinstance(self.said, Is | Same):
            choices = (self.said,) if isinstance(self.said, Is) else (self.said.left, self.said.right)
            own = own.union(*(d.symbols for choice in choices for d in choice.args))
        elif isinstance(self.said, Compared):
            sides = (self.said.left, self.said.right)
            own = own.union(*(s.places for s in sides if isinstance(s, Real)))
        elif isinstance(self.said, Every):
            own = self.said.cond.symbols - {self.said.index}
        return own.union(*(d.symbols for d in self.dims), *(p.symbols for p in self.parts))

    @property
    def names(self) -> frozenset[str]:
        """The names in it that `substitute` replaces, those in flags included."""
        if self._names is None:
            own = frozenset() if self.said is None else self.said.names
            self._names = own.union(*(d.names for d in self.dims), *(p.names for p in self.parts))
        return self._names

    @property
    def flags(self) -> frozenset[Flag]:
        """What the flags in it say."""
        own = frozenset[Flag]() if self.said is None else frozenset((self.said,))
        if isinstance(self.said, Every):
            own |= self.said.cond.flags
        inside = (c.flags for d in self.dims for c in d.conditions)
        return own.union(*(p.flags for p in self.parts), *inside)

    def substitute(self, values: Mapping[Any, object]) -> Cond:
        """The condition with names replaced: by sizes, floats, choices or truths, and flags by their truths."""
        if self.said is not None:
            return _of_flag(self, self.said, values)
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
        a, b = (d.substitute(values) for d in self.dims)
        return Cond.divides(a, b) if self.op == "divides" else Cond.compared(self.op, a, b)

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        """The truth for values of names, or of flags.

        Raises:
            KeyError: a name without a value.
            Undefined: a division by zero or a negative power.
        """
        match self.op:
            case "true" | "false":
                return self.op == "true"
            case "flag":
                assert self.said is not None
                return bool(values[self.said]) if self.said in values else self.said.evaluate(values)
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
        return COMPARE[self.op](a, b)

    def tree(self) -> Tree:
        """The condition as nested tuples, as `read` gives them; a flag is ("opaque", text)."""
        match self.op:
            case "true" | "false":
                return "const", self.op == "true"
            case "flag":
                return "opaque", str(self.said)
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
        a, b = self.sides()
        return "compare", a.tree(), self.op, b.tree()

    def sides(self) -> tuple[Dim, Dim]:
        """What is compared, as one writes it: of `d == 0`, what is taken away is a side of its own."""
        a, b = self.dims
        return _apart(a) if self.op in ("==", "!=") and b == 0 else (a, b)

    def _divides(self, op: str) -> Tree:
        return "compare", ("mod", self.dims[1].tree(), self.dims[0].tree()), op, ("const", 0)

    def __str__(self) -> str:
        match self.op:
            case "true" | "false":
                return self.op
            case "flag":
                return str(self.said)
            case "divides":
                return render(self._divides("=="))
            case "not":
                inner = self.parts[0]
                if inner.op == "divides":
                    return render(inner._divides("!="))
                return (
                    f"not {inner}"
                    if isinstance(inner.said, Truth) and str(inner.said).isidentifier()
                    else f"not ({inner})"
                )
            case "and" | "or":
                return f" {self.op} ".join(f"({p})" if p.op in ("and", "or") else str(p) for p in self.parts)
        a, b = self.sides()
        if a.conditional or b.conditional:
            return render(self.tree())
        return f"{a} {self.op} {b}"

    __repr__ = __str__


Cond.TRUE = Cond("true")
Cond.FALSE = Cond("false")


def from_tree(t: Tree, leaf: Callable[[str, str], Dim]) -> Cond:
    """The condition of a tree; what compares no sizes is a flag by its text.

    Args:
        leaf: Gives the dim of a symbol or opaque part, by its kind and text.
    """
    match t:
        case ("const", bool(value)):
            return Cond.of(value)
        case ("not", inner):
            return ~from_tree(inner, leaf)
        case ("and", a, b):
            return from_tree(a, leaf) & from_tree(b, leaf)
        case ("or", a, b):
            return from_tree(a, leaf) | from_tree(b, leaf)
        case ("compare", ("mod", a, b), ("==" | "!=") as op, ("const", 0)):
            divides = Cond.divides(dim_from_tree(b, leaf), dim_from_tree(a, leaf))
            return divides if op == "==" else ~divides
        case ("compare", a, op, b) if op in COMPARE:
            try:
                return Cond.compared(op, dim_from_tree(a, leaf), dim_from_tree(b, leaf))
            except ParseError:
                pass
        case ("symbol" | "opaque", text):
            return Cond.flag(Truth(text))
    return Cond.flag(Truth(render(t)))


def _of_flag(cond: Cond, flag: Flag, values: Mapping[Any, object]) -> Cond:
    """A flag with names replaced."""
    found = values.get(flag)
    if found is None and isinstance(flag, Truth):
        found = values.get(str(flag))
        if found is None:
            args = tuple(a.substitute(values) for a in flag.args)
            there = named_truth(flag.name, args)
            found = values.get(str(there)) if args and not there.args else None
        if found is None:
            other = flag.substitute(values)
            cond = cond if other is flag else Cond.flag(other)
    if isinstance(found, bool | Cond):
        return Cond.of(found) if isinstance(found, bool) else found
    if isinstance(flag, Compared):
        new = flag.substitute(values)
        if new is flag:
            return cond
        return Cond.flag(new) if new.known is None else Cond.of(new.known)
    if isinstance(flag, Every):
        return _every(flag, values)
    if isinstance(flag, Is):
        choice = flag.choice
        picked = choice.substitute(values)
        return cond if picked is choice else Cond.chosen(picked, flag.option)
    if isinstance(flag, Same):
        return Cond.same(flag.left.substitute(values), flag.right.substitute(values))
    return cond


def _every(flag: Every, values: Mapping[Any, object]) -> Cond:
    """A condition for each value of an index, with names replaced; where each is known, its truth."""
    length = flag.length.substitute(values)
    if length.const is not None and length.const <= _EACH:
        left = Cond.TRUE
        for k in range(length.const):
            left = left & flag.at(k).substitute(values)
            if left is Cond.FALSE:
                return left
        if left is Cond.TRUE or flag.cond.names - flag.at(0).names - {flag.index}:
            return left  # of items, each is told by its own
    index, taken = flag.index, _names_in(values)
    while index in taken:
        index += "_"
    inner = {n: v for n, v in values.items() if n != flag.index}
    if index != flag.index:
        inner[flag.index] = symbol(index, 0)
    cond = flag.cond.substitute(inner)
    return cond if cond in (Cond.TRUE, Cond.FALSE) else Cond.flag(Every(cond, index, length))


def _names_in(values: Mapping[Any, object]) -> frozenset[str]:
    """The names in what other names are replaced by."""
    found = (v.names for v in values.values() if isinstance(v, Dim | Real | Cond | Items))
    return frozenset[str]().union(*found)


def _apart(d: Dim) -> tuple[Dim, Dim]:
    """A dim as two whose difference it is: the second is what a symbol is that is taken away."""
    for monomial, coefficient in d.terms.items():
        if coefficient == -1 and len(monomial) == 1 and monomial[0].kind == "symbol":
            own = Dim({monomial: 1})
            return own, d + own
    return d, dim(0)


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
