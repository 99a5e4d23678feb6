"""Comprehensions each item of which is several layers: their keys run on, and each spec holds for lists of other lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fuzz.held import compiled, hold

Rows = tuple[Mapping[str, Any], ...]

W = "widths: list[int] = [4, 8, 6]"
D = "depths: list[int] = [1, 2, 1]"
WIDTHS: Rows = ({}, {"widths": [3]}, {"widths": [2, 7, 5, 3]})
DEPTHS: Rows = ({}, {"depths": [2]}, {"depths": [3, 1, 2, 1]})
BOTH: Rows = ({}, {"depths": [2], "widths": [3]}, {"depths": [3, 1, 2, 1], "widths": [2, 7, 5, 3]})


def net(hypers: str, layers: str, body: str = "return x -> fs", result: str = "float[N, _]") -> str:
    """A model of one list of layers; lines are parted by `|`."""
    members = "".join(f"        {line}\n" for line in layers.split("|"))
    lines = "".join(f"        {line}\n" for line in body.split("|"))
    return f"model Net({hypers}):\n    layers:\n{members}    forward(x: float[N, 4]) -> {result}:\n{lines}"


HELD: dict[str, tuple[str, Rows]] = {
    "two layers each": (net(W, "fs = [*[Linear(_, w), ReLU()] for w in widths]"), WIDTHS),
    "two layers each, by a second for": (net(W, "fs = [f for w in widths for f in [Linear(_, w), ReLU()]]"), WIDTHS),
    "in Sequential, others before and behind": (
        net(
            W,
            "fs = Sequential(Linear(_, 5), *[*[Linear(_, w), ReLU()] for w in widths], Linear(_, 3))",
            result="float[N, 3]",
        ),
        WIDTHS,
    ),
    "two lists in one": (
        net(
            f"{W}, {D}",
            "fs = [*[*[Linear(_, w), ReLU()] for w in widths], *[*[Tanh(), Linear(_, d)] for d in depths]]",
        ),
        BOTH,
    ),
    "gone through": (
        net(W, "fs = [*[Linear(_, w), ReLU()] for w in widths]", "for f in fs:|    x = (x -> f) * 2|return x"),
        WIDTHS,
    ),
    "gone through, runs in runs and others before and behind": (
        net(
            f"{W}, {D}",
            "fs = Sequential(Tanh(), *[*[*[*[Linear(_, w), ReLU()] for i in range(d)], Tanh()] for w, d in zip(widths, depths)], Linear(_, 3))",
            "for f in fs:|    x = x -> f|return x",
            "float[N, 3]",
        ),
        BOTH,
    ),
    "gone through, as each says what flows in": (
        net(
            W,
            "fs = Sequential(ReLU(), *[*[Tanh(), Linear(4 + sum(widths[:i]), 4 + sum(widths[:i + 1]))] for i in range(len(widths))])",
            "for f in fs:|    x = x -> f|return x",
            "float[N, 4 + sum(widths)]",
        ),
        WIDTHS,
    ),
    "a side that no item takes": (
        net(
            "n: int = 2",
            "fs = Sequential(*[Linear(_, w) if w == 6 else Linear(_, n) for w in [6, 6]])|gs = [Linear(_, n) if w > 6 else Identity() for w in [6]]",
            "return x -> fs -> gs",
        ),
        ({}, {"n": 3}),
    ),
    "reversed, others behind": (
        net(W, "fs = [*[Sequential(Linear(_, w), ReLU()) for w in widths], Tanh()]", "for f in reversed(fs):|    x = x -> f|return x"),
        WIDTHS,
    ),
    "but for those in front": (
        net(
            W,
            "fs = Sequential(Tanh(), *[Linear(_, w) for w in widths])|gs = [Identity(), *[*[Linear(_, w), ReLU()] for w in widths]]",
            "x = x -> fs[1:] -> gs[1:]|return x",
        ),
        WIDTHS,
    ),
    "as many as each says": (
        net(
            f"{W}, {D}",
            "fs = Sequential(*[*[*[*[Linear(_, w), ReLU()] for i in range(d)], Tanh()] for w, d in zip(widths, depths)])",
        ),
        BOTH,
    ),
    "as many as each says, by fors": (
        net(
            f"{W}, {D}",
            "fs = Sequential(*[f for w, d in zip(widths, depths) for f in [*[g for i in range(d) for g in [Linear(_, w), ReLU()]], Tanh()]])",
        ),
        BOTH,
    ),
    "all counts in one": (
        net(
            f"{W}, {D}",
            "fs = [f for w, d in zip(widths, depths) for i in range(d) for f in [Linear(_, w), ReLU()]]",
        ),
        BOTH,
    ),
    "a list of one layer each": (net(D, "fs = [*[Linear(4, 4) for i in range(d)] for d in depths]"), DEPTHS),
    "some of them none": (
        net(
            f"{W}, norm: bool = true",
            "fs = [*[Linear(_, w), LayerNorm(w) if norm else none, ReLU()] for w in widths]",
        ),
        (*WIDTHS, {"norm": False}),
    ),
    "one list or another": (
        net(
            "widths: list[int] = [4, 8, 6]",
            "fs = [*([Linear(_, w), ReLU()] if w > 4 else [Linear(_, w)]) for w in widths]",
        ),
        WIDTHS,
    ),
    "none at the first": (
        net(D, "fs = [*([Linear(4, 4), ReLU()] if i > 0 else []) for i in range(len(depths))]"),
        DEPTHS,
    ),
    "the first differs": (
        net(D, "fs = [*[Linear(_, 7), ReLU()] for d in depths for i in range(d)]|head = Linear(_, 2)", "return x -> fs -> head"),
        DEPTHS,
    ),
    "a known number": (net("k: int = 3", "fs = [*[Linear(_, k), ReLU()] for i in range(3)]"), ({}, {"k": 5})),
    "a known number of lists of another": (
        net(D, "fs = [f for w in [4, 5] for f in [*[Linear(_, w) for i in range(depths[0])], ReLU()]]"),
        DEPTHS,
    ),
    "an if": (net("k: int = 3", "fs = [*[Linear(_, k), ReLU()] for i in range(4) if i != 1]"), ({}, {"k": 5})),
    "blocks": (
        "block Cell(out: int):\n    layers:\n        fc = Linear(_, out)\n    forward(x: float[N, D]) -> float[N, out]:\n"
        "        return x -> fc -> tanh\n"
        + net(W, "fs = Sequential(*[*[Cell(w), Cell(2 * w)] for w in widths])"),
        WIDTHS,
    ),
    "containers": (
        "block Cell(out: int) = Sequential(Linear(_, out), ReLU())\n"
        "block Cells(widths: list[int]) = Sequential(*[*[Cell(w), ReLU()] for w in widths])\n"
        + net(W, "fs = [*[Cells(widths), Cell(w)] for w in widths]"),
        WIDTHS,
    ),
    "a dict of two each": (
        net(W, 'fs = Sequential(first=Linear(4, 5), **{**{f"fc{i}": Linear(_, w), f"act{i}": ReLU()} for i, w in enumerate(widths)}, z=Linear(_, 3))'),
        WIDTHS,
    ),
    "a dict of two each, nothing that flows": (
        net(W, 'fs = Sequential(**{**{f"fc{i}": Linear(4, 4), f"act{i + 1}": ReLU()} for i in range(len(widths))})'),
        WIDTHS,
    ),
    "a dict of two each, none at the first": (
        net(W, 'fs = Sequential(**{**{f"fc{i}": none if i == 0 else Linear(_, w), f"act{i + 1}": ReLU()} for i, w in enumerate(widths)})|head = Linear(_, 2)', "return x -> fs -> head"),
        WIDTHS,
    ),
    "a dict of two each, of lists": (
        net(
            f"{W}, {D}",
            'fs = Sequential(**{**{f"fc{i}": Linear(_, w), f"more{i}": Sequential(*[Linear(_, 3) for j in range(d)])} for i, (w, d) in enumerate(zip(widths, depths))})',
        ),
        BOTH,
    ),
    "started by a rule": (
        net(W, "fs = [*[Linear(_, w), ReLU()] for w in widths]") + "    init:\n        Linear.bias = zeros()\n",
        WIDTHS,
    ),
}  # fmt: skip

REFUSED: dict[str, tuple[str, str]] = {
    "gone through, and each result kept": (
        net(
            W,
            "fs = [*[Linear(_, 4), ReLU()] for w in widths]",
            "ys = []|for f in fs:|    ys += [x -> f]|return ys[0]",
        ),
        "E0403",
    ),
    "gone through, where one is longer": (
        net(
            W, "fs = [*[Linear(_, w), Linear(4, 4)] for w in widths]", "for f in fs:|    x = x -> f|return x"
        ),
        "E03",
    ),
    "a side that no item takes at one use": (
        f"""block Body(acts: list[layer]):
    layers:
        fs = [Sequential(Linear(4, 4), a()) if len(acts) == 2 else Linear(_, 5) for a in acts]

    forward(x: float[N, 4]) -> float[N, 4]:
        return x -> fs

