"""Where numbers that are known only later have a value: what is divided by is not 0, a root and a logarithm are of what has one."""

from __future__ import annotations

from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import owe
from spec_lang.ir.from_ast.values.value import Value
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Compared, Cond, Dim, dim, range_of
from spec_lang.shapes.flags import COMPARE
from spec_lang.syntax import ast

_DIVISIONS = frozenset({"/", "//", "%"})
_OPPOSITE = {">": "<=", ">=": "<", "!=": "=="}


def divided(c: Check, at: Place, op: str, a: Value, b: Value, node: ast.Expr) -> bool:
    """Whether `a op b` may have a value; that it has is owed where it is not known."""
    if op in _DIVISIONS:
        return _holds(c, at, b, "!=", node, "a division")
    return op != "**" or _raised(c, at, a, b, node)


def _raised(c: Check, at: Place, a: Value, b: Value, node: ast.Expr) -> bool:
    """Whether `a ** b` may have a value: a power of 0 is not negative, and one of less than 0 is whole."""
    exponent = b.const if isinstance(b, Dim) else b if isinstance(b, float) else None
    if exponent is None:
        return _raised_to_unknown(c, at, a, b, node)
    if float(exponent).is_integer():
        return exponent >= 0 or _holds(c, at, a, "!=", node, "a negative power")
    return _holds(c, at, a, ">" if exponent < 0 else ">=", node, "this power")


def _raised_to_unknown(c: Check, at: Place, a: Value, b: Value, node: ast.Expr) -> bool:
    """The same where the exponent is known only later: a float of then is not taken to be whole."""
    if not isinstance(a, Dim | Real | float) or not isinstance(b, Dim | Real):
        return True
    if isinstance(b, Dim):
        cond = _sign(at, a, "!=") | _sign(at, b, ">=")
    else:
        above, from_0, to_0 = _sign(at, a, ">"), _sign(at, a, ">="), _sign(at, b, ">=")
        cond = from_0 if at.decide(to_0) else above | (from_0 & to_0)
    known = at.decide(cond)
    if known is False:
        c.error("E0803", f"this power has no value here: {a} is not above 0", node)
    elif known is None:
        owe(c, at, cond, f"this power needs {cond}", node, True)
    return known is not False


def computed_of(c: Check, at: Place, name: str, value: Value, node: ast.Expr) -> bool:
    """Whether a function of a float may have a value."""
    op = {"log": ">", "sqrt": ">="}.get(name)
    return op is None or _holds(c, at, value, op, node, f"`{name}`")


def _holds(c: Check, at: Place, value: Value, op: str, node: ast.Expr, what: str) -> bool:
    """That a number compares with 0: proved, or owed; whether it is not refuted."""
    if not isinstance(value, Dim | Real) or (isinstance(value, Dim) and value.const is not None):
        return True  # what is known is computed
    cond = _sign(at, value, op)
    known = at.decide(cond)
    if known is False:
        c.error("E0803", f"{what} has no value here: {value} {_OPPOSITE[op]} 0", node)
        return False
    if known is None:
        owe(c, at, cond, f"{what} needs {cond}", node, True)
    return True


def _sign(at: Place, value: Dim | Real | float, op: str) -> Cond:
    """How a number compares with 0: true where that is proved."""
    if isinstance(value, float):
        return Cond.of(COMPARE[op](value, 0))
    low, high = range_of(value)
    if _is_positive(value) or (op == "!=" and high < 0) or (op == ">=" and low >= 0):
        return Cond.TRUE
    cond = _compared(value, op)
    if isinstance(value, Real) and at.decide(cond) is None:
        closer = (">",) if op != "!=" else (">", "<")
        if any(at.decide(_flag(value, o, zero)) for o in closer for zero in (0.0, dim(0))):
            return Cond.TRUE
    return cond


def _is_positive(value: object) -> bool:
    """Whether a number is above 0, however near."""
    if not isinstance(value, Dim | Real | float):
        return False
    if isinstance(value, Real) and value.head in ("*", "/", "sqrt"):
        return all(map(_is_positive, value.args))
    return range_of(value)[0] > 0 or (isinstance(value, Real) and value.head == "exp")


def _compared(value: Dim | Real, op: str) -> Cond:
    if isinstance(value, Dim):
        return Cond.compared(op, value, 0)
    return _flag(value, op, dim(0))


def _flag(value: Real, op: str, zero: Dim | float) -> Cond:
    assert op in COMPARE
    return Cond.flag(Compared(value, op, zero))
