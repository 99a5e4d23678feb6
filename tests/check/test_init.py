"""Each rule of `init`, and each initialiser of a param, is held to what it starts."""

from __future__ import annotations

import re

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from tests.mutation.trial import runs_as_declared

BLOCK = """block B(d: int):
    layers:
        param w: float[d] = ones()
        buffer q: int[d] = ones()
        a = Linear(d, d)
    forward(x: float[N, d]) -> float[N, d]:
        return a(x) * w + q

"""
MODEL = """model M({hypers}):
    layers:
        {layer}
    init:
        {rule}
    forward(x: float[N, 4]) -> float[N, 4]:
        return {result}
"""


def _spec(
    rule: str, layer: str = "a = Linear(4, 4)", result: str = "a(x)", hypers: str = "", before: str = ""
) -> str:
    return before + MODEL.format(hypers=hypers, layer=layer, rule=rule, result=result).replace("M()", "M")


def _codes(text: str) -> list[str]:
    return sorted({d.code for d in compile_sources({"net": Source("net.nnspec", text)}).errors})


ARGUMENTS = [
    ("normal(std=-1.0)", "E0501"),
    ("normal(0.0, true)", "E0514"),
    ("normal(std=1e39)", "E0501"),
    ("uniform(a=1.0, b=0.0)", "E0501"),
    ("uniform(1, 0)", "E0501"),
    ("trunc_normal(std=0.0)", "E0501"),
    ("trunc_normal(a=2.0, b=1.0)", "E0501"),
    ("trunc_normal(a=1, b=1)", "E0501"),
    ("xavier_normal(gain=-1.0)", "E0501"),
    ("xavier_uniform(gain=-1)", "E0501"),
    ('kaiming_normal(mode="fan")', "E0514"),
    ("kaiming_normal(mode=1)", "E0514"),
    ('kaiming_uniform(nonlinearity="gelu")', "E0514"),
    ("kaiming_uniform(a=true)", "E0514"),
    ('kaiming_uniform(a="relu")', "E0514"),
    ("constant()", "E0511"),
    ("constant(1.0, val=2.0)", "E0513"),
    ("constant(1e40)", "E0501"),
    ('constant("a")', "E0514"),
    ("normal(std=none)", "E0514"),
]


@pytest.mark.parametrize(("value", "code"), ARGUMENTS)
def test_arguments(value: str, code: str) -> None:
    assert _codes(_spec(f"Linear.weight = {value}")) == [code]
    assert _codes(_spec(f"a.weight = {value}")) == [code]
    param = _spec("a = zeros()", "a = Linear(4, 4)\n        param p: float[4, 4] = " + value, "a(x) @ p")
    assert _codes(param) == [code]


ENCODER = ("a = TransformerEncoderLayer(4, 2, batch_first=true)", "a(x[:, none])[:, 0]")
LISTED = ("a = [Linear(4, 4) for i in range(n)]", "x -> a", "n: int = 2")
OPTIONAL = ("a = Linear(4, 4) if on else none", "a(x) if a is not none else x", "on: bool = false")
SHAPES = [
    (("Linear = xavier_uniform()",), "E0302"),
    (("Linear.bias = xavier_normal()",), "E0302"),
    (("Linear.bias = kaiming_normal()",), "E0302"),
    (("Linear.weight = dirac()",), "E0302"),
    (("Linear.bias = eye()",), "E0302"),
    (("a.bias = orthogonal()",), "E0302"),
    (("a = orthogonal()",), "E0302"),
    (("Linear = eye()", "a = Linear(4, 4, bias=on)", "a(x)", "on: bool = false"), "E0302"),
    (("Linear.bias = eye()", *LISTED), "E0302"),
    (("a[0].bias = eye()", *LISTED), "E0302"),
    (("a = xavier_normal()", *LISTED), "E0302"),
    (("LayerNorm = xavier_normal()", *ENCODER), "E0302"),
    (("Linear = xavier_normal()", *ENCODER), "E0302"),
    (("a = xavier_normal()", *ENCODER), "E0302"),
    (("Linear.bias = eye()", "a = l(4, 4)", "a(x)", "l: layer = Linear"), "E0302"),
    (("Conv1d.weight = dirac(groups=3)", "a = Conv1d(4, 4, 1)", "a(x[:, :, none])[:, :, 0]"), "E0502"),
    (
        ("Conv1d.weight = dirac(groups=g)", "a = Conv1d(4, 4, 1)", "a(x[:, :, none])[:, :, 0]", "g: int = 2"),
        "E0502",
    ),
    (("BatchNorm1d.num_batches_tracked = normal()", "a = BatchNorm1d(4)"), "E0401"),
    (("a.weight = ones()", *OPTIONAL), "E0406"),
    (("a = ones()", *OPTIONAL), "E0406"),
    (("b.w = eye()", "b = B(4)", "b(x)", "", BLOCK), "E0302"),
    (("b = eye()", "b = B(4)", "b(x)", "", BLOCK), "E0302"),
    (("B = eye()", "b = B(4)", "b(x)", "", BLOCK), "E0302"),
    (("B.w = eye()", "b = B(4)", "b(x)", "", BLOCK), "E0302"),
    (("b.a = xavier_normal()", "b = B(4)", "b(x)", "", BLOCK), "E0302"),
    (("Linear = xavier_normal()", "b = B(4)", "b(x)", "", BLOCK), "E0302"),
    (("B.nope = ones()", "b = B(4)", "b(x)", "", BLOCK), "E0209"),
    (("B.a = ones()", "b = B(4)", "b(x)", "", BLOCK), "E0209"),
    (("B.q = normal()", "b = B(4)", "b(x)", "", BLOCK), "E0401"),
    (("b.q = constant(0.5)", "b = B(4)", "b(x)", "", BLOCK), "E0401"),
    (("ReLU.weight = ones()", "a = ReLU()", "a(x)"), "E0209"),
    (("Flatten.bias = zeros()", "a = Sequential(Flatten(), Linear(4, 4))", "a(x)"), "E0209"),
]


