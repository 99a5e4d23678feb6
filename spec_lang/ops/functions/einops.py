"""`rearrange`, `reduce` and `repeat`: reshaping, reducing and repeating by a pattern of named dims.

Source: https://einops.rocks
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from spec_lang.frozen import Record
from spec_lang.ops.base import Cx, Function, OpError, Sharing, Tensor
from spec_lang.ops.functions.patterns import Matched, Pattern, anonymous, composed, given_names, match, parse
from spec_lang.ops.functions.shape import transposed
from spec_lang.ops.kinds import Extras
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.elementwise import EVERY, FLOATS, LOWERING, takes
from spec_lang.shapes import Cond, Dim, DType, TensorType, dim


class Plan(Record):
    """A pattern as elementary dims: their names as they come in and as they go out, and what is known of their sizes."""

    pattern: Pattern
    matched: Matched
    came: list[str]
    go: list[str]
    shape: tuple[Any, ...]

    def sizes(self, names: Sequence[str]) -> list[Dim]:
        """The sizes of some elementary dims; those of `...` are named by their place."""
        rest = [d for d in self.matched.rest if isinstance(d, Dim)]
        return [self.matched.sizes[n] if n in self.matched.sizes else rest[int(n[3:])] for n in names]


class _Patterned(Function):
    """The dims of `tensor`, named on the left of the pattern, arranged as on its right."""

    tensor: Tensor
    pattern: str

    source = "https://einops.rocks/api/rearrange/"

    def plan(self, cx: Cx) -> Plan:
        """The pattern read and matched.

        Raises:
            OpError: it is none, or the tensor or the sizes do not fit.
        """
        text = self.pattern
        pattern = parse(cx, text)
        given: dict[str, Dim] = dict(self.axes_lengths)  # type: ignore[attr-defined] # of each subclass
        given_names(cx, text, [*pattern.left.names, *pattern.right.names], given)
        self.check_names(cx, pattern)
        matched = match(cx, text, pattern.left, self.tensor, given)
        sizes = dict(matched.sizes)
        for name in pattern.right.names:
            if name not in sizes:
                size = anonymous(name) or given.get(name)
                if size is None:
                    raise OpError(
                        f'{cx.name}: "{text}" makes a dim `{name}` without a size',
                        code="E0520",
                        arg="pattern",
                        help=f"give it: {name}=...",
                    )
                cx.require(
                    Cond.ge(size, 1),
                    f"{cx.name} takes sizes of at least 1, but {name} is {size}",
                    code="E0501",
                )
                sizes[name] = dim(size)
        matched = Matched(sizes, matched.rest)
        dots = [f"...{i}" for i in range(len(matched.rest))]
        came, go = (
            [
                n
                for i, group in enumerate([*side.groups, ()])
                for n in (*(dots if i == side.dots else ()), *group)
            ]
            for side in (pattern.left, pattern.right)
        )
        return Plan(pattern, matched, came, go, composed(pattern.right, matched))

    def check_names(self, cx: Cx, pattern: Pattern) -> None:
        """Which names may stand on one side only.

        Raises:
            OpError: another one does.
        """

    def refuse(self, cx: Cx, names: Sequence[str], why: str, help: str | None = None) -> None:
        """Refuse names of the pattern."""
        if names:
            listed = " and ".join(f"`{n.partition('#')[0]}`" for n in names)
            message = f'{cx.name}: "{self.pattern}" {why} {listed}'
            raise OpError(message, code="E0520", arg="pattern", help=help)

    def split(self, g: Graph, plan: Plan) -> Value:
        """The tensor with one dim for each name."""
        x: Value = self.tensor
        return _shaped(g, x, plan.sizes(plan.came))


def _shaped(g: Graph, x: Value, sizes: Sequence[Dim]) -> Value:
    return x if tuple(x.shape) == tuple(sizes) else g.reshape(x, sizes)


def _only(names: Sequence[str], others: Sequence[str]) -> list[str]:
    return [n for n in names if n not in others]


class rearrange(_Patterned):
    """The same elements: dims split, reordered and merged as the pattern says ("n (h d) t -> n h t d")."""

    axes_lengths: Extras = ()

    torch = "rearrange"
    placement = "pattern"
    extras = "axes_lengths"
    keeps = ""

    def check_names(self, cx: Cx, pattern: Pattern) -> None:
        left, right = pattern.left.names, pattern.right.names
        ints = [n for n in (*left, *right) if anonymous(n) is not None]
        self.refuse(cx, ints, "gives no name to the dim of size")
        self.refuse(cx, _only(left, right), "drops", "`rearrange` keeps all elements; `reduce` drops dims")
        self.refuse(cx, _only(right, left), "makes", "`rearrange` keeps all elements; `repeat` makes dims")
        if pattern.left.dots is not None and pattern.right.dots is None:
            self.refuse(cx, ["..."], "drops")

    @property
    def shares(self) -> Sharing:  # type: ignore[override]  # of its arguments here
        """Dims that are split and moved stay where they are; merging them in another order copies."""
        plan = self.plan(LOWERING)
        if list(plan.go) == list(plan.came):
            return "ordered"
        right = parse(LOWERING, self.pattern).right
        return "" if any(len(group) > 1 for group in right.groups) else "moved"

    @property
    def turns(self) -> bool:  # type: ignore[override]  # of its arguments here
        came, go = (list(names) for names in (self.plan(LOWERING).came, self.plan(LOWERING).go))
        return len(came) == len(self.tensor.shape) > 2 and go == [*came[:-3], came[-2], came[-3], came[-1]]

    def infer(self, cx: Cx) -> Tensor:
        return self.tensor.with_shape(self.plan(cx).shape)

    def onnx(self, g: Graph) -> Value:
        plan = self.plan(LOWERING)
        x = g.typed(self.split(g, plan), self.tensor.dtype, tuple(plan.sizes(plan.came)))
        return _shaped(g, transposed(g, x, [plan.came.index(n) for n in plan.go]), plan.shape)


class reduce(_Patterned):
    """Dims that the right side lacks are reduced ("n c (h 2) (w 2) -> n c h w")."""

    reduction: Literal["min", "max", "sum", "mean", "prod", "any", "all"]
    axes_lengths: Extras = ()

    torch = "reduce"
    extras = "axes_lengths"
    source = "https://einops.rocks/api/reduce/"

    def check_names(self, cx: Cx, pattern: Pattern) -> None:
        self.refuse(cx, _only(pattern.right.names, pattern.left.names), "makes", "`repeat` makes dims")

    def infer(self, cx: Cx) -> Tensor:
        plan = self.plan(cx)
        x = self.tensor
        if not _only(plan.came, plan.go):
            return x.with_shape(plan.shape)
        dtype = x.dtype
        if self.reduction in ("any", "all"):
            takes(cx, x, EVERY - {DType.U8})
            dtype = DType.BOOL
        elif self.reduction == "mean":
            takes(cx, x, FLOATS)
        elif self.reduction in ("sum", "prod") and not dtype.is_float:
            dtype = DType.I64
        return TensorType(dtype, plan.shape)

    def onnx(self, g: Graph) -> Value:
        from spec_lang.ops.rules.reductions import reduced

        plan = self.plan(LOWERING)
        gone = _only(plan.came, plan.go)
        x = g.typed(self.split(g, plan), self.tensor.dtype, tuple(plan.sizes(plan.came)))
        rest = [n for n in plan.came if n not in gone]
        if gone:
            dtype = self.infer(LOWERING).dtype
            y = reduced(g, self.reduction, x, [plan.came.index(n) for n in gone], False)
            x = g.typed(y, dtype, tuple(plan.sizes(rest)))
        return _shaped(g, transposed(g, x, [rest.index(n) for n in plan.go]), plan.shape)


class repeat(_Patterned):
    """Dims that the left side lacks are made by repeating ("h w -> h w c"); `tile` repeats by counts."""

    axes_lengths: Extras = ()

    torch = "repeat"
    extras = "axes_lengths"
    source = "https://einops.rocks/api/repeat/"
    helps = dict.fromkeys(
        ("pattern", "E0510"), "`repeat` is einops' here; `tile` repeats by counts: `x.tile(2, 3)`"
    )
    keeps = ""

    def check_names(self, cx: Cx, pattern: Pattern) -> None:
        ints = [n for n in pattern.left.names if anonymous(n) is not None]
        self.refuse(cx, ints, "gives no name to the dim of size")
        self.refuse(cx, _only(pattern.left.names, pattern.right.names), "drops")
        if pattern.left.dots is not None and pattern.right.dots is None:
            self.refuse(cx, ["..."], "drops")

    def infer(self, cx: Cx) -> Tensor:
        return self.tensor.with_shape(self.plan(cx).shape)

    def onnx(self, g: Graph) -> Value:
        plan = self.plan(LOWERING)
        kept = [n for n in plan.go if n in plan.came]
        x = g.typed(self.split(g, plan), self.tensor.dtype, tuple(plan.sizes(plan.came)))
        x = transposed(g, x, [plan.came.index(n) for n in kept])
        new = [i for i, n in enumerate(plan.go) if n not in plan.came]
        if new:
            sizes = plan.sizes(plan.go)
            wide = g.Expand(
                g.Unsqueeze(x, g.ints(new)), g.dims([s if i in new else 1 for i, s in enumerate(sizes)])
            )
            x = g.typed(wide, x.dtype, tuple(sizes))
        return _shaped(g, x, plan.shape)
