"""What each name of a file stands for, and where else it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from spec_lang.diagnostics import Span
from spec_lang.frozen import Record
from spec_lang.ir.from_ast.definitions.checked import Checked
from spec_lang.lsp.pieces import Text
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import children, walk


class Symbol(Record):
    """What a name stands for.

    Attributes:
        kind: `definition`, `hyper`, `let`, `member`, `method`, `dim`, `field`, `local`, `loop`, or `library`.
        name: As it is called where it is defined.
        file: The source's name of the file that defines it; empty for the library's.
        owner: The definition that it is of; empty for definitions.
        scope: The method or comprehension that a local is of, by its number; -1 for others.
    """

    kind: str
    name: str
    file: str = ""
    owner: str = ""
    scope: int = -1


class Occurrence(NamedTuple):
    """A name at a place, which counts from its definition's source."""

    span: Span
    symbol: Symbol
    binds: bool


class Names:
    """The names of one file: `imported` gives the files that its imports mean, by what is written."""

    def __init__(self, text: Text, imported: dict[str, Text]) -> None:
        self.text = text
        self.globals: dict[str, Symbol] = {}
        self.defined: dict[Symbol, ast.Definition] = {}
        file = text.source.name
        for node in text.definitions():
            if isinstance(node, ast.Import):
                there = imported.get(node.written)
                for item in node.names:
                    local = (item.alias or item.name).id
                    if there is not None:
                        self.globals[local] = Symbol("definition", item.name.id, there.source.name)
            else:
                symbol = Symbol("definition", node.name.id, file)
                self.globals[node.name.id] = symbol
                self.defined[symbol] = node
        for there in imported.values():
            for node in there.definitions():
                if not isinstance(node, ast.Import):
                    self.defined[Symbol("definition", node.name.id, there.source.name)] = node

    def occurrences(self, node: ast.Definition, checked: Checked | None = None) -> Iterator[Occurrence]:
        """Each name of a definition."""
        if isinstance(node, ast.Import):
            for item in node.names:
                symbol = self.globals.get((item.alias or item.name).id)
                if symbol is not None:
                    yield Occurrence(item.name.span, symbol, False)
                    if item.alias is not None:
                        yield Occurrence(item.alias.span, symbol, False)
            return
        yield from _Walker(self, node, checked).run()


