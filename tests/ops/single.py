"""A model of one op: what the tests hold to PyTorch, op by op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Function, Layer, Op
from spec_lang.ops.lowering import Value
from spec_lang.shapes import DType, Facts, TensorType
from spec_lang.targets.onnx import proto
from spec_lang.targets.onnx.finish import finish
from spec_lang.targets.onnx.graph import Builder, Stored
from spec_lang.targets.onnx.nodes import Initializer, known

if TYPE_CHECKING:
    import numpy as np


def build(
    op: Op,
    args: Sequence[Any] = (),
    *,
    kwargs: Mapping[str, Any] | None = None,
    opset: int = proto.DEFAULT_OPSET,
    dtype: DType = DType.F32,
    params: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """The model of a bound op whose tensors become inputs `x0, x1, ...`, in order; its results are `y0, y1, ...`.

    A layer takes its tensors from `args` and `kwargs`, a function from its own fields. `params` holds the layer's
    tensors by name; without it they are inputs of the graph too.

    Raises:
        OpError: the inputs do not fit the op.
        Unsupported: ONNX cannot express it.
    """
    shapes = {p.name: p for p in op.params()} if isinstance(op, Layer) else {}

    def lookup(name: str) -> Stored:
        return Stored(name, known(shapes[name].shape), shapes[name].dtype)

    g = Builder(opset=opset, precision=dtype, lookup=lookup)
    inputs = _Inputs(g)
    cx = Cx(Facts(), op.name)
    if isinstance(op, Layer):
        types = signature.call_layer(cx, op, args, kwargs or {})
        bound = signature.forward(type(op)).bind(args, kwargs or {})
        values = op.onnx(g, **{k: inputs.made(v) for k, v in bound.items()})
    else:
        assert isinstance(op, Function)
        types = op.infer(cx)
        values = type(op)(**{k: inputs.made(v) for k, v in op.__dict__.items()}).onnx(g)
    results = [(g.values.take(f"y{i}"), v) for i, v in enumerate(_typed(g, values, types))]
    model = finish(g, results, name=op.name)
    return proto.serialize(model, {i.name: _bytes(i, params) for i in model.initializers} if params else {})


class _Inputs:
    """Makes an input of the graph of every tensor type in an argument."""

    def __init__(self, g: Builder) -> None:
        self._g = g

    def made(self, argument: Any) -> Any:
        if isinstance(argument, TensorType):
            return self._g.input(f"x{len(self._g.inputs)}", argument)
        if isinstance(argument, (tuple, list)):
            return type(argument)(map(self.made, argument))
        return argument


def _typed(g: Builder, values: Any, types: Any) -> list[Value]:
    """The values of a result in order, with the types that were inferred for them; None is left out."""
    if types is None:
        return []
    if isinstance(types, TensorType):
        return [g.typed(values, types.dtype, types.shape)]
    return [v for value, type in zip(values, types, strict=True) for v in _typed(g, value, type)]


def _bytes(tensor: Initializer, params: Mapping[str, np.ndarray]) -> bytes:
    """The elements of a stored or derived tensor."""
    import numpy as np

    if tensor.rows is None:
        return np.ascontiguousarray(params[tensor.key]).tobytes()
    width = next(params[key][0].size for key, _, _ in tensor.rows if key is not None)
    like = next(params[key].dtype for key, _, _ in tensor.rows if key is not None)
    parts = [
        np.zeros((stop - start, width), like) if key is None else params[key][start:stop].reshape(-1, width)
        for key, start, stop in tensor.rows
    ]
    return np.concatenate(parts).tobytes()
