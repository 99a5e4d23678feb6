"""Losses: each is a function of `torch.nn.functional` and the layer of `torch.nn` with the same arguments.

Inputs and targets have one shape: PyTorch would broadcast some of them, with a warning, which is a mistake as a rule.

Source: https://docs.pytorch.org/docs/stable/nn.html#loss-functions
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank
from spec_lang.ops.functions.shape import numel
from spec_lang.ops.kinds import Count, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, known_float, number, probability
from spec_lang.ops.rules.ctc import ctc_onnx
from spec_lang.ops.rules.distance import cosine_onnx, pairwise_onnx
from spec_lang.ops.rules.elementwise import FLOATS, operand, result_shape, same_dtype, takes
from spec_lang.ops.rules.reductions import reduced
from spec_lang.ops.twin import _OfPair, _OfSequences, _OfTarget, _OfTriplet, _OfVariance, twin
from spec_lang.shapes import Cond, Dim, DType, Pack, Shape, TensorType, dim

WIDE = FLOATS - {DType.F16, DType.BF16}
"""What losses take that PyTorch computes in no shorter precision on the CPU."""


class _Loss(Function):
    """One number for each element or sample, or their mean or sum."""

    reduction: Literal["none", "mean", "sum"]

    def reduced_type(self, each: Tensor) -> Tensor:
        """The type after `reduction`."""
        return each if self.reduction == "none" else each.with_shape(())

    def reduce(self, g: Graph, each: Value, like: Tensor) -> Value:
        """Apply `reduction` to the losses, of the dtype and shape of `like`."""
        if self.reduction == "none" or not like.shape:
            return each
        return reduced(g, self.reduction, g.typed(each, like.dtype, like.shape), None, False)


def same_shape(cx: Cx, a: Tensor, b: Tensor, what: str = "target") -> None:
    """Demand one shape.

    Raises:
        OpError: E0302 or E0301, another.
    """
    if len(a.shape) != len(b.shape):
        raise OpError(
            f"{cx.name} takes a {what} of the shape of {a}, but gets {b}",
            code="E0302",
            arg=what,
            help=_of_ranks(a, b, what),
        )
    for x, y in zip(a.shape, b.shape, strict=True):
        if x == y:
            continue
        if not isinstance(x, Dim) or not isinstance(y, Dim):
            raise OpError(
                f"{cx.name} takes a {what} of the shape of {a}, but gets {b}", code="E0301", arg=what
            )
        cx.equal(
            x, y, f"{cx.name} takes a {what} of the shape of {a}, but gets {b}: {x} and {y} differ", arg=what
        )


def _of_ranks(a: Tensor, b: Tensor, what: str) -> str | None:
    """What to do where one of two shapes is the other and an axis of size 1, or where a target may count classes."""
    longer, shorter = (a, b) if len(a.shape) > len(b.shape) else (b, a)
    for k, size in enumerate(longer.shape):
        if size == dim(1) and (*longer.shape[:k], *longer.shape[k + 1 :]) == shorter.shape:
            whose = "the input" if longer is a else f"the {what}"
            return f"`squeeze({k})` takes the axis of size 1 from {whose}"
    return (
        "the numbers of classes are ints: `int[N]`"
        if what == "target" and b.rank == 1 < len(a.shape)
        else None
    )


# --- Element by element ---------------------------------------------------------------------


class _Elementwise(_Loss):
    """A loss for each element."""

    input: Tensor
    target: Tensor

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        takes(cx, self.input, FLOATS)
        same_dtype(cx, self.input, self.target)
        same_shape(cx, self.input, self.target)
        return self.reduced_type(self.input)

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        """The loss of each element."""
        raise NotImplementedError

    def onnx(self, g: Graph) -> Value:
        return self.reduce(g, self.each(g, self.input, self.target), self.input)

    def number(self, g: Graph, value: Any) -> Value:
        """A number as the input's dtype."""
        return operand(g, value, self.input.dtype)


class l1_loss(_Elementwise):
    """|input - target|."""

    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.l1_loss"
    keywords = ("reduction",)

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        return g.Abs(g.Sub(x, y))


class mse_loss(_Elementwise):
    """(input - target)²."""

    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.mse_loss"
    keywords = ("reduction",)
    keeps = "inputs"

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        difference = g.Sub(x, y)
        return g.Mul(difference, difference)


def _quadratic_below(g: Graph, size: Value, limit: Value, slope: Value, below: Value) -> Value:
    """`below` where |d| < limit, else slope (|d| - limit / 2)."""
    half = g.Mul(limit, g.const(0.5, limit.dtype))
    return g.Where(g.Less(size, limit), below, g.Mul(slope, g.Sub(size, half)))


