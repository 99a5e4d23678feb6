"""Slices that count from the end by a number that may be 0: `x[:, -0:]` is all of it, as in Python."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from spec_lang.ir.dim_text import size as size_of
from spec_lang.ir.instantiate import instantiate
from spec_lang.loading import from_program
from tests.check.checking import checked, codes

SLICES = ("-k:", ":-k", "-k:-j", "1:-k", "-k:2", "-k:-j:2", "-(k + 1):", ":-2*k", "-k - j:")


@pytest.mark.parametrize("cut", SLICES)
def test_a_slice_is_pythons(cut: str) -> None:
    program = checked(f"""
    model M(k: int >= 0 = 2, j: int >= 0 = 1):
        forward(x: float[N, L]) -> float[N, _]:
            return x[:, {cut}] * (k + 1) * (j + 1)
    """)
    size = program.definitions[0].methods[0].results[0].type.dims[1]  # type: ignore[union-attr]
    made = from_program(program, "slices").M
    for k, j, length in product(range(4), range(4), range(1, 6)):
        instantiate(program, "M", {"k": k, "j": j})
        found = made(k, j)(torch.ones(1, length)).shape[1]
        said = size_of(size, {"k": k, "j": j, "L": length})
        assert said == found == len(eval(f"list(range(length))[{cut}]")), (k, j, length)


def test_as_many_as_are_asked_for_are_not_there_for_0() -> None:
    text = "model M(k: int >= {} = 2):\n    forward(x: float[N, k + 3]) -> float[N, k]:\n        return x[:, -k:]"
    assert codes(text.format(0)) == ["E0308"]
    assert codes(text.format(1)) == []
