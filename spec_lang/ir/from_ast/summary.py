"""What a block's check leaves for its uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast.values import Value
from spec_lang.shapes import Cond, Dim, Pack, TensorType
from spec_lang.syntax import ast

if TYPE_CHECKING:
    from spec_lang.ir.from_ast.scope import Def


class Owed:
    """A condition that the check assumed: every use must prove it or pass it on.

    `stated` tells an author's `require` from a bound that an op needs; `at` is "init" where its names are known at
    construction.
    """

    __slots__ = ("at", "cond", "message", "passed", "place", "stated")

    def __init__(self, cond: Cond, message: str, at: str, stated: bool, place: Label) -> None:
        self.cond = cond
        self.message = message
        self.at = at
        self.stated = stated
        self.place = place
        self.passed = False
        """Whether it came from a block used here, whose own constructor checks it too."""

    @property
    def why(self) -> str:
        """The author's reason as the end of a message; empty where there is none."""
        return f": {self.message}" if self.stated and self.message != str(self.cond) else ""


class Entry:
    """Where one size of an input stands: which input (and which tensor inside it), which axis, its dim.

    `binds` is the dim that this entry determines, if it is its first.
    """

    __slots__ = ("axis", "binds", "dim", "path")

    def __init__(self, path: tuple[int, ...], axis: int, dim: Dim | Pack, binds: str | None) -> None:
        self.path = path
        self.axis = axis
        self.dim = dim
        self.binds = binds


class InputSummary:
    """One argument: its type over the callee's symbols; `default` is None for a required one."""

    __slots__ = ("default", "name", "node", "optional", "type")

    def __init__(
        self, name: str, type: Value, optional: bool, default: ast.Expr | None, node: ast.Input
    ) -> None:
        self.name = name
        self.type = type
        self.optional = optional
        self.default = default
        self.node = node


class MethodSummary:
    """A method's (or tensor function's) type, the dims that its inputs bind, and what its caller owes."""

    __slots__ = ("absent", "dims", "entries", "inputs", "name", "node", "owed", "result", "results")

    def __init__(self, name: str, node: ast.Method | ast.Function) -> None:
        self.name = name
        self.node = node
        self.inputs: list[InputSummary] = []
        self.absent: dict[str, list[str]] = {}
        """By optional input, the dims that no required one tells: they are 0 exactly where it is absent."""
        self.dims: dict[str, Dim | Pack] = {}
        self.entries: list[Entry] = []
        self.results: list[Value] = []
        self.result: Value = None
        """The value of a call: the result, or a tuple of them."""
        self.owed: list[Owed] = []


class Summary:
    """A checked block for its users."""

    __slots__ = ("broken", "definition", "dims", "members", "methods", "mono", "owed")

    def __init__(self, definition: Def) -> None:
        self.definition = definition
        self.dims: dict[str, Dim] = {}
        """The implicit dims, in order."""
        self.methods: dict[str, MethodSummary] = {}
        self.members: dict[str, Value] = {}
        self.owed: list[Owed] = []
        """What construction owes."""
        self.mono: dict[str, Value] = {}
        """Hyperparameters that have no symbol: the values that this check was made for."""
        self.broken = False


def tensors(value: Value, path: tuple[int, ...] = ()) -> list[tuple[tuple[int, ...], TensorType]]:
    """The tensors inside an input's type, each with its path of indices."""
    if isinstance(value, TensorType):
        return [(path, value)]
    if isinstance(value, tuple | list):
        return [t for i, v in enumerate(value) for t in tensors(v, (*path, i))]
    return []
