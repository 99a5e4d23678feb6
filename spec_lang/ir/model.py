"""The intermediate representation: a checked program, as frozen pydantic models.

Every name is resolved, every `_` is replaced by the expression that it stands for, arrows are calls, and each
tensor expression carries the type that the checker proved. Blocks stay blocks and loops stay loops. Targets
read this and nothing else; it round-trips through JSON (`Program.model_dump_json`, `model_validate_json`),
and `Program.model_json_schema()` is published in `docs/ir.schema.json`.

Sizes inside types are text in the language's own dim syntax (`16*h`, `N`, `(H - 1)//2 + 1`, `*B` for leading
dims); `spec_lang.shapes.parse` reads them back.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

VERSION: Literal["1"] = "1"

P = ParamSpec("P")
T = TypeVar("T")


def make(cls: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Build a node from parts that are known to be right, without validating them again.

    Validators are built and run where a program comes from outside (JSON); building them costs more than
    checking a large spec. What `model_construct` does for aliases, extra fields and private attributes, which nodes
    do not have, costs more than all the rest of emitting one. All fields count as set, as in a node read from JSON,
    and the nodes of a class share the set of their names: a set a node would be half of a program's memory.
    """
    known = _KNOWN.get(cls)
    if known is None:
        fields: dict[str, FieldInfo] = cls.model_fields  # type: ignore[attr-defined]  # every node is a model
        known = {n: f.default for n, f in fields.items() if not f.is_required()}, set(fields)
        _KNOWN[cls] = known
    node: T = _new(cls)  # type: ignore[arg-type]  # a class
    _set_dict(node, known[0] | kwargs)
    _set_names(node, known[1])
    _set_extra(node, None)
    _set_private(node, None)
    return node


_KNOWN: dict[object, tuple[dict[str, object], set[str]]] = {}
"""The defaults and the names of a class's fields."""
_new = object.__new__
_set_dict, _set_names, _set_extra, _set_private = (
    BaseModel.__dict__[f"__{slot}__"].__set__
    for slot in ("dict", "pydantic_fields_set", "pydantic_extra", "pydantic_private")
)


Offset = Annotated[int, Field(ge=0)]
Span = TypeAliasType(
    "Span",
    Annotated[
        tuple[Offset, Offset],
        Field(
            description="Where a node was written: the offsets in characters of its start and, behind it, its end. "
            "A file's `lines` turn them into lines and columns."
        ),
    ],
)


class Node(BaseModel):
    """The base of every node."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    span: Span | None = None


# --- Types ----------------------------------------------------------------------------------


class TensorType(Node):
    """A tensor: its dtype by the language's name, and one text a dim, outermost first."""

    kind: Literal["tensor"] = "tensor"
    dtype: str
    dims: tuple[str, ...]


class ScalarType(Node):
    """A hyperparameter's type: `int`, `float`, `bool`, `str` or `layer`, with a bound such as `>= 0`."""

    kind: Literal["scalar"] = "scalar"
    name: Literal["int", "float", "bool", "str", "layer"]
    bound: str | None = None


class ChoiceType(Node):
    """One of several string literals or types."""

    kind: Literal["choice"] = "choice"
    values: tuple[str, ...] = ()
    types: "tuple[Type, ...]" = ()


class RecordType(Node):
    kind: Literal["record"] = "record"
    name: str


class TupleType(Node):
    kind: Literal["tuple"] = "tuple"
    items: "tuple[Type, ...]"


class ListType(Node):
    """A list. Of tensors: `length` is a dim's text, and `index` names the variable in the item's dims."""

    kind: Literal["list"] = "list"
    item: "Type"
    length: str | None = None
    index: str | None = None


class OptionalType(Node):
    kind: Literal["optional"] = "optional"
    base: "Type"


class ModuleType(Node):
    """An expression that is a layer, a block or a container of them, by its constructor's name."""

    kind: Literal["module"] = "module"
    name: str


Type = Annotated[
    TensorType | ScalarType | ChoiceType | RecordType | TupleType | ListType | OptionalType | ModuleType,
    Field(discriminator="kind"),
]


# --- Expressions ---------------------------------------------------------------------------


class Expression(Node):
    """The base of expressions; `type` is what the checker proved, where that is one type for all uses."""

    type: Type | None = None


class Literal_(Expression):
    """An int, float, bool, string or none; `text` keeps the author's spelling of a number (`81_290`)."""

    kind: Literal["literal"] = "literal"
    value: bool | int | float | str | None
    text: str | None = None


