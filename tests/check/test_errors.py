"""Mistakes: each once, with both sides, in the order of the file."""

from __future__ import annotations

from time import process_time

import pytest

from spec_lang.diagnostics.render import render
from tests.check.checking import check_text, codes, in_forward, messages

LENET = """
model LeNet5(classes: int = 10):
    layers:
        conv1 = Conv2d(_, 6, 5)
        conv2 = Conv2d(_, 16, 3)
        fc1   = Linear(400, 120)
        fc2   = Linear(_, classes)

    forward(image: float[N, 1, 32, 32]) -> float[N, classes]:
        x = image -> conv1 -> relu -> max_pool2d(2)
        x = x -> conv2 -> relu -> max_pool2d(2)
        return x -> flatten(1) -> fc1 -> relu -> fc2
"""


def test_both_sides_and_the_way_there() -> None:
    _, (error,) = check_text(LENET)
    assert error.code == "E0301"
    assert error.message == "fc1 takes 400 input features, but 576 flow in"
    assert [label.text for label in error.labels] == ["400 declared here"]
    assert error.help == "`Linear(_, 120)` infers it"
    (trail,) = error.notes
    assert trail == (
        "how it got there: image [N, 1, 32, 32] -> conv1 [N, 6, 28, 28] -> max_pool2d [N, 6, 14, 14]"
        " -> conv2 [N, 16, 12, 12] -> max_pool2d [N, 16, 6, 6] -> flatten [N, 576]"
    )
    source = error.primary.source.text
    assert source[error.primary.span.start : error.primary.span.end] == "fc1"
    assert "400 declared here" in render([error])


def test_a_mistake_in_a_block_is_reported_once() -> None:
    text = """
        block A:
            layers:
                fc = Linear(8, 4)

            forward(x: float[N, 9]) -> float[N, 4]:
                return x -> fc

        block B:
            layers:
                a = A()
                norm = LayerNorm(_)

            forward(x: float[N, 9]) -> float[N, 4]:
                return x -> a -> norm

        model M:
            layers:
                b = B()

            forward(x: float[N, 9]) -> float[N, 4]:
                return x -> b
    """
    assert codes(text) == ["E0301"]


def test_all_mistakes_in_order() -> None:
    text = in_forward(
        """
        a = x -> foo
        b = a -> fc
        c = x -> fc -> bar
        d = x[0.5]
        return b + c + d + unknown
        """
    )
    assert codes(text) == ["E0203", "E0203", "E0403", "E0201"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return x -> fc -> fc", "E0313"),
        ("return x -> fc(x)", "E0510"),
        ("return fc()", "E0511"),
        ("return x -> fc(bias=2)", "E0512"),
        ("return fc", "E0308"),
        ("return (x -> fc).shape", "E0209"),
        ("return fc(x) if x.sum() > 0 else fc(x)", "E0405"),
        ("return fc(x) + fc.wieght.sum()", "E0209"),
        ("y = fc(x)\nN = y\nreturn y", "E0206"),
        ("for i in range(3):\n    for i in range(2):\n        x = x * 1\nreturn fc(x)", "E0206"),
        ("x += [x]\nreturn fc(x)", "E0403"),
        ("y += [x]\nreturn fc(x)", "E0201"),
        ("a, b = x -> fc, x, x\nreturn a", "E0403"),
        ("require N < 0\nreturn fc(x)", "E0602"),
        ("return fc(x), x", "E0308"),
        ("return x -> fc -> to(i64)", "E0401"),
        ("return (x -> fc).foo()", "E0203"),
        ("return fc(x.transpose(0, 1))", "E0308"),
        ("if training:\n    y = fc(x)\nreturn y", "E0201"),
        ("if x is none:\n    return fc(x)\nreturn fc(x)", "E0406"),
        ("return fc(x)[:, :4]", None),
        ("return fc(x) * 2 ** 0.5", None),
    ],
)
def test_in_forward(body: str, code: str | None) -> None:
    assert codes(in_forward(body)) == ([] if code is None else [code])


@pytest.mark.parametrize(
    "text",
    [
        "A = B\nB = C\nC = A\n",
        "fn f(n: int) = g(n)\nfn g(n: int) = f(n)\n",
        "fn f(x: float[N]) -> float[N]:\n    return g(x)\nfn g(x: float[N]) -> float[N]:\n    return f(x)\n",
        "block A:\n    layers:\n        a = A()\n\n    forward(x: float[N]) -> float[N]:\n        return x -> a\n",
        "model A = B()\nmodel B = A()\n",
    ],
)
def test_cycles_are_spelled_out(text: str) -> None:
    (message,) = messages(text)
    assert " -> " in message
    assert codes(text) == ["E0701"]


@pytest.mark.parametrize(
    "value",
    ["2**(10**9)", "10**30", "[0] * 10**12", "[i for i in range(10**9)]", "1 << 10**9", "9" * 5000],
)
def test_large_numbers_are_refused_quickly(value: str) -> None:
    start = process_time()
    found = codes(f"N = {value}\nmodel M:\n    forward(x: float[N]) -> float[N]:\n        return x\n")
    assert found
    assert process_time() - start < 2


def test_many_layers_are_linear() -> None:
    def spent(n: int) -> float:
        lines = ["model M(width: int = 8):", "    layers:"]
        lines += [f"        l{i} = Linear(_, width + {i % 7})" for i in range(n)]
        lines += ["", f"    forward(x: float[N, width]) -> float[N, width + {(n - 1) % 7}]:"]
        lines += [f"        x = x -> l{i}" for i in range(n)]
        lines += ["        return x", ""]
        text = "\n".join(lines)
        start = process_time()
        assert codes(text) == []
        return process_time() - start

    spent(50)
    assert spent(1600) < 16 * 2.5 * max(spent(100), 0.02)
