"""Conditions on arguments: ranges of sizes and numbers, and the dtypes that a layer's parameters meet."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, Final, TypeAlias

from spec_lang.ops.base import Cx, OpError
from spec_lang.ops.kinds import Real
from spec_lang.ops.lowering import Graph, Unsupported, Value
from spec_lang.shapes import Compared, Cond, Dim, DType, Shape, TensorType, Verdict, dim

Scalar: TypeAlias = "float | int | Dim | Real"

_COMPARE: dict[str, tuple[Callable[[Any, Any], bool], Callable[[Dim | int, Dim | int], Cond]]] = {
    ">=": (operator.ge, Cond.ge),
    ">": (operator.gt, Cond.gt),
    "<=": (operator.le, Cond.le),
    "<": (operator.lt, Cond.lt),
    "!=": (operator.ne, Cond.ne),
}

MAX_COUNT: Final = 10_000
"""Layers that one layer of the library may have inside, and tensors that one function may give."""
MAX_CONSTANT: Final = 1 << 22
"""Elements of a constant that is written out from its formula."""


def at_least(cx: Cx, low: int, **sizes: Dim | int | Iterable[Dim | int]) -> None:
    """Demand that each size, or each of several, is at least `low`."""
    for arg, given in sizes.items():
        for size in (given,) if isinstance(given, Dim | int) else given:
            found = size if isinstance(size, int) else size.const
            if found is not None and found >= low:
                continue
            cx.require(
                Cond.ge(size, low),
                f"{cx.name} takes {arg} of at least {low}, but {arg} is {size}",
                code="E0501",
                arg=arg,
            )


def number(cx: Cx, op: str, limit: float, **values: Scalar) -> None:
    """Demand `value op limit` of numbers, which may be known only when the module is built."""
    for arg, value in values.items():
        message = f"{cx.name} takes {arg} {op} {limit}, but {arg} is {value}"
        if isinstance(value, Dim):
            cx.require(_COMPARE[op][1](value, int(limit)), message, code="E0501", arg=arg)
        elif isinstance(value, Real):
            open_flag(cx, Compared(value, op, dim(limit) if isinstance(limit, int) else limit), message, arg)
        elif not _COMPARE[op][0](value, limit):
            raise OpError(message, code="E0501", arg=arg)


def probability(cx: Cx, **values: Scalar) -> None:
    """Demand that each value lies in [0, 1]."""
    number(cx, ">=", 0, **values)
    number(cx, "<=", 1, **values)


def open_flag(cx: Cx, flag: Compared, message: str, arg: str) -> None:
    """Demand an order between numbers that only the constructed module knows."""
    cond = Cond.flag(flag)
    verdict = cx.facts.decide(cond)
    if verdict is Verdict.REFUTED:
        raise OpError(message, code="E0501", arg=arg)
    if verdict is Verdict.OPEN:
        cx.open.append(cond)


def divides(cx: Cx, divisor: Dim | int, size: Dim | int, arg: str, what: str, by: str) -> None:
    """Demand `size % divisor == 0`, saying what both are."""
    if divisor == 1:
        return
    cx.require(
        Cond.divides(divisor, size),
        f"{cx.name} splits {what} into {by}, but {size} is not divisible by {divisor}",
        code="E0502",
        arg=arg,
    )


def no_inplace(name: str, inplace: bool) -> None:
    """Refuse `inplace=true` of an op: a spec names values, not memory that changes under them.

    Raises:
        OpError: it is true.
    """
    if inplace:
        raise OpError(
            f"{name} does not run in place: a spec names values, and this one may be used again",
            code="E0503",
            arg="inplace",
            help="leave `inplace` out, here and wherever else it stands",
        )


def model_float(cx: Cx, x: TensorType, what: str = "its input") -> None:
    """Demand the dtype of a layer's own parameters.

    Raises:
        OpError: another dtype.
    """
    if x.dtype is not DType.FLOAT:
        raise OpError(
            f"{cx.name} has float parameters, but {what} is {x}",
            code="E0401",
            help="convert with `to(float)`",
        )


def any_float(cx: Cx, x: TensorType, what: str = "its input") -> None:
    """Demand a float dtype.

    Raises:
        OpError: another dtype.
    """
    if not x.dtype.is_float:
        raise OpError(
            f"{cx.name} takes float numbers, but {what} is {x}", code="E0401", help="convert with `to(float)`"
        )


def known(sizes: Sequence[Dim | int], arg: str) -> list[int]:
    """Sizes as ints, as ONNX's attributes take them.

    Raises:
        Unsupported: one depends on the inputs.
    """
    values = [dim(size).const for size in sizes]
    if None in values:
        listed = ", ".join(map(str, sizes))
        raise Unsupported(f"{arg} is fixed in a graph, but [{listed}] is known at run time only")
    return [v for v in values if v is not None]


def known_float(value: Scalar, arg: str) -> float:
    """A number as a float attribute.

    Raises:
        Unsupported: it depends on the inputs.
    """
    if isinstance(value, Dim):
        value = known([value], arg)[0]
    if isinstance(value, Real):
        raise Unsupported(f"{arg} is fixed in a graph, but {value} is known at run time only")
    return float(value)


def is_symbolic(value: Any) -> bool:
    """Whether a number depends on dims."""
    return isinstance(value, Dim) and value.const is None


def index_dtype(cx: Cx, x: TensorType, what: str = "its input") -> None:
    """Demand integers that PyTorch takes as indices.

    Raises:
        OpError: another dtype.
    """
    if x.dtype not in (DType.I64, DType.I32):
        raise OpError(
            f"{cx.name} looks rows up by integers, but {what} is {x}",
            code="E0401",
            help="convert with `to(int)`",
        )


def sizes_of(value: Dim | Sequence[Dim]) -> tuple[Dim, ...]:
    """What PyTorch takes as one int or several, as several."""
    return (value,) if isinstance(value, Dim) else tuple(value)


def per_axis(cx: Cx, value: Any, n: int, arg: str) -> tuple[Any, ...]:
    """One value for all of `n` axes, or one for each.

    Raises:
        OpError: there are several, but not `n`.
    """
    if not isinstance(value, tuple):
        return (value,) * n
    if len(value) != n:
        raise OpError(f"{cx.name} takes one {arg} or {n}, but {arg} has {len(value)}", code="E0501", arg=arg)
    return value


def known_count(value: Dim, arg: str) -> int:
    """A number of layers, where the names of parameters hang on it.

    Raises:
        OpError: it is symbolic, or larger than what is written out.
    """
    if value.const is None:
        raise OpError(f"{arg} must be known here, but is {value}", code="E0501", arg=arg)
    few(value, arg)
    return value.const


def pieces(count: int, op: str) -> int:
    """How many tensors a function gives, which must be few enough to be listed.

    Raises:
        OpError: they are too many.
    """
    if count > MAX_COUNT:
        raise OpError(f"{op} gives {count:,} tensors, more than {MAX_COUNT:,}", code="E0802")
    return count


def written_out(count: int, what: str) -> int:
    """The elements of a constant, which must be few enough to be written out.

    Raises:
        OpError: they are too many.
    """
    if count > MAX_CONSTANT:
        raise OpError(
            f"{what} needs a constant of {count:,} elements, more than {MAX_CONSTANT:,}", code="E0802"
        )
    return count


def full(g: Graph, value: float, sizes: Sequence[int], dtype: DType) -> Value:
    """A constant of one number.

    Raises:
        OpError: it is too large to be written out.
    """
    written_out(prod(sizes), "this")
    items: Any = value
    for size in reversed(sizes):
        items = [items] * size
    return g.const(items, dtype)


def few(value: Dim, arg: str) -> None:
    """Demand that a number of layers, where it is known, is one whose layers can be written out.

    Raises:
        OpError: it is too large.
    """
    if value.const is not None and value.const > MAX_COUNT:
        raise OpError(f"{arg} is at most {MAX_COUNT:,}, but is {value}", code="E0802", arg=arg)


def alike(cx: Cx, a: Shape, b: Shape) -> bool:
    """Whether two shapes are proved to be equal."""
    return len(a) == len(b) and all(
        x == y or (isinstance(x, Dim) and isinstance(y, Dim) and cx.facts.equal(x, y))
        for x, y in zip(a, b, strict=True)
    )


def same_shape(cx: Cx, given: TensorType, wanted: Shape, what: str) -> None:
    """Demand a shape, dim by dim.

    Raises:
        OpError: another rank or size.
    """
    listed = f"[{', '.join(map(str, wanted))}]"
    if given.rank != len(wanted):
        raise OpError(f"{cx.name} takes {what} of shape {listed}, but gets {given}", code="E0302")
    for a, b in zip(given.dims, wanted, strict=True):
        assert isinstance(b, Dim)
        cx.equal(a, b, f"{cx.name} takes {what} of shape {listed}, but gets {given}")
