"""Other values for a model's hyperparameters: lists shorter, longer and permuted, other ints and floats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec_lang.syntax import ast
from tests.mutation import interpreter
from tests.mutation.interpreter import Refused, Spec

MOST = 6
"""How many other values each hyperparameter gets."""


def rows(tree: ast.Module, model: ast.Block) -> list[dict[str, Any]]:
    """The defaults, then rows that change one hyperparameter, or the length of all lists at once."""
    spec = Spec(tree)
    try:
        known = interpreter.bind(spec, model.hypers or (), (), {})
    except Refused:
        return [{}]
    named = [h.name.id for h in model.hypers or ()]
    found: list[dict[str, Any]] = [{}]
    for name in named:
        found += [{name: v} for v in list(others(known.get(name)))[:MOST]]
    lists = {n: v for n, v in known.items() if n in named and isinstance(v, list) and v and _plain(v)}
    if len(lists) > 1:
        found.append({n: v[:-1] for n, v in lists.items()})
        found.append({n: [*v, v[0]] for n, v in lists.items()})
        found.append({n: v[::-1] for n, v in lists.items()})
    return found


def others(value: Any) -> Iterator[Any]:
    """Values of a value's type near to it."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
        if value > 1:
            yield value - 1
        yield value * 2
    elif isinstance(value, float):
        yield value / 2
        yield value * 2
    elif isinstance(value, list) and value and _plain(value):
        if value[::-1] != value:
            yield value[::-1]
        if len(value) > 1:
            yield value[:-1]
        yield [*value, value[0]]
        if all(type(v) is int for v in value):
            yield [v + k + 1 for k, v in enumerate(value)]
            yield [v * (k + 1) for k, v in enumerate(value)]


def _plain(value: Any) -> bool:
    """Whether a value is of numbers, strings, tuples and lists: records are of the program that reads them."""
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