class smooth_l1_loss(_Elementwise):
    """d² / (2 beta) where |d| < beta, else |d| - beta / 2. Source: https://arxiv.org/abs/1504.08083"""

    reduction: Literal["none", "mean", "sum"] = "mean"
    beta: Number = 1.0

    torch = "F.smooth_l1_loss"
    keywords = ("reduction", "beta")

    def check(self, cx: Cx) -> None:
        number(cx, ">=", 0, beta=self.beta)

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        size, beta = g.Abs(g.Sub(x, y)), self.number(g, self.beta)
        if known_float(self.beta, "beta") == 0:
            return size
        below = g.Div(g.Mul(g.Mul(size, size), self.number(g, 0.5)), beta)
        return _quadratic_below(g, size, beta, self.number(g, 1.0), below)


class huber_loss(_Elementwise):
    """d² / 2 where |d| < delta, else delta (|d| - delta / 2)."""

    reduction: Literal["none", "mean", "sum"] = "mean"
    delta: Number = 1.0

    torch = "F.huber_loss"
    keeps = "inputs"

    def check(self, cx: Cx) -> None:
        number(cx, ">", 0, delta=self.delta)

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        size, delta = g.Abs(g.Sub(x, y)), self.number(g, self.delta)
        below = g.Mul(g.Mul(size, size), self.number(g, 0.5))
        return _quadratic_below(g, size, delta, delta, below)


class soft_margin_loss(_Elementwise):
    """log(1 + exp(-target input))."""

    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.soft_margin_loss"
    keywords = ("reduction",)
    keeps = "inputs"

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        return g.Softplus(g.Neg(g.Mul(y, x)))


class hinge_embedding_loss(_Elementwise):
    """input where the target is 1, max(0, margin - input) where it is -1."""

    margin: Number = 1.0
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.hinge_embedding_loss"
    keywords = ("reduction",)

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        zero, one = self.number(g, 0.0), self.number(g, 1.0)
        far = g.Relu(g.Sub(self.number(g, self.margin), x))
        near = g.Where(g.Equal(y, self.number(g, -1.0)), zero, x)
        return g.Add(near, g.Where(g.Equal(y, one), zero, far))


class poisson_nll_loss(_Elementwise):
    """exp(input) - target input, or input - target log(input + eps) of rates; `full` adds Stirling's term."""

    log_input: bool = True
    full: bool = False
    eps: Number = 1e-8
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.poisson_nll_loss"
    keywords = ("eps", "reduction")

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        if self.log_input:
            loss = g.Sub(g.Exp(x), g.Mul(y, x))
        else:
            loss = g.Sub(x, g.Mul(y, g.Log(g.Add(x, self.number(g, self.eps)))))
        return g.Add(loss, self._stirling(g, y)) if self.full else loss

    def _stirling(self, g: Graph, y: Value) -> Value:
        """y log y - y + log(2 pi y) / 2 where y > 1, else 0."""
        root = g.Mul(self.number(g, 0.5), g.Log(g.Mul(self.number(g, 2 * math.pi), y)))
        term = g.Add(g.Sub(g.Mul(y, g.Log(y)), y), root)
        return g.Where(g.LessOrEqual(y, self.number(g, 1.0)), self.number(g, 0.0), term)


class kl_div(_Elementwise):
    """target (log target - input); with `log_target` the target is a logarithm too."""

    reduction: Literal["none", "mean", "sum", "batchmean"] = "mean"
    log_target: bool = False

    torch = "F.kl_div"
    keywords = ("reduction", "log_target")

    def infer(self, cx: Cx) -> Tensor:
        if self.reduction == "batchmean" and not self.input.shape:
            raise OpError(f"{cx.name} takes the mean over a batch, but gets {self.input}", code="E0302")
        return super().infer(cx)

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        if self.log_target:
            return g.Mul(g.Exp(y), g.Sub(y, x))
        zero = self.number(g, 0.0)
        entropy = g.Where(g.Equal(y, zero), zero, g.Mul(y, g.Log(y)))
        return g.Sub(entropy, g.Mul(y, x))

    def reduce(self, g: Graph, each: Value, like: Tensor) -> Value:
        if self.reduction != "batchmean":
            return super().reduce(g, each, like)
        total = reduced(g, "sum", g.typed(each, like.dtype, like.shape), None, False)
        return g.Div(total, g.scalar(like.dims[0], like.dtype))


class binary_cross_entropy(_Elementwise):
    """-(target log input + (1 - target) log(1 - input)), logarithms at least -100."""

    weight: Tensor | None = None
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.binary_cross_entropy"
    keywords = ("reduction",)
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        _weighted(cx, self.input, self.weight, "weight")
        return super().infer(cx)

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        one, least = self.number(g, 1.0), self.number(g, -100.0)
        right = g.Mul(y, g.Max(g.Log(x), least))
        wrong = g.Mul(g.Sub(one, y), g.Max(g.Log(g.Sub(one, x)), least))
        loss = g.Neg(g.Add(right, wrong))
        return loss if self.weight is None else g.Mul(loss, self.weight)


