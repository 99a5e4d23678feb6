"""Nodes with constant inputs, computed with numpy; it is imported by the first such node of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final

from spec_lang.targets.onnx import dtypes
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Const

MAX_ELEMENTS: Final = 1 << 22
"""A larger result stays a node, so that the model does not grow by what it can compute."""

_KINDS: Final = {
    dtypes.FLOAT: "<f4",
    dtypes.DOUBLE: "<f8",
    dtypes.FLOAT16: "<f2",
    dtypes.UINT8: "u1",
    dtypes.INT8: "i1",
    dtypes.INT16: "<i2",
    dtypes.INT32: "<i4",
    dtypes.INT64: "<i8",
    dtypes.BOOL: "?",
}

Attributes = dict[str, Any]
Rule = Callable[[Any, list[Any], Attributes], Any]


def fold(g: Emitter, op_type: str, inputs: Sequence[Const | None], attributes: Attributes) -> Const | None:
    """The constant that a node gives, where numpy has the op and the result is of a moderate size."""
    rule = _RULES.get(op_type)
    if rule is None or any(i is not None and i.number not in _KINDS for i in inputs):
        return None
    import numpy as np

    arrays = [None if i is None else np.frombuffer(i.raw, _KINDS[i.number]).reshape(i.sizes) for i in inputs]
    if _too_large(op_type, arrays):
        return None
    with np.errstate(all="ignore"):
        result = rule(np, arrays, attributes)
    if result is None:
        return None
    if op_type == "Cast":
        number = attributes["to"]
        if number not in _KINDS:
            return None
        result = result.astype(_KINDS[number])
    else:
        result = np.asarray(result)
    number = next((n for n, kind in _KINDS.items() if np.dtype(kind) == result.dtype), None)
    if number is None or result.size > MAX_ELEMENTS:
        return None
    like = next((i.dtype for i in inputs if i is not None and i.number == number), dtypes.DTYPES[number])
    flat = result.ravel().tolist() if result.size <= 8 else ()
    return g.constant(result.tobytes(), like, result.shape, flat)


def _too_large(op_type: str, arrays: list[Any]) -> bool:
    """Whether the result would be, so that it is not even made."""
    if op_type == "ConstantOfShape":
        return bool(prod(arrays[0].tolist()) > MAX_ELEMENTS)
    if op_type == "Expand":
        return bool(prod(arrays[1].tolist()) * arrays[0].size > MAX_ELEMENTS)
    if op_type == "Tile":
        return bool(prod(arrays[1].tolist()) * arrays[0].size > MAX_ELEMENTS)
    if op_type == "Range":
        start, limit, delta = (a.item() for a in arrays)
        return bool(delta == 0 or abs(limit - start) / abs(delta) > MAX_ELEMENTS)
    sizes = [a.shape for a in arrays if a is not None]
    return op_type in _ELEMENTWISE and _broadcast_size(sizes) > MAX_ELEMENTS


def _broadcast_size(shapes: list[tuple[int, ...]]) -> int:
    rank = max((len(s) for s in shapes), default=0)
    return prod(max((s[-i] for s in shapes if len(s) >= i), default=1) for i in range(1, rank + 1))


def _div(np: Any, x: list[Any], _: Attributes) -> Any:
    """Division; of integers, towards zero."""
    if x[0].dtype.kind == "f":
        return np.divide(x[0], x[1])
    quotient = np.abs(x[0]) // np.abs(x[1])
    return (np.sign(x[0]) * np.sign(x[1]) * quotient).astype(x[0].dtype)


def _mod(np: Any, x: list[Any], attributes: Attributes) -> Any:
    return np.fmod(x[0], x[1]) if attributes.get("fmod") else np.mod(x[0], x[1])


def _pow(np: Any, x: list[Any], _: Attributes) -> Any:
    return np.power(x[0].astype("f8"), x[1].astype("f8")).astype(x[0].dtype)


def _range(np: Any, x: list[Any], _: Attributes) -> Any:
    start, limit, delta = (a.item() for a in x)
    count = max(int(np.ceil((limit - start) / delta)), 0)
    return (start + np.arange(count) * x[2].dtype.type(delta)).astype(x[0].dtype)


def _reshape(np: Any, x: list[Any], attributes: Attributes) -> Any:
    sizes = x[1].tolist()
    if not attributes.get("allowzero"):
        sizes = [x[0].shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x[0].reshape(sizes)


def _slice(np: Any, x: list[Any], _: Attributes) -> Any:
    data, starts, ends, axes, steps = [*x, None, None][:5]
    axes = range(len(starts)) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    index = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        last = None if step < 0 and end < -data.shape[axis] else end
        index[axis] = slice(start, last, step)
    return data[tuple(index)]


def _trilu(np: Any, x: list[Any], attributes: Attributes) -> Any:
    k = x[1].item() if len(x) > 1 and x[1] is not None else 0
    return np.triu(x[0], k) if attributes.get("upper", 1) else np.tril(x[0], k)


def _constant_of_shape(np: Any, x: list[Any], attributes: Attributes) -> Any:
    value = attributes.get("value")
    if value is None:
        return np.zeros(x[0].tolist(), "<f4")
    return np.full(x[0].tolist(), np.frombuffer(value.raw, _KINDS[value.number])[0], _KINDS[value.number])


def _axes(x: list[Any]) -> tuple[int, ...] | None:
    return tuple(x[1].tolist()) if len(x) > 1 and x[1] is not None else None


def _unary(name: str) -> Rule:
    return lambda np, x, _: getattr(np, name)(x[0]).astype(x[0].dtype)


def _reduced(name: str) -> Rule:
    def reduce(np: Any, x: list[Any], attributes: Attributes) -> Any:
        axes = x[1].tolist() if len(x) > 1 and x[1] is not None else attributes.get("axes")
        if not axes and attributes.get("noop_with_empty_axes"):
            return x[0]
        result = getattr(np, name)(
            x[0], axis=tuple(axes) if axes else None, keepdims=bool(attributes.get("keepdims", 1))
        )
        return result.astype(x[0].dtype)

    return reduce


def _flatten(np: Any, x: list[Any], attributes: Attributes) -> Any:
    axis = attributes.get("axis", 1) % (x[0].ndim + 1)
    return x[0].reshape(prod(x[0].shape[:axis]), -1)


def _clip(np: Any, x: list[Any], _: Attributes) -> Any:
    data, low, high = [*x, None, None][:3]
    data = data if low is None else np.maximum(data, low)
    return data if high is None else np.minimum(data, high)


def _cumsum(np: Any, x: list[Any], attributes: Attributes) -> Any:
    if attributes.get("exclusive") or attributes.get("reverse"):
        return None
    return np.cumsum(x[0], axis=x[1].item(), dtype=x[0].dtype)


def _softmax(np: Any, x: list[Any], attributes: Attributes) -> Any:
    axis = attributes.get("axis", -1)
    powers = np.exp(x[0] - np.max(x[0], axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _binary(name: str) -> Rule:
    return lambda np, x, _: getattr(np, name)(x[0], x[1])


def _many(name: str) -> Rule:
    def reduce(np: Any, x: list[Any], _: Attributes) -> Any:
        result = x[0]
        for other in x[1:]:
            result = getattr(np, name)(result, other)
        return result

    return reduce


_UNARY = {
    "Abs": "abs",
    "Ceil": "ceil",
    "Cos": "cos",
    "Exp": "exp",
    "Floor": "floor",
    "Log": "log",
    "Neg": "negative",
    "Reciprocal": "reciprocal",
    "Round": "rint",
    "Sign": "sign",
    "Sin": "sin",
    "Sqrt": "sqrt",
    "Tanh": "tanh",
    "Not": "logical_not",
}
_BINARY = {
    "Add": "add",
    "And": "logical_and",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Mul": "multiply",
    "Or": "logical_or",
    "Sub": "subtract",
}
_ELEMENTWISE = frozenset({*_BINARY, "Div", "Max", "Min", "Mod", "Pow", "Where"})

_RULES: dict[str, Rule] = {
    **{op: _unary(name) for op, name in _UNARY.items()},
    **{op: _binary(name) for op, name in _BINARY.items()},
    "Cast": lambda np, x, attributes: x[0],
    "Clip": _clip,
    "Concat": lambda np, x, attributes: np.concatenate(x, axis=attributes["axis"]),
    "ConstantOfShape": _constant_of_shape,
    "CumSum": _cumsum,
    "Div": _div,
    "Expand": lambda np, x, _: np.broadcast_to(x[0], np.broadcast_shapes(x[0].shape, tuple(x[1].tolist()))),
    "Flatten": _flatten,
    "Gather": lambda np, x, attributes: np.take(x[0], x[1], axis=attributes.get("axis", 0)),
    "MatMul": _binary("matmul"),
    "Max": _many("maximum"),
    "Min": _many("minimum"),
    "Mod": _mod,
    "Pow": _pow,
    "Range": _range,
    "ReduceMax": _reduced("max"),
    "ReduceMean": _reduced("mean"),
    "ReduceMin": _reduced("min"),
    "ReduceProd": _reduced("prod"),
    "ReduceSum": _reduced("sum"),
    "Relu": lambda np, x, _: np.maximum(x[0], 0),
    "Reshape": _reshape,
    "Sigmoid": lambda np, x, _: (1 / (1 + np.exp(-x[0]))).astype(x[0].dtype),
    "Slice": _slice,
    "Softmax": _softmax,
    "Squeeze": lambda np, x, _: np.squeeze(x[0], _axes(x)),
    "Tile": lambda np, x, _: np.tile(x[0], x[1].tolist()),
    "Transpose": lambda np, x, attributes: np.transpose(x[0], attributes.get("perm")),
    "Trilu": _trilu,
    "Unsqueeze": lambda np, x, _: np.expand_dims(x[0], _axes(x)),
    "Where": lambda np, x, _: np.where(*x),
}
