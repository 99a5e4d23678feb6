"""One model in several runtimes, all with the same weights: generated PyTorch, ONNX Runtime, OpenVINO."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from spec_lang.index_ranges import index_bounds
from spec_lang.inputs import Sampler, flat
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.templates import BlockTemplate, Instance
from spec_lang.shapes.dtype import DType
from spec_lang.targets.onnx import fingerprint, proto, weights
from spec_lang.targets.onnx.export import Exported, Options, emit
from spec_lang.targets.onnx.proto import External
from spec_lang.targets.onnx.state import ITEM_SIZES, Needed
from spec_lang.targets.onnx.stored import WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Progress: TypeAlias = Callable[[str], None]
"""Told what is being done, in a few words."""

NUMPY: Final = {
    DType.F64: "float64",
    DType.F32: "float32",
    DType.F16: "float16",
    DType.BF16: "uint16",
    DType.I64: "int64",
    DType.I32: "int32",
    DType.I16: "int16",
    DType.I8: "int8",
    DType.U8: "uint8",
    DType.BOOL: "bool",
}
"""numpy's name of each dtype; bf16, which it lacks, as its bits."""


class CannotRun(Exception):
    """A runtime is not installed or cannot run this; the message says what to do."""


class LacksOperator(CannotRun):
    """A runtime that does not know an operator of the model; the message says which."""


@dataclass(frozen=True)
class Request:
    """A model, its weights, and which of its methods.

    Attributes:
        program: The checked program.
        name: A model or variant of it.
        overrides: Hyperparameters in place of their defaults.
        weights: A weights file; without it they are drawn from `seed`.
        renames: Patterns from the file's keys to the model's.
        dtype: What `float` is.
        given: The inputs that may be absent, and shall not be.
        ranks: How many dims `*B` stands for, by its name.
        onnx: An exported model to run instead of a new one.
        allow_extern: Whether Python code that the spec declares may be imported.
    """

    program: model.Program
    name: str
    overrides: Mapping[str, Host] = field(default_factory=dict)
    weights: str | None = None
    seed: int = 0
    renames: Sequence[str] = ()
    dtype: DType = DType.F32
    opset: int = proto.DEFAULT_OPSET
    method: str = "forward"
    given: Collection[str] = ()
    ranks: Mapping[str, int] = field(default_factory=dict)
    onnx: str | None = None
    allow_extern: bool = False


@dataclass(frozen=True)
class Prepared:
    """A model that has been exported: `path` is the ONNX file, `root` the constructed model."""

    request: Request
    exported: Exported
    root: Instance
    path: str
    outputs: tuple[str, ...]

    @property
    def definition(self) -> model.Block:
        template = self.root.template
        assert isinstance(template, BlockTemplate)
        return template.definition

    @property
    def method(self) -> model.Method:
        return next(m for m in self.definition.methods if m.name == self.request.method)

    def sampler(self, seed: int = 0) -> Sampler:
        """What draws inputs for it."""
        import onnx

        template = self.root.template
        assert isinstance(template, BlockTemplate)
        request = self.request
        return Sampler(
            request.program,
            template.definition,
            self.method,
            template.values,
            given=request.given,
            ranks=request.ranks,
            bounds=index_bounds(onnx.load(self.path, load_external_data=False).graph),
            precision=NUMPY[request.dtype],
            seed=seed,
        )

    def tensors(self, folder: str) -> Iterator[tuple[str, Array, DType]]:
        """Every tensor of the state_dict with its key, tied ones under each of theirs; files go to `folder`."""
        import numpy

        request, state = self.request, self.exported.state
        concrete = {e.key: request.dtype if e.dtype is DType.FLOAT else e.dtype for e in state.entries}
        needed = [Needed(e.key, concrete[e.key], e.shape) for e in state.entries if e.shared is None]
        path = os.path.join(folder, "state")
        with weights.export(
            state,
            needed,
            path,
            weights=request.weights,
            seed=request.seed,
            mode="copy",
            renames=request.renames,
            precision=request.dtype,
        ) as job:
            job.commit([])
        for entry in state.entries:
            root = entry.shared or entry.key
            data, dtype = job.data[root], concrete[root]
            count = data.length // ITEM_SIZES[dtype] if isinstance(data, External) else 0
            offset = data.offset if isinstance(data, External) else 0
            file = f"{path}.data" if count else os.devnull
            values = numpy.fromfile(file, NUMPY[dtype], count, offset=offset)
            yield entry.key, values.reshape(entry.shape), dtype


