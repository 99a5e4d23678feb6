"""Down a list of layers that halve, and up another by what was left on the way: at any depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fuzz.held import compiled, hold

Rows = tuple[Mapping[str, Any], ...]
DEPTHS: Rows = ({}, {"depth": 1}, {"depth": 2}, {"depth": 4, "width": 2})

BLOCKS = """
block Conv(out: int):
    layers:
        conv = Conv1d(C, out, 3, padding=1)
    forward(x: float[N, C, T]) -> float[N, out, T]:
        return x -> conv -> relu

block Up(out: int):
    layers:
        up   = ConvTranspose1d(C, out, 2, stride=2)
        conv = Conv(out)
    forward(x: float[N, C, T], skip: float[N, S, 2*T]) -> float[N, out, 2*T]:
        return cat([skip, up(x)], dim=1) -> conv

block To(out: int):
    layers:
        conv = Conv(out)
    forward(x: float[N, C, T], skip: float[N, S, t]) -> float[N, out, t]:
        return cat([skip, interpolate(x, size=t)], dim=1) -> conv
"""
DOWN = """
        skips = []
        for down in downs:
            x = down(x)
            skips += [x]
            x = max_pool1d(x, 2)
        x = mid(x)
"""


def net(up: str, body: str, size: str = "2**depth * t", depth: str = "depth", back: str = "depth") -> str:
    """A model that goes down and up."""
    return f"""{BLOCKS}
model Net(width: int = 3, depth: int = 3):
    layers:
        downs = [Conv(width * 2**i) for i in range({depth})]
        mid   = Conv(width * 2**{depth})
        ups   = [{up}(width * 2**({back} - 1 - i)) for i in range({back})]
        head  = Conv1d(_, 5, 1)

    forward(x: float[N, 4, {size}]) -> float[N, 5, {size}]:{DOWN}{body}
        return head(x)
"""


INDEXED = "        for i, up in enumerate(ups):\n            x = up(x, skips[depth - 1 - i])"
REVERSED = "        for up, skip in zip(ups, reversed(skips)):\n            x = up(x, skip)"
SLICED = "        for up, skip in zip(ups, skips[::-1]):\n            x = up(x, skip)"

HELD: dict[str, str] = {
    "by index": net("Up", INDEXED),
    "reversed": net("Up", REVERSED),
    "sliced": net("Up", SLICED),
    "to the size that was": net("To", INDEXED, "T"),
    "to the size that was, reversed": net("To", REVERSED, "T"),
}
KNOWN: dict[str, str] = {
    "by index": net("Up", INDEXED.replace("depth", "3"), "8 * t", "3", "3").replace(", depth: int = 3", ""),
    "reversed": net("Up", REVERSED, "8 * t", "3", "3").replace(", depth: int = 3", ""),
}
REFUSED: dict[str, str] = {
    "in the same order": net("Up", INDEXED.replace("depth - 1 - i", "i")),
    "of any size": net("Up", REVERSED, "T"),
    "one too many": net("Up", INDEXED.replace("depth - 1 - i", "depth - i")),
    "half as deep": net("Up", INDEXED, "2**(depth - 1) * t"),
}


@pytest.mark.parametrize("name", HELD)
def test_held(name: str) -> None:
    hold(HELD[name], DEPTHS)


@pytest.mark.parametrize("name", KNOWN)
def test_of_a_known_depth(name: str) -> None:
    hold(KNOWN[name], ({}, {"width": 2}))


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    assert any(d.severity == "error" for d in compiled(REFUSED[name]).diagnostics)
