"""Sliding blocks taken out of images, and summed back: sizes and lowering.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Unfold.html
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from spec_lang.ops.base import Cx, Tensor
from spec_lang.ops.lowering import Graph, Unsupported, Value
from spec_lang.ops.rules.arguments import any_float, at_least, divides, known, written_out
from spec_lang.ops.rules.convolution import batch, conv_sizes, nondefault, unbatch
from spec_lang.shapes import Dim, dim, exact_div


class Blocks(NamedTuple):
    """Where the blocks lie, for each of two axes."""

    kernel_size: Sequence[Dim]
    dilation: Sequence[Dim]
    padding: Sequence[Dim]
    stride: Sequence[Dim]

    def check(self, cx: Cx) -> None:
        """The conditions on the arguments alone."""
        at_least(cx, 1, kernel_size=self.kernel_size, dilation=self.dilation, stride=self.stride)
        at_least(cx, 0, padding=self.padding)

    def counts(self, cx: Cx, sizes: Sequence[Dim]) -> tuple[Dim, ...]:
        """How many blocks fit along each axis.

        Raises:
            OpError: none does.
        """
        sides = [(p, p) for p in self.padding]
        return conv_sizes(cx, sizes, self.kernel_size, self.stride, sides, self.dilation)

    def unfolded(self, cx: Cx, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, C kh kw, blocks], or the same without N."""
        any_float(cx, x)
        *lead, channels, _, _ = x.dims
        blocks = self.counts(cx, x.dims[-2:])
        return x.with_shape((*lead, prod(self.kernel_size, start=channels), prod(blocks, start=dim(1))))

    def folded(self, cx: Cx, x: Tensor, output_size: Sequence[Dim]) -> Tensor:
        """[N, C kh kw, blocks] to [N, C, H, W], or the same without N.

        Raises:
            OpError: the sizes do not fit.
        """
        any_float(cx, x)
        *lead, columns, length = x.dims
        area = prod(self.kernel_size, start=dim(1))
        divides(cx, area, columns, "kernel_size", f"its {columns} columns", f"blocks of {area}")
        blocks = prod(self.counts(cx, output_size), start=dim(1))
        cx.equal(
            blocks,
            length,
            f"{cx.name} needs {blocks} blocks for its output, but gets {length}",
            arg="output_size",
        )
        return x.with_shape((*lead, exact_div(columns, area), *output_size))

    def unfold_onnx(self, g: Graph, x: Value) -> Value:
        """A convolution of each channel by itself, whose kernels each pick one element of the block."""
        *lead, channels, _, _ = x.dims
        (count,), kernel = known([channels], "the number of channels"), known(self.kernel_size, "kernel_size")
        area = prod(kernel)
        written_out(area * area * count, "unfold")
        one = [[_picture(i, kernel[0], kernel[1])] for i in range(area)]
        attributes = nondefault(
            strides=(known(self.stride, "stride"), [1, 1]),
            pads=(known(self.padding, "padding") * 2, [0] * 4),
            dilations=(known(self.dilation, "dilation"), [1, 1]),
            group=(count, 1),
        )
        weight = g.const(one * count, x.dtype)
        y = g.Conv(batch(g, x, len(lead) == 1), weight, kernel_shape=kernel, **attributes)
        if len(lead) == 1:
            return g.Reshape(y, g.ints([0, count * area, -1]))
        return g.Reshape(y, g.ints([count * area, -1]))

    def fold_onnx(self, g: Graph, x: Value, output_size: Sequence[Dim]) -> Value:
        """One Col2Im node (opset 18)."""
        if g.opset < 18:
            raise Unsupported("summing blocks into an image needs opset 18")
        attributes = nondefault(
            strides=(known(self.stride, "stride"), [1, 1]),
            pads=(known(self.padding, "padding") * 2, [0] * 4),
            dilations=(known(self.dilation, "dilation"), [1, 1]),
        )
        batched = len(x.dims) == 3
        kernel = g.ints(known(self.kernel_size, "kernel_size"))
        y = g.Col2Im(batch(g, x, batched), g.dims(output_size), kernel, **attributes)
        return unbatch(g, y, batched)


def _picture(at: int, height: int, width: int) -> list[list[float]]:
    """Zeros but for a one at the element `at`, counted row by row."""
    return [[float(row * width + column == at) for column in range(width)] for row in range(height)]
