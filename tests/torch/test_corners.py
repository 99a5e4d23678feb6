"""Corners of the language, each in the smallest spec that has it: generated code runs as the oracle computes, and as ONNX does."""

from __future__ import annotations

import pytest
import torch

from spec_lang.loading import from_program
from tests.fuzz.held import compiled, hold

CASES = {
    "a dtype where no layer has parameters": """
model Net:
    layers:
        same = Identity()
    forward(x: int[N, T]) -> float[N, T]:
        return (x != 0).to(float) -> same
""",
    "a dtype where the only weight is left out": """
model Net(dim: int = 4):
    layers:
        norm = RMSNorm(dim, elementwise_affine=false)
    forward(x: int[N, dim]) -> float[N, dim]:
        return x.to(float) -> norm
""",
    "a dtype where a list of layers may be empty": """
model Net(dim: int = 4, depth: int >= 0 = 0):
    layers:
        fcs = [Linear(dim, dim) for i in range(depth)]
    forward(x: int[N, dim]) -> float[N, dim]:
        return x.to(float) -> fcs
""",
    "attention that drops in training, its probability without a name": """
fn attend(x: float[N, heads, T, D], p: float) -> float[N, heads, T, D]:
    return scaled_dot_product_attention(x, x, x, none, p)

model Net(p: float = 0.5):
    forward(x: float[N, 2, T, 4]) -> float[N, 2, T, 4]:
        return attend(x, p) + scaled_dot_product_attention(x, x, x, none, p)
""",
    "a rule for parameters that some layers were made without": """
model Net:
    layers:
        plain = RNNCell(4, 4, bias=false)
        cell  = RNNCell(4, 4)
        cross = MultiheadAttention(4, 2, kdim=6, vdim=6)
        same  = MultiheadAttention(4, 2)

    init:
        RNNCell.bias_ih                   = constant(0.5)
        MultiheadAttention.in_proj_weight = xavier_uniform()

    forward(x: float[N, 4], memory: float[T, N, 6]) -> (float[1, N, 4], float[1, N, 4]):
        state = (x -> plain -> cell).unsqueeze(0)
        y, _ = cross(state, memory, memory)
        z, _ = same(state, state, state)
        return y, z
""",
    "a rule for parameters that some recurrent layers were made without": """
block Plain(w: int):
    layers:
        rnn = LSTM(_, w, bias=false)

    forward(x: float[T, N, D]) -> float[T, N, w]:
        y, _ = rnn(x)
        return y

model Net(w: int = 4):
    layers:
        plain = Plain(w)
        rnns  = [LSTM(w, w, num_layers=2) for i in range(2)]

    init:
        LSTM.bias_ih_l0 = zeros()
        LSTM.bias_hh_l1 = constant(0.5)

    forward(x: float[T, N, 3]) -> float[T, N, w]:
        x = x -> plain
        for rnn in rnns:
            x, _ = rnn(x)
        return x
""",
    "floats made of ints beside a parameter of an exact dtype": """
model Net(w: int = 4):
    layers:
        rnn = LSTM(3, w)
        param scale: f64[1] = zeros()

    forward(x: int[T, N]) -> float[T, N, w]:
        hot = x -> one_hot(3) -> to(float)
        y, _ = rnn(hot)
        return y * (scale -> to(float))
""",
    "a function that tensors have no method for": """
model Net:
    forward(x: float[N], y: float[T]) -> (float[N, T], float[N, N, T]):
        rows, columns = x.meshgrid(y, indexing="ij")
        _, again, _ = x.meshgrid(x, y, indexing="ij")
        return rows * columns, again
""",
    "a list that nothing reads": """
model Net(dim: int = 4, depth: int = 2):
    layers:
        fcs = [Linear(dim, dim) for i in range(depth)]
    forward(x: float[N, dim]) -> float[N, dim]:
        steps = []
        for fc in fcs:
            x = fc(x)
            steps += [relu(x)]
        return x
""",
}


@pytest.mark.parametrize("case", CASES)
def test_corner(case: str) -> None:
    hold(CASES[case])


def test_a_dtype_without_parameters_compiles_whole() -> None:
    module = from_program(compiled(CASES["a dtype where no layer has parameters"]).checked(), "corner")
    whole = torch.compile(module.Net(), fullgraph=True, backend="eager")
    assert whole(torch.ones(2, 3, dtype=torch.int64)).dtype == torch.float32


TYPED = """
fn pair(n: int) = [n, 2 * n]
fn nested(n: int) = [[n, 2], [3, n]]
fn mixed(n: int) = [n, 0.5]
fn pick(n: int, b: bool) = [n, 2 * n] if b else [1, 2]

block Res(dim: int):
    layers:
        fc = Linear(dim, dim)
    forward(x: float[N, dim]) -> float[N, dim]:
        return x + fc(x)
    inverse(x: float[N, dim]) -> float[N, dim]:
        return x - fc(x)

model Net(n: int = 4):
    layers:
        fc = Linear(pair(n)[0], nested(n)[1][0])
        gc = Linear(pick(n, true)[0], 3)
        fs = [Res(2) for i in range(3)]
    forward(x: float[N, n], z: float[N, 2]) -> (float[N, 3], float[N, 3], float[N, 2]):
        for f in reversed(fs):
            z = f.inverse(z)
        for f in fs[1:]:
            z = f.inverse(z)
        return fc(x) * mixed(n)[1], gc(x), z
"""


def test_annotations_are_those_of_what_is_returned() -> None:
    hold(TYPED)
    [source] = compiled(TYPED).torch_sources().values()
    for line in (
        "def pair(n: int) -> list[int]:",
        "def nested(n: int) -> list[list[int]]:",
        "def mixed(n: int) -> list[float]:",
        "def pick(n: int, b: bool) -> list[int]:",
        "            z = cast(Res, f).inverse(z)",
        "        for f in self.fs[1:]:",
    ):
        assert line in source.split("\n")
    assert "Any" not in source
