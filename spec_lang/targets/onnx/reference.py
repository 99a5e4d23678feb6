"""A value that needs no input, computed by ONNX's reference: what `fold` has no rule for, such as a recurrence."""

from __future__ import annotations

from spec_lang.ops.lowering import Value
from spec_lang.shapes import DType
from spec_lang.targets.onnx import dtypes, proto
from spec_lang.targets.onnx.finish import finish
from spec_lang.targets.onnx.graph import Builder
from spec_lang.targets.onnx.nodes import every
from spec_lang.targets.onnx.simplify import RANDOM


def computed(g: Builder, value: Value, dtype: DType, sizes: tuple[int, ...]) -> bytes | None:
    """The elements of a value of a dtype and sizes; None where it is random, hangs on weights or is of other sizes.

    Raises:
        ImportError: onnx is not installed.
    """
    model = finish(g, [("start", g.cast(value, dtype))], name="start")
    if model.initializers or model.inputs or any(n.op_type in RANDOM for n in every(model.nodes)):
        return None
    import numpy as np
    import onnx
    from onnx.reference import ReferenceEvaluator

    with np.errstate(all="ignore"):
        [found] = ReferenceEvaluator(onnx.load_from_string(proto.serialize(model, {}))).run(None, {})
    result = np.asarray(found)
    if result.shape != sizes:
        return None
    kind = "f8" if dtype.is_float else result.dtype
    return dtypes.pack(result.astype(kind).ravel().tolist(), g.dtype(dtype))