class _Walker:
    """Goes over one definition with what its names mean where it stands."""

    def __init__(self, names: Names, node: ast.Definition, checked: Checked | None) -> None:
        assert not isinstance(node, ast.Import)
        self.names = names
        self.node = node
        self.checked = checked
        self.file = names.text.source.name
        self.own = _own(node, self.file, names)
        self.written = _written(node)
        """The types of hyperparameters and inputs, and the values of lets, by their names."""

    def run(self) -> Iterator[Occurrence]:
        node = self.node
        assert not isinstance(node, ast.Import)
        yield Occurrence(node.name.span, Symbol("definition", node.name.id, self.file), True)
        if isinstance(node, ast.Function):
            yield from self.method(node, top=True)
            return
        for child in children(node):
            if child is not node.name:
                yield from self.part(child)

    def symbol(self, kind: str, name: str, scope: int = -1) -> Symbol:
        assert not isinstance(self.node, ast.Import)
        return Symbol(kind, name, self.file, self.node.name.id, scope)

    def part(self, node: Node) -> Iterator[Occurrence]:
        if isinstance(node, ast.Hyper):
            kind = "field" if isinstance(self.node, ast.Record) else "hyper"
            yield Occurrence(node.name.span, self.symbol(kind, node.name.id), True)
            yield from self.inside(node, {}, skip=node.name)
        elif isinstance(node, ast.LayersSection):
            for item in node.items:
                yield Occurrence(item.name.span, self.symbol("member", item.name.id), True)
                yield from self.inside(item, {}, skip=item.name)
        elif isinstance(node, ast.Let):
            yield Occurrence(node.name.span, self.symbol("let", node.name.id), True)
            yield from self.inside(node, {}, skip=node.name)
        elif isinstance(node, ast.Method):
            yield from self.method(node)
        elif isinstance(node, Node):
            yield from self.inside(node, {})

    def method(self, node: ast.Method | ast.Function, top: bool = False) -> Iterator[Occurrence]:
        if not top:
            yield Occurrence(node.name.span, self.symbol("method", node.name.id), True)
        bound = {i.name.id for i in node.inputs}
        bound |= {
            n.id
            for statement in node.body
            for a in walk(statement)
            if isinstance(a, ast.Assign | ast.For)
            for n in walk(a.target)
            if isinstance(n, ast.Name)
        }
        scope = {name: self.symbol("local", name, node.number) for name in bound}
        for item in node.inputs:
            yield Occurrence(item.name.span, scope[item.name.id], True)
            yield from self.inside(item, scope, skip=item.name)
        for result in node.results or ():
            yield from self.inside(result, scope, skip=result.name)
        for statement in node.body:
            yield from self.inside(statement, scope)
        if isinstance(node, ast.Function) and node.value is not None:
            yield from self.inside(node.value, scope)

    def inside(self, node: Node, scope: dict[str, Symbol], skip: Node | None = None) -> Iterator[Occurrence]:
        """The names below a node, with locals."""
        if isinstance(node, ast.Name):
            found = self.meaning(node, scope)
            if found is not None:
                yield Occurrence(node.span, found, False)
            return
        if isinstance(node, ast.NamedType):
            if (found := self.names.globals.get(node.name)) is not None:
                yield Occurrence(node.span, found, False)
            return
        if isinstance(node, ast.Assign | ast.For):
            for name in walk(node.target):
                if isinstance(name, ast.Name) and name.id in scope:
                    yield Occurrence(name.span, scope[name.id], True)
            skip = node.target
        elif isinstance(node, ast.Comprehension | ast.TensorListType):
            generators = node.generators if isinstance(node, ast.Comprehension) else (node.generator,)
            scope = dict(scope)
            for generator in generators:
                for name in walk(generator.target):
                    if isinstance(name, ast.Name):
                        scope[name.id] = self.symbol("loop", name.id, node.number)
                        yield Occurrence(name.span, scope[name.id], True)
        elif isinstance(node, ast.Generator):
            skip = node.target
        elif isinstance(node, ast.Call):
            yield from self.keywords(node, scope)
        elif isinstance(node, ast.Attribute) and (field := self.field(node, scope)) is not None:
            yield Occurrence(node.name_span, field, False)
        for child in children(node):
            if child is not skip:
                yield from self.inside(child, scope)

    def keywords(self, node: ast.Call, scope: dict[str, Symbol]) -> Iterator[Occurrence]:
        """The names of arguments, where what is called is a definition that has such hyperparameters."""
        func = node.func
        target = self.meaning(func, scope) if isinstance(func, ast.Name) else None
        definition = None if target is None else self.names.defined.get(target)
        if target is None or not isinstance(definition, ast.Block | ast.Record | ast.Extern):
            return
        kind = "field" if isinstance(definition, ast.Record) else "hyper"
        fields = definition.fields if isinstance(definition, ast.Record) else definition.hypers or ()
        named = {h.name.id for h in fields}
        for argument in node.args:
            if argument.name in named:
                place = argument.span.start
                span = Span(place, place + len(argument.name))
                yield Occurrence(span, Symbol(kind, argument.name, target.file, target.name), False)

    def field(self, node: ast.Attribute, scope: dict[str, Symbol]) -> Symbol | None:
        """The field of a record that follows a dot."""
        record = self.record(node.value, scope)
        if record is None or node.name not in {f.name.id for f in record[1].fields}:
            return None
        return Symbol("field", node.name, record[0].file, record[0].name)

    def record(self, node: Node, scope: dict[str, Symbol]) -> tuple[Symbol, ast.Record] | None:
        """The record that an expression is of, by the types and values that are written."""
        if isinstance(node, ast.Name):
            symbol = self.meaning(node, scope)
            if symbol is None or symbol.kind not in ("hyper", "let", "local", "definition"):
                return None
            written = self.written.get(symbol.name) if symbol.kind != "definition" else None
            if symbol.kind == "definition" and isinstance(
                there := self.names.defined.get(symbol), ast.ConstantDef
            ):
                return self.record(there.value, {})
            return None if written is None else self.typed(written, scope)
        if isinstance(node, ast.Attribute):
            found = self.record(node.value, scope)
            fields = () if found is None else found[1].fields
            kept = next((f.type for f in fields if f.name.id == node.name), None)
            if found is None or not isinstance(kept, ast.NamedType):
                return None
            return self.defined_record(Symbol("definition", kept.name, found[0].file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = self.meaning(node.func, scope)
            return self.defined_record(called)
        return None

    def typed(self, written: Node, scope: dict[str, Symbol]) -> tuple[Symbol, ast.Record] | None:
        """The record that a type names, or an expression gives."""
        if isinstance(written, ast.NamedType):
            return self.defined_record(self.names.globals.get(written.name))
        return self.record(written, scope)

    def defined_record(self, symbol: Symbol | None) -> tuple[Symbol, ast.Record] | None:
        definition = None if symbol is None else self.names.defined.get(symbol)
        return (symbol, definition) if symbol is not None and isinstance(definition, ast.Record) else None

    def meaning(self, node: ast.Name, scope: dict[str, Symbol]) -> Symbol | None:
        name = node.id
        ref = None if self.checked is None else self.checked.notes.refs.get(node.number)
        if name in scope and ref not in ("layer", "param"):
            return scope[name]
        if name in self.own:
            return self.own[name]
        if name in self.names.globals:
            return self.names.globals[name]
        return Symbol("library", name) if is_library(name) else None


def _written(node: ast.Definition) -> dict[str, Node]:
    parts = [p for p in walk(node) if isinstance(p, ast.Hyper | ast.Input)]
    found: dict[str, Node] = {p.name.id: p.type for p in parts}
    return found | {p.name.id: p.value for p in walk(node) if isinstance(p, ast.Let)}


def _own(node: ast.Definition, file: str, names: Names) -> dict[str, Symbol]:
    """What the names of a definition's own tables stand for, those that hide others first."""
    assert not isinstance(node, ast.Import)
    owner = node.name.id
    parts: tuple[object, ...] = getattr(node, "parts", ()) or ()
    methods = [p for p in (*parts, node) if isinstance(p, ast.Method | ast.Function)]
    forward = getattr(node, "forward", None)
    methods += [] if forward is None else [forward]
    found: dict[str, Symbol] = {}
    for part in parts:
        if isinstance(part, ast.Method):
            found[part.name.id] = Symbol("method", part.name.id, file, owner)
    hypers = {h.name.id for h in getattr(node, "hypers", None) or ()}
    lets = {p.name.id for p in parts if isinstance(p, ast.Let)}
    types: list[Node | None] = [i.type for m in methods for i in m.inputs]
    types += [getattr(node, "takes", None)]
    known = hypers | lets | names.globals.keys()
    for written in types:
        for tensor in () if written is None else walk(written):
            if isinstance(tensor, ast.TensorType):
                dims = (n.id for n in walk(tensor) if isinstance(n, ast.Name) and n.id not in known)
                found |= {name: Symbol("dim", name, file, owner) for name in dims}
    found |= {name: Symbol("let", name, file, owner) for name in lets}
    found |= {name: Symbol("hyper", name, file, owner) for name in hypers}
    for part in parts:
        if isinstance(part, ast.LayersSection):
            found |= {i.name.id: Symbol("member", i.name.id, file, owner) for i in part.items}
    return found


def is_library(name: str) -> bool:
    from spec_lang.ir.builtins import CONSTANTS, FUNCTIONS, MAKERS
    from spec_lang.ops import base

    return (
        name in base.LAYERS
        or name in base.FUNCTIONS
        or name in FUNCTIONS
        or name in CONSTANTS
        or name in MAKERS
    )
