"""Nodes whose inputs are all constants, computed while the graph is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from spec_lang.targets.onnx import dtypes, fold_arrays
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Const, Edge

_SMALL = 64
"""Elements up to which plain Python is quicker than numpy's import."""

Rule = Callable[[Emitter, list[Const], dict[str, Any]], Const | None]


def fold(g: Emitter, op_type: str, inputs: Sequence[Edge | None], attributes: dict[str, Any]) -> Const | None:
    """The constant that a node with constant inputs gives, where there is a rule for it."""
    constants = [i if isinstance(i, Const) else None for i in inputs]
    rule = _RULES.get(op_type)
    if rule is not None:
        found = rule(g, [c for c in constants if c is not None], attributes)
        if found is not None:
            return found
    return fold_arrays.fold(g, op_type, constants, attributes)


def _cast(g: Emitter, inputs: list[Const], attributes: dict[str, Any]) -> Const | None:
    [x] = inputs
    to = attributes["to"]
    if len(x.raw) > 8 * _SMALL:
        return None
    values = dtypes.unpack(x.raw, x.number)
    if to not in dtypes.FLOATS and to != dtypes.BOOL:
        if x.number in dtypes.FLOATS:
            return None
        bits = 8 * dtypes.SIZES[to]
        low = 0 if to == dtypes.UINT8 else -(1 << bits - 1)
        values = tuple((int(v) - low) % (1 << bits) + low for v in values)
    return g.constant(dtypes.pack(values, to), dtypes.DTYPES[to], x.sizes, values)


def _unsqueeze(g: Emitter, inputs: list[Const], attributes: dict[str, Any]) -> Const | None:
    x, axes = inputs
    rank = len(x.sizes) + axes.sizes[0]
    new = {int(a) % rank for a in dtypes.unpack(axes.raw, axes.number)}
    old = iter(x.sizes)
    return _reshaped(g, x, tuple(1 if i in new else next(old) for i in range(rank)))


def _squeeze(g: Emitter, inputs: list[Const], attributes: dict[str, Any]) -> Const | None:
    x = inputs[0]
    if len(inputs) == 1:
        return _reshaped(g, x, tuple(n for n in x.sizes if n != 1))
    gone = {int(a) % len(x.sizes) for a in dtypes.unpack(inputs[1].raw, inputs[1].number)}
    return _reshaped(g, x, tuple(n for i, n in enumerate(x.sizes) if i not in gone))


def _concat(g: Emitter, inputs: list[Const], attributes: dict[str, Any]) -> Const | None:
    if any(len(x.sizes) != 1 for x in inputs):
        return None
    raw = b"".join(x.raw for x in inputs)
    number = inputs[0].number
    return g.constant(raw, inputs[0].dtype, (sum(x.sizes[0] for x in inputs),), dtypes.unpack(raw, number))


def _reshaped(g: Emitter, x: Const, sizes: tuple[int, ...]) -> Const:
    return g.constant(x.raw, x.dtype, sizes, dtypes.unpack(x.raw, x.number) if len(x.raw) < 65 else ())


_RULES: dict[str, Rule] = {
    "Cast": _cast,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Concat": _concat,
}
