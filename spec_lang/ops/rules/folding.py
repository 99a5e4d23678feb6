"""Sliding blocks taken out of images, and summed back: sizes and lowering.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Unfold.html
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from spec_lang.frozen import Record
from spec_lang.ops.base import Cx, Tensor
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, at_least, divides, known, written_out
from spec_lang.ops.rules.convolution import batch, conv_sizes, nondefault, unbatch
from spec_lang.ops.rules.elementwise import LOWERING
from spec_lang.shapes import Dim, dim, exact_div


class Blocks(Record):
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
        if channels.const is None:
            return self._unfold_each(g, x)
        count, kernel = channels.const, known(self.kernel_size, "kernel_size")
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

    def _unfold_each(self, g: Graph, x: Value) -> Value:
        """The channels as samples of one channel."""
        *lead, channels, height, width = x.dims
        each = g.reshape(x, [prod(lead, start=channels), 1, height, width])
        blocks = prod(self.counts(LOWERING, x.dims[-2:]), start=dim(1))
        area = prod(self.kernel_size, start=dim(1))
        y = g.typed(self.unfold_onnx(g, each), x.dtype, (each.dims[0], area, blocks))
        return g.reshape(y, [*lead, channels * area, blocks])

    def fold_onnx(self, g: Graph, x: Value, output_size: Sequence[Dim]) -> Value:
        """One Col2Im node, from opset 18 on."""
        if g.opset < 18:
            return self._transposed(g, x, output_size)
        attributes = nondefault(
            strides=(known(self.stride, "stride"), [1, 1]),
            pads=(known(self.padding, "padding") * 2, [0] * 4),
            dilations=(known(self.dilation, "dilation"), [1, 1]),
        )
        batched = len(x.dims) == 3
        kernel = g.ints(known(self.kernel_size, "kernel_size"))
        y = g.Col2Im(batch(g, x, batched), g.dims(output_size), kernel, **attributes)
        return unbatch(g, y, batched)

    def _transposed(self, g: Graph, x: Value, output_size: Sequence[Dim]) -> Value:
        """A transposed convolution whose kernels each put one element of the block, cut out of the padded image."""
        kernel, stride = known(self.kernel_size, "kernel_size"), known(self.stride, "stride")
        dilation, padding = known(self.dilation, "dilation"), known(self.padding, "padding")
        *lead, columns, _ = x.dims
        area = prod(kernel)
        each = prod(lead, start=exact_div(columns, dim(area)))
        blocks = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(output_size, kernel, stride, padding, dilation, strict=True)
        ]
        image = g.reshape(x, [each, area, *blocks])
        weight = g.const([[_picture(i, kernel[0], kernel[1])] for i in range(area)], x.dtype)
        attributes = nondefault(strides=(stride, [1, 1]), dilations=(dilation, [1, 1]))
        y = g.ConvTranspose(image, weight, kernel_shape=kernel, **attributes)
        y = g.Pad(y, g.ints([0] * 6 + [s - 1 for s in stride]))  # what no block reaches
        ends = [size + p for size, p in zip(output_size, padding, strict=True)]
        y = g.Slice(y, g.ints(padding), g.dims(ends), g.ints([2, 3]))
        y = g.typed(y, x.dtype, (each, dim(1), *output_size))
        return g.reshape(y, [*lead, exact_div(columns, dim(area)), *output_size])


def _picture(at: int, height: int, width: int) -> list[list[float]]:
    """Zeros but for a one at the element `at`, counted row by row."""
    return [[float(row * width + column == at) for column in range(width)] for row in range(height)]
