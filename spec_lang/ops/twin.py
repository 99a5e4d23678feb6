"""Layers made from functions: the same arguments but for the tensors, which the layer's forward takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from spec_lang.ops.base import Cx, Function, Layer, Tensor
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.shapes import TensorType


class _Twin(Layer):
    function: ClassVar[type[Function]]

    def check(self, cx: Cx) -> None:
        self.function(**vars(self)).check(cx)

    def aside(self, out: Any, **tensors: Any) -> Iterator[TensorType]:
        return self.function(**vars(self), **tensors).aside(out)


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


class _OfPair(_Twin):
    """A loss of two inputs and how they should relate."""

    def infer(self, cx: Cx, input1: Tensor, input2: Tensor, target: Tensor) -> Any:
        return self.function(**vars(self), input1=input1, input2=input2, target=target).infer(cx)

    def onnx(self, g: Graph, input1: Value, input2: Value, target: Value) -> Any:
        return self.function(**vars(self), input1=input1, input2=input2, target=target).onnx(g)


class _OfTriplet(_Twin):
    """A loss of an anchor, something near it and something far from it."""

    def infer(self, cx: Cx, anchor: Tensor, positive: Tensor, negative: Tensor) -> Any:
        return self.function(**vars(self), anchor=anchor, positive=positive, negative=negative).infer(cx)

    def onnx(self, g: Graph, anchor: Value, positive: Value, negative: Value) -> Any:
        return self.function(**vars(self), anchor=anchor, positive=positive, negative=negative).onnx(g)


class _OfVariance(_Twin):
    """A loss of what was predicted, how surely, and what was wanted."""

    def infer(self, cx: Cx, input: Tensor, target: Tensor, var: Tensor | Number) -> Any:
        return self.function(**vars(self), input=input, target=target, var=var).infer(cx)

    def onnx(self, g: Graph, input: Value, target: Value, var: Any) -> Any:
        return self.function(**vars(self), input=input, target=target, var=var).onnx(g)


class _OfSequences(_Twin):
    """A loss of sequences of known lengths."""

    def infer(
        self,
        cx: Cx,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | list[Dim],
        target_lengths: Tensor | list[Dim],
    ) -> Any:
        inputs = {"log_probs": log_probs, "targets": targets}
        lengths = {"input_lengths": input_lengths, "target_lengths": target_lengths}
        return self.function(**vars(self), **inputs, **lengths).infer(cx)

    def onnx(
        self, g: Graph, log_probs: Value, targets: Value, input_lengths: Any, target_lengths: Any
    ) -> Any:
        inputs = {"log_probs": log_probs, "targets": targets}
        lengths = {"input_lengths": input_lengths, "target_lengths": target_lengths}
        return self.function(**vars(self), **inputs, **lengths).onnx(g)


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
        "placement": function.placement,
        "keeps": function.keeps,
    }
    return type(name, (base,), body | given | defaults)
