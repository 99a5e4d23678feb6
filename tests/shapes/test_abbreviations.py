"""Sizes as calls of functions: only where the body is the size, whatever the order of sums, products and extrema."""

from __future__ import annotations

import pytest

from spec_lang.shapes import read
from spec_lang.shapes.abbreviations import Abbreviation, abbreviated
from spec_lang.shapes.printing import render

DIVISIBLE = Abbreviation("divisible", ("n",), read("8 * max(1, int(n + 4) // 8, ceil(0.9 * n / 8))"))
JOINED = Abbreviation("joined", ("a", "b"), read("max(a, 1) * (b + 1) // max(a, 2) + b"))


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ("8*max(ceil(0.9*w/8), int(w + 4)//8, 1)", "divisible(w)"),
        ("8*max(ceil((0.9 * (row.out * w)) / 8), int((row.out * w) + 4)//8, 1)", "divisible(row.out*w)"),
        ("48*max(1, ceil(0.9*w/8), int(w + 4)//8) + k", "6*divisible(w) + k"),
        ("12*max(1, ceil(0.9*w/8), int(w + 4)//8)", None),
        ("8*max(1, ceil(0.9*w/8), int(v + 4)//8)", None),
        ("8*max(2, ceil(0.9*w/8), int(w + 4)//8)", None),
        ("8*max(1.0, ceil(0.9*w/8), int(w + 4)//8)", None),
        ("max(x, 1)*(y + 1)//max(x, 2) + y", "joined(x, y)"),
        ("y + (1 + y)*max(1, x)//max(2, x)", "joined(x, y)"),
        ("max(x, 1)*(y + 1)//max(y, 2) + y", None),
    ],
)
def test_calls(size: str, shown: str | None) -> None:
    before = read(size)
    after = abbreviated(before, (DIVISIBLE, JOINED))
    assert (after == before) if shown is None else (render(after) == shown)


def test_what_tells_nothing() -> None:
    assert DIVISIBLE.telling
    assert JOINED.telling
    assert not Abbreviation("halved", ("n",), read("n // 2")).telling
    assert not Abbreviation("other", ("n",), read("8 * max(1, int(n + 4) // 8, ceil(0.9 * k / 8))")).telling
    assert not Abbreviation("unread", ("n", "k"), read("8 * max(1, int(n + 4) // 8, ceil(n / 8))")).telling
