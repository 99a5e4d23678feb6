"""Sizes that the graph computes equal what the algebra says, for all values of the symbols."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_lang.ops.lowering import Unsupported
from spec_lang.shapes import Dim, DType, TensorType, dim, maximum, minimum, opaque, symbol
from spec_lang.targets.onnx import proto
from spec_lang.targets.onnx.finish import finish
from spec_lang.targets.onnx.graph import Builder

N, T, H, W = symbol("N"), symbol("T"), symbol("h"), symbol("w")
TYPE = TensorType(DType.FLOAT, (N, T + 3, 16 * H, dim(5), W))


def run(sizes: list[Dim], n: int, t: int, h: int, w: int) -> tuple[list[int], onnx.ModelProto]:
    g = Builder(opset=24, lookup=lambda _: None)
    g.input("x", TYPE)
    model = finish(g, [(g.values.take("y"), g.dims(sizes))], name="sizes")
    data = proto.serialize(model, {})
    session = ort.InferenceSession(data)
    [y] = session.run(None, {"x": np.zeros((n, t + 3, 16 * h, 5, w), "f4")})
    return y.tolist(), onnx.load_from_string(data)


def check(sizes: list[Dim], n: int, t: int, h: int, w: int) -> onnx.ModelProto:
    got, model = run(sizes, n, t, h, w)
    assert got == [d.evaluate({"N": n, "T": t, "h": h, "w": w}) for d in sizes]
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize(
    "size",
    [
        N,
        T,
        T + 3,
        16 * H,
        H,
        8 * H,
        (W - 1) // 2 + 1,
        (W - 9) // 2 + 1,
        -(-W // 3),
        (W - T) // 4,
        (T - W) % 3,
        W % 4,
        N * T - H,
        minimum(T, W - 7),
        maximum(T - 9, W, 2),
        2**N,
        W**2,
    ],
    ids=str,
)
def test_a_size(size: Dim) -> None:
    for values in ((1, 1, 1, 1), (2, 5, 1, 3), (3, 2, 2, 10), (1, 7, 3, 8)):
        check([size], *values)


def test_successive_axes_are_read_at_once() -> None:
    model = check([N, T + 3, 16 * H], 2, 3, 1, 4)
    assert [n.op_type for n in model.graph.node] == ["Shape"]


def test_equal_sizes_are_computed_once() -> None:
    model = check([N * T, dim(3), N * T, N], 2, 3, 1, 4)
    assert sum(n.op_type == "Mul" for n in model.graph.node) == 1


def test_known_sizes_need_no_node_but_the_output_itself() -> None:
    model = check([dim(3), dim(4)], 1, 1, 1, 1)
    assert [n.op_type for n in model.graph.node] == ["Identity"]


def test_values_are_named_by_the_size() -> None:
    model = check([N * T, dim(3)], 1, 1, 1, 1)
    assert {"N", "N*T"} <= {o for n in model.graph.node for o in n.output}


def test_what_no_input_shows_is_refused() -> None:
    with pytest.raises(Unsupported, match="no input shows K"):
        run([symbol("K")], 1, 1, 1, 1)
    with pytest.raises(Unsupported, match="cannot be computed"):
        run([opaque("round(x*0.5)")], 1, 1, 1, 1)


_leaf = st.sampled_from([N, T, H, W]) | st.integers(1, 9).map(dim)


def _grow(children: st.SearchStrategy[Dim]) -> st.SearchStrategy[Dim]:
    operations: dict[str, Any] = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "min": minimum,
        "max": maximum,
    }
    pairs = st.builds(
        lambda o, a, b: operations[o](a, b), st.sampled_from(sorted(operations)), children, children
    )
    divisions = st.builds(lambda a, k: a // k, children, st.integers(1, 7))
    remainders = st.builds(lambda a, k: a % k, children, st.integers(1, 7))
    return pairs | divisions | remainders


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.recursive(_leaf, _grow, max_leaves=6), min_size=1, max_size=4),
    st.tuples(*[st.integers(1, 6)] * 4),
)
def test_random_sizes(sizes: list[Dim], values: tuple[int, int, int, int]) -> None:
    check(sizes, *values)