class Name(Expression):
    """A resolved name.

    `ref` says what it is: a hyperparameter, a dim (implicit or bound by a call), a `let`, a variable or input of
    a method, a variable of a loop or comprehension, a running dim of a comprehension (`carry`), a layer or a
    param/buffer of this block, a file-level constant, a definition passed as a value (a block, library layer or fn),
    or a built-in (`inf`, `pi`, `training`).
    """

    kind: Literal["name"] = "name"
    id: str
    ref: Literal[
        "hyper",
        "dim",
        "let",
        "local",
        "loop",
        "carry",
        "layer",
        "param",
        "constant",
        "definition",
        "op",
        "builtin",
    ]


class Attribute(Expression):
    """A record's field, a module's child or a module's parameter (`wte.weight`)."""

    kind: Literal["attribute"] = "attribute"
    value: "Expr"
    name: str


class Slice(Expression):
    kind: Literal["slice"] = "slice"
    start: "Expr | None" = None
    stop: "Expr | None" = None
    step: "Expr | None" = None


class Ellipsis_(Expression):
    kind: Literal["ellipsis"] = "ellipsis"


class Subscript(Expression):
    """Indexing of a tensor, a list, a tuple or a container of layers."""

    kind: Literal["subscript"] = "subscript"
    value: "Expr"
    index: "tuple[Expr, ...]"


class Unary(Expression):
    kind: Literal["unary"] = "unary"
    op: Literal["-", "+", "~", "not"]
    operand: "Expr"


class Binary(Expression):
    """An operator on numbers or tensors (`+ - * / // % ** @ & | ^ << >>`), or `and`, `or`."""

    kind: Literal["binary"] = "binary"
    op: str
    left: "Expr"
    right: "Expr"


class Compare(Expression):
    """A chain of comparisons, on numbers or elementwise on tensors; or `is none`."""

    kind: Literal["compare"] = "compare"
    first: "Expr"
    ops: tuple[str, ...]
    rest: "tuple[Expr, ...]"


class IfExp(Expression):
    kind: Literal["if"] = "if"
    test: "Expr"
    body: "Expr"
    orelse: "Expr"


class Tuple(Expression):
    kind: Literal["tuple"] = "tuple"
    items: "tuple[Expr, ...]"


class List(Expression):
    kind: Literal["list"] = "list"
    items: "tuple[Expr, ...]"


class Dict(Expression):
    """A dict of layers; a None key marks `**value`."""

    kind: Literal["dict"] = "dict"
    keys: "tuple[Expr | None, ...]"
    values: "tuple[Expr, ...]"


class Star(Expression):
    """`*value` among the items of a list or the arguments of a call."""

    kind: Literal["star"] = "star"
    value: "Expr"


class Format(Expression):
    """An f-string: literal parts are string literals."""

    kind: Literal["format"] = "format"
    parts: "tuple[Expr, ...]"


class Carry(Node):
    """A dim that changes along a list of layers: `name` starts as `start` and is `next` after each one."""

    name: str
    start: "Expr"
    next: "Expr"


class Generator(Node):
    target: "Target"
    iterable: "Expr"
    tests: "tuple[Expr, ...]" = ()


class Comprehension(Expression):
    """`[value for ...]`, or a dict where `key` is there; `carry` lists the dims that change along it.

    A `value` that is a `star` is spread: of a list, its items, and of a dict, its entries, in a dict.
    """

    kind: Literal["comprehension"] = "comprehension"
    key: "Expr | None" = None
    value: "Expr"
    generators: tuple[Generator, ...]
    carry: tuple[Carry, ...] = ()

    @property
    def keyed(self) -> bool:
        """Whether it makes a dict."""
        return self.key is not None or (isinstance(self.value, Star) and isinstance(self.value.value, Dict))


class Argument(Node):
    """A named argument; a None name marks `**value`."""

    name: str | None
    value: "Expr"


