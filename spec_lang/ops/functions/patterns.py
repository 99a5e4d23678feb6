"""einops' patterns: how `rearrange`, `reduce`, `repeat` and `einsum` read them.

Source: https://einops.rocks/api/rearrange/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.frozen import Record
from spec_lang.ops.base import Cx, OpError, Tensor
from spec_lang.shapes import Cond, Dim, Pack, dim, exact_div

Group: TypeAlias = tuple[str, ...]
"""What stands for one dim: names in parentheses, one name, or nothing for `1`; an int n > 1 is named `n#i`."""

_TOKEN = re.compile(r"\s*(\.\.\.|\(|\)|[A-Za-z_][A-Za-z0-9_]*|\d+|$)")


_DIGITS = 18
"""Of sizes that are 64-bit integers."""


class Side(Record):
    """One side of a pattern: its groups, and where `...` stands among them."""

    groups: tuple[Group, ...]
    dots: int | None

    @property
    def names(self) -> list[str]:
        """All names, in order."""
        return [n for group in self.groups for n in group]


class Pattern(Record):
    """A pattern in two parts."""

    left: Side
    right: Side


def anonymous(name: str) -> int | None:
    """The size of a dim that is an int in the pattern."""
    return int(name.partition("#")[0]) if name[0].isdigit() else None


def parse(cx: Cx, text: str) -> Pattern:
    """Read `left -> right`.

    Raises:
        OpError: E0520, not a pattern.
    """
    try:
        return _read(text)
    except ValueError as why:
        raise OpError(f'{cx.name} cannot read "{text}": {why}', code="E0520", arg="pattern") from None


@lru_cache
def _read(text: str) -> Pattern:
    """A pattern; a block in a stack comes with the same one again and again.

    Raises:
        ValueError: it is none.
    """
    sides = text.split("->")
    if len(sides) != 2:
        raise ValueError("it has one `->` between what comes in and what goes out")
    pattern = Pattern(_side(sides[0]), _side(sides[1]))
    if pattern.right.dots is not None and pattern.left.dots is None:
        raise ValueError("`...` goes out but does not come in")
    return pattern


def _side(side: str) -> Side:
    groups: list[Group] = []
    dots: int | None = None
    inside: list[str] | None = None
    at = ints = 0
    side = side.rstrip()
    while at < len(side):
        match = _TOKEN.match(side, at)
        if match is None or match.end() == at:
            raise ValueError(f"`{side[at:].strip()[0]}` has no meaning in a pattern")
        token, at = match.group(1), match.end()
        if token == "(":
            if inside is not None:
                raise ValueError("parentheses do not nest")
            inside = []
        elif token == ")":
            if inside is None:
                raise ValueError("a `)` closes nothing")
            groups.append(tuple(inside))
            inside = None
        elif token == "...":
            if inside is not None:
                raise ValueError("`...` inside parentheses is not supported")
            if dots is not None:
                raise ValueError("`...` stands twice on one side")
            dots = len(groups)
        else:
            if token.isdigit():
                if len(token) > _DIGITS:
                    raise ValueError(f"a size has at most {_DIGITS} digits")
                if int(token) == 0:
                    raise ValueError("a size is at least 1")
                ints += 1
                token = "" if int(token) == 1 else f"{int(token)}#{ints}"
            if inside is not None:
                inside += [token] if token else []
            else:
                groups.append((token,) if token else ())
    if inside is not None:
        raise ValueError("a `(` is not closed")
    found = Side(tuple(groups), dots)
    seen: set[str] = set()
    for name in found.names:
        if name in seen:
            raise ValueError(f"`{name}` stands twice on one side")
        seen.add(name)
    return found


class Matched(Record):
    """A pattern matched against a tensor."""

    sizes: dict[str, Dim]
    rest: tuple[Dim | Pack, ...]
    """The dims that `...` stands for."""


def match(cx: Cx, text: str, side: Side, x: Tensor, given: Mapping[str, Dim]) -> Matched:
    """The size of every name on the left, where `x` comes in.

    Raises:
        OpError: E0302 other rank, E0301 other sizes, E0306 not divisible, E0504 sizes not determined.
    """
    behind = len(side.groups)
    have = len(x.shape)
    if side.dots is None:
        if x.rank is None or have != behind:
            raise OpError(
                f'{cx.name}: "{text}" takes {behind} dims, but gets {x}', code="E0302", arg="pattern"
            )
        dims, rest = x.shape, ()
    else:
        if have - (x.rank is None) < behind:
            raise OpError(
                f'{cx.name}: "{text}" takes at least {behind} dims, but gets {x}', code="E0302", arg="pattern"
            )
        last = have - (behind - side.dots)
        dims, rest = (*x.shape[: side.dots], *x.shape[last:]), x.shape[side.dots : last]
    sizes: dict[str, Dim] = {}
    for group, size in zip(side.groups, dims, strict=True):
        if isinstance(size, Pack):
            raise OpError(f'{cx.name}: "{text}" names a dim that {x} hides', code="E0302", arg="pattern")
        _match_group(cx, text, group, size, x, given, sizes)
    return Matched(sizes, rest)


def _match_group(
    cx: Cx, text: str, group: Group, size: Dim, x: Tensor, given: Mapping[str, Dim], sizes: dict[str, Dim]
) -> None:
    unknown = [n for n in group if anonymous(n) is None and n not in given]
    product = dim(1)
    for n in group:
        if n not in unknown:
            sizes[n] = dim(anonymous(n) or given[n])
            cx.require(
                Cond.ge(sizes[n], 1),
                f"{cx.name} takes sizes of at least 1, but {n} is {sizes[n]}",
                code="E0501",
            )
            product = product * sizes[n]
    names = [n.partition("#")[0] for n in group]
    shown = f"({' '.join(names)})" if len(group) != 1 else names[0]
    if len(unknown) > 1:
        raise OpError(
            f'{cx.name}: "{text}" does not say how {size} splits into {shown}',
            code="E0520",
            arg="pattern",
            help=f"give the size of all but one: {unknown[0]}=...",
        )
    if not unknown:
        said = "1" if not group else f"{shown} = {product}"
        cx.equal(
            size, product, f'{cx.name}: "{text}" says {said}, but that dim of {x} is {size}', arg="pattern"
        )
    elif len(group) == 1:
        sizes[unknown[0]] = size
    else:
        cx.require(
            Cond.divides(product, size),
            f'{cx.name}: "{text}" splits {size} into {shown}, but {product} does not divide it',
            code="E0306",
            arg="pattern",
        )
        sizes[unknown[0]] = exact_div(cx.facts.simplify(size), cx.facts.simplify(product))


def composed(side: Side, matched: Matched) -> tuple[Dim | Pack, ...]:
    """The shape that a side's groups make."""
    shape: list[Dim | Pack] = []
    for i, group in enumerate(side.groups):
        if side.dots == i:
            shape += matched.rest
        size = dim(1)
        for n in group:
            size = size * matched.sizes[n]
        shape.append(size)
    if side.dots == len(side.groups):
        shape += matched.rest
    return tuple(shape)


def given_names(cx: Cx, text: str, allowed: Sequence[str], given: Mapping[str, Dim]) -> None:
    """Refuse sizes for names that the pattern does not have."""
    for name in given:
        if name not in allowed:
            raise OpError(
                f'{cx.name}: "{text}" has no `{name}`',
                code="E0512",
                arg=name,
                help=did_you_mean(name, allowed),
            )
