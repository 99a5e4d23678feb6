"""Arithmetic on what is known without the data: ints, floats, conditions, strings and lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from spec_lang.ir.arithmetic import NoValue, as_float, as_int
from spec_lang.ir.from_ast.values.kinds import is_module, is_tensor
from spec_lang.ir.from_ast.values.substitution import truth
from spec_lang.ir.from_ast.values.value import (
    CTORS,
    Case,
    FunctionRef,
    Grown,
    Mapped,
    Maybe,
    Parts,
    Range,
    RecordValue,
    SymList,
    Template,
    Value,
)
from spec_lang.ir.operators import ARITHMETIC, CONDITIONS, ORDER
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Compared, Cond, Dim, dim, opaque

MAX_LIST = 10_000


def kind_of(value: Value) -> str:
    """What a host value is, in a message."""
    names: list[tuple[type | tuple[type, ...], str]] = [
        ((bool, Cond), "a condition"),
        (Dim, "an int"),
        ((float, Real), "a float"),
        ((str, Choice), "a string"),
        (tuple, "a tuple"),
        ((list, SymList, Range, Mapped, Parts, Grown), "a list"),
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


_INT = frozenset({"+", "-", "*", "//", "%"})
_FLOAT = _INT | {"/", "**"}
_BITS = frozenset({"&", "|", "^", "<<", ">>"})


Decide: TypeAlias = Callable[[Cond], bool | None]
"""Whether a condition holds where an expression stands."""


def binary(op: str, a: Value, b: Value, decide: Decide = lambda _: None) -> Value:
    """`a op b` as Python computes it.

    Raises:
        NoValue: it has no such operator, or no value.
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
    raise NoValue(f"`{op}` does not go with {kind_of(a)} and {kind_of(b)}")


def _ints(op: str, a: Dim, b: Dim, decide: Decide) -> Value:
    if op in _INT:
        size: Dim = ARITHMETIC[op](a, b)
        return size
    if op == "**":
        return a**b if _never_negative(b) or decide(Cond.ge(b, 0)) else _floats(op, a, b)
    if op == "/":
        return _floats(op, a, b)
    if op in _BITS and a.const is not None and b.const is not None:
        if op == "<<" and b.const > 64:
            raise NoValue("the shifted number does not fit 64 bits", code="E0801")
        if op in ("<<", ">>") and b.const < 0:
            raise NoValue("a number is shifted by a negative count")
        return dim(ARITHMETIC[op](a.const, b.const))
    if op in _BITS:
        return opaque("bits", a, b, text=f"({{}} {op} {{}})")
    raise NoValue(f"`{op}` does not go with two ints")


def _never_negative(b: Dim) -> bool:
    low = b.bounds[0]
    return low is not None and low >= 0


def _floats(op: str, a: Dim | float | Real, b: Dim | float | Real) -> Value:
    left, right = as_float(a), as_float(b)
    if left is None or right is None:
        return Real(op, (a, b))
    try:
        result: float | complex = ARITHMETIC[op](left, right)
    except ZeroDivisionError:
        raise NoValue("a division by zero", code="E0803") from None
    except OverflowError:
        raise NoValue("a float that is too large", code="E0801") from None
    if isinstance(result, complex):
        raise NoValue("the root of a negative number")
    return result


def _repeated(a: Value, b: Value) -> Value:
    items, count = (a, b) if isinstance(a, list | tuple) else (b, a)
    if not (isinstance(items, list | tuple) and isinstance(count, Dim) and count.const is not None):
        raise NoValue("a list is repeated a known number of times only")
    if len(items) * max(count.const, 0) > MAX_LIST:
        raise NoValue(f"a list of more than {MAX_LIST:,} items", code="E0802")
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
    raise NoValue(f"`{op}` does not go with {kind_of(a)}")


def negation(a: Value) -> Cond | bool:
    """`not a`.

    Raises:
        NoValue: it is no condition.
    """
    if isinstance(a, bool):
        return not a
    if isinstance(a, Cond):
        return truth(~a)
    raise NoValue(f"`not` takes a condition, not {kind_of(a)}")


def compare(op: str, a: Value, b: Value) -> Cond | bool:
    """`a op b`.

    Raises:
        NoValue: they do not compare.
    """
    if op in ("in", "not in"):
        return _membership(op, a, b)
    for x, other in ((a, b), (b, a)):
        if isinstance(x, Case | Maybe) and not is_module(x) and not is_tensor(x):
            cond, yes, no = (x.cond, x.yes, x.no) if isinstance(x, Case) else (x.absent, None, x.value)
            sides = [compare(op, *((v, other) if x is a else (other, v))) for v in (yes, no)]
            return disjunction(conjunction(cond, sides[0]), conjunction(negation(cond), sides[1]))
    a, b = as_int(a), as_int(b)
    if isinstance(a, Dim) and isinstance(b, Dim):
        divides = _divides(op, a, b)
        return truth(CONDITIONS[op](a, b) if divides is None else divides)
    if isinstance(a, Dim | float | Real) and isinstance(b, Dim | float | Real):
        left, right = as_float(a), as_float(b)
        if left is None or right is None:
            return Cond.flag(Compared(a, op, b))
        return ORDER[op](left, right)
    if op in ("==", "!="):
        same = _equal(a, b)
        return same if op == "==" else truth(~same if isinstance(same, Cond) else not same)
    raise NoValue(f"`{op}` does not compare {kind_of(a)} with {kind_of(b)}")


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
    if any(isinstance(x, Template) or (isinstance(x, Choice) and x.options == ()) for x in (a, b)):
        raise NoValue("texts that are not known do not compare")
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
        raise NoValue("lists of unknown length do not compare")
    if isinstance(a, RecordValue) and isinstance(b, RecordValue):
        if a.definition is not b.definition:
            return False
        return _equal(tuple(a.fields.values()), tuple(b.fields.values()))
    if a is not None and b is not None and not all(isinstance(x, _PLAIN) for x in (a, b)):
        raise NoValue(f"{kind_of(a)} and {kind_of(b)} do not compare")
    return type(a) is type(b) and a == b


_PLAIN = (str, bool, Cond, Dim, float, Real, list, tuple, RecordValue)


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
            found = disjunction(found, compare("==", a, item))
    elif isinstance(b, Range) and isinstance(a, Dim) and b.step == 1:
        found = conjunction(truth(Cond.ge(a, b.start)), truth(Cond.lt(a, b.stop)))
    else:
        raise NoValue(f"`{op}` takes a list, not {kind_of(b)}")
    return found if op == "in" else negation(found)
