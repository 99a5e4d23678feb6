"""Sizes along lists that follow no formula, that follow the items, and those of lists in lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fuzz.held import compiled, hold

Rows = tuple[Mapping[str, Any], ...]

WIDTHS: Rows = ({}, {"widths": [3]}, {"widths": [2, 7, 5, 3]})
FLAGS: Rows = ({}, {"flags": [True]}, {"flags": [False, True, True, False]})
COUNTS: Rows = ({}, {"n": 1}, {"n": 4})
STRIDES: Rows = ({}, {"strides": [1]}, {"strides": [1, 3, 2, 1]})


def net(
    hypers: str, layers: str, body: str, result: str, takes: str = "float[N, 4]", require: str = ""
) -> str:
    """A model of some lists of layers; lines are parted by `|`."""
    members = "".join(f"        {line}\n" for line in layers.split("|"))
    lines = "".join(f"        {line}\n" for line in body.split("|"))
    stated = f"    require {require}\n" if require else ""
    head = f"model Net({hypers}):" if hypers else "model Net:"
    return f"{head}\n{stated}    layers:\n{members}    forward(x: {takes}) -> {result}:\n{lines}"


W = "widths: list[int] = [4, 8, 8]"
F = "flags: list[bool] = [true, false, true]"
N = "n: int = 3"
S = "strides: list[int] = [1, 2]"
IMAGE = "float[N, 3, H, W]"
SOME = "float[N, _, _, _]"
MEAN = "x -> mean(dim=(2, 3))"
EACH = "for f in fs:|    x = x -> f|return x"
KEPT = "ys = []|for f in fs:|    x = x -> f|    ys += [x]|"
NESTED = "for some in fs:|    for f in some:|        x = x -> f|return x"

HELD: dict[str, tuple[str, Rows]] = {
    "strides of a list": (
        net(S, "fs = [Conv2d(3, 3, 3, stride=s, padding=1) for s in strides]", EACH, SOME, IMAGE),
        STRIDES,
    ),
    "strides of a list, the last of what is kept": (
        net(
            S,
            "fs = [Conv2d(3, 3, 3, stride=s, padding=1) for s in strides]",
            KEPT + "return ys[-1]",
            SOME,
            IMAGE,
            "len(strides) >= 1",
        ),
        STRIDES,
    ),
    "strides of a list, means of what is kept": (
        net(
            S,
            "fs = [Conv2d(3, 3, 3, stride=s, padding=1) for s in strides]",
            KEPT + "return cat([y -> mean(dim=(2, 3)) for y in ys], dim=1)",
            "float[N, 3 * len(strides)]",
            IMAGE,
            "len(strides) >= 1",
        ),
        STRIDES,
    ),
    "halves, for later": (
        net(
            N,
            "fs = [Conv2d(_, 4 * i, 1, stride=2) for i in range(n, 0, -1)]|gs = [Conv2d(_, 4 * i, 1) for i in range(n, 0, -1)]",
            KEPT + "for g, y in zip(gs, ys):|    x = y -> g|return x",
            "float[N, 4, _, _]",
            IMAGE,
        ),
        COUNTS,
    ),
    "strides and widths from the last item": (
        net(
            W,
            "fs = [Conv2d(_, 3 + sum(widths[:i + 1]), 1, stride=i + 1) for i, w in enumerate(widths)]",
            "for f in reversed(fs):|    x = x -> f|return x",
            SOME,
            IMAGE,
        ),
        WIDTHS,
    ),
    "strides and widths of lists in a list": (
        net(
            F,
            "fs = [[Conv2d(_, 8 if f else 4, 3, stride=2 if f else 1, padding=1) for j in range(2)] for f in flags]",
            NESTED,
            SOME,
            IMAGE,
        ),
        FLAGS,
    ),
    "a first size that a list in each item has": (
        net(
            F,
            "fs = [Sequential(*[Conv2d(_, 6 if f else 3, 1, stride=2) for j in range(2)]) for f in flags]",
            "ys = [(x -> f -> mean(dim=(2, 3))) for f in fs]|return cat(ys, dim=1)",
            "float[N, _]",
            IMAGE,
        ),
        FLAGS,
    ),
    "lists in a known list": (
        net(
            "",
            "fs = [Sequential(*[Linear(_, 2 * w) for j in range(2)]) for w in [4, 8]]",
            EACH,
            "float[N, 16]",
        ),
        ({},),
    ),
    "lists in a known list of sizes": (
        net(
            "c: int = 4",
            "fs = [Sequential(*[Linear(_, w) for j in range(2)]) for w in [c, 2 * c, 4 * c]]",
            EACH,
            "float[N, 4 * c]",
        ),
        ({}, {"c": 3}),
    ),
    "a known list of sizes from the last": (
        "block Cell(out: int) = Sequential(Linear(_, out), ReLU())\n\n"
        + net(
            "c: int = 4",
            "fs = [Cell(w) for w in [c, 2 * c, 4 * c]]",
            "for f in reversed(fs):|    x = x -> f|return x",
            "float[N, _]",
            "float[N, c]",
        ),
        ({}, {"c": 3}),
    ),
    "no order": (
        net(
            "",
            "fs = [Linear(_, w) for w in [2, 3, 5]]|head = Linear(5, 3)",
            "for k in range(3):|    x = x -> fs[k]|return x -> head",
            "float[N, 3]",
        ),
        ({},),
    ),
    "a list spread among others": (
        net(
            "",
            "fs = [Identity(), *[Sequential(Linear(_, w), BatchNorm1d(_)) for w in [4, 8, 8]]]",
            EACH,
            "float[N, 8]",
        ),
        ({},),
    ),
    "what grows by its items": (
        net(
            W,
            "fs = [Linear(_, 2 * w) for w in widths]",
            "for f in fs:|    x = cat([x, x -> f], dim=1)|return x",
            "float[N, 4 + 2 * sum(widths)]",
        ),
        WIDTHS,
    ),
    "those that are wide": (
        net(
            W,
            "fs = [Linear(_, 2 * w) for w in widths if w > 4]|head = Linear(_, 3)",
            "for f in fs:|    x = x -> f|return x -> head",
            "float[N, 3]",
        ),
        ({}, {"widths": [3, 6]}, {"widths": [7, 2, 5, 3]}),
    ),
    "those that are wide, and their places": (
        net(
            f"{W}, low: int = 4",
            "fs = [Linear(4, w + i) for i, w in enumerate(widths) if w > low and i % 2 == 1]",
            "return cat([x -> f for f in fs], dim=1)",
            "float[N, _]",
        ),
        ({}, {"widths": [3, 6], "low": 5}, {"widths": [7, 9, 5, 8], "low": 1}),
    ),
    "the first of each list": (
        net(
            "sizes: list[list[int]] = [[4, 5], [6, 7]]",
            "fc = Linear(_, 4)",
            "for s in sizes:|    x = x * s[0]|return x -> fc",
            "float[N, 4]",
        ),
        ({}, {"sizes": [[3]]}, {"sizes": []}),
    ),
    "every second, in lists": (
        net(
            N,
            "fs = [[Linear(_, 4 * i) for j in range(2)] for i in range(1, n) if i % 2 == 1]",
            NESTED,
            "float[N, _]",
        ),
        ({}, {"n": 2}, {"n": 6}),
    ),
    "as a whole, those that are there": (
        net(F, "fs = [Linear(4, 4) for f in flags if f]", "return x -> fs", "float[N, 4]"),
        FLAGS,
    ),
    "halves and doubles, to any depth": (
        net(
            "width: int = 2, n: int = 3",
            "down = [Conv2d(_, width * 2**i, 3, padding=1) for i in range(n)]"
            "|up = [ConvTranspose2d(_, width * 2**(n - 1 - i), 2, stride=2) for i in range(n)]",
            "ys = []|for f in down:|    x = x -> f|    ys += [x]|    x = max_pool2d(x, 2)"
            "|for i, f in enumerate(up):|    x = f(x) + ys[n - 1 - i]|return x",
            "float[N, width, 2**n * h, 2**n * w]",
            "float[N, 3, 2**n * h, 2**n * w]",
        ),
        ({}, {"n": 1}, {"n": 4, "width": 3}),
    ),
    "a list that others are spread into, and widths": (
        net(
            W,
            "fs = [*[Linear(_, w) for w in widths], ReLU(), *[Linear(_, 2 * w) for w in widths[1:]]]|head = Linear(_, 3)",
            "for k, f in enumerate(fs):|    x = (x -> f) * (k + 1)|return x -> head",
            "float[N, 3]",
        ),
        ({}, {"widths": [3]}, {"widths": [2, 7, 5, 3]}),
    ),
    "by a truth of each item": (
        net(
            F,
            "fs = [Linear(_, 8 if f else 4) for f in flags]|head = Linear(_, 3)",
            "for f in fs:|    x = x -> f|return x -> head",
            "float[N, 3]",
        ),
        FLAGS,
    ),
    "by a term of each item, from the last": (
        net(
            W,
            "fs = [Linear(_, w // 2 + 1) for w in reversed(widths)]",
            EACH,
            "float[N, widths[0] // 2 + 1]",
            require="len(widths) >= 1",
        ),
        WIDTHS,
    ),
    "all but the last item, from the last": (
        net(
            W,
            "fs = [Linear(_, w // 2 + 1) for w in widths[:-1]]|head = Linear(_, 3)",
            "for f in reversed(fs):|    x = x -> f|return x -> head",
            "float[N, 3]",
            require="len(widths) >= 2",
        ),
        ({}, {"widths": [3, 5]}, {"widths": [2, 7, 5, 3]}),
    ),
    "several fors, by what the outer counts": (
        net(
            N,
            "fs = [Linear(_, 4 * (j + 1)) for j in range(2) for i in range(n)]",
            "for k in range(2 * n):|    x = x -> fs[k]|return x",
            "float[N, 8]",
        ),
        COUNTS,
    ),
    "several fors, from the last": (
        net(
            N,
            "fs = [Linear(_, i + 4) for j in range(2) for i in range(n)]",
            "for f in reversed(fs):|    x = x -> f|return x",
            "float[N, 4]",
        ),
        COUNTS,
    ),
    "a result for each item": (
        net(
            W,
            "fs = [Linear(_, 2 * w) for w in widths]",
            KEPT + "return ys",
            "[float[N, 2 * w] for w in widths]",
        ),
        WIDTHS,
    ),
    "a result for each item and its place": (
        net(
            W,
            "fs = [Linear(4, w + i) for i, w in enumerate(widths)]",
            "return [x -> f for f in fs]",
            "[float[N, w + i] for i, w in enumerate(widths)]",
        ),
        WIDTHS,
    ),
    "a result for each item, as it is": (
        net(
            N,
            "fs = [Linear(_, 4 * (i + 1)) for i in range(n)]",
            KEPT + "return ys",
            "[float[N, _] for k in range(n)]",
        ),
        COUNTS,
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_it_holds(name: str) -> None:
    """Accepted, and right at each of several values, in both targets and both modes."""
    text, rows = HELD[name]
    result = compiled(text)
    assert not result.errors, [(d.code, d.message) for d in result.errors]
    hold(text, rows)


SHRINK = """block B(strides: list[int]):
    layers:
        body = [Conv2d(_, 8, 3, stride=s, padding=1) for s in strides]

    forward(x: float[N, C, H, W]) -> float[N, _, _, _]:
        for layer in body:
            x = layer(x)
        return x

