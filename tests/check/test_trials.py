"""What is tried, never taken or checked inside something else leaves nothing behind: specs in which it once did."""

from __future__ import annotations

import re

import pytest

from spec_lang.diagnostics.render import ordered
from tests.check.checking import block, checked
from tests.fuzz.held import compiled, hold

INNER = """block Inner(mode: str):
    layers:
        fc = Linear({width}, 4)

    forward(x: float[N, D]) -> float[N, 4]:
{body}

model Net:
    layers:
        a = Inner("wide")

    forward(x: float[N, {given}]) -> float[N, 4]:
        return x -> a
"""
STEPS = """model Net:
    layers:
        steps = [Linear(4, 8), Linear(8, 2)]

    forward(x: float[N, 4]) -> float[N, _]:
{body}
        return x
{others}"""

ACCEPTED = {
    "a loop inside one that is gone through item by item": STEPS.format(
        body="""        for layer in steps:
            for k in range(100):
                x = x + k
            x = x -> layer""",
        others="",
    ),
    "a loop of a method that is first called where a loop is gone through item by item": STEPS.format(
        body="""        for layer in steps:
            x = helped(x) -> layer""",
        others="""
    helped(x: float[N, M]) -> float[N, M]:
        for k in range(100):
            x = x + k
        return x
""",
    ),
    "the same, where the method stands first and calls another": """model Net:
    layers:
        steps = [Linear(4, 8), Linear(8, 2)]

    inner(x: float[N, M]) -> float[N, M]:
        for i, k in enumerate(range(3)):
            x = x * (i + 1) + k
        return x

    helped(x: float[N, M]) -> float[N, M]:
        return inner(x) + 1

    forward(x: float[N, 4]) -> float[N, _]:
        for i, layer in enumerate(steps):
            x = helped(x) -> layer
        return x
""",
    "a dim in a loop over nothing, and in another method": """model Net:
    layers:
        gc = Linear(4, 4)

    forward(x: float[N, 4]) -> float[N, 4]:
        for s in []:
            x = x + N
        return x -> gc

    other(x: float[N, 4]) -> float[N, 4]:
        y = x + N
        return y -> gc
""",
    "a weight whose size is known later, with a method's call between": """model Net:
    layers:
        fc = Linear(_, 4)

    forward(x: float[N, 4]) -> float[N, 4]:
        w = fc.weight
        y = helped(x)
        z = y -> fc
        return z @ w

    helped(x: float[N, 4]) -> float[N, 4]:
        return x + 1
""",
    "a parameter that is read before what flows into its layer, which a loop follows": """model Net(width: int = 4, sizes: list[int] = [3, 4]):
    layers:
        norm = LayerNorm(_)
        body = [Linear(_, n) for n in sizes]
        tail = [Linear(_, width) for i in range(2)]
        head = Linear(_, 3)

    forward(x: float[N, T, 2*width]) -> float[N, T, 3]:
        scale = norm.weight.sum()
        return (x -> norm -> body -> tail -> head) * scale
""",
    "a container that code which is never taken gives an input of another rank": """block Stem(width: int) = Sequential(Conv2d(3, width, 3, padding=1), ReLU())

model Net(width: int = 4):
    layers:
        stem = Stem(width)
        body = [Linear(_, 2*k + 1) for k in range(3)]

    forward(x: float[N, 3, H, W]) -> float[N, H, W, 5]:
        if 1 == 2:
            y = x -> flatten(1) -> stem
            y = y -> body
        return x -> stem -> permute(0, 2, 3, 1) -> body
""",
    "two returns of one size that is not declared": """model Net(wide: bool = true):
    layers:
        a = Linear(4, 6)
        b = [Linear(4, 6) for i in range(2)]

    forward(x: float[N, 4]) -> (float[N, _], [float[N, _] for i in range(2)]):
        if wide:
            return x -> a, [l(x) for l in b]
        return x -> b[1], [l(x) for l in b]
""",
}
"""These run."""

NARROWED = """        y = x[:, 3] if mode == "narrow" else x
        return narrow(x, 1, 0, 4) -> fc"""