{net("k: int = 4", "fs = Body([ReLU, Tanh])|gs = Linear(_, k)", "return x -> fs -> gs")}""",
        "E0307",
    ),
    "counted": (net(W, "fs = [*[Linear(_, 4), ReLU()] for w in widths]", "return x * len(fs)"), "E0403"),
    "indexed": (net(W, "fs = [*[Linear(_, 4), ReLU()] for w in widths]", "return x -> fs[0]"), "E0403"),
    "indexed in Sequential": (
        net(
            W,
            "fs = Sequential(Linear(4, 4), *[*[Linear(_, 4), ReLU()] for w in widths])",
            "return x -> fs[0]",
        ),
        "E0403",
    ),
    "sliced": (net(W, "fs = [*[Linear(_, 4), ReLU()] for w in widths]", "return x -> fs[1:]"), "E0403"),
    "reversed": (
        net(
            W,
            "fs = [*[Linear(_, 4), ReLU()] for w in widths]",
            "for f in reversed(fs):|    x = x -> f|return x",
        ),
        "E0403",
    ),
    "a layer spread": (net(W, "fs = [*Linear(4, 4) for w in widths]"), "E0403"),
    "numbers spread": (net(W, "fs = [*[w, w] for w in widths]"), "E0403"),
    "in forward": (net(W, "fs = Linear(4, 4)", "ys = [*[x, x] for w in widths]|return x -> fs"), "E0403"),
    "two dicts with one key": (
        net(
            W,
            'fs = Sequential(**{**{f"fc{i}": Linear(4, 4), f"fc{i + 1}": ReLU()} for i in range(len(widths))})',
        ),
        "E0205",
    ),
    "keys that do not count": (
        net(W, 'fs = Sequential(**{**{"fc": Linear(4, 4), f"r{i}": ReLU()} for i in range(len(widths))})'),
        "E0205",
    ),
    "a key that is there": (
        net(
            W,
            'fs = Sequential(fc0=Tanh(), **{**{f"fc{i}": Linear(4, 4), f"r{i}": ReLU()} for i in range(len(widths))})',
        ),
        "E0205",
    ),
    "a key that comes": (
        net(
            W,
            'fs = Sequential(**{**{f"fc{i}": Linear(4, 4), f"r{i}": ReLU()} for i in range(len(widths))}, r0=Tanh())',
        ),
        "E0205",
    ),
    "a dict of dicts on its own": (
        net(W, 'fs = {**{f"fc{i}": Linear(4, 4), f"r{i}": ReLU()} for i in range(len(widths))}'),
        "E0403",
    ),
    "a dict of dicts in a list": (
        net(W, 'fs = [{**{f"fc{i}": Linear(4, 4), f"r{i}": ReLU()} for i in range(len(widths))}]'),
        "E0403",
    ),
    "a dict of dicts by one star": (
        net(W, 'fs = Sequential(*{**{f"fc{i}": Linear(4, 4), f"r{i}": ReLU()} for i in range(len(widths))})'),
        "E0403",
    ),
    "a dict of dicts in a dict": (
        net(W, 'fs = {**{**{f"fc{i}": Linear(4, 4), f"r{i}": ReLU()} for i in range(len(widths))}}'),
        "E0403",
    ),
    "a list that spreads dicts": (
        net(W, 'fs = [*{f"fc{i}": Linear(4, 4)} for i in range(len(widths))]'),
        "E0403",
    ),
    "a dict": (net(W, 'fs = {f"l{w}": *[Linear(4, 4)] for w in widths}'), "E01"),
    "not spread into Sequential": (
        net(W, "fs = Sequential([*[Linear(4, 4), ReLU()] for w in widths])"),
        "E0408",
    ),
    "not spread into a list": (
        net(W, "fs = [[*[Linear(4, 4), ReLU()] for w in widths], Linear(4, 4)]"),
        "E0407",
    ),
    "what flows in differs": (net(W, "fs = [*[Linear(4, w), ReLU()] for w in widths]"), "E03"),
    "a variable hides another": (net(W, "fs = [w for w in widths for w in [Linear(_, w), ReLU()]]"), "E0206"),
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
