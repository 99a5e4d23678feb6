"""Sizes that depend on a condition: they are sizes, in types, in what layers take and in what branches give."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.check.checking import messages
from tests.fuzz.held import hold

Rows = tuple[dict[str, Any], ...]

ACCEPTED: dict[str, tuple[str, Rows]] = {
    "stride by index": (
        """block Stage(out: int, stride: int):
    layers:
        conv = Conv2d(_, out, 3, stride=stride, padding=1)
    forward(x: float[N, C, H, W]) -> float[N, out, (H - 1)//stride + 1, (W - 1)//stride + 1]:
        return conv(x)
model Net(widths: list[int] = [8, 4]):
    layers:
        stages = [Stage(widths[i], 1 if i == 0 else 2) for i in range(len(widths))]
    forward(x: float[N, 3, H, W]) -> float[N, _, _, _]:
        return stages(x)
""",
        ({}, {"widths": [2]}, {"widths": [2, 3, 5]}),
    ),
    "layers of two sizes": (
        """model Net(big: bool = false):
    layers:
        stem = Conv2d(3, 8, 7, stride=2) if big else Conv2d(3, 8, 3, stride=2)
        head = Linear(_, 4)
    forward(x: float[N, 3, H, W]) -> float[N, 4]:
        return x -> stem -> mean(dim=(2, 3)) -> head
""",
        ({}, {"big": True}),
    ),
    "width by flag": (
        """model Net(big: bool = false, k: int = 3):
    layers:
        a = Linear(4, 6) if big else Linear(4, k)
        b = Linear(_, 4)
        c = Linear(4, 4 + int(big))
    forward(x: float[N, 4]) -> (float[N, 4], float[N, 4 + int(big)]):
        y = x -> a
        return y -> b, x -> c
""",
        ({}, {"big": True}, {"big": True, "k": 1}),
    ),
    "a choice in a tuple": (
        """model Net(window: int = 4, shift: int >= 0 = 2):
    forward(x: float[N, T]) -> float[N, T]:
        d = shift if T > window else 0
        return (x -> roll((d,), (1,))) + x
""",
        ({}, {"window": 1}, {"shift": 0}),
    ),
    "a size that a call decides": (
        """model Net(window: int = 4):
    forward(x: float[N, T]) -> float[N, _]:
        if T > window:
            y = x[:, :window]
        else:
            y = x
        return cat([y, y], dim=1)
""",
        ({}, {"window": 1}),
    ),
    "max by hand": (
        """model Net(width: int = 4, divisor: int = 3):
    let mid = width // divisor if width > divisor else 1
    layers:
        a = Linear(width, mid)
        b = Linear(_, width)
    forward(x: float[N, width]) -> float[N, width]:
        return x -> a -> b
""",
        ({}, {"width": 1}, {"width": 9}),
    ),
    "make_divisible": (
        """fn make_divisible(v: int, d: int) = max(d, (v + d // 2) // d * d) + (d if max(d, (v + d // 2) // d * d) * 10 < 9 * v else 0)
model Net(width: int = 13, d: int = 8):
    layers:
        a = Linear(3, make_divisible(width, d))
        b = Linear(_, 3)
    forward(x: float[N, 3]) -> float[N, 3]:
        return x -> a -> b
""",
        ({}, {"width": 1}, {"width": 25, "d": 4}),
    ),
    "kernel by index": (
        """model Net(n: int = 3):
    layers:
        body = [Conv1d(2, 2, 5 if i == 0 else 3, padding=2 if i == 0 else 1) for i in range(n)]
    forward(x: float[N, 2, L]) -> float[N, 2, L]:
        return body(x)
""",
        ({}, {"n": 1}, {"n": 5}),
    ),
    "strides of the first block of a stage": (
        """block Layer(width: int, stride: int):
    layers:
        blocks = [Conv1d(_, width, 3, padding=1, stride=stride if j == 0 else 1) for j in range(2)]
    forward(x: float[N, C, L]) -> float[N, width, (L - 1)//stride + 1]:
        return blocks(x)
model Net(depths: list[int] = [2, 1]):
    layers:
        stages = [Layer(4 * 2**i, 1 if i == 0 else 2) for i in range(len(depths))]
    forward(x: float[N, 3, L]) -> float[N, _, _]:
        return stages(x)
""",
        ({}, {"depths": [1]}, {"depths": [1, 2, 3]}),
    ),
    "a block's truth decides its width": (
        """block Wide(big: bool, k: int):
    layers:
        a = Linear(_, 6) if big else Linear(_, k)
    forward(x: float[N, D]) -> float[N, 6 if big else k]:
        return x -> a
model Net(flag: bool = false, k: int = 3):
    layers:
        one = Wide(true, k)
        two = Wide(false, k)
        three = Wide(flag, k)
        head = Linear(_, 2)
    forward(x: float[N, 4]) -> (float[N, 6], float[N, k], float[N, 2]):
        return one(x), two(x), x -> three -> head
""",
        ({}, {"flag": True}, {"k": 7}),
    ),
    "two conditions of one layer": (
        """block Stage(out: int, stride: int, before: int >= 0) = Sequential(
    *[Conv2d(_, out, 3, stride=stride if i == 0 else 1, padding=1, bias=(before if i == 0 else i) > 1) for i in range(2)]
)

model Net(widths: list[int] = [64, 128]):
    layers:
        stages = [Stage(widths[i], 1 if i == 0 else 2, 0 if i == 0 else widths[i - 1]) for i in range(len(widths))]

    forward(x: float[N, 3, H, W]) -> float[N, _, _, _]:
        return stages(x)
""",
        ({}, {"widths": [2]}, {"widths": [2, 3, 5]}),
    ),
}
"""Each runs in both targets, for these hyperparameters."""

REFUSED = {
    "a size by a truth of its own in each item": (
        """model Net(flags: list[bool] = [true, false]):
    layers:
        body = [Linear(4, 6 if f else 4) for f in flags]

    forward(x: float[N, 4]) -> float[N, _]:
        return body[0](x) + body[1](x)
""",
        r"`\+` cannot broadcast float\[N, 6 if flags\[0\] else 4\] and .*",
    ),
    "a size that is another one where the condition does not hold": (
        """model Net(wide: bool = true):
    layers:
        fc = Linear(4, 6 if wide else 5)

    forward(x: float[N, 4]) -> float[N, 6]:
        return fc(x)
""",
        "the result's type says .*, but this is .*6 if wide else 5.*",
    ),
    "a size that training decides": (
        """model Net:
    forward(x: float[N, 4]) -> float[N, _]:
        return x if training else x[:, 1:]
""",
        "the two branches give different types: .*",
    ),
    "a size that an input decides": (
        """model Net:
    forward(x: float[N, 4], short: bool) -> float[N, _]:
        return x[:, 1:] if short else x
""",
        "the two branches give different types: .*",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    text, rows = ACCEPTED[name]
    hold(text, rows)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, message = REFUSED[name]
    found = messages(text)
    assert found
    assert all(re.fullmatch(message, m) for m in found)
