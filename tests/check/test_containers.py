"""Blocks that are their container: what they require, and what they say of what flows in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from spec_lang.diagnostics import Source
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.to_text import format_module
from tests.fuzz.held import compiled, hold

Rows = tuple[Mapping[str, Any], ...]

GROUPED = """
block ConvNorm(out: int, groups: int = 1) on float[N, C, H, W] = Sequential(
    Conv2d(C, out, 3, padding=1, groups=groups), BatchNorm2d(out)
):
    require C % groups == 0 and out % groups == 0, "groups divide the channels"
"""
W = "widths: list[int] = [4, 8]"
EVEN = "    require all([w % 2 == 0 for w in widths])\n"


def net(hypers: str, layers: str, body: str, input: str = "float[N, 4, H, W]", require: str = "") -> str:
    """A model; lines are parted by `|`."""
    members = "".join(f"        {line}\n" for line in layers.split("|"))
    result = "float[N, _, _, _]" if input.count(",") == 3 else "float[N, _]"
    head = f"model Net({hypers}):\n{require}    layers:\n{members}"
    return f"{head}    forward(x: {input}) -> {result}:\n        return {body}\n"


HELD: dict[str, tuple[str, Rows]] = {
    "groups": (GROUPED + net("", "a = ConvNorm(8, groups=4)", "x -> a"), ({},)),
    "groups of a list": (
        GROUPED + net(W, "fs = [ConvNorm(2 * w, groups=2) for w in widths]", "x -> fs"),
        ({}, {"widths": [2]}, {"widths": [6, 2, 4]}),
    ),
    "groups that are held when it is made": (
        GROUPED + net("g: int = 2", "a = ConvNorm(8, groups=g)", "x -> a"),
        ({}, {"g": 4}),
    ),
    "as many groups as channels": (
        "block Each(kernel: int) on float[N, C, H, W] = Sequential(Conv2d(C, C, kernel, padding=kernel // 2, groups=C), ReLU()):\n"
        "    require kernel % 2 == 1\n" + net(W, "fs = [Sequential(Conv2d(_, w, 1), Each(3)) for w in widths]", "x -> fs"),
        ({}, {"widths": [3]}, {"widths": [5, 2, 4]}),
    ),
    "a requirement of hyperparameters": (
        "block Odd(kernel: int) = Sequential(Conv2d(_, 8, kernel, padding=kernel // 2), ReLU()):\n"
        '    """A docstring."""\n\n    require kernel % 2 == 1, "it has a middle"\n'
        + net("", "a = Odd(3)", "x -> a"),
        ({},),
    ),
    "passed on": (
        "block Odd(kernel: int) = Sequential(Conv2d(_, 8, kernel, padding=kernel // 2), ReLU()):\n    require kernel % 2 == 1\n"
        + net("kernel: int = 3", "a = Odd(kernel)", "x -> a"),
        ({}, {"kernel": 5}),
    ),
    "a size of the input by a formula": (
        "block Halved(out: int) on float[N, C, 2*h, W] = Sequential(Conv2d(C, out, 1), MaxPool2d(2))\n"
        + net("", "a = Halved(5)", "x -> a", "float[N, 4, 8, W]"),
        ({},),
    ),
    "any number of leading dims": (
        "block Mlp(ratio: int) on float[*B, D] = Sequential(Linear(D, ratio * D), GELU(), Linear(ratio * D, D))\n"
        + net("", "a = Mlp(2)", "(x -> a) + a(x)", "float[N, 4]"),
        ({},),
    ),
    "a list in it": (
        "block Cells(widths: list[int]) on float[N, D] = Sequential(*[Linear(_, w) for w in widths])\n"
        + net(W, "fs = [Sequential(Cells(widths), Linear(_, w)) for w in widths]", "x -> fs", "float[N, 4]"),
        ({}, {"widths": [3]}, {"widths": [5, 2, 4]}),
    ),
    "a list in it, of any input": (
        "block Cells(widths: list[int]) = Sequential(*[Linear(_, w) for w in widths])\n"
        + net(W, "fs = [Sequential(Cells(widths), Linear(_, w)) for w in widths]", "x -> fs", "float[N, 4]"),
        ({}, {"widths": [3]}, {"widths": [5, 2, 4]}),
    ),
    "tokens": (
        "block Embed(dim: int) on int[N, T] = Sequential(Embedding(10, dim), LayerNorm(dim))\n"
        "model Net(dim: int = 4):\n    layers:\n        a = Embed(dim)\n    forward(x: float[N, 4]) -> float[N, 4, dim]:\n"
        "        return (x -> gt(0) -> to(int)) -> a\n",
        ({}, {"dim": 6}),
    ),
}  # fmt: skip

REFUSED: dict[str, tuple[str, str]] = {
    "groups that do not divide": (GROUPED + net("", "a = ConvNorm(8, groups=3)", "x -> a"), "E0601"),
    "another rank": (GROUPED + net("", "a = ConvNorm(8)", "x -> a", "float[N, 4]"), "E0"),
    "never holds": (
        "block Odd(kernel: int) = Sequential(Conv2d(_, 8, kernel)):\n    require kernel % 2 == 1\n"
        + net("", "a = Odd(4)", "x -> a"),
        "E0601",
    ),
    "a size that nothing names": (
        "block Odd(kernel: int) = Sequential(Conv2d(_, 8, kernel)):\n    require C % 2 == 1\n"
        + net("", "a = Odd(4)", "x -> a"),
        "E0201",
    ),
    "layers beneath": (
        "block Odd(kernel: int) = Sequential(Conv2d(_, 8, kernel)):\n    layers:\n        a = ReLU()\n"
        + net("", "a = Odd(4)", "x -> a"),
        "E0122",
    ),
    "groups without a requirement": (
        "block A(out: int, groups: int) = Sequential(Conv2d(_, out, 3, groups=groups))\n"
        + net("", "a = A(8, 4)", "x -> a"),
        "E0502",
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


def test_laid_out() -> None:
    text = (
        "block A(out:int)  on float[N,C,H,W]=Sequential(Conv2d(C,out,3)) : # first\n"
        '  """Doc."""\n  require C>out # second\n'
        "block B(out:int) on float[N,C]=Sequential(Linear(C,out))\n"
        "on = 3\n"
    )
    module, diagnostics = parse(Source("net.nnspec", text))
    assert module is not None
    assert not diagnostics
    assert format_module(module) == (
        "block A(out: int) on float[N, C, H, W] = Sequential(Conv2d(C, out, 3)):  # first\n"
        '    """Doc."""\n    require C > out  # second\n\n'
        "block B(out: int) on float[N, C] = Sequential(Linear(C, out))\n"
        "on = 3\n"
    )
