"""Items of lists whose items are known one by one."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.shapes.dim import Dim, opaque

MAX_LISTED = 16
"""The most sizes that are written as a list, where they are not all numbers."""


def common_bounds(values: Sequence[Dim]) -> tuple[int | None, int | None]:
    """The bounds that all of some sizes have."""
    lows, highs = zip(*(v.bounds for v in values), strict=True)
    return None if None in lows else min(lows), None if None in highs else max(highs)


def listed(values: Sequence[Dim], index: Dim) -> Dim:
    """The item of a list of sizes at an index, which is at least 0 and below their number."""
    if index.const is not None:
        return values[index.const]
    low, high = common_bounds(values)
    if all(v.const is not None for v in values):
        return opaque("item", index, low=low, high=high, text=f"[{', '.join(map(str, values))}][{{}}]")
    text = f"[{', '.join(['{}'] * len(values))}][{{}}]"
    return opaque("item", *values, index, low=low, high=high, text=text)
