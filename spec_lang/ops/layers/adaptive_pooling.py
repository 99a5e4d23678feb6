"""Pooling to a given size, whatever comes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from spec_lang.ops.base import Cx, Layer, Tensor
from spec_lang.ops.kinds import Dim, Size1, Size2, Size3
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.adaptive import adaptive_avg_onnx, adaptive_max_onnx, adaptive_result
from spec_lang.ops.rules.arguments import any_float, at_least
from spec_lang.shapes import DType, TensorType


class _Adaptive(Layer):
    """Part i of n covers the elements from ⌊i L / n⌋ to ⌈(i + 1) L / n⌉."""

    output_size: Sequence[Dim | None]

    placement = "batch"

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, output_size=[s for s in self.output_size if s is not None])


class _AdaptiveAvgPool(_Adaptive):
    """The mean of each part."""

    @property
    def keeps(self) -> str:  # type: ignore[override]  # of its arguments here
        """The mean of all is a sum, which keeps nothing."""
        return "" if all(s == 1 for s in self.output_size) else "input"

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        any_float(cx, input)
        return adaptive_result(input, self.output_size)

    def onnx(self, g: Graph, input: Value) -> Value:
        return adaptive_avg_onnx(g, input, self.output_size)


class _AdaptiveMaxPool(_Adaptive):
    """The maximum of each part."""

    return_indices: bool

    keeps = "input"

    def infer(self, cx: Cx, input: Tensor) -> Any:
        any_float(cx, input)
        y = adaptive_result(input, self.output_size)
        return (y, y.with_dtype(DType.I64)) if self.return_indices else y

    def aside(self, out: Any, input: Tensor) -> Iterator[TensorType]:
        """Where each maximum was."""
        yield out[1] if self.return_indices else out.with_dtype(DType.I64)

    def onnx(self, g: Graph, input: Value) -> Any:
        return adaptive_max_onnx(g, input, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of each of `output_size` nearly equal parts of one axis."""

    output_size: Size1

    torch = "nn.AdaptiveAvgPool1d"
    ranks = (2, 3)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maximum of each of `output_size` nearly equal parts of one axis."""

    output_size: Size1
    return_indices: bool = False

    torch = "nn.AdaptiveMaxPool1d"
    ranks = (2, 3)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of each of `output_size` nearly equal parts of two axes; `none` keeps an axis."""

    output_size: Size2 | tuple[Dim | None, Dim | None]

    torch = "nn.AdaptiveAvgPool2d"
    ranks = (3, 4)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maximum of each of `output_size` nearly equal parts of two axes; `none` keeps an axis."""

    output_size: Size2 | tuple[Dim | None, Dim | None]
    return_indices: bool = False

    torch = "nn.AdaptiveMaxPool2d"
    ranks = (3, 4)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of each of `output_size` nearly equal parts of three axes; `none` keeps an axis."""

    output_size: Size3 | tuple[Dim | None, Dim | None, Dim | None]

    torch = "nn.AdaptiveAvgPool3d"
    ranks = (4, 5)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maximum of each of `output_size` nearly equal parts of three axes; `none` keeps an axis."""

    output_size: Size3 | tuple[Dim | None, Dim | None, Dim | None]
    return_indices: bool = False

    torch = "nn.AdaptiveMaxPool3d"
    ranks = (4, 5)
