"""Patterns over any number of dims: `...` stays where it is, and axes are counted from either end of it.

An axis left of `...` has its index from the front, one right of it from the back; so no number of dims is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from spec_lang.targets.torch.code import Atom, Attr, Call, Code, Kw, Tuple, Unary
from spec_lang.targets.torch.text import BadProgram

DOTS = "..."
Groups = list[list[str]]
Splitter = Callable[[], Code] | None


def rearrange(x: Code, left: Groups, right: Groups, sizes: Mapping[str, Code], unflatten: Splitter) -> Code:
    """`x` with its axes split, permuted and merged."""
    x, axes = _split(x, left, sizes, unflatten)
    return _merge(_permute(x, axes, _flat(right)), right)


def reduce(
    x: Code,
    left: Groups,
    right: Groups,
    function: str,
    sizes: Mapping[str, Code],
    unflatten: Splitter,
) -> Code:
    """`x` with the axes that the right side lacks reduced by a tensor's method."""
    x, axes = _split(x, left, sizes, unflatten)
    wanted = _flat(right)
    gone = [i for i in _inwards(axes) if axes[i] not in wanted]
    if function == "prod":
        for i in gone:
            x = _method(x, "prod", i)
    elif gone:
        gone.sort(key=lambda i: (i < 0, i))
        dims = _int(gone[0]) if len(gone) == 1 else Tuple(tuple(map(_int, gone)))
        x = Call(Attr(x, function), (Kw("dim", dims),))
    return _merge(_permute(x, [a for a in axes if a in wanted], wanted), right)


def repeat(x: Code, left: Groups, right: Groups, sizes: Mapping[str, Code], unflatten: Splitter) -> Code:
    """`x` repeated along the axes that the left side lacks."""
    x, axes = _split(x, left, sizes, unflatten)
    wanted = _flat(right)
    x = _permute(x, axes, [a for a in wanted if a in axes])
    for i in reversed(list(_inwards(wanted))):
        name = wanted[i]
        if name not in axes:
            size = Atom(name) if name.isdigit() else sizes[name]
            x = Call(Attr(_method(x, "unsqueeze", i), "repeat_interleave"), (size, Kw("dim", _int(i))))
    return _merge(x, right)


def _flat(groups: Groups) -> list[str]:
    return [a for group in groups for a in group]


def _inwards(axes: Sequence[str]) -> Iterator[int]:
    """The axes' indices, such that the index of each is right though those before have been taken away."""
    at = axes.index(DOTS)
    yield from range(at - 1, -1, -1)
    yield from range(at + 1 - len(axes), 0)


def _split(x: Code, left: Groups, sizes: Mapping[str, Code], unflatten: Splitter) -> tuple[Code, list[str]]:
    names = [DOTS if group == [DOTS] else "" for group in left]
    for axis in _inwards(names):
        x = split_axis(x, axis, left[axis], sizes, unflatten)
    return x, _flat(left)


def split_axis(
    x: Code, axis: int, group: Sequence[str], sizes: Mapping[str, Code], unflatten: Splitter
) -> Code:
    """`x` with one axis as those of a group: none, itself, or several, of which one size may be left to follow."""
    if not group:
        return _method(x, "squeeze", axis)
    if len(group) == 1:
        return x
    unknown = [a for a in group if a not in sizes and not a.isdigit()]
    if len(unknown) > 1:
        raise BadProgram(f"the sizes of {' and '.join(unknown)} are not given")
    parts = tuple(Atom(a) if a.isdigit() else sizes.get(a, _int(-1)) for a in group)
    how = (_int(axis), Tuple(parts))
    return Call(Attr(x, "unflatten"), how) if unflatten is None else Call(unflatten(), (x, *how))


def _permute(x: Code, axes: Sequence[str], wanted: Sequence[str]) -> Code:
    """The axes in their order; `...` is what is left where all others have their places."""
    places = {name: i for i in _inwards(axes) if (name := axes[i]) != DOTS}
    moves = sorted((places[name], i) for i in _inwards(wanted) if (name := wanted[i]) != DOTS)
    moves.sort(key=lambda move: (move[0] < 0, move[0]))
    if all(a == b for a, b in moves):
        return x
    moved = [(a, b) for a, b in moves if a != b]
    if len(moved) == 2 and moved[0] == moved[1][::-1]:
        return _method(x, "transpose", *moved[0])
    sources, targets = (Tuple(tuple(map(_int, part))) for part in zip(*moves, strict=True))
    return Call(Attr(x, "movedim"), (sources, targets))


def _merge(x: Code, right: Groups) -> Code:
    at = right.index([DOTS])
    end = sum(map(len, right[:at]))
    for group in reversed(right[:at]):
        start = end - len(group)
        if not group:
            x = _method(x, "unsqueeze", start)
        elif len(group) > 1:
            x = _method(x, "flatten", start, end - 1)
        end = start
    left = sum(map(len, right[at + 1 :]))
    for group in right[at + 1 :]:
        left -= len(group)
        if not group:
            x = _method(x, "unsqueeze", -left - 1)
        elif len(group) > 1:
            ends = (-left - len(group), -left - 1)
            x = _method(x, "flatten", *ends) if left else _method(x, "flatten", ends[0])
    return x


def _method(x: Code, name: str, *args: int) -> Code:
    return Call(Attr(x, name), tuple(map(_int, args)))


def _int(value: int) -> Code:
    return Atom(str(value)) if value >= 0 else Unary("-", Atom(str(-value)))