class Call(Expression):
    """A call of any kind, its arguments as the author ordered and named them.

    `to` says what is called:

    - ``op``: the library function `name`; tensors are among `args`.
    - ``make``: the library layer `name` is constructed (also `Sequential`, and `partial` of a layer).
    - ``block``: the block `name` of this program is constructed; `dims` are its implicit dims.
    - ``value``: a layer-typed hyperparameter (`callee`) is called to construct a layer; `dims` as for a block.
    - ``apply``: the module `callee` is run on tensors, by its method `name` (usually ``forward``).
    - ``run``: the list of modules `callee` is run in order, each with the same further arguments.
    - ``method``: another method of this block, `name`.
    - ``fn``: the program's function `name`.
    - ``builtin``: `range`, `len`, `enumerate`, `zip`, `min`, `max`, `sum`, `int`, `round`, `ceil`, `floor`, `sqrt`, `log`, ...
    - ``record``: the record `name` is constructed.
    - ``extern``: the extern function `name`, or the constructor of the extern layer `name`.
    - ``init``: the initialiser `name` (`normal(std=0.02)`).

    `style` is how it was written: ``call`` (`f(x)`), ``arrow`` (`x -> f`) or ``method`` (`x.f()`). For the last
    two, `x` is `args[0]`.
    """

    kind: Literal["call"] = "call"
    to: Literal[
        "op",
        "make",
        "block",
        "value",
        "apply",
        "run",
        "method",
        "fn",
        "builtin",
        "record",
        "extern",
        "init",
    ]
    name: str
    callee: "Expr | None" = None
    args: "tuple[Expr, ...]" = ()
    kwargs: tuple[Argument, ...] = ()
    dims: tuple[Argument, ...] = ()
    style: Literal["call", "arrow", "method"] = "call"


Expr = Annotated[
    Literal_
    | Name
    | Attribute
    | Slice
    | Ellipsis_
    | Subscript
    | Unary
    | Binary
    | Compare
    | IfExp
    | Tuple
    | List
    | Dict
    | Star
    | Format
    | Comprehension
    | Call,
    Field(discriminator="kind"),
]


class Target(Node):
    """The left side of an assignment: a name, a dropped value (both None), or several targets."""

    name: str | None = None
    items: "tuple[Target, ...] | None" = None


# --- Statements -----------------------------------------------------------------------------


class Statement(Node):
    """The base of statements; `comments` stood on lines of their own above it, `trailing` at its end."""

    comments: tuple[str, ...] = ()
    trailing: str | None = None


class Assign(Statement):
    """`target = value`; `dims` are the dims that an annotation on it binds for the first time."""

    kind: Literal["assign"] = "assign"
    target: Target
    value: Expr
    dims: "tuple[DimBinding, ...]" = ()


class Append(Statement):
    """`name += value`, for lists of tensors."""

    kind: Literal["append"] = "append"
    name: str
    value: Expr


class Return(Statement):
    kind: Literal["return"] = "return"
    value: Expr


class Require(Statement):
    """A condition of the author's, or a bound that stays open; checked by the generated code where `open`.

    `at` is the earliest time at which all its names are known: construction or call.
    """

    kind: Literal["require"] = "require"
    test: Expr
    message: str
    at: Literal["init", "call"]
    open: bool


class For(Statement):
    kind: Literal["for"] = "for"
    target: Target
    iterable: Expr
    body: "tuple[Stmt, ...]"


class If(Statement):
    kind: Literal["if"] = "if"
    test: Expr
    body: "tuple[Stmt, ...]"
    orelse: "tuple[Stmt, ...]" = ()


Stmt = Annotated[Assign | Append | Return | Require | For | If, Field(discriminator="kind")]


# --- Parts of a block -----------------------------------------------------------------------


class DimBinding(Node):
    """How a call learns a dim: `tensor.size(axis) == scale * name + offset` (texts of dims)."""

    name: str
    tensor: Expr
    axis: int
    scale: str = "1"
    offset: str = "0"


class Hyper(Node):
    """One hyperparameter of a definition, or field of a record."""

    name: str
    type: Type
    default: Expr | None = None


class Let(Node):
    name: str
    value: Expr
    at: Literal["init", "call"]


class Layer(Statement):
    """`name = value` in `layers:`; the value is a constructor call, a container, a comprehension, a choice or none."""

    kind: Literal["layer"] = "layer"
    name: str
    value: Expr


class Param(Statement):
    """A learned tensor (`param`) or a fixed one (`buffer`): an initialiser call or a tensor expression."""

    kind: Literal["param", "buffer"]
    name: str
    type: TensorType
    value: Expr
    persistent: bool = True


Member = Annotated[Layer | Param, Field(discriminator="kind")]


class Tie(Node):
    """`left` is made the same tensor as `right`; both are paths to parameters. Where there is a `test`, only if it holds."""

    left: Expr
    right: Expr
    test: Expr | None = None


