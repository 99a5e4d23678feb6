"""Products of matrices and vectors.

Source: https://docs.pytorch.org/docs/stable/torch.html#blas-and-lapack-operations
"""

from __future__ import annotations

from typing import ClassVar

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank
from spec_lang.ops.kinds import Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.elementwise import FLOATS, NUMBERS, operand, recast, result_shape, same_dtype, takes
from spec_lang.shapes import Dim, DType, TensorType


def product_type(cx: Cx, a: Tensor, b: Tensor) -> Tensor:
    """The type of `a @ b`: [..., n, k] and [..., k, m] give [..., n, m]; a vector lends an axis that is taken off.

    Raises:
        OpError: E0302 for a rank of 0, E0402 for two dtypes, E0301 where the inner sizes differ.
    """
    same_dtype(cx, a, b)
    takes(cx, a, NUMBERS)
    for x in (a, b):
        if not x.shape:
            raise OpError(f"{cx.name} takes vectors or matrices, but gets {x}", code="E0302")
        if len(x.shape) == 1 and x.rank is None:
            raise OpError(f"{cx.name} needs to know the last dims of {x}", code="E0302")
    row, column = a.shape[-1], b.shape[-2] if len(b.shape) > 1 else b.shape[-1]
    if not isinstance(row, Dim) or not isinstance(column, Dim):
        raise OpError(f"{cx.name} needs to know the last dims of {a} and {b}", code="E0302")
    cx.equal(
        row,
        column,
        f"{cx.name} of {a} and {b}: the first has rows of {row}, the second columns of {column}",
    )
    batch = result_shape(cx, TensorType(a.dtype, a.shape[:-2]), TensorType(b.dtype, b.shape[:-2]))
    rows = a.shape[-2:-1]
    columns = b.shape[-1:] if len(b.shape) > 1 else ()
    return TensorType(a.dtype, (*batch, *rows, *columns))


class matmul(Function):
    """The product of matrices, batched over leading dims."""

    input: Tensor
    other: Tensor

    torch = "torch.matmul"
    operator: ClassVar[str] = "@"

    def infer(self, cx: Cx) -> Tensor:
        return product_type(cx, self.input, self.other)

    def onnx(self, g: Graph) -> Value:
        return product(g, self.input, self.other)


def product(g: Graph, a: Value, b: Value) -> Value:
    """MatMul, by way of i32 for narrow ints."""
    if a.dtype in (DType.I8, DType.U8, DType.I16):
        y = g.MatMul(g.cast(a, DType.I32), g.cast(b, DType.I32))
        return recast(g, y, a.dtype)
    return g.MatMul(a, b)


class _OfRanks(Function):
    ranks: ClassVar[tuple[tuple[int, str], ...]]

    def check_ranks(self, cx: Cx) -> None:
        for rank, arg in self.ranks:
            known_rank(cx, getattr(self, arg), (rank,), f"`{arg}`")


class mm(_OfRanks):
    """The product of two matrices."""

    input: Tensor
    mat2: Tensor

    torch = "torch.mm"
    ranks = ((2, "input"), (2, "mat2"))

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        return product_type(cx, self.input, self.mat2)

    def onnx(self, g: Graph) -> Value:
        return product(g, self.input, self.mat2)


class bmm(_OfRanks):
    """The products of two batches of matrices."""

    input: Tensor
    mat2: Tensor

    torch = "torch.bmm"
    ranks = ((3, "input"), (3, "mat2"))

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        a, b = self.input, self.mat2
        cx.equal(a.dims[0], b.dims[0], f"{cx.name} of {a} and {b}: the batches differ")
        return product_type(cx, a, b)

    def onnx(self, g: Graph) -> Value:
        return product(g, self.input, self.mat2)


class mv(_OfRanks):
    """The product of a matrix and a vector."""

    input: Tensor
    vec: Tensor

    torch = "torch.mv"
    ranks = ((2, "input"), (1, "vec"))

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        return product_type(cx, self.input, self.vec)

    def onnx(self, g: Graph) -> Value:
        return product(g, self.input, self.vec)


class dot(_OfRanks):
    """The inner product of two vectors."""

    input: Tensor
    tensor: Tensor

    torch = "torch.dot"
    ranks = ((1, "input"), (1, "tensor"))

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        return product_type(cx, self.input, self.tensor)

    def onnx(self, g: Graph) -> Value:
        return product(g, self.input, self.tensor)


class outer(_OfRanks):
    """The products of each element of one vector with each of another."""

    input: Tensor
    vec2: Tensor

    torch = "torch.outer"
    ranks = ((1, "input"), (1, "vec2"))

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.rules.elementwise import result_dtype

        self.check_ranks(cx)
        return TensorType(result_dtype(cx, self.input, self.vec2), (self.input.dims[0], self.vec2.dims[0]))

    def onnx(self, g: Graph) -> Value:
        from spec_lang.ops.functions.arithmetic import mul

        column = g.typed(
            g.Unsqueeze(self.input, g.ints([1])), self.input.dtype, (self.input.dims[0], _one(self.input))
        )
        return mul(input=column, other=self.vec2).onnx(g)


def _one(x: Tensor) -> Dim:
    return x.dims[0] * 0 + 1


