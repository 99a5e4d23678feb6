"""Arithmetic on what is known without the data: ints, floats, conditions, strings and lists."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from spec_lang.ir.from_ast.values.kinds import is_module, is_tensor
from spec_lang.ir.from_ast.values.substitution import truth
from spec_lang.ir.from_ast.values.value import CTORS, Case, FunctionRef, Range, RecordValue, SymList, Value
from spec_lang.ir.operators import CONDITIONS
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Compared, Cond, Dim, dim, maximum, minimum, opaque

MAX_LIST = 10_000


class HostError(Exception):
    """An expression over hyperparameters that has no value; the message says why."""

    def __init__(self, message: str, code: str = "E0402") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def kind_of(value: Value) -> str:
    """What a host value is, in a message."""
    names: list[tuple[type | tuple[type, ...], str]] = [
        ((bool, Cond), "a condition"),
        (Dim, "an int"),
        ((float, Real), "a float"),
        ((str, Choice), "a string"),
        (tuple, "a tuple"),
        ((list, SymList, Range), "a list"),
    ]
    if value is None:
        return "none"
    for types, name in names:
        if isinstance(value, types):
            return name
    if is_tensor(value):
        return "a tensor"
    if is_module(value):
        return "a layer"
    if isinstance(value, CTORS):
        return "a layer's constructor"
    if isinstance(value, FunctionRef):
        return "a function"
    if isinstance(value, Case):
        return "one of two values, by a condition"
    return "a record" if isinstance(value, RecordValue) else "something else"


def as_int(value: Value) -> Value:
    """Python's bools are ints in arithmetic."""
    return dim(int(value)) if isinstance(value, bool) else value


_INT: dict[str, Callable[[Dim, Dim], Dim]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}
_FLOAT: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}
_BITS: dict[str, Callable[[int, int], int]] = {
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
}


Decide: TypeAlias = Callable[[Cond], bool | None]
"""Whether a condition holds where an expression stands."""


def binary(op: str, a: Value, b: Value, decide: Decide = lambda _: None) -> Value:
    """`a op b` as Python computes it.

    Raises:
        HostError: it has no such operator, or no value.
        TooLarge, Undefined: from the dim algebra.
    """
    if isinstance(a, str) and isinstance(b, str) and op == "+":
        return a + b
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and op == "+" and type(a) is type(b):
        return a + b  # type: ignore[operator]  # both are lists or both tuples
    if op == "*" and (isinstance(a, list | tuple) or isinstance(b, list | tuple)):
        return _repeated(a, b)
    a, b = as_int(a), as_int(b)
    if isinstance(a, Dim) and isinstance(b, Dim):
        return _ints(op, a, b, decide)
    if isinstance(a, Dim | float | Real) and isinstance(b, Dim | float | Real) and op in _FLOAT:
        return _floats(op, a, b)
    raise HostError(f"`{op}` does not go with {kind_of(a)} and {kind_of(b)}")


def _ints(op: str, a: Dim, b: Dim, decide: Decide) -> Value:
    if op in _INT:
        return _INT[op](a, b)
    if op == "**":
        return a**b if _never_negative(b) or decide(Cond.ge(b, 0)) else _floats(op, a, b)
    if op == "/":
        return _floats(op, a, b)
    if op in _BITS and a.const is not None and b.const is not None:
        if op == "<<" and b.const > 64:
            raise HostError("the shifted number does not fit 64 bits", "E0801")
        if op in ("<<", ">>") and b.const < 0:
            raise HostError("a number is shifted by a negative count")
        return dim(_BITS[op](a.const, b.const))
    if op in _BITS:
        return opaque("bits", a, b, text=f"({{}} {op} {{}})")
    raise HostError(f"`{op}` does not go with two ints")


def _never_negative(b: Dim) -> bool:
    low = b.bounds[0]
    return low is not None and low >= 0


