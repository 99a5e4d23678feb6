"""Layers made from functions: the same arguments but for the tensors, which the layer's forward takes."""

from __future__ import annotations

from typing import Any, ClassVar

from spec_lang.ops.base import Cx, Function, Layer, Tensor
from spec_lang.ops.lowering import Graph, Value


class _Twin(Layer):
    function: ClassVar[type[Function]]

    def check(self, cx: Cx) -> None:
        self.function(**vars(self)).check(cx)


class _OfInput(_Twin):
    """A function of one tensor."""

    def infer(self, cx: Cx, input: Tensor) -> Any:
        return self.function(**vars(self), input=input).infer(cx)

    def onnx(self, g: Graph, input: Value) -> Any:
        return self.function(**vars(self), input=input).onnx(g)


class _OfTarget(_Twin):
    """A loss: what was predicted and what was wanted."""

    def infer(self, cx: Cx, input: Tensor, target: Tensor) -> Any:
        return self.function(**vars(self), input=input, target=target).infer(cx)

    def onnx(self, g: Graph, input: Value, target: Value) -> Any:
        return self.function(**vars(self), input=input, target=target).onnx(g)


def twin(
    function: type[Function],
    name: str,
    base: type[_Twin] = _OfInput,
    without: tuple[str, ...] = (),
    **defaults: Any,
) -> type[Layer]:
    """The layer `nn.<name>` of a function; it lacks the arguments `without`, and `defaults` are those that differ.

    The tensors that its forward takes are the arguments of `base.infer`; the function's other arguments, in order, are
    the layer's.
    """
    code = base.infer.__code__
    inputs = code.co_varnames[2 : code.co_argcount]
    arguments = [a for a in function.arguments if a not in inputs and a not in without]
    kinds: dict[str, str] = {}
    for cls in reversed(function.__mro__):
        kinds.update(vars(cls).get("__annotations__", {}))
    given = {a: getattr(function, a) for a in arguments if hasattr(function, a)}
    body = {
        "__annotations__": {a: kinds[a] for a in arguments},
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        "torch": f"nn.{name}",
        "function": function,
    }
    return type(name, (base,), body | given | defaults)
