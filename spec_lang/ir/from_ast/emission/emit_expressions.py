"""Expressions as the IR has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import count, takewhile
from typing import ClassVar, Protocol, TypeVar

from spec_lang.ir import model as ir
from spec_lang.ir.from_ast.definitions.checked import Checked, running_sizes
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.emission.emit_dims import from_cond, from_dim
from spec_lang.ir.from_ast.emission.emit_types import value_type
from spec_lang.ir.from_ast.loops.runs import parts
from spec_lang.ir.from_ast.names.remarks import Remarks
from spec_lang.ir.from_ast.values.elements import VARIABLE, by_variables
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import Cell, Env, Value
from spec_lang.ir.model import make
from spec_lang.shapes import Cond, Dim, ParseError, TooLarge, Undefined, dim, opaque, read, symbol
from spec_lang.shapes.abbreviations import Abbreviation
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk

T = TypeVar("T")


def names_of(target: ast.Target) -> frozenset[str]:
    """The variables that a loop's target names."""
    if isinstance(target, ast.TargetTuple):
        return frozenset().union(*map(names_of, target.items))
    return frozenset({target.id} if isinstance(target, ast.Name) else ())


_SIZES = frozenset({"+", "-", "*"})
"""The operators whose normal form is the same whatever the bounds of names are."""


_LONG = 4
"""The parts from which on a size may be what a function gives."""


class _NodeOf(Protocol):
    def __call__(self, cls: type[T], **fields: object) -> T: ...


node_of: _NodeOf = make
"""`model.make` for fields that come from the check's notes, whose types are not static."""


def _unique(cells: Sequence[Cell]) -> list[Cell]:
    """One cell for each implicit dim: those of the cases of one construction are the same."""
    return list({c.name: c for c in reversed(cells) if c.value is not None}.values())[::-1]


def _enumerated(g: ir.Generator, index: str) -> ir.Generator:
    """The same, with what counts its items."""
    name = node_of(ir.Target, name=index, items=None, span=None)
    target = node_of(ir.Target, name=None, items=(name, g.target), span=None)
    numbered = node_of(
        ir.Call,
        to="builtin",
        name="enumerate",
        callee=None,
        args=(g.iterable,),
        kwargs=(),
        dims=(),
        style="call",
        type=None,
        span=None,
    )
    return node_of(ir.Generator, target=target, iterable=numbered, tests=g.tests, span=None)


