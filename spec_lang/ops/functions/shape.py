"""Functions that give the same elements another shape or order.

Source: https://docs.pytorch.org/docs/stable/torch.html#indexing-slicing-joining-mutating-ops
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

from spec_lang.ops.base import Cx, Function, OpError, Tensor, axis_of, known_rank, size_at
from spec_lang.ops.kinds import Axes, Axis, Sizes, Tensors
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.runs import counted, each, first_of, kinds, others, total
from spec_lang.shapes import Cond, Dim, Pack, Shape, TensorType, dim, exact_div


def numel(sizes: Sequence[Dim]) -> Dim:
    """The number of elements."""
    return prod(sizes, start=dim(1))


def reshaped(cx: Cx, x: Tensor, shape: Sequence[Dim]) -> Tensor:
    """`x` with sizes of which one may be -1: the rest, which the others must divide.

    Raises:
        OpError: E0307 where the elements do not add up, or are not proved to.
    """
    holes = [i for i, size in enumerate(shape) if size == -1]
    if len(holes) > 1:
        raise OpError(
            f"{cx.name} can infer one size only, but {len(holes)} are -1", code="E0321", arg="shape"
        )
    sizes = tuple(shape)
    for size in sizes:
        if size != -1:
            cx.require(Cond.ge(size, 0), f"{cx.name} cannot make a size of {size}", code="E0321", arg="shape")
    if x.rank is None:
        return _behind_pack(cx, x, sizes)
    have, want = numel(x.dims), numel([s for s in sizes if s != -1])
    listed = ", ".join(map(str, sizes))
    if not holes:
        cx.equal(
            have,
            want,
            f"{cx.name} cannot give {x} the shape [{listed}]: {have} elements are not {want}",
            code="E0321",
            arg="shape",
        )
        return x.with_shape(sizes)
    _nonzero(cx, want, listed)
    cx.require(
        Cond.divides(want, have),
        f"{cx.name} cannot give {x} the shape [{listed}]: {want} does not divide {have} elements",
        code="E0321",
        arg="shape",
    )
    rest = exact_div(cx.facts.simplify(have), cx.facts.simplify(want))
    return x.with_shape((*sizes[: holes[0]], rest, *sizes[holes[0] + 1 :]))


def _nonzero(cx: Cx, size: Dim, listed: str) -> None:
    cx.require(
        Cond.ge(size, 1),
        f"{cx.name} cannot infer -1 in [{listed}]: the other sizes may be 0",
        code="E0321",
        arg="shape",
    )


def _behind_pack(cx: Cx, x: Tensor, sizes: Shape) -> Tensor:
    raise OpError(
        f"{cx.name} needs to know all dims of {x}; `*B` may be listed among the sizes only where they stay",
        code="E0302",
        arg="shape",
        help="flatten, unflatten and `...` in patterns work behind `*B`",
    )


class reshape(Function):
    """The same elements in order, in another shape; one size may be -1."""

    input: Tensor
    shape: Sizes

    torch = ".reshape"
    shares = "ordered"
    placement = "view"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        return reshaped(cx, self.input, self.shape)

    def onnx(self, g: Graph) -> Value:
        sizes = list(self.shape)
        x = self.input
        if -1 in sizes:
            at = sizes.index(dim(-1))
            rest = numel([s for s in sizes if s != -1])
            sizes[at] = exact_div(numel(x.dims), rest)
        return g.reshape(x, sizes)


class view(reshape):
    """As `reshape`, which generated code calls: whether memory is contiguous is not part of a type."""

    torch = ".reshape"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html"
    keeps = ""


class view_as(Function):
    """The elements of `input` in the shape of `other`."""

    input: Tensor
    other: Tensor

    torch = ".reshape_as"
    shares = "ordered"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.other)
        return reshaped(cx, self.input, self.other.dims)

    def onnx(self, g: Graph) -> Value:
        return g.reshape(self.input, self.other.dims)


class reshape_as(view_as):
    """The elements of `input` in the shape of `other`."""

    torch = ".reshape_as"
    keeps = ""


class flatten(Function):
    """The dims from `start_dim` to `end_dim` as one."""

    input: Tensor
    start_dim: Axis = 0
    end_dim: Axis = -1

    torch = "torch.flatten"
    shares = "ordered"
    placement = "view"
    method = True
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        first, last = axis_of(cx, x, self.start_dim, "start_dim"), axis_of(cx, x, self.end_dim, "end_dim")
        if first > last:
            raise OpError(
                f"{cx.name}'s start_dim {self.start_dim} comes after its end_dim {self.end_dim} in {x}",
                code="E0303",
                arg="start_dim",
            )
        if not x.shape:
            return x.with_shape((dim(1),))
        middle = x.shape[first : last + 1]
        if any(isinstance(d, Pack) for d in middle):
            raise OpError(
                f"{cx.name} needs to know the sizes that it multiplies, but {x} hides some", code="E0302"
            )
        sizes = [d for d in middle if isinstance(d, Dim)]
        return x.with_shape((*x.shape[:first], numel(sizes), *x.shape[last + 1 :]))

    def onnx(self, g: Graph) -> Value:
        x = self.input
        rank = len(x.shape)
        if not rank:
            return g.Unsqueeze(x, g.ints([0]))
        first, last = self.start_dim % rank, self.end_dim % rank
        if first == last:
            return x
        if first == 1 and last == rank - 1:
            return g.Flatten(x)
        return g.reshape(x, (*x.dims[:first], numel(x.dims[first : last + 1]), *x.dims[last + 1 :]))


class ravel(Function):
    """All elements as one dim."""

    input: Tensor

    torch = "torch.ravel"
    shares = "ordered"
    placement = "view"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        return flatten(input=self.input).infer(cx)

    def onnx(self, g: Graph) -> Value:
        return flatten(input=self.input).onnx(g)


class unflatten(Function):
    """One dim as several, of which one may be -1."""

    input: Tensor
    dim: Axis
    sizes: Sizes

    torch = "torch.unflatten"
    shares = "same"
    placement = "view"
    method = True
    untyped = True
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        axis, size = axis_of(cx, x, self.dim), size_at(cx, x, self.dim)
        if not self.sizes:
            raise OpError(f"{cx.name} takes at least one size", code="E0501", arg="sizes")
        parts = reshaped(cx, x.with_shape((size,)), self.sizes).shape
        return x.with_shape((*x.shape[:axis], *parts, *x.shape[axis + 1 :]))

    def onnx(self, g: Graph) -> Value:
        x = self.input
        axis = self.dim % len(x.shape)
        rest = numel([s for s in self.sizes if s != -1])
        parts = [exact_div(x.dims[axis], rest) if s == -1 else s for s in self.sizes]
        return g.reshape(x, (*x.dims[:axis], *parts, *x.dims[axis + 1 :]))


def permuted(x: Tensor, order: Sequence[int]) -> Tensor:
    """The type with its axes in another order."""
    return x.with_shape(tuple(x.shape[i] for i in order))


def transposed(g: Graph, x: Value, order: Sequence[int]) -> Value:
    """One Transpose, none where the order stays."""
    if list(order) == list(range(len(order))):
        return x
    return g.typed(g.Transpose(x, perm=list(order)), x.dtype, tuple(x.shape[i] for i in order))


class permute(Function):
    """The dims in another order."""

    input: Tensor
    dims: Axes

    torch = ".permute"
    shares = "moved"
    placement = "axes"
    gathers = "dims"
    keeps = ""

    @property
    def turns(self) -> bool:  # type: ignore[override]  # of its arguments here
        rank = len(self.input.shape)
        order = [d % rank for d in self.dims]
        return rank > 2 and order == [*range(rank - 3), rank - 2, rank - 3, rank - 1]

    def infer(self, cx: Cx) -> Tensor:
        return permuted(self.input, self._order(cx))

    def _order(self, cx: Cx) -> list[int]:
        x = self.input
        rank = known_rank(cx, x)
        order = [axis_of(cx, x, d, "dims") for d in self.dims]
        if sorted(order) != list(range(rank)):
            raise OpError(
                f"{cx.name} takes each of the {rank} dims of {x} once, but gets {list(self.dims)}",
                code="E0303",
                arg="dims",
            )
        return order

    def onnx(self, g: Graph) -> Value:
        return transposed(g, self.input, [d % len(self.input.shape) for d in self.dims])


class _Swap(Function):
    """Two dims swapped."""

    input: Tensor

    placement = "axes"
    keeps = ""

    def axes(self) -> tuple[int, int]:
        """The two arguments."""
        first, second = self.arguments[1:]
        return getattr(self, first), getattr(self, second)

    @property
    def turns(self) -> bool:  # type: ignore[override]  # of its arguments here
        rank = len(self.input.shape)
        return {a % rank for a in self.axes()} == {rank - 3, rank - 2} if rank > 2 else False

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        first, second = (axis_of(cx, x, a, n) for a, n in zip(self.axes(), self.arguments[1:], strict=True))
        if not x.shape:
            return x
        shape = list(x.shape)
        if any(isinstance(d, Pack) for d in shape[min(first, second) : max(first, second) + 1]):
            raise OpError(f"{cx.name} cannot swap dims across those hidden in {x}", code="E0302")
        shape[first], shape[second] = shape[second], shape[first]
        return x.with_shape(tuple(shape))

    def onnx(self, g: Graph) -> Value:
        rank = len(self.input.shape)
        if not rank:
            return self.input
        order = list(range(rank))
        a, b = (axis % rank for axis in self.axes())
        order[a], order[b] = order[b], order[a]
        return transposed(g, self.input, order)


class transpose(_Swap):
    """Two dims swapped."""

    dim0: Axis
    dim1: Axis

    torch = "torch.transpose"
    shares = "moved"
    method = True


class swapaxes(_Swap):
    """Two dims swapped."""

    axis0: Axis
    axis1: Axis

    torch = "torch.swapaxes"
    shares = "moved"


class swapdims(_Swap):
    """Two dims swapped."""

    dim0: Axis
    dim1: Axis

    torch = "torch.swapdims"
    shares = "moved"


class t(Function):
    """A matrix transposed; a vector or scalar as it is."""

    input: Tensor

    torch = "torch.t"
    shares = "moved"
    placement = "axes"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.input, (0, 1, 2))
        return self.input.with_shape(self.input.shape[::-1])

    def onnx(self, g: Graph) -> Value:
        return transposed(g, self.input, range(len(self.input.shape))[::-1])


class movedim(Function):
    """Some dims moved to other places, the rest in their order."""

    input: Tensor
    source: Axes  # type: ignore[misc] # PyTorch's name; the class attribute is never set here
    destination: Axes

    torch = "torch.movedim"
    shares = "moved"
    placement = "axes"
    method = True
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        known_rank(cx, x)
        if len(self.source) != len(self.destination):
            raise OpError(
                f"{cx.name} moves {len(self.source)} dims to {len(self.destination)} places", code="E0303"
            )
        for arg in ("source", "destination"):
            axes = [axis_of(cx, x, a, arg) for a in getattr(self, arg)]
            if len(set(axes)) < len(axes):
                raise OpError(f"{cx.name}'s {arg} names a dim twice", code="E0303", arg=arg)
        return permuted(x, self._order())

    def _order(self) -> list[int]:
        rank = max(len(self.input.shape), 1)
        moved = {d % rank: s % rank for s, d in zip(self.source, self.destination, strict=True)}
        rest = iter([a for a in range(rank) if a not in moved.values()])
        return [moved[a] if a in moved else next(rest) for a in range(len(self.input.shape))]

    def onnx(self, g: Graph) -> Value:
        return transposed(g, self.input, self._order())


class moveaxis(movedim):
    """Some dims moved to other places, the rest in their order."""

    torch = "torch.moveaxis"
    keeps = ""


class squeeze(Function):
    """Without the dims of size 1; with `dim`, without those of them that have size 1."""

    input: Tensor
    dim: Axes | None = None

    torch = "torch.squeeze"
    shares = "same"
    placement = "axes"
    method = True
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        if not x.shape:
            return x
        gone = self._gone(cx)
        return x.with_shape(tuple(d for i, d in enumerate(x.shape) if i not in gone))

    def _gone(self, cx: Cx) -> set[int]:
        x = self.input
        if self.dim is None:
            known_rank(cx, x)
            axes = list(range(len(x.shape)))
        else:
            axes = [axis_of(cx, x, a) for a in self.dim]
            if len(set(axes)) < len(axes):
                raise OpError(f"{cx.name} names a dim twice", code="E0303", arg="dim")
        gone = set()
        for axis in axes:
            size = size_at(cx, x, axis - len(x.shape))
            if cx.facts.equal(size, 1):
                gone.add(axis)
            elif not cx.holds(Cond.ne(size, 1)):
                raise OpError(
                    f"{cx.name} gives another rank where axis {axis} of {x} is 1, and {size} may be 1 or not",
                    code="E0322",
                    arg="dim",
                    help=f"state `require {Cond.ne(size, 1)}`, or squeeze only dims of size 1",
                )
        return gone

    def onnx(self, g: Graph) -> Value:
        x = self.input
        rank = len(x.shape)
        axes = range(rank) if self.dim is None else [a % rank for a in self.dim] if rank else []
        gone = sorted(a for a in axes if x.dims[a] == 1)
        return g.Squeeze(x, g.ints(gone)) if gone else x


class unsqueeze(Function):
    """With a dim of size 1 put in at `dim`."""

    input: Tensor
    dim: Axis

    torch = "torch.unsqueeze"
    shares = "same"
    placement = "axes"
    method = True
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        at = self._at(cx)
        shape = self.input.shape
        return self.input.with_shape((*shape[:at], dim(1), *shape[at:]))

    def _at(self, cx: Cx) -> int:
        x = self.input
        if x.rank is None:
            return axis_of(cx, x, self.dim + 1) + 1 if self.dim < -1 else self._last(cx)
        if not -x.rank - 1 <= self.dim <= x.rank:
            raise OpError(
                f"{cx.name} cannot put a dim at {self.dim}: {x} has {x.rank} dims", code="E0303", arg="dim"
            )
        return self.dim % (x.rank + 1)

    def _last(self, cx: Cx) -> int:
        if self.dim == -1:
            return len(self.input.shape)
        raise OpError(
            f"{cx.name} cannot tell which axis {self.dim} of {self.input} is; count from the end",
            code="E0302",
            arg="dim",
        )

    def onnx(self, g: Graph) -> Value:
        return g.Unsqueeze(self.input, g.ints([self.dim % (len(self.input.shape) + 1)]))


class cat(Function):
    """Tensors joined along a dim that they have."""

    tensors: Tensors
    dim: Axis = 0

    torch = "torch.cat"
    placement = "axes"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.rules.elementwise import result_dtype

        first, axis = joined(cx, self.tensors, self.dim, joins=True)
        size = total(cx, self.tensors, self.dim)
        return TensorType(
            result_dtype(cx, *kinds(self.tensors)), (*first.shape[:axis], size, *first.shape[axis + 1 :])
        )

    def onnx(self, g: Graph) -> Value:
        return concatenated(g, self.tensors, self.dim)


def joined(cx: Cx, tensors: Tensors, at: int, joins: bool = False) -> tuple[Tensor, int]:
    """The first of the tensors and the axis; the other sizes must agree. `joins` says that it may be another axis.

    Raises:
        OpError: no tensors, other ranks, other sizes.
    """
    counted(cx, tensors)
    first = first_of(tensors)
    if not first.shape:
        raise OpError(f"{cx.name} takes tensors with dims, but gets {first}", code="E0302", arg="tensors")
    axis = axis_of(cx, first, at)
    for there, other in others(cx, tensors):
        if len(other.shape) != len(first.shape):
            raise OpError(
                f"{cx.name} takes tensors of equally many dims, but gets {first} and {other}", code="E0302"
            )
        for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)):
            if i == axis or a == b:
                continue
            if isinstance(a, Pack) or isinstance(b, Pack):
                raise OpError(f"{cx.name} along dim {at}: {first} and {other} differ before it", code="E0323")
            there.equal(
                a,
                b,
                f"{cx.name} along dim {at} takes tensors that agree elsewhere, but dim {i} of {first} and {other} differ: {a} and {b}",
                code="E0323",
                help=(_repeated(a, b, i, len(first.shape)) or _only_difference(there, first, other))
                if joins
                else None,
            )
    return first, axis


def _repeated(a: Dim, b: Dim, axis: int, rank: int) -> str | None:
    """What repeats the tensor that has size 1 where the other one has more."""
    if (a == dim(1)) == (b == dim(1)):
        return None
    sizes = ["-1"] * rank
    sizes[axis] = str(b if a == dim(1) else a)
    return f"`expand({', '.join(sizes)})` repeats what has size 1 there"


def _only_difference(cx: Cx, a: Tensor, b: Tensor) -> str | None:
    """The one axis at which two tensors differ, along which they can be joined."""
    sizes = list(zip(a.shape, b.shape, strict=True))
    differ = [
        i
        for i, (x, y) in enumerate(sizes)
        if isinstance(x, Pack) or isinstance(y, Pack) or not cx.facts.equal(x, y)
    ]
    return (
        f"they differ in dim {differ[0]} alone, along which `dim={differ[0]}` joins them"
        if len(differ) == 1
        else None
    )


def concatenated(g: Graph, tensors: Sequence[Tensor], at: int) -> Value:
    """One Concat of the tensors, as their common dtype."""
    from spec_lang.ops.rules.elementwise import dtype_of

    dtype = dtype_of(*tensors)
    values = [g.cast(v, dtype) for v in tensors if isinstance(v, Value)]
    return values[0] if len(values) == 1 else g.Concat(*values, axis=at % len(values[0].shape))


class concat(cat):
    """Tensors joined along a dim that they have."""

    torch = "torch.concat"


class concatenate(cat):
    """Tensors joined along a dim that they have."""

    torch = "torch.concatenate"


class stack(Function):
    """Tensors of one shape joined along a new dim."""

    tensors: Tensors
    dim: Axis = 0

    torch = "torch.stack"
    placement = "axes"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        from spec_lang.ops.rules.elementwise import result_dtype

        number = counted(cx, self.tensors)
        single = each(self.tensors, lambda x: unsqueeze(input=x, dim=self.dim).infer(cx))
        at = unsqueeze(input=kinds(self.tensors)[0], dim=self.dim)._at(cx)
        first, _ = joined(cx, single, at)
        shape = (*first.shape[:at], number, *first.shape[at + 1 :])
        return TensorType(result_dtype(cx, *kinds(single)), shape)

    def onnx(self, g: Graph) -> Value:
        from spec_lang.ops.rules.elementwise import dtype_of

        rank = len(kinds(self.tensors)[0].shape) + 1
        at = self.dim % rank
        dtype = dtype_of(*self.tensors)
        single = [g.Unsqueeze(g.cast(x, dtype), g.ints([at])) for x in self.tensors if isinstance(x, Value)]
        return single[0] if len(single) == 1 else g.Concat(*single, axis=at)


class hstack(Function):
    """Tensors joined along dim 1; vectors along their only dim."""

    tensors: Tensors

    torch = "torch.hstack"
    keeps = ""

    def _joined(self, cx: Cx) -> cat:
        tensors = each(self.tensors, lambda x: x if x.shape else x.with_shape((dim(1),)))
        flat = not tensors or known_rank(cx, kinds(tensors)[0]) == 1
        return cat(tensors=tensors, dim=0 if flat else 1)

    def infer(self, cx: Cx) -> Tensor:
        return self._joined(cx).infer(cx)

    def onnx(self, g: Graph) -> Value:
        rank = max(len(x.shape) for x in kinds(self.tensors))
        tensors = [x if x.shape else g.reshape(x, [1]) for x in self.tensors if isinstance(x, Value)]
        return cat(tensors=tensors, dim=0 if rank < 2 else 1).onnx(g)


class vstack(Function):
    """Tensors joined along dim 0; vectors as rows."""

    tensors: Tensors

    torch = "torch.vstack"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        rows = each(self.tensors, lambda x: x.with_shape(self._rows(cx, x)))
        return cat(tensors=rows, dim=0).infer(cx)

    def _rows(self, cx: Cx, x: Tensor) -> Shape:
        known_rank(cx, x)
        return x.shape if len(x.shape) > 1 else (dim(1), *(x.shape or (dim(1),)))

    def onnx(self, g: Graph) -> Value:
        from spec_lang.ops.rules.elementwise import LOWERING

        rows = [
            g.reshape(x, x.with_shape(self._rows(LOWERING, x)).dims)
            for x in self.tensors
            if isinstance(x, Value)
        ]
        return cat(tensors=rows, dim=0).onnx(g)


class expand(Function):
    """Dims of size 1 repeated to other sizes, and new dims put before; -1 keeps a size."""

    input: Tensor
    size: Sizes

    torch = ".expand"
    shares = "moved"
    placement = "axes"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        return expanded(cx, self.input, self.size)

    def onnx(self, g: Graph) -> Value:
        x = self.input
        new = len(self.size) - len(x.shape)
        sizes = [x.dims[i - new] if s == -1 else s for i, s in enumerate(self.size)]
        if tuple(sizes) == x.dims:
            return x
        return g.Expand(x, g.dims(sizes))


def expanded(cx: Cx, x: Tensor, sizes: Sequence[Dim]) -> Tensor:
    """`x` expanded to `sizes`.

    Raises:
        OpError: too few sizes; a dim that is neither 1 nor what is wanted.
    """
    new = len(sizes) - known_rank(cx, x)
    if new < 0:
        raise OpError(f"{cx.name} takes a size for each dim of {x}, but gets {len(sizes)}", code="E0302")
    result: list[Dim] = []
    for i, size in enumerate(sizes):
        if i < new:
            if size == -1:
                raise OpError(f"{cx.name} cannot keep (-1) a dim that {x} does not have", code="E0303")
            cx.require(Cond.ge(size, 0), f"{cx.name} cannot make a size of {size}", code="E0321")
            result.append(size)
        elif size == -1:
            result.append(x.dims[i - new])
        else:
            have = x.dims[i - new]
            if not cx.facts.equal(have, 1):
                listed = ", ".join(map(str, sizes))
                cx.equal(
                    have,
                    size,
                    f"{cx.name} of {x} to [{listed}]: {have} is neither 1 nor {size}",
                    code="E0305",
                )
            else:
                cx.require(Cond.ge(size, 0), f"{cx.name} cannot make a size of {size}", code="E0321")
            result.append(size)
    return x.with_shape(tuple(result))


class broadcast_to(Function):
    """`input` expanded to a shape."""

    input: Tensor
    size: Sizes

    torch = "torch.broadcast_to"
    shares = "moved"
    placement = "axes"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        return expanded(cx, self.input, self.size)

    def onnx(self, g: Graph) -> Value:
        return expand(input=self.input, size=self.size).onnx(g)


class expand_as(Function):
    """`input` expanded to the shape of `other`."""

    input: Tensor
    other: Tensor

    torch = ".expand_as"
    shares = "moved"
    keeps = ""

    def infer(self, cx: Cx) -> Tensor:
        known_rank(cx, self.other)
        return expanded(cx, self.input, self.other.dims)

    def onnx(self, g: Graph) -> Value:
        return expand(input=self.input, size=self.other.dims).onnx(g)


class tile(Function):
    """`input` repeated along each dim; dims are put before where there are more counts than dims."""

    input: Tensor
    dims: Sizes

    torch = ".tile"
    keeps = ""

    counts: ClassVar[str] = "dims"

    def infer(self, cx: Cx) -> Tensor:
        x, counts = self.input, list(self.dims)
        rank = known_rank(cx, x)
        counts = [dim(1)] * (rank - len(counts)) + counts
        for c in counts:
            cx.require(
                Cond.ge(c, 0), f"{cx.name} takes counts of at least 0, but gets {c}", code="E0501", arg="dims"
            )
        sizes = (*[dim(1)] * (len(counts) - rank), *x.dims)
        return x.with_shape(tuple(s * c for s, c in zip(sizes, counts, strict=True)))

    def onnx(self, g: Graph) -> Value:
        x = self.input
        rank, counts = len(x.shape), list(self.dims)
        counts = [dim(1)] * (rank - len(counts)) + counts
        new = len(counts) - rank
        if new:
            x = g.reshape(x, (*[dim(1)] * new, *x.dims))
        return x if all(c == 1 for c in counts) else g.Tile(x, g.dims(counts))