def _weighted(cx: Cx, x: Tensor, weight: Tensor | None, arg: str) -> None:
    """Demand that a weight broadcasts to the input."""
    if weight is None:
        return
    same_dtype(cx, x, weight)
    if result_shape(cx, weight, x) != x.shape:
        raise OpError(f"{cx.name} cannot broadcast its {arg} {weight} to {x}", code="E0305", arg=arg)


class binary_cross_entropy_with_logits(_Elementwise):
    """Binary cross entropy of sigmoid(input), computed stably; `pos_weight` scales the positive class."""

    weight: Tensor | None = None
    reduction: Literal["none", "mean", "sum"] = "mean"
    pos_weight: Tensor | None = None

    torch = "F.binary_cross_entropy_with_logits"
    keywords = ("reduction", "pos_weight")
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        _weighted(cx, self.input, self.weight, "weight")
        _weighted(cx, self.input, self.pos_weight, "pos_weight")
        return super().infer(cx)

    def each(self, g: Graph, x: Value, y: Value) -> Value:
        one = self.number(g, 1.0)
        log_sigmoid = g.Neg(g.Softplus(g.Neg(x)))
        if self.pos_weight is not None:
            scale = g.Add(g.Mul(g.Sub(self.pos_weight, one), y), one)
            log_sigmoid = g.Mul(scale, log_sigmoid)
        loss = g.Sub(g.Mul(g.Sub(one, y), x), log_sigmoid)
        return loss if self.weight is None else g.Mul(loss, self.weight)


# --- By class -------------------------------------------------------------------------------


def _flat_target(cx: Cx, samples: Shape, target: Tensor) -> str | None:
    """What gives a target the shape of the samples: it has an axis too many, or is as many in several dims."""
    sizes = target.shape
    if any(isinstance(d, Pack) for d in (*samples, *sizes)):
        return None
    if len(sizes) == len(samples) + 1 and sizes[-1] == 1 and sizes[:-1] == samples:
        return f"`squeeze({len(sizes) - 1})` takes the axis of size 1 from the target"
    if len(samples) == 1 and numel(target.dims) == samples[0]:
        return "the scores are flat: `flatten()` the target too"
    return None


class _ByClass(_Loss):
    """A loss of scores [C], [N, C] or [N, C, d1, ...] and class indices [], [N] or [N, d1, ...]."""

    input: Tensor
    target: Tensor
    weight: Tensor | None = None

    def class_axis(self) -> int:
        """Where the classes are."""
        return 0 if len(self.input.shape) == 1 else 1

    def samples(self) -> Shape:
        """The input's shape without its classes."""
        axis = self.class_axis()
        return (*self.input.shape[:axis], *self.input.shape[axis + 1 :])

    def check_indices(self, cx: Cx) -> Tensor:
        """The type of one loss for each sample.

        Raises:
            OpError: the target is no class index for each sample.
        """
        x, target = self.input, self.target
        takes(cx, x, FLOATS)
        known_rank(cx, x)
        if not x.shape:
            raise OpError(f"{cx.name} takes scores with a dim of classes, but gets {x}", code="E0302")
        if target.dtype is not DType.I64:
            raise OpError(
                f"{cx.name} takes class indices of dtype int, but the target is {target}",
                code="E0401",
                arg="target",
                help="convert with `to(int)`",
            )
        samples = x.with_shape(self.samples())
        if len(target.shape) != len(samples.shape):
            listed = ", ".join(map(str, samples.shape))
            raise OpError(
                f"{cx.name} takes a target [{listed}] for {x}, but gets {target}",
                code="E0302",
                arg="target",
                help=_flat_target(cx, samples.shape, target),
            )
        if samples.shape != target.shape == x.shape[:-1]:
            raise OpError(
                f"{cx.name} takes one class for each sample of {x}, but the target is {target}",
                code="E0301",
                arg="target",
                help="classes are dim 1 of the scores: `transpose(1, -1)` puts them there; or `flatten(0, -2)` the "
                "scores and `flatten()` the target",
            )
        for a, b in zip(samples.shape, target.shape, strict=True):
            if isinstance(a, Dim) and isinstance(b, Dim):
                cx.equal(
                    a, b, f"{cx.name} takes one class for each sample of {x}, but the target is {target}"
                )
        self.check_weight(cx)
        return samples

    def check_weight(self, cx: Cx) -> None:
        """Demand one weight for each class."""
        if self.weight is None:
            return
        same_dtype(cx, self.input, self.weight)
        known_rank(cx, self.weight, (1,), "its weight")
        size, have = self.input.dims[self.class_axis()], self.weight.dims[0]
        cx.equal(have, size, f"{cx.name} has {have} weights for {size} classes", arg="weight")

    def of_logs(self, g: Graph, logs: Value, ignore_index: int, smoothing: float = 0.0) -> Value:
        """(1 - s) nll + s of the mean over classes, both without what is ignored.

        It is spelled out: not every runtime reads NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
        """
        x, axis, dtype = self.input, self.class_axis(), self.input.dtype
        samples = x.with_shape(self.samples())
        kept = g.Not(g.Equal(self.target, g.const(ignore_index, DType.I64)))
        index = g.Where(kept, self.target, g.const(0, DType.I64))
        places = g.Unsqueeze(index, g.ints([axis]))
        each = g.Neg(g.Squeeze(g.GatherElements(logs, places, axis=axis), g.ints([axis])))
        count: Value = g.cast(g.typed(kept, DType.BOOL, samples.shape), dtype)
        spread = logs
        if self.weight is not None:
            weights = g.Gather(self.weight, index)
            each = g.Mul(each, weights)
            count = g.Mul(count, weights)
            spread = g.Mul(logs, _by_channel(g, self.weight, len(x.shape) - axis - 1))
        if smoothing:
            every = g.Neg(reduced(g, "mean", g.typed(spread, dtype, x.shape), [axis], False))
            each = g.Add(g.Mul(each, g.const(1 - smoothing, dtype)), g.Mul(every, g.const(smoothing, dtype)))
        each = g.typed(g.Where(kept, each, g.const(0.0, dtype)), dtype, samples.shape)
        if self.reduction != "mean":
            return self.reduce(g, each, samples)
        if not samples.shape:
            return g.Div(each, count)
        total = reduced(g, "sum", each, None, False)
        return g.Div(total, reduced(g, "sum", g.typed(count, dtype, samples.shape), None, False))


