"""A model exported to a temporary folder, with its weights for every runtime."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from spec_lang.ir import model
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.templates import BlockTemplate, Instance
from spec_lang.runtimes.index_ranges import index_bounds
from spec_lang.runtimes.inputs import Sampler, present
from spec_lang.runtimes.request import NUMPY, CannotRun, Progress, Request, needs
from spec_lang.runtimes.stated import check_values, stated
from spec_lang.shapes.dtype import DType
from spec_lang.targets.onnx.dtypes import NUMBERS
from spec_lang.targets.onnx.export import Exported, Options, emit
from spec_lang.weights import export as weights
from spec_lang.weights import fingerprint
from spec_lang.weights.named import named
from spec_lang.weights.place import External, TensorData
from spec_lang.weights.state import ITEM_SIZES, Entry, Needed
from spec_lang.weights.stored import WeightsError, shown

if TYPE_CHECKING:
    from spec_lang.runtimes.request import Array


@dataclass(frozen=True)
class Prepared:
    """A model that has been exported.

    Attributes:
        root: The constructed model.
        path: The ONNX file.
        side: The file that has every tensor of the state_dict.
        data: Where each is in it, by its key.
        outputs: The names of the graph's results.
    """

    request: Request
    exported: Exported
    root: Instance
    path: str
    side: str
    data: Mapping[str, TensorData]
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
        from onnx.shape_inference import infer_shapes

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
            fixed=request.dims,
            bounds=index_bounds(infer_shapes(onnx.load(self.path, load_external_data=False)).graph),
            precision=NUMPY[request.dtype],
            seed=seed,
        )

    def tensors(self) -> Iterator[tuple[str, Array, DType]]:
        """Every tensor of the state_dict with its key, tied ones under each of theirs."""
        import numpy

        for entry in self.exported.state.entries:
            dtype = _concrete(entry, self.request)
            data = self.data[entry.shared or entry.key]
            if isinstance(data, External):
                count = data.length // ITEM_SIZES[dtype]
                values = numpy.fromfile(self.side, NUMPY[dtype], count, offset=data.offset)
            else:
                values = numpy.empty(0, NUMPY[dtype])
            yield entry.key, values.reshape(entry.shape), dtype


def _concrete(entry: Entry, request: Request) -> DType:
    return request.dtype if entry.dtype is DType.FLOAT else entry.dtype


@contextmanager
def prepare(
    request: Request, progress: Progress = lambda text: None, *, torch: bool = True
) -> Iterator[Prepared]:
    """Export the model to a temporary folder, where it lives as long as the context.

    Without `torch`, which takes the weights of a model that was exported before from where that has them, those need not be there.

    Raises:
        EvaluationError: ONNX cannot express the model, or the values do not fit.
        WeightsError: the weights do not fit, or changed since `request.onnx` was exported.
        CannotRun: numpy or onnx is not installed.
    """
    needs("numpy", "onnx")
    stored = None if request.onnx is None else _loaded(request.onnx)
    if stored is not None:
        request = _as_exported(request, stored, torch)
    root = Constructions(request.program).entry(request.name, request.overrides)
    options = Options(
        opset=request.opset,
        dtype=request.dtype,
        method=request.method,
        inputs=request.given,
        ranks=request.ranks,
        dims=request.dims,
    )
    progress("exporting to ONNX")
    exported = emit(request.program, request.name, request.overrides, options)
    outputs = tuple(o.name for o in exported.model.outputs)
    if stored is not None:
        _check_interface(request, exported, stored)
        if not torch and request.onnx is not None:
            yield Prepared(request, exported, root, request.onnx, "", {}, outputs)
            return
    with TemporaryDirectory(prefix="specc-") as folder:
        path = os.path.join(folder, "model.onnx")
        needed = exported.needed
        whole = {n.name for n in needed if not n.rows}
        rest = [
            Needed(e.key, _concrete(e, request), e.shape)
            for e in exported.state.entries
            if e.shared is None and e.key not in whole
        ]
        with weights.export(
            exported.state,
            [*needed, *rest],
            path,
            weights=request.weights,
            seed=request.seed,
            mode="copy",
            renames=request.renames,
            ignores=request.ignores,
            precision=request.dtype,
            durable=False,
        ) as job:
            job.commit(exported.chunks(job.data, job.metadata))
        yield Prepared(request, exported, root, request.onnx or path, f"{path}.data", job.data, outputs)


def _loaded(path: str) -> Any:
    """The `onnx.ModelProto` in a file, without the data that it points to.

    Raises:
        CannotRun: it is no ONNX model, or none that a runtime can open.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if not os.path.isfile(path):
        raise CannotRun(f"{path} is no regular file")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise CannotRun(f"{path} has a name that is not UTF-8, which runtimes cannot open") from None
    if os.path.getsize(path) > weights.EMBED_LIMIT:
        raise CannotRun(f"{path} is no ONNX model: those end at {weights.EMBED_LIMIT:,} bytes")
    try:
        return onnx.load(path, format="protobuf", load_external_data=False)
    except DecodeError:
        raise CannotRun(f"{path} is no ONNX model") from None


