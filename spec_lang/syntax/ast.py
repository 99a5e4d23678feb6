"""The syntax tree: what was written, with the place of each part, and nothing inferred."""

from __future__ import annotations

from typing import TypeAlias

from spec_lang.diagnostics import Source, Span
from spec_lang.syntax.node import DefinitionNode, Node

# --- Expressions ---------------------------------------------------------------------------


class Name(Node):
    id: str


class Number(Node):
    """An int or float literal; `text` keeps how it was written (`81_290`, `1e-5`)."""

    value: int | float
    text: str


class String(Node):
    value: str
    text: str


class FString(Node):
    """`f"layer_{i}"`: literal parts as `String`, the rest expressions."""

    parts: tuple[Expr, ...]
    text: str


class Constant(Node):
    """`true`, `false`, `none` (or Python's spelling)."""

    value: bool | None


class Hole(Node):
    """`_`: an argument that the dataflow determines, or a target that is dropped."""


class Unary(Node):
    """op is `-`, `+`, `~` or `not`."""

    op: str
    operand: Expr


class Binary(Node):
    """op is one of `+ - * / // % ** @ & | ^ << >>`, `and`, `or`."""

    op: str
    left: Expr
    right: Expr


class Compare(Node):
    """`a < b <= c`; ops are `== != < <= > >= is`, `is not`, `in`, `not in`."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]


class IfExp(Node):
    body: Expr
    test: Expr
    orelse: Expr


class Argument(Node):
    """One argument of a call: `x`, `name=x`, `*x` or `**x` (star is "", "*" or "**")."""

    value: Expr
    name: str | None = None
    star: str = ""


class Call(Node):
    func: Expr
    args: tuple[Argument, ...]


class Arrow(Node):
    """`value -> stage`: the stage is a Name, a path or a Call, applied to the value first.

    Chains nest to the left: `x -> f -> g(a)` is `Arrow(Arrow(x, f), g(a))`.
    """

    value: Expr
    stage: Expr


class Attribute(Node):
    value: Expr
    name: str
    name_span: Span


class Slice(Node):
    start: Expr | None
    stop: Expr | None
    step: Expr | None


class Ellipsis(Node):
    """`...` in an index."""


class Subscript(Node):
    """`x[0, :, None]`."""

    value: Expr
    index: tuple[Expr | Slice | Ellipsis, ...]


class Star(Node):
    """`*x` in a list, a tuple or a container; `*B` where dims are listed."""

    value: Expr


class Tuple(Node):
    items: tuple[Expr, ...]


class List(Node):
    items: tuple[Expr, ...]


class DictItem(Node):
    """`key: value`, or `**value` where key is None."""

    key: Expr | None
    value: Expr


class Dict(Node):
    items: tuple[DictItem, ...]


class Generator(Node):
    """`for target in iterable if test if test`."""

    target: Target
    iterable: Expr
    tests: tuple[Expr, ...]


class Comprehension(Node):
    """`[value for ...]`, or `{key: value for ...}` where key is not None."""

    key: Expr | None
    value: Expr
    generators: tuple[Generator, ...]


Expr: TypeAlias = (
    Name
    | Number
    | String
    | FString
    | Constant
    | Hole
    | Unary
    | Binary
    | Compare
    | IfExp
    | Call
    | Arrow
    | Attribute
    | Subscript
    | Star
    | Tuple
    | List
    | Dict
    | Comprehension
    | Slice
    | Ellipsis
)


# --- Types ----------------------------------------------------------------------------------


class TensorType(Node):
    """`float[N, 3, 16*h, _]`; a dim is an expression, a `Star(Name)` or a `Hole`."""

    dtype: str
    dims: tuple[Expr, ...]


class NamedType(Node):
    """`int`, `float`, `bool`, `str`, `layer`, or a record's name."""

    name: str


class BoundedType(Node):
    """`int >= 0`: a number with a bound; op is one of `>= > <= <`."""

    base: NamedType
    op: str
    bound: Expr


class ChoiceType(Node):
    """`"a" | "b"`, `int | (int, int)`: one of several types or string literals."""

    options: tuple[Type | String, ...]


class ListType(Node):
    """`list[int]`."""

    item: Type


class TupleType(Node):
    """`(A, B)`."""

    items: tuple[Type, ...]


class TensorListType(Node):
    """`[float[N, C] for i in range(n)]`: a list of tensors of known length."""

    item: Type
    generator: Generator


class OptionalType(Node):
    """`T?`: may be `none`."""

    base: Type


Type: TypeAlias = (
    TensorType | NamedType | BoundedType | ChoiceType | ListType | TupleType | TensorListType | OptionalType
)


# --- Statements of a method's body -----------------------------------------------------------


class TargetTuple(Node):
    """`a, (b, _)` on the left of an assignment or after `for`."""

    items: tuple[Target, ...]


Target: TypeAlias = Name | Hole | TargetTuple


