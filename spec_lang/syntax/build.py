"""What each rule of the grammar makes: one method a rule (or alias), called as the parser reduces it.

A method takes the rule's symbols in order, punctuation included: tokens, nodes, or lists of nodes.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.syntax import ast
from spec_lang.syntax.limits import DIGITS
from spec_lang.syntax.node import DefinitionNode, Node
from spec_lang.syntax.strings import fstring_mistake, fstring_pieces, string_value
from spec_lang.syntax.token import Token, place

Values = list[Any]
N = TypeVar("N", bound=Node)
D = TypeVar("D", bound=DefinitionNode)


def _is_container(e: ast.Expr | None) -> bool:
    """Whether an expression constructs the container that a block may be."""
    return isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and e.func.id == "Sequential"


class ModulePath(NamedTuple):
    """A module to import from, on its way into its import: the dots before it, and its names."""

    level: int
    names: list[ast.Name]


class Doc(Node):
    """A docstring's line, on its way into its definition."""

    value: ast.String


class Suite(Node):
    """What a block's `:` or `=` brings."""

    hypers: tuple[ast.Hyper, ...] | None
    doc: ast.String | None
    parts: tuple[ast.Part, ...]
    alias: ast.Expr | None
    takes: ast.Type | None = None


class Signature(Node):
    inputs: tuple[ast.Input, ...]
    results: tuple[ast.Result, ...] | None
    results_tuple: bool


class Results(Node):
    items: tuple[ast.Result, ...]
    written_tuple: bool


class Origin(Node):
    module: ast.String
    domain: ast.String | None


def _start(value: Any) -> int:
    return value.start if type(value) is Token else value.span.start


def _end(value: Any) -> int:
    return value.end if type(value) is Token else value.span.end


def _span(values: Values) -> Span:
    first, last = values[0], values[-1]
    start = first.start if type(first) is Token else first.span.start
    return place((start, last.end if type(last) is Token else last.span.end))


def _between(start: Token, end: Any) -> Span:
    return place((start.start, end.end if type(end) is Token else end.span.end))


def _widen(node: Any, first: Token, last: Token) -> Any:
    """Give a node in parentheses the place of its parentheses; it was just made, so nobody else holds it."""
    node.__dict__["span"] = Span(first.start, last.end)
    return node


def _string(token: Token) -> ast.String:
    return ast.String(token.span, string_value(token.text), token.text)