class ExpressionEmitter:
    """Emits expressions, with what the check noted about each node."""

    def __init__(self, checked: Checked, known: Known, remarks: Remarks) -> None:
        self.checked = checked
        self.known = known
        self.definition = checked.definition
        self.scope = checked.definition.scope
        self.source = checked.definition.source
        self.remarks = remarks
        self.carries: dict[str, ir.Carry] | None = None
        self.variables: frozenset[str] = frozenset()
        """The variables of the loops around."""
        self.around: dict[ast.Comprehension | None, dict[str, ir.Carry]] = {}
        """The running sizes of the comprehensions around, and of those that are done."""
        self.carry_names: dict[str, str] = {}
        self.kept: dict[tuple[Dim, Dim], str] = {}
        self.counted: dict[str, str | None] = {}
        """The indices of the comprehensions around that the author does not count, with what those are called here."""

    def span(self, node: object) -> ir.Span:
        span: ir.Span = node.span  # type: ignore[attr-defined]  # nodes have spans
        return span

    def dim(self, d: Dim) -> ir.Expr:
        """A dim as an expression over what stands for its symbols."""
        d = by_variables(d, self.checked.running.formulas, self.checked.running.places)
        fields = self._fields(d.symbols)
        functions = self._functions if d.length >= _LONG else ()
        return from_dim(d.substitute(fields) if fields else d, self.resolve, functions)

    @cached_property
    def _functions(self) -> tuple[Abbreviation, ...]:
        """The functions over numbers that this file knows, which may have given a size."""
        found = []
        here = set(self.scope.names.values())
        for definition in takewhile(lambda d: d is not self.definition, self.known.done):
            node = definition.node
            if definition not in here or not isinstance(node, ast.Function) or node.value is None:
                continue
            try:
                body = read(" ".join(definition.source.at(node.value.span).split()))
            except (ParseError, TooLarge):
                continue
            names = tuple(i.name.id for i in node.inputs)
            found.append(Abbreviation(self.scope.path(definition), names, body))
        return tuple(f for f in found if f.telling)

    def cond(self, cond: Cond) -> ir.Expr:
        fields = self._fields(cond.symbols)
        return from_cond(cond.substitute(fields) if fields else cond, self.resolve)

    def _fields(self, symbols: frozenset[str]) -> dict[str, Dim]:
        """What the author calls the parts of a loop's items: inside a term that is read by its text they have no other name."""
        names = self.checked.running.names
        return {
            n: opaque(names[n][0])
            if not names[n][0].isidentifier()
            else (symbol(names[n][0], 0) - names[n][1]) // names[n][2]
            for n in symbols
            if not n.isidentifier() and n in names
        }

    def resolve(self, name: str) -> ir.Expr:
        """The expression of a symbol."""
        checked = self.checked
        if name.startswith(VARIABLE):
            return node_of(ir.Name, id=name.removeprefix(VARIABLE), ref="loop", type=None, span=None)
        if name in checked.running.carried:
            return self.carry(name)
        if name in checked.running.names:
            author, offset, scale = checked.running.names[name]
            found: ir.Expr
            if author.isidentifier():
                found = node_of(ir.Name, id=author, ref="loop", type=None, span=None)
            else:  # a field of the variable
                found = self.dim(opaque(author))
            if offset != 0:
                found = node_of(ir.Binary, op="-", left=found, right=self.dim(offset), type=None, span=None)
            if scale != 1:
                found = node_of(
                    ir.Binary, op="//", left=found, right=self.dim(dim(scale)), type=None, span=None
                )
            return found
        if name in self.counted:
            author_ = self.counted[name] = self.counted[name] or self._index()
            return node_of(ir.Name, id=author_, ref="loop", type=None, span=None)
        if not name.isidentifier():
            return self.dim(opaque(name))
        whole = self._variable_of_fields(name)
        if whole is not None:
            return node_of(ir.Name, id=whole, ref="loop", type=None, span=None)
        ref = "loop" if any(author == name for author, *_ in checked.running.names.values()) else "local"
        if name in checked.hypers:
            ref = "hyper"
        elif name in checked.dims:
            ref = "dim"
        elif name in checked.lets:
            ref = "let"
        elif name == "training":
            ref = "builtin"
        return node_of(ir.Name, id=name, ref=ref, type=None, span=None)

    def _variable_of_fields(self, name: str) -> str | None:
        """The author's variable whose fields have symbols of this name: of `s_2.dims`, `s`; of `acts[i]`, an item, none."""
        for own, (author, *_) in self.checked.running.names.items():
            whole = re.split(r"[.\[]", author)[0]
            if not own.isidentifier() and own == name + author.removeprefix(whole):
                return whole
        return None

    def cell(self, cell: Cell) -> ir.Expr:
        """What a `_` or an implicit dim stands for."""
        if cell.value is None:
            return node_of(ir.Literal_, value=None, text=None, type=None, span=None)
        if cell.first is not None:
            return self._first_then(cell, cell.first, cell.value)
        for name, value in self.checked.lets.items():
            if isinstance(value, Dim) and value == cell.value and len(str(value)) > len(name):
                return node_of(ir.Name, id=name, ref="let", type=None, span=None)
        written = self._as_written(cell.value)
        if written is not None:
            return written
        for name in sorted(cell.value.symbols & set(self.checked.running.carried)):
            self.carry_names.setdefault(name, self._free(cell.name))
        return self.dim(cell.value)

    def _as_written(self, value: Dim) -> ir.Expr | None:
        """A size as the author wrote it in another place: `width * expansion`, whatever the order of its normal form."""
        if value.const is not None or len(value.symbols) < 2:
            return None
        node = self._written.get(str(value))
        return None if node is None else self.ev(node)

    @cached_property
    def _written(self) -> dict[str, ast.Expr]:
        """The author's sizes over hyperparameters and dims, by their normal form."""
        from spec_lang.shapes.parsing import parse

        found: dict[str, ast.Expr] = {}
        refs = self.checked.notes.refs
        for part in getattr(self.definition.node, "parts", ()):
            for node in walk(part) if isinstance(part, ast.LayersSection) else ():
                if not isinstance(node, ast.Binary) or node.op not in _SIZES:
                    continue
                inner = list(walk(node))
                if not all(
                    (isinstance(n, ast.Name) and refs.get(n.number) in ("hyper", "dim"))
                    or isinstance(n, ast.Number)
                    or (isinstance(n, ast.Binary) and n.op in _SIZES)
                    for n in inner
                ):
                    continue
                try:
                    found.setdefault(str(parse(self.source.at(node.span))), node)
                except (ParseError, TooLarge, Undefined):
                    continue
        return found

    def _free(self, name: str) -> str:
        checked = self.checked
        wanted, n = name, 2
        taken = set(self.carry_names.values()) | set(self.kept.values())
        while (
            wanted in checked.hypers or wanted in checked.dims or wanted in checked.members or wanted in taken
        ):
            wanted, n = f"{name}_{n}", n + 1
        return wanted

    def _index(self) -> str:
        """What to call an index: `i`, where nothing is called so."""
        taken = {*self.variables, *self.counted.values(), *self.checked.lets}
        return next(n for k in count() if (n := f"i_{k}" if k else "i") not in taken and self._free(n) == n)

    def _first_then(self, cell: Cell, first: Dim, value: Dim) -> ir.Expr:
        key = (first, value)
        repeat = None if cell.along is None else self.checked.running.repeats.get(cell.along)
        carries = self.carries if repeat is None else self.around.get(repeat.node, self.carries)
        name = self.kept.get(key)
        if name is None:
            taken = carries or {}
            names = (f"{cell.name}_{n}" if n > 1 else cell.name for n in count(1))
            name = self.kept[key] = next(n for n in map(self._free, names) if n not in taken)
        if carries is not None and name not in carries:
            later = value
            if cell.along is not None:  # what an item takes, for the item behind it
                later = later.substitute({cell.along: symbol(cell.along, 0) + 1})
            carries[name] = node_of(
                ir.Carry, name=name, start=self.dim(first), next=self.dim(later), span=None
            )
        return node_of(ir.Name, id=name, ref="carry", type=None, span=None)

    def carry(self, symbol_name: str) -> ir.Expr:
        """A running size by its name in the generated constructor."""
        found = self.checked.running.carried[symbol_name]
        name = self.carry_names.get(symbol_name)
        if name is None:
            name = self.carry_names[symbol_name] = self._free(found.name)
        carries = self.around.get(found.owner, self.carries)
        if carries is not None and name not in carries:
            carries[name] = node_of(ir.Carry, name=name, start=self.dim(found.start), next=None, span=None)
            carries[name] = node_of(
                ir.Carry, name=name, start=self.dim(found.start), next=self.dim(found.next), span=None
            )
        return node_of(ir.Name, id=name, ref="carry", type=None, span=None)

    def ev(self, node: ast.Expr | ast.Slice | ast.Ellipsis) -> ir.Expr:
        return self.EV[type(node)](self, node)

    def type_of(self, node: Node) -> ir.Type | None:
        value = self.checked.notes.types.get(node.number)
        if value is None:
            return None
        checked = self.checked
        running = checked.running
        if (running.names or running.heads or running.counters) and not is_module(value):
            value = self._in_authors_names(value)
        return None if value is None else value_type(value)

    def _in_authors_names(self, value: Value) -> Value:
        """A type inside a loop by the names of its variables; None where a size has none."""
        checked = self.checked
        env: Env = {}
        for name in type_symbols(value):
            if name in checked.running.names:
                author, offset, scale = checked.running.names[name]
                if name in checked.running.elements and re.split(r"[.\[]", author)[0] not in self.variables:
                    return None
                env[name] = (symbol(author, 0) - offset) // scale
            elif name in checked.running.counters:
                return None
            elif name in checked.running.heads:
                if name not in self.carry_names:
                    return None
                env[name] = symbol(self.carry_names[name])
        return substitute(value, env)

    def _name(self, node: ast.Name) -> ir.Expr:
        ref = self.checked.notes.refs.get(node.number, "local")
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
        cells = self.checked.notes.cells.get(node.number, ())
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
        taken = self.checked.notes.taken.get(node.number)
        if taken is not None:
            return self.ev(node.body if taken else node.orelse)
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
            index=tuple(map(self._index_item, node.index)),
            type=self.type_of(node),
            span=self.span(node),
        )

    def _index_item(self, node: ast.Expr | ast.Slice | ast.Ellipsis) -> ir.Expr:
        """An index; what is a list is written as one, since a tuple in its place is several indices."""
        made = self.ev(node)
        if not self.checked.notes.listed.get(node.number) or isinstance(node, ast.List | ast.Comprehension):
            return made
        spread = node_of(ir.Star, value=made, type=None, span=self.span(node))
        return node_of(ir.List, items=(spread,), type=None, span=self.span(node))

    def _slice(self, node: ast.Slice) -> ir.Expr:
        ends = [None if e is None else self.ev(e) for e in (node.start, node.stop, node.step)]
        return node_of(ir.Slice, start=ends[0], stop=ends[1], step=ends[2], type=None, span=self.span(node))

    def _ellipsis(self, node: ast.Ellipsis) -> ir.Expr:
        return node_of(ir.Ellipsis_, type=None, span=self.span(node))

    def _comprehension(self, node: ast.Comprehension) -> ir.Expr:
        written, spread = parts(self.checked.notes, node)
        outer, self.carries = self.carries, {}
        self.around[node] = self.carries
        around, self.variables = (
            self.variables,
            self.variables.union(*(names_of(g.target) for g in written)),
        )
        kept, self.kept = self.kept, dict(self.kept) if outer is not None else {}
        own = str(self.checked.running.owners.get(node))
        if len(written) == 1:
            self.counted[own] = None
        key = None if node.key is None else self.ev(node.key)
        value = self.ev(node.value if spread is None else spread)
        if spread is not None:
            value = node_of(ir.Star, value=value, type=None, span=self.span(spread))
        for name in running_sizes(self.checked, node):
            self.carry(name)
        carries = tuple(self.carries.values())
        self.carries = outer
        self.kept = kept
        self.variables = around
        generators = tuple(
            node_of(
                ir.Generator,
                target=self.target(g.target),
                iterable=self.ev(g.iterable),
                tests=tuple(map(self.ev, g.tests)),
                span=None,
            )
            for g in written
        )
        index = self.counted.pop(own, None)
        if index is not None:
            generators = (_enumerated(generators[0], index),)
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
        to, name = self.checked.notes.calls[node.number]
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
        if to == "total":
            return self._total(node, tuple(args))
        cells = self.checked.notes.cells.get(node.number, ())
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

    def _total(self, node: ast.Expr, args: tuple[ir.Expr, ...]) -> ir.Expr:
        """`sum` of a list of tensors, as that of their stack."""
        rest = {"to": "op", "callee": None, "kwargs": (), "dims": (), "span": self.span(node)}
        stacked = node_of(ir.Call, name="stack", args=args, style="call", type=None, **rest)
        first = node_of(ir.Literal_, value=0, text=None, type=None, span=self.span(node))
        return node_of(
            ir.Call, name="sum", args=(stacked, first), style="method", type=self.type_of(node), **rest
        )

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
