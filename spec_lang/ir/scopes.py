"""Which names are bound where an expression of the IR stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from spec_lang.ir import model as ir
from spec_lang.shapes import ParseError, TooLarge, Undefined, parse

_BOUND = frozenset({"hyper", "dim", "let", "local", "loop", "carry"})
"""What a name may be that has a value of its own at each place."""
_PLAIN = frozenset({"span", "type", "comments", "trailing", "doc"})


class Unbound(NamedTuple):
    """A name that is bound nowhere where it stands, and the place of the innermost node around that has one."""

    name: str
    span: ir.Span | None


def unbound(d: ir.AnyDefinition, types: bool = False) -> Iterator[Unbound]:
    """The names in a definition that are not bound where they stand.

    Args:
        types: Whether to go through methods' bodies and the types of expressions too, which no constructor reads. Results are
            left out: what they have may be some size that no expression gives.
    """
    walk = _Walk(types)
    if isinstance(d, ir.Block):
        yield from walk.block(d)
    elif isinstance(d, ir.TensorFunction):
        yield from walk.method(d.method, set(), d.span)
    elif isinstance(d, ir.Extern):
        yield from walk.method(d.forward, {h.name for h in d.hypers}, d.span)
    elif isinstance(d, ir.Function):
        yield from walk.expr(d.value, {h.name for h in d.inputs}, d.span)
    elif isinstance(d, ir.Constant):
        yield from walk.expr(d.value, set(), d.span)


def undetermined(d: ir.AnyDefinition, blocks: Mapping[tuple[int, str], tuple[str, ...]]) -> Iterator[Unbound]:
    """The implicit dims of a definition's layers that their constructors' calls leave out."""
    if isinstance(d, ir.Block):
        for part in (*d.members, d.body):
            yield from _undetermined(part, d.file, blocks)


def _undetermined(
    node: object, file: int, blocks: Mapping[tuple[int, str], tuple[str, ...]]
) -> Iterator[Unbound]:
    if isinstance(node, tuple):
        for item in node:
            yield from _undetermined(item, file, blocks)
    elif isinstance(node, ir.Node):
        if isinstance(node, ir.Call) and node.to == "block":
            given = {a.name for a in node.dims}
            for name in blocks.get((file, node.name), ()):
                if name not in given:
                    yield Unbound(name, node.span)
        for key, value in node.__dict__.items():
            if key not in _PLAIN and isinstance(value, tuple | ir.Node):
                yield from _undetermined(value, file, blocks)


def items_of(d: ir.AnyDefinition) -> Iterator[tuple[str, int, ir.Span | None]]:
    """The items of list hyperparameters by their places that a block's layers need, and that its author writes nowhere.

    A list whose length the author requires is left out.
    """
    if not isinstance(d, ir.Block):
        return
    found: list[tuple[str, int, ir.Span | None, bool]] = []
    for part in (*d.members, d.body, *d.lets, *d.requires):
        found += _items(part, None)
    written = {(name, index) for name, index, _, mine in found if mine}
    counted = {name for r in d.requires for name in _counted(r.test)}
    for name, index, place, _ in found:
        if (name, index) not in written and name not in counted:
            yield name, index, place


def _items(node: object, span: ir.Span | None) -> Iterator[tuple[str, int, ir.Span | None, bool]]:
    if isinstance(node, tuple):
        for item in node:
            yield from _items(item, span)
    elif isinstance(node, ir.Node):
        if isinstance(node, ir.Subscript) and isinstance(node.value, ir.Name) and len(node.index) == 1:
            index = node.index[0]
            if node.value.ref == "hyper" and isinstance(index, ir.Literal_) and type(index.value) is int:
                yield node.value.id, index.value, node.span or span, node.span is not None
        for key, value in node.__dict__.items():
            if key not in _PLAIN and isinstance(value, tuple | ir.Node):
                yield from _items(value, node.span or span)


def _counted(test: ir.Expr) -> Iterator[str]:
    """The lists whose length a condition states."""
    if isinstance(test, ir.Binary) and test.op == "and":
        yield from _counted(test.left)
        yield from _counted(test.right)
    elif isinstance(test, ir.Compare) and test.ops == ("==",):
        sides = (test.first, *test.rest)
        if any(isinstance(s, ir.Literal_) for s in sides):
            for s in sides:
                if isinstance(s, ir.Call) and s.name == "len" and s.args and isinstance(s.args[0], ir.Name):
                    yield s.args[0].id


class _Walk:
    def __init__(self, types: bool) -> None:
        self.types = types

    def block(self, d: ir.Block) -> Iterator[Unbound]:
        bound = {*(h.name for h in d.hypers), *d.dims}
        for let in d.lets:
            if let.at == "init":
                yield from self.expr(let.value, bound, let.span)
                bound.add(let.name)
        for require in d.requires:
            if require.at == "init":
                yield from self.expr(require.test, set(bound), require.span or d.span)
        running = set(bound)
        for member in d.members:
            yield from self.expr(member.value, running, member.span)
            if isinstance(member, ir.Param):
                yield from self.type(member.type, running, member.span)
        if d.body is not None:
            yield from self.expr(d.body, running, d.span)
        for tie in d.ties:
            yield from self.each((tie.left, tie.right, tie.test), set(running), tie.span)
        for rule in d.inits:
            yield from self.each((rule.path, rule.value), set(running), rule.span)
        bound |= {let.name for let in d.lets}
        if self.types:
            bound |= running  # types say what runs along a list by its name
        for method in d.methods:
            yield from self.method(method, bound, d.span)
            inside = bound | _dims(method) | {i.name for i in method.inputs}
            for let in d.lets:
                if let.at == "call":
                    yield from self.expr(let.value, inside, let.span)
            for require in d.requires:
                if require.at == "call" and method is d.methods[0]:
                    yield from self.expr(require.test, inside, require.span or d.span)

    def method(self, m: ir.Method, outer: set[str], span: ir.Span | None) -> Iterator[Unbound]:
        span = m.span or span
        bound = outer | _dims(m) | {i.name for i in m.inputs}
        for i in m.inputs:
            yield from self.type(i.type, bound, i.span or span)
        for binding in m.dims:
            yield from self.text(binding.scale, bound, span)
            yield from self.text(binding.offset, bound, span)
        for check in m.checks:
            yield from self.expr(check.test, set(bound), check.span or span)
        if self.types:
            yield from self.statements(m.body, bound | set(_assigned(m.body)))

    def statements(self, body: tuple[ir.Stmt, ...], bound: set[str]) -> Iterator[Unbound]:
        for s in body:
            if isinstance(s, ir.For):
                yield from self.expr(s.iterable, bound, s.span)
                yield from self.statements(s.body, bound | set(_targets(s.target)))
            elif isinstance(s, ir.If):
                yield from self.expr(s.test, bound, s.span)
                yield from self.statements(s.body, set(bound))
                yield from self.statements(s.orelse, set(bound))
            elif isinstance(s, ir.Require):
                yield from self.expr(s.test, bound, s.span)
            else:
                yield from self.expr(s.value, bound, s.span)

    def each(self, nodes: Iterable[object], bound: set[str], span: ir.Span | None) -> Iterator[Unbound]:
        for node in nodes:
            yield from self.expr(node, bound, span)

    def expr(self, node: object, bound: set[str], span: ir.Span | None) -> Iterator[Unbound]:
        """What is not bound in an expression; `bound` grows by what it leaves for what stands behind it."""
        if isinstance(node, tuple):
            for item in node:
                yield from self.expr(item, bound, span)
            return
        if not isinstance(node, ir.Node):
            return
        span = node.span or span
        if isinstance(node, ir.Expression) and node.type is not None:
            yield from self.type(node.type, bound, span)
        if isinstance(node, ir.Name):
            if node.ref in _BOUND and node.id not in bound:
                yield Unbound(node.id, span)
        elif isinstance(node, ir.Comprehension):
            yield from self.comprehension(node, bound, span)
        else:
            for key, value in node.__dict__.items():
                if key not in _PLAIN and isinstance(value, tuple | ir.Node):
                    yield from self.expr(value, bound, span)

    def comprehension(
        self, node: ir.Comprehension, bound: set[str], span: ir.Span | None
    ) -> Iterator[Unbound]:
        inner = set(bound)
        for c in node.carry:
            yield from self.expr(c.start, bound, span)
        carried = {c.name for c in node.carry}
        inner |= carried
        for g in node.generators:
            yield from self.expr(g.iterable, inner, span)
            inner.update(_targets(g.target))
            yield from self.expr(g.tests, inner, span)
        yield from self.each((node.key, node.value), inner, span)
        for c in node.carry:
            yield from self.expr(c.next, inner, span)
        bound |= carried

    # --- types ---

    def type(self, t: ir.Type, bound: set[str], span: ir.Span | None) -> Iterator[Unbound]:
        if not self.types:
            return
        if isinstance(t, ir.TensorType):
            for text in t.dims:
                yield from self.text(text, bound, span)
        elif isinstance(t, ir.TupleType):
            for item in t.items:
                yield from self.type(item, bound, span)
        elif isinstance(t, ir.ListType):
            if t.length is not None:
                yield from self.text(t.length, bound, span)
            inside = bound if t.index is None else {*bound, t.index}
            yield from self.type(t.item, inside, span)
        elif isinstance(t, ir.OptionalType):
            yield from self.type(t.base, bound, span)

    def text(self, text: str, bound: set[str], span: ir.Span | None) -> Iterator[Unbound]:
        """What is not bound in the text of a dim."""
        if text in bound or text.isdecimal():
            return
        if text.startswith("*"):
            if text[1:] not in bound:
                yield Unbound(text, span)
            return
        try:
            names = parse(text).symbols
        except (ParseError, TooLarge, Undefined):
            return
        for name in sorted(names):
            root = name.split(".")[0].split("[")[0]
            if root.isidentifier() and root not in bound:
                yield Unbound(root, span)


def _dims(m: ir.Method) -> set[str]:
    return {d.name.removeprefix("*") for d in m.dims}


def _targets(t: ir.Target) -> Iterator[str]:
    if t.name is not None:
        yield t.name
    for item in t.items or ():
        yield from _targets(item)


def _assigned(body: tuple[ir.Stmt, ...]) -> Iterator[str]:
    """The names that a body gives values, and the dims that it binds."""
    for s in body:
        if isinstance(s, ir.Assign):
            yield from _targets(s.target)
            yield from (d.name.removeprefix("*") for d in s.dims)
        elif isinstance(s, ir.For):
            yield from _assigned(s.body)
        elif isinstance(s, ir.If):
            yield from _assigned(s.body)
            yield from _assigned(s.orelse)
