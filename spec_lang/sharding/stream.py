"""Sequence parallelism: between the rows of one layer and the columns of the next, each device has some of the steps.

All values are taken to be cut along the steps, and those that cannot be are taken out until nothing changes: what mixes
steps needs all of them, what elementwise ops take and give is cut alike, columns gather what they take, and rows and
tables may give parts.
Source: Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models", 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.shapes import Dim
from spec_lang.sharding.cuts import Cuts
from spec_lang.sharding.derive import Derivation
from spec_lang.sharding.factors import Factor, flat
from spec_lang.sharding.notation import read
from spec_lang.sharding.placing import tensors_in
from spec_lang.sharding.values import Meeting, Source, Traced


class Once(Record):
    """A block that gathers its input `name`, at place `at`, once for all of its columns, along an axis."""

    block: str
    at: int
    name: str
    axis: int


class Stream(Record):
    """What is cut along the steps: inputs and results of layers, by definition and path, with the axis.

    `dim` is the steps' name, the size of the axis `axis` of the model's input `name` at place `at`.
    """

    dim: str
    at: int
    name: str
    axis: int
    inputs: Mapping[tuple[str, str], int]
    results: Mapping[tuple[str, str], int]
    once: tuple[Once, ...]


class _Cut:
    """Which values are cut, by their sources: those that are one are one."""

    def __init__(self, steps: Factor) -> None:
        self.steps = steps
        self._into: dict[Source, Source] = {}
        self._whole: set[Source] = set()
        self.changed = False

    def root(self, source: Source) -> Source:
        while source in self._into:
            source = self._into[source]
        return source

    def join(self, a: Source, b: Source) -> None:
        a, b = self.root(a), self.root(b)
        if a is not b:
            self._into[b] = a
            if b in self._whole:
                self._whole.add(a)

    def keep_whole(self, source: Source) -> None:
        root = self.root(source)
        if root not in self._whole:
            self._whole.add(root)
            self.changed = True

    def axis(self, x: Traced) -> int | None:
        """The axis of the steps, where a value is cut along it."""
        return None if self.root(x.source) in self._whole else self.at(x)

    def at(self, x: Traced) -> int | None:
        found = [i for i, a in enumerate(x.axes) if self.steps in flat(a)]
        return found[0] if len(found) == 1 and flat(x.axes[found[0]]) == (self.steps,) else None

    def has(self, x: Traced) -> bool:
        return any(self.steps in flat(a) for a in x.axes)


def stream_of(derivation: Derivation, entry: model.Block, cuts: Cuts) -> Stream | None:
    """What can be cut along the steps of a model's input; None where nothing can."""
    if not cuts.cuts:
        return None
    method = next(m for m in entry.methods if m.name == "forward")
    inputs = derivation.method(entry, "forward").inputs
    found = next(
        ((i, n, x) for i, (n, x) in enumerate(inputs.items()) if isinstance(x, Traced) and len(x.axes) > 1),
        None,
    )
    if found is None or len(flat(found[2].axes[1])) != 1:
        return None
    at, name, tokens = found
    dim = str(tokens.dims[1])
    if not dim.isidentifier():
        return None
    cut = _Cut(flat(tokens.axes[1])[0])
    for a, b in derivation.links:
        cut.join(a, b)
    for source in derivation.read:
        cut.keep_whole(source)
    for own in entry.methods:
        summary = derivation.method(entry, own.name)
        for x in tensors_in([summary.inputs, summary.result]):
            cut.keep_whole(x.source)
    for body, given in derivation.bodies:
        _by_name(body, given, cut)
    kinds = [(m, _kind(m, cuts)) for m in derivation.meetings]
    for m, _ in kinds:
        for x in (*m.tensors, *m.results):
            if cut.at(x) is None:
                cut.keep_whole(x.source)
    cut.changed = True
    while cut.changed:
        cut.changed = False
        for m, kind in kinds:
            _constrain(m, kind, cut)
        _alike(derivation, cut)
    return _told(derivation, kinds, cut, Stream(dim, at, name, 1, {}, {}, ()), method)


