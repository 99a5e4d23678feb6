"""`rearrange`, `reduce` and `repeat` as the tensor methods that do the same.

`unflatten` is the function to split axes by; None for the method, which strict mypy refuses on a Tensor.

Source: https://einops.rocks; only what a pattern can say is built: split, permute, reduce or expand, merge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from spec_lang.targets.torch import einops_open
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, Kw, Tuple, Unary

NAMES = frozenset({"rearrange", "reduce", "repeat"})
_TOKEN = re.compile(r"\s*(\(|\)|\.\.\.|…|\w+)")
_REDUCTIONS = {
    "mean": "mean",
    "sum": "sum",
    "max": "amax",
    "min": "amin",
    "prod": "prod",
    "any": "any",
    "all": "all",
}
Groups = list[list[str]]
Splitter = Callable[[], Code] | None


def rearrange(
    x: Code, rank: int | None, pattern: str, sizes: Mapping[str, Code], unflatten: Splitter = None
) -> Code:
    """`x` with its axes split, permuted and merged."""
    left, right = _parse(pattern, rank)
    if _is_open(left):
        return einops_open.rearrange(x, left, right, sizes, unflatten)
    x, axes = _split(x, left, sizes, unflatten)
    wanted = [a for group in right for a in group]
    return _merge(_permute(x, axes, wanted), right)


def reduce(
    x: Code,
    rank: int | None,
    pattern: str,
    how: str,
    sizes: Mapping[str, Code],
    unflatten: Splitter = None,
) -> Code:
    """`x` with the axes that the right side lacks reduced."""
    left, right = _parse(pattern, rank)
    if _is_open(left):
        return einops_open.reduce(x, left, right, _REDUCTIONS[how], sizes, unflatten)
    x, axes = _split(x, left, sizes, unflatten)
    wanted = [a for group in right for a in group]
    gone = [i for i, a in enumerate(axes) if a not in wanted]
    if how == "prod":
        for i in reversed(gone):
            x = _method(x, "prod", i)
    elif gone:
        dims = _int(gone[0]) if len(gone) == 1 else Tuple(tuple(map(_int, gone)))
        x = Call(Attr(x, _REDUCTIONS[how]), (Kw("dim", dims),))
    kept = [a for a in axes if a in wanted]
    return _merge(_permute(x, kept, wanted), right)


def repeat(
    x: Code, rank: int | None, pattern: str, sizes: Mapping[str, Code], unflatten: Splitter = None
) -> Code:
    """`x` repeated along the axes that the left side lacks."""
    left, right = _parse(pattern, rank)
    if _is_open(left):
        return einops_open.repeat(x, left, right, sizes, unflatten)
    x, axes = _split(x, left, sizes, unflatten)
    wanted = [a for group in right for a in group]
    x = _permute(x, axes, [a for a in wanted if a in axes])
    new = [i for i, a in enumerate(wanted) if a not in axes]
    for i in new:
        x = _method(x, "unsqueeze", i)
    if new:
        sizes = {**{a: Atom(a) for a in wanted if a.isdigit()}, **sizes}
        x = Call(Attr(x, "expand"), tuple(sizes[a] if i in new else _int(-1) for i, a in enumerate(wanted)))
    return _merge(x, right)


def _parse(pattern: str, rank: int | None) -> tuple[Groups, Groups]:
    left_text, _, right_text = pattern.partition("->")
    left, right = _groups(left_text), _groups(right_text)
    if ["..."] in left and rank is not None:
        hidden = [[f".{i}"] for i in range(rank - len(left) + 1)]
        left, right = _expanded(left, hidden), _expanded(right, hidden)
    return left, right


def _is_open(left: Groups) -> bool:
    """Whether `...` stands for a number of dims that nobody knows."""
    return ["..."] in left


def _groups(text: str) -> Groups:
    groups: Groups = []
    open_ = False
    for token in _TOKEN.findall(text):
        if token == "(":
            groups.append([])
            open_ = True
        elif token == ")":
            open_ = False
        else:
            token = "..." if token == "…" else token
            names = [] if token == "1" else [token]
            if open_:
                groups[-1] += ["(...)"] if token == "..." else names
            else:
                groups.append(names)
    return groups


def _expanded(groups: Groups, hidden: Groups) -> Groups:
    found: Groups = []
    for group in groups:
        if group == ["..."]:
            found += hidden
        elif "(...)" in group:
            at = group.index("(...)")
            found.append([*group[:at], *(a for h in hidden for a in h), *group[at + 1 :]])
        else:
            found.append(group)
    return found


def _split(x: Code, left: Groups, sizes: Mapping[str, Code], unflatten: Splitter) -> tuple[Code, list[str]]:
    for axis, group in reversed(list(enumerate(left))):
        x = einops_open.split_axis(x, axis, group, sizes, unflatten)
    return x, [a for group in left for a in group]


def _permute(x: Code, axes: Sequence[str], wanted: Sequence[str]) -> Code:
    order = [axes.index(a) for a in wanted]
    moved = [i for i, j in enumerate(order) if i != j]
    if not moved:
        return x
    if len(moved) == 2:
        return _method(x, "transpose", *moved)
    return _method(x, "permute", *order)


def _merge(x: Code, right: Groups) -> Code:
    total = sum(map(len, right))
    end = total
    for group in reversed(right):
        start = end - len(group)
        if not group:
            x = _method(x, "unsqueeze", start)
        elif len(group) > 1:
            x = _method(x, "flatten", start) if end == total else _method(x, "flatten", start, end - 1)
        total += 1 if not group else 1 - len(group)
        end = start
    return x


def _method(x: Code, name: str, *args: int) -> Code:
    return Call(Attr(x, name), tuple(map(_int, args)))


def _int(value: int) -> Code:
    return Atom(str(value)) if value >= 0 else Unary("-", Atom(str(-value)))
