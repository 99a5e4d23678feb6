"""Functions that make tensors.

Source: https://docs.pytorch.org/docs/stable/torch.html#creation-ops
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from spec_lang.ops.base import Cx, Function, OpError, Tensor
from spec_lang.ops.kinds import Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least
from spec_lang.shapes import Cond, Dim, DType, TensorType, dim


class arange(Function):
    """start, start + step, ... below end; ints where all of them are."""

    start: Number = 0
    end: Number
    step: Number = 1
    dtype: DType | None = None

    torch = "torch.arange"
    keywords = ("dtype",)
    creates = True

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """`arange(end)`."""
        return ((0, *args), kwargs) if len(args) == 1 and "end" not in kwargs else (args, kwargs)

    def infer(self, cx: Cx) -> Tensor:
        dtype = self._dtype()
        if dtype is DType.BOOL:
            raise OpError(f"{cx.name} makes numbers, not bools", code="E0401", arg="dtype")
        return TensorType(dtype, (self._size(cx),))

    def _dtype(self) -> DType:
        if self.dtype is not None:
            return self.dtype
        ints = all(isinstance(v, Dim) for v in (self.start, self.end, self.step))
        return DType.I64 if ints else DType.FLOAT

    def _size(self, cx: Cx) -> Dim:
        start, end, step = self.start, self.end, self.step
        values = [_constant(v) for v in (start, end, step)]
        if None not in values:
            low, high, by = (v for v in values if v is not None)
            if by == 0 or (high - low) * by < 0:
                raise OpError(f"{cx.name} from {low} to {high} by {by} never ends", code="E0501", arg="step")
            return dim(math.ceil((high - low) / by))
        if not (isinstance(start, Dim) and isinstance(end, Dim) and isinstance(step, Dim)):
            raise OpError(
                f"{cx.name}'s size would be computed through floats, which the algebra does not follow",
                code="E0311",
                help="count with ints, then multiply",
            )
        if cx.holds(Cond.lt(step, 0)):
            start, end, step = -start, -end, -step
        at_least(cx, 1, step=step)
        length = end - start
        cx.require(
            Cond.ge(length, 0),
            f"{cx.name} runs from {start} to {end}, which may come before it",
            code="E0501",
            arg="end",
        )
        return length if step == 1 else (length + step - 1) // step

    def onnx(self, g: Graph) -> Value:
        dtype = self._dtype()
        values = [_constant(v) for v in (self.start, self.end, self.step)]
        if None not in values:
            low, high, by = (v for v in values if v is not None)
            count = math.ceil((high - low) / by)
            return g.const([low + i * by for i in range(count)], dtype)
        start, end, step = (g.dim(v) for v in (self.start, self.end, self.step))
        y = g.typed(g.Range(start, end, step), DType.I64, ())
        return g.cast(y, dtype)


def _constant(value: Any) -> int | float | None:
    if isinstance(value, Dim):
        return value.const
    return value if isinstance(value, float) else None
