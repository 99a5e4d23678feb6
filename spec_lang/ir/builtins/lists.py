"""What makes lists, and what counts them."""

from __future__ import annotations

from spec_lang.ir.arithmetic import Host, NotStatic, NoValue, check_length, plain, whole
from spec_lang.ir.builtins.row import Row, Site, Value
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Dim, dim


def _range(site: Site, values: list[Value]) -> Value:
    for v in values:
        if not isinstance(v, Dim):
            hint = whole(v) if isinstance(v, float | Real) else None
            raise NoValue(f"`range` takes ints, not {site.kind(v)}", help=hint)
    dims = [v for v in values if isinstance(v, Dim)]
    start, stop = (dim(0), dims[0]) if len(dims) == 1 else dims[:2]
    step = dims[2].const if len(dims) == 3 else 1
    if not step:
        raise NoValue("the step of a range is a known int, and not 0")
    return site.range(start, stop, step)


def _range_of(*args: Host) -> range:
    bounds = [plain(a) for a in args]
    for a in bounds:
        if isinstance(a, Dim):
            raise NotStatic(f"the range up to {a}")
    result = range(*bounds)
    check_length(len(result))
    return result


def _enumerate(site: Site, values: list[Value]) -> Value:
    site.numbered(values)
    start = values[1] if len(values) > 1 else dim(0)
    if not isinstance(start, Dim):
        raise NoValue(f"`enumerate` counts from an int, not from {site.kind(start)}")
    return site.enumerate(values[0], start)


def _zip(site: Site, values: list[Value]) -> Value:
    site.numbered(values)
    return site.zip(values)


def _reversed(site: Site, values: list[Value]) -> Value:
    site.numbered(values)
    return site.reversed(values[0])


ROWS = (
    Row("range", (1, 3), _range, _range_of),
    Row("len", (1, 1), lambda site, values: site.length(values[0]), len, gives="int", holds_tensors=True),
    Row(
        "enumerate",
        (1, 2),
        _enumerate,
        lambda values, start=0: list(enumerate(values, start)),
        named=("start",),
        holds_tensors=True,
        iterates=True,
    ),
    Row(
        "zip",
        (1, None),
        _zip,
        lambda *values: list(zip(*values, strict=False)),
        flags={"strict": False},
        holds_tensors=True,
        iterates=True,
    ),
    Row(
        "reversed",
        (1, 1),
        _reversed,
        lambda values: list(reversed(values)),
        holds_tensors=True,
        iterates=True,
    ),
)
