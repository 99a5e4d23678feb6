"""The builder leaves out what need not be there, and computes constants itself as ONNX Runtime would."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from spec_lang.shapes import Cond, DType, TensorType, dim, symbol
from spec_lang.targets.onnx import dtypes, proto
from spec_lang.targets.onnx.finish import finish
from spec_lang.targets.onnx.graph import Builder, Stored
from spec_lang.targets.onnx.nodes import Const

N = symbol("N")


def builder(**options: Any) -> Builder:
    return Builder(opset=24, lookup=lambda key: Stored(key, (4, 3), DType.FLOAT), **options)


def model_of(g: Builder, **results: Any) -> onnx.ModelProto:
    model = finish(g, [(g.values.take(k), v) for k, v in results.items()], name="m")
    data = {i.name: np.ones(i.sizes, "f4").tobytes() for i in model.initializers}
    proto_ = onnx.load_from_string(proto.serialize(model, data))
    onnx.checker.check_model(proto_, full_check=True)
    return proto_


def ops(model: onnx.ModelProto) -> list[str]:
    return [n.op_type for n in model.graph.node]


def test_equal_nodes_are_one() -> None:
    g = builder()
    x = g.input("x", TensorType(DType.FLOAT, (N,)))
    y = g.typed(g.Add(g.Relu(x), g.Relu(x)), DType.FLOAT, (N,))
    assert ops(model_of(g, y=y)) == ["Relu", "Add"]


def test_random_nodes_are_not_shared() -> None:
    g = builder()
    a, b = (g.RandomNormal(shape=[2]) for _ in range(2))
    assert a is not b


def test_identities_vanish() -> None:
    g = builder()
    x = g.input("x", TensorType(DType.FLOAT, (N, dim(3))))
    assert g.Identity(x) is x
    assert g.Transpose(x, perm=[0, 1]) is x
    assert g.Concat(x, axis=0) is x
    assert g.cast(x, DType.FLOAT) is x
    assert g.cast(x, DType.F32).root is x
    assert g.reshape(x, [N, 3]) is x


def padded(*inputs: Any, mode: str | None = None, **own: Any) -> onnx.ModelProto:
    """A convolution of a padded input."""
    g = Builder(opset=24, lookup=lambda key: Stored(key, (4, 4, 2), DType.FLOAT))
    x = g.input("x", TensorType(DType.FLOAT, (N, dim(4), symbol("T"))))
    y = g.Pad(x, *(g.ints(i) if isinstance(i, list) else g.const(i, DType.FLOAT) for i in inputs), mode=mode)
    z = g.typed(g.Conv(y, g.param("w"), **own), DType.FLOAT, (N, dim(4), symbol("U")))
    return model_of(g, z=z)


def test_a_convolution_pads_its_input_itself() -> None:
    for own, pads in (({}, [3, 1]), ({"pads": [1, 2], "strides": [2]}, [4, 3])):
        [conv] = padded([0, 0, 3, 0, 0, 1], **own).graph.node
        assert list(conv.input) == ["x", "w"]
        given = {a.name: list(a.ints) for a in conv.attribute}
        assert given == {**own, "pads": pads}


def test_what_a_convolution_cannot_pad_stays_a_node() -> None:
    for model in (
        padded([0, 0, 3, 0, 0, -1]),
        padded([0, 1, 3, 0, -1, 1]),
        padded([1, 0, 3, 0, 0, 1]),
        padded([0, 0, 3, 0, 0, 1], 1.0),
        padded([0, 0, 3, 0, 0, 1], mode="edge"),
    ):
        assert ops(model) == ["Pad", "Conv"]


def test_dead_nodes_and_their_weights_are_left_out() -> None:
    g = builder()
    x = g.input("x", TensorType(DType.FLOAT, (N, dim(3))))
    g.Add(g.MatMul(x, g.param("unused")), g.const(3.0, DType.FLOAT))
    model = model_of(g, y=g.typed(g.Relu(x), DType.FLOAT, x.shape))
    assert ops(model) == ["Relu"]
    assert not model.graph.initializer


def test_one_tensor_under_two_results_and_an_input_as_result() -> None:
    g = builder()
    x = g.input("x", TensorType(DType.FLOAT, (N,)))
    y = g.typed(g.Relu(x), DType.FLOAT, (N,))
    model = model_of(g, a=y, b=y, c=x)
    assert [o.name for o in model.graph.output] == ["a", "b", "c"]
    assert ops(model) == ["Relu", "Identity", "Identity"]
    session = ort.InferenceSession(model.SerializeToString())
    a, b, c = session.run(None, {"x": np.array([-1.0, 2.0], "f4")})
    assert a.tolist() == b.tolist() == [0, 2]
    assert c.tolist() == [-1, 2]


def test_names_are_paths() -> None:
    g = builder()
    x = g.input("x", TensorType(DType.FLOAT, (N, dim(4))))
    g.path = "h.0.attn"
    with g.below("c_attn"):
        y = g.typed(g.MatMul(x, g.param("weight")), DType.FLOAT, (N, dim(3)))
    model = model_of(g, y=y)
    [node] = model.graph.node
    assert node.name == "h.0.attn.c_attn.MatMul"
    assert list(node.input) == ["x", "h.0.attn.c_attn.weight"]


def test_the_place_in_the_spec_is_in_the_metadata() -> None:
    for opset, where in ((17, "doc"), (24, "metadata")):
        g = Builder(opset=opset, lookup=lambda _: None)
        x = g.input("x", TensorType(DType.FLOAT, (N,)))
        g.source = "a.nnspec:7"
        [node] = model_of(g, y=g.typed(g.Relu(x), DType.FLOAT, (N,))).graph.node
        found = node.doc_string if where == "doc" else {p.key: p.value for p in node.metadata_props}["source"]
        assert found == "a.nnspec:7"


def test_derived_weights_carry_their_recipe() -> None:
    g = builder()
    g.path = "lstm"
    w = g.rows("w", [("weight", 2, 4), (None, 0, 1), ("weight", 0, 1)], [1, 4, 3])
    assert w.rows == (("lstm.weight", 2, 4), (None, 0, 1), ("lstm.weight", 0, 1))
    assert g.rows("w", [("weight", 2, 4), (None, 0, 1), ("weight", 0, 1)], [1, 4, 3]) is w


def test_bytes_are_deterministic() -> None:
    def make() -> bytes:
        g = builder()
        x = g.input("x", TensorType(DType.FLOAT, (N, dim(4))))
        y = g.Gemm(x, g.param("w"), transB=0, alpha=0.5)
        return proto.serialize(finish(g, [("y", g.typed(y, DType.FLOAT, (N, dim(3))))], name="m"), {})

    assert make() == make()


@pytest.mark.parametrize("dtype", [DType.F32, DType.F16, DType.BF16])
def test_float_is_the_precision_of_the_export(dtype: DType) -> None:
    g = builder(precision=dtype)
    x = g.input("x", TensorType(DType.FLOAT, (N,)))
    model = model_of(g, y=g.typed(g.Mul(x, g.scalar(0.5, DType.FLOAT)), DType.FLOAT, (N,)))
    number = dtypes.NUMBERS[dtype]
    assert model.graph.input[0].type.tensor_type.elem_type == number
    assert model.graph.initializer[0].data_type == number


INT, F = DType.I64, DType.F32
FOLDED: dict[str, tuple[list[tuple[Any, DType]], dict[str, Any]]] = {
    "Add": ([([1.5, 2], F), ([[1], [2]], F)], {}),
    "Sub": ([([1, 2], INT), (3, INT)], {}),
    "Mul": ([([0.1, 0.2], F), (3.0, F)], {}),
    "Div": ([([7, -7, 6], INT), ([2, 2, -4], INT)], {}),
    "Pow": ([([2.0, 10000.0], F), ([0.5, -0.25], F)], {}),
    "Mod": ([([7, -7, 7], INT), ([3, 3, -3], INT)], {}),
    "Neg": ([([1.0, -0.0], F)], {}),
    "Sqrt": ([([2.0, 0.0], F)], {}),
    "Exp": ([([1.0, -3.0], F)], {}),
    "Floor": ([([1.5, -1.5], F)], {}),
    "Round": ([([0.5, 1.5, -2.5], F)], {}),
    "Cos": ([([1.0, 3.0], F)], {}),
    "Equal": ([([1, 2], INT), ([1, 3], INT)], {}),
    "Less": ([([1, 2], INT), ([2, 2], INT)], {}),
    "Where": ([([True, False], DType.BOOL), ([1.0, 2.0], F), ([3.0, 4.0], F)], {}),
    "Max": ([([1, 5], INT), ([3, 3], INT), ([2, 2], INT)], {}),
    "Range": ([(1, INT), (10, INT), (3, INT)], {}),
    "Reshape": ([([[1, 2, 3], [4, 5, 6]], INT), ([0, -1, 1], INT)], {}),
    "Transpose": ([([[1, 2, 3], [4, 5, 6]], INT)], {"perm": [1, 0]}),
    "Expand": ([([[1], [2]], INT), ([2, 1, 3], INT)], {}),
    "Concat": ([([[1], [2]], INT), ([[3], [4]], INT)], {"axis": 1}),
    "Slice": ([([[1, 2, 3], [4, 5, 6]], INT), ([-1], INT), ([-10], INT), ([1], INT), ([-1], INT)], {}),
    "Gather": ([([[1, 2, 3], [4, 5, 6]], INT), ([2, 0], INT)], {"axis": 1}),
    "Unsqueeze": ([([1, 2], INT), ([0, 2], INT)], {}),
    "Squeeze": ([([[1, 2]], INT), ([0], INT)], {}),
    "Trilu": ([([[1, 2], [3, 4]], INT)], {"upper": 0}),
    "Tile": ([([[1, 2]], INT), ([2, 2], INT)], {}),
    "MatMul": ([([[1.0, 2.0]], F), ([[3.0], [4.0]], F)], {}),
    "Cast": ([([1.7, -1.7, 0.0], F)], {"to": 7}),
    "Not": ([([True, False], DType.BOOL)], {}),
    "ConstantOfShape": ([([2, 3], INT)], {}),
}


@pytest.mark.parametrize("op", FOLDED)
def test_folding_equals_running(op: str) -> None:
    operands, attributes = FOLDED[op]
    g = builder()
    folded = g.emit(op, [g.const(v, d) for v, d in operands], attributes)
    assert isinstance(folded, Const)
    assert not g.nodes
    names = [f"x{i}" for i in range(len(operands))]
    arrays = [
        np.frombuffer(c.raw, onnx.helper.tensor_dtype_to_np_dtype(c.number)).reshape(c.sizes)
        for c in (g.const(v, d) for v, d in operands)
    ]
    inputs = [
        onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in zip(names, arrays, strict=True)
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, names, ["y"], **attributes)], "g", inputs, [onnx.ValueInfoProto(name="y")]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 24)], ir_version=10)
    [wanted] = ort.InferenceSession(model.SerializeToString()).run(
        None, dict(zip(names, arrays, strict=True))
    )
    got = np.frombuffer(folded.raw, onnx.helper.tensor_dtype_to_np_dtype(folded.number)).reshape(folded.sizes)
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_a_result_that_is_too_large_stays_a_node() -> None:
    g = builder()
    y = g.Expand(g.const(1.0, DType.FLOAT), g.ints([1 << 30]))
    assert not isinstance(y, Const)
    assert len(g.nodes) == 1


@pytest.mark.parametrize("proved", [True, False])
def test_counted_rows_are_a_slice_only_where_there_are_as_many(proved: bool) -> None:
    g = builder()
    x = g.input("x", TensorType(DType.FLOAT, (N, dim(3))))
    if proved:
        g.facts = g.facts.assume(Cond.le(N, 4))
    places = g.typed(g.Range(g.dim(0), g.dim(N), g.dim(1)), DType.I64, (N,))
    y = g.typed(g.Add(x, g.Gather(g.param("table"), places)), DType.FLOAT, x.shape)
    assert ("Slice" in ops(model_of(g, y=y))) is proved