class nll_loss(_ByClass):
    """-weight[target] input[target] of log-probabilities."""

    ignore_index: Count = -100
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.nll_loss"
    keywords = ("ignore_index", "reduction")
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        return self.reduced_type(self.check_indices(cx))

    def onnx(self, g: Graph) -> Value:
        return self.of_logs(g, self.input, self.ignore_index)


class cross_entropy(_ByClass):
    """-log softmax(input)[target]; the target may be class indices, or probabilities of the input's shape."""

    ignore_index: Count = -100
    reduction: Literal["none", "mean", "sum"] = "mean"
    label_smoothing: Number = 0.0

    torch = "F.cross_entropy"
    keywords = ("ignore_index", "reduction", "label_smoothing")
    keeps = "indices"

    def check(self, cx: Cx) -> None:
        probability(cx, label_smoothing=self.label_smoothing)

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        if not self.target.dtype.is_float:
            return self.reduced_type(self.check_indices(cx))
        x = self.input
        takes(cx, x, FLOATS)
        if not known_rank(cx, x):
            raise OpError(f"{cx.name} takes scores with a dim of classes, but gets {x}", code="E0302")
        same_dtype(cx, x, self.target)
        same_shape(cx, x, self.target)
        self.check_weight(cx)
        if self.ignore_index >= 0:
            raise OpError(
                f"{cx.name} ignores classes only where the target has indices",
                code="E0502",
                arg="ignore_index",
            )
        return self.reduced_type(x.with_shape(self.samples()))

    def aside(self, out: Tensor) -> Iterator[TensorType]:
        """The logarithms of the probabilities."""
        yield self.input

    def onnx(self, g: Graph) -> Value:
        smoothing = known_float(self.label_smoothing, "label_smoothing")
        if self.target.dtype.is_float:
            return self._of_probabilities(g, self.target, smoothing)
        logs = g.LogSoftmax(self.input, axis=self.class_axis())
        return self.of_logs(
            g, g.typed(logs, self.input.dtype, self.input.shape), self.ignore_index, smoothing
        )

    def _of_probabilities(self, g: Graph, target: Value, smoothing: float) -> Value:
        x, axis, dtype = self.input, self.class_axis(), self.input.dtype
        if smoothing:
            uniform = g.Div(g.const(smoothing, dtype), g.scalar(x.dims[axis], dtype))
            target = g.Add(g.Mul(target, g.const(1 - smoothing, dtype)), uniform)
        terms = g.Mul(g.LogSoftmax(x, axis=axis), target)
        if self.weight is not None:
            terms = g.Mul(terms, _by_channel(g, self.weight, len(x.shape) - axis - 1))
        each = g.Neg(reduced(g, "sum", g.typed(terms, dtype, x.shape), [axis], False))
        samples = x.with_shape(self.samples())
        if self.reduction != "mean":
            return self.reduce(g, each, samples)
        total = reduced(g, "sum", g.typed(each, dtype, samples.shape), None, False) if samples.shape else each
        return g.Div(total, g.scalar(numel(samples.dims), dtype)) if samples.shape else total