class linear(Function):
    """input weightᵀ + bias over the last axis."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None = None

    torch = "F.linear"

    def infer(self, cx: Cx) -> Tensor:
        x, w, b = self.input, self.weight, self.bias
        takes(cx, x, NUMBERS)
        same_dtype(cx, x, w, b)
        known_rank(cx, w, (1, 2), "its weight")
        if not x.shape or not isinstance(x.shape[-1], Dim):
            raise OpError(f"{cx.name} takes a tensor with a last dim, but gets {x}", code="E0302")
        cx.equal(
            x.shape[-1], w.dims[-1], f"{cx.name} of {x} by weight {w}: {x.shape[-1]} and {w.dims[-1]} differ"
        )
        shape = (*x.shape[:-1], *w.dims[:-1])
        if b is not None:
            if len(w.shape) == 1:
                raise OpError(f"{cx.name} with a bias takes a matrix as its weight, not {w}", code="E0302")
            known_rank(cx, b, (1,), "its bias")
            cx.equal(b.dims[0], w.dims[0], f"{cx.name} adds bias {b} to {w.dims[0]} features", arg="bias")
        return TensorType(x.dtype, shape)

    def onnx(self, g: Graph) -> Value:
        w = self.weight
        y = product(
            g,
            self.input,
            g.typed(g.Transpose(w, perm=[1, 0]), w.dtype, w.shape[::-1]) if len(w.shape) == 2 else w,
        )
        return y if self.bias is None else g.Add(y, self.bias)


class bilinear(Function):
    """y = x1ᵀ W x2 + b."""

    input1: Tensor
    input2: Tensor
    weight: Tensor
    bias: Tensor | None = None

    torch = "F.bilinear"

    def infer(self, cx: Cx) -> Tensor:
        a, b, w = self.input1, self.input2, self.weight
        takes(cx, a, FLOATS)
        same_dtype(cx, a, b, w, self.bias)
        known_rank(cx, w, (3,), "its weight")
        if not a.shape or len(a.shape) != len(b.shape):
            raise OpError(f"{cx.name} takes inputs of equally many dims, but gets {a} and {b}", code="E0302")
        for left, right in zip(a.shape[:-1], b.shape[:-1], strict=True):
            if left != right:
                if not isinstance(left, Dim) or not isinstance(right, Dim):
                    raise OpError(f"{cx.name}: the leading dims of {a} and {b} differ", code="E0301")
                cx.equal(left, right, f"{cx.name}: the leading dims of {a} and {b} differ")
        for x, size, arg in ((a, w.dims[1], "input1"), (b, w.dims[2], "input2")):
            last = x.shape[-1]
            if not isinstance(last, Dim):
                raise OpError(f"{cx.name} needs the last dim of {x}", code="E0302", arg=arg)
            cx.equal(last, size, f"{cx.name} of {arg} {x} by weight {w}", arg=arg)
        if self.bias is not None:
            known_rank(cx, self.bias, (1,), "its bias")
            cx.equal(self.bias.dims[0], w.dims[0], f"{cx.name} adds bias {self.bias} to {w.dims[0]} features")
        return TensorType(a.dtype, (*a.shape[:-1], w.dims[0]))

    def onnx(self, g: Graph) -> Value:
        y = g.Einsum(self.input1, self.weight, self.input2, equation="...i,oij,...j->...o")
        return y if self.bias is None else g.Add(y, self.bias)


class addmm(_OfRanks):
    """beta input + alpha (mat1 @ mat2)."""

    input: Tensor
    mat1: Tensor
    mat2: Tensor
    beta: Number = 1
    alpha: Number = 1

    torch = "torch.addmm"
    keywords = ("beta", "alpha")
    ranks = ((2, "mat1"), (2, "mat2"))

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        return _added(cx, self, product_type(cx, self.mat1, self.mat2))

    def onnx(self, g: Graph) -> Value:
        return _scaled_sum(g, self, product(g, self.mat1, self.mat2))


class baddbmm(_OfRanks):
    """beta input + alpha (batch1 @ batch2)."""

    input: Tensor
    batch1: Tensor
    batch2: Tensor
    beta: Number = 1
    alpha: Number = 1

    torch = "torch.baddbmm"
    keywords = ("beta", "alpha")
    ranks = ((3, "batch1"), (3, "batch2"))

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        a, b = self.batch1, self.batch2
        cx.equal(a.dims[0], b.dims[0], f"{cx.name} of {a} and {b}: the batches differ")
        return _added(cx, self, product_type(cx, a, b))

    def onnx(self, g: Graph) -> Value:
        return _scaled_sum(g, self, product(g, self.batch1, self.batch2))


def _added(cx: Cx, op: addmm | baddbmm, y: Tensor) -> Tensor:
    """The product's type, to which `input` must broadcast."""
    same_dtype(cx, op.input, y)
    if not y.dtype.is_float and not all(isinstance(v, Dim) for v in (op.beta, op.alpha)):
        raise OpError(f"{cx.name} of ints takes an int beta and alpha", code="E0401")
    shape = result_shape(cx, op.input, y)
    if len(shape) != len(y.shape):
        raise OpError(f"{cx.name} cannot broadcast {op.input} to {y}", code="E0305")
    for a, b in zip(shape, y.shape, strict=True):
        if isinstance(a, Dim) and isinstance(b, Dim):
            cx.equal(a, b, f"{cx.name} cannot broadcast {op.input} to {y}", code="E0305")
    return y


def _scaled_sum(g: Graph, op: addmm | baddbmm, y: Value) -> Value:
    dtype = op.input.dtype
    y = y if op.alpha == 1 else g.Mul(y, operand(g, op.alpha, dtype))
    x: Value = op.input if op.beta == 1 else g.Mul(op.input, operand(g, op.beta, dtype))
    return g.Add(x, y)
