"""Functions that take tensors apart, pick from them, or move their elements.

Source: https://docs.pytorch.org/docs/stable/torch.html#indexing-slicing-joining-mutating-ops
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

from spec_lang.ops.base import Cx, Function, OpError, Tensor, axis_of, known_rank, size_at
from spec_lang.ops.functions.shape import numel, transposed
from spec_lang.ops.kinds import Axes, Axis, Count, Number, Sizes
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, pieces
from spec_lang.ops.rules.elementwise import NARROW, NUMBERS, operand, recast, same_dtype, takes
from spec_lang.shapes import Cond, Dim, DType, Pack, TensorType, minimum
from spec_lang.shapes import dim as as_dim

_END = 2**63 - 1


def with_size(x: Tensor, axis: int, size: Dim) -> Tensor:
    """`x` with another size of one axis."""
    return x.with_shape((*x.shape[:axis], size, *x.shape[axis + 1 :]))


def without(x: Tensor, axis: int) -> Tensor:
    """`x` without one axis."""
    return x.with_shape((*x.shape[:axis], *x.shape[axis + 1 :]))


def ranked(cx: Cx, x: Tensor) -> Tensor:
    """`x`, which must have dims.

    Raises:
        OpError: it has none.
    """
    if not x.shape:
        raise OpError(f"{cx.name} takes a tensor with dims, but gets {x}", code="E0302")
    return x


def one_axis(x: Tensor) -> Tensor:
    """`x` as PyTorch sees it where it picks along an axis: without dims it has one of size 1."""
    return x if x.shape else x.with_shape((as_dim(1),))


def with_one_axis(g: Graph, x: Value) -> Value:
    """`x`, reshaped to one axis where it has none."""
    return x if x.shape else g.reshape(x, [as_dim(1)])


def as_shaped(g: Graph, y: Value, like: Tensor) -> Value:
    """What was computed with one axis, without it where `like` has none."""
    return y if like.shape else g.Squeeze(y, g.ints([0]))


def slices(g: Graph, x: Value, sizes: Sequence[Dim], axis: int) -> tuple[Value, ...]:
    """One Split into pieces of given sizes."""
    if len(sizes) == 1:
        return (x,)
    even = all(s == sizes[0] for s in sizes[:-1])
    last_fits = sizes[-1] == sizes[0]
    if even and last_fits:
        attributes = {"num_outputs": len(sizes)} if g.opset >= 18 else {}
        return tuple(g.Split(x, axis=axis, outputs=len(sizes), **attributes))
    return tuple(g.Split(x, g.dims(sizes), axis=axis, outputs=len(sizes)))


class split(Function):
    """Pieces along `dim`, each of one size (the last may be smaller) or of the sizes in a list."""

    tensor: Tensor
    split_size_or_sections: Dim | Sizes
    dim: Axis = 0

    torch = "torch.split"
    shares = "moved"
    placement = "axes"
    method = True
    renames = ("split_size_or_sections",)
    untyped = True
    keeps = ""

    def infer(self, cx: Cx) -> tuple[Tensor, ...]:
        axis = axis_of(cx, ranked(cx, self.tensor), self.dim)
        return tuple(with_size(self.tensor, axis, s) for s in self._pieces(cx))

    def _pieces(self, cx: Cx) -> list[Dim]:
        size, each = size_at(cx, self.tensor, self.dim), self.split_size_or_sections
        if not isinstance(each, Dim):
            at_least(cx, 0, split_size_or_sections=each)
            total = sum(each, start=as_dim(0))
            listed = ", ".join(map(str, each))
            cx.equal(
                size,
                total,
                f"{cx.name} into [{listed}] takes {total} along dim {self.dim}, but there are {size}",
            )
            return list(each)
        at_least(cx, 1, split_size_or_sections=each)
        count = pieces(pieces_count(cx, size, each), cx.name)
        return [*[each] * (count - 1), cx.facts.simplify(size) - each * (count - 1)]

    def onnx(self, g: Graph) -> tuple[Value, ...]:
        from spec_lang.ops.rules.elementwise import LOWERING

        x: Value = self.tensor
        return slices(g, x, self._pieces(LOWERING), self.dim % len(x.shape))


def pieces_count(cx: Cx, size: Dim, each: Dim) -> int:
    """ceil(size / each), which must be one number for all sizes.

    Raises:
        OpError: E0312, it depends on a dim.
    """
    count = cx.facts.simplify((size + each - 1) // each).const
    if count is None:
        raise OpError(
            f"{cx.name} of {size} into pieces of {each}: how many there are depends on {size}",
            code="E0326",
            help="say how many: a list of sizes, or `chunk`",
        )
    return count


class chunk(Function):
    """At most `chunks` pieces of ceil(size / chunks) each; the last may be smaller."""

    input: Tensor
    chunks: Count
    dim: Axis = 0

    torch = "torch.chunk"
    shares = "moved"
    placement = "axes"
    method = True
    keeps = ""

    def infer(self, cx: Cx) -> tuple[Tensor, ...]:
        axis = axis_of(cx, ranked(cx, self.input), self.dim)
        return tuple(with_size(self.input, axis, s) for s in self._pieces(cx))

    def _pieces(self, cx: Cx) -> list[Dim]:
        size, n = size_at(cx, self.input, self.dim), self.chunks
        if n < 1:
            raise OpError(f"{cx.name} takes chunks of at least 1, but gets {n}", code="E0501", arg="chunks")
        each = cx.facts.simplify((size + n - 1) // n)
        count = cx.facts.simplify((size + each - 1) // each).const if cx.holds(Cond.ge(each, 1)) else None
        if cx.holds(Cond.divides(n, size)):
            return [each] * pieces(n, cx.name)
        if count is None:
            raise OpError(
                f"{cx.name} of {size} into {n}: how many pieces there are depends on {size}",
                code="E0326",
                state=Cond.divides(n, size),
            )
        return [*[each] * (pieces(count, cx.name) - 1), size - each * (count - 1)]

    def onnx(self, g: Graph) -> tuple[Value, ...]:
        from spec_lang.ops.rules.elementwise import LOWERING

        x: Value = self.input
        axis, n = self.dim % len(x.shape), self.chunks
        size = x.dims[axis]
        sizes = self._pieces(LOWERING) if size.const is not None else [size // n] * n
        return slices(g, x, sizes, axis)


class unbind(Function):
    """The slices along `dim`, without it."""

    input: Tensor
    dim: Axis = 0

    torch = "torch.unbind"
    shares = "moved"
    placement = "axes"
    method = True
    keeps = ""

    def infer(self, cx: Cx) -> tuple[Tensor, ...]:
        x = ranked(cx, self.input)
        size = cx.facts.simplify(size_at(cx, x, self.dim)).const
        if size is None:
            raise OpError(
                f"{cx.name} gives as many tensors as dim {self.dim} of {x} has, which is not one number",
                code="E0326",
            )
        return (without(x, axis_of(cx, x, self.dim)),) * pieces(size, cx.name)

    def onnx(self, g: Graph) -> tuple[Value, ...]:
        x: Value = self.input
        axis = self.dim % len(x.shape)
        count = x.dims[axis].const or 0
        if count == 1:
            return (g.Squeeze(x, g.ints([axis])),)
        parts = slices(g, x, [as_dim(1)] * count, axis)
        return tuple(g.Squeeze(p, g.ints([axis])) for p in parts)


class narrow(Function):
    """`length` elements along `dim` from `start`."""

    input: Tensor
    dim: Axis
    start: Dim
    length: Dim

    torch = "torch.narrow"
    shares = "moved"
    placement = "axes"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = ranked(cx, self.input)
        size = size_at(cx, x, self.dim)
        at_least(cx, 0, start=self.start, length=self.length)
        cx.require(
            Cond.le(self.start + self.length, size),
            f"{cx.name} takes {self.length} elements from {self.start}, but dim {self.dim} of {x} has {size}",
            code="E0304",
            arg="length",
        )
        return with_size(x, axis_of(cx, x, self.dim), self.length)

    def onnx(self, g: Graph) -> Value:
        x = self.input
        axis = self.dim % len(x.shape)
        return g.Slice(x, g.dims([self.start]), g.dims([self.start + self.length]), g.ints([axis]))


class select(Function):
    """The slice at `index` along `dim`, without it."""

    input: Tensor
    dim: Axis
    index: Dim

    torch = "torch.select"
    shares = "moved"
    placement = "axes"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.functions.indexing import pick

        x = ranked(cx, self.input)
        pick(cx, self.index, size_at(cx, x, self.dim), x)
        return without(x, axis_of(cx, x, self.dim))

    def onnx(self, g: Graph) -> Value:
        return g.Gather(self.input, g.dim(self.index), axis=self.dim % len(self.input.shape))


class index_select(Function):
    """The slices at some indices along `dim`."""

    input: Tensor
    dim: Axis
    index: Tensor

    torch = "torch.index_select"
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        takes(cx, self.index, {DType.I64, DType.I32}, "its index")
        known_rank(cx, self.index, (0, 1), "its index")
        size = self.index.dims[0] if self.index.shape else as_dim(1)
        axis = axis_of(cx, x, self.dim)
        if not x.shape:
            cx.equal(size, 1, f"{cx.name} takes one element of {x}, not {size}", arg="index")
            return x
        return with_size(x, axis, size)

    def onnx(self, g: Graph) -> Value:
        index = self.index
        if not index.shape:
            index = g.Unsqueeze(index, g.ints([0]))
        x = with_one_axis(g, self.input)
        return as_shaped(g, g.Gather(x, index, axis=self.dim % len(x.shape)), self.input)


class gather(Function):
    """result[i][j] = input[index[i][j]][j] for `dim` 0, and so on: of the shape of `index`."""

    input: Tensor
    dim: Axis
    index: Tensor

    torch = "torch.gather"
    method = True
    keeps = "inputs"

    def infer(self, cx: Cx) -> Tensor:
        x, index = self.input, self.index
        takes(cx, index, {DType.I64, DType.I32}, "its index")
        _smaller_elsewhere(cx, one_axis(x), one_axis(index), self.dim, "its index")
        return x.with_shape(index.shape)

    def onnx(self, g: Graph) -> Value:
        x, index = with_one_axis(g, self.input), with_one_axis(g, self.index)
        return as_shaped(g, g.GatherElements(x, index, axis=self.dim % len(x.shape)), self.index)


def _smaller_elsewhere(cx: Cx, x: Tensor, index: Tensor, d: int, what: str) -> None:
    """Demand equally many dims, each but `d` at most as large as that of `x`."""
    axis = axis_of(cx, x, d)
    if len(index.shape) != len(x.shape):
        raise OpError(
            f"{cx.name} takes {what} of as many dims as {x}, but gets {index}", code="E0302", arg="index"
        )
    for i, (a, b) in enumerate(zip(index.shape, x.shape, strict=True)):
        if i == axis or a == b:
            continue
        if isinstance(a, Pack) or isinstance(b, Pack):
            raise OpError(f"{cx.name}: the hidden dims of {x} and {index} differ", code="E0302", arg="index")
        cx.require(
            Cond.le(a, b),
            f"{cx.name}: dim {i} of {what} {index} is larger than that of {x}",
            code="E0304",
            arg="index",
        )


class take_along_dim(Function):
    """As `gather`, with `input` and `indices` broadcast outside of `dim`."""

    input: Tensor
    indices: Tensor
    dim: Axis

    torch = "torch.take_along_dim"

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.rules.elementwise import result_shape

        x, index = ranked(cx, self.input), self.indices
        takes(cx, index, {DType.I64}, "its indices")
        axis = axis_of(cx, x, self.dim)
        if len(index.shape) != known_rank(cx, x):
            raise OpError(f"{cx.name} takes indices of as many dims as {x}, but gets {index}", code="E0302")
        rest = result_shape(cx, without(x, axis), without(index, axis))
        return x.with_shape((*rest[:axis], index.shape[axis], *rest[axis:]))

    def onnx(self, g: Graph) -> Value:
        from spec_lang.ops.rules.elementwise import LOWERING

        x, index = self.input, self.indices
        axis = self.dim % len(x.shape)
        shape = self.infer(LOWERING).dims
        wide = (*shape[:axis], x.dims[axis], *shape[axis + 1 :])
        data = x if x.dims == wide else g.Expand(x, g.dims(wide))
        where = index if index.dims == shape else g.Expand(index, g.dims(shape))
        return g.GatherElements(data, where, axis=axis)


class scatter(Function):
    """`input` with `src` written at `index` along `dim`."""

    input: Tensor
    dim: Axis
    index: Tensor
    src: Tensor | None = None
    value: Number | None = None

    torch = "torch.scatter"
    keywords = ("value",)
    keeps = "indices"

    reduction: ClassVar[dict[str, str]] = {}

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """A number in place of `src` is a `value`."""
        if len(args) == 4 and "value" in kwargs:
            raise OpError("scatter takes `src` or `value`, not both", code="E0513", arg="value")
        if len(args) == 4 and not isinstance(args[3], TensorType):
            return args[:3], {"value": args[3], **kwargs}
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor:
        x, index, src = one_axis(self.input), one_axis(self.index), self.src
        if (src is None) == (self.value is None):
            raise OpError(f"{cx.name} takes `src` or `value`", code="E0511", arg="src")
        takes(cx, index, {DType.I64, DType.I32}, "its index")
        _smaller_elsewhere(cx, x, index, self.dim, "its index")
        if isinstance(src, TensorType):
            src = one_axis(src)
            same_dtype(cx, x, src)
            if len(src.shape) != len(index.shape):
                raise OpError(
                    f"{cx.name} takes src of as many dims as its index {index}, not {src}", code="E0302"
                )
            for i, (a, b) in enumerate(zip(index.shape, src.shape, strict=True)):
                if isinstance(a, Dim) and isinstance(b, Dim) and a != b:
                    cx.require(
                        Cond.le(a, b),
                        f"{cx.name}: dim {i} of its index {index} is larger than that of src {src}",
                        code="E0304",
                    )
        elif isinstance(src, float) and not x.dtype.is_float:
            raise OpError(f"{cx.name} cannot put the float {src} among {x.dtype}", code="E0401", arg="src")
        return self.input

    def onnx(self, g: Graph) -> Value:
        x, index = with_one_axis(g, self.input), with_one_axis(g, self.index)
        src = None if self.src is None else with_one_axis(g, self.src)
        if src is None:
            src = g.Expand(operand(g, self.value, x.dtype), g.dims(index.dims))
        elif src.shape != index.shape:
            axes = list(range(len(src.shape)))
            src = g.Slice(src, g.ints([0] * len(axes)), g.dims(index.dims), g.ints(axes))
        y = g.ScatterElements(x, index, src, axis=self.dim % len(x.shape), **self.reduction)
        return as_shaped(g, y, self.input)


class scatter_add(scatter):
    """`input` with `src` added at `index` along `dim`."""

    src: Tensor
    value: None = None

    torch = "torch.scatter_add"
    arrange = None
    reduction = {"reduction": "add"}
    keeps = None


scatter_add.arguments = tuple(a for a in scatter_add.arguments if a != "value")


# --- Order ----------------------------------------------------------------------------------


class topk(Function):
    """The k largest (or smallest) elements along `dim`, and where they are."""

    input: Tensor
    k: Dim
    dim: Axis = -1
    largest: bool = True
    sorted: bool = True

    torch = "torch.topk"
    placement = "axes"

    def infer(self, cx: Cx) -> tuple[Tensor, Tensor]:
        x = self.input
        takes(cx, x, NUMBERS)
        at_least(cx, 0, k=self.k)
        axis_of(cx, x, self.dim)
        if not x.shape:
            cx.equal(self.k, 1, f"{cx.name} takes {self.k} of the one element of {x}", code="E0304", arg="k")
            return x, x.with_dtype(DType.I64)
        size = size_at(cx, x, self.dim)
        cx.require(
            Cond.le(self.k, size),
            f"{cx.name} takes {self.k} of the {size} along dim {self.dim} of {x}",
            code="E0304",
            arg="k",
        )
        values = with_size(x, axis_of(cx, x, self.dim), self.k)
        return values, values.with_dtype(DType.I64)

    def onnx(self, g: Graph) -> tuple[Value, Value]:
        x = self.input
        if not x.shape:
            return x, g.const(0, DType.I64)
        return ranking(g, x, self.k, self.dim, self.largest)


def ranking(g: Graph, x: Tensor, k: Dim, d: int, largest: bool) -> tuple[Value, Value]:
    """One TopK."""
    attributes: dict[str, Any] = {} if largest else {"largest": 0}
    axis = d % len(x.shape)
    if axis != len(x.shape) - 1:
        attributes["axis"] = axis
    dtype = DType.I32 if x.dtype in NARROW or x.dtype is DType.BOOL else x.dtype
    values, indices = g.TopK(g.cast(x, dtype), g.dims([k]), outputs=2, **attributes)
    return values if dtype is x.dtype else recast(g, values, x.dtype), indices


def _by_name(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """With `stable`, PyTorch takes the rest by name only."""
    if "stable" in kwargs and len(args) > 1:
        raise OpError(
            f"{name} with `stable` takes `dim` and `descending` by name", code="E0510", arg="stable"
        )
    return args, kwargs


class sort(Function):
    """The elements along `dim` in order, and where they were."""

    input: Tensor
    dim: Axis = -1
    descending: bool = False
    stable: bool = False

    torch = "torch.sort"
    placement = "axes; whole dim"
    keywords = ("stable",)

    arrange = staticmethod(partial(_by_name, "sort"))

    def infer(self, cx: Cx) -> tuple[Tensor, Tensor]:
        axis_of(cx, self.input, self.dim)
        return self.input, self.input.with_dtype(DType.I64)

    def onnx(self, g: Graph) -> tuple[Value, Value]:
        x = self.input
        if not x.shape:
            return x, g.const(0, DType.I64)
        return ranking(g, x, x.dims[self.dim % len(x.shape)], self.dim, self.descending)


class argsort(Function):
    """Where the elements along `dim` would come from in order."""

    input: Tensor
    dim: Axis = -1
    descending: bool = False
    stable: bool = False

    torch = "torch.argsort"
    placement = "axes; whole dim"
    keywords = ("stable",)

    arrange = staticmethod(partial(_by_name, "argsort"))

    def infer(self, cx: Cx) -> Tensor:
        return sort(input=self.input, dim=self.dim).infer(cx)[1]

    def onnx(self, g: Graph) -> Value:
        return sort(input=self.input, dim=self.dim, descending=self.descending).onnx(g)[1]


# --- Places ---------------------------------------------------------------------------------


class _Triangle(Function):
    """Elements on one side of a diagonal, 0 elsewhere."""

    input: Tensor
    diagonal: Dim = 0

    upper: ClassVar[int]

    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        if len(self.input.shape) < 2:
            raise OpError(f"{cx.name} takes matrices, but gets {self.input}", code="E0302")
        return self.input

    def onnx(self, g: Graph) -> Value:
        x = self.input
        dtype = DType.I32 if x.dtype in NARROW or x.dtype is DType.BOOL else x.dtype
        k = [] if self.diagonal == 0 else [g.dim(self.diagonal)]
        y = g.Trilu(g.cast(x, dtype), *k, **({} if self.upper else {"upper": 0}))
        return y if dtype is x.dtype else recast(g, y, x.dtype)


class tril(_Triangle):
    """The elements on and below a diagonal, 0 above it."""

    torch = "torch.tril"
    upper = 0


class triu(_Triangle):
    """The elements on and above a diagonal, 0 below it."""

    torch = "torch.triu"
    upper = 1


class diagonal(Function):
    """The diagonal of the matrices in two dims, as a new last dim."""

    input: Tensor
    offset: Dim = 0
    dim1: Axis = 0
    dim2: Axis = 1

    torch = "torch.diagonal"
    shares = "moved"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        known_rank(cx, x)
        first, second = axis_of(cx, x, self.dim1, "dim1"), axis_of(cx, x, self.dim2, "dim2")
        if first == second:
            raise OpError(f"{cx.name} takes two dims, but both are {self.dim1}", code="E0303", arg="dim2")
        if self.offset.const is None:
            raise OpError(
                f"{cx.name} takes a constant offset, but gets {self.offset}", code="E0514", arg="offset"
            )
        size = self._size(x.dims[first], x.dims[second])
        cx.require(
            Cond.ge(size, 0), f"{cx.name} {self.offset} of {x} lies outside of it", code="E0304", arg="offset"
        )
        rest = [d for i, d in enumerate(x.dims) if i not in (first, second)]
        return x.with_shape((*rest, size))

    def _size(self, rows: Dim, columns: Dim) -> Dim:
        k = self.offset.const or 0
        return minimum(rows, columns - k) if k >= 0 else minimum(rows + k, columns)

    def onnx(self, g: Graph) -> Value:
        x = self.input
        rank, k = len(x.shape), self.offset.const or 0
        first, second = self.dim1 % rank, self.dim2 % rank
        order = [*(i for i in range(rank) if i not in (first, second)), first, second]
        y = transposed(g, x, order)
        size = g.dim(self._size(x.dims[first], x.dims[second]))
        steps = g.Range(g.dim(0), size, g.dim(1))
        places = [g.Add(steps, g.dim(shift)) if shift else steps for shift in (max(0, -k), max(0, k))]
        pairs = g.Concat(*(g.Unsqueeze(p, g.ints([1])) for p in places), axis=1)
        back = [rank - 2, rank - 1, *range(rank - 2)]
        y = g.GatherND(g.Transpose(y, perm=back) if rank > 2 else y, pairs)
        return g.Transpose(y, perm=[*range(1, rank - 1), 0]) if rank > 2 else y


class roll(Function):
    """Elements moved along dims, those pushed out coming in at the other end."""

    input: Tensor
    shifts: Sizes
    dims: Axes | None = None

    torch = "torch.roll"
    placement = "axes; whole dims"
    keeps = ""

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """`roll(x, 1, 0)`: shifts are not gathered."""
        if len(args) > 1 and not isinstance(args[1], list | tuple):
            args = (args[0], (args[1],), *args[2:])
        return args, kwargs

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        if self.dims is None:
            known_rank(cx, x)
            if len(self.shifts) != 1:
                raise OpError(f"{cx.name} without dims takes one shift", code="E0501", arg="shifts")
            return x
        if len(self.dims) != len(self.shifts):
            raise OpError(
                f"{cx.name} takes a shift for each dim, but gets {len(self.shifts)} for {len(self.dims)}",
                code="E0501",
                arg="shifts",
            )
        for d in self.dims:
            axis_of(cx, ranked(cx, x), d, "dims")
        return x

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        if self.dims is None:
            flat = g.reshape(x, [numel(x.dims)])
            return g.reshape(self._rolled(g, flat, 0, self.shifts[0]), x.dims)
        for shift, d in zip(self.shifts, self.dims, strict=True):
            x = self._rolled(g, x, d % len(x.shape), shift)
        return x

    def _rolled(self, g: Graph, x: Value, axis: int, shift: Dim) -> Value:
        size, k = x.dims[axis], shift
        if size.const == 0 or k == 0:
            return x
        k = -k if k.const is None or size.const is None else as_dim(-k.const % size.const)
        if k == 0:
            return x
        if k.const is None or size.const is None:
            k = k % size
        ends = g.dims([k])
        tail = g.Slice(x, ends, g.ints([_END]), g.ints([axis]))
        head = g.Slice(x, g.ints([0]), ends, g.ints([axis]))
        return g.typed(g.Concat(tail, head, axis=axis), x.dtype, x.shape)


class flip(Function):
    """The elements along some dims in reverse."""

    input: Tensor
    dims: Axes

    torch = ".flip"
    placement = "axes; whole dims"
    gathers = "dims"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        axes = [axis_of(cx, self.input, d, "dims") for d in self.dims]
        if len(set(axes)) < len(axes):
            raise OpError(f"{cx.name} names a dim twice: {list(self.dims)}", code="E0303", arg="dims")
        return self.input

    def onnx(self, g: Graph) -> Value:
        x = self.input
        n, rank = len(self.dims), len(x.shape)
        if not n or not rank:
            return x
        axes = [d % rank for d in self.dims]
        return g.Slice(x, g.ints([-1] * n), g.ints([-_END] * n), g.ints(axes), g.ints([-1] * n))


class fliplr(Function):
    """The elements along dim 1 in reverse."""

    input: Tensor

    torch = "torch.fliplr"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        if len(self.input.shape) < 2:
            raise OpError(f"{cx.name} takes at least 2 dims, but gets {self.input}", code="E0302")
        return flip(input=self.input, dims=(1,)).infer(cx)

    def onnx(self, g: Graph) -> Value:
        return flip(input=self.input, dims=(1,)).onnx(g)


class repeat_interleave(Function):
    """Each element `repeats` times in a row, along `dim` or flattened."""

    input: Tensor
    repeats: Dim
    dim: Axis | None = None

    torch = "torch.repeat_interleave"
    method = True
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        at_least(cx, 0, repeats=self.repeats)
        if self.dim is None:
            known_rank(cx, x)
            return x.with_shape((numel(x.dims) * self.repeats,))
        x = x if x.shape else x.with_shape((as_dim(1),))
        axis = axis_of(cx, x, self.dim)
        return with_size(x, axis, size_at(cx, x, self.dim) * self.repeats)

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        if self.dim is None or not x.shape:
            x = g.reshape(x, [numel(x.dims)])
        axis = (self.dim or 0) % len(x.shape)
        shape = x.dims
        wide = g.Unsqueeze(x, g.ints([axis + 1]))
        sizes = [*[as_dim(1)] * (axis + 1), self.repeats, *[as_dim(1)] * (len(shape) - axis - 1)]
        wide = g.typed(
            g.Expand(wide, g.dims(sizes)), x.dtype, (*shape[: axis + 1], self.repeats, *shape[axis + 1 :])
        )
        return g.reshape(wide, (*shape[:axis], shape[axis] * self.repeats, *shape[axis + 1 :]))


class flipud(Function):
    """The elements along dim 0 in reverse."""

    input: Tensor

    torch = "torch.flipud"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        return flip(input=ranked(cx, self.input), dims=(0,)).infer(cx)

    def onnx(self, g: Graph) -> Value:
        return flip(input=self.input, dims=(0,)).onnx(g)


class diff(Function):
    """Each element less the one before it along `dim`, n times over."""

    input: Tensor
    n: Count = 1
    dim: Axis = -1
    prepend: Tensor | None = None
    append: Tensor | None = None

    torch = "torch.diff"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.functions.shape import cat

        x = ranked(cx, self.input)
        if self.n < 0:
            raise OpError(f"{cx.name} takes n of at least 0, but n is {self.n}", code="E0501", arg="n")
        for other in (self.prepend, self.append):
            if other is not None and other.rank != known_rank(cx, x):
                raise OpError(f"{cx.name} joins {x} and {other}, which have other dims", code="E0302")
        same_dtype(cx, x, self.prepend, self.append)
        axis = axis_of(cx, x, self.dim)
        joined = cat(tensors=self._parts(), dim=axis).infer(cx)
        whole = joined if self.n else x
        size = size_at(cx, whole, axis)
        cx.require(
            Cond.ge(size, self.n), f"{cx.name} takes {self.n} differences of {size}", code="E0304", arg="n"
        )
        return with_size(whole, axis, size - self.n)

    def _parts(self) -> tuple[Tensor, ...]:
        return tuple(p for p in (self.prepend, self.input, self.append) if p is not None)

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        axis = self.dim % len(x.shape)
        if not self.n:
            return x
        wide = DType.I32 if x.dtype in NARROW else x.dtype
        parts = [g.cast(p, wide) for p in self._parts() if isinstance(p, Value)]
        y = parts[0] if len(parts) == 1 else g.Concat(*parts, axis=axis)
        axes = g.ints([axis])
        for _ in range(self.n):
            later = g.Slice(y, g.ints([1]), g.ints([_END]), axes)
            before = g.Slice(y, g.ints([0]), g.ints([-1]), axes)
            y = g.Xor(later, before) if x.dtype is DType.BOOL else g.Sub(later, before)
        return recast(g, y, x.dtype)


class diag_embed(Function):
    """Vectors along the last dim as diagonals of matrices in two new dims."""

    input: Tensor
    offset: Count = 0
    dim1: Axis = -2
    dim2: Axis = -1

    torch = "torch.diag_embed"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = ranked(cx, self.input)
        known_rank(cx, x)
        size = x.dims[-1] + abs(self.offset)
        wide = x.with_shape((*x.shape[:-1], size, size))
        first, second = axis_of(cx, wide, self.dim1, "dim1"), axis_of(cx, wide, self.dim2, "dim2")
        if first == second:
            raise OpError(f"{cx.name} takes two dims, but both are {self.dim1}", code="E0303", arg="dim2")
        return wide.with_shape(tuple(wide.shape[i] for i in self._order(first, second)))

    def _order(self, first: int, second: int) -> list[int]:
        """Where each axis of the result stands when the matrices are last."""
        rank = len(self.input.shape) + 1
        order = list(range(rank - 2))
        for axis, at in sorted(((first, rank - 2), (second, rank - 1))):
            order.insert(axis, at)
        return order

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        rank, k = len(x.shape) + 1, self.offset
        size = x.dims[-1] + abs(k)
        rows = g.Range(g.dim(0), g.dim(size), g.dim(1))
        columns = g.Add(g.Unsqueeze(rows, g.ints([1])), g.const(k, DType.I64))
        on = g.Equal(columns, rows)
        padded = x
        if k:
            wide = DType.I32 if x.dtype in NARROW or x.dtype is DType.BOOL else x.dtype
            before = [0] * (rank - 1)
            pads = [*before[1:], max(k, 0), *before[1:], max(-k, 0)]
            padded = recast(g, g.Pad(g.cast(x, wide), g.ints(pads)), x.dtype)
        y = self._chosen(g, on, g.Unsqueeze(padded, g.ints([rank - 2])))
        shape = (*x.shape[:-1], size, size)
        order = self._order(self.dim1 % rank, self.dim2 % rank)
        return transposed(g, g.typed(y, x.dtype, shape), order)

    def _chosen(self, g: Graph, on: Value, x: Value) -> Value:
        """The element of each column where the diagonal passes, 0 elsewhere."""
        dtype = self.input.dtype
        return g.And(on, x) if dtype is DType.BOOL else g.Where(on, x, g.const(0, dtype))


class diag(Function):
    """The diagonal of a matrix, or the matrix of which a vector is the diagonal."""

    input: Tensor
    diagonal: Count = 0

    torch = "torch.diag"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.input, (1, 2))
        return self._as().infer(cx)

    def _as(self) -> Function:
        if len(self.input.shape) == 1:
            return diag_embed(input=self.input, offset=self.diagonal)
        return diagonal(input=self.input, offset=as_dim(self.diagonal), dim1=0, dim2=1)

    def onnx(self, g: Graph) -> Value:
        y: Value = self._as().onnx(g)
        return y


class tensor_split(Function):
    """So many pieces along `dim`, the first ones larger by one where they do not divide, or pieces between some places."""

    input: Tensor
    indices_or_sections: Count | Sizes
    dim: Axis = 0

    torch = "torch.tensor_split"
    shares = "moved"
    keeps = ""

    @staticmethod
    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """PyTorch has two names for it, one for each kind."""
        if "indices_or_sections" in kwargs:
            raise OpError(
                "tensor_split takes its sections by position only", code="E0510", arg="indices_or_sections"
            )
        if len(args) > 1 and isinstance(args[1], Dim) and args[1].const is None:
            raise OpError(
                f"tensor_split takes a number of sections that is known here, not {args[1]}",
                code="E0514",
                arg="indices_or_sections",
                help=f"`chunk` and `split` take sizes; a list of one place is `[{args[1]}]`",
            )
        return args, kwargs

    def infer(self, cx: Cx) -> tuple[Tensor, ...]:
        x = ranked(cx, self.input)
        axis = axis_of(cx, x, self.dim)
        return tuple(with_size(x, axis, s) for s in self._pieces(cx))

    def _pieces(self, cx: Cx) -> list[Dim]:
        size, given = size_at(cx, self.input, self.dim), self.indices_or_sections
        if isinstance(given, int):
            if given < 1:
                raise OpError(
                    f"{cx.name} takes at least 1 section, but gets {given}",
                    code="E0501",
                    arg="indices_or_sections",
                )
            return [(size + given - 1 - i) // given for i in range(given)]
        places = [as_dim(0), *given, size]
        pieces = [b - a for a, b in pairwise(places)]
        for piece in pieces:
            cx.require(
                Cond.ge(piece, 0),
                f"{cx.name} takes places in order within {size}, but gets [{', '.join(map(str, given))}]",
                code="E0501",
                arg="indices_or_sections",
            )
        return pieces

    def onnx(self, g: Graph) -> tuple[Value, ...]:
        from spec_lang.ops.rules.elementwise import LOWERING

        x: Value = self.input
        return slices(g, x, self._pieces(LOWERING), self.dim % len(x.shape))


class rot90(Function):
    """A quarter turn, `k` times over, from the first of two dims to the second."""

    input: Tensor
    k: Count = 1
    dims: Axes = (0, 1)

    torch = "torch.rot90"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        known_rank(cx, x)
        if len(self.dims) != 2:
            raise OpError(f"{cx.name} takes two dims, but gets {list(self.dims)}", code="E0501", arg="dims")
        first, second = (axis_of(cx, x, d, "dims") for d in self.dims)
        if first == second or len(x.shape) < 2:
            raise OpError(f"{cx.name} takes two dims of {x}, not {list(self.dims)}", code="E0303", arg="dims")
        return x.with_shape(tuple(x.shape[i] for i in self._order(first, second)))

    def _order(self, first: int, second: int) -> list[int]:
        order = list(range(len(self.input.shape)))
        if self.k % 2:
            order[first], order[second] = order[second], order[first]
        return order

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        first, second = (d % len(x.shape) for d in self.dims)
        turns = self.k % 4
        flipped = {0: (), 1: (second,), 2: (first, second), 3: (first,)}[turns]
        y = flip(input=x, dims=flipped).onnx(g)
        return transposed(g, g.typed(y, x.dtype, x.shape), self._order(first, second))