class Assign(Node):
    """`x = value`, `x: float[N, D] = value`, `a, b = value`."""

    target: Target
    type: Type | None
    value: Expr


class Append(Node):
    """`skips += [x]`."""

    target: Name
    value: Expr


class Return(Node):
    value: Expr


class Require(Node):
    """`require cond, "why"`."""

    test: Expr
    message: String | None


class For(Node):
    target: Target
    iterable: Expr
    body: tuple[Statement, ...]


class If(Node):
    """`elif` is an If alone in `orelse`, marked so that the formatter gives it back."""

    test: Expr
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...]
    is_elif: bool = False


Statement: TypeAlias = Assign | Append | Return | Require | For | If


# --- Parts of a block -----------------------------------------------------------------------


class Let(Node):
    """`let K = D // heads`."""

    name: Name
    value: Expr


class Layer(Node):
    """`name = constructor` in `layers:`."""

    name: Name
    value: Expr


class Param(Node):
    """`param name: type = initialiser`; kind is "param" or "buffer".

    `persistent` is False for `buffer name: type = value, persistent=false`.
    """

    kind: str
    name: Name
    type: Type
    value: Expr | None
    persistent: bool = True


class LayersSection(Node):
    items: tuple[Layer | Param, ...]


class Tie(Node):
    """`tie a.weight = b.weight`, or `tie (a.weight = b.weight) if test`."""

    left: Expr
    right: Expr
    test: Expr | None = None


class Input(Node):
    """`mask: bool[N, T]? = none`: one argument of a method or of a tensor function."""

    name: Name
    type: Type
    default: Expr | None


class Result(Node):
    """One result, named or not: `-> (out: float[N, D], state: float[N, D])`."""

    name: Name | None
    type: Type


class Method(Node):
    """`forward(...) -> ...:`, `loss(...)`, or any other method."""

    name: Name
    inputs: tuple[Input, ...]
    results: tuple[Result, ...] | None
    doc: String | None
    body: tuple[Statement, ...]
    results_tuple: bool = False  # written in parentheses, so a tuple even of one


class InitRule(Node):
    """`selector = initialiser`; the selector is a layer type or a path such as `head.weight`."""

    selector: Expr
    value: Expr


class InitSection(Node):
    rules: tuple[InitRule, ...]


class Expect(Node):
    test: Expr


Part: TypeAlias = Let | Require | LayersSection | Tie | Method | InitSection | Expect


# --- Definitions ----------------------------------------------------------------------------


class Hyper(Node):
    """One hyperparameter: `heads: int = 12`."""

    name: Name
    type: Type
    default: Expr | None


class Block(DefinitionNode):
    """`model` or `block` (kind), with its parts, or `= expression` as its whole body.

    `model ResNet50 = ResNet(...)` has no hyperparameter list (`hypers is None`).
    """

    kind: str
    name: Name
    hypers: tuple[Hyper, ...] | None
    doc: String | None
    parts: tuple[Part, ...]
    alias: Expr | None


class Function(DefinitionNode):
    """`fn`: over hyperparameters (`fn f(n: int) = expr`) or over tensors (a method's shape)."""

    name: Name
    inputs: tuple[Input, ...]
    results: tuple[Result, ...] | None
    doc: String | None
    body: tuple[Statement, ...]
    value: Expr | None
    results_tuple: bool = False


class ConstantDef(DefinitionNode):
    """`NAME = expression` at the top of a file."""

    name: Name
    value: Expr


class Record(DefinitionNode):
    name: Name
    doc: String | None
    fields: tuple[Hyper, ...]


class ImportName(Node):
    name: Name
    alias: Name | None


class Import(DefinitionNode):
    """`from other.file import Name, Other as Local`; `level` dots stand before the module: one for the file's own folder."""

    module: tuple[Name, ...]
    names: tuple[ImportName, ...]
    level: int = 0

    @property
    def written(self) -> str:
        """The module as it is written."""
        return "." * self.level + ".".join(name.id for name in self.module)


class Extern(DefinitionNode):
    """A layer or function written in Python.

    `extern layer Name(args) from "package.module":` with a `forward(...) -> ...` line, or
    `extern fn name(inputs) -> results from "package.module"`; `domain` is the ONNX domain, if given.
    """

    kind: str
    name: Name
    hypers: tuple[Hyper, ...]
    module: String
    domain: String | None
    doc: String | None
    forward: Method | None


Definition: TypeAlias = Import | ConstantDef | Record | Function | Block | Extern


class Comment(Node):
    """A comment, with its `#`."""

    text: str


class Module(Node):
    """One file.

    `definitions` are those without a syntax error; `broken` names the others, so that their uses are not reported.
    """

    source: Source
    doc: String | None
    definitions: tuple[Definition, ...]
    comments: tuple[Comment, ...] = ()
    broken: tuple[str, ...] = ()
