"""From a constructed model to a graph: its method is run on symbolic tensors, and every op emits its nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.evaluate import Env, EvaluationError
from spec_lang.ir.execution import Execution
from spec_lang.ir.templates import Instance
from spec_lang.ops.base import Function, Layer
from spec_lang.ops.lowering import Unsupported
from spec_lang.shapes import Cond, Facts, TensorType
from spec_lang.targets.onnx import extern
from spec_lang.targets.onnx.graph import Builder
from spec_lang.targets.onnx.loops import looped
from spec_lang.targets.onnx.nodes import Edge


class Elaborator(Execution):
    """Runs methods of a constructed model on the values of a graph."""

    def __init__(self, program: model.Program, builder: Builder, fuel: int) -> None:
        super().__init__(program, fuel)
        self.g = builder

    @property
    def facts(self) -> Facts:
        return self.g.facts

    def learn(self, cond: Cond) -> None:
        self.g.facts = self.g.facts.assume(cond)

    def of_layer(self, op: Layer, values: Mapping[str, Host], types: Any) -> Host:
        return self._typed(op.onnx(self.g, **values), types)

    def of_function(self, op: Function, types: Any) -> Host:
        return self._typed(op.onnx(self.g), types)

    def of_extern(
        self,
        definition: model.Extern,
        values: Mapping[str, Host],
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
    ) -> Host:
        return extern.emit(self, self.g, definition, values, args, kwargs)

    def stored(self, at: Instance, name: str) -> Host:
        return self.g.stored(at.below(name))

    def called(self, name: str, value: Host) -> None:
        """Give a new value of the graph the author's name for it."""
        if isinstance(value, Edge) and not value.root.is_named:
            path = self.g.path
            value.rename(self.g.values.take(f"{path}.{name}" if path else name))

    def looped(self, s: model.For, env: Env) -> bool:
        return looped(self, s, env)

    @contextmanager
    def within(self, path: str | None) -> Iterator[None]:
        """The place in the model and the spec whose nodes come next."""
        outer = self.g.path, self.g.source
        self.g.path = self.g.path if path is None else path
        try:
            yield
        finally:
            self.g.path, self.g.source = outer

    @contextmanager
    def place(self, what: Any, node: model.Node, env: Env) -> Iterator[None]:
        if node.span is not None:
            file = self.program.files[env.file]
            self.g.source = f"{file.path}:{file.line(node.span[0])}"
        with super().place(what, node, env):
            try:
                yield
            except Unsupported as error:
                message = f"ONNX cannot express {what.name}: {error}"
                raise EvaluationError("E0901", message, env.file, node.span) from None

    def _typed(self, value: Host, type: Any) -> Host:
        """A result with the types that were inferred for it."""
        if isinstance(type, TensorType):
            return self.g.typed(value, type.dtype, type.shape)
        if isinstance(type, tuple | list):
            return tuple(self._typed(v, t) for v, t in zip(value, type, strict=True))
        return value
