"""Functions that a layer without parameters computes too: its rule and lowering, the arguments in the function's order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from spec_lang.ops.base import Cx, Function, Layer, Tensor, known_rank
from spec_lang.ops.lowering import Graph
from spec_lang.shapes import TensorType


class _AsLayer(Function):
    """A function of `input` that a layer with the same arguments computes."""

    input: Tensor

    layer: ClassVar[type[Layer]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "layer" in vars(cls):
            cls.placement = cls.layer.placement
            cls.keeps = cls.layer.keeps

    def as_layer(self) -> Layer:
        """The layer with these arguments."""
        values = dict(vars(self))
        del values["input"]
        return self.layer(**values)

    def infer(self, cx: Cx) -> Any:
        layer = self.as_layer()
        layer.check(cx)
        if layer.ranks:
            known_rank(cx, self.input, layer.ranks)
        return layer.infer(cx, self.input)

    def aside(self, out: Any) -> Iterator[TensorType]:
        return self.as_layer().aside(out, self.input)

    def onnx(self, g: Graph) -> Any:
        return self.as_layer().onnx(g, self.input)
