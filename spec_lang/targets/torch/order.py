"""The order of a file's definitions: what Python evaluates while it imports the file stands behind what that needs."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.signature import frozen_lists, is_plain
from spec_lang.targets.torch.walk import nodes


def in_order(own: Sequence[m.AnyDefinition]) -> list[m.AnyDefinition]:
    """A file's definitions, each behind those that it needs, else as they stand."""
    names = {d.name: d for d in own}
    placed: dict[str, m.AnyDefinition] = {}
    entered: set[str] = set()
    waiting: list[tuple[m.AnyDefinition, list[str] | None]] = [(d, None) for d in reversed(own)]
    while waiting:
        d, needed = waiting.pop()
        if needed is None:
            if d.name in entered:
                continue
            entered.add(d.name)
            needed = _needed(d, names)
        first = next((n for n in needed if n in names and n not in entered), None)
        if first is None:
            placed[d.name] = d
        else:
            waiting += [(d, needed), (names[first], None)]
    return list(placed.values())


def _needed(d: m.AnyDefinition, own: dict[str, m.AnyDefinition]) -> list[str]:
    """The names that are read where a definition is made, in order."""
    if isinstance(d, m.Constant):
        return _evaluated([d.value], own)
    if isinstance(d, m.Record):
        return [*_annotated(d.fields), *_evaluated([h.default for h in d.fields], own)]
    if isinstance(d, m.Function):
        return [*_records(d.value.type), *_signature(d.inputs, own)]
    if isinstance(d, m.Block):
        body = d.body.name if isinstance(d.body, m.Call) else ""
        return [body, *_signature(d.hypers, own)]
    if isinstance(d, m.Variant):
        base = own.get(d.base)
        hypers = base.hypers if isinstance(base, m.Block) else ()
        return [d.base, *_signature(hypers, own)]
    return []


def _signature(hypers: Sequence[m.Hyper], own: dict[str, m.AnyDefinition]) -> list[str]:
    """What annotations read, and defaults that are evaluated where the function is defined."""
    plain = [h.default for h in hypers if h.default is not None and is_plain(frozen_lists(h.default))]
    return [*_annotated(hypers), *_evaluated(plain, own)]


def _annotated(hypers: Sequence[m.Hyper]) -> list[str]:
    return [name for h in hypers for name in _records(h.type)]


def _records(kind: object) -> list[str]:
    return [n.name for n in nodes(kind) if isinstance(n, m.RecordType)]


def _evaluated(values: Sequence[m.Expr | None], own: dict[str, m.AnyDefinition]) -> list[str]:
    """The names that evaluating some values reads, also in the functions that are called."""
    found: dict[str, None] = {}
    waiting = [name for value in values for name in _read(value)]
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        found[name] = None
        called = own.get(name)
        if isinstance(called, m.Function):
            waiting += [*_read(called.value), *(n for h in called.inputs for n in _read(h.default))]
    return list(found)


def _read(value: object) -> list[str]:
    """The names of definitions in an expression."""
    return [
        n.id if isinstance(n, m.Name) else n.name
        for n in nodes(value)
        if (isinstance(n, m.Name) and n.ref in ("constant", "definition"))
        or (isinstance(n, m.Call) and n.to in ("fn", "record", "block"))
    ]
