"""Every model of `models/`, exported: valid, equal to PyTorch with the same seed, and with nothing left to remove."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxsim
import onnxslim
import openvino
import pytest
import torch

from tests.models.test_twins import CASES, Case, flat
from tests.onnx.exporting import checked, export, model_file, run


def exported(case: Case, feeds: dict[str, torch.Tensor], path: Path, **options: Any) -> onnx.ModelProto:
    """A case's model with all the inputs that it is fed."""
    ranks = {"B": next(iter(feeds.values())).dim() - (case.name != "Dropouts")}
    export(model_file(case.file), case.name, path, case.hypers, inputs=set(feeds), ranks=ranks, **options)
    return checked(path)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_are_pytorchs(case: Case, tmp_path: Path) -> None:
    torch.manual_seed(0)
    twin = case.twin().eval()
    for i, make in enumerate(case.inputs):
        feeds = make()
        path = tmp_path / f"{i}.onnx"
        model = exported(case, feeds, path)
        assert [v.name for v in model.graph.input] == list(feeds)
        with torch.no_grad():
            wanted = flat(twin(**feeds) if case.name == "Seq2SeqTransformer" else twin(*feeds.values()))
        got = run(path, feeds)
        assert len(got) == len(wanted)
        for a, b in zip(got, wanted, strict=True):
            assert a.shape == tuple(b.shape)
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_left_to_remove(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    torch.manual_seed(0)
    state = case.twin().state_dict()
    for tensor in state.values():  # zeros and ones would be left out for their values
        tensor.copy_(torch.rand(tensor.shape))
    model = exported(case, case.inputs[0](), path, state=state)
    before = Counter(n.op_type for n in model.graph.node)
    after = Counter(n.op_type for n in onnxslim.slim(onnx.load(path)).graph.node)
    stored = {i.name for i in model.graph.initializer}
    transposed = sum(n.op_type == "Transpose" and n.input[0] in stored for n in model.graph.node)
    removed = before - after
    assert removed.pop("Transpose", 0) <= transposed
    removed.pop("BatchNormalization", 0)  # into the stored weights of the convolution before it
    assert not removed, (removed, after - before)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bytes_are_deterministic(case: Case, tmp_path: Path) -> None:
    feeds = case.inputs[0]()
    paths = [tmp_path / name for name in ("a", "b")]
    for p in paths:
        p.mkdir()
        exported(case, feeds, p / "m.onnx")
    assert (paths[0] / "m.onnx").read_bytes() == (paths[1] / "m.onnx").read_bytes()


@pytest.mark.parametrize("opset", [17, 18, 21, 22, 23, 28])
@pytest.mark.parametrize("name", ["LeNet5", "GPT2", "LSTMTagger", "Seq2SeqTransformer", "ResNet18", "UNet"])
def test_other_opsets(name: str, opset: int, tmp_path: Path) -> None:
    case = next(c for c in CASES if c.name == name)
    feeds = case.inputs[0]()
    path = tmp_path / "m.onnx"
    model = exported(case, feeds, path, opset=opset)
    assert model.opset_import[0].version == opset
    torch.manual_seed(0)
    twin = case.twin().eval()
    with torch.no_grad():
        [wanted] = flat(twin(*feeds.values()))
    np.testing.assert_allclose(run(path, feeds)[0], wanted.numpy(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_openvino_gives_the_same(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    feeds = case.inputs[0]()
    exported(case, feeds, path)
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled([v.numpy() for v in feeds.values()])
    for i, wanted in enumerate(run(path, feeds)):
        np.testing.assert_allclose(found[i], wanted, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_onnxsim_removes_nothing(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    torch.manual_seed(0)
    state = case.twin().state_dict()
    for tensor in state.values():
        tensor.copy_(torch.rand(tensor.shape))
    before = Counter(n.op_type for n in exported(case, case.inputs[0](), path, state=state).graph.node)
    simplified, ok = onnxsim.simplify(onnx.load(path))
    after = Counter(n.op_type for n in simplified.graph.node)
    assert ok
    gemms = after["Gemm"] - before["Gemm"]  # it turns MatMul and Add into Reshape, Gemm, Reshape
    removed = before - after
    removed.subtract({"MatMul": gemms, "Add": gemms})
    assert not +Counter({k: n for k, n in removed.items() if k not in ("Transpose", "BatchNormalization")})
