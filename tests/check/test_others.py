"""What is checked by value, strings and lists of them, holds for every value that its type allows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.check.checking import check_text, messages
from tests.fuzz.held import hold

Rows = tuple[dict[str, Any], ...]


def sized(type: str, default: str, wide: str, head: str = "") -> str:
    return f"""model Net(a: {type} = {default}):
    {head or "require true"}
    layers:
        fc = Linear(4, {wide})
        head = Linear(_, 5)
    forward(x: float[N, 4]) -> float[N, 5]:
        return x -> fc -> head
"""


def item(head: str = "") -> str:
    return f"""model Net(acts: list[str] = ["relu", "tanh"]):
    {head or "require true"}
    layers:
        body = [ReLU() if a == "relu" else Tanh() for a in acts]
    forward(x: float[N, 4]) -> float[N, _]:
        ys = [x -> layer for layer in body]
        return ys[1]
"""


KEY = """model Net(key: str = "a"):
    layers:
        body = {"a": Linear(4, 4), "b": Linear(4, WIDTH)}
        head = Linear(4, 5)
    forward(x: float[N, 4]) -> float[N, 5]:
        return x -> body[key] -> head
"""

MODE = """model Net(mode: str = "zeros"):
    layers:
        conv = Conv1d(4, 4, 3, padding=1, padding_mode=mode)
    forward(x: float[N, 4, L]) -> float[N, 4, L]:
        return x -> conv
"""

GIVEN = """model Net(mode: str = "all"):
    forward(x: float[N, L]) -> float[N, _]:
        if mode == "part":
            x = x[:, 3:]
        return x
"""

REFUSED = {
    "width": (sized("str", '"relu"', '8 if a == "relu" else 4'), "E0504", "4 for"),
    "width of another string": (sized("str", '"relu"', '8 if a == "gelu" else 4'), "E0504", '8 for "gelu"'),
    "no such item": (item(), "E0303", "there is no item 1"),
    "what no op takes": (MODE, "E0514", ""),
    "what another string gives": (GIVEN, "E0504", "float[N, L]"),
    "what another string needs": (GIVEN.replace("x[:, 3:]", "x + x[:, 3][:, none]"), "E0601", "3 < L"),
    "layer of a key": (KEY.replace("WIDTH", "8"), "E0301", ""),
}

ACCEPTED: dict[str, tuple[str, Rows]] = {
    "one of two strings": (
        sized('"relu" | "tanh"', '"relu"', '8 if a == "relu" else 4'),
        ({}, {"a": "tanh"}),
    ),
    "same width": (sized("str", '"relu"', '8 if a == "relu" else 4 * 2'), ({}, {"a": "tanh"})),
    "stated number": (item("require len(acts) == 2"), ({}, {"acts": ["tanh", "other"]})),
    "stated least number": (item("require len(acts) >= 2"), ({}, {"acts": ["tanh", "other", "relu"]})),
    "key": (KEY.replace("WIDTH", "4"), ({}, {"key": "b"})),
    "what an op takes": (MODE.replace("str", '"zeros" | "reflect"'), ({}, {"mode": "reflect"})),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_for_the_default_alone_is_refused(name: str) -> None:
    text, code, words = REFUSED[name]
    (found,) = check_text(text)[1]
    assert found.code == code
    assert words in found.message


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_holds_for_all_values_runs_with_them(name: str) -> None:
    text, rows = ACCEPTED[name]
    assert messages(text) == []
    hold(text, rows)
