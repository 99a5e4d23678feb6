"""Random programs: trees that cover the whole grammar, and texts of them with odd spacing and comments."""

from __future__ import annotations

import re
from random import Random

from spec_lang.diagnostics import Source, Span
from spec_lang.syntax import ast

AT = Span(0, 0)
NAMES = [
    "a",
    "b",
    "x",
    "y",
    "layers",
    "model",
    "init",
    "norm",
    "conv1",
    "fc",
    "weight",
    "heads",
    "list",
    "from",
    "range",
    "N",
    "D",
    "block",
]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>", "and", "or"]
COMPARE = ["==", "!=", "<", "<=", ">", ">=", "is", "in", "is not", "not in"]
NUMBERS = [(1, "1"), (81_290, "81_290"), (1e-5, "1e-5"), (0.5, ".5"), (2.0, "2."), (0, "0")]


class Programs:
    """Draws trees from a random source; `depth` bounds how far expressions nest."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def some(self, make, low: int = 0, high: int = 3):
        return tuple(make() for _ in range(self.random.randint(low, high)))

    def required_first(self, make, low: int = 0):
        """Some names with types, those that have a default last, as Python wants them."""
        return tuple(sorted(self.some(make, low), key=lambda made: made.default is not None))

    def maybe(self, make):
        return make() if self.random.random() < 0.5 else None

    def pick(self, *makers):
        return self.random.choice(makers)()

    def name(self) -> ast.Name:
        return ast.Name(AT, self.random.choice(NAMES))

    def string(self) -> ast.String:
        value = self.random.choice(["", "a", "it's", "b c", "\n", "héé"])
        text = {"": '""', "\n": '"\\n"'}.get(value, f'"{value}"')
        if self.random.random() < 0.2 and value.isalpha():
            text = f"'{value}'"
        return ast.String(AT, value, text)

    # --- Expressions ------------------------------------------------------------------------

    def atom(self) -> ast.Expr:
        return self.pick(
            self.name,
            self.name,
            self.string,
            lambda: ast.Number(AT, *self.random.choice(NUMBERS)),
            lambda: ast.Constant(AT, self.random.choice([True, False, None])),
            lambda: ast.Hole(AT),
            lambda: ast.FString(AT, (ast.String(AT, "k_", "k_"), ast.Name(AT, "i")), 'f"k_{i}"'),
        )

    def expr(self, depth: int = 3) -> ast.Expr:
        if depth == 0 or self.random.random() < 0.25:
            return self.atom()
        deeper = depth - 1

        def sub() -> ast.Expr:
            return self.expr(deeper)

        return self.pick(
            lambda: ast.Unary(AT, self.random.choice(["-", "+", "~", "not"]), sub()),
            lambda: ast.Binary(AT, self.random.choice(BINARY), sub(), sub()),
            lambda: ast.Binary(AT, self.random.choice(BINARY), sub(), sub()),
            lambda: ast.Compare(AT, sub(), self.some(lambda: (self.random.choice(COMPARE), sub()), 1, 2)),
            lambda: ast.IfExp(AT, sub(), sub(), sub()),
            lambda: self.call(sub(), deeper),
            lambda: ast.Arrow(AT, sub(), self.stage(deeper)),
            lambda: ast.Arrow(AT, ast.Arrow(AT, self.name(), self.stage(deeper)), self.stage(deeper)),
            lambda: ast.Attribute(AT, sub(), self.random.choice([*NAMES, "if", "none"]), AT),
            lambda: ast.Subscript(AT, sub(), self.some(lambda: self.index(deeper), 1, 3)),
            lambda: ast.Tuple(AT, self.some(lambda: self.item(deeper))),
            lambda: ast.List(AT, self.some(lambda: self.item(deeper))),
            lambda: ast.Dict(AT, self.some(lambda: ast.DictItem(AT, self.maybe(sub), sub()))),
            lambda: ast.Comprehension(
                AT, self.maybe(sub), sub(), self.some(lambda: self.clause(deeper), 1, 2)
            ),
            lambda: ast.Comprehension(
                AT, None, ast.Star(AT, self.spread(deeper)), self.some(lambda: self.clause(deeper), 1, 2)
            ),
        )

    def spread(self, depth: int) -> ast.Expr:
        """What a comprehension spreads: the entries of a dict that is written out, or a list."""
        if self.random.random() < 0.3:
            entry = lambda: ast.DictItem(AT, self.expr(depth), self.expr(depth))  # noqa: E731
            return ast.Dict(AT, self.some(entry, 1))
        found = self.expr(depth)
        return ast.List(AT, ()) if isinstance(found, ast.Dict) else found

    def item(self, depth: int) -> ast.Expr:
        return ast.Star(AT, self.expr(depth)) if self.random.random() < 0.15 else self.expr(depth)

    def clause(self, depth: int) -> ast.Generator:
        tests = self.some(lambda: self.expr(depth), 0, 1)
        return ast.Generator(AT, self.target(), self.expr(depth), tests)

    def call(self, func: ast.Expr, depth: int) -> ast.Call:
        def argument() -> ast.Argument:
            value = self.expr(depth)
            kind = self.random.choice(["", "", "name", "*", "**"])
            return ast.Argument(
                AT, value, self.name().id if kind == "name" else None, kind if "*" in kind else ""
            )

        return ast.Call(AT, func, self.some(argument, 0, 4))

    def path(self) -> ast.Expr:
        value: ast.Expr = self.name()
        for _ in range(self.random.randint(0, 2)):
            value = self.pick(
                lambda v=value: ast.Attribute(AT, v, self.name().id, AT),
                lambda v=value: ast.Subscript(AT, v, (self.expr(1),)),
            )
        return value

    def stage(self, depth: int) -> ast.Expr:
        path = self.path()
        return self.call(path, depth) if self.random.random() < 0.4 else path

    def index(self, depth: int):
        return self.pick(
            lambda: self.expr(depth),
            lambda: ast.Ellipsis(AT),
            lambda: ast.Slice(AT, *(self.maybe(lambda: self.expr(depth)) for _ in range(3))),
        )

    def target(self, nested: int = 1) -> ast.Target:
        if nested and self.random.random() < 0.3:
            return ast.TargetTuple(AT, self.some(lambda: self.target(nested - 1), 2, 3))
        return self.name() if self.random.random() < 0.8 else ast.Hole(AT)

    # --- Types ------------------------------------------------------------------------------

    def tensor(self) -> ast.TensorType:
        def dim() -> ast.Expr:
            return self.pick(
                self.name,
                lambda: ast.Hole(AT),
                lambda: ast.Star(AT, self.name()),
                lambda: ast.Binary(AT, "*", ast.Number(AT, 16, "16"), self.name()),
                lambda: self.expr(2),
            )

        return ast.TensorType(AT, self.random.choice(["float", "int", "bf16"]), self.some(dim))

    def simple(self) -> ast.Type:
        return self.pick(
            self.tensor,
            lambda: ast.NamedType(AT, self.random.choice(["int", "float", "str", "layer"])),
            lambda: ast.BoundedType(
                AT, ast.NamedType(AT, "int"), self.random.choice([">=", "<"]), self.atom()
            ),
            lambda: ast.ListType(AT, self.type(1)),
            lambda: ast.TensorListType(AT, self.type(1), ast.Generator(AT, self.target(), self.expr(1), ())),
        )

    def type(self, depth: int = 2) -> ast.Type:
        if depth == 0:
            return self.simple()
        return self.pick(
            self.simple,
            lambda: ast.OptionalType(AT, self.type(depth - 1)),
            lambda: ast.TupleType(AT, self.some(lambda: self.type(depth - 1), 1, 3)),
            lambda: ast.ChoiceType(
                AT, self.some(lambda: self.pick(self.string, lambda: self.type(depth - 1)), 2, 3)
            ),
        )

    # --- Statements and parts ---------------------------------------------------------------

    def value(self) -> ast.Expr:
        return self.expr()

    def require(self) -> ast.Require:
        return ast.Require(AT, self.expr(), self.maybe(self.string))

    def statement(self, depth: int = 2) -> ast.Statement:
        simple = (
            lambda: ast.Assign(AT, self.target(2), None, self.value()),
            lambda: ast.Assign(AT, self.name(), self.type(), self.value()),
            lambda: ast.Append(AT, self.name(), self.value()),
            lambda: ast.Return(AT, self.value()),
            self.require,
        )
        if depth == 0:
            return self.pick(*simple)

        def body() -> tuple[ast.Statement, ...]:
            return self.some(lambda: self.statement(depth - 1), 1, 2)

        return self.pick(
            *simple,
            lambda: ast.For(AT, self.target(), self.expr(2), body()),
            lambda: ast.If(AT, self.expr(2), body(), self.orelse(depth - 1)),
        )

    def orelse(self, depth: int) -> tuple[ast.Statement, ...]:
        kind = self.random.choice(["", "else", "elif"])
        if kind == "":
            return ()
        body = self.some(lambda: self.statement(depth), 1, 2)
        return body if kind == "else" else (ast.If(AT, self.expr(1), body, self.orelse(depth), True),)

    def hyper(self) -> ast.Hyper:
        return ast.Hyper(AT, self.name(), self.type(), self.maybe(lambda: self.expr(2)))

    def input(self) -> ast.Input:
        return ast.Input(AT, self.name(), self.type(), self.maybe(lambda: self.expr(2)))

    def results(self) -> tuple[tuple[ast.Result, ...] | None, bool]:
        kind = self.random.choice(["none", "one", "tuple"])
        if kind == "none":
            return None, False
        if kind == "one":
            type_ = self.simple()
            return (
                ast.Result(AT, None, self.pick(lambda: type_, lambda: ast.OptionalType(AT, type_))),
            ), False
        return self.some(lambda: ast.Result(AT, self.maybe(self.name), self.type()), 1, 3), True

    def doc(self) -> ast.String | None:
        value = self.random.choice(["Doc.", "Two\n    lines.", 'Says "x" once.'])
        return self.maybe(lambda: ast.String(AT, value, f'"""{value}"""'))

    def method(self) -> ast.Method:
        results, written = self.results()
        body = self.some(self.statement, 1, 3)
        return ast.Method(
            AT, self.name(), self.required_first(self.input), results, self.doc(), body, written
        )

    def layer_item(self):
        return self.pick(
            lambda: ast.Layer(AT, self.name(), self.expr()),
            lambda: ast.Layer(AT, self.name(), self.expr()),
            lambda: ast.Param(AT, "param", self.name(), self.type(), self.maybe(self.expr)),
            lambda: ast.Param(
                AT, "buffer", self.name(), self.type(), self.expr(), self.random.random() < 0.5
            ),
        )

    def part(self) -> ast.Part:
        return self.pick(
            lambda: ast.Let(AT, self.name(), self.expr()),
            self.require,
            lambda: ast.LayersSection(AT, self.some(self.layer_item, 1, 4)),
            lambda: ast.Tie(AT, self.path(), self.path()),
            self.method,
            self.method,
            lambda: ast.InitSection(AT, self.some(lambda: ast.InitRule(AT, self.path(), self.expr(2)), 1, 3)),
            lambda: ast.Expect(AT, self.expr()),
        )

    # --- Definitions ------------------------------------------------------------------------

    def block(self) -> ast.Block:
        kind = self.random.choice(["model", "block"])
        if self.random.random() < 0.3:
            hypers = self.maybe(lambda: self.required_first(self.hyper))
            if hypers is None or self.random.random() < 0.5:
                return ast.Block(AT, kind, self.name(), hypers, None, (), self.expr())
            parts = self.some(self.require)
            doc = self.doc() if parts else None
            return ast.Block(AT, kind, self.name(), hypers, doc, parts, self.expr(), self.maybe(self.type))
        return ast.Block(
            AT,
            kind,
            self.name(),
            self.required_first(self.hyper),
            self.doc(),
            self.some(self.part, 1, 4),
            None,
        )

    def function(self) -> ast.Function:
        results, written = self.results()
        inputs = self.required_first(self.input)
        if self.random.random() < 0.4:
            return ast.Function(AT, self.name(), inputs, results, None, (), self.expr(), written)
        body = self.some(self.statement, 1, 3)
        return ast.Function(AT, self.name(), inputs, results, self.doc(), body, None, written)

    def extern(self) -> ast.Extern:
        results, written = self.results()
        name, module = self.name(), ast.String(AT, "pkg.mod", '"pkg.mod"')
        domain = self.maybe(lambda: ast.String(AT, "my.domain", '"my.domain"'))
        if self.random.random() < 0.5:
            forward = ast.Method(AT, name, self.required_first(self.input), results, None, (), written)
            return ast.Extern(AT, "fn", name, (), module, domain, None, forward)
        forward = ast.Method(AT, self.name(), self.required_first(self.input), results, None, (), written)
        return ast.Extern(
            AT, "layer", name, self.required_first(self.hyper), module, domain, self.doc(), forward
        )

    def import_(self) -> ast.Import:
        names = self.some(lambda: ast.ImportName(AT, self.name(), self.maybe(self.name)), 1, 6)
        return ast.Import(AT, self.some(self.name, 1, 3), names)

    def definition(self) -> ast.Definition:
        return self.pick(
            self.block,
            self.block,
            self.function,
            self.extern,
            self.import_,
            lambda: ast.ConstantDef(AT, self.name(), self.value()),
            lambda: ast.Record(AT, self.name(), self.doc(), self.required_first(self.hyper, 1)),
        )

    def module(self) -> ast.Module:
        return ast.Module(AT, Source("program", ""), self.doc(), self.some(self.definition, 1, 3))


_PIECE = re.compile(
    r'"""[\s\S]*?"""|f?"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|\n|[()\[\]{}]|#[^\n]*'
    r"|\d[\d_]*(?:\.\d*(?!\w))?(?:e-?\d+)?|\.\d+|\w+|\.{3}|\.|[^\w\s()\[\]{}\"'#.]+| +"
)


def with_comments(text: str, random: Random, often: float = 0.3) -> str:
    """The same program with comments, empty lines and line ends put in wherever they may stand."""
    out: list[str] = []
    depth = count = 0

    def comment() -> str:
        nonlocal count
        count += 1
        return f"# c{count}"

    for piece in _PIECE.findall(text):
        if piece in ("(", "[", "{"):
            depth += 1
        elif piece in (")", "]", "}"):
            depth -= 1
        out.append(piece)
        if piece == "\n":
            if random.random() < often:
                indent = " " * random.choice([0, 4, 8, 12])
                out.append(random.choice(["", "\n"]) + f"{indent}{comment()}\n" + random.choice(["", "\n"]))
        elif depth and random.random() < often / 2:
            out.append(random.choice([f"  {comment()}\n", "\n", f"\n{comment()}\n   ", "  "]))
    return re.sub(
        r"(?<!\n)\n",
        lambda m: f"  {comment()}\n" if _free(m) and random.random() < often else "\n",
        "".join(out),
    )


def _free(match: re.Match[str]) -> bool:
    """Whether a comment may stand at the end of a line: it has none, and is not inside a docstring."""
    text, at = match.string, match.start()
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return "#" not in line and text.count('"""', 0, at) % 2 == 0
