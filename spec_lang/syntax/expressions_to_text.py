"""Expressions and types to text that can be laid out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from spec_lang.diagnostics import Span
from spec_lang.syntax import ast
from spec_lang.syntax.comments import Comments
from spec_lang.syntax.layout import Bracket, Chain, Concat, Doc, Item, Operation, flat
from spec_lang.syntax.node import Node

# How tightly each form binds, as in Python.
(
    _ARROW,
    _CHOICE,
    _OR,
    _AND,
    _NOT,
    _COMPARE,
    _BIT_OR,
    _BIT_XOR,
    _BIT_AND,
    _SHIFT,
    _SUM,
    _TERM,
    _UNARY,
    _POWER,
    _ATOM,
) = range(15)
_BINARY = {
    "or": _OR,
    "and": _AND,
    "|": _BIT_OR,
    "^": _BIT_XOR,
    "&": _BIT_AND,
    "<<": _SHIFT,
    ">>": _SHIFT,
    "+": _SUM,
    "-": _SUM,
    "*": _TERM,
    "/": _TERM,
    "//": _TERM,
    "%": _TERM,
    "@": _TERM,
    "**": _POWER,
}
_CONSTANTS = {True: "true", False: "false", None: "none"}


def level(node: ast.Expr) -> int:
    """How tightly a form binds."""
    if isinstance(node, ast.Binary):
        return _BINARY[node.op]
    if isinstance(node, ast.Unary):
        return _NOT if node.op == "not" else _UNARY
    if isinstance(node, ast.Compare):
        return _COMPARE
    if isinstance(node, ast.IfExp):
        return _CHOICE
    return _ARROW if isinstance(node, ast.Arrow) else _ATOM


def quoted(text: str) -> str:
    """A string literal with double quotes, where that changes nothing else."""
    prefix = "f" if text.startswith("f") else ""
    body = text[len(prefix) :]
    for single, double in (("'''", '"""'), ("'", '"')):
        if body.startswith(single):
            inner = body[len(single) : -len(single)]
            if '"' in inner or "\\" in inner:
                return text
            return f"{prefix}{double}{inner}{double}"
    return text


