"""What every rule is handed: whom to ask, whose tables to read, where to report and note."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from spec_lang.diagnostics import Label, Span
from spec_lang.diagnostics.fix import Edit, Fix, Instead
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.frozen import Frozen
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.effects import Effects, Trial
from spec_lang.ir.from_ast.state.mistake import Mistake
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.state.tables import Block
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import (
    POISON,
    Iteration,
    Mapped,
    MethodSummary,
    Partial,
    Parts,
    Summary,
    Value,
)
from spec_lang.ir.from_ast.values.weight import MANIFOLD, is_too_large, too_large
from spec_lang.ops.base import NO_VALUE, Function, Layer, stating
from spec_lang.shapes import Cond, Dim, TensorType, TooLarge, Undefined, root
from spec_lang.syntax import ast

MAX_DEPTH = 150
COMPARED = 500_000
"""With how many names one check compares wrong ones, in search of what was meant."""
_COUNTER = r"\b\w+_index(?:_\d+)?\b"
_NUMBERED = r"\b[A-Za-z_]\w*_\d+\b"


class NeedsValue(Exception):
    """A hyperparameter must have one value: check the block once for each of its values."""

    def __init__(self, names: frozenset[str], chosen: bool = False) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names
        self.chosen = chosen
        """Whether it holds layers or strings, which are checked by value everywhere."""
        self.node: ast.Expr | None = None
        """The expression that asks for the value."""


class Rules(Frozen):
    """What is done with each kind of node and module. Rules call each other through `Check`, which looks them up here."""

    expressions: Mapping[type, Callable[[Check, Place, Any], Value]]
    statements: Mapping[type, Callable[[Check, Place, Any], bool]]
    modules: Mapping[type, Callable[[Check, Place, Any, Args, ast.Expr, str], Value]]
    method: Callable[[Check, str, object], MethodSummary | None]
    items: Callable[[Check, Place, Value, str, ast.Expr], Iteration | None]
    """How a value is gone through."""
    target: Callable[[Check, Place, ast.Target, Value, ast.Expr], bool]
    """Bind a loop's variables to an element."""


class Program(Protocol):
    """All definitions, as a check of one of them sees the others."""

    rules: Rules
    layers: Mapping[str, type[Layer]]
    functions: Mapping[str, type[Function]]
    compared: int
    """With how many names wrong ones were compared."""
    keywords: dict[ast.Expr, Span]
    """Where the names of arguments stand, by their values."""

    def constant(self, definition: Def) -> Value: ...

    def default(self, owner: Def, hyper: ast.Hyper) -> Value: ...

    def variant(self, definition: Def) -> Partial | None: ...

    def summary(
        self,
        definition: Def,
        values: dict[str, Value],
        asker: Check | None,
        node: object,
        optional: bool = False,
    ) -> Summary | None: ...

    def alias_summary(
        self, definition: Def, values: dict[str, Value], input: TensorType, asker: Check | None, node: object
    ) -> Summary | None: ...

    def inline(self, definition: Def, args: Args, caller: Check, at: Place, node: ast.Expr) -> Value: ...

    def tensor_function(self, definition: Def, asker: Check | None, node: object) -> MethodSummary | None: ...


