"""Expressions as the IR has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from spec_lang.ir import model as ir
from spec_lang.ir.builtins import FUNCTIONS
from spec_lang.ir.from_ast.definitions.definitions import Definitions
from spec_lang.ir.from_ast.definitions.finish import running_sizes
from spec_lang.ir.from_ast.emission.emit_text import from_text
from spec_lang.ir.from_ast.emission.emit_types import value_type
from spec_lang.ir.from_ast.names.names import find
from spec_lang.ir.from_ast.names.scope import Def, Scope
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import Cell, Value
from spec_lang.ir.model import make
from spec_lang.shapes import Cond, Dim, symbol
from spec_lang.syntax import ast

T = TypeVar("T")


def node_of(cls: type[T], **fields: object) -> T:
    """As `model.make`, for fields that come from the check's notes, whose types are not static."""
    return make(cls, **fields)


def _unique(cells: Sequence[Cell]) -> list[Cell]:
    """One cell for each implicit dim: those of the cases of one construction are the same."""
    return list({c.name: c for c in reversed(cells) if c.value is not None}.values())[::-1]


class ExpressionEmitter:
    """Emits expressions, with what the check noted about each node."""

    def __init__(self, check: Check, checker: Definitions, definition: Def) -> None:
        self.check = check
        self.checker = checker
        self.definition = definition
        self.scope: Scope = definition.scope
        self.source = definition.source
        self.remarks = checker.remarks(definition.scope)
        self.carries: dict[str, ir.Carry] | None = None
        self.carry_names: dict[str, str] = {}
        self.kept: dict[tuple[Dim, Dim], str] = {}

    def span(self, node: object) -> ir.Span:
        span = node.span  # type: ignore[attr-defined]  # nodes have spans
        start = self.source.position(span.start)
        end = self.source.position(span.end)
        return node_of(
            ir.Span, line=start.line, column=start.column, end_line=end.line, end_column=end.column
        )

    def dim(self, d: Dim) -> ir.Expr:
        """A dim as an expression over what stands for its symbols."""
        return from_text(str(d), self.resolve)

    def cond(self, cond: Cond) -> ir.Expr:
        return from_text(str(cond), self.resolve)

    def resolve(self, name: str) -> ir.Expr:
        """The expression of a symbol."""
        check = self.check
        if name in check.block.running.carried:
            return self.carry(name)
        if name in check.block.running.names:
            author, offset = check.block.running.names[name]
            variable: ir.Expr = node_of(ir.Name, id=author, ref="loop", type=None, span=None)
            if offset == 0:
                return variable
            return node_of(ir.Binary, op="-", left=variable, right=self.dim(offset), type=None, span=None)
        ref = "local"
        if name in check.block.hypers:
            ref = "hyper"
        elif name in check.block.dims:
            ref = "dim"
        elif name in check.block.lets:
            ref = "let"
        elif name == "training":
            ref = "builtin"
        return node_of(ir.Name, id=name, ref=ref, type=None, span=None)

    def cell(self, cell: Cell) -> ir.Expr:
        """What a `_` or an implicit dim stands for."""
        if cell.value is None:
            return node_of(ir.Literal_, value=None, text=None, type=None, span=None)
        if cell.first is not None:
            return self._first_then(cell, cell.first, cell.value)
        for name, value in self.check.block.lets.items():
            if isinstance(value, Dim) and value == cell.value and len(str(value)) > len(name):
                return node_of(ir.Name, id=name, ref="let", type=None, span=None)
        for name in sorted(cell.value.symbols & set(self.check.block.running.carried)):
            self.carry_names.setdefault(name, self._free(cell.name))
        return self.dim(cell.value)

    def _free(self, name: str) -> str:
        check = self.check
        wanted, n = name, 2
        taken = set(self.carry_names.values()) | set(self.kept.values())
        while (
            wanted in check.block.hypers
            or wanted in check.block.dims
            or wanted in check.block.members
            or wanted in taken
        ):
            wanted, n = f"{name}_{n}", n + 1
        return wanted

    def _first_then(self, cell: Cell, first: Dim, value: Dim) -> ir.Expr:
        key = (first, value)
        name = self.kept.get(key)
        if name is None:
            name = self.kept[key] = self._free(cell.name)
        if self.carries is not None and name not in self.carries:
            later = value
            for own in (
                value.symbols & set(self.check.block.running.names)
            ) - self.check.block.running.elements:
                later = later.substitute({own: symbol(own, 0) + 1})
            self.carries[name] = node_of(
                ir.Carry, name=name, start=self.dim(first), next=self.dim(later), span=None
            )
        return node_of(ir.Name, id=name, ref="carry", type=None, span=None)

    def carry(self, symbol_name: str) -> ir.Expr:
        """A running size by its name in the generated constructor."""
        found = self.check.block.running.carried[symbol_name]
        name = self.carry_names.get(symbol_name)
        if name is None:
            name = self.carry_names[symbol_name] = self._free(symbol_name)
        if self.carries is not None and name not in self.carries:
            self.carries[name] = node_of(
                ir.Carry, name=name, start=self.dim(found.start), next=None, span=None
            )
            self.carries[name] = node_of(
                ir.Carry, name=name, start=self.dim(found.start), next=self.dim(found.next), span=None
            )
        return node_of(ir.Name, id=name, ref="carry", type=None, span=None)

    def ev(self, node: ast.Expr | ast.Slice | ast.Ellipsis) -> ir.Expr:
        return self.EV[type(node)](self, node)

    def type_of(self, node: object) -> ir.Type | None:
        value = self.check.notes.types.get(id(node))
        if value is None:
            return None
        check = self.check
        if (check.block.running.names or check.block.running.heads) and not is_module(value):
            value = self._in_authors_names(value)
        return None if value is None else value_type(value)

    def _in_authors_names(self, value: Value) -> Value:
        """A type inside a loop by the names of its variables; None where a size has none."""
        check = self.check
        env: dict[str, object] = {}
        for name in type_symbols(value):
            if name in check.block.running.names:
                author, offset = check.block.running.names[name]
                env[name] = symbol(author, 0) - offset
            elif name in check.block.running.heads:
                if name not in self.carry_names:
                    return None
                env[name] = symbol(self.carry_names[name])
        return substitute(value, env)

    def _name(self, node: ast.Name) -> ir.Expr:
        ref = self.check.notes.refs.get(id(node))
        if ref is None:
            found = find(self.check, Place(self.scope, Mode.BODY), node.id)
            ref = found[0] if found is not None else "local"
        name = node.id
        if ref in ("definition", "constant"):
            definition = self.scope.names.get(name)
            name = name if definition is None else self.scope.path(definition)
        return node_of(ir.Name, id=name, ref=ref, type=self.type_of(node), span=self.span(node))

    def _number(self, node: ast.Number) -> ir.Expr:
        return node_of(ir.Literal_, value=node.value, text=node.text, type=None, span=self.span(node))

    def _constant(self, node: ast.String | ast.Constant) -> ir.Expr:
        return node_of(ir.Literal_, value=node.value, text=None, type=None, span=self.span(node))

    def _fstring(self, node: ast.FString) -> ir.Expr:
        parts = tuple(self.ev(p) for p in node.parts)
        return node_of(ir.Format, parts=parts, type=None, span=self.span(node))

    def _hole(self, node: ast.Hole) -> ir.Expr:
        cells = self.check.notes.cells.get(id(node), ())
        known = [c for c in cells if c.value is not None]
        if known:
            return self.cell(known[0])
        return node_of(ir.Literal_, value=None, text=None, type=None, span=self.span(node))

    def _unary(self, node: ast.Unary) -> ir.Expr:
        return node_of(
            ir.Unary, op=node.op, operand=self.ev(node.operand), type=self.type_of(node), span=self.span(node)
        )

    def _binary(self, node: ast.Binary) -> ir.Expr:
        return node_of(
            ir.Binary,
            op=node.op,
            left=self.ev(node.left),
            right=self.ev(node.right),
            type=self.type_of(node),
            span=self.span(node),
        )

    def _compare(self, node: ast.Compare) -> ir.Expr:
        return node_of(
            ir.Compare,
            first=self.ev(node.first),
            ops=tuple(op for op, _ in node.rest),
            rest=tuple(self.ev(e) for _, e in node.rest),
            type=self.type_of(node),
            span=self.span(node),
        )

    def _ifexp(self, node: ast.IfExp) -> ir.Expr:
        return node_of(
            ir.IfExp,
            test=self.ev(node.test),
            body=self.ev(node.body),
            orelse=self.ev(node.orelse),
            type=self.type_of(node),
            span=self.span(node),
        )

    def _tuple(self, node: ast.Tuple) -> ir.Expr:
        items = tuple(map(self.ev, node.items))
        return node_of(ir.Tuple, items=items, type=self.type_of(node), span=self.span(node))

    def _list(self, node: ast.List) -> ir.Expr:
        items = tuple(map(self.ev, node.items))
        return node_of(ir.List, items=items, type=self.type_of(node), span=self.span(node))

    def _dict(self, node: ast.Dict) -> ir.Expr:
        return node_of(
            ir.Dict,
            keys=tuple(None if i.key is None else self.ev(i.key) for i in node.items),
            values=tuple(self.ev(i.value) for i in node.items),
            type=self.type_of(node),
            span=self.span(node),
        )

    def _star(self, node: ast.Star) -> ir.Expr:
        return node_of(ir.Star, value=self.ev(node.value), type=None, span=self.span(node))

    def _attribute(self, node: ast.Attribute) -> ir.Expr:
        return node_of(
            ir.Attribute,
            value=self.ev(node.value),
            name=node.name,
            type=self.type_of(node),
            span=self.span(node),
        )

    def _subscript(self, node: ast.Subscript) -> ir.Expr:
        return node_of(
            ir.Subscript,
            value=self.ev(node.value),
            index=tuple(map(self.ev, node.index)),
            type=self.type_of(node),
            span=self.span(node),
        )

    def _slice(self, node: ast.Slice) -> ir.Expr:
        ends = [None if e is None else self.ev(e) for e in (node.start, node.stop, node.step)]
        return node_of(ir.Slice, start=ends[0], stop=ends[1], step=ends[2], type=None, span=self.span(node))

    def _ellipsis(self, node: ast.Ellipsis) -> ir.Expr:
        return node_of(ir.Ellipsis_, type=None, span=self.span(node))

    def _comprehension(self, node: ast.Comprehension) -> ir.Expr:
        outer, self.carries = self.carries, {}
        kept, self.kept = self.kept, dict(self.kept) if outer is not None else {}
        key = None if node.key is None else self.ev(node.key)
        value = self.ev(node.value)
        for name in running_sizes(self.check, node):
            self.carry(name)
        carries = tuple(self.carries.values())
        self.carries = outer
        self.kept = kept
        generators = tuple(
            node_of(
                ir.Generator,
                target=self.target(g.target),
                iterable=self.ev(g.iterable),
                tests=tuple(map(self.ev, g.tests)),
                span=None,
            )
            for g in node.generators
        )
        return node_of(
            ir.Comprehension,
            key=key,
            value=value,
            generators=generators,
            carry=carries,
            type=self.type_of(node),
            span=self.span(node),
        )

    def arguments(self, arguments: tuple[ast.Argument, ...]) -> tuple[list[ir.Expr], list[ir.Argument]]:
        args: list[ir.Expr] = []
        kwargs: list[ir.Argument] = []
        for a in arguments:
            value = self.ev(a.value)
            if a.star == "**":
                kwargs.append(node_of(ir.Argument, name=None, value=value, span=None))
            elif a.star == "*":
                args.append(node_of(ir.Star, value=value, type=None, span=self.span(a)))
            elif a.name is not None:
                kwargs.append(node_of(ir.Argument, name=a.name, value=value, span=None))
            else:
                args.append(value)
        return args, kwargs

    def _call(self, node: ast.Call) -> ir.Expr:
        return self._called(node, node.func, node.args, None, "call")

    def _arrow(self, node: ast.Arrow) -> ir.Expr:
        stage = node.stage
        func, rest = (stage.func, stage.args) if isinstance(stage, ast.Call) else (stage, ())
        return self._called(node, func, rest, node.value, "arrow")

    def _called(
        self,
        node: ast.Expr,
        func: ast.Expr,
        arguments: tuple[ast.Argument, ...],
        piped: ast.Expr | None,
        style: str,
    ) -> ir.Expr:
        args, kwargs = self.arguments(arguments)
        to, name = self.check.notes.calls.get(id(node)) or self._unseen(func)
        callee: ir.Expr | None = None
        if to in ("apply", "run"):
            callee = self.ev(func)
            if isinstance(func, ast.Attribute) and func.name == name:
                callee = self.ev(func.value)
        elif to == "value":
            callee = self.ev(func)
        elif isinstance(func, ast.Attribute) and to in ("op", "fn"):
            args.insert(0, self.ev(func.value))
            style = "method"
        if piped is not None:
            args.insert(0, self.ev(piped))
        cells = self.check.notes.cells.get(id(node), ())
        dims = tuple(node_of(ir.Argument, name=c.name, value=self.cell(c), span=None) for c in _unique(cells))
        return node_of(
            ir.Call,
            to=to,
            name=name,
            callee=callee,
            args=tuple(args),
            kwargs=tuple(kwargs),
            dims=dims,
            style=style,
            type=self.type_of(node),
            span=self.span(node),
        )

    def _unseen(self, func: ast.Expr) -> tuple[str, str]:
        """A call on a path that was never taken."""
        if isinstance(func, ast.Name):
            if func.id in self.check.block.members:
                return "apply", "forward"
            definition = self.scope.names.get(func.id)
            if definition is not None:
                kind = "fn" if isinstance(definition.node, ast.Function) else "block"
                return kind, self.scope.path(definition)
            if func.id in self.checker.functions and not self._over_numbers(func.id):
                return "op", func.id
            if func.id in self.checker.layers:
                return "make", func.id
            return "builtin", func.id
        if isinstance(func, ast.Attribute) and func.name in self.checker.functions:
            return "op", func.name
        return "apply", "forward"

    def _over_numbers(self, name: str) -> bool:
        """Whether a name that is both PyTorch's and Python's stands where no tensor can be."""
        node = self.definition.node
        return name in FUNCTIONS and isinstance(node, ast.Function) and node.value is not None

    def target(self, node: ast.Target) -> ir.Target:
        if isinstance(node, ast.Name):
            return node_of(ir.Target, name=node.id, items=None, span=self.span(node))
        if isinstance(node, ast.Hole):
            return node_of(ir.Target, name=None, items=None, span=self.span(node))
        items = tuple(map(self.target, node.items))
        return node_of(ir.Target, name=None, items=items, span=self.span(node))

    EV: ClassVar[dict[type, Callable[[ExpressionEmitter, object], ir.Expr]]]


