"""Expressions of the IR as Python expressions; what a name stands for is up to the place."""

from __future__ import annotations

from spec_lang.ir import model as m
from spec_lang.ir import operators
from spec_lang.ir.builtins import CONSTANTS, FUNCTIONS
from spec_lang.shapes import ParseError, TooLarge, Tree, read
from spec_lang.shapes.dtype import TORCH_NAMES, DType
from spec_lang.shapes.printing import SIGNS, render
from spec_lang.targets.torch.code import (
    OPERATORS,
    Atom,
    Attr,
    Binary,
    Call,
    Code,
    Compare,
    Comprehension,
    Dict,
    For,
    IfExp,
    Index,
    Kw,
    List,
    Slice,
    Spread,
    Tuple,
    Unary,
    name,
    spliced,
)
from spec_lang.targets.torch.fstrings import fstring
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.names import Scope, safe
from spec_lang.targets.torch.registry import op_class
from spec_lang.targets.torch.text import BadProgram, attribute, identifier, number, string
from spec_lang.targets.torch.walk import names_in

DTYPES = {d.value: name for d, name in TORCH_NAMES.items()} | {"int": TORCH_NAMES[DType.I64]}
_OPPOSITE = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "is": "is not",
    "is not": "is",
    "in": "not in",
    "not in": "in",
}
_MIRROR = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


