"""What functions over tensors must be told by their callers: the mode, and where and in what dtype to make tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from spec_lang.ir import model as m
from spec_lang.ops.base import FUNCTIONS
from spec_lang.targets.torch.floats import turns_to_floats
from spec_lang.targets.torch.operations import dropped
from spec_lang.targets.torch.walk import bound_in, nodes, statements_in


class Told(NamedTuple):
    """The arguments that a function has besides its own, each by its name."""

    training: bool = False
    device: str | None = None
    dtype: str | None = None


NOTHING = Told()


class Source(NamedTuple):
    """A tensor that every call gets: an input, or a part of one that is a tuple."""

    name: str
    path: tuple[int, ...] = ()


def told(files: tuple[m.File, ...], definitions: Mapping[str, m.Definition]) -> dict[str, Told]:
    """What each function over tensors is told, for itself or for others that it calls."""
    functions = {full: d for full, d in definitions.items() if isinstance(d, m.TensorFunction)}
    here = {full: files[d.file].module for full, d in functions.items()}
    calls = {
        full: {
            n.name if "." in n.name else f"{here[full]}.{n.name}"
            for n in nodes(d.method)
            if isinstance(n, m.Call) and n.to == "fn"
        }
        for full, d in functions.items()
    }

    def through(found: set[str], may: set[str]) -> set[str]:
        while grown := {full for full in may if calls[full] & found} - found:
            found |= grown
        return found

    trains = through({full for full, d in functions.items() if any(map(_trains, nodes(d.method)))}, {*calls})
    nowhere = {full for full, d in functions.items() if device_source(d.method) is None}
    untyped = {full for full, d in functions.items() if float_source(d.method) is None}
    placed = through({full for full in nowhere if any(map(_creates, nodes(functions[full].method)))}, nowhere)
    typed = through(
        {full for full in untyped if any(map(_asks_for_floats, nodes(functions[full].method)))}, untyped
    )
    return {
        full: Told(
            full in trains,
            _free(d.method, "device") if full in placed else None,
            _free(d.method, "dtype") if full in typed else None,
        )
        for full, d in functions.items()
    }


def _free(method: m.Method, name: str) -> str:
    """The name of an argument, which nothing in the function has."""
    taken = {i.name for i in method.inputs} | {d.name for d in method.dims} | set(bound_in(method.body))
    while name in taken:
        name += "_"
    return name


def _trains(n: m.Node) -> bool:
    if isinstance(n, m.Name):
        return n.ref == "builtin" and n.id == "training"
    if not (isinstance(n, m.Call) and n.to == "op"):
        return False
    cls = FUNCTIONS.get(n.name)
    return cls is not None and (cls.trains or dropped(n, cls) is not None)


def _creates(n: m.Node) -> bool:
    """Whether a call makes a tensor out of none."""
    if not (isinstance(n, m.Call) and n.to == "op"):
        return False
    cls = FUNCTIONS.get(n.name)
    return cls is not None and cls.creates and all(k.name != "device" for k in n.kwargs)


def _asks_for_floats(n: m.Node) -> bool:
    """Whether an expression asks for the model's float dtype."""
    if isinstance(n, m.Name):
        return n.ref == "builtin" and n.id == "float"
    return turns_to_floats(n) or (
        _creates(n)
        and isinstance(n, m.Call)
        and isinstance(n.type, m.TensorType)
        and n.type.dtype == "float"
        and all(k.name != "dtype" for k in n.kwargs)
    )


# --- Tensors at hand --------------------------------------------------------------------------


def device_source(method: m.Method) -> Source | None:
    """A tensor among the inputs that is one all through the body."""
    return next(_sources(method, None), None)


def float_source(method: m.Method) -> Source | None:
    """A tensor among the inputs that holds the model's floats all through the body."""
    return next(_sources(method, "float"), None)


def _sources(method: m.Method, dtype: str | None) -> Iterator[Source]:
    for i in method.inputs:
        kinds = [i.type, *_assigned(method, i.name)]
        if not i.optional:
            paths = [set(_tensors(kind, dtype)) for kind in kinds]
            yield from (
                Source(i.name, path)
                for path in _tensors(i.type, dtype)
                if all(path in others for others in paths)
            )


def _tensors(kind: m.Type | None, dtype: str | None, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Where there are tensors in a value of a type, in any case."""
    if isinstance(kind, m.TensorType) and dtype in (None, kind.dtype):
        yield path
    elif isinstance(kind, m.TupleType):
        for i, item in enumerate(kind.items):
            yield from _tensors(item, dtype, (*path, i))


def _assigned(method: m.Method, name: str) -> Iterator[m.Type | None]:
    """The types of what a body gives to a name; None for one that is not told."""
    for s in statements_in(method.body):
        target = getattr(s, "target", None)
        if isinstance(s, m.Assign):
            yield from _given(s.target, s.value.type, name)
        elif isinstance(target, m.Target):
            yield from _given(target, None, name)


def _given(target: m.Target, kind: m.Type | None, name: str) -> Iterator[m.Type | None]:
    if target.name == name:
        yield kind
    for i, item in enumerate(target.items or ()):
        inner = kind.items[i] if isinstance(kind, m.TupleType) and i < len(kind.items) else None
        yield from _given(item, inner, name)