REFUSED = {
    "a condition that is stated where nothing goes": (
        INNER.format(
            width=4,
            body="""        if mode == "narrow":
            require D == 4
        return x -> fc""",
            given=8,
        ),
        [("E0301", 8, "fc", "fc takes 4 input features, but D flow in")],
    ),
    "an index where nothing goes": (
        INNER.format(width=4, body=NARROWED, given=2),
        [("E0601", 14, "a", "a does not satisfy what Inner requires")],
    ),
    "unknown names where nothing goes, beside mistakes": (
        """model Net(width: int = 4, unused: int = 3):
    layers:
        fc = Linear(_, width)
        dead = Linear(_, 4)

    forward(x: float[N, 4]) -> float[N, width]:
        if 1 == 2:
            x = foo(x) + foo(x)
        return x -> fc
""",
        [
            ("E0708", 1, "unused", "the hyperparameter `unused` is never used"),
            ("E0707", 4, "dead", "the layer `dead` is never used"),
            ("E0307", 4, "_", "nothing determines this `_` (in_features): the layer is never run"),
        ],
    ),
    "an index of a loop inside one that is gone through item by item": (
        STEPS.format(
            body="""        for i, layer in enumerate(steps):
            for k, j in zip(range(100), range(100)):
                x = x + x[:, k].unsqueeze(1)
            x = x -> layer""",
            others="",
        ),
        [("E0601", 8, "x[:, k]", r"indexing needs \w+ < 4, which does not hold in every iteration")],
    ),
    "a layer that is run where nothing goes": (
        """model Net:
    layers:
        fc = Linear(_, 4)
        gc = Linear(4, 4)

    forward(x: float[N, D], y: float[N, 4]) -> float[N, 4]:
        if 1 == 2:
            z = x -> fc
        return y -> gc
""",
        [("E0307", 3, "_", "nothing determines this `_` (in_features): the layer is never run")],
    ),
    "a method with a mistake that is first called where nothing goes": (
        """model Net:
    layers:
        fc = Linear(4, 4)

    forward(x: float[N, 4]) -> float[N, 4]:
        if 1 == 2:
            z = other(x)
        return x -> fc

    other(x: float[N, 4]) -> float[N, 4]:
        return x + nothing
""",
        [("E0201", 11, "nothing", "nothing here is called `nothing`")],
    ),
    "a name that one branch of another method defines": (
        """model Net(flag: bool = true):
    layers:
        gc = Linear(4, 4)

    forward(y: float[N, 4]) -> float[N, 4]:
        if flag:
            z = y + 1
        return y -> gc

    other(x: float[N, 4]) -> float[N, 4]:
        return z
""",
        [("E0201", 11, "z", "nothing here is called `z`")],
    ),
    "two returns of two sizes, where `_` is declared": (
        """model Net(wide: bool = true):
    forward(x: float[N, 4]) -> float[N, _]:
        if wide:
            return x
        return x[:, 1:]
""",
        [("E0308", 5, "x[:, 1:]", "`_` in the result's type is 4 elsewhere, and 3 here")],
    ),
}
"""These have just these mistakes: the code, the line, the text there, the message."""


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    assert [f"{d.code} {d.message}" for d in compiled(ACCEPTED[name]).diagnostics] == []
    hold(ACCEPTED[name])


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, wanted = REFUSED[name]
    found = ordered(compiled(text).diagnostics)
    assert [d.code for d in found] == [code for code, *_ in wanted]
    for d, (_, line, at, message) in zip(found, wanted, strict=True):
        assert re.fullmatch(message if "\\" in message else re.escape(message), d.message)
        span = d.primary.span
        assert text.count("\n", 0, span.start) + 1 == line
        assert text[span.start : span.end] == at


def test_what_is_asked_of_a_narrowed_input_is_passed_on() -> None:
    text = INNER.format(width=4, body=NARROWED, given=4)
    assert [r.message for r in block(checked(text), "Inner").methods[0].checks] == [
        r.message for r in block(checked(text.replace("x[:, 3]", "x      ")), "Inner").methods[0].checks
    ]
