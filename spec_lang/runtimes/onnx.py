"""The exported model in ONNX Runtime and in OpenVINO."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from spec_lang.runtimes.inputs import flat
from spec_lang.runtimes.prepared import Prepared
from spec_lang.runtimes.request import CannotRun, LacksOperator, needs
from spec_lang.shapes.dtype import DType

if TYPE_CHECKING:
    from spec_lang.runtimes.request import Array


_ERRORS: Final = (
    "EPFail",
    "EngineError",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NoModel",
    "NoSuchFile",
    "NotFound",
    "NotImplemented",
    "RuntimeException",
)
"""What ONNX Runtime raises where it refuses a model or its inputs."""


class OnnxRuntime:
    """The exported model in ONNX Runtime, on the CPU."""

    name = "onnxruntime"

    def __init__(self, prepared: Prepared, threads: int | None = None, path: str | None = None) -> None:
        needs("onnxruntime")
        import onnxruntime

        if prepared.request.dtype is DType.BF16:
            raise CannotRun("ONNX Runtime on the CPU has no bf16 inputs from Python: verify f32 or f16")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised, and told once
        if prepared.request.dtype is DType.F16:
            # The extended optimisations of 1.32 end the process on recurrent layers in f16 on the CPU.
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        if threads is not None:
            options.intra_op_num_threads = threads
        state = onnxruntime.capi.onnxruntime_pybind11_state
        self.errors = tuple(getattr(state, name) for name in _ERRORS)
        try:
            self.session = onnxruntime.InferenceSession(
                path or prepared.path, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except state.NotImplemented as error:
            raise LacksOperator(f"ONNX Runtime: {_last(error)}") from None
        except self.errors as error:
            raise CannotRun(f"ONNX Runtime cannot load the model: {_last(error)}") from None
        except UnicodeDecodeError:  # what it says quotes the file
            raise CannotRun("ONNX Runtime cannot load the model: a name in it is not UTF-8") from None
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.outputs = [o.name for o in self.session.get_outputs()]

    def ready(self, inputs: Mapping[str, Any]) -> Callable[[], object]:
        arrays = _named(inputs, self.inputs)
        return lambda: self._run(arrays)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        return dict(zip(self.outputs, self._run(_named(inputs, self.inputs)), strict=True))

    def _run(self, arrays: Mapping[str, Array]) -> Sequence[Array]:
        try:
            results: Sequence[Array] = self.session.run(None, arrays)
        except self.errors as error:
            raise CannotRun(f"ONNX Runtime refuses these inputs: {_last(error)}") from None
        except UnicodeDecodeError:
            raise CannotRun("ONNX Runtime refuses these inputs, in words that are not UTF-8") from None
        return results


def _named(inputs: Mapping[str, Any], names: Sequence[str]) -> dict[str, Array]:
    """The arrays that a graph takes, by its names; inputs that no node uses are not among them."""
    given = flat(inputs)
    return {name: given[name] for name in names}


def _last(error: Exception) -> str:
    """What an error of ONNX Runtime says, without where in its sources."""
    return str(error).rpartition(" : ")[2].strip()


class OpenVino:
    """The exported model in OpenVINO, on the CPU, computed in the model's precision and not OpenVINO's choice of bf16."""

    name = "openvino"

    def __init__(self, prepared: Prepared, threads: int | None = None) -> None:
        needs("openvino")
        import openvino

        if prepared.request.dtype is not DType.F32:
            raise CannotRun("OpenVINO is compared in f32 only")
        config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        core = openvino.Core()
        usual = (
            str(core.get_property("CPU", "INFERENCE_PRECISION_HINT")).rpartition("'")[0].rpartition("'")[2]
        )
        self.note = (
            ""
            if usual in ("f32", "float32", "")
            else f"openvino computes in {usual} by default on this CPU; here in f32, as the model says"
        )
        try:
            self.compiled = core.compile_model(prepared.path, "CPU", config)
        except RuntimeError as error:
            unknown = re.findall(r"ai\.onnx\.(\w+)", str(error))
            if "OpConversionFailure" not in str(error):
                raise
            raise LacksOperator(f"OpenVINO does not know {', '.join(unknown) or 'an operator'}") from None
        self.inputs = [i.get_any_name() for i in self.compiled.inputs]
        self.outputs = prepared.outputs

    def ready(self, inputs: Mapping[str, Any]) -> Callable[[], object]:
        arrays = _named(inputs, self.inputs)
        return lambda: self.compiled(arrays)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        results = self.compiled(_named(inputs, self.inputs))
        return {name: results[i].copy() for i, name in enumerate(self.outputs)}
