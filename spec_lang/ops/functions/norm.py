"""Normalisation with given statistics, weights and biases, and likeness of vectors.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank
from spec_lang.ops.functions.reductions import norm, reduced_shape
from spec_lang.ops.kinds import Axes, Axis, Dim, Number
from spec_lang.ops.layers.embedding import EmbeddingBag
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules import norm as rules
from spec_lang.ops.rules.arguments import any_float, at_least, divides, known_float, number
from spec_lang.ops.rules.distance import cosine_onnx, cosine_type, pairwise_onnx, pairwise_type
from spec_lang.ops.rules.elementwise import FLOATS, LOWERING, result_shape, same_dtype, takes
from spec_lang.ops.rules.reductions import magnitude
from spec_lang.shapes import DType, TensorType


def _channels(cx: Cx, x: Tensor, channels: Dim, **vectors: Tensor | None) -> None:
    """Demand one element for each channel of every vector, and the input's dtype."""
    for arg, vector in vectors.items():
        if vector is None:
            continue
        same_dtype(cx, x, vector)
        known_rank(cx, vector, (1,), f"`{arg}`")
        cx.equal(
            vector.dims[0],
            channels,
            f"{cx.name}'s {arg} is {vector}, but there are {channels} channels",
            arg=arg,
        )


class layer_norm(Function):
    """(x - E[x]) / sqrt(Var[x] + eps) * weight + bias over the last dims."""

    input: Tensor
    normalized_shape: list[Dim]
    weight: Tensor | None = None
    bias: Tensor | None = None
    eps: Number = 1e-5

    torch = "F.layer_norm"
    keeps = "inputs"
    placement = "input[*B, d] weight[d] bias[d] -> [*B, d]; whole d; one normalized_shape"

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        any_float(cx, x)
        _trailing(cx, x, self.normalized_shape, weight=self.weight, bias=self.bias)
        return x

    def aside(self, out: Tensor) -> Iterator[TensorType]:
        yield from [rules.statistics(out, len(self.normalized_shape))] * 2

    def onnx(self, g: Graph) -> Value:
        axes = len(self.normalized_shape)
        if self.weight is None and self.bias is not None:
            y = rules.layer_norm_onnx(g, self.input, axes, None, None, self.eps)
            return g.Add(y, self.bias)
        return rules.layer_norm_onnx(g, self.input, axes, self.weight, self.bias, self.eps)


def _trailing(cx: Cx, x: Tensor, shape: tuple[Dim, ...] | list[Dim], **affine: Tensor | None) -> None:
    """Demand that the last dims are `shape`, and so are a weight's and a bias's."""
    if not shape:
        raise OpError(f"{cx.name} takes at least one dim to normalise", code="E0501", arg="normalized_shape")
    at_least(cx, 1, normalized_shape=shape)
    rules.trailing(cx, x, shape)
    for arg, given in affine.items():
        if given is None:
            continue
        same_dtype(cx, x, given)
        known_rank(cx, given, (len(shape),), f"`{arg}`")
        for a, b in zip(given.dims, shape, strict=True):
            cx.equal(
                a,
                b,
                f"{cx.name} normalises [{', '.join(map(str, shape))}], but its {arg} is {given}",
                arg=arg,
            )


class rms_norm(Function):
    """x / sqrt(E[x²] + eps) * weight over the last dims. Source: https://arxiv.org/abs/1910.07467"""

    input: Tensor
    normalized_shape: list[Dim]
    weight: Tensor | None = None
    eps: Number | None = None

    torch = "F.rms_norm"
    keeps = "inputs"
    placement = "input[*B, d] weight[d] -> [*B, d]; whole d; one normalized_shape"

    def infer(self, cx: Cx) -> Tensor:
        any_float(cx, self.input)
        _trailing(cx, self.input, self.normalized_shape, weight=self.weight)
        return self.input

    def aside(self, out: Tensor) -> Iterator[TensorType]:
        yield rules.statistics(out, len(self.normalized_shape))
        if self.weight is not None:
            yield out

    def onnx(self, g: Graph) -> Value:
        return rules.rms_norm_onnx(g, self.input, len(self.normalized_shape), self.weight, self.eps)


