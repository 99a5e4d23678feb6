"""Recurrences: what stands in the body of a Scan, what stands around it, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from spec_lang.ops.lowering import Value
from spec_lang.shapes import DType, TensorType, dim, symbol
from spec_lang.targets.onnx import proto
from spec_lang.targets.onnx.finish import finish
from spec_lang.targets.onnx.graph import Builder, Stored

N, T = symbol("N"), symbol("T")
F = DType.FLOAT


def builder(opset: int = 24) -> Builder:
    return Builder(opset=opset, lookup=lambda key: Stored(key, (3,), F))


def model_of(g: Builder, **results: Value) -> onnx.ModelProto:
    model = finish(g, [(g.values.take(k), v) for k, v in results.items()], name="m")
    data = {i.name: np.full(i.sizes, 2, "f4").tobytes() for i in model.initializers}
    made = onnx.load_from_string(proto.serialize(model, data))
    onnx.checker.check_model(made, full_check=True)
    onnx.shape_inference.infer_shapes(made, strict_mode=True, data_prop=True)
    return made


def run(model: onnx.ModelProto, **inputs: Any) -> list[Any]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def body_of(model: onnx.ModelProto) -> onnx.GraphProto:
    [node] = [n for n in model.graph.node if n.op_type == "Scan"]
    return next(a.g for a in node.attribute if a.name == "body")


def ops(graph: onnx.GraphProto) -> list[str]:
    return [n.op_type for n in graph.node]


def start(g: Builder, *sizes: Any) -> Value:
    shape = tuple(map(dim, sizes))
    return g.typed(g.Expand(g.const(0.0, F), g.dims(shape)), F, shape)


@pytest.mark.parametrize("opset", [17, 18, 24])
@pytest.mark.parametrize(("axis", "reverse"), [(0, False), (1, False), (0, True), (1, True)])
def test_a_running_sum(opset: int, axis: int, reverse: bool) -> None:
    g = builder(opset)
    x = g.input("x", TensorType(F, (N, T)))

    def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        total = g.typed(g.Add(states[0], rows[0]), F, states[0].shape)
        return [total], [total]

    [last], [sums] = g.scan(step, [start(g, (T, N)[axis])], [x], axis=axis, reverse=reverse)
    assert sums.shape == (N, T)
    model = model_of(g, last=last, sums=sums)
    values = np.arange(6, dtype="f4").reshape(2, 3)
    final, running = run(model, x=values)
    np.testing.assert_array_equal(final, values.sum(axis))
    wanted = np.flip(np.flip(values, axis).cumsum(axis), axis) if reverse else values.cumsum(axis)
    np.testing.assert_array_equal(running, wanted)


def test_what_needs_no_row_stands_outside_and_is_shared() -> None:
    g = builder()
    x = g.input("x", TensorType(F, (T, dim(3))))
    g.path = "cell"

    def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        scale = g.Exp(g.param("weight"))
        return [g.Add(g.Mul(states[0], scale), rows[0])], []

    [last], _ = g.scan(step, [start(g, 3)], [x])
    after = g.typed(g.Add(last, g.Exp(g.param("weight"))), F, last.shape)
    model = model_of(g, y=after)
    assert ops(body_of(model)) == ["Mul", "Add"]
    assert ops(model.graph).count("Exp") == 1
    assert [i.name for i in model.graph.initializer if "weight" in i.name] == ["cell.weight"]
    e = np.exp(np.float32(2))
    np.testing.assert_allclose(run(model, x=np.ones((2, 3), "f4"))[0], np.full(3, e + 1 + e), rtol=1e-6)


def test_dead_nodes_of_a_body_are_left_out() -> None:
    g = builder()
    x = g.input("x", TensorType(F, (T,)))

    def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        g.Add(g.Tanh(rows[0]), g.param("unused"))
        return [], [g.typed(g.Neg(rows[0]), F, ())]

    _, [y] = g.scan(step, [], [x])
    model = model_of(g, y=y)
    assert ops(body_of(model)) == ["Neg"]
    assert not model.graph.initializer


def test_results_of_a_body_are_its_own() -> None:
    """A row that is an input, given twice, or from around the body is repeated by a node."""
    g = builder()
    x, k = g.input("x", TensorType(F, (T,))), g.input("k", TensorType(F, ()))

    def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        y = g.typed(g.Neg(rows[0]), F, ())
        return [states[0]], [y, y, rows[0], k]

    [same], (a, b, c, d) = g.scan(step, [k], [x])
    got = run(model_of(g, same=same, a=a, b=b, c=c, d=d), x=np.array([1, 2], "f4"), k=np.array(5, "f4"))
    assert [v.tolist() for v in got] == [5, [-1, -2], [-1, -2], [1, 2], [5, 5]]


def test_a_recurrence_in_a_recurrence() -> None:
    g = builder()
    x = g.input("x", TensorType(F, (N, T)))

    def add(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        return [g.Add(states[0], rows[0])], []

    def outer(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        [total], _ = g.scan(add, [states[0]], [rows[0]])
        return [total], []

    [total], _ = g.scan(outer, [g.const(0.0, F)], [x])
    assert run(model_of(g, y=total), x=np.ones((3, 4), "f4"))[0] == 12


def test_two_equal_recurrences_do_not_mix_their_values() -> None:
    g = builder()
    x = g.input("x", TensorType(F, (T,)))

    def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        return [], [g.typed(g.Exp(rows[0]), F, ())]

    (_, [a]), (_, [b]) = g.scan(step, [], [x]), g.scan(step, [], [x], reverse=True)
    model = model_of(g, y=g.typed(g.Add(a, b), F, (T,)))
    names = [o for n in model.graph.node for o in n.output]
    bodies = [a.g for n in model.graph.node for a in n.attribute if a.name == "body"]
    names += [o for b in bodies for n in b.node for o in n.output]
    names += [i.name for b in bodies for i in b.input]
    assert len(set(names)) == len(names)


def test_sizes_in_a_body_come_from_around_it() -> None:
    g = builder()
    x = g.input("x", TensorType(F, (T, N)))

    def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        return [], [g.typed(g.Mul(rows[0], g.scalar(N, F)), F, (N,))]

    _, [y] = g.scan(step, [], [x])
    model = model_of(g, y=y)
    assert ops(body_of(model)) == ["Mul"]
    np.testing.assert_array_equal(run(model, x=np.ones((2, 3), "f4"))[0], np.full((2, 3), 3))
