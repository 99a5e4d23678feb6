"""The ONNX target: a checked program and values for its hyperparameters, to a model that wants its weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from spec_lang.frozen import Frozen
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.entry import Inputs, method_named
from spec_lang.ir.evaluate import FUEL, Env, EvaluationError
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.state import State, Tensor
from spec_lang.ir.templates import BlockTemplate, Instance
from spec_lang.ops.base import OpError
from spec_lang.ops.init import Fill
from spec_lang.ops.lowering import Value
from spec_lang.shapes import DType
from spec_lang.targets.onnx import proto
from spec_lang.targets.onnx.buffers import Buffers
from spec_lang.targets.onnx.elaborate import Elaborator
from spec_lang.targets.onnx.entry import dims_known, inputs_known, output_names, result_names
from spec_lang.targets.onnx.finish import finish
from spec_lang.targets.onnx.graph import Builder, Stored
from spec_lang.targets.onnx.nodes import edges_in
from spec_lang.weights.place import TensorData
from spec_lang.weights.state import Entry, Needed, Rows
from spec_lang.weights.state import State as StateDict


class Options(Frozen):
    """How a model is exported.

    Attributes:
        opset: The version of the standard operators.
        dtype: What `float` is: f32, f16 or bf16.
        method: Which of the model's methods.
        inputs: The optional inputs that the model shall have.
        with_loss: Whether the loss is computed too; what it takes beside results and inputs becomes an input.
        ranks: How many dims `*B` in an input's type stands for, by its name; 1 where it is not there.
        dims: The sizes of dims that are not to be dynamic, by the names that the graph has for them.
    """

    opset: int = proto.DEFAULT_OPSET
    dtype: DType = DType.F32
    method: str = "forward"
    inputs: Collection[str] = ()
    with_loss: bool = False
    ranks: Mapping[str, int] | None = None
    dims: Mapping[str, int] | None = None


class Exported:
    """A model whose weights are still to be given.

    Attributes:
        model: The graph.
        tensors: The constructed model's tensors.
        precision: What `float` is.
    """

    def __init__(self, model: proto.Model, tensors: State, buffers: Buffers, precision: DType) -> None:
        self.model = model
        self.tensors = tensors
        self._buffers = buffers
        self.precision = precision

    @cached_property
    def state(self) -> StateDict:
        """The state_dict: keys, shapes, how each starts, what is drawn."""
        entries = tuple(self._entry(t) for t in self.tensors.tensors if t.persistent)
        return StateDict(entries, tuple(self.tensors.draws()))

    @property
    def needed(self) -> list[Needed]:
        """The weights that the graph uses."""
        return [
            Needed(
                i.key,
                self.precision if i.dtype is DType.FLOAT else i.dtype,
                i.sizes,
                tuple(Rows(*r) for r in i.rows or ()),
            )
            for i in self.model.initializers
        ]

    def _entry(self, t: Tensor) -> Entry:
        fill = t.init.value if isinstance(t.init, Fill) else 0.0
        value = None if t.value is None else self._buffers.start(t)
        return Entry(t.key, t.shape, t.dtype, t.shared, fill, value, t.optional)

    def chunks(
        self, data: Mapping[str, TensorData], metadata: Mapping[str, str] | None = None
    ) -> Iterator[bytes | memoryview]:
        """The model's bytes in pieces, with the elements of its weights by name, or where they are."""
        whole = self.model.replace(metadata={**self.model.metadata, **(metadata or {})})
        return proto.chunks(whole, data)


def emit(
    program: model.Program,
    name: str,
    overrides: Mapping[str, Host] | None = None,
    options: Options | None = None,
    *,
    fuel: int = FUEL,
) -> Exported:
    """The model or variant `name` with `overrides` in place of its defaults.

    Raises:
        EvaluationError: ONNX cannot express something of it, or the values do not fit.
        KeyError: the program has no such model.
    """
    options = options or Options()
    root = Constructions(program, fuel).entry(name, overrides or {})
    job = _Export(program, root, options, fuel)
    try:
        return job.run(name)
    except OpError as error:
        at = job.definition
        raise EvaluationError(error.code, error.message, at.file, at.span, error.help) from None


