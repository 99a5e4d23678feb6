"""What `specc explain` shows is true: the bad spec has exactly that mistake, the good one none."""

from __future__ import annotations

import pytest

from spec_lang.diagnostics.codes import CODES
from tests.check.checking import codes

OWN = [
    *(f"E02{n:02}" for n in range(1, 11)),
    *(f"E03{n:02}" for n in range(7, 14)),
    *(f"E04{n:02}" for n in range(2, 9)),
    *(f"E05{n:02}" for n in range(4, 9)),
    *(f"E06{n:02}" for n in range(1, 6)),
    *(f"E07{n:02}" for n in range(1, 10)),
    *(f"E08{n:02}" for n in range(1, 4)),
]


PARTS = """
block Attention:
    forward(x: float[*B]) -> float[*B]:
        return x
"""


@pytest.mark.parametrize("code", OWN)
def test_row(code: str) -> None:
    row = CODES[code]
    assert len(row.explanation) > 40
    if row.bad:
        assert codes(row.bad + "\n", parts=PARTS) == [code]
    if row.good:
        assert codes(row.good + "\n", parts=PARTS) == []
