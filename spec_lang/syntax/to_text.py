"""The canonical layout of a file: four spaces a level, lines up to 100 columns, comments kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from spec_lang.syntax import ast
from spec_lang.syntax.comments import Comments
from spec_lang.syntax.expressions_to_text import Expressions, quoted
from spec_lang.syntax.layout import STEP, WIDTH, Bracket, Concat, Doc, Item, flat, layout
from spec_lang.syntax.node import Node

Writer: TypeAlias = Callable[[Node, int], None]


def format_module(module: ast.Module) -> str:
    """A file's text in canonical layout; the module must have been read without errors."""
    writer = _Formatter(module)
    writer.module(module)
    return "\n".join(writer.lines) + "\n" if writer.lines else ""


class _Formatter:
    def __init__(self, module: ast.Module) -> None:
        self.comments = Comments(module)
        self.expressions = Expressions(self.comments)
        self.lines: list[str] = []

    # --- Lines ------------------------------------------------------------------------------

    def put(self, indent: int, doc: Doc, trailing: str | None = None) -> None:
        """Write a document as lines of their own."""
        pad = " " * indent
        text = pad + layout(doc, indent, indent)
        self.lines += text.split("\n")
        if trailing is not None:
            self.lines[-1] += f"  {trailing}"

    def blank(self) -> None:
        """An empty line, unless there is one, or nothing to keep apart from."""
        if self.lines and self.lines[-1] and not self.opened:
            self.lines.append("")

    @property
    def opened(self) -> bool:
        return self._opened == len(self.lines)

    _opened = 0

    def statement(self, node: Node, indent: int, doc: Doc, end: int) -> None:
        """A line with the comments inside it that found no other place above it, and the one after it."""
        above = self.comments.take(0, node.span.end)
        for comment in above:
            self.lines.append(" " * indent + comment)
        self.put(indent, doc, self.comments.trailing(node.span.end, end))

    def header(self, indent: int, doc: Doc, body: int, written: int) -> None:
        """The first line of a block; the comment beside its end stays there. `written` is where its parts end."""
        trailing = self.comments.beside(written, body)
        for comment in self.comments.take(0, written):
            self.lines.append(" " * indent + comment)
        self.put(indent, doc, trailing)
        self._opened = len(self.lines)

    def sequence(
        self, nodes: Sequence[Node], indent: int, end: int, write: Writer, apart: bool = False
    ) -> None:
        """Nodes one after the other, with the comments between them and up to `end`."""
        column = self.comments.column(nodes[0].span.start) if nodes else 0
        for number, node in enumerate(nodes):
            spaced = apart and number > 0 and (_is_section(node) or _is_section(nodes[number - 1]))
            self.leading(node.span.start, indent, spaced)
            after = nodes[number + 1].span.start if number + 1 < len(nodes) else end
            self.end = after
            write(node, indent)
        if nodes:
            for place, comment in self.comments.own_lines(0, end, column - 1):
                if self.comments.blank_before(place):
                    self.blank()
                self.lines.append(" " * indent + comment)

    def leading(self, start: int, indent: int, spaced: bool) -> None:
        """The comments above a line, and the empty lines between them; one at least where it is `spaced`."""
        for place, comment in self.comments.own_lines(0, start):
            if spaced or self.comments.blank_before(place):
                self.blank()
            spaced = False
            self.lines.append(" " * indent + comment)
        if spaced or self.comments.blank_before(start):
            self.blank()

    def doc(self, node: ast.String | None, indent: int, end: int) -> None:
        if node is not None:
            self.leading(node.span.start, indent, spaced=False)
            self.put(indent, docstring(node.text), self.comments.trailing(node.span.end, end))

    # --- File -------------------------------------------------------------------------------

    def module(self, module: ast.Module) -> None:
        end = len(self.comments.text) + 1
        start = module.definitions[0].span.start if module.definitions else end
        self.doc(module.doc, 0, start)
        if module.definitions and module.doc is not None:
            self.lines.append("")
        self.sequence(module.definitions, 0, end, self.definition, apart=True)
        for comment in self.comments.take(0, end):
            self.lines.append(comment)

    def definition(self, node: Node, indent: int) -> None:
        if isinstance(node, ast.Block):
            self.block(node)
        elif isinstance(node, ast.Function):
            self.function(node)
        elif isinstance(node, ast.Record):
            self.record(node)
        elif isinstance(node, ast.Extern):
            self.extern(node)
        elif isinstance(node, ast.Import):
            self.statement(node, 0, self._import(node), self.end)
        else:
            assert isinstance(node, ast.ConstantDef)
            self.statement(node, 0, Concat([f"{node.name.id} = ", self.value(node.value)]), self.end)

    end = 0

    def _import(self, node: ast.Import) -> Doc:
        names = [n.name.id + (f" as {n.alias.id}" if n.alias else "") for n in node.names]
        head = f"from {node.written} import "
        flat = head + ", ".join(names)
        if len(flat) <= 100 and not self.comments.any_in(node.span.start, node.span.end):
            return flat
        items, below = self.expressions.items(node.names, list(names), node.span.start, node.span.end)
        return Concat([head, Bracket("(", items, ")", below=below)])

    def block(self, node: ast.Block) -> None:
        end = self.end
        head: list[Doc] = [f"{node.kind} {node.name.id}"]
        if node.hypers or (node.alias is not None and node.hypers is not None):
            head.append(self.bracket(node.name, node.hypers, [self.hyper(h) for h in node.hypers]))
        if node.alias is not None:
            self.statement(node, 0, Concat([*head, " = ", self.expressions.expr(node.alias)]), end)
            return
        body: list[Node] = [*([node.doc] if node.doc else []), *node.parts]
        written = _last_end(node.hypers or (), node.name)
        self.header(0, Concat([*head, ":"]), body[0].span.start, written)
        self.doc(node.doc, STEP, node.parts[0].span.start if node.parts else end)
        self.sequence(node.parts, STEP, end, self.part, apart=True)

    def hyper(self, node: ast.Hyper | ast.Input) -> Doc:
        head = [f"{node.name.id}: ", self.expressions.breakable(node.type)]
        return Concat(head if node.default is None else [*head, " = ", self.expressions.expr(node.default)])

    def bracket(self, name: Node, nodes: Sequence[Node], docs: list[Doc]) -> Bracket:
        """The list in a definition's head: it fills lines under its first item, or stands one item a line."""
        if not nodes:
            return Bracket("(", [], ")")
        end = self._closing(nodes[-1].span.end)
        if not self.comments.any_in(name.span.end, end):
            return Bracket("(", [Item(doc) for doc in docs], ")", aligned=True)
        items, below = self.expressions.items(nodes, docs, name.span.end, end)
        return Bracket("(", items, ")", below=below, aligned=True)

    def _closing(self, at: int) -> int:
        """Where the bracket closes whose last item ends at a place."""
        text = self.comments.text
        while at < len(text) and text[at] != ")":
            if text[at] == "#":
                at = text.find("\n", at)
                if at == -1:
                    return len(text)
            at += 1
        return at

    def record(self, node: ast.Record) -> None:
        end = self.end
        body = node.doc or node.fields[0]
        self.header(0, f"record {node.name.id}:", body.span.start, node.name.span.end)
        self.doc(node.doc, STEP, node.fields[0].span.start)
        self.sequence(node.fields, STEP, end, self.field)

    def field(self, node: Node, indent: int) -> None:
        assert isinstance(node, ast.Hyper)
        self.statement(node, indent, self.hyper(node), self.end)

    def function(self, node: ast.Function) -> None:
        head: list[Doc] = ["fn ", *self.signature(node)]
        if node.value is not None:
            self.statement(node, 0, Concat([*head, " = ", self.expressions.expr(node.value)]), self.end)
        else:
            self.body(node, 0, head)

    def extern(self, node: ast.Extern) -> None:
        end = self.end
        origin = f" from {quoted(node.module.text)}" + (
            f" as {quoted(node.domain.text)}" if node.domain else ""
        )
        assert node.forward is not None
        if node.kind == "fn":
            self.statement(node, 0, Concat(["extern fn ", *self.signature(node.forward), origin]), end)
            return
        hypers = self.bracket(node.name, node.hypers, [self.hyper(hyper) for hyper in node.hypers])
        head = Concat([f"extern layer {node.name.id}", hypers, f"{origin}:"])
        body: list[Node] = [*([node.doc] if node.doc else []), node.forward]
        written = (node.domain or node.module).span.end
        self.header(0, head, body[0].span.start, written)
        self.doc(node.doc, STEP, node.forward.span.start)
        self.sequence([node.forward], STEP, end, self.extern_forward)

    def extern_forward(self, node: Node, indent: int) -> None:
        assert isinstance(node, ast.Method)
        self.statement(node, indent, Concat(self.signature(node)), self.end)

    # --- Parts ------------------------------------------------------------------------------

    def part(self, node: Node, indent: int) -> None:
        expr = self.expressions.expr
        if isinstance(node, ast.LayersSection):
            self.layers(node, indent)
        elif isinstance(node, ast.Method):
            self.body(node, indent, self.signature(node))
        elif isinstance(node, ast.InitSection):
            end = self.end
            self.header(indent, "init:", node.rules[0].span.start, node.span.start)
            self.sequence(node.rules, indent + STEP, end, self.init_rule)
        elif isinstance(node, ast.Require):
            self.require(node, indent)
        elif isinstance(node, ast.Let):
            self.statement(node, indent, Concat([f"let {node.name.id} = ", expr(node.value)]), self.end)
        elif isinstance(node, ast.Tie):
            doc = Concat([expr(node.left), " = ", expr(node.right)])
            if node.test is not None:
                doc = Concat(["(", doc, ") if ", expr(node.test)])
            doc = Concat(["tie ", doc])
            self.statement(node, indent, doc, self.end)
        else:
            assert isinstance(node, ast.Expect)
            self.statement(node, indent, Concat(["expect ", expr(node.test)]), self.end)

    def layers(self, node: ast.LayersSection, indent: int) -> None:
        end = self.end
        self.header(indent, "layers:", node.items[0].span.start, node.span.start)
        widths = self.widths(node.items)

        def write(item: Node, inner: int) -> None:
            if isinstance(item, ast.Layer):
                head = f"{item.name.id:<{widths[id(item)]}} = "
                self.statement(item, inner, Concat([head, self.expressions.expr(item.value)]), self.end)
            else:
                assert isinstance(item, ast.Param)
                self.statement(item, inner, self.param(item), self.end)

        self.sequence(node.items, indent + STEP, end, write)

    def widths(self, items: Sequence[ast.Layer | ast.Param]) -> dict[int, int]:
        """How wide each layer's name is written: like the longest of its group, which an empty line ends."""
        widths: dict[int, int] = {}
        group: list[ast.Layer] = []
        end = 0
        for item in items:
            if self.comments.blank_between(end, item.span.start):
                group = []
            end = item.span.end
            if isinstance(item, ast.Layer):
                group.append(item)
                width = max(len(layer.name.id) for layer in group)
                if len(group) == 1 or width > widths[id(group[0])]:
                    widths.update((id(layer), width) for layer in group)
                widths[id(item)] = width
        return widths

    def param(self, node: ast.Param) -> Doc:
        head = f"{node.kind} {node.name.id}: {self.expressions.type(node.type)}"
        if node.value is None:
            return head
        tail = "" if node.persistent else ", persistent=false"
        return Concat([f"{head} = ", self.expressions.expr(node.value), tail])

    def init_rule(self, node: Node, indent: int) -> None:
        assert isinstance(node, ast.InitRule)
        doc = Concat([self.expressions.expr(node.selector), " = ", self.expressions.expr(node.value)])
        self.statement(node, indent, doc, self.end)

    def require(self, node: ast.Require, indent: int) -> None:
        message = f", {quoted(node.message.text)}" if node.message else ""
        doc = Concat(["require ", self.expressions.expr(node.test), message])
        self.statement(node, indent, doc, self.end)

    def signature(self, node: ast.Method | ast.Function) -> list[Doc]:
        parts: list[Doc] = [node.name.id]
        parts.append(self.bracket(node.name, node.inputs, [self.hyper(input) for input in node.inputs]))
        if node.results is None:
            return parts
        docs: list[Doc] = [self.result(result) for result in node.results]
        if not node.results_tuple:
            text = flat(docs[0])
            short = text is not None and len(text) <= WIDTH // 2
            return [*parts, f" -> {text}"] if short else [*parts, " -> ", docs[0]]
        bracket = self.bracket(node.name, node.results, docs)
        bracket.aligned, bracket.columns = False, True
        return [*parts, " -> ", bracket]

    def result(self, node: ast.Result) -> Doc:
        type_ = self.expressions.breakable(node.type)
        return type_ if node.name is None else Concat([f"{node.name.id}: ", type_])

    # --- Statements -------------------------------------------------------------------------

    def body(self, node: ast.Method | ast.Function, indent: int, head: list[Doc]) -> None:
        end = self.end
        body: list[Node] = [*([node.doc] if node.doc else []), *node.body]
        written = _last_end(node.results or node.inputs, node.name)
        self.header(indent, Concat([*head, ":"]), body[0].span.start, written)
        self.doc(node.doc, indent + STEP, node.body[0].span.start)
        self.sequence(node.body, indent + STEP, end, self.line)

    def line(self, node: Node, indent: int) -> None:
        if isinstance(node, ast.Assign):
            head = self.expressions.target(node.target)
            if node.type is not None:
                head += f": {self.expressions.type(node.type)}"
            self.statement(node, indent, Concat([f"{head} = ", self.value(node.value)]), self.end)
        elif isinstance(node, ast.Append):
            self.statement(node, indent, Concat([f"{node.target.id} += ", self.value(node.value)]), self.end)
        elif isinstance(node, ast.Return):
            self.statement(node, indent, Concat(["return ", self.value(node.value)]), self.end)
        elif isinstance(node, ast.Require):
            self.require(node, indent)
        elif isinstance(node, ast.For):
            end = self.end
            head = f"for {self.expressions.target(node.target)} in "
            doc = Concat([head, self.expressions.expr(node.iterable), ":"])
            self.header(indent, doc, node.body[0].span.start, node.iterable.span.end)
            self.sequence(node.body, indent + STEP, end, self.line)
        else:
            assert isinstance(node, ast.If)
            self.branch(node, indent, "if")

    def branch(self, node: ast.If, indent: int, word: str) -> None:
        end = self.end
        doc = Concat([f"{word} ", self.expressions.expr(node.test), ":"])
        self.header(indent, doc, node.body[0].span.start, node.test.span.end)
        after = self._else_start(node) if node.orelse else end
        self.sequence(node.body, indent + STEP, after, self.line)
        if not node.orelse:
            return
        first = node.orelse[0]
        self.end = end
        if isinstance(first, ast.If) and first.is_elif:
            self.leading(first.span.start, indent, spaced=False)
            self.branch(first, indent, "elif")
            return
        self.leading(after, indent, spaced=False)
        self.header(indent, "else:", first.span.start, after)
        self.sequence(node.orelse, indent + STEP, end, self.line)

    def _else_start(self, node: ast.If) -> int:
        """Where `else` or `elif` stands."""
        first = node.orelse[0]
        if isinstance(first, ast.If) and first.is_elif:
            return first.span.start
        text, at = self.comments.text, node.body[-1].span.end
        while at < len(text) and not text.startswith("else", at):
            at = text.find("\n", at) if text[at] == "#" else at + 1
        return at

    def value(self, node: ast.Expr) -> Doc:
        """What is assigned or returned; a tuple without its parentheses where it fits a line."""
        doc = self.expressions.expr(node)
        if isinstance(node, ast.Tuple) and len(node.items) > 1 and isinstance(doc, Bracket):
            doc.optional = not any(isinstance(item, ast.Star) for item in node.items)
        return doc


def docstring(text: str) -> str:
    """A docstring in three double quotes, where that changes nothing else."""
    text = quoted(text)
    inner = text[1:-1]
    if text[:3] in ('"""', "'''") or '"' in inner or "\\" in inner or not inner:
        return text
    return f'"""{inner}"""'


def _is_section(node: Node) -> bool:
    """Whether an empty line stands around a part or definition."""
    if isinstance(node, ast.Block):
        return node.alias is None
    if isinstance(node, ast.Function):
        return node.value is None
    if isinstance(node, ast.Extern):
        return node.kind == "layer"
    return isinstance(node, ast.LayersSection | ast.Method | ast.InitSection | ast.Record)


def _last_end(nodes: Sequence[Node], name: Node) -> int:
    return nodes[-1].span.end if nodes else name.span.end