@pytest.mark.parametrize(("parts", "code"), SHAPES)
def test_shapes(parts: tuple[str, ...], code: str) -> None:
    assert _codes(_spec(*parts)) == [code]


GOOD = [
    ("Linear.weight = xavier_uniform(gain=0)",),
    ("Linear.weight = eye()",),
    ("Linear.weight = orthogonal(gain=-1.0)",),
    ("Linear.weight = normal(std=s)", "a = Linear(4, 4)", "a(x)", "s: float = 0.5"),
    ("Linear.weight = normal(std=s)", "a = Linear(4, 4)", "a(x)", "s: int = 1"),
    (
        "Linear.weight = kaiming_normal(mode=s)",
        "a = Linear(4, 4)",
        "a(x)",
        's: "fan_in" | "fan_out" = "fan_in"',
    ),
    ("Linear = ones()", *OPTIONAL),
    ("Linear.weight = xavier_normal()", *ENCODER),
    ("MultiheadAttention.in_proj_weight = xavier_normal()", *ENCODER),
    ("a = normal()", *ENCODER),
    ("Linear.bias = ones()", "a = Linear(4, 4, bias=on)", "a(x)", "on: bool = false"),
    ("Conv1d.weight = dirac(groups=2)", "a = Conv1d(4, 4, 1)", "a(x[:, :, none])[:, :, 0]"),
    ("BatchNorm1d.running_mean = normal()", "a = BatchNorm1d(4)"),
    ("b = normal()", "b = B(4)", "b(x)", "", BLOCK),
    ("b.q = constant(2)", "b = B(4)", "b(x)", "", BLOCK),
    ("B.w = normal()", "b = B(4)", "b(x)", "", BLOCK),
    ("a[0] = normal()", *LISTED),
]


@pytest.mark.parametrize("parts", GOOD)
def test_what_is_taken_runs(parts: tuple[str, ...]) -> None:
    result = compile_sources({"net": Source("net.nnspec", _spec(*parts))})
    assert not result.errors, result.errors[0].message
    assert not runs_as_declared("net", result, lambda _: [{}], 2)


def test_a_rule_of_a_hyperparameter_is_held_for_its_values() -> None:
    assert _codes(_spec("a.weight = normal(std=s)", hypers="s: float = -0.5")) == ["E0603"]


IN_A_LIST = """block Wide(depth: int):
    layers:
        fcs = [Sequential(Linear(_, D * 2**(i + 1)), Tanh()) for i in range(depth)]
    {own}
    forward(x: float[N, D]) -> float[N, _]:
        for fc in fcs:
            x = fc(x)
        return x

model M(width: int = 4, depth: int = 3):
    layers:
        wide = Wide(depth)
    {user}
    forward(x: float[N, width]) -> float[N, _]:
        return wide(x)
"""
"""Layers of a list in which each item's `_` is another size."""


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("Linear.bias = xavier_normal()", "E0302"),
        ("Linear.weight = dirac()", "E0302"),
        ("Linear.wieght = ones()", "E0209"),
        ("Tanh.weight = ones()", "E0209"),
        ("Linear.weight = xavier_normal()", None),
        ("Linear.bias = ones()", None),
    ],
)
@pytest.mark.parametrize("place", ["own", "user"])
def test_rules_are_held_to_layers_of_a_list(place: str, rule: str, code: str | None) -> None:
    text = IN_A_LIST.format(**{"own": "", "user": "", place: f"init:\n        {rule}"})
    result = compile_sources({"net": Source("net.nnspec", text)})
    assert [d.code for d in result.errors] == ([] if code is None else [code])
    if code is None:
        assert not runs_as_declared("net", result, lambda _: [{}, {"width": 3, "depth": 1}], 2)


def test_a_size_without_a_name_here_stands_in_no_help() -> None:
    text = IN_A_LIST.format(own="", user="init:\n        Conv1d.weight = dirac(groups=5)")
    text = text.replace("Linear(_, D * 2**(i + 1))", "Conv1d(_, D * 2**(i + 1), 1)")
    text = re.sub(r"float\[N, (\w+)\]", r"float[N, \1, T]", text)
    [found] = compile_sources({"net": Source("net.nnspec", text)}).errors
    assert found.code == "E0502"
    assert found.help is None


@pytest.mark.parametrize(
    "layer", ["a = Linear(_, 4)", "a = Conv1d(_, 6, 3)", "a = LSTM(_, 4)", "a = LayerNorm(_)"]
)
def test_a_rule_of_a_layer_that_a_mistake_leaves_open_is_no_second_mistake(layer: str) -> None:
    op = layer.split()[2].partition("(")[0]
    for rule in (f"{op} = constant(0.5)", f"{op}.weight_ih_l0 = zeros()", "a = zeros()"):
        assert "E0203" in _codes(_spec(rule, layer, "a(missing(x))"))