class Check:
    """One check of one definition."""

    __slots__ = ("block", "caller", "definition", "depth", "effects", "notes", "program", "rules", "source")

    def __init__(self, program: Program, definition: Def, mono: dict[str, Value] | None = None) -> None:
        self.program = program
        self.rules = program.rules
        self.definition = definition
        self.source = definition.source
        self.block = Block(definition, mono or {})
        self.effects = Effects()
        self.notes = self.effects.notes
        self.caller: Check | None = None
        """Who inlines this function over hyperparameters."""
        self.depth = 0

    # --- rules ---

    def ev(self, at: Place, node: ast.Expr) -> Value:
        """The value of an expression."""
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                return self.error("E0801", "this expression is nested too deeply", node)
            value = self.rules.expressions[type(node)](self, at, node)
        except NeedsValue as needs:
            if self.caller is None:  # an inlined function may stand in another file
                needs.node = needs.node or node
            return self.unknown(needs, node)
        except TooLarge as error:
            return self.error("E0801", f"this leads to {error}", node)
        except Undefined as error:
            return self.error("E0803", f"this has no value: {error}", node)
        finally:
            self.depth -= 1
        made = isinstance(value, MANIFOLD) and not isinstance(node, ast.Name | ast.Attribute)
        if made and is_too_large(value):
            return self.error("E0802", f"this is {too_large(value)}", node)
        if isinstance(value, TensorType | tuple | list | Mapped | Parts) or is_module(value):
            self.note_type(at, node, value)
        return value

    def by_value(self, needs: NeedsValue) -> bool:
        """Whether what must be known is known at the uses of the block that is checked."""
        whole = self
        while whole.caller is not None:
            whole = whole.caller
        node = whole.definition.node
        if isinstance(node, ast.Function):
            return True
        if needs.chosen and isinstance(node, ast.Block):
            return not {root(n) for n in needs.names} <= set(whole.block.mono)
        if not isinstance(node, ast.Block | ast.Extern) or (
            isinstance(node, ast.Block) and node.kind == "model"
        ):
            return False
        named = {root(n) for n in needs.names}
        return bool(named & {h.name.id for h in node.hypers or ()} - set(whole.block.mono))

    def unknown(self, needs: NeedsValue, node: ast.Expr) -> Value:
        """Report what would have to be known; where the uses of a block know it, they are asked.

        Raises:
            NeedsValue: they are.
        """
        if self.by_value(needs):
            raise needs
        names = " and ".join(f"`{n}`" for n in sorted(needs.names))
        return self.error(
            "E0504",
            f"this needs the value of {names}, which is not known until the model is built",
            node,
            help="write a literal here, or what is needed for each of its values with `if`",
        )

    def run(self, at: Place, module: Value, args: Args, node: ast.Expr, method: str = "forward") -> Value:
        """What a layer gives."""
        module = at.resolve(module)
        rule = self.rules.modules.get(type(module), self.rules.modules[object])
        return rule(self, at, module, args, node, method)

    def body(self, at: Place, statements: tuple[ast.Statement, ...]) -> bool:
        """Run statements; whether every path through them returns."""
        for i, statement in enumerate(statements):
            if self._returns(at, statement):
                if i + 1 < len(statements):
                    self.error("E0705", "this is never reached: what is above returns", statements[i + 1])
                return True
        return False

    def _returns(self, at: Place, statement: ast.Statement) -> bool:
        """Run one statement; sizes that what it does to the state leads to are reported at it."""
        try:
            return self.rules.statements[type(statement)](self, at, statement)
        except TooLarge as error:
            self.error("E0801", f"this leads to {error}", statement)
        except Undefined as error:
            self.error("E0803", f"this has no value: {error}", statement)
        return False

    def method(self, name: str, node: object) -> MethodSummary | None:
        """The summary of another method of the block, checked on demand."""
        return self.rules.method(self, name, node)

    # --- trials ---

    def trial(self, at: Place) -> Trial:
        """An attempt from a place on: undone on leaving, unless it is kept."""
        return self.effects.trial(at)

    # --- mistakes ---

    def error(
        self,
        code: str,
        message: str,
        at: ast.Expr | ast.Type | ast.Name | Span | object,
        *,
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        help: str | None = None,
        state: Cond | None = None,
        refused: object = NO_VALUE,
        built: bool = False,
        ways: tuple[Fix, ...] = (),
    ) -> Value:
        """Report a mistake; gives the value that silences what depends on it.

        Without a help, it is to state the condition that would make it right.
        """
        span = at if isinstance(at, Span) else at.span  # type: ignore[attr-defined]  # nodes have spans
        if help is None and state is not None:
            help = self.stated(state) or self.renaming(state)
        self.effects.report(
            Mistake(
                code,
                self.authored(message),
                Label(self.source, span),
                labels=tuple(Label(k.source, k.span, self.authored(k.text)) for k in labels),
                notes=tuple(map(self.authored, notes)),
                help=help if help is None or isinstance(help, Instead) else self.authored(help),
                state=state,
                refused=refused,
                built=built,
                ways=ways,
            )
        )
        return POISON

    def stated(self, cond: Cond) -> str | None:
        """The help to state a condition, where an author can: with names of this definition."""
        block = self.block
        known = block.hypers.keys() | block.dims.keys() | block.lets.keys() | block.given
        spelt = {block.symbols.authors.get(name, name) for name in cond.symbols}
        return stating(cond) if all(root(name) in known for name in spelt) else None

    def renaming(self, cond: Cond) -> str | None:
        """The help for two sizes that may be one: to call it by one name, where an input binds it."""
        if cond.op != "==":
            return None
        sides = sorted(cond.dims, key=lambda d: self.block.dims.get(str(d)) != d)
        size, other = sides
        if self.block.dims.get(str(size)) != size or size.symbols & other.symbols or self.stated(cond):
            return None
        if other.const is None and str(other) not in self.block.dims.keys() | self.block.hypers.keys():
            return None
        return f"where `{size}` is always {f'`{other}`' if other.symbols else other}, write that in its place in the types"

    def way(self, title: str, *edits: tuple[Span, str], safe: bool = True) -> Fix:
        """A fix in the source that is checked."""
        return Fix(title, tuple(Edit(self.source, span, text) for span, text in edits), safe)

    def authored(self, text: str) -> str:
        """A text with loops' symbols called as the author called the variable, where that is clear.

        What counts a loop whose author counts nothing is `i`.
        """
        for own in dict.fromkeys(re.findall(_NUMBERED, text)):
            name = self.block.symbols.authors.get(own)
            if name is not None and not re.search(rf"\b{name}\b", text):
                text = re.sub(rf"\b{own}\b", name, text)
        for own in dict.fromkeys(re.findall(_COUNTER, text)):
            if own in self.block.running.counters:
                free = next(n for n in ("i", "j", "k", "m", own) if not re.search(rf"\b{n}\b", text))
                text = re.sub(rf"\b{own}\b", free, text)
        return text

    def label(self, node: object, text: str) -> Label:
        return Label(self.source, node.span, text)  # type: ignore[attr-defined]  # nodes have spans

    def suggestion(
        self, name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None
    ) -> str | None:
        """What may have been meant; not looked for once more is wrong than anybody reads."""
        if self.program.compared >= COMPARED:
            return None
        names = list(known)
        self.program.compared += len(names)
        return did_you_mean(name, names, aliases)

    def has_said(self, code: str, message: str) -> bool:
        """Whether the same is reported of another place already, which is enough."""
        return any(d.code == code and d.message == message for d in self.effects.diagnostics)

    def once(self, code: str, message: str, at: object, help: str | None) -> Value:
        """Report a mistake that a type repeats only where it is first made."""
        if any(d.message == message for d in self.effects.diagnostics):
            self.effects.taint()
            return POISON
        return self.error(code, message, at, help=help)

    @property
    def is_right(self) -> bool:
        """Whether nothing is reported, and nothing used here is broken."""
        return not (self.effects.diagnostics or self.effects.tainted)

    def told(self, value: Value, node: ast.Expr) -> None:
        """What has no type has a reason, which was reported: else nothing may be built on it."""
        if value is POISON and self.is_right:
            self.error("E0714", "the type of this cannot be told", node)

    # --- symbols and notes ---

    def fresh(self, name: str, low: int | None = 1, high: int | None = None) -> Dim:
        """A symbol that no other value has, named as near to `name` as may be; none of who inlines this function either."""
        if self.caller is not None:
            return self.caller.fresh(name, low, high)
        return self.block.fresh(name, low, high)

    def unknown_size(self, name: str) -> Dim:
        """A symbol for a size that no expression gives."""
        size = self.fresh(name)
        self.block.symbols.dynamic.add(str(size))
        return size

    def note_type(self, at: Place, node: ast.Expr, value: Value) -> None:
        """What an expression gives; none where iterations that are gone through one by one differ."""
        types, key = self.notes.types, node.number
        if (at.unrolled or at.parted) and key in types and not _equal_types(types[key], value):
            value = None
        self.effects.note(types, key, value)


def _equal_types(a: Value, b: Value) -> bool:
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_equal_types, a, b))
    return a is b or (isinstance(a, TensorType) and a == b)