def _floats(op: str, a: Dim | float | Real, b: Dim | float | Real) -> Value:
    left, right = _float(a), _float(b)
    if left is None or right is None:
        return Real(op, (a, b))
    try:
        result = _FLOAT[op](left, right)
    except ZeroDivisionError:
        raise HostError("a division by zero", "E0803") from None
    except OverflowError:
        raise HostError("a float that is too large", "E0801") from None
    if isinstance(result, complex):
        raise HostError("the root of a negative number")
    return result


def _float(value: Value) -> float | None:
    if isinstance(value, float):
        return value
    return float(value.const) if isinstance(value, Dim) and value.const is not None else None


def _repeated(a: Value, b: Value) -> Value:
    items, count = (a, b) if isinstance(a, list | tuple) else (b, a)
    if not (isinstance(items, list | tuple) and isinstance(count, Dim) and count.const is not None):
        raise HostError("a list is repeated a known number of times only")
    if len(items) * max(count.const, 0) > MAX_LIST:
        raise HostError(f"a list of more than {MAX_LIST:,} items", "E0802")
    return items * count.const


def unary(op: str, a: Value) -> Value:
    """`op a`."""
    if op == "not":
        return negation(a)
    a = as_int(a)
    if isinstance(a, Dim):
        if op == "~":
            return -a - 1
        return -a if op == "-" else a
    if isinstance(a, float) and op in "+-":
        return -a if op == "-" else a
    if isinstance(a, Real) and op in "+-":
        return Real("-", (a,)) if op == "-" else a
    raise HostError(f"`{op}` does not go with {kind_of(a)}")


def negation(a: Value) -> Cond | bool:
    """`not a`.

    Raises:
        HostError: it is no condition.
    """
    if isinstance(a, bool):
        return not a
    if isinstance(a, Cond):
        return truth(~a)
    raise HostError(f"`not` takes a condition, not {kind_of(a)}")


_PLAIN: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compare(op: str, a: Value, b: Value) -> Cond | bool:
    """`a op b`.

    Raises:
        HostError: they do not compare.
    """
    if op in ("in", "not in"):
        return _membership(op, a, b)
    a, b = as_int(a), as_int(b)
    if isinstance(a, Dim) and isinstance(b, Dim):
        divides = _divides(op, a, b)
        return truth(CONDITIONS[op](a, b) if divides is None else divides)
    if isinstance(a, Dim | float | Real) and isinstance(b, Dim | float | Real):
        left, right = _float(a), _float(b)
        if left is None or right is None:
            return Cond.flag(Compared(a, op, b))
        return _PLAIN[op](left, right)
    if op in ("==", "!="):
        same = _equal(a, b)
        return same if op == "==" else truth(~same if isinstance(same, Cond) else not same)
    raise HostError(f"`{op}` does not compare {kind_of(a)} with {kind_of(b)}")


def _divides(op: str, a: Dim, b: Dim) -> Cond | None:
    """`D % heads == 0` as what it says about divisibility."""
    if op not in ("==", "!=") or b.const != 0:
        return None
    tree = a.tree()
    if tree[0] != "mod":
        return None
    (monomial,) = a.terms
    (atom,) = monomial
    divisor, dividend = atom.args[1], atom.args[0]
    cond = Cond.divides(divisor, dividend)
    return cond if op == "==" else ~cond


def _equal(a: Value, b: Value) -> Cond | bool:
    if isinstance(a, Choice) or isinstance(b, Choice):
        choice, other = (a, b) if isinstance(a, Choice) else (b, a)
        assert isinstance(choice, Choice)
        return truth(Cond.same(choice, other)) if isinstance(other, str | Choice) else False
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        if len(a) != len(b) or type(a) is not type(b):
            return False
        result: Cond | bool = True
        for x, y in zip(a, b, strict=True):
            result = conjunction(result, compare("==", x, y))
        return result
    if isinstance(a, bool | Cond) and isinstance(b, bool | Cond):
        if isinstance(a, bool) or isinstance(b, bool):
            cond, known = (a, b) if isinstance(b, bool) else (b, a)
            return cond if known else negation(cond)
        return truth((a & b) | (~a & ~b))
    if isinstance(a, SymList) or isinstance(b, SymList):
        raise HostError("lists of unknown length do not compare")
    return type(a) is type(b) and a == b