@contextmanager
def prepare(request: Request, progress: Progress = lambda text: None) -> Iterator[Prepared]:
    """Export the model to a temporary folder, where it lives as long as the context.

    Raises:
        EvaluationError: ONNX cannot express the model, or the values do not fit.
        WeightsError: the weights do not fit, or changed since `request.onnx` was exported.
        CannotRun: numpy or onnx is not installed.
    """
    _needs("numpy", "onnx")
    if request.onnx is not None:
        request = _as_exported(request, request.onnx)
    root = Constructions(request.program).entry(request.name, request.overrides)
    options = Options(
        opset=request.opset,
        dtype=request.dtype,
        method=request.method,
        inputs=request.given,
        ranks=request.ranks,
    )
    progress("exporting to ONNX")
    exported = emit(request.program, request.name, request.overrides, options)
    outputs = tuple(o.name for o in exported.model.outputs)
    with TemporaryDirectory(prefix="specc-") as folder:
        path = request.onnx
        if path is None:
            path = os.path.join(folder, "model.onnx")
            with weights.export(
                exported.state,
                exported.needed,
                path,
                weights=request.weights,
                seed=request.seed,
                mode="copy",
                renames=request.renames,
                precision=request.dtype,
            ) as job:
                job.commit(exported.chunks(job.data, job.metadata))
        yield Prepared(request, exported, root, path, outputs)


def _as_exported(request: Request, path: str) -> Request:
    """The request with the seed with which the model at `path` was exported, if its weights are still the same."""
    import onnx

    found = {p.key: p.value for p in onnx.load(path, load_external_data=False).metadata_props}
    problems = fingerprint.changed(found, os.path.dirname(path) or ".")
    if problems:
        raise WeightsError(problems)
    if request.weights is None and fingerprint.KEY in found:
        raise CannotRun("the model was exported with a weights file: name it with --weights")
    return replace(request, seed=int(found.get(weights.SEED_KEY, request.seed)))


class Runtime(Protocol):
    """Runs a prepared model: nested arrays by the method's own names in, arrays by the graph's names out."""

    name: str

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]: ...

    def ready(self, inputs: Mapping[str, Any]) -> Callable[[], object]:
        """A run on these inputs, with all conversion done: what a benchmark times."""


