"""Products of matrices and vectors.

Source: https://docs.pytorch.org/docs/stable/torch.html#blas-and-lapack-operations
"""

from __future__ import annotations

from typing import ClassVar

from spec_lang.ops.base import Cx, Function, OpError, Tensor, axis_of, known_rank
from spec_lang.ops.functions.arithmetic import mul
from spec_lang.ops.functions.selection import diagonal
from spec_lang.ops.functions.shape import numel, transposed
from spec_lang.ops.kinds import Axes, Axis, Count, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import Product, Products, flops_of
from spec_lang.ops.rules.elementwise import (
    FLOATS,
    LOWERING,
    NARROW,
    NUMBERS,
    operand,
    recast,
    result_dtype,
    result_shape,
    same_dtype,
    takes,
)
from spec_lang.ops.rules.reductions import reduced
from spec_lang.shapes import Cond, Dim, DType, TensorType, dim


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
        help=_turned(cx, a, b),
    )
    batch = result_shape(cx, TensorType(a.dtype, a.shape[:-2]), TensorType(b.dtype, b.shape[:-2]))
    rows = a.shape[-2:-1]
    columns = b.shape[-1:] if len(b.shape) > 1 else ()
    return TensorType(a.dtype, (*batch, *rows, *columns))


def _turned(cx: Cx, a: Tensor, b: Tensor) -> str | None:
    """Which of two matrices is the wrong way round."""
    if len(a.shape) < 2 or len(b.shape) < 2:
        return None
    for first, second, which in ((a.shape[-1], b.shape[-1], "second"), (a.shape[-2], b.shape[-2], "first")):
        if isinstance(first, Dim) and isinstance(second, Dim) and cx.facts.equal(first, second):
            return f"turn the {which} round with `transpose(-2, -1)`: then {first} meets {first}"
    return None


class matmul(Function):
    """The product of matrices, batched over leading dims."""

    input: Tensor
    other: Tensor

    torch = "torch.matmul"
    keeps = "factors"
    placement = "[*B, i, k] [*B, k, j] -> [*B, i, j]; whole k"

    def infer(self, cx: Cx) -> Tensor:
        return product_type(cx, self.input, self.other)

    def flops(self, out: Tensor) -> Products:
        return matrix_product(out, self.input, self.other)

    def onnx(self, g: Graph) -> Value:
        return product(g, self.input, self.other)


def matrix_product(out: Tensor, a: Tensor, b: Tensor) -> Products:
    """The product of matrices `a @ b`; one with a vector behind it, or of vectors, is none."""
    if len(b.shape) > 1 and (len(a.shape) > 1 or len(b.shape) == 2):
        yield Product(flops_of((*out.dims, a.dims[-1])), (a,), (b,))


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
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        return product_type(cx, self.input, self.mat2)

    def flops(self, out: Tensor) -> Products:
        return matrix_product(out, self.input, self.mat2)

    def onnx(self, g: Graph) -> Value:
        return product(g, self.input, self.mat2)


class bmm(_OfRanks):
    """The products of two batches of matrices."""

    input: Tensor
    mat2: Tensor

    torch = "torch.bmm"
    ranks = ((3, "input"), (3, "mat2"))
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        a, b = self.input, self.mat2
        cx.equal(a.dims[0], b.dims[0], f"{cx.name} of {a} and {b}: the batches differ")
        return product_type(cx, a, b)

    def flops(self, out: Tensor) -> Products:
        return matrix_product(out, self.input, self.mat2)

    def onnx(self, g: Graph) -> Value:
        return product(g, self.input, self.mat2)


class mv(_OfRanks):
    """The product of a matrix and a vector."""

    input: Tensor
    vec: Tensor

    torch = "torch.mv"
    free = True
    ranks = ((2, "input"), (1, "vec"))
    keeps = "factors"

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
    free = True
    ranks = ((1, "input"), (1, "tensor"))
    keeps = "factors"

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
    free = True
    placement = "[i] [j] -> [i, j]"
    ranks = ((1, "input"), (1, "vec2"))
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        return TensorType(result_dtype(cx, self.input, self.vec2), (self.input.dims[0], self.vec2.dims[0]))

    def onnx(self, g: Graph) -> Value:
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
    keeps = "factors"

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

    def flops(self, out: Tensor) -> Products:
        if len(self.weight.shape) == 2:
            yield Product(flops_of((*out.dims, self.weight.dims[1])), (self.input,), (self.weight,))

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
    free = True

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

    def flops(self, out: Tensor) -> Products:
        return matrix_product(out, self.mat1, self.mat2)

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

    def flops(self, out: Tensor) -> Products:
        return matrix_product(out, self.batch1, self.batch2)

    def onnx(self, g: Graph) -> Value:
        return _scaled_sum(g, self, product(g, self.batch1, self.batch2))


