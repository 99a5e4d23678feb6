"""A `require` holds wherever it stands: what construction knows is checked there, once, in the author's words."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
import torch

from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.instantiate import instantiate
from spec_lang.loading import from_program
from tests.check.checking import checked, codes

FN = """
    fn f(x: float[N, d]{inputs}) -> float[N, d]:
        require {test}, "so it is"
        return x * 2
"""
BLOCK = """
    block B({hypers}):
        {outside}

        forward(x: float[N, C]) -> float[N, C]:
            {inside}
            return x
"""


def fn(test: str, inputs: str = "") -> str:
    return FN.format(test=test, inputs=inputs)


def model(hypers: str, body: str, layers: str = "", width: str = "3") -> str:
    return f"""
    model M({hypers}):
        {"layers:" if layers else ""}
            {layers}

        other(x: float[N, {width}]) -> float[N, {width}]:
            {body}
            return x

        forward(x: float[N, {width}]) -> float[N, {width}]:
            return x
"""


KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a size": (fn("d % 4 == 0") + model("d: int = 8", "x = f(x)", width="d"), {"d": 4}, {"d": 6}),
    "an int": (fn("k > 3", ", k: int") + model("k: int = 4", "x = f(x, k)"), {"k": 9}, {"k": 3}),
    "a float": (fn("p < 1", ", p: float") + model("p: float = 0.5", "x = f(x, p)"), {"p": 0.1}, {"p": 1.5}),
    "a truth": (fn("b", ", b: bool") + model("b: bool = true", "x = f(x, b)"), {}, {"b": False}),
    "a choice": (
        fn('m == "a"', ', m: "a" | "b"') + model('m: "a" | "b" = "a"', "x = f(x, m)"),
        {},
        {"m": "b"},
    ),
    "an option": (
        fn("w is not none", ", w: int?") + model("w: int? = 3", "x = f(x, w)"),
        {"w": 2},
        {"w": None},
    ),
    "a list": (
        fn("len(w) == 2", ", w: list[int]") + model("w: list[int] = [1, 2]", "x = f(x, w)"),
        {"w": [3, 4]},
        {"w": [3]},
    ),
    "in a branch": (
        fn("k > 3", ", k: int") + model("k: int = 3, b: bool = false", "if b:\n                x = f(x, k)"),
        {"k": 4, "b": True},
        {"b": True},
    ),
    "in a loop": (
        fn("b", ", b: bool")
        + model("b: bool = true, n: int = 2", "for i in range(n):\n                x = f(x, b)"),
        {"n": 3},
        {"b": False},
    ),
    "floats of a list": (
        fn("p < 1", ", p: float")
        + model("ps: list[float] = [0.5, 0.25]", "for p in ps:\n                x = f(x, p)"),
        {"ps": []},
        {"ps": [0.5, 2.0]},
    ),
    "a division": (
        "    fn inverse(p: float) = 1 / p\n" + model("p: float = 0.5", "x = x * inverse(1 - p)"),
        {"p": 2.0},
        {"p": 1.0},
    ),
    "a division of ints": (model("k: int >= 0 = 1", "x = x * (7 // k) * (7 % k)"), {"k": 2}, {"k": 0}),
    "a division in a branch": (
        model("k: int >= 0 = 0, j: int >= 0 = 1", "x = x * (7 // k if k > 0 else 7 % j)"),
        {"k": 2, "j": 0},
        {"j": 0},
    ),
    "a logarithm": (model("p: float = 0.5", "x = x * log(p)"), {"p": 2.0}, {"p": 0.0}),
    "a root": (model("p: float = 0.5", "x = x * sqrt(p) * p ** 0.5"), {"p": 0.0}, {"p": -1.0}),
    "a power": (model("p: float = 0.5, q: float = -1.5", "x = x * p ** q"), {"p": 2.0}, {"p": 0.0}),
    "a power of a negative number": (
        model("p: float = 0.5, q: float = 0.5", "x = x * p ** q"),
        {"p": 0.0},
        {"p": -1.0},
    ),
    "a power of ints": (
        model("p: int >= 0 = 2, q: int >= -1 = -1", "x = x * p ** q"),
        {"p": 0, "q": 0},
        {"p": 0},
    ),
    "a power of a known number": (
        model("p: float = 0.5, n: int >= 0 = 0", "x = x * 2 ** p * (p - 1) ** n * p ** n * p ** (n / 2)"),
        {"p": 0.0},
        {"p": -1.0},
    ),
    "powers of a list": (
        model("ps: list[float] = [0.5], q: float = -0.5", "for p in ps:\n                x = x * p ** q"),
        {"ps": []},
        {"ps": [0.5, 0.0]},
    ),
    "a power of a block": (
        BLOCK.format(hypers="p: float, q: float", outside="", inside="x = x * p ** q")
        + model("p: float = 2.0, q: float? = -1.0", "x = b(x)", "b = B(p, 1.0 if q is none else q)"),
        {"p": 0.0, "q": None},
        {"p": -2.0},
    ),
    "nested": (
        fn("k > 3", ", k: int")
        + "    fn g(x: float[N, e], k: int) -> float[N, e]:\n        return f(x, k - 1)\n"
        + model("k: int = 5", "x = g(x, k)"),
        {"k": 6},
        {"k": 4},
    ),
    "an option of a block": (
        BLOCK.format(hypers="w: int?", outside="require w is not none", inside="x = x * w")
        + model("w: int? = 3", "x = b(x)", "b = B(w)"),
        {"w": 4},
        {"w": None},
    ),
    "a string of a block": (
        BLOCK.format(hypers="m: str", outside='require m in ["a", "b"]', inside="x = x")
        + model('m: str = "a"', "x = b(x)", "b = B(m)"),
        {"m": "b"},
        {"m": "z"},
    ),
    "a string of a block's forward": (
        BLOCK.format(hypers="m: str", outside="", inside='require m != "c"')
        + model('m: str = "a"', "x = b(x)", "b = B(m)"),
        {"m": "z"},
        {"m": "c"},
    ),
    "a string by a function": (
        '    fn pick(m: str) = 4 if m == "c" else 3\n'
        + BLOCK.format(hypers="m: str", outside="let k = pick(m)\n        require k == 3", inside="x = x * k")
        + model('m: str = "a"', "x = b(x)", "b = B(m)"),
        {"m": "z"},
        {"m": "c"},
    ),
    "strings of a list": (
        BLOCK.format(hypers="m: str", outside='require m != "c"', inside="x = x")
        + model('m: list[str] = ["a", "b"]', "x = x -> b", "b = [B(v) for v in m]"),
        {"m": ["z", "a", "b"]},
        {"m": ["a", "c"]},
    ),
    "what one use of a block needs": (
        BLOCK.format(
            hypers="m: str, k: int", outside="", inside='if m == "c":\n                require k > 3'
        )
        + model(
            "k: int = 5", "x = c(a(x))", 'a = B("a", 2)\n            c = B("c", k)\n            d = B("a", 1)'
        ).replace("return x\n\n        forward", "return d(x)\n\n        forward"),
        {"k": 4},
        {"k": 3},
    ),
    "what the first use of a block needs": (
        BLOCK.format(
            hypers="m: str, k: int", outside="", inside='if m == "c":\n                require k > 3'
        )
        + model("k: int = 5", "x = c(a(x))", 'c = B("c", k)\n            a = B("a", 2)'),
        {"k": 4},
        {"k": 3},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_construction_checks(kind: str) -> None:
    text, right, wrong = KINDS[kind]
    program = checked(text)
    made = from_program(program, "checks").M
    for row in ({}, right):
        made(**row).other(torch.ones(2, row.get("d", 8) if "d" in right else 3))
        instantiate(program, "M", row)
    with pytest.raises(ValueError, match=r"\(\w+=.*\)$|^so it is$"):
        made(**wrong)
    with pytest.raises(EvaluationError):
        instantiate(program, "M", wrong)


REFUSED = {
    "what a call of a function breaks for another string": (
        "E0601",
        fn("k == 3", ", k: int") + model('m: str = "a"', 'x = f(x, 3 if m == "a" else 4 if m == "c" else 3)'),
    ),
    "what stands in a branch for another string": (
        "E0602",
        BLOCK.format(hypers="m: str", outside="", inside='if m == "c":\n                require 1 == 2')
        + model('m: str = "a"', "x = b(x)", "b = B(m)"),
    ),
    "what the class would require for all, and one string needs": (
        "E0504",
        model('m: str = "c", k: int = 5', 'if m == "c":\n                require k > 3'),
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_class_checks_is_refused(kind: str) -> None:
    code, text = REFUSED[kind]
    assert codes(text) == [code]


VALUES = {
    "a power": "require p ** q < 100",
    "a power by a let": "let K = p ** q\n        require K < 100",
    "a quotient": "require 6 // q < 9",
    "a remainder": "require p % q < 9",
    "a logarithm": "require log(float(p)) < 9.0",
    "a root": "require sqrt(float(p)) < 9.0",
    "a quotient, which a later condition would allow": "require 6 // q < 9\n        require q > 0",
    "a quotient of a power": "require 6 / p ** q < 1000.0",
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_condition_has_a_value_before_it_is_checked(kind: str) -> None:
    made = from_program(
        checked(f"""
    model M(p: int >= -2 = 2, q: int >= -2 = 3):
        {VALUES[kind]}
        forward(x: float[N, 3]) -> float[N, 3]:
            return x * p * q
    """),
        "values",
    ).M
    said = []
    for p, q in product(range(-2, 4), range(-2, 4)):
        try:
            made(p, q)
        except ValueError as error:  # and no ZeroDivisionError, nor what Python itself says
            said.append(str(error))
    assert 0 < len(said) < 36
    assert all(re.search(r"\([pqK]=.*\)$", text) for text in said)