class Torch:
    """The generated module in PyTorch, on the CPU, in evaluation mode.

    Args:
        fast: Whether `nn.TransformerEncoder` may take its fast path, which gives zeros where a mask hides the input and the
            other path gives numbers.
    """

    name = "torch"

    def __init__(self, prepared: Prepared, threads: int | None = None, *, fast: bool = True) -> None:
        _needs("torch")
        import torch

        self.torch = torch
        self.fast = fast
        if threads is not None:
            torch.set_num_threads(threads)
        self.outputs = prepared.outputs
        self.module = _torch_module(prepared)
        self.method = getattr(self.module, prepared.request.method)
        if prepared.request.method == "forward":
            self.method = self.module  # hooks run when the module itself is called

    def tensors(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as PyTorch takes them."""
        return {name: self._tensor(value) for name, value in inputs.items()}

    def _tensor(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(map(self._tensor, value))
        return self.torch.from_numpy(value)

    def call(self, tensors: Mapping[str, Any]) -> Any:
        """What the method gives for tensors."""
        mha = self.torch.backends.mha
        before = mha.get_fastpath_enabled()
        mha.set_fastpath_enabled(self.fast)
        try:
            with self.torch.inference_mode():
                return self.method(**tensors)
        finally:
            mha.set_fastpath_enabled(before)

    def ready(self, inputs: Mapping[str, Any]) -> Callable[[], object]:
        tensors = self.tensors(inputs)
        return lambda: self.call(tensors)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        results = _leaves(self.call(self.tensors(inputs)))
        return dict(zip(self.outputs, map(_array, results), strict=True))


def _torch_module(prepared: Prepared) -> Any:
    """The generated module with the prepared model's weights."""
    import torch

    from spec_lang.loading import from_program

    request = prepared.request
    source = from_program(request.program, f"specc_{request.name}", allow_extern=request.allow_extern)
    # What construction draws is overwritten, every tensor of it.
    module = getattr(source, request.name)(**request.overrides).eval()
    module.to({DType.F16: torch.float16, DType.F32: torch.float32, DType.BF16: torch.bfloat16}[request.dtype])
    with TemporaryDirectory(prefix="specc-") as folder:
        state = {
            key: torch.from_numpy(values).view(torch.bfloat16)
            if dtype is DType.BF16
            else torch.from_numpy(values)
            for key, values, dtype in prepared.tensors(folder)
        }
        module.load_state_dict(state, strict=True)
    return module


def _leaves(value: Any) -> list[Any]:
    """The tensors of a result, in order."""
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _array(tensor: Any) -> Array:
    import torch

    if tensor.dtype is torch.bfloat16:
        tensor = tensor.float()
    result: Array = tensor.detach().numpy()
    return result


class OnnxRuntime:
    """The exported model in ONNX Runtime, on the CPU."""

    name = "onnxruntime"

    def __init__(self, prepared: Prepared, threads: int | None = None, path: str | None = None) -> None:
        _needs("onnxruntime")
        import onnxruntime

        if prepared.request.dtype is DType.BF16:
            raise CannotRun("ONNX Runtime on the CPU has no bf16 inputs from Python: verify f32 or f16")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if prepared.request.dtype is DType.F16:
            # The extended optimisations of 1.32 end the process on recurrent layers in f16 on the CPU.
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        if threads is not None:
            options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            path or prepared.path, options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.outputs = [o.name for o in self.session.get_outputs()]

    def arrays(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """The inputs as the graph takes them; those that no node uses are not in it."""
        given = flat(inputs)
        return {name: given[name] for name in self.inputs}

    def ready(self, inputs: Mapping[str, Any]) -> Callable[[], object]:
        arrays = self.arrays(inputs)
        return lambda: self.session.run(None, arrays)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        return dict(zip(self.outputs, self.session.run(None, self.arrays(inputs)), strict=True))


class OpenVino:
    """The exported model in OpenVINO, on the CPU, computed in the model's precision and not OpenVINO's choice of bf16."""

    name = "openvino"

    def __init__(self, prepared: Prepared, threads: int | None = None) -> None:
        _needs("openvino")
        import openvino

        if prepared.request.dtype is not DType.F32:
            raise CannotRun("OpenVINO is compared in f32 only")
        config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        try:
            self.compiled = openvino.Core().compile_model(prepared.path, "CPU", config)
        except RuntimeError as error:
            unknown = re.findall(r"ai\.onnx\.(\w+)", str(error))
            if "OpConversionFailure" not in str(error):
                raise
            raise LacksOperator(f"OpenVINO does not know {', '.join(unknown) or 'an operator'}") from None
        self.inputs = [i.get_any_name() for i in self.compiled.inputs]
        self.outputs = prepared.outputs

    def arrays(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """The inputs as the graph takes them."""
        given = flat(inputs)
        return {name: given[name] for name in self.inputs}

    def ready(self, inputs: Mapping[str, Any]) -> Callable[[], object]:
        arrays = self.arrays(inputs)
        return lambda: self.compiled(arrays)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        results = self.compiled(self.arrays(inputs))
        return {name: results[i].copy() for i, name in enumerate(self.outputs)}


RUNTIMES: Final[dict[str, Callable[[Prepared, int | None], Runtime]]] = {
    "torch": Torch,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
}
"""How each runtime is made, given a prepared model and a number of threads."""


def _needs(*packages: str) -> None:
    from importlib.util import find_spec

    missing = [p for p in packages if find_spec(p) is None]
    if missing:
        raise CannotRun(f"this needs {' and '.join(missing)}: pip install {' '.join(missing)}")


def run(
    request: Request,
    inputs: Mapping[str, Array],
    runtime: str = "onnxruntime",
    progress: Progress = lambda text: None,
) -> dict[str, Array]:
    """What one runtime gives for inputs by the graph's names (`states_0` for the first of `states`).

    Raises:
        CannotRun: the runtime is not there, or the inputs are not those of the model.
    """
    with prepare(request, progress) as prepared:
        nested = nest(prepared, inputs)
        progress(f"running {runtime}")
        return RUNTIMES[runtime](prepared, None)(nested)


def nest(prepared: Prepared, inputs: Mapping[str, Array]) -> dict[str, Any]:
    """Arrays by the graph's names as the method takes them.

    Raises:
        CannotRun: one is missing, too much, or of another rank or dtype.
    """
    expected = {i.name: i for i in prepared.exported.model.inputs}
    problems = [f"`{name}` is missing" for name in expected if name not in inputs]
    problems += [f"there is no input `{name}`" for name in inputs if name not in expected]
    for name, array in inputs.items():
        if name in expected:
            type = expected[name]
            dtype = NUMPY[prepared.request.dtype if type.dtype is DType.FLOAT else type.dtype]
            sizes = [d.const for d in type.dims]
            fits = array.ndim == len(sizes) and all(
                s in (None, n) for s, n in zip(sizes, array.shape, strict=True)
            )
            if not fits:
                problems.append(f"`{name}` is {list(array.shape)}, but the model takes {type}")
            elif array.dtype.name != dtype:
                problems.append(f"`{name}` is {array.dtype.name}, but the model takes {dtype}")
    if problems:
        raise CannotRun(
            f"{'; '.join(problems)} (the model takes {', '.join(map(_described, expected.values()))})"
        )
    return {
        i.name: _nested(i.name, i.type, inputs) for i in prepared.method.inputs if _present(i.name, expected)
    }


def _described(value: Any) -> str:
    return f"{value.name}: {value}"


def _present(name: str, expected: Collection[str]) -> bool:
    return name in expected or f"{name}_0" in expected


def _nested(name: str, type: model.Type, inputs: Mapping[str, Array]) -> Any:
    if isinstance(type, model.OptionalType):
        return _nested(name, type.base, inputs)
    if isinstance(type, model.TupleType):
        return tuple(_nested(f"{name}_{n}", t, inputs) for n, t in enumerate(type.items))
    if isinstance(type, model.ListType):
        items: list[Any] = []
        while _present(f"{name}_{len(items)}", inputs):
            items.append(_nested(f"{name}_{len(items)}", type.item, inputs))
        return items
    return inputs[name]
