"""Floats that are known only when a module is built, as expressions."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from spec_lang.shapes.atom import OPERAND, filled
from spec_lang.shapes.dim import Dim, leaves, opaque, symbol
from spec_lang.shapes.errors import TooLarge, Undefined
from spec_lang.shapes.replace import whole_power, with_lists

if TYPE_CHECKING:
    from spec_lang.shapes.cond import Cond

MAX_SIZE: Final = 2048
"""The names, numbers and operations that one expression may have."""
IF: Final = "if"

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
    "float": float,
    "abs": abs,
    "min": min,
    "max": max,
    "round": round,
}


class Real:
    """An immutable expression: a name (`p`, `config.rate`) without arguments, or an operation on numbers.

    The head of an operation is its sign, its function's name, or `if`, whose first argument is a condition. A head with
    `{}` in it is a name that has its arguments, which are sizes, inside: `rates[{}]`.

    Raises:
        TooLarge: it has more than `MAX_SIZE` parts.
    """

    __slots__ = ("_hash", "_names", "_text", "args", "head", "size")

    def __init__(self, head: str, args: Iterable[Real | Dim | float | Cond] = ()) -> None:
        self.head = head
        self.args: tuple[Any, ...] = tuple(args)
        self.size: int = 1 + sum(a.size if isinstance(a, Real) else 1 for a in self.args)
        if self.size > MAX_SIZE:
            raise TooLarge("a number that is too long to follow")
        self._hash = hash((head, self.args))
        self._names: frozenset[str] | None = None
        self._text: str | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Real)
            and self._hash == other._hash
            and self.head == other.head
            and self.args == other.args
        )

    def __hash__(self) -> int:
        return self._hash

    @property
    def names(self) -> frozenset[str]:
        """The names in it, those of sizes and flags included."""
        if self._names is None:
            found = [a.names for a in self.args if not isinstance(a, float)]
            own = (str(self),) if not self.args or self.is_item else ()
            self._names = frozenset(own).union(*found)
        return self._names

    @property
    def places(self) -> frozenset[str]:
        """The symbols of the sizes that its names have inside: `i` of `rates[i]`."""
        if self.is_item:
            return frozenset[str]().union(*(a.symbols for a in self.args))
        return frozenset[str]().union(*(a.places for a in self.args if isinstance(a, Real)))

    @property
    def is_item(self) -> bool:
        """Whether this is a name with sizes inside."""
        return "{}" in self.head

    def substitute(self, values: Mapping[Any, object]) -> Number:
        """The expression with names replaced, by floats, sizes and other expressions."""
        if not self.args or self.is_item:
            found = values.get(str(self))
            if not isinstance(found, Real | Dim | float) and self.args:
                at = tuple(a.substitute(values) for a in self.args)
                there = named_real(self.head, at)
                found = None if there.args else values.get(str(there))
            else:
                at = ()
            if isinstance(found, Real | Dim | float):
                return found
            other = with_lists(values, self.head, at)
            if other is not None:
                return named_real(*other)
            return self if at == self.args else named_real(self.head, at)
        args = [substituted(a, values) for a in self.args]
        if all(a is b for a, b in zip(args, self.args, strict=True)):
            return self
        if self.head == IF:
            cond, yes, no = args
            if cond.op in ("true", "false"):
                return yes if cond.op == "true" else no  # type: ignore[no-any-return]  # a number
        return Real(self.head, args)

    def evaluate(self, values: Mapping[Any, Any]) -> float:
        """The value, as Python computes it, for values of the names.

        Raises:
            KeyError: a name without a value.
            Undefined: it has none, such as a division by zero.
            TooLarge: it does not fit a float.
        """
        if not self.args or self.is_item:
            return values[str(self)]  # type: ignore[no-any-return]  # a number
        if self.head == IF:
            cond, yes, no = self.args
            return value_of(yes if cond.evaluate(values) else no, values)
        args = [value_of(a, values) for a in self.args]
        try:
            return _computed(self.head, args)
        except (ZeroDivisionError, ValueError, TypeError):
            raise Undefined(f"{self.head} of {' and '.join(map(str, args))}") from None
        except OverflowError:
            raise TooLarge("a float that is too large") from None

    def __str__(self) -> str:
        if self._text is None:
            self._text = self._written()
        return self._text

    def _written(self) -> str:
        if not self.args:
            return self.head
        if self.is_item:
            return filled(self.head, self.args)
        if self.head == IF:
            cond, yes, no = self.args
            return f"({operand(yes)} if {cond} else {operand(no)})"
        if self.head.isidentifier():
            return f"{self.head}({', '.join(map(str, self.args))})"
        if len(self.args) == 1:
            return f"{self.head}{operand(self.args[0])}"
        left = operand(self.args[0])
        left = f"({left})" if self.head == "**" and left.startswith("-") else left
        return f"{left} {self.head} {operand(self.args[1])}"

    def __repr__(self) -> str:
        return str(self)


Number: TypeAlias = Real | Dim | float


def named_real(name: str, args: tuple[Dim, ...] = ()) -> Real:
    """A float by its name; one whose sizes are known is by the text that they make."""
    if args and all(a.const is not None for a in args):
        return Real(filled(name, args))
    return Real(name, args)


def operand(value: object) -> str:
    """A number as part of a float's text."""
    if isinstance(value, Dim | Real):
        text = str(value)
        if isinstance(value, Real) and (not value.args or value.is_item):
            return text
        plain = text.replace(_MARK, "")
        return text if re.fullmatch(OPERAND, plain) or _is_closed(plain) else f"({text})"
    return repr(value)