class Expressions:
    """Makes documents of expressions and types, with the comments that stand inside them."""

    def __init__(self, comments: Comments) -> None:
        self.comments = comments

    # --- Lists of things --------------------------------------------------------------------

    def items(
        self, nodes: Sequence[Node], docs: Sequence[Doc], start: int, end: int
    ) -> tuple[list[Item], list[str]]:
        """Parts of a bracket with their comments, and those after the last; the bracket stands from `start` to `end`."""
        items: list[Item] = []
        for number, (node, doc) in enumerate(zip(nodes, docs, strict=True)):
            after = nodes[number + 1].span.start if number + 1 < len(nodes) else end
            above = self.comments.take(start, node.span.end)
            trailing = self.comments.trailing(node.span.end, after)
            items.append(Item(doc, above, trailing))
        return items, self.comments.take(start, end)

    def bracket(
        self, span: Span, open: str, nodes: Sequence[Node], docs: Sequence[Doc], close: str, glue: str = ", "
    ) -> Bracket:
        """A bracket that ends where `span` does."""
        if not self.comments.any_in(span.start, span.end):
            return Bracket(open, [Item(doc) for doc in docs], close, glue)
        items, below = self.items(nodes, docs, span.start, span.end)
        return Bracket(open, items, close, glue, below=below)

    # --- Expressions ------------------------------------------------------------------------

    def expr(self, node: ast.Expr, least: int = _ARROW, operand: bool = False) -> Doc:
        """An expression; in parentheses where it binds less than it must, or where an operand had them."""
        doc = self._bare(node)
        bound = level(node)
        if bound < least or (operand and bound < _POWER and _was_grouped(node)):
            if isinstance(doc, Operation):
                doc.grouped = True
                return doc
            return Bracket("(", [Item(doc)], ")", "")
        return doc

    def text(self, node: ast.Expr, least: int = _ARROW) -> str:
        """An expression on one line, without its comments."""
        return flat(Expressions(_NO_COMMENTS).expr(node, least)) or ""

    def _bare(self, node: ast.Expr) -> Doc:
        return _FORMS[type(node)](self, node)

    def _star(self, node: ast.Star) -> Doc:
        return Concat(["*", self.expr(node.value, _BIT_OR)])

    def _unary(self, node: ast.Unary) -> Doc:
        operator = "not " if node.op == "not" else node.op
        return Concat([operator, self.expr(node.operand, level(node), operand=True)])

    def _attribute(self, node: ast.Attribute) -> Doc:
        owner = self.expr(node.value, _ATOM)
        if isinstance(node.value, ast.Number):
            owner = Concat(["(", owner, ")"])  # `1.x` reads as the number `1.`, then `x`
        return Concat([owner, f".{node.name}"])

    def _compare(self, node: ast.Compare) -> Doc:
        parts: list[Doc] = [self.expr(node.first, _BIT_OR, operand=True)]
        for op, value in node.rest:
            parts += [op, self.expr(value, _BIT_OR, operand=True)]
        return Operation(parts)

    def _call(self, node: ast.Call) -> Doc:
        func = self.expr(node.func, _ATOM)
        docs = [self._argument(arg) for arg in node.args]
        start = Span(node.func.span.end, node.span.end)
        return Concat([func, self.bracket(start, "(", node.args, docs, ")")])

    def _subscript(self, node: ast.Subscript) -> Doc:
        owner = self.expr(node.value, _ATOM)
        docs = [self.expr(index) for index in node.index]
        start = Span(node.value.span.end, node.span.end)
        return Concat([owner, self.bracket(start, "[", node.index, docs, "]")])

    def _tuple(self, node: ast.Tuple) -> Doc:
        docs = [self.expr(item) for item in node.items]
        bracket = self.bracket(node.span, "(", node.items, docs, ")")
        bracket.lone_comma = len(docs) == 1
        return bracket

    def _list(self, node: ast.List) -> Doc:
        docs = [self.expr(item) for item in node.items]
        return self.bracket(node.span, "[", node.items, docs, "]")

    def _dict(self, node: ast.Dict) -> Doc:
        docs = [self._dict_item(item) for item in node.items]
        return self.bracket(node.span, "{", node.items, docs, "}")

    def _comprehension(self, node: ast.Comprehension) -> Doc:
        keyed = node.key is not None
        value: Doc
        if isinstance(node.value, ast.Star) and isinstance(node.value.value, ast.Dict):
            keyed, value = True, Concat(["**", self.expr(node.value.value)])
        else:
            value = self.expr(node.value)
        if node.key is not None:
            value = Concat([self.expr(node.key), ": ", value])
        docs = [value, *(self._clause(clause) for clause in node.generators)]
        nodes = [node.value, *node.generators]
        open, close = "{}" if keyed else "[]"
        return self.bracket(node.span, open, nodes, docs, close, " ")

    def _binary(self, node: ast.Binary) -> Doc:
        bound = _BINARY[node.op]
        if node.op == "**":
            left, right = (
                self.expr(node.left, _ATOM, operand=True),
                self.expr(node.right, _UNARY, operand=True),
            )
            if _is_simple(node.left) and _is_simple(node.right):
                return Concat([left, "**", right])
            return Operation([left, "**", right])
        # A chain of one precedence is one operation, so that it breaks evenly; the left side is walked, not recursed into.
        rest: list[Doc] = []
        first: ast.Expr = node
        while (
            isinstance(first, ast.Binary)
            and _BINARY[first.op] == bound
            and (first is node or not _was_grouped(first))
        ):
            rest += [self.expr(first.right, bound + 1, operand=True), first.op]
            first = first.left
        return Operation([self.expr(first, bound, operand=True), *reversed(rest)])

    def _choice(self, node: ast.IfExp) -> Doc:
        parts: list[Doc] = []
        last: ast.Expr = node
        while isinstance(last, ast.IfExp):
            parts += [self.expr(last.body, _OR), "if", self.expr(last.test, _OR), "else"]
            last = last.orelse
        return Operation([*parts, self.expr(last, _CHOICE)])

    def _arrow(self, node: ast.Arrow) -> Doc:
        stages: list[ast.Expr] = []
        head: ast.Expr = node
        while isinstance(head, ast.Arrow):
            stages.append(head.stage)
            head = head.value
        nodes = [head, *reversed(stages)]
        docs = [self.expr(part, _ATOM) for part in nodes]
        if not self.comments.any_in(node.span.start, node.span.end):
            return Chain([Item(doc) for doc in docs])
        items: list[Item] = []
        for number, (part, doc) in enumerate(zip(nodes, docs, strict=True)):
            last = number == len(nodes) - 1
            above = self.comments.take(node.span.start, part.span.end) if number else []
            items.append(Item(doc, above, None if last else self._between(part, nodes[number + 1])))
        return Chain(items)

    def _between(self, part: Node, after: Node) -> str | None:
        return self.comments.trailing(part.span.end, after.span.start)

    def _argument(self, node: ast.Argument) -> Doc:
        if node.star:
            return Concat([node.star, self.expr(node.value, _BIT_OR)])
        value = self.expr(node.value)
        return value if node.name is None else Concat([f"{node.name}=", value])

    def _dict_item(self, node: ast.DictItem) -> Doc:
        if node.key is None:
            return Concat(["**", self.expr(node.value, _BIT_OR)])
        return Concat([self.expr(node.key), ": ", self.expr(node.value)])

    def _clause(self, node: ast.Generator) -> Doc:
        parts: list[Doc] = ["for ", self.target(node.target), " in ", self.expr(node.iterable, _OR)]
        for test in node.tests:
            parts += [" if ", self.expr(test, _OR)]
        return Concat(parts)

    def _slice(self, node: ast.Slice) -> Doc:
        parts: list[Doc] = []
        if node.start is not None:
            parts.append(self.expr(node.start, _CHOICE))
        parts.append(":")
        if node.stop is not None:
            parts.append(self.expr(node.stop, _CHOICE))
        if node.step is not None:
            parts += [":", self.expr(node.step, _CHOICE)]
        return Concat(parts)

    def target(self, node: ast.Target, nested: bool = False) -> str:
        """What stands on the left of `=`, or after `for`."""
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Hole):
            return "_"
        inner = ", ".join(self.target(item, nested=True) for item in node.items)
        return f"({inner})" if nested else inner

    # --- Types ------------------------------------------------------------------------------

    def breakable(self, node: ast.Type) -> Doc:
        """A type in a definition's head: what stands between brackets may go on lines of its own."""
        if isinstance(node, ast.TensorType) and node.dims:
            return Bracket(f"{node.dtype}[", [Item(self._dim(dim)) for dim in node.dims], "]")
        if isinstance(node, ast.TupleType):
            items = [Item(self.breakable(item)) for item in node.items]
            return Bracket("(", items, ")", lone_comma=len(items) == 1)
        if isinstance(node, ast.TensorListType):
            return Bracket("[", [Item(self.breakable(node.item)), Item(self._each(node))], "]", " ")
        if isinstance(node, ast.OptionalType) and not isinstance(
            node.base, ast.OptionalType | ast.ChoiceType
        ):
            return Concat([self.breakable(node.base), "?"])
        return self.type(node)

    def _each(self, node: ast.TensorListType) -> str:
        clause = node.generator
        return f"for {self.target(clause.target)} in {self.text(clause.iterable, _OR)}"

    def type(self, node: ast.Type | ast.String, alone: bool = True) -> str:
        """A type on one line; not `alone` among the options of a choice."""
        if isinstance(node, ast.String):
            return quoted(node.text)
        if isinstance(node, ast.NamedType):
            return node.name
        if isinstance(node, ast.TensorType):
            return f"{node.dtype}[{', '.join(self._dim(dim) for dim in node.dims)}]"
        if isinstance(node, ast.BoundedType):
            return f"{node.base.name} {node.op} {self.text(node.bound, _SUM)}"
        if isinstance(node, ast.ListType):
            return f"list[{self.type(node.item)}]"
        if isinstance(node, ast.TupleType):
            inner = ", ".join(self.type(item) for item in node.items)
            return f"({inner},)" if len(node.items) == 1 else f"({inner})"
        if isinstance(node, ast.TensorListType):
            return f"[{self.type(node.item)} {self._each(node)}]"
        if isinstance(node, ast.OptionalType):
            inner = f"{self.type(node.base, alone=not isinstance(node.base, ast.OptionalType))}?"
        else:
            inner = " | ".join(self.type(option, alone=False) for option in node.options)
        return inner if alone else f"({inner})"

    def _dim(self, node: ast.Expr) -> str:
        return flat(_Dims(_NO_COMMENTS).expr(node)) or ""


