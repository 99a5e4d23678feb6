"""A convolution pads its input with zeros itself: `Pad -> Conv` is one node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spec_lang.targets.onnx import dtypes
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Const, Edge

Operands = list[Edge | None]


def padded_by_conv(
    g: Emitter, operands: Sequence[Edge | None], attributes: dict[str, Any]
) -> tuple[Operands, dict[str, Any]]:
    """The operands and attributes of a Conv that takes what was padded for it."""
    x, *rest = operands
    pad = None if x is None else g.producer(x)
    if pad is None or pad.op_type != "Pad" or pad.attributes or len(pad.inputs) != 2:
        return list(operands), attributes
    source, by = pad.inputs
    if not isinstance(by, Const):
        return list(operands), attributes
    sizes = [int(n) for n in dtypes.unpack(by.raw, by.number)]
    half = len(sizes) // 2
    before, after = sizes[:half], sizes[half:]
    if any(before[:2] + after[:2]) or min(sizes) < 0:  # batches and channels; what is negative cuts off
        return list(operands), attributes
    zeros = before[2:] + after[2:]
    own = attributes.get("pads", [0] * len(zeros))
    return [source, *rest], {**attributes, "pads": [a + b for a, b in zip(own, zeros, strict=True)]}
