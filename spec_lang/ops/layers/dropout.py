"""Layers that drop elements or channels in training and do nothing in evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ops.base import Cx, Layer, OpError, Tensor
from spec_lang.ops.kinds import Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, known_float, no_inplace, probability
from spec_lang.shapes import TensorType


class _Dropout(Layer):
    """In training an element is zero with probability p, else x / (1 - p); in evaluation y = x."""

    p: Number = 0.5
    inplace: bool = False

    shares = "idle"
    placement = "each"
    keeps = ""

    def check(self, cx: Cx) -> None:
        probability(cx, p=self.p)
        no_inplace(self.name, self.inplace)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        any_float(cx, input)
        return input

    def aside(self, out: Tensor, input: Tensor) -> Iterator[TensorType]:
        """What it multiplies by: a number for each element, where no kernel of the device's own keeps a bool."""
        if known_float(self.p, "p"):
            lead = len(out.shape) if not self.ranks else 2 if len(out.shape) == self.ranks[-1] else 1
            yield out.with_shape(out.shape[:lead])

    def onnx(self, g: Graph, input: Value) -> Value:
        return input


class Dropout(_Dropout):
    """Drops each element with probability p in training, and divides the rest by 1 - p."""

    torch = "nn.Dropout"


class Dropout1d(_Dropout):
    """Drops whole channels of [N, C, L] with probability p in training."""

    torch = "nn.Dropout1d"
    ranks = (2, 3)


class Dropout2d(_Dropout):
    """Drops whole channels of [N, C, H, W] with probability p in training."""

    torch = "nn.Dropout2d"
    ranks = (3, 4)


class Dropout3d(_Dropout):
    """Drops whole channels of [N, C, D, H, W] with probability p in training."""

    torch = "nn.Dropout3d"
    ranks = (4, 5)


class AlphaDropout(_Dropout):
    """Drops elements to SELU's negative saturation in training, keeping mean and variance."""

    torch = "nn.AlphaDropout"


class FeatureAlphaDropout(_Dropout):
    """Drops whole channels to SELU's negative saturation in training."""

    torch = "nn.FeatureAlphaDropout"

    def aside(self, out: Tensor, input: Tensor) -> Iterator[TensorType]:
        yield out.with_shape(out.shape[:2])

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        if input.rank is not None and input.rank < 2:
            raise OpError(f"{cx.name} drops channels of [N, C, ...], but its input is {input}", code="E0302")
        return super().infer(cx, input)
