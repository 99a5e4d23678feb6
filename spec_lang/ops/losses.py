"""Losses: each is a function of `torch.nn.functional` and the layer of `torch.nn` with the same arguments.

Source: https://docs.pytorch.org/docs/stable/nn.html#loss-functions
"""

from __future__ import annotations

from typing import ClassVar, Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank
from spec_lang.ops.kinds import Count, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import probability
from spec_lang.ops.rules.elementwise import FLOATS, same_dtype, takes
from spec_lang.ops.twin import _OfTarget, twin
from spec_lang.shapes import Dim, DType, Shape


class _Loss(Function):
    """One number for each element or sample, or their mean or sum."""

    input: Tensor
    target: Tensor

    reduction: Literal["none", "mean", "sum"]

    def reduced_type(self, each: Tensor) -> Tensor:
        """The type after `reduction`."""
        return each if self.reduction == "none" else each.with_shape(())

    def reduce(self, g: Graph, each: Value) -> Value:
        """Apply `reduction`."""
        if self.reduction == "none":
            return each
        return (g.ReduceMean if self.reduction == "mean" else g.ReduceSum)(each, keepdims=0)


class _ByClass(_Loss):
    """A loss of scores [N, C, d1, ...], [C] or [N, C] and class indices [N, d1, ...], [] or [N]."""

    weight: Tensor | None = None

    classes_of: ClassVar[str] = "its input"

    def class_axis(self) -> int:
        """Where the classes are."""
        return 0 if len(self.input.shape) == 1 else 1

    def check_indices(self, cx: Cx) -> Shape:
        """The shape of one loss for each sample.

        Raises:
            OpError: the target is no class index for each sample.
        """
        x, target = self.input, self.target
        takes(cx, x, FLOATS)
        if target.dtype not in (DType.I64, DType.U8):
            raise OpError(
                f"{cx.name} takes class indices of dtype int, but the target is {target}",
                code="E0401",
                arg="target",
                help="convert with `to(int)`",
            )
        axis = self.class_axis()
        samples = (*x.shape[:axis], *x.shape[axis + 1 :])
        if len(target.shape) != len(samples):
            raise OpError(
                f"{cx.name} takes a target [{', '.join(map(str, samples))}] for {x}, but gets {target}",
                code="E0302",
                arg="target",
            )
        for a, b in zip(samples, target.shape, strict=True):
            if isinstance(a, Dim) and isinstance(b, Dim):
                cx.equal(
                    a, b, f"{cx.name} takes one class for each sample of {x}, but the target is {target}"
                )
        self.check_weight(cx)
        return samples

    def check_weight(self, cx: Cx) -> None:
        """One weight for each class."""
        if self.weight is None:
            return
        same_dtype(cx, self.input, self.weight)
        known_rank(cx, self.weight, (1,), "its weight")
        size = self.input.shape[self.class_axis()]
        if isinstance(size, Dim):
            cx.equal(
                self.weight.dims[0],
                size,
                f"{cx.name} has {self.weight.dims[0]} weights for {size} classes",
                arg="weight",
            )


class cross_entropy(_ByClass):
    """-log softmax(input)[target]; the target may be class indices, or probabilities of the input's shape."""

    ignore_index: Count = -100
    reduction: Literal["none", "mean", "sum"] = "mean"
    label_smoothing: Number = 0.0

    torch = "F.cross_entropy"
    keywords = ("ignore_index", "reduction", "label_smoothing")

    def check(self, cx: Cx) -> None:
        probability(cx, label_smoothing=self.label_smoothing)

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        x, target = self.input, self.target
        known_rank(cx, x)
        if not x.shape:
            raise OpError(f"{cx.name} takes scores with a dim of classes, but gets {x}", code="E0302")
        if not target.dtype.is_float:
            return self.reduced_type(x.with_shape(self.check_indices(cx)))
        return self._of_probabilities(cx)

    def _of_probabilities(self, cx: Cx) -> Tensor:
        x, target = self.input, self.target
        takes(cx, x, FLOATS)
        same_dtype(cx, x, target)
        if len(x.shape) != len(target.shape):
            raise OpError(
                f"{cx.name} takes probabilities of the shape of {x}, but gets {target}", code="E0302"
            )
        for a, b in zip(x.dims, target.dims, strict=True):
            cx.equal(a, b, f"{cx.name} takes probabilities of the shape of {x}, but gets {target}")
        self.check_weight(cx)
        axis = self.class_axis()
        return self.reduced_type(x.with_shape((*x.shape[:axis], *x.shape[axis + 1 :])))


twin(cross_entropy, "CrossEntropyLoss", _OfTarget)
