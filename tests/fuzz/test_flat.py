"""Several `for`s in one comprehension: each spec holds for lists that are shorter, longer and other than by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fuzz.held import compiled, hold

Rows = tuple[Mapping[str, Any], ...]

DEPTHS: Rows = ({}, {"depths": [2]}, {"depths": [3, 1, 2, 1]})
BOTH: Rows = ({}, {"depths": [2], "widths": [3]}, {"depths": [3, 1, 2, 1], "widths": [2, 7, 5, 3]})
COUNTS: Rows = ({}, {"n": 1, "k": 3}, {"n": 4, "k": 1})


def net(hypers: str, layers: str, body: str, result: str = "float[N, _]", require: str = "true") -> str:
    """A model of one list of layers; lines are parted by `|`."""
    members = "".join(f"        {line}\n" for line in layers.split("|"))
    lines = "".join(f"        {line}\n" for line in body.split("|"))
    stated = "" if require == "true" else f"    require {require}\n"
    return f"model Net({hypers}):\n{stated}    layers:\n{members}    forward(x: float[N, 4]) -> {result}:\n{lines}"


D = "depths: list[int] = [1, 2, 1]"
W = "widths: list[int] = [4, 8, 6]"
N = "n: int = 3, k: int = 2"
RUN = "x = x -> fs|return x"
EACH = "for f in fs:|    x = x -> f -> relu|return x -> head"
SAME = "len(widths) == len(depths)"
HEAD = "|head = Linear(_, 5)"

HELD: dict[str, tuple[str, Rows]] = {
    "as many as each says": (net(D, "fs = [Linear(4, 4) for d in depths for i in range(d)]", RUN), DEPTHS),
    "the first differs": (net(D, "fs = [Linear(_, 7) for d in depths for i in range(d)]", RUN), DEPTHS),
    "two counts": (net(N, "fs = [Linear(_, 7) for i in range(n) for j in range(k)]", RUN), COUNTS),
    "the inner count says which": (
        net(N, "fs = [Linear(_, 4 * (j + 1)) for i in range(n) for j in range(k)]" + HEAD, EACH),
        COUNTS,
    ),
    "the outer count says which": (
        net(
            N, "fs = [Linear(_, 4 * 2**i) for i in range(n) for j in range(k)]", RUN, "float[N, 4*2**(n - 1)]"
        ),
        COUNTS,
    ),
    "a width for each of some": (
        net(W, "fs = [Linear(_, w) for w in widths for j in range(2)]" + HEAD, EACH),
        ({}, {"widths": [3]}, {"widths": [2, 7, 5, 3]}),
    ),
    "a width and how often": (
        net(
            f"{W}, {D}",
            "fs = [Linear(_, w) for w, d in zip(widths, depths) for i in range(d)]" + HEAD,
            EACH,
            require=SAME,
        ),
        BOTH,
    ),
    "a width and how often, run as a whole": (
        net(
            f"{W}, {D}",
            "fs = [Linear(_, w) for w, d in zip(widths, depths) for i in range(d)]",
            RUN,
            "float[N, widths[-1]]",
        ),
        BOTH,
    ),
    "the first of each is wider": (
        net(
            f"{W}, {D}",
            "fs = [Linear(_, 2 * w if i == 0 else w) for w, d in zip(widths, depths) for i in range(d)]"
            + HEAD,
            EACH,
        ),
        BOTH,
    ),
    "a triangle": (
        net("n: int = 3", "fs = [Linear(_, 4) for i in range(1, n + 1) for j in range(i)]", RUN),
        COUNTS[:1],
    ),
    "three counts": (
        net(N, "fs = [Linear(_, 4) for i in range(n) for j in range(k) for m in range(2)]", RUN),
        COUNTS,
    ),
    "results of pairs": (
        net(
            "n: int = 3",
            "fs = [Linear(4, 4) for i in range(n)]",
            "return cat([g(f(x)) for f in fs for g in fs], dim=1)",
            "float[N, n*n*4]",
        ),
        ({}, {"n": 1}, {"n": 4}),
    ),
    "appended one by one": (
        net(
            D,
            "fs = [Linear(_, 4) for d in depths for i in range(d)]",
            "ys = [x]|for f in fs:|    x = x -> f|    ys += [x]|return cat(ys, dim=1)",
        ),
        DEPTHS,
    ),
    "cat of widths": (
        net(
            W,
            "fs = [Linear(4, w) for w in widths for j in range(2)]",
            "return cat([f(x) for f in fs], dim=1)",
        ),
        ({}, {"widths": [3]}),
    ),
    "some make none": (
        net(
            "depths: list[int] = [1, 5, 4]", "fs = [Linear(4, 4) for d in depths for i in range(d - 3)]", RUN
        ),
        ({}, {"depths": [2]}, {"depths": [3, 1, 6, 1]}),
    ),
    "the count in the middle says which": (
        net(
            N,
            "fs = [Linear(4, j + 1) for i in range(n) for j in range(k) for m in range(2)]" + HEAD,
            "return cat([f(x) for f in fs], dim=1) -> head",
        ),
        COUNTS,
    ),
    "kernels": (
        """model Net(n: int = 2, k: int = 3):
    layers:
        fs = [Conv1d(_, 6, 3, padding=2**i, dilation=2**i) for s in range(n) for i in range(k)]
    forward(x: float[N, 4, T]) -> float[N, 6, T]:
        return x -> fs
""",
        COUNTS,
    ),
}

REFUSED: dict[str, tuple[str, str]] = {
    "the second width is not what flows in": (
        net(
            W,
            "fs = [Linear(4, w) for w in widths for j in range(2)]",
            EACH + HEAD.replace("|head", "|# head"),
        ).replace(" -> head", ""),
        "E0",
    ),
    "an item that is not known": (
        net(
            f"{W}, {D}",
            "fs = [Linear(4, w) for w, d in zip(widths, depths) for i in range(d)]" + HEAD,
            "return x -> fs[1] -> head",
        ),
        "E0307",
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_held(name: str) -> None:
    text, rows = HELD[name]
    hold(text, rows)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, code = REFUSED[name]
    found = [d.code for d in compiled(text).diagnostics if d.severity == "error"]
    assert found
    assert found[0].startswith(code)