def _as_exported(request: Request, proto: Any, torch: bool) -> Request:
    """The request for what its stored model was exported as: its seed, precision, opset and optional inputs, its weights for `torch`.

    Raises:
        CannotRun: it is another model than the request's.
        WeightsError: its weights changed since (E1015).
    """
    path = request.onnx
    assert path is not None
    found = {p.key: p.value for p in proto.metadata_props}
    if found.get("model") != request.name:
        raise CannotRun(
            f"{path} is no export of {request.name}, but of "
            + (shown(found["model"]) if "model" in found else "another program")
        )
    said = stated(path)
    check_values(path, request.program, request.name, request.overrides, said.values)
    if said.method is not None and said.method != request.method:
        raise CannotRun(f"{path} was exported with --method {said.method}, not {request.method}")
    if request.dims and dict(request.dims) != dict(said.dims):
        theirs = ", ".join(f"{k}={v}" for k, v in said.dims.items()) or "no dim fixed"
        raise CannotRun(f"{path} was exported with {theirs}, not with what --dim says")
    problems = fingerprint.changed(found, os.path.dirname(path) or ".") if torch or said.points else ()
    if problems:
        raise WeightsError(problems)
    if torch and request.weights is None and fingerprint.KEY in found:
        if said.weights is None or not os.path.isfile(named(said.weights)[0]):
            file = "a weights file" if said.weights is None else f"{said.weights}, which is not there"
            raise CannotRun(f"the model was exported with {file}: name it with --weights")
        request = replace(request, weights=said.weights, renames=said.renames, ignores=said.ignores)
    seed = found.get(weights.SEED_KEY, str(request.seed))
    if not (seed.isascii() and seed.isdigit() and len(seed) < 21):
        raise CannotRun(f"{path} has a seed that is no number")
    inputs = {i.name for i in proto.graph.input}
    dtypes = {t.data_type for t in proto.graph.initializer}
    exported = [d for d in (DType.F16, DType.BF16) if NUMBERS[d] in dtypes]
    if said.dtype in [d.value for d in (DType.F16, DType.F32, DType.BF16)]:
        exported = [DType(said.dtype)]
    return replace(
        request,
        seed=int(seed),
        opset=next((o.version for o in proto.opset_import if not o.domain), request.opset),
        dtype=next(iter(exported), DType.F32),
        given=tuple(n for n in optional_inputs(request) if present(n, inputs)),
        dims=said.dims,
    )


def _check_interface(request: Request, exported: Exported, proto: Any) -> None:
    """Hold a stored model's inputs and outputs to those of the export that is made anew.

    Raises:
        CannotRun: one is missing, too much, or of another type.
    """
    numbers = exported.model.numbers
    graph = proto.graph
    weights_of = {i.name for i in exported.model.initializers}
    if any(i.name in weights_of for i in graph.input):
        raise CannotRun(f"{request.onnx} was exported with --no-weights, so it has nothing to run with")
    with_loss = {o.name for o in graph.output} - {o.name for o in exported.model.outputs} == {"loss"}
    fix = (
        "export it without its loss"
        if with_loss
        else "if it was made of another method, name that with --method"
    )
    of = f"{request.method} of {request.name}"
    for kind, ours, theirs in (
        ("input", exported.model.inputs, graph.input),
        ("output", exported.model.outputs, graph.output),
    ):
        wanted = {v.name: (numbers(v), [d.const for d in v.dims]) for v in ours}
        found = {v.name: _type_of(v.type.tensor_type) for v in theirs}
        for name in (*wanted, *found):
            if name not in found:
                raise CannotRun(f"{request.onnx} has no {kind} `{name}`, which {of} has: {fix}")
            if name not in wanted:
                raise CannotRun(f"{request.onnx} has the {kind} {shown(name)}, which {of} has not: {fix}")
            if wanted[name] != found[name]:
                raise CannotRun(
                    f"the {kind} `{name}` of {request.onnx} has another type than {request.name} gives it"
                )


def _type_of(tensor: Any) -> tuple[int, list[int | None]]:
    """The number of a stored tensor's dtype, and its sizes; None for a dynamic one."""
    return tensor.elem_type, [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]


def optional_inputs(request: Request) -> tuple[str, ...]:
    """The names of the inputs that need not be given.

    Raises:
        EvaluationError: the hyperparameters do not fit.
    """
    template = Constructions(request.program).entry(request.name, request.overrides).template
    assert isinstance(template, BlockTemplate)
    method = next((m for m in template.definition.methods if m.name == request.method), None)
    return tuple(i.name for i in method.inputs if i.optional or i.default is not None) if method else ()


def dims_of(request: Request, given: tuple[str, ...]) -> set[str]:
    """The names of the dims that a graph with these optional inputs could have dynamic.

    Raises:
        EvaluationError: the hyperparameters do not fit.
    """
    template = Constructions(request.program).entry(request.name, request.overrides).template
    assert isinstance(template, BlockTemplate)
    method = next((m for m in template.definition.methods if m.name == request.method), None)
    if method is None:
        return set()
    sampler = Sampler(
        request.program, template.definition, method, template.values, given=given, ranks=request.ranks
    )
    return {part for name in sampler.names for part in sampler.parts(name)}
