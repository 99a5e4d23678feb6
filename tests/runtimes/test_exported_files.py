"""ONNX Runtime loads what was exported, wherever its weights are, and onnx.checker finds nothing wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from spec_lang.loading import from_program
from spec_lang.runtimes import Request
from spec_lang.shapes import DType
from spec_lang.targets.onnx.export import Options, emit
from spec_lang.weights import export as weights
from tests.runtimes.test_models import requests
from tests.torch.handmade import gpt2

Tensors = dict[str, torch.Tensor]
GPT = Request(gpt2(), "GPT2", {"vocab": 50, "context": 9, "dim": 24, "depth": 2, "heads": 3})


def untied(state: Tensors) -> Tensors:
    return {k: v.contiguous() for k, v in state.items() if k != "lm_head.weight"}


def one(state: Tensors, folder: Path) -> str:
    save_file(untied(state), folder / "model.safetensors")
    return str(folder / "model.safetensors")


def shards(state: Tensors, folder: Path) -> str:
    places = {key: f"m-{i % 3}.safetensors" for i, key in enumerate(untied(state))}
    for shard in set(places.values()):
        save_file({k: v for k, v in untied(state).items() if places[k] == shard}, folder / shard)
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": places}))
    return str(path)


def zipped(state: Tensors, folder: Path) -> str:
    torch.save(state, folder / "model.pt")
    return str(folder / "model.pt")


def legacy(state: Tensors, folder: Path) -> str:
    torch.save({"state_dict": state}, folder / "model.tar", _use_new_zipfile_serialization=False)
    return str(folder / "model.tar")


def module(request: Request) -> torch.nn.Module:
    torch.manual_seed(0)
    made: torch.nn.Module = getattr(from_program(request.program, "exported"), request.name)(
        **request.overrides
    )
    return made.eval()


def outputs(request: Request, path: Path, inputs: dict[str, np.ndarray], dtype: DType, **options: Any) -> Any:
    exported = emit(request.program, request.name, request.overrides, Options(dtype=dtype))
    with weights.export(exported.state, exported.needed, str(path), precision=dtype, **options) as job:
        job.commit(exported.chunks(job.data, job.metadata))
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.SessionOptions()
    if dtype is DType.F16:  # the extended optimisations of 1.32 crash on recurrent layers in f16
        session.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(str(path), session, providers=["CPUExecutionProvider"]).run(
        None, inputs
    )


@pytest.mark.parametrize("mode", ["point", "copy", "embed"])
@pytest.mark.parametrize("store", [one, shards, zipped, legacy])
def test_weights_are_found_where_the_model_says(
    store: Callable[[Tensors, Path], str], mode: str, tmp_path: Path
) -> None:
    net = module(GPT)
    file = store(net.state_dict(), tmp_path)
    tokens = np.arange(14, dtype=np.int64).reshape(2, 7)
    found = outputs(GPT, tmp_path / "m.onnx", {"tokens": tokens}, DType.F32, weights=file, mode=mode)
    with torch.no_grad():
        want = net(torch.from_numpy(tokens)).numpy()
    np.testing.assert_allclose(found[0], want, rtol=1e-4, atol=1e-5)
    names = {p.name for p in tmp_path.iterdir()} - {"m.onnx"}
    assert ("m.onnx.data" in names) == (mode == "copy")


@pytest.mark.parametrize("mode", ["point", "copy", "embed"])
def test_recurrent_layouts_and_short_floats(mode: str, tmp_path: Path) -> None:
    """LSTM gates are stacked anew, and everything is converted, so that all of it is written."""
    request = next(r for r in requests("tagger", rows=1) if r.name == "LSTMTagger")
    net = module(request)
    file = one(net.state_dict(), tmp_path)
    words = np.array([[1, 2, 3, 4], [4, 3, 2, 1]], np.int64)
    name = next(i.name for i in emit(request.program, request.name, request.overrides).model.inputs)
    with torch.no_grad():
        want = net(torch.from_numpy(words)).numpy()
    for dtype, tolerance in ((DType.F32, 1e-5), (DType.F16, 5e-3)):
        found = outputs(request, tmp_path / "m.onnx", {name: words}, dtype, weights=file, mode=mode)
        assert found[0].dtype == (np.float32 if dtype is DType.F32 else np.float16)
        np.testing.assert_allclose(found[0], want, atol=tolerance)


def test_moving_the_model_with_its_weights_keeps_it_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    tokens = {"tokens": np.arange(7, dtype=np.int64).reshape(1, 7)}
    before = outputs(GPT, tmp_path / "a" / "m.onnx", tokens, DType.F32, seed=3)
    (tmp_path / "a").rename(tmp_path / "b")
    session = onnxruntime.InferenceSession(str(tmp_path / "b" / "m.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, tokens)[0], before[0])