_FORMS: dict[type[Node], Callable[[Expressions, Any], Doc]] = {
    ast.Name: lambda _, node: node.id,
    ast.Number: lambda _, node: node.text,
    ast.String: lambda _, node: quoted(node.text),
    ast.FString: lambda _, node: quoted(node.text),
    ast.Constant: lambda _, node: _CONSTANTS[node.value],
    ast.Hole: lambda _, node: "_",
    ast.Ellipsis: lambda _, node: "...",
    ast.Star: Expressions._star,
    ast.Unary: Expressions._unary,
    ast.Binary: lambda writer, node: writer._binary(node),
    ast.Compare: Expressions._compare,
    ast.IfExp: Expressions._choice,
    ast.Arrow: Expressions._arrow,
    ast.Attribute: Expressions._attribute,
    ast.Call: Expressions._call,
    ast.Subscript: Expressions._subscript,
    ast.Slice: Expressions._slice,
    ast.Tuple: Expressions._tuple,
    ast.List: Expressions._list,
    ast.Dict: Expressions._dict,
    ast.Comprehension: Expressions._comprehension,
}


class _Dims(Expressions):
    """Dims are written closer: `16*h`, `(H - 1)//2 + 1`."""

    def _binary(self, node: ast.Binary) -> Doc:
        scaled = node.op == "*" and isinstance(node.left, ast.Number) and isinstance(node.right, ast.Name)
        if node.op != "//" and not scaled:
            return super()._binary(node)
        left = self.expr(node.left, _TERM, operand=True)
        return Concat([left, node.op, self.expr(node.right, _UNARY, operand=True)])


def _was_grouped(node: ast.Expr) -> bool:
    """Whether the author put an operation in parentheses: then its place begins before its first operand's."""
    if isinstance(node, ast.Binary):
        return node.span.start < node.left.span.start
    if isinstance(node, ast.Compare):
        return node.span.start < node.first.span.start
    return False


def _is_simple(node: ast.Expr) -> bool:
    """Whether `**` stands close to an operand."""
    if isinstance(node, ast.Unary) and node.op == "-":
        node = node.operand
    return isinstance(node, ast.Name | ast.Number | ast.Attribute)


class _None(Comments):
    """No comments, whatever the place."""

    def __init__(self) -> None:
        self.text = ""
        self.starts = []
        self.texts = []
        self.taken = []


_NO_COMMENTS = _None()
