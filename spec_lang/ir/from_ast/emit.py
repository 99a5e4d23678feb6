"""The IR of a checked program: the trees again, with what the check noted about each node."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, TypeVar

from spec_lang.ir import model as ir
from spec_lang.ir.from_ast.block import BlockCheck
from spec_lang.ir.from_ast.checker import Checker
from spec_lang.ir.from_ast.emit_text import from_text
from spec_lang.ir.from_ast.emit_types import hyper_type, value_type
from spec_lang.ir.from_ast.remarks import Remarks
from spec_lang.ir.from_ast.scope import Def, Scope
from spec_lang.ir.from_ast.summary import MethodSummary, Owed
from spec_lang.ir.from_ast.values import BlockModule, Cell, DefCtor, Maybe, Value
from spec_lang.ir.model import make
from spec_lang.shapes import Cond, Dim, Pack, TensorType
from spec_lang.syntax import ast

T = TypeVar("T")


def node_of(cls: type[T], **fields: object) -> T:
    """As `model.make`, for fields that come from the check's notes, whose types are not static."""
    return make(cls, **fields)


def emit(checker: Checker) -> ir.Program:
    """The program, each definition behind what it uses."""
    files = tuple(
        node_of(
            ir.File,
            path=s.module.tree.source.name,
            module=s.module.name,
            doc=None if s.module.tree.doc is None else s.module.tree.doc.value,
        )
        for s in checker.scopes
    )
    definitions = [found for d in checker.done if (found := _definition(checker, d)) is not None]
    return node_of(ir.Program, version=ir.VERSION, files=files, definitions=tuple(definitions))


def _definition(checker: Checker, definition: Def) -> ir.AnyDefinition | None:
    node = definition.node
    checks = checker.by_definition.get(id(definition))
    check = checks[0] if checks else checker.host(definition)
    emitter = Emitter(check, checker, definition)
    if isinstance(node, ast.ConstantDef):
        return emitter.constant(node)
    if isinstance(node, ast.Record):
        return emitter.record(node)
    if isinstance(node, ast.Function):
        return emitter.function(node)
    if isinstance(node, ast.Extern):
        return emitter.extern(node) if checks else None
    if isinstance(node, ast.Block) and node.hypers is None:
        return emitter.variant(node)
    if isinstance(node, ast.Block) and checks:
        return emitter.block(node)
    return None


