"""Dims that a graph has fixed: held to the conditions, static in the graph, and known to every command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import spec_lang
from spec_lang.diagnostics import Source
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.loading import from_program
from spec_lang.runtimes import CannotRun, Request
from spec_lang.runtimes.verify import verify
from spec_lang.targets.onnx.export import Options, emit
from tests.onnx.exporting import checked, export, model_file, program, run

SPEC = """
model Net(width: int = 4, context: int = 16):
    layers:
        fc = Linear(3, width)
        pos = Embedding(context, 3)

    forward(x: float[N, T, 3], past: float[N, P, 3]? = none) -> float[N, T, width]:
        require T <= context
        require T % 2 == 0
        y = x + pos(arange(T))
        if past is not none:
            y = y + past.mean(dim=1, keepdim=true)
        return fc(y)

    halves(x: float[N, 2 * h + 1]) -> float[N, h]:
        return x[:, :h] + x[:, h + 1:]

    packed(x: float[*B, 3]) -> float[*B, width]:
        return fc(x)

    cut(x: float[N, L - 2]) -> float[N, L - 2]:
        return x * 2.0

    anything(x: float[N, _]) -> float[N, 1]:
        return x.mean(dim=1, keepdim=true)

    loss(output: float[N, T, width], target: float[N, T, M]) -> float[]:
        return output.mean() + target.mean()
"""


def error(dims: dict[str, int], **options: Any) -> EvaluationError:
    with pytest.raises(EvaluationError) as caught:
        emit(program(SPEC), "Net", None, Options(dims=dims, **options))
    return caught.value


@pytest.mark.parametrize(
    ("name", "model", "hypers", "dims"),
    [
        ("gpt2", "GPT2", {"vocab": 50, "context": 9, "dim": 24, "depth": 2, "heads": 3}, {"N": 2, "T": 7}),
        ("lenet5", "LeNet5", {}, {"N": 3}),
        ("tagger", "LSTMTagger", {"vocab": 20}, {"N": 2, "T": 5}),
    ],
)
def test_a_graph_with_all_dims_fixed_has_no_shape_arithmetic(
    name: str, model: str, hypers: dict[str, Any], dims: dict[str, int], tmp_path: Path
) -> None:
    spec = model_file(name)
    names = {d for i in emit(spec, model, hypers).model.inputs for size in i.dims for d in size.symbols}
    assert names == set(dims)
    made = export(spec, model, tmp_path / "m.onnx", hypers, dims=dims)
    graph = checked(tmp_path / "m.onnx").graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        assert all(d.HasField("dim_value") for d in value.type.tensor_type.shape.dim), value.name
    assert not {n.op_type for n in graph.node} & {"Shape", "Size", "Range"}
    torch.manual_seed(0)
    net = getattr(from_program(spec, "fixed"), model)(**hypers).eval()
    [i] = made.model.inputs
    shape = tuple(d.const for d in i.dims)
    x = torch.randint(0, 20, shape) if i.dtype.is_int else torch.randn(*shape)
    with torch.no_grad():
        np.testing.assert_allclose(run(tmp_path / "m.onnx", {i.name: x})[0], net(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "shapes"),
    [
        ({"dims": {"T": 4}}, {"x": ["N", 4, 3], "output": ["N", 4, 4]}),
        ({"dims": {"N": 0, "T": 0}}, {"x": [0, 0, 3], "output": [0, 0, 4]}),
        ({"dims": {"h": 3}, "method": "halves"}, {"x": ["N", 7], "output": ["N", 3]}),
        ({"dims": {"B": 5}, "method": "packed"}, {"x": [5, 3], "output": [5, 4]}),
        (
            {"dims": {"B1": 5}, "method": "packed", "ranks": {"B": 2}},
            {"x": ["B0", 5, 3], "output": ["B0", 5, 4]},
        ),
        (
            {"dims": {"P": 2}, "inputs": ("past",)},
            {"x": ["N", "T", 3], "past": ["N", 2, 3], "output": ["N", "T", 4]},
        ),
        (
            {"dims": {"M": 2, "N": 1}, "with_loss": True},
            {"x": [1, "T", 3], "target": [1, "T", 2], "output": [1, "T", 4], "loss": []},
        ),
    ],
)
def test_the_other_dims_stay_dynamic(options: dict[str, Any], shapes: dict[str, Any], tmp_path: Path) -> None:
    export(program(SPEC), "Net", tmp_path / "m.onnx", **options)
    graph = checked(tmp_path / "m.onnx").graph
    found = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*graph.input, *graph.output)
    }
    assert found == shapes


@pytest.mark.parametrize(
    ("dims", "options", "code", "words"),
    [
        ({"T": 18}, {}, "E0601", "T=18"),
        ({"T": 3, "N": 1}, {}, "E0601", "T must be divisible by 2 (T=3)"),
        ({"L": 1}, {"method": "cut"}, "E0601", "no tensor `x` has the size L - 2 with L=1: it is -1"),
        ({"P": 2}, {}, "E0908", "has a dim `P`"),
        ({"width": 2}, {}, "E0908", "has a dim `width`"),
        ({"M": 2}, {}, "E0908", "has a dim `M`"),
        ({"_": 2}, {"method": "anything"}, "E0908", "has a dim `_`"),
    ],
)
def test_a_size_that_breaks_a_condition_is_a_located_error(
    dims: dict[str, int], options: dict[str, Any], code: str, words: str
) -> None:
    found = error(dims, **options)
    assert found.code == code
    assert words in found.message
    shown = found.diagnostic(program(SPEC), {"spec.nnspec": Source("spec.nnspec", SPEC)})
    assert shown.primary.span.end > shown.primary.span.start


def test_verify_knows_them_with_and_without_the_inputs_that_have_them() -> None:
    result = verify(Request(program(SPEC), "Net", dims={"T": 4, "P": 3}), samples=3)
    assert result.agrees
    assert {t.given for t in result.trials} == {(), ("past",)}
    assert all("T" not in t.sizes.values for t in result.trials)
    with pytest.raises(EvaluationError, match="has a dim `Q`"):
        verify(Request(program(SPEC), "Net", dims={"Q": 3}))


def test_a_model_states_them(tmp_path: Path) -> None:
    (tmp_path / "net.nnspec").write_text(SPEC)
    path = spec_lang.compile_onnx(tmp_path / "net.nnspec", tmp_path / "m.onnx", dims={"T": 4}, seed=0)
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1].dim_value == 4
    made = program(SPEC)
    assert verify(Request(made, "Net", onnx=str(path)), samples=2).agrees
    assert verify(Request(made, "Net", onnx=str(path), dims={"T": 4}), samples=2).agrees
    with pytest.raises(CannotRun, match="exported with T=4"):
        verify(Request(made, "Net", onnx=str(path), dims={"T": 6}))


@pytest.mark.parametrize("size", [-1, True, 1.5, "4", 1 << 31])
def test_what_is_no_size_is_refused(size: Any, tmp_path: Path) -> None:
    (tmp_path / "net.nnspec").write_text(SPEC)
    with pytest.raises(ValueError, match="no size"):
        spec_lang.compile_onnx(tmp_path / "net.nnspec", tmp_path / "m.onnx", dims={"T": size}, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["net.nnspec"]
