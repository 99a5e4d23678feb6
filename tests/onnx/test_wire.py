"""The bytes that the writer makes are read back by onnx itself."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
import torch

from spec_lang.shapes import DType
from spec_lang.targets.onnx import attributes, dtypes, wire
from spec_lang.targets.onnx.graph import Builder


@pytest.mark.parametrize("n", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63)])
def test_integers(n: int) -> None:
    proto = onnx.AttributeProto.FromString(wire.integer(3, n))
    assert proto.i == n


def test_text_is_utf8() -> None:
    assert onnx.NodeProto.FromString(wire.text(3, "é→λ")).name == "é→λ"


@pytest.mark.parametrize(
    "value",
    [3, True, 1.5, "tanh", [1, -2], [0.5, 1.0], ["a", "b"], [1.0, float("-inf")]],
)
def test_attributes(value: object) -> None:
    proto = onnx.AttributeProto.FromString(attributes.write({"a": value})["a"])
    onnx.checker.check_attribute(proto)
    got = onnx.helper.get_attribute_value(proto)
    if isinstance(value, str):
        assert got == value.encode()
    elif isinstance(value, list):
        assert [g.decode() if isinstance(g, bytes) else g for g in got] == value
    else:
        assert got == value


def test_none_leaves_an_attribute_out_and_names_are_sorted() -> None:
    assert list(attributes.write({"b": 1, "a": None, "A": 2})) == ["A", "b"]


def test_a_tensor_attribute() -> None:
    g = Builder(opset=24, lookup=lambda _: None)
    proto = onnx.AttributeProto.FromString(attributes.write({"value": g.const([7], DType.I64)})["value"])
    assert onnx.numpy_helper.to_array(proto.t).tolist() == [7]


FLOATS = [
    0.0,
    -0.0,
    1.0,
    -2.5,
    1 / 3,
    65504.0,
    65519.9,
    65520.0,
    1e-8,
    6e-8,
    3.4e38,
    1e39,
    -1e39,
    math.inf,
    math.nan,
]


@pytest.mark.parametrize(
    ("dtype", "to"), [(DType.F32, torch.float32), (DType.F16, torch.float16), (DType.BF16, torch.bfloat16)]
)
def test_floats_round_as_pytorch_rounds_them(dtype: DType, to: torch.dtype) -> None:
    number = dtypes.NUMBERS[dtype]
    raw = dtypes.pack(FLOATS, number)
    wanted = torch.tensor(FLOATS, dtype=torch.float64).to(torch.float32 if to is torch.float32 else to)
    got = torch.frombuffer(bytearray(raw), dtype=to)
    np.testing.assert_array_equal(got.float().numpy(), wanted.float().numpy())
    back = dtypes.unpack(raw, number)
    np.testing.assert_array_equal(np.array(back, "f4"), wanted.float().numpy())


@pytest.mark.parametrize("dtype", [DType.I64, DType.I32, DType.I16, DType.I8, DType.BOOL, DType.F64])
def test_exact_dtypes_come_back(dtype: DType) -> None:
    values = [0, 1, 1, 0] if dtype is DType.BOOL else [0, 1, -1, 100]
    number = dtypes.NUMBERS[dtype]
    raw = dtypes.pack(values, number)
    assert list(dtypes.unpack(raw, number)) == values
    tensor = onnx.TensorProto.FromString(attributes.tensor("t", number, (4,), raw))
    assert onnx.numpy_helper.to_array(tensor).tolist() == values
