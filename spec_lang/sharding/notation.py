"""The placement rules in the ops' declarations, one line each.

``each``        every element by itself: the inputs' axes, broadcast against each other, are the result's
``axes``        the result's axes are those of the input that its shape rule leaves as they are; the others stay whole
``view``        the same elements under other sizes
``batch``       the first axis is one of independent samples; all others stay whole
``new``         a tensor made from no other one

or the axes by name, of the inputs in order, of parameters and of the result, as in einsum::

    [*B, in_features] weight[out_features, in_features] -> [*B, out_features]; sum in_features

An axis of a parameter is called as the argument that gives its size. ``sum i`` is an axis over which is summed: each device may sum its part. ``rows v`` is an axis of a table of which each
device may hold some rows. ``whole d`` is one that is needed whole, by the axis' name or by that of the argument that says
which it is. ``h = k * g`` says that one axis is some groups of another's size. ``M on B h`` says that the axes `*M` are
broadcast against those of `*B` and `h`. ``first batch_first`` says that samples
stand along the second axis unless that argument is true, ``one normalized_shape`` that the rule holds where that argument
is one size. What stands behind a semicolon may stand behind every rule.
"""

from __future__ import annotations

import re
from functools import lru_cache

from spec_lang.frozen import Record

KINDS = ("each", "axes", "view", "batch", "new", "pattern")


class Operand(Record):
    """A tensor and the names of its axes; `name` is empty for an input that the rule gives by its place."""

    name: str
    axes: tuple[str, ...]


class Rule(Record):
    """A placement rule. `kind` is one of `KINDS`, or `named`, with the axes of `operands` and of `result`."""

    kind: str
    operands: tuple[Operand, ...] = ()
    result: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    on: tuple[tuple[str, str, str], ...] = ()
    first: tuple[str, ...] = ()
    one: tuple[str, ...] = ()


_OPERAND = re.compile(r"(\w*)\[([^\]]*)\]")
_ON = re.compile(r"(\w+) on (\w+) (\w+)")
_GROUPS = re.compile(r"(\w+) = (\w+) \* \w+")


@lru_cache
def read(text: str) -> Rule:
    """A rule of the notation.

    Raises:
        ValueError: it is none.
    """
    head, *clauses = (part.strip() for part in text.split(";"))
    said: dict[str, list[str]] = {word: [] for word in ("whole", "sum", "rows", "first", "one")}
    groups: list[tuple[str, str]] = []
    ons: list[tuple[str, str, str]] = []
    for clause in clauses:
        word, _, names = clause.partition(" ")
        match = _GROUPS.fullmatch(clause)
        if on := _ON.fullmatch(clause):
            ons.append((on.group(1), on.group(2), on.group(3)))
        elif match:
            groups.append((match.group(1), match.group(2)))
        elif word in said and names:
            said[word] += names.replace(",", " ").split()
        else:
            raise ValueError(f"`{clause}` says nothing of an axis")
    rule = Rule(
        kind="named",
        whole=tuple(said["whole"]),
        sums=tuple(said["sum"]),
        rows=tuple(said["rows"]),
        groups=tuple(groups),
        on=tuple(ons),
        first=tuple(said["first"]),
        one=tuple(said["one"]),
    )
    if head in KINDS:
        return rule.replace(kind=head)
    left, arrow, right = head.partition("->")
    operands = tuple(Operand(n, _axes(a)) for n, a in _OPERAND.findall(left))
    results = _OPERAND.findall(right)
    if not arrow or not operands or len(results) != 1:
        raise ValueError(f"`{head}` is no placement rule")
    return rule.replace(operands=operands, result=_axes(results[0][1]))


def _axes(text: str) -> tuple[str, ...]:
    return tuple(a.strip() for a in text.split(",") if a.strip())