class _Export:
    """One export of a constructed model."""

    def __init__(self, program: model.Program, root: Instance, options: Options, fuel: int) -> None:
        assert isinstance(root.template, BlockTemplate)
        self.options = options
        self.root = root
        self.program = program
        self.template = root.template
        self.definition = root.template.definition
        self.state = State(program, root, fuel)
        self.g = Builder(
            opset=options.opset, precision=options.dtype, lookup=self._lookup, reserved=self.state.by_key
        )
        self.e = Elaborator(program, self.g, fuel)
        self.buffers = Buffers(program, self.state, self.g, fuel)
        self.inputs = Inputs(
            self.g.input, self.template.values, options.inputs, options.ranks or {}, options.dims or {}, set()
        )

    def _lookup(self, key: str) -> Stored | Value:
        tensor = self.state.by_key[key]
        if not tensor.persistent:
            return self.buffers.constant(tensor)
        return Stored(tensor.shared or key, tensor.shape, tensor.dtype)

    def run(self, name: str) -> Exported:
        env = Env(self.definition.file, self.template.values.copy(), {}, self.root)
        method = method_named(self.definition, self.options.method, env)
        loss = next((m for m in self.definition.methods if m.name == "loss"), None)
        if self.options.with_loss and loss is None:
            raise EvaluationError("E0905", f"{name} has no loss", env.file, self.definition.span)
        computed = [method, loss] if self.options.with_loss and loss is not None else [method]
        inputs_known(self.options.inputs, computed, env)
        results = result_names(method, loss)
        taken = {i.name for i in method.inputs}
        wanted = self._reserve([n for n in results if n not in taken])
        for i in method.inputs:
            self._input(i, env)
        if not self.options.with_loss:  # else the loss may have inputs of its own
            dims_known(self.options.dims or (), self.inputs.shown, method, env)
        self.e.prepare(method, self.root, env)
        result = self.e.body(method.body, env)
        values = dict(zip(results, result, strict=True)) if len(results) > 1 else {results[0]: result}
        edges = edges_in(result)
        names = [name for n, v in values.items() for name in output_names(n, v)]
        if self.options.with_loss and loss is not None:
            edges += edges_in(self._loss(loss, method, values, env))
            names.append("loss")
            dims_known(self.options.dims or (), self.inputs.shown, method, env)
        reserved = [
            (n if n in wanted else self.g.values.take(n), v) for n, v in zip(names, edges, strict=True)
        ]
        if not reserved:
            message = f"{method.name} gives no tensor for these hyperparameters, and a graph has an output"
            raise EvaluationError("E0909", message, env.file, method.span)
        doc = self.definition.doc or ""
        finished = finish(self.g, reserved, name=name, doc=doc, metadata=self._metadata(name))
        order = {t.key: i for i, t in enumerate(self.state.tensors)}
        by_state = sorted(finished.initializers, key=lambda i: order.get(i.key, len(order)))
        return Exported(finished.replace(initializers=by_state), self.state, self.buffers, self.options.dtype)

    def _reserve(self, names: list[str]) -> set[str]:
        """Keep the names of results for them: a variable called the same takes another."""
        wanted = {*names, "loss"} if self.options.with_loss else set(names)
        for name in sorted(wanted):
            self.g.values.take(name)
        return wanted

    def _input(self, i: model.Input, env: Env) -> None:
        if self.inputs.takes(i):
            env.locals[i.name] = self.inputs.made(i, env.file)
        else:
            env.locals[i.name] = None if i.default is None else self.e.value(i.default, env)

    def _loss(self, loss: model.Method, method: model.Method, results: dict[str, Host], env: Env) -> Host:
        """The loss of the results; what it takes beside them and the method's inputs is an input."""
        known = {i.name: env.locals[i.name] for i in method.inputs} | results
        given: dict[str, Host] = {}
        for i in loss.inputs:
            if i.name in known:
                given[i.name] = known[i.name]
            elif self.inputs.takes(i):
                given[i.name] = self.inputs.made(i, env.file)
        return self.e.call(loss, self.root, (), given, env.values, env.file)

    def _metadata(self, name: str) -> dict[str, str]:
        file = self.program.files[self.definition.file]
        values = {h.name: self.template.values[h.name] for h in self.definition.hypers}
        plain = {k: v for k, v in values.items() if isinstance(v, int | float | str | bool | list | tuple)}
        return {"spec": file.path, "model": name} | {f"hyper.{k}": str(v) for k, v in plain.items()}


__all__ = ["Exported", "Options", "emit"]