class InitRule(Node):
    """An initialiser for the parameters that `layer` (a constructor's name) or `path` selects."""

    layer: str | None = None
    path: Expr | None = None
    parameter: str | None = None
    value: Expr


class Input(Node):
    """An argument of a method; `optional` where it may be none."""

    name: str
    type: Type
    optional: bool = False
    default: Expr | None = None


class Result(Node):
    name: str | None = None
    type: Type


class Method(Node):
    """`forward`, `loss` or another method.

    `dims` says how the call-time dims are read from the inputs; `checks` are the conditions on the caller's
    values that the entry model checks first (`Require` with `at="call"`, in order).
    """

    name: str
    doc: str | None = None
    inputs: tuple[Input, ...]
    results: tuple[Result, ...]
    results_tuple: bool = False
    dims: tuple[DimBinding, ...] = ()
    checks: tuple[Require, ...] = ()
    body: tuple[Stmt, ...]


class Expect(Node):
    """A test that travels with the spec; `text` is its source."""

    test: Expr
    text: str


# --- Definitions ----------------------------------------------------------------------------


class Definition(Node):
    """The base of definitions; `file` indexes `Program.files`."""

    file: int
    name: str
    doc: str | None = None
    comments: tuple[str, ...] = ()


class Constant(Definition):
    kind: Literal["constant"] = "constant"
    value: Expr


class Record(Definition):
    kind: Literal["record"] = "record"
    fields: tuple[Hyper, ...]


class Function(Definition):
    """A function over hyperparameters: its value is one expression."""

    kind: Literal["function"] = "function"
    inputs: tuple[Hyper, ...]
    value: Expr


class TensorFunction(Definition):
    """A function over tensors: a method without a block."""

    kind: Literal["tensor_function"] = "tensor_function"
    method: Method


class Block(Definition):
    """A model (`entry`) or a block.

    `dims` are the implicit dims: keyword arguments of the constructor, behind `hypers`. `body` is there for
    a block that *is* its container (`block ConvBN(...) = Sequential(...)`): a ``make`` call.
    """

    kind: Literal["block"] = "block"
    entry: bool
    hypers: tuple[Hyper, ...]
    dims: tuple[str, ...] = ()
    lets: tuple[Let, ...] = ()
    requires: tuple[Require, ...] = ()
    members: tuple[Member, ...] = ()
    body: Expr | None = None
    ties: tuple[Tie, ...] = ()
    inits: tuple[InitRule, ...] = ()
    methods: tuple[Method, ...] = ()
    expects: tuple[Expect, ...] = ()

    @property
    def constructing(self) -> tuple[Require, ...]:
        """What construction checks: the block's conditions, and those of its methods whose names it knows."""
        inner = (s for m in self.methods for s in m.body if isinstance(s, Require))
        return tuple(r for r in (*self.requires, *inner) if r.open and r.at == "init")


class Variant(Definition):
    """`model ResNet50 = ResNet(...)`: `base` with other values."""

    kind: Literal["variant"] = "variant"
    base: str
    args: tuple[Expr, ...] = ()
    kwargs: tuple[Argument, ...] = ()


class Extern(Definition):
    """A layer or function that somebody wrote in Python: `module` is where to import `name` from."""

    kind: Literal["extern"] = "extern"
    layer: bool
    module: str
    domain: str | None = None
    hypers: tuple[Hyper, ...] = ()
    forward: Method


AnyDefinition = Annotated[
    Constant | Record | Function | TensorFunction | Block | Variant | Extern, Field(discriminator="kind")
]


class File(Node):
    """One source file: its path as given, where its lines start, its module's dotted name, its docstring.

    `lines` are offsets in characters, the first of them 0.
    """

    path: str
    lines: tuple[Offset, ...]
    module: str
    doc: str | None = None

    def line(self, offset: int) -> int:
        """The line of an offset, from 1."""
        return bisect_right(self.lines, offset)


class Program(Node):
    """A checked program: definitions in an order in which each stands behind what it uses."""

    version: Literal["1"] = VERSION
    files: tuple[File, ...]
    definitions: tuple[AnyDefinition, ...]

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As pydantic's, with unions by `kind`."""
        from spec_lang.ir.schema import by_kind  # nobody else needs it

        found: dict[str, Any] = by_kind(super().model_json_schema(*args, **kwargs))
        return found
