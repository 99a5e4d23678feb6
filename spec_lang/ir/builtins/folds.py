"""What makes one value of a list's items."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from spec_lang.ir.arithmetic import Host, NoValue, as_float, as_int, binary
from spec_lang.ir.builtins.row import Row, Site, Value
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, dim, maximum, minimum


def _fold(name: str, op: str, start: int, python: str = "") -> Row:
    """The numbers of a list, joined by an operator."""

    def symbolic(site: Site, values: list[Value]) -> Value:
        whole = site.folded(name, values[0])
        if whole is not None:
            return whole
        total: Value = dim(start)
        for item in site.items(values[0]):
            if isinstance(item, list | tuple):  # a number times a list is one
                raise NoValue(f"`{op}` does not go with {site.kind(total)} and {site.kind(item)}")
            total = site.binary(op, total, item)
        return total

    def concrete(values: Iterable[Host], start: Host = start) -> Host:
        total = start
        for item in values:
            total = binary(op, total, item)
        return total

    return Row(name, (1, 1), symbolic, concrete, python)


def _truths(op: str, start: bool, concrete: Callable[[Iterable[Host]], bool]) -> Row:
    """The conditions of a list, joined by `and` or `or`."""

    def symbolic(site: Site, values: list[Value]) -> Value:
        whole = site.folded(concrete.__name__, values[0])
        if whole is not None:
            return whole
        total: Cond | bool = start
        for item in site.items(values[0]):
            total = site.joined(op, total, site.condition(item))
        return total

    return Row(concrete.__name__, (1, 1), symbolic, concrete)


def _extreme(name: str, dims: Callable[..., Dim], plain: Callable[..., Host]) -> Row:
    """One of several numbers, or of those of one list."""

    def symbolic(site: Site, values: list[Value]) -> Value:
        if len(values) == 1:
            whole = site.folded(name, values[0])
            if whole is not None:
                return whole
            if isinstance(values[0], Dim | float | Real | bool | Cond | str | Choice):
                raise NoValue(
                    f"`{name}` takes several numbers, or a list of them, not {site.kind(values[0])}"
                )
            values = list(site.items(values[0]))
        if not values:
            raise NoValue(f"`{name}` of nothing")
        values = [as_int(v) for v in values]
        sizes = [v for v in values if isinstance(v, Dim)]
        if len(sizes) == len(values):
            return dims(*sizes) if len(sizes) > 1 else sizes[0]
        known = [f for f in map(as_float, values) if f is not None]
        if len(known) == len(values):
            return values[known.index(plain(known))]
        if all(isinstance(v, Dim | float | Real) for v in values):
            return Real(name, values)
        raise NoValue(f"`{name}` takes numbers")

    def concrete(*args: Host, **kwargs: Host) -> Host:
        values = args[0] if len(args) == 1 else args
        if not any(isinstance(v, Dim) for v in values):
            return plain(*args, **kwargs)
        if not all(isinstance(v, Dim | int) for v in values):
            raise TypeError("sizes with other values")
        return dims(*values)

    return Row(name, (1, None), symbolic, concrete, gives="numbers")


ROWS = (
    _extreme("min", minimum, min),
    _extreme("max", maximum, max),
    _fold("sum", "+", 0),
    _fold("prod", "*", 1, "math.prod"),
    _truths("and", True, all),
    _truths("or", False, any),
)
