"""Sizes that only the inputs know, computed in the graph: once each, and from constants as far as those reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from spec_lang.ops.lowering import Unsupported
from spec_lang.shapes import Dim, DType, Pack, dim, symbol
from spec_lang.shapes.dim import Tree
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Const, Edge, Input, as_edge

_COMPARED = {
    "==": ("Equal", False),
    "!=": ("Equal", True),
    "<": ("Less", False),
    "<=": ("LessOrEqual", False),
    ">": ("Greater", False),
    ">=": ("GreaterOrEqual", False),
}
"""ONNX's operator of a comparison, and whether the truth is its negation."""


class _Axis(NamedTuple):
    """Where a size can be read: an axis of an input."""

    value: Input
    axis: int


class _Solved(NamedTuple):
    """A dim that an axis gives through `scale * dim + offset`."""

    at: _Axis
    scale: int
    offset: Dim


class _Bounded(NamedTuple):
    """A size, and a lower bound of it where one is known."""

    value: Edge
    low: int | None


class Sizes:
    """Shape arithmetic of one graph. Sizes are held as i64 tensors of one element."""

    def __init__(self, g: Emitter) -> None:
        self._g = g
        self._axes: dict[Dim, _Axis] = {}
        self._solved: dict[str, _Solved] = {}
        self._lows: dict[str, int] = {}
        self._elements: dict[Dim, Edge] = {}

    def learn(self, value: Input) -> None:
        """Take note of the sizes that an input of the graph shows."""
        for axis, size in enumerate(value.shape):
            if isinstance(size, Pack) or size.const is not None:
                continue
            at = _Axis(value, axis)
            self._axes.setdefault(size, at)
            for name in sorted(size.symbols):
                offset = size.substitute({name: 0})
                scale = (size.substitute({name: 1}) - offset).const
                if scale and size.substitute({name: 2}) - offset == 2 * scale:
                    self._solved.setdefault(name, _Solved(at, scale, offset))
                    low, start = size.bounds[0], offset.const
                    if low is not None and start is not None and scale > 0:
                        self._lows.setdefault(name, (low - start) // scale)

    def define(self, index: Dim, element: Edge) -> None:
        """What counts a loop, by an i64 tensor of one element."""
        self._elements[index] = element
        self._lows.update(dict.fromkeys(index.symbols, 0))

    # --- Tensors of sizes ---------------------------------------------------------------------

    def scalar(self, size: Dim) -> Edge:
        """A size as an i64 scalar."""
        if size.const is not None:
            return self._const(size.const)
        element = self.element(size)
        with self._neutral():
            y = self._g.Squeeze(element, self._g.ints([0]))
        return self._typed(y, None)

    def vector(self, sizes: Sequence[Dim]) -> Edge:
        """Sizes as a 1-d i64 tensor."""
        with self._neutral():
            parts = self._parts(sizes)
            y = parts[0] if len(parts) == 1 else self._g.Concat(*parts, axis=0)
        return self._typed(y, len(sizes))

    def _parts(self, sizes: Sequence[Dim]) -> list[Edge]:
        """The pieces of a vector: constants that stand together, and runs of one input's axes."""
        parts: list[Edge] = []
        constants: list[int] = []
        i = 0
        while i < len(sizes):
            run = self._run(sizes, i)
            size = sizes[i]
            if run == 0 and size.const is not None:
                constants.append(size.const)
                i += 1
                continue
            if constants:
                parts.append(self._ints(constants))
                constants = []
            parts.append(self.element(size) if run < 2 else self._shape(self._axes[size], run))
            i += max(run, 1)
        if constants or not parts:
            parts.append(self._ints(constants))
        return parts

    def _run(self, sizes: Sequence[Dim], start: int) -> int:
        """How many sizes from `start` on are successive axes of the input that shows the first of them."""
        at = self._axes.get(sizes[start])
        if at is None:
            return 0
        shape = at.value.shape[at.axis :]
        n = 0
        while n < len(shape) and start + n < len(sizes) and shape[n] == sizes[start + n]:
            n += 1
        return n

    def _shape(self, at: _Axis, count: int) -> Edge:
        """Successive sizes of an input."""
        rank = len(at.value.shape)
        stop = at.axis + count
        y: Edge = self._g.Shape(at.value, start=at.axis or None, end=None if stop == rank else stop)
        return self._typed(y, count)

    # --- One size -----------------------------------------------------------------------------

    def element(self, size: Dim) -> Edge:
        """A size as an i64 tensor of one element.

        Raises:
            Unsupported: it is not a function of the sizes of the inputs that ONNX can compute.
        """
        if size.const is not None:
            return self._ints([size.const])
        found = self._elements.get(size)
        if found is None:
            with self._neutral():
                found = self._compute(size)
            if not found.is_named:
                found.rename(self._g.values.take(str(size)))
            self._elements[size] = found
        return found

    def _compute(self, size: Dim) -> Edge:
        at = self._axes.get(size)
        return self._shape(at, 1) if at is not None else self._value(size.tree(), size)[0]

    def _value(self, tree: Tree, size: Dim) -> _Bounded:
        """The value of an expression."""
        match tree:
            case ("const", int(n)):
                return _Bounded(self._ints([n]), n)
            case ("symbol", str(name)):
                return _Bounded(self._symbol(name, size), self._lows.get(name, 0))
            case ("opaque", _):
                raise Unsupported(f"the size {size} cannot be computed in an ONNX graph")
            case ("if", test, yes, no):
                sides = [self._value(t, size) for t in (yes, no)]
                known = [s.low for s in sides if s.low is not None]
                y = self._g.Where(self._truth(test, size), *(s.value for s in sides))
                return _Bounded(y, min(known) if len(known) == len(sides) else None)
        operands = [self._value(t, size) for t in tree[1:]]
        values = [o.value for o in operands]
        lows = [o.low for o in operands if o.low is not None]
        bounded = len(lows) == len(operands)
        natural = bounded and min(lows) >= 0
        g = self._g
        match tree[0]:
            case "neg":
                return _Bounded(g.Neg(*values), None)
            case "add":
                return _Bounded(g.Add(*values), sum(lows) if bounded else None)
            case "sub":
                constant = bounded and isinstance(values[1], Const)
                return _Bounded(g.Sub(*values), lows[0] - lows[1] if constant else None)
            case "mul":
                return _Bounded(g.Mul(*values), lows[0] * lows[1] if natural else None)
            case "floordiv" if natural:
                return _Bounded(g.Div(*values), 0)
            case "floordiv":  # ONNX rounds towards zero
                left, right = values
                return _Bounded(g.Div(g.Sub(left, g.Mod(left, right)), right), None)
            case "mod":
                return _Bounded(g.Mod(*values), 0 if natural else None)
            case "pow":
                return _Bounded(g.Pow(*values), 0 if natural else None)
            case "min":
                return _Bounded(g.Min(*values), min(lows) if bounded else None)
            case "max":
                return _Bounded(g.Max(*values), max(lows, default=None))
        raise Unsupported(f"the size {size} cannot be computed in an ONNX graph")

    def _truth(self, tree: Tree, size: Dim) -> Edge:
        """A condition on sizes, as a tensor of one truth."""
        g = self._g
        match tree:
            case ("not", part):
                return as_edge(g.Not(self._truth(part, size)))
            case ("and" | "or" as kind, left, right):
                join = g.And if kind == "and" else g.Or
                return as_edge(join(self._truth(left, size), self._truth(right, size)))
            case ("compare", left, op, right) if op in _COMPARED:
                operator, negated = _COMPARED[op]
                sides = (self._value(t, size).value for t in (left, right))
                y = getattr(g, operator)(*sides)
                return as_edge(g.Not(y) if negated else y)
        raise Unsupported(f"the size {size} cannot be computed in an ONNX graph")

    def _symbol(self, name: str, size: Dim) -> Edge:
        solved = self._solved.get(name)
        counted = self._elements.get(symbol(name, 0))
        if solved is None and counted is not None:
            return counted
        if solved is None:
            raise Unsupported(f"no input shows {name}, which the size {size} needs")
        whole = solved.at.value.shape[solved.at.axis]
        assert isinstance(whole, Dim)
        y = self.element(whole)
        if solved.offset != 0:
            y = self._g.Sub(y, self.element(solved.offset))
        if solved.scale != 1:
            y = self._g.Div(y, self._ints([solved.scale]))
        return y

    def _const(self, n: int) -> Edge:
        return as_edge(self._g.const(n, DType.I64))

    def _ints(self, values: Sequence[int]) -> Edge:
        return as_edge(self._g.ints(values))

    def _typed(self, y: Edge, count: int | None) -> Edge:
        return as_edge(self._g.typed(y, DType.I64, () if count is None else (dim(count),)))

    @contextmanager
    def _neutral(self) -> Iterator[None]:
        """Outside of any module, since the first to need a size shares it with all others."""
        g = self._g
        outer = g.path, g.source
        g.path, g.source = "", ""
        try:
            yield
        finally:
            g.path, g.source = outer