def _added(cx: Cx, op: addmm | baddbmm | addmv, y: Tensor) -> Tensor:
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


def _scaled_sum(g: Graph, op: addmm | baddbmm | addmv, y: Value) -> Value:
    dtype = op.input.dtype
    y = y if op.alpha == 1 else g.Mul(y, operand(g, op.alpha, dtype))
    x: Value = op.input if op.beta == 1 else g.Mul(op.input, operand(g, op.beta, dtype))
    return g.Add(x, y)


class addmv(_OfRanks):
    """beta input + alpha (mat @ vec)."""

    input: Tensor
    mat: Tensor
    vec: Tensor
    beta: Number = 1
    alpha: Number = 1

    torch = "torch.addmv"
    free = True
    keywords = ("beta", "alpha")
    ranks = ((2, "mat"), (1, "vec"))

    def infer(self, cx: Cx) -> Tensor:
        self.check_ranks(cx)
        return _added(cx, self, product_type(cx, self.mat, self.vec))

    def onnx(self, g: Graph) -> Value:
        return _scaled_sum(g, self, product(g, self.mat, self.vec))


class inner(Function):
    """The sums of products over the last axes: [..., n] and [*, n] to [..., *]; a tensor without dims multiplies."""

    input: Tensor
    other: Tensor

    torch = "torch.inner"
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        a, b = self.input, self.other
        if known_rank(cx, a) and known_rank(cx, b):
            return self._contraction().infer(cx)
        return mul(input=a, other=b).infer(cx)

    def _contraction(self) -> tensordot:
        return tensordot(a=self.input, b=self.other, dims=((-1,), (-1,)))

    def flops(self, out: Tensor) -> Products:
        ranks = len(self.input.shape), len(self.other.shape)
        return iter(()) if 0 in ranks or ranks == (1, 1) else self._contraction().flops(out)

    def onnx(self, g: Graph) -> Value:
        if self.input.shape and self.other.shape:
            return self._contraction().onnx(g)
        y: Value = mul(input=self.input, other=self.other).onnx(g)
        return y


class tensordot(Function):
    """The sums of products over some axes: the last `dims` of `a` and the first of `b`, or those listed for each."""

    a: Tensor
    b: Tensor
    dims: Count | list[Axes] = 2

    torch = "torch.tensordot"
    method = False

    def infer(self, cx: Cx) -> Tensor:
        a, b = self.a, self.b
        same_dtype(cx, a, b)
        takes(cx, a, NUMBERS)
        known_rank(cx, a)
        known_rank(cx, b)
        left, right = self._axes(cx)
        for i, j in zip(left, right, strict=True):
            cx.equal(
                a.dims[i],
                b.dims[j],
                f"{cx.name} sums over {a.dims[i]} of {a} and {b.dims[j]} of {b}",
                arg="dims",
            )
        return TensorType(a.dtype, (*_rest(a, left), *_rest(b, right)))

    def _axes(self, cx: Cx) -> tuple[list[int], list[int]]:
        """The axes of each that are summed over, not negative.

        Raises:
            OpError: they are not there, or not as many in both.
        """
        a, b = self.a, self.b
        if isinstance(self.dims, int):
            if not 0 <= self.dims <= min(len(a.shape), len(b.shape)):
                raise OpError(
                    f"{cx.name} cannot sum over {self.dims} axes of {a} and {b}", code="E0303", arg="dims"
                )
            return list(range(len(a.shape) - self.dims, len(a.shape))), list(range(self.dims))
        if len(self.dims) != 2 or len(self.dims[0]) != len(self.dims[1]):
            raise OpError(f"{cx.name} takes two lists of as many axes", code="E0501", arg="dims")
        found = [[axis_of(cx, x, d, "dims") for d in axes] for x, axes in zip((a, b), self.dims, strict=True)]
        if any(len(set(axes)) < len(axes) for axes in found):
            raise OpError(f"{cx.name} names an axis twice", code="E0303", arg="dims")
        if any(axes and not x.shape for x, axes in zip((a, b), found, strict=True)):
            raise OpError(
                f"{cx.name} sums over axes of {a} and {b}, one of which has none", code="E0303", arg="dims"
            )
        return found[0], found[1]

    def flops(self, out: Tensor) -> Products:
        summed = [self.a.dims[i] for i in self._axes(LOWERING)[0]]
        yield Product(flops_of((*out.dims, *summed)), (self.a,), (self.b,))

    def onnx(self, g: Graph) -> Value:
        left, right = self._axes(LOWERING)
        rows, columns = _rest(self.a, left), _rest(self.b, right)
        summed = numel([self.a.dims[i] for i in left])
        a = transposed(g, self.a, [*(i for i in range(len(self.a.shape)) if i not in left), *left])
        b = transposed(g, self.b, [*right, *(i for i in range(len(self.b.shape)) if i not in right)])
        y = product(g, g.reshape(a, [numel(rows), summed]), g.reshape(b, [summed, numel(columns)]))
        y = g.typed(y, self.a.dtype, (numel(rows), numel(columns)))
        return g.reshape(y, [*rows, *columns])


