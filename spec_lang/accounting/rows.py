"""The rows of a model's table: its modules, nested as they are, with what each takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from spec_lang.accounting.calls import Call, Use
from spec_lang.accounting.counts import Count, times, total
from spec_lang.accounting.sizes import Sizes, learned
from spec_lang.frozen import Frozen
from spec_lang.ir.templates import BlockTemplate, Child, ContainerTemplate, OpTemplate, Repeated

CONTAINERS = {"list": "ModuleList", "dict": "ModuleDict", "Sequential": "Sequential"}


class Row(Frozen):
    """A module, or a function with products of matrices that a module calls.

    Attributes:
        name: Its name in the module above; of several equal items of a list, those of the first and the last (`0-11`); ''
            for a function.
        kind: The constructor, or the function.
        count: How many equal modules the row is of. Its numbers are those of all of them, its type is each one's, and the
            rows below are those of one.
        type: The type of what it gives, nested as it gives it; None where it is not run.
        calls: How often each is called.
        parameters: Learned numbers; of tied tensors, those of the first alone.
        tied: The keys of tensors, from the module, that are another name of one before, with the keys of those.
        flops: FLOPs of the products of matrices in it.
        memory: The bytes of the tensors that it makes.
        inner: The rows below.
    """

    name: str
    kind: str
    count: int
    type: Any
    calls: Count
    parameters: int
    tied: Mapping[str, str]
    flops: Count
    memory: Count
    inner: tuple[Row, ...]


class _Called(Frozen):
    """A call of a module at a path from the one whose row is made; '' for that itself."""

    path: str
    call: Call
    count: Count
    along: int


def table(call: Call, template: BlockTemplate, sizes: Sizes) -> Row:
    """The row of a model of which one method was run, and those below it."""
    return _Rows(sizes).row("", template, "", [_Called("", call, 1, 1)], 1)


class _Rows:
    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes

    def row(self, name: str, template: Child, path: str, calls: Sequence[_Called], count: int) -> Row:
        """The row of `count` equal modules, the first of which is at `path`."""
        own = [c for c in calls if not c.path]
        shown = (own or calls)[-1:]
        return Row(
            name,
            _kind(template),
            count,
            shown[0].call.type if shown else None,
            total(c.count for c in own),
            count * learned(self._sizes.below(template, path)),
            {key[len(path) + 1 if path else 0 :]: of for key, of in self._sizes.tied(path).items()},
            total(times(c.call.flops, times(c.count, c.along * count)) for c in calls),
            total(times(c.call.made, times(c.count, c.along * count)) for c in calls),
            tuple(self._inner(template, path, calls)),
        )

    def _inner(self, template: Child, path: str, calls: Sequence[_Called]) -> Iterator[Row]:
        """The rows of the modules in one, in the order in which they are registered, and of the functions that it calls."""
        inside = list(_opened(calls))
        by_name: dict[str, list[_Called]] = {}
        for c in inside:
            if c.path:
                name, _, rest = c.path.partition(".")
                by_name.setdefault(name, []).append(c.replace(path=rest))
        if isinstance(template, BlockTemplate | ContainerTemplate):
            runs = _runs(template.children, by_name, lambda name: bool(self._sizes.tied(_below(path, name))))
            for first, length, child, of in runs:
                name = first if length == 1 else f"{first}-{int(first) + length - 1}"
                yield self.row(name, child, _below(path, first), of, length)
        yield from _functions(inside)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(template: Child) -> str:
    if isinstance(template, ContainerTemplate):
        return CONTAINERS[template.kind]
    if isinstance(template, OpTemplate):
        return template.op.name
    assert template is not None
    return template.definition.name


def _opened(calls: Sequence[_Called]) -> Iterator[_Called]:
    """What is called in calls of a module itself, and calls of what is in it from outside."""
    for c in calls:
        if c.path or c.call.kind not in ("block", "loop"):
            yield c
            continue
        for use in c.call.inner:
            yield from _opened([_within(use, c.count)]) if not use.path else [_within(use, c.count)]


def _within(use: Use, count: Count) -> _Called:
    return _Called(
        use.path, use.call, times(1 if use.along else use.count, count), use.count if use.along else 1
    )


def _runs(
    children: Mapping[str, Child], calls: Mapping[str, list[_Called]], apart: Any
) -> Iterator[tuple[str, int, Child, list[_Called]]]:
    """The modules in one: the name of the first of as many equal ones as follow, how many, and the calls of one of them."""
    found: tuple[str, int, Child, list[_Called]] | None = None
    for name, length, child, of in _segments(children, calls):
        if child is None:
            continue
        if found is not None and name.isdigit() and not apart(name) and not apart(found[0]):
            first, before, template, called = found
            if template is child and int(first) + before == int(name) and _equal(called, of):
                found = first, before + length, template, called
                continue
        if found is not None:
            yield found
        found = name, length, child, of
    if found is not None:
        yield found


def _segments(
    children: Mapping[str, Child], calls: Mapping[str, list[_Called]]
) -> Iterator[tuple[str, int, Child, list[_Called]]]:
    """The modules in one, those of a list of equal ones together as far as they are called alike."""
    many = {
        int(name): [c for c in of if c.along > 1 and not c.path]
        for name, of in calls.items()
        if name.isdigit()
    }
    if not isinstance(children, Repeated):
        for name, child in children.items():
            yield name, 1, child, [*calls.get(name, ()), *_along(many, int(name) if name.isdigit() else -1)]
        return
    starts = {0, len(children)}
    for name, of in calls.items():
        at = int(name)
        starts.update((at, *(at + c.along for c in of)))
    ordered = sorted(starts)
    for start, stop in pairwise(ordered):
        one = [c.replace(along=1) if not c.path else c for c in calls.get(str(start), ())]
        yield str(start), stop - start, children.child, [*one, *_along(many, start)]


def _along(many: Mapping[int, list[_Called]], at: int) -> Iterator[_Called]:
    """The calls of items from one before this on, which reach it."""
    for start, of in many.items():
        yield from (c.replace(along=1) for c in of if start < at < start + c.along)


def _equal(a: Sequence[_Called], b: Sequence[_Called]) -> bool:
    return [(c.path, id(c.call), c.count, c.along) for c in a] == [
        (c.path, id(c.call), c.count, c.along) for c in b
    ]


def _functions(inside: Sequence[_Called]) -> Iterator[Row]:
    """A row for each function with products of matrices."""
    found: dict[tuple[str, int], list[_Called]] = {}
    for c in inside:
        if not c.path and c.call.kind != "layer" and c.call.flops != 0:
            found.setdefault((c.call.name, id(c.call.type)), []).append(c)
    for (name, _), calls in found.items():
        flops = total(times(c.call.flops, c.count) for c in calls)
        made = total(times(c.call.made, c.count) for c in calls)
        yield Row("", name, 1, calls[0].call.type, total(c.count for c in calls), 0, {}, flops, made, ())
