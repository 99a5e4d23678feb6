"""Types of tensors as a spec writes them."""

from __future__ import annotations

from spec_lang.diagnostics import Span
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.habits import DTYPES
from spec_lang.ir.from_ast.hypers import Hypers
from spec_lang.ir.from_ast.values import (
    POISON,
    Case,
    Mapped,
    Maybe,
    Range,
    Value,
)
from spec_lang.shapes import Cond, Dim, DType, Pack, TensorType
from spec_lang.syntax import ast


class TensorTypes(Hypers):
    """Evaluates types."""

    wild: set[str]

    untyped = False
    """Whether an input's type is mistaken, so that the dims which it would have bound are unknown."""

    def once(self, code: str, message: str, at: object, help: str | None) -> Value:
        """Report a mistake that a type repeats only where it is first made."""
        if any(d.message == message for d in self.diagnostics):
            self.tainted = True
            return POISON
        return self.error(code, message, at, help=help)

    def type_of(self, node: ast.Type) -> Value:
        """A tensor type, or a tuple, list or optional of them."""
        if isinstance(node, ast.TensorType):
            return self._tensor_type(node)
        if isinstance(node, ast.TupleType):
            items = tuple(self.type_of(t) for t in node.items)
            return POISON if POISON in items else items
        if isinstance(node, ast.OptionalType):
            inner = self.type_of(node.base)
            return POISON if inner is POISON else Maybe(Cond.flag("?"), inner)
        if isinstance(node, ast.TensorListType):
            return self._list_type(node)
        return self.error("E0404", "a tensor's type is a dtype and its dims: `float[N, D]`", node)

    def _tensor_type(self, node: ast.TensorType) -> Value:
        dtype = DType.named(node.dtype)
        if dtype is None:
            names = [d.value for d in DType] + ["int"]
            hint = did_you_mean(node.dtype, names, DTYPES) or f"the dtypes are {', '.join(names)}"
            place = Span(node.span.start, node.span.start + len(node.dtype))
            return self.once("E0404", f"there is no dtype called `{node.dtype}`", place, hint)
        shape: list[Dim | Pack] = []
        for d in node.dims:
            one = self.size(d)
            if one is None:
                return POISON
            shape.append(one)
        if sum(isinstance(d, Pack) for d in shape) > 1:
            return self.error("E0404", "a type has at most one `*` among its dims", node)
        return TensorType(dtype, tuple(shape))

    def size(self, node: ast.Expr) -> Dim | Pack | None:
        """One dim of a type; None after a mistake."""
        if isinstance(node, ast.Hole):
            fresh = self.fresh("_dim")
            self.wild.add(str(fresh))
            self.dynamic.add(str(fresh))
            return fresh
        if isinstance(node, ast.Star):
            if isinstance(node.value, ast.Name):
                found = self.find(node.value.id)
                if found is not None and isinstance(found[1], Pack):
                    return found[1]
            self.error("E0404", "`*` in a type is followed by the name of any number of dims", node)
            return None
        if isinstance(node, ast.Name) and self.untyped and self.find(node.id) is None:
            self.tainted = True
            return None
        value = self.resolve(self.lookup(node) if isinstance(node, ast.Name) else self.ev(node))
        if value is POISON:
            return None
        if isinstance(value, Pack):
            name = str(value)
            self.error("E0404", f"this is any number of dims: write `{name}`", node)
            return None
        if not isinstance(value, Dim):
            kind = host.kind_of(value)
            hint = "`//` divides ints" if kind == "a float" else None
            if isinstance(node, ast.String):
                hint = f"names are written without quotes: `{node.value}`"
            elif value is None:
                hint = "a size that may be any has a name: `float[N, 4]`"
            elif isinstance(value, Case):
                hint = "make the size a hyperparameter, or write a block for each case"
            shown = f"`{node.id}` is {kind}" if isinstance(node, ast.Name) else f"this is {kind}"
            self.once("E0404", f"a dim is an int, and {shown}", node, hint)
            return None
        low = self.decide(Cond.ge(value, 0))
        if low is False:
            hint = "a size that may be any has a name: `float[N, 4]`" if value.const == -1 else None
            self.once("E0304", f"a dim cannot be negative: {value}", node, hint)
            return None
        return value

    def _list_type(self, node: ast.TensorListType) -> Value:
        iterable = self.ev(node.generator.iterable)
        target = node.generator.target
        if iterable is POISON:
            return POISON
        if not isinstance(iterable, Range) or iterable.step != 1 or not isinstance(target, ast.Name):
            return self.error(
                "E0404", "a list of tensors counts `for i in range(n)`", node.generator.iterable
            )
        length = self.range_length(iterable)
        if length.const is not None and length.const <= 0:
            return self.error("E0404", "this list of tensors is empty", node.generator.iterable)
        outer = self.loops
        if length.const is not None and length.const <= 256:
            items: list[Value] = []
            for k in range(length.const):
                self.loops = {**outer, target.id: iterable.start + k}
                items.append(self.type_of(node.item))
            self.loops = outer
            return POISON if POISON in items else items
        index = self.fresh(target.id, 0)
        self.loops = {**outer, target.id: iterable.start + index}
        with self.given(Cond.lt(index, length)):
            item = self.type_of(node.item)
        self.loops = outer
        return POISON if item is POISON else Mapped(index, length, item)
