"""The inputs of a method that is run from outside: which it takes, and their types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from spec_lang.frozen import Frozen
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, HostError
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import Env, EvaluationError
from spec_lang.shapes import Dim, DType, TensorType, dim, symbol


class Inputs(Frozen):
    """Makes the inputs of a method from their types.

    Attributes:
        make: Makes a tensor of a name and a type.
        ranks: How many dims `*B` stands for, by its name; 1 where it is not there.
        wanted: The optional inputs that are there.
        fixed: The sizes of dims that are not to be dynamic, by their names.
        shown: The names of dims that the inputs made so far have.
    """

    make: Callable[[str, TensorType], TensorType]
    values: Mapping[str, Host]
    wanted: Collection[str]
    ranks: Mapping[str, int]
    fixed: Mapping[str, int | Dim]
    shown: set[str]

    def takes(self, i: model.Input) -> bool:
        """Whether this input is there."""
        return i.name in self.wanted or not (i.optional or i.default is not None)

    def made(self, i: model.Input, file: int) -> Host:
        """The tensor that stands for an input, or the tuple or list of them."""
        return self._of(i.name, i.type, {}, i, file)

    def _of(self, name: str, type: model.Type, index: dict[str, Host], i: model.Input, file: int) -> Host:
        if isinstance(type, model.OptionalType):
            return self._of(name, type.base, index, i, file)
        if isinstance(type, model.TensorType):
            return self.make(name, self.type(type, index, i, file))
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
        raise EvaluationError("E0904", f"the input {name} is no tensor, and has no value here", file, i.span)

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