_EV: dict[type, object] = {
    ast.Name: ExpressionEmitter._name,
    ast.Number: ExpressionEmitter._number,
    ast.String: ExpressionEmitter._constant,
    ast.FString: ExpressionEmitter._fstring,
    ast.Constant: ExpressionEmitter._constant,
    ast.Hole: ExpressionEmitter._hole,
    ast.Unary: ExpressionEmitter._unary,
    ast.Binary: ExpressionEmitter._binary,
    ast.Compare: ExpressionEmitter._compare,
    ast.IfExp: ExpressionEmitter._ifexp,
    ast.Call: ExpressionEmitter._call,
    ast.Arrow: ExpressionEmitter._arrow,
    ast.Attribute: ExpressionEmitter._attribute,
    ast.Subscript: ExpressionEmitter._subscript,
    ast.Slice: ExpressionEmitter._slice,
    ast.Ellipsis: ExpressionEmitter._ellipsis,
    ast.Star: ExpressionEmitter._star,
    ast.Tuple: ExpressionEmitter._tuple,
    ast.List: ExpressionEmitter._list,
    ast.Dict: ExpressionEmitter._dict,
    ast.Comprehension: ExpressionEmitter._comprehension,
}
ExpressionEmitter.EV = _EV  # type: ignore[assignment]  # each method takes the node of its key
