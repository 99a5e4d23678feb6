"""What is known of every definition of a program, and what was reported."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.diagnostics import Diagnostic, Label
from spec_lang.ir.from_ast.definitions.checked import Checked, checked
from spec_lang.ir.from_ast.definitions.options import Options
from spec_lang.ir.from_ast.names.scope import Def, LoadedModule, scopes
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.value import Partial, Value
from spec_lang.syntax import ast


class Default:
    """A hyperparameter's default: its value, and what was noted of the expression that gives it.

    Attributes:
        node: The expression; a value that is set from outside replaces what the author wrote.
        is_set: Whether it is such a value.
        checked: None while it is computed.
    """

    __slots__ = ("checked", "is_set", "node", "value")

    def __init__(self, node: ast.Expr, is_set: bool) -> None:
        self.node = node
        self.is_set = is_set
        self.value: Value = None
        self.checked: Checked | None = None


class Known:
    """The tables of a program's check: what is in them stays."""

    __slots__ = (
        "by_definition",
        "checks",
        "constants",
        "defaults",
        "diagnostics",
        "done",
        "forced",
        "inlined",
        "options",
        "outside",
        "right",
        "running",
        "scopes",
        "variants",
    )

    def __init__(self, modules: Sequence[LoadedModule], options: Options) -> None:
        self.options = options
        self.scopes, wrong = scopes(modules)
        self.diagnostics: list[tuple[int, Diagnostic]] = list(wrong)
        self.checks: dict[tuple[Def, object], Checked] = {}
        """By a definition and the values of what has no symbol."""
        self.by_definition: dict[Def, list[Checked]] = {}
        """The checks of each definition; the first is the one that all its uses agree with."""
        self.outside: dict[Def, Checked] = {}
        """Constants, functions over hyperparameters, and variants."""
        self.defaults: dict[tuple[Def, str], Default] = {}
        self.constants: dict[Def, Value] = {}
        self.variants: dict[Def, Partial | None] = {}
        self.right: dict[Def, bool] = {}
        """Whether each function over hyperparameters is right on its own."""
        self.forced: dict[Def, set[str]] = {}
        """Hyperparameters that must have a value where a definition is checked."""
        self.running: list[Def] = []
        """What is being checked, each needed by the one before it."""
        self.inlined = 0
        """How many functions over hyperparameters are being computed inside each other."""
        self.done: list[Def] = []
        """The definitions, each behind those that it needs."""

    def report(self, definition: Def, diagnostic: Diagnostic) -> None:
        self.diagnostics.append((definition.file, diagnostic))

    def take(self, c: Check) -> Checked:
        """What came of a check that is done; its mistakes are the program's."""
        found = c.effects.take()
        for d in found:
            self.report(c.definition, d)
        c.block.summary.broken |= bool(found) or c.effects.tainted
        return checked(c)

    def finished(self, definition: Def) -> None:
        if definition not in self.done:
            self.done.append(definition)

    def circle(self, definition: Def) -> str:
        """How a definition that is being checked came to need itself."""
        start = self.running.index(definition) if definition in self.running else 0
        return " -> ".join([*(d.name for d in self.running[start:]), definition.name])

    def is_cyclic(self, definition: Def, node: ast.Expr) -> bool:
        """Whether a definition needs itself, which is reported."""
        if definition not in self.running:
            return False
        self.report(
            definition,
            Diagnostic(
                "E0701",
                f"{definition.name} is defined by itself: {self.circle(definition)}",
                Label(definition.source, node.span),
            ),
        )
        return True


def place_outside(definition: Def) -> Place:
    """Where expressions outside of blocks stand."""
    return Place(definition.scope, Mode.LAYERS)


def has_loops(known: Known) -> bool:
    """Whether any size may be one of a loop, which has a name only there."""
    checks = (c for cs in known.by_definition.values() for c in cs)
    return any(c.running.names or c.running.elements or c.running.carried for c in checks)
