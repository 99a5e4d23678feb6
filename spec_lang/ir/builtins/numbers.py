"""Conversions, roundings and functions of one number, and the constants."""

from __future__ import annotations

import math
from collections.abc import Callable

from spec_lang.ir.arithmetic import Host, NoValue, as_float, as_int
from spec_lang.ir.builtins.row import Constant, Row, Site, Value
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, dim, maximum, opaque, whole_range


def _whole(site: Site, name: str, value: Value, function: Callable[[float], int]) -> Value:
    """A number as an int."""
    if isinstance(value, Cond) and name == "int":
        return site.either(value, dim(1), dim(0))
    value = as_int(value)
    if isinstance(value, Dim):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NoValue(f"`{name}` of {value}")
        return dim(function(value))
    if isinstance(value, Real):
        low, high = whole_range(value, function)
        text = f"{name}({value})".replace("{", "").replace("}", "")
        return site.whole(value, opaque(text, low=low, high=high))
    raise NoValue(f"`{name}` takes a number, not {site.kind(value)}")


def _rounding(name: str, function: Callable[[float], int], python: str = "") -> Row:
    return Row(
        name,
        (1, 1),
        lambda site, values: _whole(site, name, values[0], function),
        function,
        python,
        gives="int",
    )


def _round(site: Site, values: list[Value]) -> Value:
    if len(values) == 1:
        return _whole(site, "round", values[0], round)
    value, digits = map(as_int, values)
    if isinstance(value, float) and isinstance(digits, Dim) and digits.const is not None:
        return round(value, digits.const)
    if not isinstance(value, Dim | float | Real) or not isinstance(digits, Dim | float | Real):
        raise NoValue("`round` takes numbers")
    return Real("round", (value, digits))


def _float(site: Site, name: str, value: Value, function: Callable[[float], float]) -> Value:
    """A function of one float."""
    value = as_int(value)
    known = as_float(value)
    if known is None:
        if isinstance(value, Dim | Real):
            return Real(name, (value,))
        raise NoValue(f"`{name}` takes a number, not {site.kind(value)}")
    try:
        return float(function(known))
    except ValueError:
        raise NoValue(f"`{name}` of {known} is no number", code="E0803") from None
    except OverflowError:
        raise NoValue("a float that is too large", code="E0801") from None


def _function(name: str, function: Callable[[float], float], python: str = "") -> Row:
    return Row(
        name,
        (1, 1),
        lambda site, values: _float(site, name, values[0], function),
        function,
        python,
        gives="float",
    )


def _abs(site: Site, values: list[Value]) -> Value:
    value = as_int(values[0])
    return maximum(value, -value) if isinstance(value, Dim) else _float(site, "abs", value, abs)


def _str(site: Site, values: list[Value]) -> Value:
    value = values[0]
    if isinstance(value, str | Choice):
        return value
    return str(value) if isinstance(value, float) or value is None else site.text(value)


def _int(value: Host) -> Host:
    return value if isinstance(value, Dim) else int(value)


ROWS = (
    Row("int", (1, 1), lambda site, values: _whole(site, "int", values[0], int), _int, gives="int"),
    _function("float", float),
    Row("bool", (1, 1), lambda site, values: site.condition(values[0]), bool),
    Row("str", (1, 1), _str, str),
    Row("abs", (1, 1), _abs, abs, gives="numbers"),
    Row("round", (1, 2), _round, round, gives="int", further="first"),
    _rounding("ceil", math.ceil, "math.ceil"),
    _rounding("floor", math.floor, "math.floor"),
    _function("sqrt", math.sqrt, "math.sqrt"),
    _function("log", math.log, "math.log"),
    _function("exp", math.exp, "math.exp"),
)

CONSTANTS = (
    Constant("inf", math.inf, "math.inf"),
    Constant("pi", math.pi, "math.pi"),
)
