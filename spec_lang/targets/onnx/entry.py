"""The inputs and results of an exported method."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set

from spec_lang.asking import asked
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.frozen import Frozen
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, HostError
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import Env, EvaluationError
from spec_lang.shapes import Dim, DType, TensorType, dim, symbol
from spec_lang.targets.onnx.graph import Builder


class Inputs(Frozen):
    """Makes the inputs of the graph from the types of a method's inputs.

    Attributes:
        ranks: How many dims `*B` stands for, by its name; 1 where it is not there.
        wanted: The optional inputs that the model shall have.
        fixed: The sizes of dims that are not to be dynamic, by their names.
        shown: The names of dims that the inputs made so far have.
    """

    g: Builder
    values: Mapping[str, Host]
    wanted: Collection[str]
    ranks: Mapping[str, int]
    fixed: Mapping[str, int]
    shown: set[str]

    def takes(self, i: model.Input) -> bool:
        """Whether the model has this input."""
        return i.name in self.wanted or not (i.optional or i.default is not None)

    def made(self, i: model.Input, file: int) -> Host:
        """The inputs of the graph that stand for one of the method's."""
        return self._of(i.name, i.type, {}, i, file)

    def _of(self, name: str, type: model.Type, index: dict[str, Host], i: model.Input, file: int) -> Host:
        if isinstance(type, model.OptionalType):
            return self._of(name, type.base, index, i, file)
        if isinstance(type, model.TensorType):
            return self.g.input(name, self.type(type, index, i, file))
        if isinstance(type, model.TupleType):
            return tuple(self._of(f"{name}_{n}", t, index, i, file) for n, t in enumerate(type.items))
        if isinstance(type, model.ListType) and type.length is not None:
            length = size(type.length, {**self.values, **index})
            if isinstance(length, int):
                return [
                    self._of(
                        f"{name}_{n}", type.item, index | ({type.index: n} if type.index else {}), i, file
                    )
                    for n in range(length)
                ]
        raise EvaluationError(
            "E0904", f"the input {name} is no tensor, and ONNX takes only those", file, i.span
        )

    def type(
        self, type: model.TensorType, index: Mapping[str, Host], i: model.Input, file: int
    ) -> TensorType:
        """A tensor's type, whose unknown dims are symbols.

        Raises:
            EvaluationError: the sizes that are fixed give one that no tensor has.
        """
        dtype = DType.named(type.dtype)
        assert dtype is not None
        known = {**self.values, **index}
        shape: list[Dim] = []
        for text in type.dims:
            if text.startswith("*"):
                shape += self.pack(text[1:])
            else:
                shape.append(self._size(text, known, i, file))
        return TensorType(dtype, tuple(shape))

    def pack(self, name: str) -> list[Dim]:
        """The dims that `*B` stands for."""
        rank = self.ranks.get(name, 1)
        return [self._unknown(name if rank == 1 else f"{name}{n}") for n in range(rank)]

    def _size(self, text: str, known: Mapping[str, Host], i: model.Input, file: int) -> Dim:
        try:
            found = dim(size(text, known, self._unknown))
        except HostError as error:
            if not self.fixed:
                raise
            raise self._impossible(text, str(error), i, file) from None
        if found.const is not None and found.const < 0:
            raise self._impossible(text, f"it is {found.const}", i, file)
        return found

    def _unknown(self, name: str) -> Dim:
        """A dim that no hyperparameter gives: its fixed size, or a symbol; each `_` is one of its own, and no name."""
        if name == "_":
            return symbol(name)
        self.shown.add(name)
        return dim(self.fixed[name]) if name in self.fixed else symbol(name)

    def _impossible(self, text: str, why: str, i: model.Input, file: int) -> EvaluationError:
        given = ", ".join(f"{k}={v}" for k, v in self.fixed.items())
        return EvaluationError(
            "E0601", f"no tensor `{i.name}` has the size {text} with {given}: {why}", file, i.span
        )


def result_names(method: model.Method, loss: model.Method | None) -> list[str]:
    """The names of a method's results: its own, else the names under which the loss takes them, else `output`."""
    names = [r.name for r in method.results] or [None]
    if loss is not None:
        own = {i.name for i in method.inputs} | set(names)
        free = iter([i.name for i in loss.inputs if i.name not in own])
        names = [n if n is not None else next(free, None) for n in names]
    return [n or ("output" if len(names) == 1 else f"output_{i}") for i, n in enumerate(names)]


def output_names(name: str, value: Host) -> list[str]:
    """The names of a result's tensors: an item of a tuple or list has its place behind the name."""
    if value is None:
        return []
    if isinstance(value, tuple | list):
        return [n for i, v in enumerate(value) for n in output_names(f"{name}_{i}", v)]
    return [name]


def method_named(definition: model.Block, name: str, env: Env) -> model.Method:
    """One of a model's methods.

    Raises:
        EvaluationError: it has no such method.
    """
    for m in definition.methods:
        if m.name == name:
            return m
    known = ", ".join(m.name for m in definition.methods)
    raise EvaluationError(
        "E0905", f"{definition.name} has no method {name}", env.file, definition.span, f"it has: {known}"
    )


def inputs_known(wanted: Collection[str], methods: Sequence[model.Method], env: Env) -> None:
    """Hold the inputs that the model shall have to those that its methods take.

    Raises:
        EvaluationError: one is none of theirs.
    """
    inputs = {i.name: i.optional or i.default is not None for m in methods for i in m.inputs}
    for name in sorted(set(wanted) - set(inputs)):
        able = ", ".join(n for n, optional in inputs.items() if optional)
        help = did_you_mean(name, list(inputs)) or f"its optional inputs: {able or 'none'}"
        method = methods[0]
        raise EvaluationError("E0907", f"{method.name} has no input `{name}`", env.file, method.span, help)


def dims_known(fixed: Collection[str], shown: Set[str], method: model.Method, env: Env) -> None:
    """Hold the dims that are fixed to those that the graph's inputs show.

    Raises:
        EvaluationError: no input has one of them.
    """
    for name in sorted(set(fixed) - set(shown)):
        able = sorted(shown)
        if name in env.values:
            help = f"it is no dim that a call brings: {asked('--set')} gives hyperparameters other values"
        else:
            help = did_you_mean(name, able) or f"their dims: {', '.join(able) or 'none'}"
        raise EvaluationError(
            "E0908", f"no input of the graph of {method.name} has a dim `{name}`", env.file, method.span, help
        )
