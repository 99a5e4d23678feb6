"""`forward` and the other methods of a block."""

from __future__ import annotations

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import Atom, Attr, Binary, Call, Code, name
from spec_lang.targets.torch.expressions import negated
from spec_lang.targets.torch.layout import statement
from spec_lang.targets.torch.names import imported
from spec_lang.targets.torch.raising import raise_lines
from spec_lang.targets.torch.routine import Routine
from spec_lang.targets.torch.signature import Parameter
from spec_lang.targets.torch.state import State, element


class Forward(Routine):
    """Writes one method of a block, which may read the block's hyperparameters from `self`."""

    def __init__(self, state: State, method: m.Method) -> None:
        super().__init__(state.imports, method, 8, state.training_functions)
        self.state = state
        self.items: dict[str, m.Expr] = {}
        self.lets: dict[str, m.Let] = {let.name: let for let in state.block.lets if let.at == "call"}

    def static(self, name: str) -> Code:
        if name in self.call_dims or name in self.local_dims or name in self.lets:
            self.needed.add(name)
            return Atom(self.scope.local(name))
        return self.state.read(name) or Atom(self.scope.local(name))

    def member(self, name: str) -> Code:
        return Attr(Atom("self"), self.state.attribute(name))

    def parameters_dtype(self) -> Code | None:
        return self.state.a_parameter()

    def class_of(self, made: m.Expr) -> Code | None:
        return self.state.class_of(made)

    def made(self, e: m.Expr) -> m.Expr | None:
        if isinstance(e, m.Name) and e.id in self.items:
            return self.items[e.id]
        return self.state.made(e)

    def looping(self, s: m.For) -> None:
        over = self.state.made(s.iterable)
        target = s.target
        if isinstance(s.iterable, m.Call) and s.iterable.name == "enumerate" and s.iterable.args:
            over = self.state.made(s.iterable.args[0])
            target = target.items[1] if target.items and len(target.items) == 2 else target
        if target.name is not None and over is not None and (item := element(over)) is not None:
            self.items[target.name] = item

    def known_names(self) -> set[str]:
        block = self.state.block
        return super().known_names() | {*self.state.statics, *self.lets} | imported(block)

    def checks(self) -> tuple[m.Require, ...]:
        """What the entry model checks of its caller's values."""
        if not self.state.block.entry:
            return ()
        return tuple(c for c in self.method.checks if c.open)

    def leading(self) -> list[Parameter]:
        return [Parameter("self")]

    def check_lines(self) -> list[str]:
        """The conditions on the caller's values, left out of compiled and exported graphs."""
        checks = self.checks()
        if not checks:
            return []
        compiling = Call(name(f"{self.imports.use('torch')}.compiler.is_compiling"))
        outside = negated(compiling)
        if len(checks) == 1:
            test = Binary("and", outside, negated(self.expr(checks[0].test)))
            return [*statement(8, "if ", test, ":"), *self.raise_(12, checks[0])]
        lines = statement(8, "if ", outside, ":")
        for c in checks:
            lines += [*statement(12, "if ", negated(self.expr(c.test)), ":"), *self.raise_(16, c)]
        return lines

    def raise_(self, indent: int, c: m.Require) -> list[str]:
        return raise_lines(indent, c.message, c.test, self.expr)
