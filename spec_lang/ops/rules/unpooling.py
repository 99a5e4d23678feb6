"""Unpooling: sizes and lowering, for the layers and the functions.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from spec_lang.frozen import Record
from spec_lang.ops.base import Cx, OpError
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, same_shape
from spec_lang.ops.rules.elementwise import LOWERING, takes
from spec_lang.shapes import Cond, Dim, DType, TensorType, dim


class Unpooling(Record):
    """The windows whose maxima go back to where they were."""

    kernel_size: Sequence[Dim]
    stride: Sequence[Dim]
    padding: Sequence[Dim]

    def check(self, cx: Cx) -> None:
        """The conditions on the arguments alone."""
        at_least(cx, 1, kernel_size=self.kernel_size, stride=self.stride)
        at_least(cx, 0, padding=self.padding)

    def result(
        self, cx: Cx, x: TensorType, indices: TensorType, output_size: Sequence[Dim] | None
    ) -> TensorType:
        """(L - 1) s - 2p + k elements an axis, or nearly so many where `output_size` says it.

        Raises:
            OpError: the sizes do not fit.
        """
        takes(cx, x, {DType.FLOAT, DType.F32, DType.F64})
        takes(cx, indices, {DType.I64}, "its indices")
        same_shape(cx, indices, x.shape, "indices")
        n = len(self.kernel_size)
        plain = [
            (size - 1) * s - 2 * p + k
            for size, s, p, k in zip(x.dims[-n:], self.stride, self.padding, self.kernel_size, strict=True)
        ]
        sizes = plain if output_size is None else self._asked(cx, plain, output_size)
        for size in sizes:
            cx.require(Cond.ge(size, 1), f"{cx.name} gives {size} elements there", code="E0304")
        return x.with_shape((*x.shape[:-n], *sizes))

    def _asked(self, cx: Cx, plain: Sequence[Dim], output_size: Sequence[Dim]) -> list[Dim]:
        n = len(plain)
        if len(output_size) not in (n, n + 2):
            raise OpError(
                f"{cx.name} takes an output_size of {n} or {n + 2} dims, but it has {len(output_size)}",
                code="E0501",
                arg="output_size",
            )
        wanted = list(output_size[-n:])
        for size, least, s in zip(wanted, plain, self.stride, strict=True):
            cx.require(
                Cond.gt(size, least - s) & Cond.lt(size, least + s),
                f"{cx.name} can give {least - s + 1} to {least + s - 1} there, but output_size asks for {size}",
                code="E0304",
                arg="output_size",
            )
        return wanted

    def onnx(self, g: Graph, x: Value, indices: Value, output_size: Sequence[Dim] | None) -> Value:
        """Zeros, and in each plane the maxima where `indices` say."""
        n = len(self.kernel_size)
        shape = self.result(LOWERING, x, indices, output_size).dims
        lead, plane = x.dims[:-n], prod(shape[-n:], start=dim(1))
        count = prod(x.dims[-n:], start=dim(1))
        empty = g.Expand(g.const(0.0, x.dtype), g.dims([*lead, plane]))
        flat = (g.reshape(v, [*lead, count]) for v in (indices, x))
        y = g.ScatterElements(empty, *flat, axis=len(lead))
        return g.reshape(g.typed(y, x.dtype, (*lead, plane)), shape)