def _by_channel(g: Graph, weight: Any, n: int) -> Value:
    return g.Unsqueeze(weight, g.ints(list(range(1, n + 1)))) if n else weight


class multi_margin_loss(_Loss):
    """sum over classes i != target of max(0, margin - input[target] + input[i])^p, divided by C."""

    input: Tensor
    target: Tensor
    p: Count = 1
    margin: Number = 1.0
    weight: Tensor | None = None
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.multi_margin_loss"
    keywords = ("reduction",)
    keeps = "inputs"

    def check(self, cx: Cx) -> None:
        if self.p not in (1, 2):
            raise OpError(f"{cx.name} takes p of 1 or 2, but p is {self.p}", code="E0501", arg="p")

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        takes(cx, self.input, WIDE)
        known_rank(cx, self.input, (1, 2))
        classes = nll_loss(input=self.input, target=self.target, weight=self.weight, reduction=self.reduction)
        return classes.infer(cx)

    def onnx(self, g: Graph) -> Value:
        x, dtype = self.input, self.input.dtype
        axis = len(x.shape) - 1
        index = g.Unsqueeze(self.target, g.ints([axis]))
        own = g.GatherElements(x, index, axis=axis)
        margin = g.Relu(g.Add(g.Sub(operand(g, self.margin, dtype), own), x))
        margin = g.Mul(margin, margin) if self.p == 2 else margin
        if self.weight is not None:
            margin = g.Mul(margin, g.Gather(self.weight, index))
        classes = g.Range(g.dim(0), g.dim(x.dims[axis]), g.dim(1))
        rest = g.Where(g.Equal(classes, index), g.const(0.0, dtype), margin)
        each = reduced(g, "mean", g.typed(rest, dtype, x.shape), [axis], False)
        return self.reduce(g, each, x.with_shape(x.shape[:-1]))


class multilabel_margin_loss(_Loss):
    """The margins between the classes that the target lists (up to the first -1) and the others, divided by C."""

    input: Tensor
    target: Tensor
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.multilabel_margin_loss"
    keywords = ("reduction",)

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.input, (1, 2))
        takes(cx, self.input, WIDE)
        takes(cx, self.target, {DType.I64}, "its target")
        same_shape(cx, self.input, self.target)
        return self.reduced_type(self.input.with_shape(self.input.shape[:-1]))

    def onnx(self, g: Graph) -> Value:
        x, dtype = self.input, self.input.dtype
        axis, last = len(x.shape) - 1, len(x.shape)
        stops = g.typed(g.Less(self.target, g.const(0, DType.I64)), DType.BOOL, x.shape)
        seen = g.CumSum(g.cast(stops, DType.I64), g.const(axis, DType.I64))
        listed = g.Equal(seen, g.const(0, DType.I64))
        label = g.Where(listed, self.target, g.const(0, DType.I64))
        classes = g.Range(g.dim(0), g.dim(x.dims[axis]), g.dim(1))
        each = g.Unsqueeze(listed, g.ints([last]))  # [..., labels, classes]
        shape = (*x.shape, x.dims[axis])
        own = g.typed(g.And(g.Equal(g.Unsqueeze(label, g.ints([last])), classes), each), DType.BOOL, shape)
        wanted = reduced(g, "any", own, [axis], True)
        score = g.Unsqueeze(g.GatherElements(x, label, axis=axis), g.ints([last]))
        margin = g.Relu(g.Sub(g.const(1.0, dtype), g.Sub(score, g.Unsqueeze(x, g.ints([axis])))))
        counted = g.Where(g.And(each, g.Not(wanted)), margin, g.const(0.0, dtype))
        total = reduced(g, "sum", g.typed(counted, dtype, shape), [axis, last], False)
        return self.reduce(g, g.Div(total, g.scalar(x.dims[axis], dtype)), x.with_shape(x.shape[:-1]))


class multilabel_soft_margin_loss(_Loss):
    """The mean over classes of binary cross entropy with logits."""

    input: Tensor
    target: Tensor
    weight: Tensor | None = None
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.multilabel_soft_margin_loss"
    keywords = ("reduction",)

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        takes(cx, x, FLOATS)
        if not known_rank(cx, x):
            raise OpError(f"{cx.name} takes scores with a dim of classes, but gets {x}", code="E0302")
        same_dtype(cx, x, self.target)
        same_shape(cx, x, self.target)
        _weighted(cx, x, self.weight, "weight")
        return self.reduced_type(x.with_shape(x.shape[:-1]))

    def onnx(self, g: Graph) -> Value:
        x = self.input
        losses = binary_cross_entropy_with_logits(
            input=x, target=self.target, weight=self.weight, reduction="none"
        )
        each = reduced(g, "mean", g.typed(losses.onnx(g), x.dtype, x.shape), [len(x.shape) - 1], False)
        return self.reduce(g, each, x.with_shape(x.shape[:-1]))


