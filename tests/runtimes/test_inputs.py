"""Random inputs: sizes within the conditions, tensors of the types, indices in range."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from spec_lang.ir import model as m
from spec_lang.runtimes.index_ranges import index_bounds
from spec_lang.runtimes.inputs import NoSizes, Sampler, flat
from tests.torch.handmade import lit, method, name, program, tensor


def compare(left: m.Expr, op: str, right: m.Expr) -> m.Compare:
    return m.make(m.Compare, first=left, ops=(op,), rest=(right,))


def check(test: m.Expr, at: str = "call") -> m.Require:
    return m.make(m.Require, test=test, message="a condition", at=at, open=True)


def sampler(
    inputs: dict[str, m.Type], *checks: m.Require, optional: tuple[str, ...] = (), **options: Any
) -> Sampler:
    made = method("forward", inputs, None, checks=checks)
    given = tuple(m.make(m.Input, name=i.name, type=i.type, optional=i.name in optional) for i in made.inputs)
    made = made.model_copy(update={"inputs": given})
    values = options.pop("values", {})
    block = m.make(m.Block, file=0, name="M", entry=True, hypers=(), methods=(made,))
    return Sampler(program("", "m", block), block, made, values, **options)


def dim(text: str) -> m.Name:
    return name(text, "dim")


def test_every_variable_is_one_and_odd_somewhere() -> None:
    s = sampler({"x": tensor("N", "C", "16*h", "16*w")}, values={"C": 3})
    assert s.names == ("N", "h", "w")
    found = s.sizes(5)
    assert found[0].values == {"N": 1, "h": 1, "w": 1}
    assert len({str(f) for f in found}) == 5
    assert any(all(f.values[n] % 2 and f.values[n] > 1 for n in ("N", "h")) for f in found) or len(found) == 5
    x = s.sample(found[0])["x"]
    assert x.shape == (1, 3, 16, 16)
    assert x.dtype == np.float32


def test_sizes_satisfy_the_conditions() -> None:
    s = sampler(
        {"x": tensor("N", "T"), "y": tensor("N", "S")},
        check(compare(dim("T"), "<=", name("context"))),
        check(compare(dim("S"), ">", dim("T"))),
        check(compare(m.make(m.Binary, op="%", left=dim("S"), right=lit(2)), "==", lit(0))),
        values={"context": 6},
    )
    for sizes in s.sizes(8):
        v = sizes.values
        assert v["T"] <= 6
        assert v["S"] > v["T"]
        assert v["S"] % 2 == 0


def test_large_sizes_are_found_where_small_ones_do_not_do() -> None:
    s = sampler({"x": tensor("N", "H")}, check(compare(dim("H"), ">=", lit(200))))
    assert all(f.values["H"] >= 200 for f in s.sizes(2))


def test_contradictory_conditions_are_told() -> None:
    s = sampler({"x": tensor("N")}, check(compare(dim("N"), "<", lit(1))))
    with pytest.raises(NoSizes, match="a condition"):
        s.sizes(3)


def test_an_axis_is_empty_only_where_the_spec_says_so() -> None:
    s = sampler({"x": tensor("N", "3*width"), "y": tensor("2", "0")}, values={"width": 0})
    for sizes in s.sizes(3):
        sample = s.sample(sizes)
        assert sizes.values["N"] > 0
        assert (sample["x"].shape[1], sample["y"].shape) == (0, (2, 0))
    for sizes in sampler({"x": tensor("N - 1")}).sizes(3):
        assert sizes.values["N"] > 1


def test_chosen_sizes_are_kept_or_refused() -> None:
    s = sampler({"x": tensor("N", "T")}, check(compare(dim("T"), "<=", lit(6))))
    assert s.fixed({"T": 5}).values["T"] == 5
    with pytest.raises(NoSizes):
        s.fixed({"T": 7})


def test_a_size_of_an_absent_input_leaves_the_others_to_be_found() -> None:
    rare = check(compare(dim("N"), "==", lit(9)))
    s = sampler({"x": tensor("N"), "past": tensor("P")}, rare, optional=("past",))
    assert s.fixed({"P": 3}).values == {"N": 9}


def test_optional_inputs_are_left_out_unless_given() -> None:
    types: dict[str, m.Type] = {"x": tensor("N"), "mask": tensor("N", "P", dtype="bool")}
    assert sampler(types, optional=("mask",)).names == ("N",)
    s = sampler(types, optional=("mask",), given=("mask",))
    assert s.names == ("N", "P")
    sample = s.sample(s.sizes(1)[0])
    assert sample["mask"].dtype == np.bool_


def test_tuples_lists_and_packs() -> None:
    pair = m.make(m.TupleType, items=(tensor("N", "D"), tensor("N", "D", dtype="i32")))
    several = m.make(m.ListType, item=tensor("N", "width * 2**i"), length="n", index="i")
    s = sampler(
        {"states": pair, "maps": several, "x": tensor("*B", "D")}, values={"n": 3, "width": 2}, ranks={"B": 2}
    )
    assert s.names == ("N", "D", "*B")
    sizes = s.sizes(3)[1]
    sample = s.sample(sizes)
    n, d = sizes.values["N"], sizes.values["D"]
    assert sample["states"][1].shape == (n, d)
    assert sample["states"][1].dtype == np.int32
    assert [a.shape for a in sample["maps"]] == [(n, 2), (n, 4), (n, 8)]
    assert sample["x"].shape == (*sizes.values["*B"], d)
    assert list(flat(sample)) == ["states_0", "states_1", "maps_0", "maps_1", "maps_2", "x"]


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = (sampler({"x": tensor("N", "T")}, seed=5) for _ in range(2))
    a, b = first.sizes(4), second.sizes(4)
    assert a == b
    np.testing.assert_array_equal(first.sample(a[1])["x"], second.sample(b[1])["x"])


def test_integers_stay_below_their_bounds() -> None:
    s = sampler({"x": tensor("N", "T", dtype="i64")}, bounds=lambda name, sizes: 7)
    values = np.concatenate([s.sample(s.fixed({"N": 40, "T": 50}))["x"].ravel() for _ in range(3)])
    assert set(values) == set(range(7))


def graph(
    *nodes: onnx.NodeProto, inputs: dict[str, list[int | str]], table: tuple[int, ...] = (50, 4)
) -> onnx.GraphProto:
    values = [helper.make_tensor_value_info(k, TensorProto.INT64, v) for k, v in inputs.items()]
    weight = helper.make_tensor("table", TensorProto.FLOAT, table, [0.0] * int(np.prod(table)))
    shift = helper.make_tensor("shift", TensorProto.INT64, (), [1])
    return helper.make_graph(nodes, "g", values, [], [weight, shift])


def test_bounds_come_from_what_is_indexed() -> None:
    g = graph(
        helper.make_node("Cast", ["tokens"], ["c"], to=7),
        helper.make_node("Reshape", ["c", "s"], ["r"]),
        helper.make_node("Gather", ["table", "r"], ["e"]),
        helper.make_node("Add", ["position", "shift"], ["p"]),
        helper.make_node("Gather", ["table", "p"], ["f"]),
        helper.make_node("Gather", ["table", "column"], ["h"], axis=1),
        helper.make_node("Gather", ["grid", "cell"], ["k"], axis=-1),
        helper.make_node("Neg", ["free"], ["n"]),
        inputs={k: ["N"] for k in ("tokens", "position", "column", "cell", "free")} | {"grid": ["N", "2*T"]},
    )
    bound = index_bounds(g)
    assert bound("tokens", {}) == 50
    assert bound("position", {}) == 25
    assert bound("column", {}) == 4
    assert bound("cell", {"N": 2, "T": 9}) == 18
    assert bound("cell", {}) is None
    assert bound("free", {}) is None


def test_the_smallest_bound_counts() -> None:
    g = graph(
        helper.make_node("Gather", ["table", "x"], ["a"]),
        helper.make_node("Gather", ["table", "x"], ["b"], axis=1),
        inputs={"x": ["N"]},
    )
    assert index_bounds(g)("x", {}) == 4


def test_axes_that_are_indexed_together_have_a_bound_each() -> None:
    g = graph(
        helper.make_node("Unsqueeze", ["i", "last"], ["a"]),
        helper.make_node("Unsqueeze", ["j", "last"], ["b"]),
        helper.make_node("Concat", ["a", "b"], ["pairs"], axis=-1),
        helper.make_node("GatherND", ["table", "pairs"], ["e"]),
        helper.make_node("GatherND", ["table", "both"], ["f"]),
        inputs={"i": ["N"], "j": ["N"], "both": ["N", 2]},
    )
    bound = index_bounds(g)
    assert (bound("i", {}), bound("j", {}), bound("both", {})) == (50, 4, 4)
