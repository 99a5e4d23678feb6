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

RECORD = """record Config:
    act: str = "relu"
    dim: int = 4
model Net(config: Config = Config()):
    layers:
        fc = Linear(4, WIDE if config.act == "relu" else 4)
        head = Linear(_, config.dim)
    forward(x: float[N, 4]) -> float[N, config.dim]:
        return x -> fc -> head
"""

KERNEL = """model Net(k: int | (int, int) = 3):
    layers:
        conv = Conv2d(3, 4, kPAD)
    forward(x: float[N, 3, H, W]) -> float[N, 4, _, _]:
        return x -> conv
"""

MANY = """model Net(act: str = "relu"):
    layers:
        fc = Linear(4, 8 if act in [STRINGS] else 2 * 4)
    forward(x: float[N, 4]) -> float[N, 8]:
        return x -> fc
"""

REFUSED = {
    "none by default": (sized("str?", "none", '8 if a == "relu" else 4'), "E0504", '8 for "relu"'),
    "there by default": (sized("str?", '"relu"', "8 if a is none else 4"), "E0504", "8 for none"),
    "a part of a pair": (sized("(str, str)", '("a", "b")', '8 if a[1] == "b" else 4'), "E0504", 'for ("a", '),
    "a field of a record": (RECORD.replace("WIDE", "8"), "E0504", "Config("),
    "what another type needs": (KERNEL.replace("PAD", ""), "E0601", "k[0]"),
    "more strings than are tried": (
        MANY.replace("STRINGS", ", ".join(f'"s{i}"' for i in range(70))),
        "E0504",
        "too many to check each",
    ),
    "width": (sized("str", '"relu"', '8 if a == "relu" else 4'), "E0504", "4 for"),
    "width of another string": (sized("str", '"relu"', '8 if a == "gelu" else 4'), "E0504", '8 for "gelu"'),
    "no such item": (
        item()
        .replace('list[str] = ["relu", "tanh"]', "list[layer] = [ReLU, Tanh]")
        .replace('ReLU() if a == "relu" else Tanh()', "a()"),
        "E0303",
        "there is no item 1",
    ),
    "what no op takes": (MODE, "E0514", ""),
    "what another string gives": (GIVEN, "E0504", "float[N, L]"),
    "what another string needs": (GIVEN.replace("x[:, 3:]", "x + x[:, 3][:, none]"), "E0601", "3 < L"),
    "layer of a key": (KEY.replace("WIDTH", "8"), "E0301", ""),
}

ACCEPTED: dict[str, tuple[str, Rows]] = {
    "a field that no size has": (RECORD.replace("WIDE", "2 * 2"), ({},)),
    "either type": (KERNEL.replace("PAD", ', padding="same"'), ({}, {"k": (3, 5)}, {"k": 1})),
    "as many strings as are tried": (
        MANY.replace("STRINGS", ", ".join(f'"s{i}"' for i in range(60))),
        ({}, {"act": "s7"}),
    ),
    "one of two strings": (
        sized('"relu" | "tanh"', '"relu"', '8 if a == "relu" else 4'),
        ({}, {"a": "tanh"}),
    ),
    "same width": (sized("str", '"relu"', '8 if a == "relu" else 4 * 2'), ({}, {"a": "tanh"})),
    "an item that there may be": (item(), ({}, {"acts": ["tanh", "other"]})),
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
