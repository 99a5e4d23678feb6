"""Exports models of `models/` and small specs, and runs them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from safetensors.torch import save_file

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir.model import Program
from spec_lang.targets.onnx.export import Exported, Options, emit
from spec_lang.weights import export as weights

MODELS = Path(__file__).parents[2] / "models"


def program(text: str, name: str = "spec") -> Program:
    """The checked program of a spec's text."""
    return compile_sources({name: Source(f"{name}.nnspec", text)}).checked()


@cache
def model_file(name: str) -> Program:
    """The checked program of a file in `models/`."""
    return program((MODELS / f"{name}.nnspec").read_text(), name)


def export(
    spec: Program,
    name: str,
    path: Path,
    hypers: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    state: Mapping[str, torch.Tensor] | None = None,
    **options: Any,
) -> Exported:
    """Write a model with weights from a seed, or those of a state_dict."""
    made = emit(spec, name, hypers, Options(**options))
    file = None
    if state is not None:
        file = str(path.with_suffix(".safetensors"))
        save_file({k: v.clone() for k, v in state.items()}, file)
    with weights.export(
        made.state, made.needed, str(path), seed=seed, weights=file, precision=made.precision
    ) as job:
        job.commit(made.chunks(job.data, job.metadata))
    return made


def run(path: Path, feeds: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
    """What ONNX Runtime gives."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {k: v.numpy() for k, v in feeds.items()}))


def checked(path: Path) -> onnx.ModelProto:
    """The model, which onnx's own checker accepts, with shapes inferred strictly."""
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return model
