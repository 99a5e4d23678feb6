"""Operators that take f16 or bf16 from some opset on, or never: below it they compute in f32, between casts.

PyTorch's kernels for these dtypes compute each element in f32 and round the result, as the casts do.

Source: https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from spec_lang.ops.lowering import Value
from spec_lang.shapes import DType
from spec_lang.targets.onnx import dtypes
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Edge, as_edge

NEVER: Final = 1 << 30

_FROM_22 = (
    "Acos Acosh Asin Asinh Atan Atanh AveragePool Bernoulli Conv ConvTranspose Cos Cosh Det Elu GRU "
    "GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample HardSigmoid HardSwish InstanceNormalization LSTM "
    "LpNormalization LpPool MaxPool MaxUnpool Mish Multinomial NegativeLogLikelihoodLoss RNN RandomNormal "
    "RandomNormalLike RandomUniform RandomUniformLike Round Selu Sin Sinh Softplus Softsign Tan ThresholdedRelu"
)

FIRST: Final[dict[str, dict[int, int]]] = {
    **{op: {dtypes.BFLOAT16: 22} for op in _FROM_22.split()},
    "Celu": {dtypes.FLOAT16: 28, dtypes.BFLOAT16: 28},
    "Compress": {dtypes.BFLOAT16: 28},
    "Einsum": {dtypes.BFLOAT16: 28},
    "IsInf": {dtypes.FLOAT16: 20, dtypes.BFLOAT16: 20},
    "Range": {dtypes.FLOAT16: 27, dtypes.BFLOAT16: 27},
    "Shrink": {dtypes.BFLOAT16: NEVER},
    "TopK": {dtypes.BFLOAT16: 24},
    "Unique": {dtypes.BFLOAT16: 28},
}
"""The first opset at which an operator takes a dtype that it does not take at every opset."""

_REDUCED: Final = {dtypes.FLOAT16: NEVER, dtypes.BFLOAT16: NEVER}
"""ONNX Runtime scatters without a reduction only where elements are f16."""

_BOOLS: Final = frozenset(
    ["And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor"]
)
_INTS: Final = frozenset({"ArgMax", "ArgMin", "NonZero", "Shape", "Size"})
_FIRST_ONLY: Final = frozenset({"MaxPool", "TopK"})
"""The operators whose other results are indices."""
_TYPED_BY: Final = {"OneHot": 2, "Where": 1}
"""The operand that has the dtype of the result, where it is not the first one."""


def widened(
    g: Emitter, op_type: str, operands: Sequence[Edge | None], attributes: dict[str, Any], outputs: int
) -> Any:
    """What the node gives, computed in f32; None where it takes its operands as they are."""
    first = _REDUCED if op_type == "ScatterElements" and "reduction" in attributes else FIRST.get(op_type)
    if first is None:
        return None
    numbers = [None if o is None else number_of(g, o) for o in operands]
    number = next((n for n in (attributes.get("dtype"), *numbers) if first.get(n or 0, 0) > g.opset), None)
    if number is None:
        return None
    wide = {**attributes, "dtype": dtypes.FLOAT} if attributes.get("dtype") == number else attributes
    inputs = [
        as_edge(_cast(g, o, dtypes.FLOAT)) if o is not None and n == number else o
        for o, n in zip(operands, numbers, strict=True)
    ]
    given = g.emit(op_type, inputs, wide, outputs)
    if op_type in _BOOLS:
        return given
    if outputs == 1:
        return _cast(g, given, number)
    return tuple(y if i and op_type in _FIRST_ONLY else _cast(g, y, number) for i, y in enumerate(given))


def _cast(g: Emitter, x: Edge, number: int) -> Value:
    """A value as another float dtype, with its shape where that is said."""
    y: Value = g.emit("Cast", [x], {"to": number})
    if number == dtypes.FLOAT and x.is_typed:
        return g.typed(y, DType.F32, x.shape)
    return y


def number_of(g: Emitter, edge: Edge) -> int | None:
    """ONNX's number of a value's dtype: as said, or as the nodes that give it have it."""
    path: list[Edge] = []
    found: int | None = None
    at: Edge | None = edge.root
    while at is not None and found is None:
        path.append(at)
        found = at.number
        if found is None and at.is_typed:
            found = g.dtype(at.dtype)
        if found is not None:
            break
        node = g.producer(at)
        if node is None:
            break
        if node.op_type in _BOOLS:
            found = dtypes.BOOL
        elif node.op_type in _INTS or (node.op_type in _FIRST_ONLY and at is not node.outputs[0]):
            found = dtypes.INT64
        else:
            by = node.inputs[_TYPED_BY.get(node.op_type, 0)] if node.inputs else None
            at = None if by is None else by.root
    for e in path:
        e.number = found
    return found
