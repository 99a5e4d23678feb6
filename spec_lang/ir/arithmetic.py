"""Operators on the host values of an evaluated program, bounded in time and memory.

Host values are Python's ints, floats, bools, strings, None, lists and tuples, and `Dim` for a size that only a call
knows.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from spec_lang.ir.operators import ARITHMETIC, CONDITIONS, ORDER
from spec_lang.shapes import Cond, Dim, Facts, Real, TensorType, Verdict, conditional, dim

T = TypeVar("T")
Host: TypeAlias = Any
"""A host value; a module, a constructor or a tensor where those are allowed."""

MAX_LENGTH = 10_000_000
MAX_BITS = 4096


class HostError(Exception):
    """An operation that fails on these values; whoever evaluates adds the place."""

    def __init__(self, message: str, *, code: str = "E0500", help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.help = help


class NotStatic(HostError):
    """A size that only a call knows is used where a value is needed."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text} is known at run time only", code="E0903")


class NoValue(HostError):
    """An expression over what the checker knows that has no value."""

    def __init__(self, message: str, *, code: str = "E0402", help: str | None = None) -> None:
        super().__init__(message, code=code, help=help)


def plain(value: Host) -> Host:
    """A constant `Dim` as the int that it is."""
    return value.const if isinstance(value, Dim) and value.const is not None else value


def as_int(value: T) -> T | Dim:
    """Python's bools are ints in arithmetic."""
    return dim(int(value)) if isinstance(value, bool) else value


def as_float(value: object) -> float | None:
    """A number that is known as a float, None for any other value."""
    if isinstance(value, float):
        return value
    return float(value.const) if isinstance(value, Dim) and value.const is not None else None


def check_length(n: int) -> None:
    """Refuse lists that would not fit.

    Raises:
        HostError: too long.
    """
    if n > MAX_LENGTH:
        raise HostError(f"a list of {n:,} items is too long", code="E0801")


def _add(a: Host, b: Host) -> Host:
    if isinstance(a, list | tuple | str) and isinstance(b, list | tuple | str):
        check_length(len(a) + len(b))
    return operator.add(a, b)


def _multiply(a: Host, b: Host) -> Host:
    if isinstance(a, int) and isinstance(b, list | tuple | str):
        a, b = b, a
    if isinstance(a, list | tuple | str) and isinstance(b, int):
        check_length(len(a) * b)
    elif isinstance(a, int) and isinstance(b, int) and a.bit_length() + b.bit_length() > MAX_BITS:
        raise HostError("the product is too large", code="E0801")
    return a * b


def _power(a: Host, b: Host) -> Host:
    if isinstance(a, int) and isinstance(b, int) and b > 0 and a.bit_length() * b > MAX_BITS:
        raise HostError("the power is too large", code="E0801")
    result = a**b
    if isinstance(result, complex):
        raise HostError("a negative number has no such power")
    return result


def _shift_left(a: Host, b: Host) -> Host:
    if isinstance(a, int) and isinstance(b, int) and (b > MAX_BITS or a.bit_length() + b > MAX_BITS):
        raise HostError("the shift is too large", code="E0801")
    return a << b


_BOUNDED: dict[str, Callable[[Host, Host], Host]] = {
    **ARITHMETIC,
    "+": _add,
    "*": _multiply,
    "**": _power,
    "<<": _shift_left,
}

_UNARY: dict[str, Callable[[Host], Host]] = {
    "-": operator.neg,
    "+": operator.pos,
    "~": operator.invert,
}


def binary(op: str, a: Host, b: Host) -> Host:
    """An arithmetic operator.

    Raises:
        HostError: it is not defined here, or its result is out of bounds.
    """
    rule = _BOUNDED.get(op)
    if rule is None:
        raise HostError(f"{op} works on tensors only")
    try:
        return plain(rule(a, b))
    except ZeroDivisionError:
        raise HostError("division by zero") from None
    except OverflowError:
        raise HostError("the result is too large", code="E0801") from None
    except TypeError:
        for x in (a, b):
            if isinstance(x, Dim):
                raise NotStatic(str(x)) from None
        raise HostError(f"{op} does not work on {_kind(a)} and {_kind(b)}") from None


def unary(op: str, a: Host) -> Host:
    """`-a`, `+a`, `~a` or `not a`.

    Raises:
        HostError: it is not defined here.
    """
    if op == "not":
        return not truth(a)
    try:
        return plain(_UNARY[op](a))
    except TypeError:
        raise HostError(f"{op} does not work on {_kind(a)}") from None


def truth(value: Host) -> bool:
    """A value as a condition.

    Raises:
        NotStatic: it depends on a size that only a call knows.
    """
    value = plain(value)
    if isinstance(value, Cond):
        return decide(value)
    if isinstance(value, Dim | TensorType):
        raise NotStatic(str(value))
    return bool(value)


def decide(cond: Cond) -> bool:
    """A condition that no call changes.

    Raises:
        NotStatic: one does.
    """
    verdict = Facts.NONE.decide(cond)
    if verdict is Verdict.OPEN:
        raise NotStatic(f"whether {cond}")
    return verdict is Verdict.PROVED


def chosen(cond: Cond, yes: Host, no: Host) -> Dim:
    """One of two ints, by a condition that only a call decides.

    Raises:
        NotStatic: they are no ints.
    """
    if all(isinstance(x, Dim | int) and not isinstance(x, bool) for x in (yes, no)):
        return conditional(cond, dim(yes), dim(no))
    raise NotStatic(f"whether {cond}")


def open_condition(op: str, a: Host, b: Host) -> Cond | None:
    """A comparison of sizes that only a call decides; None where it is known, or one of no sizes."""
    if op not in CONDITIONS or not all(isinstance(x, Dim | int) for x in (a, b)):
        return None
    cond = CONDITIONS[op](dim(a), dim(b))
    return cond if Facts.NONE.decide(cond) is Verdict.OPEN else None


def compare(op: str, a: Host, b: Host) -> bool:
    """A comparison of two host values.

    Raises:
        HostError: they cannot be compared, or only a call could.
    """
    if op in ("is", "is not"):
        return (a is b if b is None or a is None else a == b) is (op == "is")
    if op in ("in", "not in"):
        return (a in b) is (op == "in")
    if isinstance(a, Dim) or isinstance(b, Dim):
        if isinstance(a, Dim | int) and isinstance(b, Dim | int):
            return decide(CONDITIONS[op](dim(a), dim(b)))
        if op in ("==", "!="):
            return op == "!="
    try:
        return bool(ORDER[op](a, b))
    except TypeError:
        raise HostError(f"{op} does not work on {_kind(a)} and {_kind(b)}") from None


def _kind(value: Host) -> str:
    names = {bool: "a truth value", int: "an integer", float: "a number", str: "a string", list: "a list"}
    if value is None:
        return "none"
    return names.get(type(value), "a tuple" if isinstance(value, tuple) else str(value))


def whole(value: float | Real) -> str:
    """What to write where a size is a float: a power of ints is one unless its exponent is known not to be negative."""
    exponent = _exponent(value)
    if exponent is None:
        return "`//` divides ints"
    return f"a power of ints is an int where its exponent is 0 or more: `require {exponent} >= 0`"


def _exponent(value: object) -> Dim | None:
    if not isinstance(value, Real):
        return None
    if value.head == "**" and all(isinstance(a, Dim) for a in value.args):
        exponent: Dim = value.args[1]
        return exponent
    return next((found for a in value.args if (found := _exponent(a)) is not None), None)