class Expressions:
    """Turns expressions into Python; places subclass it to say what names are."""

    def __init__(self, imports: Imports, scope: Scope) -> None:
        self.imports = imports
        self.scope = scope
        self.loops: dict[str, str] = {}

    # --- Names ---------------------------------------------------------------------------

    def static(self, name: str) -> Code:
        """A hyperparameter, a dim or a `let`."""
        return Atom(self.scope.local(name))

    def member(self, name: str) -> Code:
        """A layer, a param or a buffer of this block."""
        return Attr(Atom("self"), identifier(name))

    def training(self) -> Code:
        """Whether the module is in training."""
        return Attr(Atom("self"), "training")

    def float_dtype(self) -> Code | None:
        """The model's own float dtype; None where it is the default."""
        return None

    def name(self, e: m.Name) -> Code:
        match e.ref:
            case "hyper" | "dim" | "let":
                return self.static(e.id)
            case "local" | "carry":
                return Atom(self.scope.local(e.id))
            case "loop":
                return Atom(self.loops.get(e.id) or self.scope.local(e.id))
            case "layer" | "param":
                return self.member(e.id)
            case "constant" | "definition":
                return Atom(self.imports.definition(e.id))
            case "op":
                return self.spelled(op_class(e.id).torch or e.id, e.id)
            case "builtin":
                return self.builtin(e.id)

    def builtin(self, id_: str) -> Code:
        if id_ == "training":
            return self.training()
        if id_ in CONSTANTS:
            return self.python(CONSTANTS[id_].python)
        if id_ == "float":
            dtype = self.float_dtype()
            return (
                dtype if dtype is not None else Call(name(f"{self.imports.use('torch')}.get_default_dtype"))
            )
        if id_ in DTYPES:
            return Attr(Atom(self.imports.use("torch")), DTYPES[id_])
        raise BadProgram(f"no built-in is called {id_!r}")

    def spelled(self, torch: str, op: str) -> Code:
        """An op by PyTorch's name, or the helper that the file carries for it."""
        head = torch.partition(".")[0]
        if head in ("nn", "F", "torch", "math"):
            self.imports.use(head)
            return name(torch)
        helper = op_class(op).helper
        if not helper:
            raise BadProgram(f"{op} has no spelling in PyTorch")
        return Atom(self.imports.helper(torch, helper))

    # --- Expressions ----------------------------------------------------------------------

    def expr(self, e: m.Expr) -> Code:
        """The Python expression."""
        match e:
            case m.Literal_(value=None):
                return Atom("None")
            case m.Literal_(value=bool(value)):
                return Atom(str(value))
            case m.Literal_(value=str(text)):
                return string(text)
            case m.Literal_(value=int() | float() as value, text=text):
                code = number(value, text)
                if isinstance(code, Atom) and code.text.startswith(("math.", "-math.")):
                    self.imports.use("math")
                return code
            case m.Name():
                return self.name(e)
            case m.Attribute(value=value, name=attr):
                return Attr(self.expr(value), safe(attr))
            case m.Slice(start=start, stop=stop, step=step):
                return Slice(*(None if x is None else self.expr(x) for x in (start, stop, step)))
            case m.Ellipsis_():
                return Atom("...")
            case m.Subscript(value=value, index=index):
                return Index(self.expr(value), tuple(map(self.expr, index)))
            case m.Unary(op="not", operand=operand):
                return negated(self.expr(operand))
            case m.Unary(op=op, operand=operand):
                return Unary(op, self.expr(operand))
            case m.Binary():
                return self.binary(e)
            case m.Compare(first=first, ops=(op,), rest=(other,)) if isinstance(e.type, m.TensorType):
                return self.elementwise(op, self.expr(first), self.expr(other))
            case m.Compare(first=m.Subscript(value=inside, index=(key,)), ops=("is" | "is not" as op,)) if (
                _is_key(key)
            ):
                return Compare(self.expr(key), (("in" if op == "is not" else "not in", self.expr(inside)),))
            case m.Compare(first=first, ops=ops, rest=rest):
                return compared(self.expr(first), tuple(zip(ops, map(self.expr, rest), strict=True)))
            case m.IfExp(test=test, body=body, orelse=orelse):
                return chosen(self.condition(test), self.expr(body), self.expr(orelse))
            case m.Tuple(items=items):
                return Tuple(tuple(map(self.expr, items)))
            case m.List(items=items):
                return List(tuple(map(self.expr, items)))
            case m.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                return Dict(tuple((None if k is None else self.expr(k), self.expr(v)) for k, v in pairs))
            case m.Star(value=value):
                return Spread(self.expr(value))
            case m.Format(parts=parts):
                return fstring(parts, self.expr)
            case m.Comprehension():
                return self.comprehension(e)
            case m.Call():
                return self.call(e)
            case _:
                raise BadProgram(f"{type(e).__name__} is no expression")

    def elementwise(self, op: str, first: Code, other: Code) -> Code:
        """A comparison of tensors, whose `==` with a truth is no test."""
        truths = {Atom("True"), Atom("False")} & {first, other}
        if op not in ("==", "!=") or not truths:
            return compared(first, ((op, other),))
        tensor = other if first in truths else first
        function = operators.COMPARISONS[op]
        return Call(self.spelled(op_class(function).torch, function), (tensor, *truths))

    def condition(self, e: m.Expr) -> Code:
        """An expression as the test of a branch."""
        return self.expr(e)

    def binary(self, e: m.Binary) -> Code:
        left, right = self.expr(e.left), self.expr(e.right)
        if e.op not in OPERATORS:
            raise BadProgram(f"{e.op!r} is no operator")
        if e.op == "+" and isinstance(e.type, m.ListType):
            return List((*spliced(left), *spliced(right)))
        return Binary(e.op, left, right)

    def target(self, t: m.Target) -> Code:
        if t.items is not None:
            return Tuple(tuple(map(self.target, t.items)), bare=True)
        return Atom("_" if t.name is None else self.scope.local(t.name))

    def comprehension(self, e: m.Comprehension) -> Code:
        """A comprehension; variables that nothing reads become `_`."""
        outer = dict(self.loops)
        try:
            fors = self.clauses(e)
            value = self.item(e.value)
            key = None if e.key is None else self.expr(e.key)
        finally:
            self.loops = outer
        return Comprehension(value, fors, key, "[]" if e.key is None else "{}")

    def item(self, e: m.Expr) -> Code:
        """What a comprehension makes."""
        return self.expr(e)

    def clauses(self, e: m.Comprehension) -> tuple[For, ...]:
        """The `for` and `if` clauses; their variables are known from here on."""
        fors = []
        for i, g in enumerate(e.generators):
            iterable = self.expr(g.iterable)
            later = [e.value, *([e.key] if e.key is not None else []), *g.tests]
            for other in e.generators[i + 1 :]:
                later += [other.iterable, *other.tests]
            target = self.loop_target(g.target, names_in(*later))
            fors.append(For(target, iterable, tuple(map(self.condition, g.tests))))
        return tuple(fors)

    def loop_target(self, t: m.Target, read: set[str]) -> Code:
        if t.items is not None:
            return Tuple(tuple(self.loop_target(x, read) for x in t.items), bare=True)
        if t.name is None or t.name not in read:
            return Atom("_")
        self.loops[t.name] = self.loop_name(t.name)
        return Atom(self.loops[t.name])

    def loop_name(self, name: str) -> str:
        return self.scope.local(name)

    # --- Calls ---------------------------------------------------------------------------

    def call(self, e: m.Call, first: Code | None = None) -> Code:
        """A call; `first` is the code of its first argument where that is known already."""
        match e.to:
            case "make":
                return self.make(e)
            case "block":
                return Call(Atom(self.imports.definition(e.name)), self.arguments(e) + self.dims(e))
            case "value":
                assert e.callee is not None
                return Call(self.expr(e.callee), self.arguments(e) + self.dims(e))
            case "builtin":
                return self.builtin_call(e)
            case "fn" | "record":
                return Call(Atom(self.imports.definition(e.name)), self.arguments(e, first))
            case "extern":
                return Call(Atom(self.imports.definition(e.name)), self.arguments(e, first) + self.dims(e))
            case _:
                raise BadProgram(f"{e.name} cannot be called here")

    def make(self, e: m.Call) -> Code:
        """The constructor call of a library layer."""
        if e.name == "partial":
            return Call(Atom(self.imports.use("partial")), self.arguments(e))
        return Call(self.spelled(op_class(e.name).torch, e.name), self.arguments(e))

    def arguments(self, e: m.Call, first: Code | None = None) -> tuple[Code, ...]:
        """The arguments as the author ordered and named them."""
        args = e.args if first is None else e.args[1:]
        codes = () if first is None else (first,)
        own = e.name if e.to in ("block", "fn", "record") else None
        return (*codes, *map(self.expr, args), *(self.keyword(k, own) for k in e.kwargs))

    def keyword(self, k: m.Argument, definition: str | None = None) -> Code:
        """A named argument; a definition of the program may have had to rename it."""
        if k.name is None:
            return Kw(None, self.expr(k.value))
        key = identifier(k.name) if definition is None else self.imports.parameter(definition, k.name)
        return Kw(key, self.expr(k.value))

    def dims(self, e: m.Call) -> tuple[Code, ...]:
        """The implicit dims of a block's constructor."""
        return tuple(self.keyword(k, e.name if e.to == "block" else None) for k in e.dims)

    def builtin_call(self, e: m.Call) -> Code:
        row = FUNCTIONS.get(e.name)
        if row is None:  # an unknown function where no path leads
            return Call(Atom(identifier(e.name)), self.arguments(e))
        flags = (Kw(flag, Atom(str(value))) for flag, value in row.flags.items())
        return Call(self.python(row.spelling), (*self.arguments(e), *flags))

    def python(self, spelling: str) -> Code:
        """What Python calls `len`, or `math.pi`."""
        module, dot, _ = spelling.partition(".")
        if dot:
            self.imports.use(module)
        return name(spelling)

    # --- Dims as text --------------------------------------------------------------------

    def dim(self, text: str) -> Code:
        """A dim's text as an expression."""
        try:
            return self._dim(read(text))
        except (ParseError, TooLarge):
            raise BadProgram(f"{text!r} is no dim") from None

    def _dim(self, t: Tree) -> Code:
        match t:
            case ("const", int() | float() as value) if not isinstance(value, bool):
                return Atom(str(value))
            case ("symbol", name):
                return self.static(name)
            case ("attribute", value, name):
                return Attr(self._dim(value), attribute(name))
            case ("index", value, *index):
                return Index(self._dim(value), tuple(map(self._dim, index)))
            case ("slice", *ends):
                return Slice(*(None if x is None else self._dim(x) for x in ends))
            case ("tuple", *items):
                return Tuple(tuple(map(self._dim, items)))
            case ("neg", operand):
                return Unary("-", self._dim(operand))
            case (kind, left, right) if kind in SIGNS:
                return Binary(SIGNS[kind], self._dim(left), self._dim(right))
            case ("call", func, *args) | ("min" | "max" as func, *args) if func in FUNCTIONS:
                return Call(self.python(FUNCTIONS[func].spelling), tuple(map(self._dim, args)))
            case _:
                raise BadProgram(f"{render(t)} is no dim")


