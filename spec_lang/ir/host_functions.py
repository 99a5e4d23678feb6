"""The built-in functions on host values."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

from spec_lang.ir.arithmetic import Host, HostError, NotStatic, binary, check_length, plain
from spec_lang.shapes import Dim, dim, maximum, minimum


def call(name: str, args: list[Host], kwargs: dict[str, Host]) -> Host:
    """The value of a built-in function.

    Raises:
        HostError: the arguments do not fit, or their values are known at run time only.
    """
    try:
        return plain(FUNCTIONS[name](*args, **kwargs))
    except (TypeError, ValueError, OverflowError) as error:
        for a in args:
            if isinstance(a, Dim):
                raise NotStatic(f"{name}({a})") from None
        raise HostError(f"{name} cannot take these values: {error}") from None


def _range(*args: Host) -> range:
    bounds = [plain(a) for a in args]
    for a in bounds:
        if isinstance(a, Dim):
            raise NotStatic(f"the range up to {a}")
    result = range(*bounds)
    check_length(builtins.len(result))
    return result


def _extreme(dims: Callable[[Dim, Dim], Dim], plain_one: Callable[..., Host]) -> Callable[..., Host]:
    def call(*args: Host, **kwargs: Host) -> Host:
        values = args[0] if builtins.len(args) == 1 else args
        if not any(isinstance(v, Dim) for v in values):
            return plain_one(*args, **kwargs)
        if not all(isinstance(v, Dim | int) for v in values):
            raise TypeError("sizes with other values")
        result = dim(values[0])
        for v in values[1:]:
            result = dims(result, dim(v))
        return result

    return call


def _sum(values: Any, start: Host = 0) -> Host:
    total = start
    for v in values:
        total = binary("+", total, v)
    return total


def _log(x: float, base: float | None = None) -> float:
    return math.log(x) if base is None else math.log(x, base)


def _int(x: Host) -> Host:
    return x if isinstance(x, Dim) else builtins.int(x)


FUNCTIONS: dict[str, Callable[..., Host]] = {
    "range": _range,
    "len": builtins.len,
    "enumerate": lambda values, start=0: list(builtins.enumerate(values, start)),
    "zip": lambda *values: list(builtins.zip(*values, strict=False)),
    "reversed": lambda values: list(builtins.reversed(values)),
    "min": _extreme(minimum, builtins.min),
    "max": _extreme(maximum, builtins.max),
    "sum": _sum,
    "int": _int,
    "float": builtins.float,
    "bool": builtins.bool,
    "str": builtins.str,
    "abs": builtins.abs,
    "all": builtins.all,
    "any": builtins.any,
    "round": builtins.round,
    "ceil": math.ceil,
    "floor": math.floor,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": _log,
}