# --- Of several inputs ----------------------------------------------------------------------


class gaussian_nll_loss(_Loss):
    """(log var + (input - target)² / var) / 2, var at least eps; `full` adds log(2 pi) / 2."""

    input: Tensor
    target: Tensor
    var: Tensor | Number
    full: bool = False
    eps: Number = 1e-6
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.gaussian_nll_loss"

    def check(self, cx: Cx) -> None:
        number(cx, ">", 0, eps=self.eps)

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        x, var = self.input, self.var
        takes(cx, x, FLOATS)
        same_dtype(cx, x, self.target)
        same_shape(cx, x, self.target)
        if isinstance(var, TensorType):
            same_dtype(cx, x, var)
            if not self._of_fewer(x, var):
                same_shape(cx, x, var, "var")
        elif isinstance(var, float):
            number(cx, ">=", 0, var=var)
        return self.reduced_type(x)

    @staticmethod
    def _of_fewer(x: Tensor, var: Tensor) -> bool:
        """Whether the variance is shared along one axis, or along the last one, which it then need not have."""
        if var.shape == x.shape[:-1]:
            return True
        if len(var.shape) != len(x.shape):
            return False
        other = [v for v, s in zip(var.shape, x.shape, strict=True) if v != s]
        return other == [dim(1)]

    def onnx(self, g: Graph) -> Value:
        x, dtype = self.input, self.input.dtype
        var = operand(g, self.var, dtype)
        if isinstance(self.var, TensorType) and len(self.var.shape) < len(x.shape):
            var = g.Unsqueeze(var, g.ints([-1]))
        var = g.Max(var, operand(g, self.eps, dtype))
        difference = g.Sub(x, self.target)
        terms = g.Add(g.Log(var), g.Div(g.Mul(difference, difference), var))
        each = g.Mul(g.const(0.5, dtype), terms)
        if self.full:
            each = g.Add(each, g.const(0.5 * math.log(2 * math.pi), dtype))
        return self.reduce(g, each, x)