class Builder:
    """Makes the tree of one file.

    Attributes:
        numbers: The number of the next node; a definition's nodes are made one after the other, then itself.
    """

    def __init__(self, source: Source, numbers: int = 0) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []
        self.numbers = numbers

    def new(self, node: N) -> N:
        """Number a node of a definition."""
        number = self.numbers
        node.__dict__["number"] = number
        self.numbers = number + 1
        return node

    def defined(self, node: D) -> D:
        """Number a definition, the last of its nodes."""
        node.__dict__["number"] = self.numbers
        node.__dict__["numbers"] = self.numbers + 1
        self.numbers = 0
        return node

    def _name(self, token: Token) -> ast.Name:
        return self.new(ast.Name(token.span, token.text))

    def _doc(self, values: Values) -> ast.String | None:
        for value in values:
            if type(value) is Doc:
                return self.new(value.value)
        return None

    def error(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        """Report what the grammar alone cannot refuse."""
        self.diagnostics.append(Diagnostic(code, message, Label(self.source, span), help=help))

    # --- Lists -----------------------------------------------------------------------------

    def first(self, v: Values) -> Values:
        return v

    def append(self, v: Values) -> Values:
        v[0].append(v[1])
        return v[0]  # type: ignore[no-any-return]

    def more(self, v: Values) -> Values:
        v[0].append(v[2])
        return v[0]  # type: ignore[no-any-return]

    def pair(self, v: Values) -> Values:
        return [v[0], v[2]]

    def listed(self, v: Values) -> Values:
        if isinstance(v[0][0], ast.Hyper | ast.Input):
            self._defaults_last(v[0])
        return v[0]  # type: ignore[no-any-return]

    def _defaults_last(self, items: Values) -> None:
        """Hold what has no default to stand before what has one: as in Python, a call gives values in this order."""
        earlier = None
        for item in items:
            if item.default is not None:
                earlier = item.name.id
            elif earlier is not None:
                name = item.name.id
                help = f"give `{name}` a default, or put it before `{earlier}`"
                self.error(
                    "E0111", f"`{name}` needs a default, as `{earlier}` before it has one", item.span, help
                )

    import_names = parts = requires = fields = hyper_list = layer_items = init_rules = input_list = (
        result_list
    ) = first
    statements = dim_list = pairs = clauses = index_list = arg_list = first

    def empty(self, v: Values) -> Values:
        return v

    hypers = inputs = dims = args = orelse = empty

    # --- Definitions -----------------------------------------------------------------------

    def module(self, v: Values) -> ast.Module:
        doc = v[0].value if v and type(v[0]) is Doc else None
        definitions = tuple(v[-1]) if v and type(v[-1]) is list else ()
        return ast.Module(Span(0, len(self.source.text)), self.source, doc, definitions)

    def doc(self, v: Values) -> Doc:
        return Doc(v[0].span, _string(v[0]))

    def module_path(self, v: Values) -> ModulePath:
        return ModulePath(0, [self._name(v[0])])

    def relative_path(self, v: Values) -> ModulePath:
        return ModulePath(v[0], [self._name(v[1])])

    def more_dotted(self, v: Values) -> ModulePath:
        v[0].names.append(self._name(v[2]))
        return v[0]  # type: ignore[no-any-return]

    def parents(self, v: Values) -> int:
        return len(v[0].text)

    def more_parents(self, v: Values) -> int:
        return v[0] + len(v[1].text)  # type: ignore[no-any-return]

    def import_(self, v: Values) -> ast.Import:
        path: ModulePath = v[1]
        return self.defined(ast.Import(_between(v[0], v[3][-1]), tuple(path.names), tuple(v[3]), path.level))

    def import_group(self, v: Values) -> ast.Import:
        path: ModulePath = v[1]
        return self.defined(ast.Import(_between(v[0], v[-2]), tuple(path.names), tuple(v[4]), path.level))

    def import_name(self, v: Values) -> ast.ImportName:
        return self.new(ast.ImportName(_span(v), self._name(v[0]), self._name(v[2]) if len(v) == 3 else None))

    def constant(self, v: Values) -> ast.ConstantDef:
        return self.defined(ast.ConstantDef(_between(v[0], v[2]), self._name(v[0]), v[2]))

    def record(self, v: Values) -> ast.Record:
        self._defaults_last(v[-2])
        return self.defined(ast.Record(_span(v), self._name(v[1]), self._doc(v[5:6]), tuple(v[-2])))

    def field(self, v: Values) -> ast.Hyper:
        return self.hyper(v[:-1])

    def hyper(self, v: Values) -> ast.Hyper:
        return self.new(ast.Hyper(_span(v), self._name(v[0]), v[2], v[4] if len(v) == 5 else None))

    def _block(self, kind: str, v: Values) -> ast.Block:
        body: Suite = v[2]
        hypers = body.hypers
        if kind == "block" and hypers is None and _is_container(body.alias):
            hypers = ()  # what is no definition of a spec has no variants
        return self.defined(
            ast.Block(
                Span(v[0].start, body.span.end),
                kind,
                self._name(v[1]),
                hypers,
                body.doc,
                body.parts,
                body.alias,
                body.takes,
            )
        )

    def model(self, v: Values) -> ast.Block:
        return self._block("model", v)

    def block(self, v: Values) -> ast.Block:
        return self._block("block", v)

    def block_body(self, v: Values) -> Suite:
        suite: Suite = v[4]
        return Suite(_span(v), tuple(v[1]), suite.doc, suite.parts, None)

    def bare_body(self, v: Values) -> Suite:
        suite: Suite = v[1]
        return Suite(_span(v), (), suite.doc, suite.parts, None)

    def alias_body(self, v: Values) -> Suite:
        return Suite(_span(v), tuple(v[1]), None, (), v[5], v[3])

    def stated_body(self, v: Values) -> Suite:
        span = Span(v[0].start, _end(v[-2][-1]))
        return Suite(span, tuple(v[1]), self._doc(v[9:10]), tuple(v[-2]), v[5], v[3])

    def taken(self, v: Values) -> ast.Type | None:
        return v[1] if v else None

    def variant_body(self, v: Values) -> Suite:
        return Suite(_span(v), None, None, (), v[1])

    def suite(self, v: Values) -> Suite:
        parts = v[-2]
        return Suite(Span(v[1].start, _end(parts[-1])), (), self._doc(v[2:3]), tuple(parts), None)

    def doc_suite(self, v: Values) -> Suite:
        return Suite(Span(v[1].start, v[2].span.end), (), self._doc(v[2:3]), (), None)

    def value_function(self, v: Values) -> ast.Function:
        sig: Signature = v[2]
        span = _between(v[0], v[4])
        return self.defined(
            ast.Function(span, self._name(v[1]), sig.inputs, sig.results, None, (), v[4], sig.results_tuple)
        )

    def function(self, v: Values) -> ast.Function:
        sig: Signature = v[2]
        doc, body = v[4]
        span = _between(v[0], body[-1])
        return self.defined(
            ast.Function(span, self._name(v[1]), sig.inputs, sig.results, doc, body, None, sig.results_tuple)
        )

    def origin(self, v: Values) -> Origin:
        return Origin(_span(v), self.string(v[1:2]), self.string(v[3:4]) if len(v) == 4 else None)

    def extern_layer(self, v: Values) -> ast.Extern:
        forward: ast.Method = v[-2]
        origin: Origin = v[6]
        return self.defined(
            ast.Extern(
                _between(v[0], forward),
                "layer",
                self._name(v[2]),
                tuple(v[4]),
                origin.module,
                origin.domain,
                self._doc(v[-3:-2]),
                forward,
            )
        )

    def extern_fn(self, v: Values) -> ast.Extern:
        sig: Signature = v[3]
        origin: Origin = v[4]
        name = self._name(v[2])
        forward = self.new(
            ast.Method(
                Span(name.span.start, sig.span.end),
                name,
                sig.inputs,
                sig.results,
                None,
                (),
                sig.results_tuple,
            )
        )
        return self.defined(
            ast.Extern(
                _between(v[0], origin),
                "fn",
                self._name(v[2]),
                (),
                origin.module,
                origin.domain,
                None,
                forward,
            )
        )

    def extern_forward(self, v: Values) -> ast.Method:
        sig: Signature = v[1]
        return self.new(
            ast.Method(
                _between(v[0], sig), self._name(v[0]), sig.inputs, sig.results, None, (), sig.results_tuple
            )
        )

    # --- Parts of a block ------------------------------------------------------------------

    def let(self, v: Values) -> ast.Let:
        return self.new(ast.Let(_between(v[0], v[3]), self._name(v[1]), v[3]))

    def tie(self, v: Values) -> ast.Tie:
        return self.new(ast.Tie(_between(v[0], v[3]), v[1], v[3]))

    def tie_if(self, v: Values) -> ast.Tie:
        paths = v[2:6] if len(v) == 9 else v[1:5]
        return self.new(ast.Tie(_between(v[0], v[-2]), paths[0], paths[2], v[-2]))

    def expect(self, v: Values) -> ast.Expect:
        return self.new(ast.Expect(_between(v[0], v[1]), v[1]))

    def require(self, v: Values) -> ast.Require:
        message = self.string(v[3:4]) if len(v) == 5 else None
        return self.new(ast.Require(_between(v[0], v[-2]), v[1], message))

    def layers(self, v: Values) -> ast.LayersSection:
        return self.new(ast.LayersSection(_between(v[0], v[4][-1]), tuple(v[4])))

    def layer(self, v: Values) -> ast.Layer:
        return self.new(ast.Layer(_between(v[0], v[2]), self._name(v[0]), v[2]))

    def param(self, v: Values) -> ast.Param:
        return self.new(
            ast.Param(_between(v[0], v[-2]), "param", self._name(v[1]), v[3], v[5] if len(v) == 7 else None)
        )

    def buffer(self, v: Values) -> ast.Param:
        persistent = True
        if len(v) == 11:
            option, value = v[7], v[9]
            if option.text != "persistent":
                self.error(
                    "E0114",
                    f"a buffer has no option `{option.text}`",
                    option.span,
                    help="the one option is `persistent=false`, which keeps the buffer out of the state_dict",
                )
            elif type(value) is not ast.Constant or value.value is None:
                self.error("E0114", "`persistent` is `true` or `false`", value.span)
            else:
                persistent = bool(value.value)
        return self.new(ast.Param(_between(v[0], v[-2]), "buffer", self._name(v[1]), v[3], v[5], persistent))

    def init(self, v: Values) -> ast.InitSection:
        return self.new(ast.InitSection(_between(v[0], v[4][-1]), tuple(v[4])))

    def init_rule(self, v: Values) -> ast.InitRule:
        return self.new(ast.InitRule(_span(v[:3]), v[0], v[2]))

    def method(self, v: Values) -> ast.Method:
        sig: Signature = v[1]
        doc, body = v[3]
        span = _between(v[0], body[-1])
        return self.new(
            ast.Method(span, self._name(v[0]), sig.inputs, sig.results, doc, body, sig.results_tuple)
        )

    def signature(self, v: Values) -> Signature:
        if len(v) == 3:
            return Signature(_span(v), tuple(v[1]), None, False)
        results: Results = v[4]
        return Signature(_span(v), tuple(v[1]), results.items, results.written_tuple)

    def input(self, v: Values) -> ast.Input:
        return self.new(ast.Input(_span(v), self._name(v[0]), v[2], v[4] if len(v) == 5 else None))

    def one_result(self, v: Values) -> Results:
        return Results(v[0].span, (self.new(ast.Result(v[0].span, None, v[0])),), False)

    def one_optional_result(self, v: Values) -> Results:
        type_ = self.optional_type(v)
        return Results(type_.span, (self.new(ast.Result(type_.span, None, type_)),), False)

    def result_tuple(self, v: Values) -> Results:
        return Results(_span(v), tuple(v[1]), True)

    def result(self, v: Values) -> ast.Result:
        return self.new(ast.Result(_span(v), self._name(v[0]) if len(v) == 3 else None, v[-1]))

    # --- Statements ------------------------------------------------------------------------

    def body(self, v: Values) -> tuple[ast.String | None, tuple[ast.Statement, ...]]:
        return self._doc(v[2:3]), tuple(v[-2])

    def assign(self, v: Values) -> ast.Assign:
        return self.new(ast.Assign(_span(v[:3]), v[0], None, v[2]))

    def typed_assign(self, v: Values) -> ast.Assign:
        return self.new(ast.Assign(_between(v[0], v[4]), self._name(v[0]), v[2], v[4]))

    def append_to(self, v: Values) -> ast.Append:
        return self.new(ast.Append(_between(v[0], v[2]), self._name(v[0]), v[2]))

    def return_(self, v: Values) -> ast.Return:
        return self.new(ast.Return(_between(v[0], v[1]), v[1]))

    def for_(self, v: Values) -> ast.For:
        return self.new(ast.For(_between(v[0], v[5][-1]), v[1], v[3], v[5]))

    def if_(self, v: Values) -> ast.If:
        last = (v[4] or v[3])[-1]
        return self.new(ast.If(_between(v[0], last), v[1], v[3], tuple(v[4])))

    def elif_(self, v: Values) -> ast.If:
        last = (v[4] or v[3])[-1]
        return self.new(ast.If(_between(v[0], last), v[1], v[3], tuple(v[4]), True))

    def else_if(self, v: Values) -> Values:
        return v

    def else_(self, v: Values) -> tuple[ast.Statement, ...]:
        return v[2]  # type: ignore[no-any-return]

    def block_of_statements(self, v: Values) -> tuple[ast.Statement, ...]:
        return tuple(v[2])

    def target_tuple(self, v: Values) -> ast.TargetTuple:
        targets = v[0] if type(v[0]) is list else [v[0]]
        return self.new(
            ast.TargetTuple(
                Span(_start(targets[0]), _end(v[-1] if len(v) > 1 else targets[-1])), tuple(targets)
            )
        )

    def target_group(self, v: Values) -> ast.Target:
        return _widen(v[1], v[0], v[2])  # type: ignore[no-any-return]

    def value_tuple(self, v: Values) -> ast.Tuple:
        return self.new(ast.Tuple(_span(v[0]), tuple(v[0])))

    # --- Types -----------------------------------------------------------------------------

    def optional_type(self, v: Values) -> ast.OptionalType:
        return self.new(ast.OptionalType(_span(v), v[0]))

    def choice_type(self, v: Values) -> ast.ChoiceType:
        options = v[0]
        return self.new(ast.ChoiceType(_span(options), tuple(options)))

    def tuple_type(self, v: Values) -> ast.TupleType:
        return self.new(ast.TupleType(_span(v), tuple(v[1])))

    def tuple_type_of_one(self, v: Values) -> ast.TupleType:
        return self.new(ast.TupleType(_span(v), (v[1],)))

    def named_type(self, v: Values) -> ast.NamedType:
        return self.new(ast.NamedType(v[0].span, v[0].text))

    def bounded_type(self, v: Values) -> ast.BoundedType:
        base = self.new(ast.NamedType(v[0].span, v[0].text))
        return self.new(ast.BoundedType(_span(v), base, v[1].text, v[2]))

    def bound_op(self, v: Values) -> Token:
        return v[0]  # type: ignore[no-any-return]

    def tensor_type(self, v: Values) -> ast.TensorType:
        return self.new(ast.TensorType(_span(v), v[0].text, tuple(v[2])))

    def list_type(self, v: Values) -> ast.ListType:
        return self.new(ast.ListType(_span(v), v[2]))

    def tensor_list_type(self, v: Values) -> ast.TensorListType:
        generator = self.new(ast.Generator(Span(v[2].start, _end(v[5])), v[3], v[5], ()))
        return self.new(ast.TensorListType(_span(v), v[1], generator))

    def star_dim(self, v: Values) -> ast.Star:
        return self.new(ast.Star(_span(v), self._name(v[1])))

    # --- Expressions -----------------------------------------------------------------------

    def name(self, v: Values) -> ast.Name:
        token: Token = v[0]
        return self.new(ast.Name(token.span, token.text))

    def hole(self, v: Values) -> ast.Hole:
        return self.new(ast.Hole(v[0].span))

    def number(self, v: Values) -> ast.Number:
        token: Token = v[0]
        text = token.text
        value = int(text) if text.isdecimal() and len(text) < 20 and text[0] != "0" else self._number(token)
        return self.new(ast.Number(token.span, value, text))

    def _number(self, token: Token) -> int | float:
        digits = token.text.replace("_", "")
        if len(digits) > DIGITS:
            self.error("E0116", f"a number of {len(digits):,} digits is too long", token.span)
            return 0
        if not digits.isdecimal():
            value = float(digits)
            if value == float("inf"):
                self.error("E0116", f"`{digits}` is larger than a float can be", token.span, "write `inf`")
            return value
        if digits[0] == "0" and int(digits):
            self.error("E0116", f"`{digits}` begins with 0", token.span, f"write `{digits.lstrip('0')}`")
        return int(digits)

    def string(self, v: Values) -> ast.String:
        return self.new(_string(v[0]))

    def fstring(self, v: Values) -> ast.FString:
        token: Token = v[0]
        parts: list[ast.Expr] = []
        pieces = fstring_pieces(token.text)
        if (mistake := fstring_mistake(token.text, pieces)) is not None:
            at, message, help = mistake
            self.error("E0121", message, Span(token.start + at, token.start + at + 1), help)
            return self.new(ast.FString(token.span, (), token.text))
        for piece in pieces:
            span = Span(token.start + piece.start, token.start + piece.end)
            if piece.is_code:
                value = self.expression(span)
                if value is not None:
                    parts.append(value)
            else:
                text = token.text[piece.start : piece.end]
                parts.append(self.new(ast.String(span, piece.value, text)))
        return self.new(ast.FString(token.span, tuple(parts), token.text))

    def expression(self, span: Span) -> ast.Expr | None:
        """Parse the code inside an f-string's braces."""
        from spec_lang.syntax.from_text import parse_expr_at

        value, errors = parse_expr_at(self.source, span, self.numbers)
        self.diagnostics += errors
        if value is not None:
            self.numbers = value.number + 1
        return value

    def true(self, v: Values) -> ast.Constant:
        return self.new(ast.Constant(v[0].span, True))

    def false(self, v: Values) -> ast.Constant:
        return self.new(ast.Constant(v[0].span, False))

    def none(self, v: Values) -> ast.Constant:
        return self.new(ast.Constant(v[0].span, None))

    def ellipsis(self, v: Values) -> ast.Ellipsis:
        return self.new(ast.Ellipsis(v[0].span))

    def group(self, v: Values) -> ast.Expr:
        return _widen(v[1], v[0], v[2])  # type: ignore[no-any-return]

    def empty_tuple(self, v: Values) -> ast.Tuple:
        return self.new(ast.Tuple(_span(v), ()))

    def tuple_of_one(self, v: Values) -> ast.Tuple:
        return self.new(ast.Tuple(_span(v), (v[1],)))

    def tuple(self, v: Values) -> ast.Tuple:
        return self.new(ast.Tuple(_span(v), tuple(v[1])))

    def empty_list(self, v: Values) -> ast.List:
        return self.new(ast.List(_span(v), ()))

    def list_of_one(self, v: Values) -> ast.List:
        return self.new(ast.List(_span(v), (v[1],)))

    def list(self, v: Values) -> ast.List:
        return self.new(ast.List(_span(v), tuple(v[1])))

    def empty_dict(self, v: Values) -> ast.Dict:
        return self.new(ast.Dict(_span(v), ()))

    def dict(self, v: Values) -> ast.Dict:
        return self.new(ast.Dict(_span(v), tuple(v[1])))

    def dict_item(self, v: Values) -> ast.DictItem:
        return self.new(ast.DictItem(_span(v), v[0], v[2]))

    def dict_splat(self, v: Values) -> ast.DictItem:
        return self.new(ast.DictItem(_span(v), None, v[1]))

    def list_comprehension(self, v: Values) -> ast.Comprehension:
        if isinstance(v[1], ast.Star) and isinstance(v[1].value, ast.Dict):
            self.error(
                "E0403", "a list cannot spread a dict", v[1].span, "`{**{...} for ...}` is a dict of them"
            )
        return self.new(ast.Comprehension(_span(v), None, v[1], tuple(v[2])))

    def dict_comprehension(self, v: Values) -> ast.Comprehension:
        return self.new(ast.Comprehension(_span(v), v[1], v[3], tuple(v[4])))

    def dict_of_dicts(self, v: Values) -> ast.Comprehension:
        inner = self.new(ast.Dict(Span(v[2].start, v[-3].end), tuple(v[3])))
        star = self.new(ast.Star(Span(v[1].start, v[-3].end), inner))
        return self.new(ast.Comprehension(_span(v), None, star, tuple(v[-2])))

    def clause(self, v: Values) -> ast.Generator:
        return self.new(ast.Generator(_between(v[0], v[3]), v[1], v[3], ()))

    def clause_test(self, v: Values) -> ast.Generator:
        clause: ast.Generator = v[0]
        span = Span(clause.span.start, _end(v[2]))
        return self.new(ast.Generator(span, clause.target, clause.iterable, (*clause.tests, v[2])))

    def star(self, v: Values) -> ast.Star:
        return self.new(ast.Star(_span(v), v[1]))

    def arrow(self, v: Values) -> ast.Arrow:
        return self.new(ast.Arrow(place((v[0].span.start, v[2].span.end)), v[0], v[2]))

    def if_exp(self, v: Values) -> ast.IfExp:
        return self.new(ast.IfExp(_span(v), v[0], v[2], v[4]))

    def binary(self, v: Values) -> ast.Binary:
        return self.new(ast.Binary(place((v[0].span.start, v[2].span.end)), v[1].text, v[0], v[2]))

    def unary(self, v: Values) -> ast.Unary:
        return self.new(ast.Unary(_between(v[0], v[1]), v[0].text, v[1]))

    def compare(self, v: Values) -> ast.Compare:
        first, *rest = v[0]
        return self.new(ast.Compare(Span(first.span.start, rest[-1][1].span.end), first, tuple(rest)))

    def first_comparison(self, v: Values) -> Values:
        return [v[0], (v[1], v[2])]

    def more_comparison(self, v: Values) -> Values:
        v[0].append((v[1], v[2]))
        return v[0]  # type: ignore[no-any-return]

    def compare_op(self, v: Values) -> str:
        return " ".join(token.text for token in v)

    def attribute(self, v: Values) -> ast.Attribute:
        token: Token = v[2]
        return self.new(ast.Attribute(place((v[0].span.start, v[2].end)), v[0], token.text, token.span))

    def subscript(self, v: Values) -> ast.Subscript:
        return self.new(ast.Subscript(place((v[0].span.start, v[3].end)), v[0], tuple(v[2])))

    def indices(self, v: Values) -> Values:
        return v[0]  # type: ignore[no-any-return]

    def slice(self, v: Values) -> ast.Slice:
        bounds: list[ast.Expr | None] = [None, None, None]
        at = 0
        for value in v:
            if type(value) is Token:
                at += 1
            else:
                bounds[at] = value
        return self.new(ast.Slice(_span(v), *bounds))

    def call(self, v: Values) -> ast.Call:
        return self.new(ast.Call(place((v[0].span.start, v[3].end)), v[0], tuple(v[2])))

    def positional(self, v: Values) -> ast.Argument:
        return self.new(ast.Argument(v[0].span, v[0]))

    def keyword(self, v: Values) -> ast.Argument:
        return self.new(ast.Argument(_between(v[0], v[2]), v[2], v[0].text))

    def splat(self, v: Values) -> ast.Argument:
        return self.new(ast.Argument(_span(v), v[1], None, "*"))

    def double_splat(self, v: Values) -> ast.Argument:
        return self.new(ast.Argument(_span(v), v[1], None, "**"))

    def generator(self, v: Values) -> ast.Argument:
        span = Span(_start(v[0]), _end(v[1][-1]))
        return self.new(ast.Argument(span, self.new(ast.Comprehension(span, None, v[0], tuple(v[1])))))