def chosen(test: Code, body: Code, orelse: Code) -> Code:
    """`body if test else orelse`, a negated test turned round."""
    if isinstance(test, Unary) and test.op == "not":
        return IfExp(orelse, test.operand, body)
    return IfExp(body, test, orelse)


def _is_key(e: m.Expr) -> bool:
    """Whether an index is a dict's: there a layer that is none has no entry."""
    return isinstance(e, m.Format) or (isinstance(e, m.Literal_) and isinstance(e.value, str))


def compared(first: Code, rest: tuple[tuple[str, Code], ...]) -> Code:
    """A comparison, with the constant on the right where there is just one."""
    for op, _ in rest:
        if op not in _OPPOSITE:
            raise BadProgram(f"{op!r} is no comparison")
    if len(rest) != 1:
        return Compare(first, rest)
    op, other = rest[0]
    if isinstance(other, Atom) and other.text in ("True", "False") and op in ("==", "!="):
        return first if (other.text == "True") == (op == "==") else negated(first)
    if isinstance(other, Atom) and other.text == "None" and op in ("==", "!="):
        return Compare(first, (("is" if op == "==" else "is not", other),))
    if op in _MIRROR and _constancy(first) > _constancy(other):
        return Compare(other, ((_MIRROR[op], first),))
    return Compare(first, rest)


def negated(code: Code) -> Code:
    """The opposite condition."""
    match code:
        case Compare(first, ((op, other),)):
            return Compare(first, ((_OPPOSITE[op], other),))
        case Unary(op="not", operand=operand):
            return operand
        case Binary(op="and" | "or" as op, left=left, right=right):
            return Binary("or" if op == "and" else "and", negated(left), negated(right))
        case Atom(text="True"):
            return Atom("False")
        case Atom(text="False"):
            return Atom("True")
        case _:
            return Unary("not", code)


def _constancy(code: Code) -> int:
    """How much like a constant an expression looks: a literal 2, an upper-case name 1."""
    match code:
        case Atom(text):
            if text[:1].isdigit() or text[:1] in "\"'":
                return 2
            return 2 if text in ("True", "False", "None") else int(text.isupper())
        case Attr(_, attr):
            return int(attr.isupper())
        case Unary(op, operand):
            return 0 if op == "not" else _constancy(operand)
        case Binary(op, left, right):
            return 0 if op in ("and", "or") else min(_constancy(left), _constancy(right))
        case Tuple(items) | List(items):
            return min(map(_constancy, items), default=2)
        case _:
            return 0