model Net(strides: list[int] = [1, 2]):
    require len(strides) >= 1

    layers:
        {layers}

    forward(x: float[N, 3, H + 1, W + 1]) -> float[N, _, _, _]:
        {body}
"""

REFUSED = {
    "two calls": (
        SHRINK.format(layers="a = B(strides)", body="return a(x) + a(x[:, :, 1:])"),
        "E0305",
    ),
    "two blocks": (
        SHRINK.format(layers="a = B(strides)\n        b = B([1, 1])", body="return a(x) + b(x)"),
        "E0305",
    ),
    "items of a list": (
        SHRINK.format(layers="bs = [B([i]) for i in range(1, 3)]", body="return sum([b(x) for b in bs])"),
        "E0323",
    ),
    "the sizes that one loop keeps": (
        net(
            S,
            "fs = [Conv2d(3, 3, 3, stride=s, padding=1) for s in strides]",
            KEPT + "return cat(ys, dim=1)",
            SOME,
            IMAGE,
            "len(strides) >= 1",
        ),
        "E0323",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_sizes_that_nothing_tells_are_never_equal(name: str) -> None:
    text, code = REFUSED[name]
    found = compiled(text).errors
    assert [d.code for d in found] == [code], [(d.code, d.message) for d in found]
    assert "require" not in (found[0].help or "")