def _rest(x: Tensor, axes: list[int]) -> list[Dim]:
    return [d for i, d in enumerate(x.dims) if i not in axes]


class kron(Function):
    """Every element of one tensor times the whole other one, laid out as blocks."""

    input: Tensor
    other: Tensor

    torch = "torch.kron"
    free = True
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        a, b = self._sizes(cx)
        return TensorType(self._dtype(cx), tuple(m * n for m, n in zip(a, b, strict=True)))

    def _dtype(self, cx: Cx) -> DType:
        """That of a product of tensors of one rank: one without dims is no weaker than the other."""
        a, b = self._sizes(cx)
        return result_dtype(
            cx, TensorType(self.input.dtype, tuple(a)), TensorType(self.other.dtype, tuple(b))
        )

    def _sizes(self, cx: Cx) -> tuple[list[Dim], list[Dim]]:
        """The sizes of both, with ones in front of the shorter."""
        rank = max(known_rank(cx, self.input), known_rank(cx, self.other))
        one = dim(1)
        a, b = ([one] * (rank - len(x.dims)) + list(x.dims) for x in (self.input, self.other))
        return a, b

    def onnx(self, g: Graph) -> Value:
        a, b = self._sizes(LOWERING)
        one = dim(1)
        left = g.reshape(self.input, [s for m in a for s in (m, one)])
        right = g.reshape(self.other, [s for n in b for s in (one, n)])
        y = mul(input=left, other=right).onnx(g)
        both = tuple(s for m, n in zip(a, b, strict=True) for s in (m, n))
        y = g.typed(y, self._dtype(LOWERING), both)
        return g.reshape(y, [m * n for m, n in zip(a, b, strict=True)])


class cross(Function):
    """The cross product of vectors of 3 along `dim`; without it, along the first dim of size 3."""

    input: Tensor
    other: Tensor
    dim: Axis | None = None

    torch = "torch.cross"
    free = True
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        a, b = self.input, self.other
        takes(cx, a, NUMBERS)
        same_dtype(cx, a, b)
        if known_rank(cx, a) != known_rank(cx, b) or not a.shape:
            raise OpError(f"{cx.name} takes tensors of equally many dims, but gets {a} and {b}", code="E0302")
        shape = result_shape(cx, a, b)
        axis = self._axis(cx, a)
        for x in (a, b):
            cx.equal(
                x.dims[axis],
                3,
                f"{cx.name} takes vectors of 3, but dim {axis} of {x} is {x.dims[axis]}",
                arg="dim",
            )
        return a.with_shape(shape)

    def _axis(self, cx: Cx, a: Tensor) -> int:
        if self.dim is not None:
            return axis_of(cx, a, self.dim)
        if self.input.shape != self.other.shape:
            raise OpError(f"{cx.name} of two shapes needs `dim`", code="E0511", arg="dim")
        for axis, size in enumerate(a.dims):
            if size.const == 3:
                return axis
            cx.require(
                Cond.ne(size, 3),
                f"{cx.name} cannot tell whether dim {axis} of {a} is the first of 3",
                code="E0326",
                arg="dim",
                help="say which with `dim`",
            )
        raise OpError(f"{cx.name} takes vectors of 3, but {a} has no dim of 3", code="E0301")

    def onnx(self, g: Graph) -> Value:
        axis = self._axis(LOWERING, self.input)

        def turned(x: Tensor, order: list[int]) -> Value:
            return g.Gather(x, g.ints(order), axis=axis)

        ahead, behind = [1, 2, 0], [2, 0, 1]
        dtype = self.input.dtype
        wide = DType.I32 if dtype in NARROW else dtype
        a, b = g.cast(self.input, wide), g.cast(self.other, wide)
        y = g.Sub(g.Mul(turned(a, ahead), turned(b, behind)), g.Mul(turned(a, behind), turned(b, ahead)))
        return y if wide is dtype else recast(g, y, dtype)


class trace(Function):
    """The sum of the diagonal of a matrix; of ints as int."""

    input: Tensor

    torch = "torch.trace"
    free = True
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.input, (2,))
        takes(cx, self.input, NUMBERS - {DType.BF16})
        dtype = self.input.dtype
        return TensorType(dtype if dtype.is_float else DType.I64, ())

    def onnx(self, g: Graph) -> Value:
        x = self.input
        column = diagonal(input=x, offset=dim(0), dim1=0, dim2=1)
        shape = column.infer(LOWERING).shape
        return reduced(g, "sum", g.typed(column.onnx(g), x.dtype, shape), None, False)