def _by_name(body: model.Method, given: Mapping[str, Any], cut: _Cut) -> None:
    """Keep whole the inputs of a method that computes with the number of steps: it reads it off them."""
    for x in tensors_in(given):
        at = cut.at(x)
        size = None if at is None else x.dims[at]
        if not isinstance(size, Dim) or any(n.id in size.symbols for n in _names(body.body)):
            cut.keep_whole(x.source)


def _names(node: object) -> Iterator[model.Name]:
    if isinstance(node, tuple):
        for item in node:
            yield from _names(item)
    elif isinstance(node, model.Node):
        if isinstance(node, model.Name) and node.ref == "dim":
            yield node
        for name, value in node.__dict__.items():
            if name not in ("type", "span"):
                yield from _names(value)


def _kind(m: Meeting, cuts: Cuts) -> str:
    """How a call deals with steps: `columns`, `rows`, `all` where it needs all of them, `same` where it takes what it
    gives, `free` where a whole layer works on parts or on all, and its style gathers or shares out.
    """
    rule = read(m.op.placement) if m.op.placement else None
    if rule is None or m.path in cuts.along:
        return "all"
    keys = {p.key for p in m.parameters}
    roles = {
        u.role for c in cuts.cuts for u in c.uses if u.parameter.key in keys and len(u.parameter.axes) > 1
    }
    if roles:
        return "columns" if roles == {"columns"} else "rows"
    if rule.rows:
        return "rows"
    if m.parameters and rule.kind == "named":
        return "free"
    return "same" if rule.kind == "each" and not rule.whole and not m.parameters else "all"


def _constrain(m: Meeting, kind: str, cut: _Cut) -> None:
    taken = [x for x in m.tensors if cut.has(x)]
    given = [x for x in m.results if cut.has(x)]
    if kind == "same":
        both = [*taken, *given]
        if any(cut.axis(x) is None for x in both) or len(given) != len(m.results):
            for x in both:
                cut.keep_whole(x.source)
    for x in (*(taken if kind in ("rows", "all") else ()), *(given if kind in ("columns", "all") else ())):
        cut.keep_whole(x.source)


def _alike(derivation: Derivation, cut: _Cut) -> None:
    """A layer's calls take and give alike: what one style says holds for all of them."""
    calls: dict[tuple[str, str], list[Meeting]] = {}
    for m in derivation.meetings:
        if m.parameters:
            calls.setdefault(m.path, []).append(m)
    for group in calls.values():
        for side in ("tensors", "results"):
            values = [x for m in group for x in getattr(m, side)]
            if len({cut.axis(x) for x in values}) > 1:
                for x in values:
                    cut.keep_whole(x.source)


def _told(
    derivation: Derivation,
    kinds: list[tuple[Meeting, str]],
    cut: _Cut,
    stream: Stream,
    method: model.Method,
) -> Stream | None:
    inputs: dict[tuple[str, str], int] = {}
    results: dict[tuple[str, str], int] = {}
    for m, _ in kinds:
        if m.parameters:
            for side, values in ((inputs, m.tensors), (results, m.results)):
                for x in values:
                    at = cut.axis(x)
                    if at is not None:
                        side[m.path] = at
    once: list[Once] = []
    used = {b for _, b in derivation.links}
    for block in derivation.blocks():
        if len(block.methods) != 1:
            continue
        given = derivation.method(block, block.methods[0].name).inputs
        for at, (name, x) in enumerate(given.items()):
            axis = cut.axis(x) if isinstance(x, Traced) else None
            if axis is None or x.source in used:
                continue
            users = [(m, kind) for m, kind in kinds if any(t.source is x.source for t in m.tensors)]
            paths = {m.path for m, _ in users}
            alone = all(kind == "columns" for _, kind in users)
            others = any(
                m.path in paths for m, _ in kinds if all(t.source is not x.source for t in m.tensors)
            )
            if users and alone and not others:
                once.append(Once(block.name, at, name, axis))
                for path in paths:
                    inputs.pop(path, None)
    if not results:
        return None
    return stream.replace(inputs=inputs, results=results, once=tuple(once))
