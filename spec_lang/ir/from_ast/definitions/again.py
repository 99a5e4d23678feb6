"""A program that is checked again and again while it is edited: what a change does not reach is not checked anew."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.diagnostics import Diagnostic
from spec_lang.ir.from_ast.definitions.definitions import Definitions
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.definitions.memory import Memory
from spec_lang.ir.from_ast.definitions.options import Options
from spec_lang.ir.from_ast.definitions.outside import is_right
from spec_lang.ir.from_ast.names.scope import Def, LoadedModule
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.value import MethodSummary, Partial, Summary, Value
from spec_lang.shapes import TensorType
from spec_lang.syntax import ast


class Rechecked(Definitions):
    """Definitions whose checks are kept from one program to the next."""

    def __init__(self) -> None:
        self.memory = Memory()
        super().__init__((), Options(emit=False))

    def check(self, modules: Sequence[LoadedModule]) -> list[Diagnostic]:
        """Check a program, of whose definitions those that are the same nodes as before are the same."""
        self.known = Known(modules, Options(emit=False), self.memory)
        self.compared = 0
        self.memory.begin(self.known.scopes)
        self.run()
        return self.result()

    # --- what definitions ask of each other, which is noted ---

    def constant(self, definition: Def) -> Value:
        return self.memory.ask(super().constant, (definition,), definition, self._runs(definition))

    def default(self, owner: Def, hyper: ast.Hyper) -> Value:
        known = self.known.defaults.get((owner, hyper.name.id))
        circle = known is not None and known.checked is None
        return self.memory.ask(super().default, (owner, hyper), owner, circle)

    def variant(self, definition: Def) -> Partial | None:
        return self.memory.ask(super().variant, (definition,), definition, self._runs(definition))

    def summary(
        self,
        definition: Def,
        values: dict[str, Value],
        asker: Check | None,
        node: object,
        optional: bool = False,
    ) -> Summary | None:
        args = (definition, values, asker, node, optional)
        return self.memory.ask(super().summary, args, definition, self._runs(definition))

    def alias_summary(
        self, definition: Def, values: dict[str, Value], input: TensorType, asker: Check | None, node: object
    ) -> Summary | None:
        args = (definition, values, input, asker, node)
        return self.memory.ask(super().alias_summary, args, definition, self._runs(definition))

    def inline(self, definition: Def, args: Args, caller: Check, at: Place, node: ast.Expr) -> Value:
        """A function's code is its caller's own, and only whether it is right is asked."""
        self.memory.ask(self._is_right, (definition,), definition, self._runs(definition))
        return super().inline(definition, args, caller, at, node)

    def _is_right(self, definition: Def) -> bool:
        return definition not in self.known.running and is_right(self.known, self, definition)

    def tensor_function(self, definition: Def, asker: Check | None, node: object) -> MethodSummary | None:
        args = (definition, asker, node)
        return self.memory.ask(super().tensor_function, args, definition, self._runs(definition))

    def _runs(self, definition: Def) -> bool:
        """Whether a definition is asked while it is checked."""
        return definition in self.known.running
