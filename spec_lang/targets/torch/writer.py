"""What every function that writes an expression is handed: the tables of rules, and what names mean in this place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import Atom, Attr, Code
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.names import Scope
from spec_lang.targets.torch.text import BadProgram


class Rules(NamedTuple):
    """How expressions are written in one kind of place.

    `expressions` has a function `(w, node)` for each class of the IR, `calls` a function `(w, node, first)` for each kind
    of call; `first` is the code of its first argument where that is known already.
    """

    expressions: Mapping[type[m.Node], Callable[[Any, Any], Code]]
    calls: Mapping[str, Callable[[Any, m.Call, Code | None], Code]]


class Writer:
    """Writes the expressions of one statement; this one knows constants, records and functions over hyperparameters.

    Attributes:
        indent: How far the statement is indented.
        ahead: The lines that must run ahead of the statement, in the order in which its parts are evaluated.
    """

    __slots__ = ("ahead", "imports", "indent", "rules", "scope")

    def __init__(self, rules: Rules, imports: Imports, scope: Scope, indent: int = 0) -> None:
        self.rules = rules
        self.imports = imports
        self.scope = scope
        self.indent = indent
        self.ahead: list[str] = []

    def expr(self, e: m.Expr) -> Code:
        """An expression as Python.

        Raises:
            BadProgram: it has none, here or anywhere.
        """
        rule = self.rules.expressions.get(type(e))
        if rule is None:
            raise BadProgram(f"{type(e).__name__} is no expression")
        return rule(self, e)

    def call(self, e: m.Call, first: Code | None = None) -> Code:
        """A call as Python; `first` is the code of its first argument where that is known already.

        Raises:
            BadProgram: it cannot be made here.
        """
        rule = self.rules.calls.get(e.to)
        if rule is None:
            raise BadProgram(f"{e.name} cannot be called here")
        return rule(self, e, first)

    def apart(self) -> Writer:
        """A writer for what Python evaluates not at all or several times while it evaluates the statement once."""
        return self

    # --- What names mean here -----------------------------------------------------------------

    def static(self, name: str) -> Code:
        """A hyperparameter, a dim or a `let`."""
        return Atom(self.scope.local(name))

    def training(self) -> Code:
        """Whether the module is in training."""
        return Attr(Atom("self"), "training")

    def float_dtype(self) -> Code | None:
        """The model's own float dtype; None where it is the default."""
        return None

    def device(self) -> Code | None:
        """Where created tensors live; None for the default."""
        return None