class cosine_embedding_loss(_Loss):
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1."""

    input1: Tensor
    input2: Tensor
    target: Tensor
    margin: Number = 0.0
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.cosine_embedding_loss"
    keywords = ("reduction",)

    def infer(self, cx: Cx) -> Tensor:
        a, b, target = self.input1, self.input2, self.target
        takes(cx, a, FLOATS)
        same_dtype(cx, a, b)
        known_rank(cx, a, (1, 2))
        same_shape(cx, a, b, "input2")
        same_shape(cx, target.with_shape(a.shape[:-1]), target)
        return self.reduced_type(a.with_shape(a.shape[:-1]))

    def onnx(self, g: Graph) -> Value:
        a, dtype = self.input1, self.input1.dtype
        cos = cosine_onnx(g, a, self.input2, -1, 1e-12)
        one, zero = g.const(1.0, dtype), g.const(0.0, dtype)
        target = g.cast(self.target, dtype)
        far = g.Relu(g.Sub(cos, operand(g, self.margin, dtype)))
        unlike = g.Where(g.Equal(target, g.const(-1.0, dtype)), far, zero)
        each = g.Where(g.Equal(target, one), g.Sub(one, cos), unlike)
        return self.reduce(g, each, a.with_shape(a.shape[:-1]))


class margin_ranking_loss(_Loss):
    """max(0, -target (x1 - x2) + margin)."""

    input1: Tensor
    input2: Tensor
    target: Tensor
    margin: Number = 0.0
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.margin_ranking_loss"
    keywords = ("reduction",)

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input1, FLOATS)
        same_dtype(cx, self.input1, self.input2, self.target)
        same_shape(cx, self.input1, self.input2, "input2")
        same_shape(cx, self.input1, self.target)
        return self.reduced_type(self.input1)

    def onnx(self, g: Graph) -> Value:
        a = self.input1
        lead = g.Mul(g.Neg(self.target), g.Sub(a, self.input2))
        return self.reduce(g, g.Relu(g.Add(lead, operand(g, self.margin, a.dtype))), a)


class triplet_margin_loss(_Loss):
    """max(0, ‖anchor - positive‖_p - ‖anchor - negative‖_p + margin); `swap` takes the nearer negative."""

    anchor: Tensor
    positive: Tensor
    negative: Tensor
    margin: Number = 1.0
    p: Number = 2.0
    eps: Number = 1e-6
    swap: bool = False
    reduction: Literal["none", "mean", "sum"] = "mean"

    torch = "F.triplet_margin_loss"
    keywords = ("reduction",)

    def check(self, cx: Cx) -> None:
        number(cx, ">", 0, margin=self.margin)

    def infer(self, cx: Cx) -> Tensor:
        self.check(cx)
        a = self.anchor
        takes(cx, a, FLOATS)
        same_dtype(cx, a, self.positive, self.negative)
        if not a.shape:
            raise OpError(f"{cx.name} compares vectors, but gets {a}", code="E0302")
        same_shape(cx, a, self.positive, "positive")
        same_shape(cx, a, self.negative, "negative")
        return self.reduced_type(a.with_shape(a.shape[:-1]))

    def onnx(self, g: Graph) -> Value:
        a, dtype = self.anchor, self.anchor.dtype
        near = self._distance(g, a, self.positive)
        far = self._distance(g, a, self.negative)
        if self.swap:
            far = g.Min(far, self._distance(g, self.positive, self.negative))
        each = g.Relu(g.Add(g.Sub(near, far), operand(g, self.margin, dtype)))
        return self.reduce(g, each, a.with_shape(a.shape[:-1]))

    def _distance(self, g: Graph, a: Tensor, b: Tensor) -> Value:
        p, eps = known_float(self.p, "p"), known_float(self.eps, "eps")
        return pairwise_onnx(g, a, b, p, eps, False)


class ctc_loss(_Loss):
    """The negative log-likelihood of labels over all alignments. Source: Graves et al., 2006"""

    log_probs: Tensor
    targets: Tensor
    input_lengths: Tensor | list[Dim]
    target_lengths: Tensor | list[Dim]
    blank: Dim = 0
    reduction: Literal["none", "mean", "sum"] = "mean"
    zero_infinity: bool = False

    torch = "F.ctc_loss"
    lists = ("input_lengths", "target_lengths")

    def infer(self, cx: Cx) -> Tensor:
        x = self.log_probs
        takes(cx, x, WIDE)
        rank = known_rank(cx, x, (2, 3), "its log-probabilities")
        takes(cx, self.targets, {DType.I64, DType.I32}, "`targets`")
        at_least(cx, 0, blank=self.blank)
        classes = x.dims[-1]
        cx.require(
            Cond.lt(self.blank, classes),
            f"{cx.name}: blank {self.blank} is none of {classes} classes",
            code="E0501",
            arg="blank",
        )
        listed = [isinstance(getattr(self, arg), tuple) for arg in self.lists]
        if listed[0] != listed[1]:
            raise OpError(
                f"{cx.name} takes both lengths as tensors, or both as lists", code="E0514", arg=self.lists[1]
            )
        batch = dim(1) if rank == 2 else x.dims[1]
        self._check_targets(cx, batch, rank == 3, listed[1])
        for arg in self.lists:
            self._check_lengths(cx, arg, batch, rank)
        return self.reduced_type(x.with_shape(() if rank == 2 else (batch,)))

    def _check_targets(self, cx: Cx, batch: Dim, batched: bool, listed: bool) -> None:
        """[N, S], or one sequence behind the other where it is known how long they are."""
        targets = self.targets
        if not batched:
            known_rank(cx, targets, (1,), "`targets`")
        elif known_rank(cx, targets, (1, 2) if listed else (2,), "`targets`") == 2:
            cx.equal(
                targets.dims[0], batch, f"{cx.name} takes labels for each of {batch} sequences", arg="targets"
            )
        if isinstance(self.target_lengths, tuple) and targets.rank == 1:
            total = sum(self.target_lengths, start=dim(0))
            cx.equal(
                targets.dims[0],
                total,
                f"{cx.name} takes {total} labels, as long as all sequences are, but gets {targets}",
                arg="targets",
            )

    def _check_lengths(self, cx: Cx, arg: str, batch: Dim, rank: int) -> None:
        """One for each sequence, each within what it counts."""
        lengths = getattr(self, arg)
        message = f"{cx.name} takes a length for each of {batch} sequences"
        if not isinstance(lengths, tuple):
            takes(cx, lengths, {DType.I64, DType.I32}, f"`{arg}`")
            known_rank(cx, lengths, (rank - 2,), f"`{arg}`")
            if rank == 3:
                cx.equal(lengths.dims[0], batch, message, arg=arg)
            return
        cx.equal(dim(len(lengths)), batch, message, arg=arg)
        at_least(cx, 0, **{arg: lengths})
        whole = self.log_probs.dims[0] if arg == self.lists[0] else self.targets.dims[-1]
        for length in lengths:
            cx.require(
                Cond.le(length, whole),
                f"{cx.name} has sequences of {whole}, but `{arg}` has {length}",
                code="E0304",
                arg=arg,
            )

    def onnx(self, g: Graph) -> Value:
        x, targets = self.log_probs, self.targets
        batched = len(x.shape) == 3
        steps, lengths = (self._as_tensor(g, getattr(self, arg), batched) for arg in self.lists)
        if not batched:
            x, targets = _with_batch(g, x, 1), _with_batch(g, targets, 0)
        elif targets.rank == 1:
            targets = _apart(g, targets, self.target_lengths)
        each = ctc_onnx(g, x, targets, steps, lengths, self.blank)
        each = g.typed(each, x.dtype, lengths.shape)
        if self.zero_infinity:
            each = g.typed(g.Where(g.IsInf(each), g.const(0.0, x.dtype), each), x.dtype, lengths.shape)
        if self.reduction == "mean":
            long = g.cast(g.typed(g.Max(lengths, g.const(1, DType.I64)), DType.I64, lengths.shape), x.dtype)
            each = g.Div(each, long)
        if not batched and self.reduction == "none":
            return g.Squeeze(each, g.ints([0]))
        return self.reduce(g, each, x.with_shape(lengths.shape))

    def _as_tensor(self, g: Graph, lengths: Any, batched: bool) -> Value:
        if isinstance(lengths, tuple):
            return g.typed(g.dims(lengths), DType.I64, (dim(len(lengths)),))
        return g.cast(lengths if batched else _with_batch(g, lengths, 0), DType.I64)


def _apart(g: Graph, targets: Value, lengths: Sequence[Dim]) -> Value:
    """Sequences of given lengths, one behind the other, as rows; what stands behind a shorter one is another's."""
    known = [n.const for n in lengths]
    longest = targets.dims[0] if None in known else dim(max(n or 0 for n in known))
    starts = [sum(lengths[:i], start=dim(0)) for i in range(len(lengths))]
    places = g.Add(g.Unsqueeze(g.dims(starts), g.ints([1])), g.Range(g.dim(0), g.dim(longest), g.dim(1)))
    padded = g.Concat(
        targets, g.const([0], targets.dtype), axis=0
    )  # so that there is one, whatever the lengths
    rows = g.Gather(padded, g.Min(places, g.dim(targets.dims[0])))
    return g.typed(rows, targets.dtype, (dim(len(lengths)), longest))


