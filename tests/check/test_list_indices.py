"""Lists of ints as indices of tensors."""

from __future__ import annotations

import pytest

from spec_lang.diagnostics import SpecError
from tests.fuzz.held import hold
from tests.onnx.exporting import program

HELD = {
    "written out": "x[:, [2, 1, 0]]",
    "from the end": "x[:, [-1, 0, 2]]",
    "a range": "x[:, range(3)]",
    "a comprehension": "x[:, [2 - i for i in range(3)]]",
    "a name": "x[:, o]",
    "the only index": "x[[0, 0]].sum(0, keepdim=true).expand(N, 3, 4)",
    "a block's": "turned(x)",
    "a block's default": "as_is(x)",
}


@pytest.mark.parametrize("index", HELD)
def test_a_list_picks_along_an_axis(index: str) -> None:
    hold(f"""
block Turned(order: list[int >= 0] = [0, 1, 2]):
    forward(x: float[N, C, D]) -> float[N, len(order), D]:
        return x.transpose(0, 1)[order].transpose(0, 1)

model Net:
    layers:
        turned = Turned([2, 1, 0])
        as_is  = Turned()

    forward(x: float[N, 3, 4]) -> float[N, 3, 4]:
        o = [1, 0, 2]
        return {HELD[index]} + turned(as_is(x)) * o[0]
""")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("[0, 3]", "E0304.*takes element 3 of an axis of 3"),
        ("[0, -4]", "E0304.*takes element -4"),
        ("[true, false, true]", "E0403.*has ints, not a condition"),
        ("[[0, 1], [2, 0]]", "E0403.*has ints, not a list"),
        ("(0, 1)", "E0403.*an index is an int, not a tuple"),
        ("[i for i in range(n)]", "E0403.*as many items for all sizes"),
    ],
)
def test_other_lists_are_refused(index: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        program(f"""
model Net(n: int = 3):
    forward(x: float[N, 3]) -> float[N, n]:
        return x[:, {index}]
""")
