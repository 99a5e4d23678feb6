"""What is known of every definition of a program, and what was reported."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager

from spec_lang.diagnostics import Diagnostic, Label
from spec_lang.ir.from_ast.definitions.checked import Checked, checked
from spec_lang.ir.from_ast.definitions.memory import Memory, Outcome, Run
from spec_lang.ir.from_ast.definitions.options import Options
from spec_lang.ir.from_ast.names.scope import Def, LoadedModule, scopes
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.value import Partial, Value
from spec_lang.shapes import Cond, Dim, root
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
        "calls",
        "checks",
        "constants",
        "defaults",
        "diagnostics",
        "done",
        "forced",
        "inlined",
        "memory",
        "options",
        "outside",
        "right",
        "running",
        "scopes",
        "variants",
    )

    def __init__(
        self, modules: Sequence[LoadedModule], options: Options, memory: Memory | None = None
    ) -> None:
        self.options = options
        self.memory = memory
        """Where checks are kept for the next program."""
        self.scopes, wrong = scopes(modules, memory)
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
        self.calls = 0
        """How many functions the outermost call that is gone through has called."""
        """How many functions over hyperparameters are being computed inside each other."""
        self.done: list[Def] = []
        """The definitions, each behind those that it needs."""

    def check(self, key: Hashable, c: Check, run: Run) -> Outcome:
        """Run a check: the check that was run, what it gives, and what would have to be known for it."""
        if self.memory is not None:
            return self.memory.check(key, c, run)
        try:
            came = run(c)
        except NeedsValue as needs:
            return c, None, needs
        return (came, None, None) if isinstance(came, Check) else (c, came, None)

    def report(self, definition: Def, diagnostic: Diagnostic) -> None:
        self.diagnostics.append((definition.file, diagnostic))

    def take(self, c: Check) -> Checked:
        """What came of a check that is done; its mistakes are the program's."""
        found = c.effects.take()
        for d in found:
            self.report(c.definition, d)
        c.block.summary.broken |= bool(found) or c.effects.tainted
        return checked(c)

    @contextmanager
    def aside(self) -> Iterator[list[Diagnostic]]:
        """Check something for what comes of it, of which nothing stays; gives the mistakes that are found."""
        checks, done, reported = dict(self.checks), list(self.done), len(self.diagnostics)
        by_definition = {d: list(known) for d, known in self.by_definition.items()}
        forced = {d: set(names) for d, names in self.forced.items()}
        found: list[Diagnostic] = []
        try:
            yield found
        finally:
            self.checks, self.by_definition = checks, by_definition
            self.forced, self.done = forced, done
            found += [d for _, d in self.diagnostics[reported:]]
            del self.diagnostics[reported:]

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


def may_be_loose(known: Known) -> bool:
    """Whether a constructor may need what has no name there: a loop's size, an item of a default, one that is not determined.

    What an author writes has names that are in scope, so this asks for what the check has found out.
    """
    return any(_may_be_loose(c) for cs in known.by_definition.values() for c in cs)


def _may_be_loose(c: Checked) -> bool:
    named = {*c.hypers, *c.dims, *c.lets}
    found: list[Dim | None] = []
    for cells in c.notes.cells.values():
        for cell in cells:
            found += [cell.value] if cell.first is None else [cell.value, cell.first]
    if any(size is None or _is_loose(size, named) for size in found):
        return True
    running = c.running
    if not (running.names or running.elements or running.carried):
        return False
    return any(_is_loose(o.cond, named) for o in (*c.owed, *c.summary.owed))


def _is_loose(value: Dim | Cond, named: set[str]) -> bool:
    return any(n not in named and (root(n) not in named or "[" in n) for n in value.names | value.symbols)