def conjunction(a: Cond | bool, b: Cond | bool) -> Cond | bool:
    """`a and b`."""
    if isinstance(a, bool):
        return b if a else False
    if isinstance(b, bool):
        return a if b else False
    return truth(a & b)


def disjunction(a: Cond | bool, b: Cond | bool) -> Cond | bool:
    """`a or b`."""
    if isinstance(a, bool):
        return True if a else b
    if isinstance(b, bool):
        return True if b else a
    return truth(a | b)


def choice_is(choice: Choice, option: str) -> Cond | bool:
    """Whether a choice is one of its options; the last one is what the others leave."""
    return truth(Cond.chosen(choice, option))


def _membership(op: str, a: Value, b: Value) -> Cond | bool:
    if isinstance(a, str) and isinstance(b, str):
        found: Cond | bool = a in b
    elif isinstance(b, list | tuple):
        found = False
        for item in b:
            found = disjunction(found, _maybe_equal(a, item))
    elif isinstance(b, Range) and isinstance(a, Dim) and b.step == 1:
        found = conjunction(truth(Cond.ge(a, b.start)), truth(Cond.lt(a, b.stop)))
    else:
        raise HostError(f"`{op}` takes a list, not {kind_of(b)}")
    return found if op == "in" else negation(found)


def _maybe_equal(a: Value, b: Value) -> Cond | bool:
    try:
        return compare("==", a, b)
    except HostError:
        return False


# --- Built-in functions ---------------------------------------------------------------------


def minmax(name: str, args: list[Value]) -> Value:
    """`min` and `max` of numbers, or of a list of them."""
    if len(args) == 1 and isinstance(args[0], list | tuple):
        args = list(args[0])
    if not args:
        raise HostError(f"`{name}` of nothing")
    args = [as_int(a) for a in args]
    if all(isinstance(a, Dim) for a in args):
        dims = [a for a in args if isinstance(a, Dim)]
        return (minimum if name == "min" else maximum)(*dims) if len(dims) > 1 else dims[0]
    floats = [_float(a) for a in args]
    known = [f for f in floats if f is not None]
    if len(known) == len(args):
        best = (min if name == "min" else max)(known)
        return args[known.index(best)]
    numbers = [a for a in args if isinstance(a, Dim | float | Real)]
    if len(numbers) == len(args):
        return Real(name, numbers)
    raise HostError(f"`{name}` takes numbers")


def rounding(name: str, value: Value) -> Value:
    """`int round ceil floor` of a number: an int."""
    value = as_int(value)
    if isinstance(value, Dim):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise HostError(f"`{name}` of {value}")
        whole: dict[str, Callable[[float], int]] = {
            "int": int,
            "round": round,
            "ceil": math.ceil,
            "floor": math.floor,
        }
        return dim(whole[name](value))
    if isinstance(value, Real):
        return opaque(f"{name}({value})".replace("{", "").replace("}", ""))
    raise HostError(f"`{name}` takes a number, not {kind_of(value)}")


def real(name: str, value: Value) -> Value:
    """`sqrt log exp float abs` of a number."""
    value = as_int(value)
    if name == "abs" and isinstance(value, Dim):
        return maximum(value, -value)
    known = _float(value)
    if known is None:
        if isinstance(value, Dim | Real):
            return Real(name, (value,))
        raise HostError(f"`{name}` takes a number, not {kind_of(value)}")
    try:
        functions: dict[str, Callable[[float], float]] = {
            "sqrt": math.sqrt,
            "log": math.log,
            "exp": math.exp,
            "float": float,
            "abs": abs,
        }
        return float(functions[name](known))
    except ValueError:
        raise HostError(f"`{name}` of {known} is no number", "E0803") from None
    except OverflowError:
        raise HostError("a float that is too large", "E0801") from None
