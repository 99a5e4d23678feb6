"""Every function at every precision and opset that an export may have: valid by ONNX's full check, and runnable."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS
from spec_lang.ops.lowering import Unsupported
from spec_lang.shapes import DType
from spec_lang.targets.onnx import dtypes, widen
from spec_lang.targets.onnx.proto import DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET
from tests.ops.harness import bound
from tests.ops.oracle import quiet, typed
from tests.ops.single import build
from tests.ops.test_functions import CASES

EDGES = (OLDEST_OPSET, 20, DEFAULT_OPSET)
"""Before and behind the opsets at which operators take more dtypes."""
EVERY = range(OLDEST_OPSET, NEWEST_OPSET + 1)
NARROW = (DType.F16, DType.BF16)
NAMES = {dtypes.FLOAT16: "float16", dtypes.BFLOAT16: "bfloat16"}


def model(case: Any, opset: int, dtype: DType) -> bytes | None:
    """The checked graph of a case; None where the lowering says that ONNX lacks it."""
    try:
        made = build(bound(case), opset=opset, dtype=dtype)
    except Unsupported:
        return None
    onnx.checker.check_model(onnx.load_from_string(made), full_check=True)
    return made


def cases(name: str) -> list[Any]:
    return [c for c in CASES if c.name == name and c.onnx]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_is_valid_at_each_precision(name: str) -> None:
    for case in cases(name)[:2]:
        for opset in EDGES:
            for dtype in NARROW:
                model(case, opset, dtype)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_is_valid_at_each_precision_and_opset(name: str) -> None:
    for case in cases(name):
        for opset in EVERY:
            for dtype in (DType.F32, *NARROW):
                model(case, opset, dtype)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_onnx_runtime_takes_a_function_of_f16(name: str) -> None:
    for case in cases(name):
        for opset in EDGES:
            made = model(case, opset, DType.F16)
            if made is not None:
                onnxruntime.InferenceSession(made, quiet(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("op_type", sorted(widen.FIRST))
def test_the_table_of_dtypes_is_that_of_the_standard(op_type: str) -> None:
    for number, name in NAMES.items():
        first = widen.FIRST[op_type].get(number, 0)
        for opset in EVERY:
            try:
                schema = onnx.defs.get_schema(op_type, opset)
            except onnx.defs.SchemaError:
                continue
            formal = schema.inputs[0] if schema.inputs else schema.outputs[0]
            assert (f"tensor({name})" in formal.types) == (opset >= first), f"{op_type} {name} at {opset}"


def test_no_operator_that_lowerings_emit_is_missing_from_the_table() -> None:
    from pathlib import Path

    import spec_lang

    text = "".join(p.read_text() for p in Path(spec_lang.__file__).parent.rglob("*.py"))
    for op_type in sorted(set(re.findall(r"\bg\.([A-Z]\w+)\(", text)) - {"OneHot"}):
        for opset in EVERY:
            try:
                schema = onnx.defs.get_schema(op_type, opset)
            except onnx.defs.SchemaError:
                continue
            formal = schema.inputs[0] if schema.inputs else schema.outputs[0]
            if "tensor(float)" not in formal.types:
                continue
            for number, name in NAMES.items():
                taken = f"tensor({name})" in formal.types
                assert taken or widen.FIRST.get(op_type, {}).get(number, 0) > opset, (op_type, name, opset)


@pytest.mark.parametrize("opset", [OLDEST_OPSET, DEFAULT_OPSET])
@pytest.mark.parametrize(
    ("name", "mean", "deviation"), [("rand_like", 0.5, 12**-0.5), ("randn_like", 0.0, 1.0)]
)
def test_draws_are_spread_as_they_should_be(name: str, mean: float, deviation: float, opset: int) -> None:
    made = build(signature.bind(FUNCTIONS[name], (typed("float[N]"),), {}), opset=opset)
    session = onnxruntime.InferenceSession(made, quiet(), providers=["CPUExecutionProvider"])
    first, second = (session.run(None, {"x0": np.zeros(20000, np.float32)})[0] for _ in range(2))
    assert abs(first.mean() - mean) < 0.05
    assert abs(first.std() - deviation) < 0.05
    assert not (first == second).all()
