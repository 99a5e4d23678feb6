"""Lists whose first layer takes another step than those behind it: a stem, and stages that halve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fuzz.held import compiled, hold

Rows = tuple[Mapping[str, Any], ...]
WIDTHS: Rows = ({}, {"widths": [3]}, {"widths": [2, 5]}, {"widths": [2, 7, 5, 3]})


def net(
    layers: str, input: str = "float[N, 4, T]", result: str = "float[N, _, _]", body: str = "x -> fs"
) -> str:
    head = f"model Net(widths: list[int] = [4, 8, 6]):\n    require len(widths) >= 1\n    layers:\n        {layers}\n"
    return f"{head}    forward(x: {input}) -> {result}:\n        return {body}\n"


HELD: dict[str, str] = {
    "a stem": net("fs = [Conv1d(_, w, 4 if i == 0 else 2, stride=4 if i == 0 else 2) for i, w in enumerate(widths)]"),
    "one layer or another": net(
        "fs = [Conv1d(_, w, 3, stride=3) if i == 0 else Conv1d(_, w, 2, stride=2) for i, w in enumerate(widths)]"
    ),
    "not the first": net("fs = [Conv1d(_, w, 2, stride=2 if i > 0 else 1, padding=1 if i == 0 else 0) for i, w in enumerate(widths)]"),
    "halved but for the first": net(
        "fs = [Conv1d(_, w, 1) if i == 0 else Sequential(MaxPool1d(2), Conv1d(_, w, 1)) for i, w in enumerate(widths)]"
    ),
    "doubled but for the first": net(
        "fs = [Conv1d(_, w, 1) if i == 0 else ConvTranspose1d(_, w, 2, stride=2) for i, w in enumerate(widths)]",
        result="float[N, widths[-1], T * 2**(len(widths) - 1)]",
    ),
    "longer by three, then by one": net(
        "fs = [Conv1d(_, w, 2, padding=2 if i == 0 else 1) for i, w in enumerate(widths)]",
        result="float[N, widths[-1], T + 2 + len(widths)]",
    ),
    "in runs": net(
        "fs = Sequential(*[*[Conv1d(_, w, 4, stride=4) if i == 0 else Conv1d(_, w, 2, stride=2), ReLU()] for i, w in enumerate(widths)])"
    ),
}  # fmt: skip

REFUSED: dict[str, str] = {
    "the second is the other one": net(
        "fs = [Conv1d(_, w, 1) if i == 1 else ConvTranspose1d(_, w, 2, stride=2) for i, w in enumerate(widths)]",
        result="float[N, widths[-1], T * 2**(len(widths) - 1)]",
    ),
    "one halving too many": net(
        "fs = [Conv1d(_, w, 1) if i == 0 else Sequential(MaxPool1d(2), Conv1d(_, w, 1)) for i, w in enumerate(widths)]",
        result="float[N, widths[-1], T // 2**len(widths)]",
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_held(name: str) -> None:
    hold(HELD[name], WIDTHS)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    assert any(d.severity == "error" for d in compiled(REFUSED[name]).diagnostics)
