"""Arguments of a call, with their places."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.value import Value
from spec_lang.syntax import ast


class Args:
    """Evaluated arguments, each with the place where it was written."""

    __slots__ = ("bad", "kwargs", "named", "nodes", "values")

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.nodes: list[ast.Expr] = []
        self.kwargs: dict[str, Value] = {}
        self.named: dict[str, ast.Expr] = {}
        self.bad = False

    def places(self, names: list[str]) -> dict[str, ast.Expr]:
        """Where each argument was written, by its parameter's name."""
        return dict(zip(names, self.nodes, strict=False)) | self.named

    def with_values(self, values: list[Value], kwargs: dict[str, Value]) -> Args:
        """Other values at the same places."""
        other = Args()
        other.values, other.kwargs, other.nodes, other.named = values, kwargs, self.nodes, self.named
        return other

    def with_first(self, value: Value) -> Args:
        """The same further arguments behind another first one: each layer of a list gets them."""
        return self.with_values([value, *self.values[1:]], self.kwargs)

    def replacing(self, new: dict[int, Value]) -> Args:
        """With the values that have a replacement, by identity, replaced."""
        return self.with_values(swap(self.values, new), swap_named(self.kwargs, new))


def swap(values: list[Value], new: dict[int, Value]) -> list[Value]:
    """Values, those that have a replacement (by identity) replaced."""
    return [new.get(id(v), v) for v in values]


def swap_named(values: dict[str, Value], new: dict[int, Value]) -> dict[str, Value]:
    """As `swap`, for named values."""
    return {k: new.get(id(v), v) for k, v in values.items()}


def stage(node: ast.Expr) -> ast.Expr:
    """Where the caret goes for a mismatch: the stage of an arrow, not all that is before it."""
    return node.stage if isinstance(node, ast.Arrow) else node
