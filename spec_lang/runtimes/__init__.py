"""One model in several runtimes, all with the same weights: generated PyTorch, ONNX Runtime, OpenVINO."""

from spec_lang.runtimes.onnx import OnnxRuntime, OpenVino
from spec_lang.runtimes.prepared import Prepared, dims_of, optional_inputs, prepare
from spec_lang.runtimes.pytorch import Torch
from spec_lang.runtimes.request import NUMPY, CannotRun, LacksOperator, Progress, Request
from spec_lang.runtimes.run import RUNTIMES, Runtime, nest, run

__all__ = [
    "NUMPY",
    "RUNTIMES",
    "CannotRun",
    "LacksOperator",
    "OnnxRuntime",
    "OpenVino",
    "Prepared",
    "Progress",
    "Request",
    "Runtime",
    "Torch",
    "dims_of",
    "nest",
    "optional_inputs",
    "prepare",
    "run",
]