class group_norm(Function):
    """(x - E[x]) / sqrt(Var[x] + eps) * weight + bias, with E and Var over groups of channels."""

    input: Tensor
    num_groups: Dim
    weight: Tensor | None = None
    bias: Tensor | None = None
    eps: Number = 1e-5

    torch = "F.group_norm"

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        any_float(cx, x)
        if known_rank(cx, x) < 2:
            raise OpError(f"{cx.name} takes [N, C, ...], but gets {x}", code="E0302")
        at_least(cx, 1, num_groups=self.num_groups)
        batch, channels, *sizes = x.dims
        divides(cx, self.num_groups, channels, "num_groups", "its channels", "groups")
        rules.more_than_one(cx, prod(sizes, start=batch * (channels // self.num_groups)), "group")
        _channels(cx, x, channels, weight=self.weight, bias=self.bias)
        return x

    def onnx(self, g: Graph) -> Value:
        return rules.group_norm_onnx(g, self.input, self.num_groups, self.weight, self.bias, self.eps)


def _scaled(g: Graph, y: Value, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Value:
    """y * weight + bias by channel."""
    n = len(x.dims) - 2
    if weight is not None:
        y = g.Mul(y, rules.channels_first(g, weight, n))
    return y if bias is None else g.Add(y, rules.channels_first(g, bias, n))


class batch_norm(Function):
    """(x - running_mean) / sqrt(running_var + eps) * weight + bias by channel."""

    input: Tensor
    running_mean: Tensor
    running_var: Tensor
    weight: Tensor | None = None
    bias: Tensor | None = None
    momentum: Number = 0.1
    eps: Number = 1e-5

    torch = "F.batch_norm"
    keywords = ("momentum", "eps")

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        number(cx, ">=", 0, eps=self.eps)
        any_float(cx, x)
        if known_rank(cx, x) < 2:
            raise OpError(f"{cx.name} takes [N, C, ...], but gets {x}", code="E0302")
        _channels(
            cx,
            x,
            x.dims[1],
            running_mean=self.running_mean,
            running_var=self.running_var,
            weight=self.weight,
            bias=self.bias,
        )
        return x

    def onnx(self, g: Graph) -> Value:
        x, n = self.input, len(self.input.dims) - 2
        eps = known_float(self.eps, "eps")
        if self.weight is not None and self.bias is not None:
            return g.BatchNormalization(
                x, self.weight, self.bias, self.running_mean, self.running_var, epsilon=eps
            )
        mean = rules.channels_first(g, self.running_mean, n)
        spread = g.Sqrt(g.Add(self.running_var, g.const(eps, x.dtype)))
        y = g.Div(g.Sub(x, mean), rules.channels_first(g, spread, n))
        return _scaled(g, y, x, self.weight, self.bias)


class instance_norm(Function):
    """(x - E[x]) / sqrt(Var[x] + eps) * weight + bias over the spatial axes of each channel of each sample; with
    `use_input_stats=false`, by the running statistics of the channels."""

    input: Tensor
    running_mean: Tensor | None = None
    running_var: Tensor | None = None
    weight: Tensor | None = None
    bias: Tensor | None = None
    use_input_stats: bool = True
    momentum: Number = 0.1
    eps: Number = 1e-5

    torch = "F.instance_norm"

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        any_float(cx, x)
        statistics = {"running_mean": self.running_mean, "running_var": self.running_var}
        given = [arg for arg, value in statistics.items() if value is not None]
        if self.use_input_stats:
            if given:
                raise OpError(
                    f"{cx.name} takes no {given[0]} here: PyTorch changes it while the model runs",
                    code="E0503",
                    arg=given[0],
                    help="`use_input_stats=false` normalises by the running statistics",
                )
            if known_rank(cx, x) < 3:
                raise OpError(f"{cx.name} takes [N, C, ...] with spatial axes, but gets {x}", code="E0302")
            first, *rest = x.dims[2:]
            rules.more_than_one(cx, prod(rest, start=first), "channel")
        else:
            missing = [arg for arg, value in statistics.items() if value is None]
            if missing:
                raise OpError(
                    f"{cx.name} needs `{missing[0]}` with use_input_stats=false", code="E0511", arg=missing[0]
                )
            if known_rank(cx, x) < 2:
                raise OpError(f"{cx.name} takes [N, C, ...], but gets {x}", code="E0302")
        _channels(cx, x, x.dims[1], **statistics, weight=self.weight, bias=self.bias)
        return x

    def onnx(self, g: Graph) -> Value:
        x = self.input
        if not self.use_input_stats:
            own = {a: v for a, v in vars(self).items() if a != "use_input_stats"}
            return batch_norm(**own).onnx(g)
        axes = list(range(2, len(x.dims)))
        centred = g.Sub(x, rules.mean(g, x, axes))
        variance = rules.mean(g, g.Mul(centred, centred), axes)
        y = g.Div(centred, g.Sqrt(g.Add(variance, g.const(known_float(self.eps, "eps"), x.dtype))))
        return _scaled(g, y, x, self.weight, self.bias)


class local_response_norm(Function):
    """x / (k + alpha / size * Σ x²)^beta, the sum over `size` neighbouring channels."""

    input: Tensor
    size: Dim
    alpha: Number = 1e-4
    beta: Number = 0.75
    k: Number = 1.0

    torch = "F.local_response_norm"

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.layers.norm import LocalResponseNorm

        at_least(cx, 1, size=self.size)
        return LocalResponseNorm(size=self.size).infer(cx, self.input)

    def onnx(self, g: Graph) -> Value:
        return rules.local_response_onnx(g, self.input, self.size, self.alpha, self.beta, self.k)


class normalize(Function):
    """x / max(‖x‖_p, eps) along `dim`."""

    input: Tensor
    p: Number = 2.0
    dim: Axes = 1
    eps: Number = 1e-12

    torch = "F.normalize"

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS)
        reduced_shape(cx, self.input, self.dim, True)
        return self.input

    def onnx(self, g: Graph) -> Value:
        x = self.input
        size = norm(input=x, p=self.p, dim=self.dim, keepdim=True).onnx(g)
        return g.Div(x, g.Max(size, g.const(known_float(self.eps, "eps"), x.dtype)))


class cosine_similarity(Function):
    """x₁ · x₂ / (max(‖x₁‖, eps) max(‖x₂‖, eps)) along `dim`."""

    x1: Tensor
    x2: Tensor
    dim: Axis = 1
    eps: Number = 1e-8

    torch = "F.cosine_similarity"

    def infer(self, cx: Cx) -> Tensor:
        number(cx, ">=", 0, eps=self.eps)
        return cosine_type(cx, self.x1, self.x2, self.dim)

    def onnx(self, g: Graph) -> Value:
        return cosine_onnx(g, self.x1, self.x2, self.dim, self.eps)


class pairwise_distance(Function):
    """‖x₁ - x₂ + eps‖_p over the last axis."""

    x1: Tensor
    x2: Tensor
    p: Number = 2.0
    eps: Number = 1e-6
    keepdim: bool = False

    torch = "F.pairwise_distance"

    def infer(self, cx: Cx) -> Tensor:
        return pairwise_type(cx, self.x1, self.x2, self.keepdim)

    def onnx(self, g: Graph) -> Value:
        return pairwise_onnx(g, self.x1, self.x2, self.p, self.eps, self.keepdim)


class embedding(Function):
    """The rows of `weight` at some indices."""

    input: Tensor
    weight: Tensor
    padding_idx: Dim | None = None

    torch = "F.embedding"
    keeps = "input"

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.rules.arguments import index_dtype

        index_dtype(cx, self.input)
        known_rank(cx, self.weight, (2,), "its weight")
        rows, width = self.weight.dims
        if self.padding_idx is not None:
            from spec_lang.ops.functions.indexing import pick

            pick(cx, self.padding_idx, rows, self.weight)
        return TensorType(self.weight.dtype, (*self.input.shape, width))

    def onnx(self, g: Graph) -> Value:
        return g.Gather(self.weight, self.input)


class cdist(Function):
    """‖x₁ - x₂‖_p of each row of [..., P, M] and each of [..., R, M]: [..., P, R]."""

    x1: Tensor
    x2: Tensor
    p: Number = 2.0
    compute_mode: Literal[
        "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"
    ] = "use_mm_for_euclid_dist_if_necessary"

    torch = "torch.cdist"
    method = False
    keeps = "inputs result"

    def infer(self, cx: Cx) -> Tensor:
        a, b = self.x1, self.x2
        number(cx, ">=", 0, p=self.p)
        takes(cx, a, {DType.FLOAT, DType.F32, DType.F64})
        same_dtype(cx, a, b)
        if known_rank(cx, a) < 2 or known_rank(cx, b) < 2:
            raise OpError(f"{cx.name} takes [..., rows, columns], but gets {a} and {b}", code="E0302")
        cx.equal(a.dims[-1], b.dims[-1], f"{cx.name} of {a} and {b}: their rows have different lengths")
        batch = result_shape(cx, a.with_shape(a.shape[:-2]), b.with_shape(b.shape[:-2]))
        return a.with_shape((*batch, a.dims[-2], b.dims[-2]))

    def onnx(self, g: Graph) -> Value:
        a, b = self.x1, self.x2
        shape = (*self.infer(LOWERING).shape, a.dims[-1])
        apart = g.Sub(g.Unsqueeze(a, g.ints([-2])), g.Unsqueeze(b, g.ints([-3])))
        apart = g.typed(apart, a.dtype, shape)
        return magnitude(g, apart, known_float(self.p, "p"), [len(shape) - 1], False)


class dist(Function):
    """‖input - other‖_p of all elements."""

    input: Tensor
    other: Tensor
    p: Number = 2

    torch = "torch.dist"
    keeps = "inputs result"

    def infer(self, cx: Cx) -> Tensor:
        takes(cx, self.input, FLOATS)
        same_dtype(cx, self.input, self.other)
        result_shape(cx, self.input, self.other)
        return self.input.with_shape(())

    def onnx(self, g: Graph) -> Value:
        x = self.input
        shape = result_shape(LOWERING, x, self.other)
        apart = g.typed(g.Sub(x, self.other), x.dtype, shape)
        return magnitude(g, apart, known_float(self.p, "p"), None, False)


class embedding_bag(Function):
    """The sum, mean or maximum of the rows of `weight` in each bag: a row of [B, L], or what lies between two `offsets`."""

    input: Tensor
    weight: Tensor
    offsets: Tensor | None = None
    mode: Literal["sum", "mean", "max"] = "mean"
    per_sample_weights: Tensor | None = None
    include_last_offset: bool = False
    padding_idx: Dim | None = None

    torch = "F.embedding_bag"
    keywords = ("mode", "per_sample_weights", "include_last_offset", "padding_idx")

    def _layer(self) -> EmbeddingBag:
        rows, width = self.weight.dims
        return EmbeddingBag(
            num_embeddings=rows,
            embedding_dim=width,
            max_norm=None,
            scale_grad_by_freq=False,
            sparse=False,
            mode=self.mode,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.weight, (2,), "its weight")
        any_float(cx, self.weight, "its weight")
        layer = self._layer()
        layer.check(cx)
        known_rank(cx, self.input, (1, 2))
        return layer.bags(cx, self.weight.dtype, self.input, self.offsets, self.per_sample_weights)

    def onnx(self, g: Graph) -> Value:
        given = (self.weight, self.input, self.offsets, self.per_sample_weights)
        return self._layer().lowered(g, *given)
