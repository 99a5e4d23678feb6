"""Numbers in a graph of less precision: what the precision has none for is an error with its place, never an infinity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spec_lang.ir.evaluate import EvaluationError
from spec_lang.shapes import DType
from spec_lang.targets.onnx.export import Options, emit
from tests.onnx.exporting import export, program, run

CALLS = {
    "masked_fill(x, m, -1e9)": "masked_fill",
    "x + 1e5": "add",
    "clamp(x, -70000.0, 1.0)": "clamp",
    "where(m, x, -1e38)": "where",
    "full_like(x, 65520.0)": "full_like",
    "pad(x, (1, 0), value=-1e6)[:, 1:]": "pad",
}


@pytest.mark.parametrize("call", CALLS)
def test_a_number_beyond_the_precision_is_refused_where_it_stands(call: str) -> None:
    spec = program(f"""
model Net:
    forward(x: float[N, 4], m: bool[N, 4]) -> float[N, 4]:
        return {call} + m.to(float)
""")
    emit(spec, "Net")
    with pytest.raises(EvaluationError, match="is beyond the numbers of f16") as found:
        emit(spec, "Net", None, Options(dtype=DType.F16))
    assert found.value.code == "E0901"
    assert f"cannot express {CALLS[call]}:" in str(found.value)
    assert found.value.span is not None


def test_infinities_stay_and_the_largest_numbers_are_those_of_the_precision(tmp_path: Path) -> None:
    spec = program("""
model Net:
    forward(x: float[N, 4], m: bool[N, 4]) -> (float[N, 4], float[N, 4]):
        return nan_to_num(x), masked_fill(x, m, -inf)
""")
    path = tmp_path / "net.onnx"
    export(spec, "Net", path, dtype=DType.F16)
    x = torch.tensor([[np.nan, np.inf, -np.inf, 2.0]]).half()
    mask = torch.tensor([[False, True, False, True]])
    got, filled = run(path, {"x": x, "m": mask})
    assert got.tolist() == torch.nan_to_num(x).tolist()
    np.testing.assert_array_equal(filled, x.masked_fill(mask, -np.inf).numpy())