def _is_closed(text: str) -> bool:
    """Whether a text is one call, or stands in parentheses."""
    start = re.match(r"[\w.]*\(", text)
    if start is None or not text.endswith(")"):
        return False
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0 and at >= start.end() - 1 and at < len(text) - 1:
            return False
    return True


def substituted(part: Any, values: Mapping[Any, object]) -> Any:
    """A number or condition with names replaced."""
    if isinstance(part, float):
        return part
    return part.substitute(values)


def template(value: Real, symbol: Callable[[str], Dim]) -> tuple[str, list[str]]:
    """The expression's text with `{}` for each of its names, and the names; `symbol` makes a size of a name.

    The text is laid out as with the names in it.
    """
    whole, items = _sizes_in(value), _items_in(value)
    names = sorted((n for n in value.names if isinstance(n, str) and n not in items), key=len, reverse=True)
    marked = value.substitute({n: symbol(n + _MARK) if n in whole else Real(n + _MARK) for n in names})
    found: list[str] = []

    def argument(match: re.Match[str]) -> str:
        found.append(match[1])
        return "{}"

    text = str(marked).replace("{", "{{").replace("}", "}}")
    return re.sub(f"({'|'.join(map(re.escape, names))}){_MARK}", argument, text) if names else text, found


_MARK = "\u01c1"
"""A letter that no name ends in."""


def _items_in(value: Real | Cond | Dim | float) -> frozenset[str]:
    """The names that have sizes inside."""
    if not isinstance(value, Real):
        return frozenset()
    if value.is_item:
        return frozenset((str(value),))
    return frozenset().union(*map(_items_in, value.args))


def _sizes_in(value: Real | Cond | Dim | float) -> frozenset[str]:
    """The names of sizes in a number that have none inside: of symbols, and of terms such as `row.out`."""
    if isinstance(value, float):
        return frozenset()
    if isinstance(value, Real):
        return frozenset().union(*map(_sizes_in, value.args))
    if isinstance(value, Dim):
        return frozenset(a.name for a in leaves(value) if not a.args)
    return value.symbols


def as_term(number: Real | float) -> Dim:
    """A float in the place of a size's symbol: inside what is made of floats, which is read by its text."""
    if isinstance(number, float):
        return opaque(repr(number))
    if not number.args:
        return symbol(number.head)
    if number.is_item:
        return opaque("float", *number.args, text=number.head)
    text, names = template(number, symbol)
    return opaque("float", *map(symbol, names), text=text)


def value_of(value: Number, values: Mapping[Any, Any]) -> float:
    """A number's value for values of its names."""
    return value if isinstance(value, float) else value.evaluate(values)


def _computed(head: str, args: list[float]) -> float:
    if head in _FUNCTIONS:
        return _FUNCTIONS[head](*args)  # type: ignore[no-any-return]  # a number
    if len(args) == 1:
        return -args[0]
    a, b = args
    if head != "**":
        return _SIGNS[head](a, b)  # type: ignore[no-any-return]  # a number
    if isinstance(a, int) and isinstance(b, int) and b >= 0:
        return whole_power(a, b)
    result = float(a) ** float(b)
    if isinstance(result, complex):
        raise Undefined("the root of a negative number")
    return float(result)
