"""Layers that extend the last axes."""

from __future__ import annotations

from typing import Any, ClassVar

from spec_lang.ops.base import Cx, Layer, OpError, Tensor, known_rank
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import any_float, known_float
from spec_lang.ops.rules.padding import Sides, non_negative, pad_onnx, pad_sizes, pairs


class _Pad(Layer):
    """Padding of the last `spatial` axes; the list starts with the last axis, as PyTorch's does."""

    padding: Any

    placement = "batch"
    spatial: ClassVar[int]
    mode: ClassVar[str] = "constant"

    @property
    def sides(self) -> Sides:
        if isinstance(self.padding, Dim):
            return [(self.padding, self.padding)] * self.spatial
        return pairs(self.padding)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        rank = input.rank
        if rank is not None and rank < self.spatial:
            raise OpError(f"{cx.name} pads {self.spatial} axes, but its input is {input}", code="E0302")
        if rank is None:
            known_rank(cx, input)
        sizes = pad_sizes(cx, input.dims[-self.spatial :], self.sides, self.mode)
        return input.with_shape((*input.shape[: -self.spatial], *sizes))

    def onnx(self, g: Graph, input: Value) -> Value:
        return pad_onnx(g, input, self.sides, self.mode)


class _ConstantPad(_Pad):
    """Padding by one value; negative padding crops."""

    keeps = ""

    def onnx(self, g: Graph, input: Value) -> Value:
        value = known_float(getattr(self, "value", 0.0), "value")
        return pad_onnx(g, input, self.sides, self.mode, value if input.dtype.is_float else int(value))


class _FloatPad(_Pad):
    """Padding by what is there, of floats."""

    def check(self, cx: Cx) -> None:
        non_negative(cx, self.sides)

    def infer(self, cx: Cx, input: Tensor) -> Tensor:
        any_float(cx, input)
        return super().infer(cx, input)


class _ReflectionPad(_FloatPad):
    """Padding by the mirror image, without the border itself."""

    keeps = "input"

    mode = "reflect"


class _ReplicationPad(_FloatPad):
    """Padding by the border."""

    keeps = "input"

    mode = "replicate"


class _CircularPad(_FloatPad):
    """Padding by the other end."""

    keeps = ""

    mode = "circular"


class ZeroPad1d(_ConstantPad):
    """Extends the last axis by zeros."""

    padding: Dim | tuple[Dim, Dim]

    torch = "nn.ZeroPad1d"
    spatial = 1


class ZeroPad2d(_ConstantPad):
    """Extends the last two axes by zeros."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim]

    torch = "nn.ZeroPad2d"
    spatial = 2


class ZeroPad3d(_ConstantPad):
    """Extends the last three axes by zeros."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim, Dim, Dim]

    torch = "nn.ZeroPad3d"
    spatial = 3


class ConstantPad1d(_ConstantPad):
    """Extends the last axis by `value`."""

    padding: Dim | tuple[Dim, Dim]
    value: Number

    torch = "nn.ConstantPad1d"
    spatial = 1


class ConstantPad2d(_ConstantPad):
    """Extends the last two axes by `value`."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim]
    value: Number

    torch = "nn.ConstantPad2d"
    spatial = 2


class ConstantPad3d(_ConstantPad):
    """Extends the last three axes by `value`."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim, Dim, Dim]
    value: Number

    torch = "nn.ConstantPad3d"
    spatial = 3


class ReflectionPad1d(_ReflectionPad):
    """Extends the last axis by its mirror image."""

    padding: Dim | tuple[Dim, Dim]

    torch = "nn.ReflectionPad1d"
    spatial = 1
    ranks = (2, 3)


class ReflectionPad2d(_ReflectionPad):
    """Extends the last two axes by its mirror image."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim]

    torch = "nn.ReflectionPad2d"
    spatial = 2
    ranks = (3, 4)


class ReflectionPad3d(_ReflectionPad):
    """Extends the last three axes by its mirror image."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim, Dim, Dim]

    torch = "nn.ReflectionPad3d"
    spatial = 3
    ranks = (4, 5)


class ReplicationPad1d(_ReplicationPad):
    """Extends the last axis by its border."""

    padding: Dim | tuple[Dim, Dim]

    torch = "nn.ReplicationPad1d"
    spatial = 1
    ranks = (2, 3)


class ReplicationPad2d(_ReplicationPad):
    """Extends the last two axes by its border."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim]

    torch = "nn.ReplicationPad2d"
    spatial = 2
    ranks = (3, 4)


class ReplicationPad3d(_ReplicationPad):
    """Extends the last three axes by its border."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim, Dim, Dim]

    torch = "nn.ReplicationPad3d"
    spatial = 3
    ranks = (4, 5)


class CircularPad1d(_CircularPad):
    """Extends the last axis by its other end."""

    padding: Dim | tuple[Dim, Dim]

    torch = "nn.CircularPad1d"
    spatial = 1
    ranks = (2, 3)


class CircularPad2d(_CircularPad):
    """Extends the last two axes by its other end."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim]

    torch = "nn.CircularPad2d"
    spatial = 2
    ranks = (3, 4)


class CircularPad3d(_CircularPad):
    """Extends the last three axes by its other end."""

    padding: Dim | tuple[Dim, Dim, Dim, Dim, Dim, Dim]

    torch = "nn.CircularPad3d"
    spatial = 3
    ranks = (4, 5)
