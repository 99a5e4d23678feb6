"""The IR of a checked program: the trees again, with what the check noted about each node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from spec_lang.diagnostics import Span
from spec_lang.ir import model as ir
from spec_lang.ir.from_ast.bodies.methods import as_method
from spec_lang.ir.from_ast.definitions.checked import Checked
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.emission.conditions import Messages, message, messages, needed, said
from spec_lang.ir.from_ast.emission.emit_expressions import ExpressionEmitter, names_of, node_of
from spec_lang.ir.from_ast.emission.emit_types import hyper_type, value_type
from spec_lang.ir.from_ast.names.remarks import Remarks
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.types.hyper_types import choice_of_types
from spec_lang.ir.from_ast.uses.functions import as_hypers
from spec_lang.ir.from_ast.values.value import DefCtor, Maybe, MethodSummary, Owed
from spec_lang.shapes import Compared, Cond, Dim, Every, Pack, TensorType, root
from spec_lang.shapes.linear import linear
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk


def emit(known: Known) -> ir.Program:
    """The program, each definition behind what it uses."""
    remarks = {s: Remarks(s.module.tree.source, s.module.tree.comments) for s in known.scopes}
    files = tuple(
        node_of(
            ir.File,
            path=s.module.tree.source.name,
            lines=s.module.tree.source.starts,
            module=s.module.name,
            doc=None if s.module.tree.doc is None else s.module.tree.doc.value,
        )
        for s in known.scopes
    )
    said = messages(known)
    definitions = [
        found for d in known.done if (found := _definition(known, d, remarks[d.scope], said)) is not None
    ]
    return node_of(ir.Program, version=ir.VERSION, files=files, definitions=tuple(definitions))


def _definition(known: Known, definition: Def, remarks: Remarks, said: Messages) -> ir.AnyDefinition | None:
    """A definition; None for a block that nobody uses and whose layers are passed in."""
    node = definition.node
    checks = known.by_definition.get(definition)
    checked = checks[0] if checks else known.outside.get(definition)
    if checked is None:
        return None
    emitter = Emitter(checked, known, remarks, said)
    if isinstance(node, ast.ConstantDef):
        return emitter.constant(node)
    if isinstance(node, ast.Record):
        return emitter.record(node)
    if isinstance(node, ast.Function):
        return emitter.function(node)
    if isinstance(node, ast.Extern):
        return emitter.extern(node)
    if isinstance(node, ast.Block) and node.hypers is None:
        return emitter.variant(node)
    assert isinstance(node, ast.Block)
    return emitter.block(node)


class Emitter(ExpressionEmitter):
    """Emits one definition.

    Attributes:
        said: What authors say of their conditions, by place.
    """

    def __init__(self, checked: Checked, known: Known, remarks: Remarks, said: Messages) -> None:
        super().__init__(checked, known, remarks)
        self.said = said

    def statements(self, nodes: tuple[ast.Statement, ...]) -> tuple[ir.Stmt, ...]:
        return tuple(map(self.statement, nodes))

    def statement(self, node: ast.Statement) -> ir.Stmt:
        return STATEMENTS[type(node)](self, node)

    def _around(self, node: ast.Statement) -> dict[str, object]:
        """The comments around a statement, and its place."""
        lead, trailing = self.remarks.around(node)
        return {"comments": lead, "trailing": trailing, "span": self.span(node)}

    def assign(self, node: ast.Assign) -> ir.Assign:
        return node_of(
            ir.Assign,
            target=self.target(node.target),
            value=self.ev(node.value),
            dims=self._bound(node),
            **self._around(node),
        )

    def append(self, node: ast.Append) -> ir.Append:
        return node_of(ir.Append, name=node.target.id, value=self.ev(node.value), **self._around(node))

    def returned(self, node: ast.Return) -> ir.Return:
        return node_of(ir.Return, value=self.ev(node.value), **self._around(node))

    def loop(self, node: ast.For) -> ir.For:
        around, self.variables = self.variables, self.variables | names_of(node.target)
        body = self.statements(node.body)
        self.variables = around
        return node_of(
            ir.For,
            target=self.target(node.target),
            iterable=self.ev(node.iterable),
            body=body,
            **self._around(node),
        )

    def branches(self, node: ast.If) -> ir.If:
        return node_of(
            ir.If,
            test=self.ev(node.test),
            body=self.statements(node.body),
            orelse=self.statements(node.orelse),
            **self._around(node),
        )

    def _bound(self, node: ast.Assign) -> tuple[ir.DimBinding, ...]:
        if not isinstance(node.target, ast.Name):
            return ()
        local = node_of(ir.Name, id=node.target.id, ref="local", type=None, span=None)
        return tuple(
            node_of(ir.DimBinding, name=name, tensor=local, axis=axis, scale="1", offset="0", span=None)
            for name, _, axis in self.checked.notes.dims_bound.get(node.number, ())
        )

    def require(self, node: ast.Require) -> ir.Require:
        known, at = self.checked.notes.required.get(node.number, (None, "call"))
        return node_of(
            ir.Require,
            test=self.ev(node.test),
            message=node.message.value if node.message is not None else said(node.test, self._text),
            at=at,
            open=known is not True or self._of_one_value(node.test),
            **self._around(node),
        )

    def _text(self, node: ast.Expr | ast.Target) -> str:
        return " ".join(self.source.at(node.span).split())

    def _of_one_value(self, test: ast.Expr) -> bool:
        """Whether a condition was only seen to hold for one value of what a definition is checked for by value."""
        read = (test, *(let.value for let in _lets_of(self.definition.node, test)))
        names = {n.id for e in read for n in walk(e) if isinstance(n, ast.Name)}
        return not names.isdisjoint(self.checked.summary.mono)

    def _is_written(self, o: Owed) -> bool:
        """Whether a `require` of this block says it, which the constructor checks as it is written."""
        node = self.definition.node
        if not (o.stated and isinstance(node, ast.Block) and o.place.source is self.source):
            return False
        bodies = [p.body for p in node.parts if isinstance(p, ast.Method)]
        return any(
            isinstance(r, ast.Require)
            and r.test.span == o.place.span
            and self.checked.notes.required.get(r.number, (None, ""))[1] == "init"
            for statements in (node.parts, *bodies)
            for r in statements
        )

    def _is_to_be_said(self, o: Owed) -> bool:
        """Whether the constructor checks a condition of its own: what nothing else checks, and all uses of the class need."""
        if not self.sayable(o) or _torch_checks(o) or self._is_written(o):
            return False
        return _is_of_all(self.known, self.definition, o) and not self._is_checked_inside(o)

    def _is_checked_inside(self, o: Owed) -> bool:
        """Whether the class of a block used here checks a condition, or that of a block inside it."""
        while o.origin is not None:
            definition, o = o.origin
            checks = self.known.by_definition.get(definition)
            if checks and _is_of_all(self.known, definition, o):
                other = Emitter(checks[0], self.known, self.remarks, self.said)
                if _torch_checks(o) or other._is_written(o) or (other.sayable(o) and o.origin is None):
                    return True
        return False

    def sayable(self, o: Owed) -> bool:
        """Whether a condition is checked in words: one on an argument that may also be a tuple does not make sense for all values.

        PyTorch checks itself what floats along a loop must be.
        """
        kinds = {type(f) for f in o.cond.flags}
        if not o.stated and Compared in kinds and Every in kinds:
            return False
        hypers = getattr(self.definition.node, "hypers", None) or ()
        return not any(
            choice_of_types(h.type) and h.name.id in {root(n) for n in o.cond.names} for h in hypers
        )

    def owed(self, owed: Iterable[Owed], at: str, known: Sequence[Cond]) -> tuple[ir.Require, ...]:
        """Conditions that stay open, without those that others, or what is known, imply."""
        return tuple(self._demanded(o, at) for o in self._to_check(owed, known))

    def _to_check(self, owed: Iterable[Owed], known: Sequence[Cond]) -> list[Owed]:
        found = [o for o in owed if self.sayable(o)]
        kept = [o for o in found if o.stated and self._said(o) is not None]
        return needed(found, known, kept)

    def _demanded(self, o: Owed, at: str = "init") -> ir.Require:
        return node_of(
            ir.Require,
            test=self.cond(o.cond),
            message=message(o, self._said(o)),
            at=at,
            open=True,
            comments=(),
            trailing=None,
            span=None,
        )

    def _said(self, o: Owed) -> str | None:
        """What the author says of a condition, if anything."""
        return self.said.get((o.place.source.name, o.place.span)) if o.stated else None

    def _before(self) -> list[Cond]:
        """What the constructor of this block checks."""
        owed = self.checked.summary.owed
        return [o.cond for o in owed if self._is_written(o) or self._is_to_be_said(o)]

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
            checks=() if summary is None else self.owed(summary.owed, "call", self._before()),
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
            kind = hyper_type(node.type, self.scope, self.definition.source)
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
            if e.binds is None or e.binds in self.checked.needed:
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
                type=hyper_type(h.type, self.scope, self.definition.source),
                default=None if h.default is None else self._default(h),
                span=self.span(h),
            )
            for h in hypers
        )

    def _default(self, hyper: ast.Hyper) -> ir.Expr:
        default = self.known.defaults[self.definition, hyper.name.id]
        assert default.checked is not None
        other = Emitter(default.checked, self.known, self.remarks, self.said)
        return other.without_spans(default.node) if default.is_set else other.ev(default.node)

    def without_spans(self, node: ast.Expr) -> ir.Expr:
        """An expression that stands in no file."""
        self.span = lambda _: None  # type: ignore[method-assign,assignment,return-value]  # it has no place
        return self.ev(node)

    def record(self, node: ast.Record) -> ir.Record:
        return node_of(ir.Record, fields=self.hypers(node.fields), **self._common(node))

    def function(self, node: ast.Function) -> ir.AnyDefinition | None:
        if node.value is not None:
            inputs = tuple(
                node_of(
                    ir.Hyper,
                    name=h.name.id,
                    type=hyper_type(h.type, self.scope, self.definition.source),
                    default=None if h.default is None else self.ev(h.default),
                    span=self.span(h),
                )
                for h in as_hypers(node.inputs)
            )
            return node_of(ir.Function, inputs=inputs, value=self.ev(node.value), **self._common(node))
        summary = self.checked.summary.methods.get(node.name.id)
        method = self.method(as_method(node), summary)
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
                node.forward, self.checked.summary.methods.get(node.forward.name.id), has_body=False
            ),
            **self._common(node),
        )

    def variant(self, node: ast.Block) -> ir.Variant | None:
        partial = self.known.variants[self.definition]
        if partial is None or not isinstance(partial.ctor, DefCtor):
            return None
        call = node.alias
        args, kwargs = self.arguments(call.args) if isinstance(call, ast.Call) else ([], [])
        base = self.scope.path(partial.ctor.definition)
        return node_of(ir.Variant, base=base, args=tuple(args), kwargs=tuple(kwargs), **self._common(node))

    def block(self, node: ast.Block) -> ir.Block:
        checked, summary = self.checked, self.checked.summary
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
        first = self._values_first(node)
        for part in node.parts:
            requires += map(self._demanded, first.pop(part.number, ()))
            if isinstance(part, ast.Let):
                at = "init"
                value = checked.lets.get(part.name.id)
                if isinstance(value, Dim) and any(
                    n in checked.dims and n not in checked.needed for n in value.symbols
                ):
                    at = "call"
                lets.append(
                    node_of(ir.Let, name=part.name.id, value=self.ev(part.value), at=at, span=self.span(part))
                )
            elif isinstance(part, ast.Require):
                stated = self.require(part)
                if stated.at == "init":  # each call that owes another one checks it
                    requires.append(stated)
            elif isinstance(part, ast.Tie):
                ties.append(
                    node_of(
                        ir.Tie,
                        left=self.ev(part.left),
                        right=self.ev(part.right),
                        test=None if part.test is None else self.ev(part.test),
                        span=self.span(part),
                    )
                )
            elif isinstance(part, ast.InitSection):
                inits += [self.rule(r) for r in part.rules]
            elif isinstance(part, ast.Expect):
                text = self.source.at(part.test.span)
                expects.append(node_of(ir.Expect, test=self.ev(part.test), text=text, span=self.span(part)))
            elif isinstance(part, ast.Method):
                methods.append(self.method(part, summary.methods.get(part.name.id)))
        requires += map(self._demanded, first.pop(None, ()))
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

    def _values_first(self, node: ast.Block) -> dict[int | None, list[Owed]]:
        """What the constructor checks beside the author's conditions, by the first `require` that has no value without it.

        The rest, which comes behind all of those, is by None. Only what is checked before a condition makes it needless.
        """
        owed = self.checked.summary.owed
        known = [o for o in owed if self._is_written(o)]
        left = [o for o in owed if self._is_to_be_said(o)]
        found: dict[int | None, list[Owed]] = {}
        before: list[Cond] = []
        for part in node.parts:
            if isinstance(part, ast.Require):
                spans = [part.span, *(let.span for let in _lets_of(node, part.test))]
                inside = [o for o in left if o.place.source is self.source and _is_in(o.place.span, spans)]
                left = [o for o in left if o not in inside]
                found[part.number] = self._to_check(inside, before)
                before += [o.cond for o in found[part.number]]
                before += [o.cond for o in known if o.place.span == part.test.span]
        found[None] = self._to_check(left, [*before, *(o.cond for o in known)])
        return found

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
        declared = self.checked.members[item.name.id]
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
        if isinstance(base, ast.Name) and self.checked.notes.refs.get(base.number) in ("op", "definition"):
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


STATEMENTS: dict[type, Callable[[Emitter, Any], ir.Stmt]] = {
    ast.Assign: Emitter.assign,
    ast.Append: Emitter.append,
    ast.Return: Emitter.returned,
    ast.Require: Emitter.require,
    ast.For: Emitter.loop,
    ast.If: Emitter.branches,
}


def _lets_of(node: Node, test: ast.Expr) -> list[ast.Let]:
    """The `let`s that an expression needs."""
    names = {n.id for n in walk(test) if isinstance(n, ast.Name)}
    found = []
    for part in reversed(getattr(node, "parts", ())):
        if isinstance(part, ast.Let) and part.name.id in names:
            found.append(part)
            names |= {n.id for n in walk(part.value) if isinstance(n, ast.Name)}
    return found


def _is_in(span: Span, spans: Iterable[Span]) -> bool:
    return any(s.start <= span.start and span.end <= s.end for s in spans)


def _is_of_all(known: Known, definition: Def, o: Owed) -> bool:
    """Whether every use of a class owes a condition: what one of them needs is checked where that one is."""
    return all(any(x.cond == o.cond for x in each.summary.owed) for each in known.by_definition[definition])


def _torch_checks(o: Owed) -> bool:
    """A layer's condition on floats (`0 <= p <= 1`), which PyTorch's own constructors check."""
    return not (o.stated or o.cond.symbols) and any(isinstance(f, Compared) for f in o.cond.flags)