def _with_batch(g: Graph, x: Value, axis: int) -> Value:
    """`x` as a batch of one."""
    shape = (*x.shape[:axis], dim(1), *x.shape[axis:])
    return g.typed(g.Unsqueeze(x, g.ints([axis])), x.dtype, shape)


# --- Layers ---------------------------------------------------------------------------------

twin(l1_loss, "L1Loss", _OfTarget, keywords=("reduction",))
twin(mse_loss, "MSELoss", _OfTarget, keywords=("reduction",))
twin(smooth_l1_loss, "SmoothL1Loss", _OfTarget, keywords=("reduction", "beta"))
twin(huber_loss, "HuberLoss", _OfTarget)
twin(soft_margin_loss, "SoftMarginLoss", _OfTarget, keywords=("reduction",))
twin(hinge_embedding_loss, "HingeEmbeddingLoss", _OfTarget, keywords=("reduction",))
twin(poisson_nll_loss, "PoissonNLLLoss", _OfTarget, keywords=("eps", "reduction"))
twin(kl_div, "KLDivLoss", _OfTarget, keywords=("reduction", "log_target"))
twin(binary_cross_entropy, "BCELoss", _OfTarget, without=("weight",), keywords=("reduction",))
twin(
    binary_cross_entropy_with_logits,
    "BCEWithLogitsLoss",
    _OfTarget,
    without=("weight", "pos_weight"),
    keywords=("reduction",),
)
twin(nll_loss, "NLLLoss", _OfTarget, without=("weight",), keywords=("ignore_index", "reduction"))
twin(
    cross_entropy,
    "CrossEntropyLoss",
    _OfTarget,
    without=("weight",),
    keywords=("ignore_index", "reduction", "label_smoothing"),
)
twin(multi_margin_loss, "MultiMarginLoss", _OfTarget, without=("weight",), keywords=("reduction",))
twin(multilabel_margin_loss, "MultiLabelMarginLoss", _OfTarget, keywords=("reduction",))
twin(
    multilabel_soft_margin_loss,
    "MultiLabelSoftMarginLoss",
    _OfTarget,
    without=("weight",),
    keywords=("reduction",),
)
twin(gaussian_nll_loss, "GaussianNLLLoss", _OfVariance, keywords=("full", "eps", "reduction"))
twin(cosine_embedding_loss, "CosineEmbeddingLoss", _OfPair, keywords=("reduction",))
twin(margin_ranking_loss, "MarginRankingLoss", _OfPair, keywords=("reduction",))
twin(triplet_margin_loss, "TripletMarginLoss", _OfTriplet, keywords=("reduction",))
twin(ctc_loss, "CTCLoss", _OfSequences)