class Emitter:
    """Emits one definition."""

    def __init__(self, check: BlockCheck, checker: Checker, definition: Def) -> None:
        self.check = check
        self.checker = checker
        self.definition = definition
        self.scope: Scope = definition.scope
        self.source = definition.source
        self.remarks = checker.remarks(definition.scope)
        self.carries: dict[str, ir.Carry] | None = None
        self.carry_names: dict[str, str] = {}
        self.kept: dict[tuple[Dim, Dim], str] = {}

    # --- helpers ---

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
        if name in check.carried:
            return self.carry(name)
        if name in check.loop_names:
            author, offset = check.loop_names[name]
            variable: ir.Expr = node_of(ir.Name, id=author, ref="loop", type=None, span=None)
            if offset == 0:
                return variable
            return node_of(ir.Binary, op="-", left=variable, right=self.dim(offset), type=None, span=None)
        ref = "local"
        if name in check.hypers:
            ref = "hyper"
        elif name in check.dims:
            ref = "dim"
        elif name in check.lets:
            ref = "let"
        elif name == "training":
            ref = "builtin"
        return node_of(ir.Name, id=name, ref=ref, type=None, span=None)

    # --- what the dataflow determined ---

    def cell(self, cell: Cell) -> ir.Expr:
        """What a `_` or an implicit dim stands for."""
        if cell.value is None:
            return node_of(ir.Literal_, value=None, text=None, type=None, span=None)
        if cell.first is not None:
            return self._first_then(cell, cell.first, cell.value)
        for name, value in self.check.lets.items():
            if isinstance(value, Dim) and value == cell.value and len(str(value)) > len(name):
                return node_of(ir.Name, id=name, ref="let", type=None, span=None)
        for name in sorted(cell.value.symbols & set(self.check.carried)):
            self.carry_names.setdefault(name, self._free(cell.name))
        return self.dim(cell.value)

    def _free(self, name: str) -> str:
        check = self.check
        wanted, n = name, 2
        taken = set(self.carry_names.values()) | set(self.kept.values())
        while wanted in check.hypers or wanted in check.dims or wanted in check.members or wanted in taken:
            wanted, n = f"{name}_{n}", n + 1
        return wanted

    def _first_then(self, cell: Cell, first: Dim, value: Dim) -> ir.Expr:
        key = (first, value)
        name = self.kept.get(key)
        if name is None:
            name = self.kept[key] = self._free(cell.name)
        if self.carries is not None and name not in self.carries:
            later = value
            for own in (value.symbols & set(self.check.loop_names)) - self.check.element_symbols:
                from spec_lang.shapes import symbol

                later = later.substitute({own: symbol(own, 0) + 1})
            self.carries[name] = node_of(
                ir.Carry, name=name, start=self.dim(first), next=self.dim(later), span=None
            )
        return node_of(ir.Name, id=name, ref="carry", type=None, span=None)

    def carry(self, symbol_name: str) -> ir.Expr:
        """A running size by its name in the generated constructor."""
        found = self.check.carried[symbol_name]
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

    # --- expressions ---

    def ev(self, node: ast.Expr | ast.Slice | ast.Ellipsis) -> ir.Expr:
        return self.EV[type(node)](self, node)

    def type_of(self, node: object) -> ir.Type | None:
        value = self.check.types.get(id(node))
        return None if value is None else value_type(value)

    def _name(self, node: ast.Name) -> ir.Expr:
        ref = self.check.refs.get(id(node))
        if ref is None:
            found = self.check.find(node.id)
            ref = found[0] if found is not None else "local"
        name = node.id
        if ref in ("definition", "constant"):
            definition = self.scope.names.get(name)
            name = name if definition is None else self.scope.path(definition)
        return node_of(ir.Name, id=name, ref=ref, type=self.type_of(node), span=self.span(node))

    def _number(self, node: ast.Number) -> ir.Expr:
        return node_of(ir.Literal_, value=node.value, text=node.text, type=None, span=self.span(node))

    def _string(self, node: ast.String) -> ir.Expr:
        return node_of(ir.Literal_, value=node.value, text=None, type=None, span=self.span(node))

    def _constant(self, node: ast.Constant) -> ir.Expr:
        return node_of(ir.Literal_, value=node.value, text=None, type=None, span=self.span(node))

    def _fstring(self, node: ast.FString) -> ir.Expr:
        parts = tuple(self.ev(p) for p in node.parts)
        return node_of(ir.Format, parts=parts, type=None, span=self.span(node))

    def _hole(self, node: ast.Hole) -> ir.Expr:
        cells = self.check.cells.get(id(node), [])
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
        for name in self.check.running(node):
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

    # --- calls ---

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
        to, name, target = self.check.calls.get(id(node)) or self._unseen(func)
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
        cells = self.check.cells.get(id(node), [])
        dims = tuple(node_of(ir.Argument, name=c.name, value=self.cell(c), span=None) for c in _unique(cells))
        if to == "value" and not dims:
            dims = self._value_dims(target)
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

    def _value_dims(self, target: Value) -> tuple[ir.Argument, ...]:
        return ()

    def _unseen(self, func: ast.Expr) -> tuple[str, str, Value]:
        """A call on a path that was never taken."""
        if isinstance(func, ast.Name):
            if func.id in self.check.members:
                return "apply", "forward", None
            definition = self.scope.names.get(func.id)
            if definition is not None:
                kind = "fn" if isinstance(definition.node, ast.Function) else "block"
                return kind, self.scope.path(definition), None
            if func.id in self.checker.functions:
                return "op", func.id, None
            if func.id in self.checker.layers:
                return "make", func.id, None
            return "builtin", func.id, None
        return "op", getattr(func, "name", ""), None

    # --- statements ---

    def target(self, node: ast.Target) -> ir.Target:
        if isinstance(node, ast.Name):
            return node_of(ir.Target, name=node.id, items=None, span=self.span(node))
        if isinstance(node, ast.Hole):
            return node_of(ir.Target, name=None, items=None, span=self.span(node))
        items = tuple(map(self.target, node.items))
        return node_of(ir.Target, name=None, items=items, span=self.span(node))

    def statements(self, nodes: tuple[ast.Statement, ...]) -> tuple[ir.Stmt, ...]:
        return tuple(map(self.statement, nodes))

    def statement(self, node: ast.Statement) -> ir.Stmt:
        lead, trailing = self.remarks.around(node)
        common = {"comments": lead, "trailing": trailing, "span": self.span(node)}
        if isinstance(node, ast.Assign):
            return node_of(
                ir.Assign,
                target=self.target(node.target),
                value=self.ev(node.value),
                dims=self._bound(node),
                **common,
            )
        if isinstance(node, ast.Append):
            return node_of(ir.Append, name=node.target.id, value=self.ev(node.value), **common)
        if isinstance(node, ast.Return):
            return node_of(ir.Return, value=self.ev(node.value), **common)
        if isinstance(node, ast.Require):
            return self.require(node)
        if isinstance(node, ast.For):
            return node_of(
                ir.For,
                target=self.target(node.target),
                iterable=self.ev(node.iterable),
                body=self.statements(node.body),
                **common,
            )
        return node_of(
            ir.If,
            test=self.ev(node.test),
            body=self.statements(node.body),
            orelse=self.statements(node.orelse),
            **common,
        )

    def _bound(self, node: ast.Assign) -> tuple[ir.DimBinding, ...]:
        if not isinstance(node.target, ast.Name):
            return ()
        local = node_of(ir.Name, id=node.target.id, ref="local", type=None, span=None)
        return tuple(
            node_of(ir.DimBinding, name=name, tensor=local, axis=axis, scale="1", offset="0", span=None)
            for name, _, axis in self.check.dims_bound.get(id(node), ())
        )

    def require(self, node: ast.Require) -> ir.Require:
        lead, trailing = self.remarks.around(node)
        known, at = self.check.required.get(id(node), (None, "call"))
        text = self.source.text[node.test.span.start : node.test.span.end]
        return node_of(
            ir.Require,
            test=self.ev(node.test),
            message=node.message.value if node.message is not None else " ".join(text.split()),
            at=at,
            open=known is not True,
            comments=lead,
            trailing=trailing,
            span=self.span(node),
        )

    def sayable(self, o: Owed) -> bool:
        """Whether a condition makes sense for all values: one on an argument that may also be a tuple does not."""
        roots = {re.split(r"[.\[]", n)[0] for n in o.cond.symbols}
        hypers = getattr(self.definition.node, "hypers", None) or ()
        return not any(h.name.id in roots and _choice_of_types(h.type) for h in hypers)

    def owed(self, o: Owed, at: str) -> ir.Require:
        return node_of(
            ir.Require,
            test=self.cond(o.cond),
            message=o.message,
            at=at,
            open=True,
            comments=(),
            trailing=None,
            span=None,
        )

    # --- methods ---

    def method(self, node: ast.Method, summary: MethodSummary | None, has_body: bool = True) -> ir.Method:
        inputs = tuple(self._input(i, summary) for i in node.inputs)
        results: tuple[ir.Result, ...] = ()
        if summary is not None:
            names = (
                [r.name.id if r.name else None for r in node.results] if node.results is not None else [None]
            )
            results = tuple(
                node_of(ir.Result, name=n, type=value_type(t), span=None)
                for n, t in zip(names, summary.results, strict=False)
                if value_type(t) is not None
            )
        return node_of(
            ir.Method,
            name=node.name.id,
            doc=None if node.doc is None else node.doc.value,
            inputs=inputs,
            results=results,
            results_tuple=node.results_tuple,
            dims=self._bindings(node, summary),
            checks=()
            if summary is None
            else tuple(self.owed(o, "call") for o in summary.owed if self.sayable(o)),
            body=self.statements(node.body) if has_body else (),
            span=self.span(node),
        )

    def _input(self, node: ast.Input, summary: MethodSummary | None) -> ir.Input:
        found = None
        if summary is not None:
            found = next((i for i in summary.inputs if i.name == node.name.id), None)
        kind = None
        if found is not None:
            inner = found.type.value if isinstance(found.type, Maybe) else found.type
            kind = value_type(inner)
        if kind is None:
            kind = hyper_type(node.type, self.scope)
        return node_of(
            ir.Input,
            name=node.name.id,
            type=kind,
            optional=isinstance(node.type, ast.OptionalType),
            default=None if node.default is None else self.ev(node.default),
            span=self.span(node),
        )

    def _bindings(self, node: ast.Method, summary: MethodSummary | None) -> tuple[ir.DimBinding, ...]:
        """How a call learns its dims; those that construction knows are left out."""
        if summary is None:
            return ()
        found = []
        for e in summary.entries:
            if e.binds is None or e.binds in self.check.static_dims:
                continue
            tensor: ir.Expr = node_of(
                ir.Name, id=node.inputs[e.path[0]].name.id, ref="local", type=None, span=None
            )
            for k in e.path[1:]:
                index = node_of(ir.Literal_, value=k, text=None, type=None, span=None)
                tensor = node_of(ir.Subscript, value=tensor, index=(index,), type=None, span=None)
            if isinstance(e.dim, Pack):
                name, scale, offset = f"*{e.dim.name}", "1", "0"
            else:
                from spec_lang.ir.from_ast.uses import linear

                parts = linear(e.dim, e.binds)
                assert parts is not None
                name, scale, offset = e.binds, str(parts[0]), str(parts[1])
            found.append(
                node_of(
                    ir.DimBinding,
                    name=name,
                    tensor=tensor,
                    axis=e.axis,
                    scale=scale,
                    offset=offset,
                    span=None,
                )
            )
        return tuple(found)

    # --- definitions ---

    def _common(self, node: ast.Definition) -> dict[str, object]:
        doc = getattr(node, "doc", None)
        lead, _ = self.remarks.around(node)
        return {
            "file": self.definition.file,
            "name": self.definition.name,
            "doc": None if doc is None else doc.value,
            "comments": lead,
            "span": self.span(node),
        }

    def constant(self, node: ast.ConstantDef) -> ir.Constant:
        return node_of(ir.Constant, value=self.ev(node.value), **self._common(node))

    def hypers(self, hypers: tuple[ast.Hyper, ...]) -> tuple[ir.Hyper, ...]:
        return tuple(
            node_of(
                ir.Hyper,
                name=h.name.id,
                type=hyper_type(h.type, self.scope),
                default=None if h.default is None else self._default(h),
                span=self.span(h),
            )
            for h in hypers
        )

    def _default(self, hyper: ast.Hyper) -> ir.Expr:
        check = self.checker.hosts.get(id(hyper))
        assert hyper.default is not None
        override = self.checker.override(self.definition, hyper)
        other = Emitter(check or self.check, self.checker, self.definition)
        if override is not None:
            other.remarks = Remarks(self.source, ())
            return other.without_spans(override)
        return other.ev(hyper.default)

    def without_spans(self, node: ast.Expr) -> ir.Expr:
        """An expression that stands in no file."""
        self.span = lambda _: None  # type: ignore[method-assign,assignment,return-value]  # it has no place
        return self.ev(node)

    def record(self, node: ast.Record) -> ir.Record:
        return node_of(ir.Record, fields=self.hypers(node.fields), **self._common(node))

    def function(self, node: ast.Function) -> ir.AnyDefinition | None:
        if node.value is not None:
            hypers = tuple(
                ast.Hyper(name=i.name, type=i.type, default=i.default, span=i.span) for i in node.inputs
            )
            inputs = tuple(
                node_of(
                    ir.Hyper,
                    name=h.name.id,
                    type=hyper_type(h.type, self.scope),
                    default=None if h.default is None else self.ev(h.default),
                    span=self.span(h),
                )
                for h in hypers
            )
            return node_of(ir.Function, inputs=inputs, value=self.ev(node.value), **self._common(node))
        from spec_lang.ir.from_ast.block import _as_method

        summary = self.check.summary.methods.get(node.name.id)
        method = self.method(_as_method(node), summary)
        return node_of(ir.TensorFunction, method=method, **self._common(node))

    def extern(self, node: ast.Extern) -> ir.Extern | None:
        if node.forward is None:
            return None
        return node_of(
            ir.Extern,
            layer=node.kind == "layer",
            module=node.module.value,
            domain=None if node.domain is None else node.domain.value,
            hypers=self.hypers(node.hypers),
            forward=self.method(
                node.forward, self.check.summary.methods.get(node.forward.name.id), has_body=False
            ),
            **self._common(node),
        )

    def variant(self, node: ast.Block) -> ir.Variant | None:
        partial = self.checker.variants.get(id(self.definition))
        if partial is None or not isinstance(partial.ctor, DefCtor):
            return None
        call = node.alias
        args, kwargs = self.arguments(call.args) if isinstance(call, ast.Call) else ([], [])
        base = self.scope.path(partial.ctor.definition)
        return node_of(ir.Variant, base=base, args=tuple(args), kwargs=tuple(kwargs), **self._common(node))

    def block(self, node: ast.Block) -> ir.Block:
        check, summary = self.check, self.check.summary
        lets: list[ir.Let] = []
        requires: list[ir.Require] = []
        ties: list[ir.Tie] = []
        inits: list[ir.InitRule] = []
        expects: list[ir.Expect] = []
        members: list[ir.Member] = []
        for part in node.parts:
            if isinstance(part, ast.LayersSection):
                members += [self.member(i) for i in part.items]
        methods = []
        for part in node.parts:
            if isinstance(part, ast.Let):
                at = "init"
                value = check.lets.get(part.name.id)
                if isinstance(value, Dim) and any(
                    n in check.dims and n not in check.static_dims for n in value.symbols
                ):
                    at = "call"
                lets.append(
                    node_of(ir.Let, name=part.name.id, value=self.ev(part.value), at=at, span=self.span(part))
                )
            elif isinstance(part, ast.Require):
                requires.append(self.require(part))
            elif isinstance(part, ast.Tie):
                ties.append(
                    node_of(ir.Tie, left=self.ev(part.left), right=self.ev(part.right), span=self.span(part))
                )
            elif isinstance(part, ast.InitSection):
                inits += [self.rule(r) for r in part.rules]
            elif isinstance(part, ast.Expect):
                text = self.source.text[part.test.span.start : part.test.span.end]
                expects.append(node_of(ir.Expect, test=self.ev(part.test), text=text, span=self.span(part)))
            elif isinstance(part, ast.Method):
                methods.append(self.method(part, summary.methods.get(part.name.id)))
        requires += [
            self.owed(o, "init")
            for o in summary.owed
            if self.sayable(o) and not (o.stated or o.passed or _torch_checks(o))
        ]
        return node_of(
            ir.Block,
            entry=node.kind == "model",
            hypers=self.hypers(node.hypers or ()),
            dims=tuple(summary.dims),
            lets=tuple(lets),
            requires=tuple(requires),
            members=tuple(members),
            body=None if node.alias is None else self.ev(node.alias),
            ties=tuple(ties),
            inits=tuple(inits),
            methods=tuple(methods),
            expects=tuple(expects),
            **self._common(node),
        )

    def member(self, item: ast.Layer | ast.Param) -> ir.Member:
        lead, trailing = self.remarks.around(item)
        if isinstance(item, ast.Layer):
            value = self.ev(item.value)
            return node_of(
                ir.Layer,
                name=item.name.id,
                value=value,
                comments=lead,
                trailing=trailing,
                span=self.span(item),
            )
        declared = self.check.members[item.name.id]
        assert isinstance(declared, TensorType)
        assert item.value is not None
        return node_of(
            ir.Param,
            kind=item.kind,
            name=item.name.id,
            type=value_type(declared),
            value=self.ev(item.value),
            persistent=item.persistent,
            comments=lead,
            trailing=trailing,
            span=self.span(item),
        )

    def rule(self, node: ast.InitRule) -> ir.InitRule:
        selector, layer, path, parameter = node.selector, None, None, None
        base = selector.value if isinstance(selector, ast.Attribute) else selector
        if isinstance(base, ast.Name) and self.check.refs.get(id(base)) in ("op", "definition"):
            definition = self.scope.names.get(base.id)
            layer = base.id if definition is None else self.scope.path(definition)
            parameter = selector.name if isinstance(selector, ast.Attribute) else None
        else:
            path = self.ev(selector)
        return node_of(
            ir.InitRule,
            layer=layer,
            path=path,
            parameter=parameter,
            value=self.ev(node.value),
            span=self.span(node),
        )

    EV: ClassVar[dict[type, Callable[[Emitter, object], ir.Expr]]]


def _choice_of_types(type: ast.Type) -> bool:
    return isinstance(type, ast.ChoiceType) and any(not isinstance(o, ast.String) for o in type.options)


def _torch_checks(o: Owed) -> bool:
    """A condition on floats (`0 <= p <= 1`), which PyTorch's own constructors check."""
    return not o.cond.symbols and bool(o.cond.flags)


def _unique(cells: list[Cell]) -> list[Cell]:
    """One cell for each implicit dim: those of the cases of one construction are the same."""
    return list({c.name: c for c in reversed(cells) if c.value is not None}.values())[::-1]


_EV: dict[type, object] = {
    ast.Name: Emitter._name,
    ast.Number: Emitter._number,
    ast.String: Emitter._string,
    ast.FString: Emitter._fstring,
    ast.Constant: Emitter._constant,
    ast.Hole: Emitter._hole,
    ast.Unary: Emitter._unary,
    ast.Binary: Emitter._binary,
    ast.Compare: Emitter._compare,
    ast.IfExp: Emitter._ifexp,
    ast.Call: Emitter._call,
    ast.Arrow: Emitter._arrow,
    ast.Attribute: Emitter._attribute,
    ast.Subscript: Emitter._subscript,
    ast.Slice: Emitter._slice,
    ast.Ellipsis: Emitter._ellipsis,
    ast.Star: Emitter._star,
    ast.Tuple: Emitter._tuple,
    ast.List: Emitter._list,
    ast.Dict: Emitter._dict,
    ast.Comprehension: Emitter._comprehension,
}
Emitter.EV = _EV  # type: ignore[assignment]  # each method takes the node of its key

__all__ = ["BlockModule", "emit"]
