"""Expressions of the IR as Python expressions: one function a kind, and its row in `EXPRESSIONS` or `CALLS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
    Index,
    Kw,
    List,
    Slice,
    Spread,
    Tuple,
    Unary,
    iterated,
    listed,
    name,
    spliced,
)
from spec_lang.targets.torch.conditions import chosen, compared, negated
from spec_lang.targets.torch.fstrings import fstring
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.names import Scope, safe
from spec_lang.targets.torch.registry import op_class
from spec_lang.targets.torch.text import BadProgram, attribute, identifier, number, string
from spec_lang.targets.torch.walk import names_in
from spec_lang.targets.torch.writer import Rules, Writer

_MODEL_FLOAT = DType.FLOAT.value
DTYPES = {d.value: name for d, name in TORCH_NAMES.items()} | {"int": TORCH_NAMES[DType.I64]}

# --- Names -----------------------------------------------------------------------------------


def named(w: Writer, e: m.Name) -> Code:
    """What a name stands for."""
    match e.ref:
        case "hyper" | "dim" | "let":
            return w.static(e.id)
        case "local" | "carry" | "loop":
            return Atom(w.scope.local(e.id))
        case "layer" | "param":
            return Attr(Atom("self"), attribute(e.id))
        case "constant" | "definition":
            return Atom(w.imports.definition(e.id))
        case "op":
            return spelled(w.imports, op_class(e.id).torch or e.id, e.id)
        case "builtin":
            return builtin(w, e.id)


def builtin(w: Writer, id_: str) -> Code:
    """A built-in value or dtype."""
    if id_ == "training":
        return w.training()
    if id_ in CONSTANTS:
        return python(w.imports, CONSTANTS[id_].python)
    if id_ == "float":
        dtype = w.float_dtype()
        return dtype if dtype is not None else Call(name(f"{w.imports.use('torch')}.get_default_dtype"))
    if id_ in DTYPES:
        return Attr(Atom(w.imports.use("torch")), DTYPES[id_])
    raise BadProgram(f"no built-in is called {id_!r}")


def spelled(imports: Imports, torch: str, op: str) -> Code:
    """An op by PyTorch's name, or the helper that the file carries for it."""
    head = torch.partition(".")[0]
    if head in ("nn", "F", "torch", "math"):
        imports.use(head)
        return name(torch)
    helper = op_class(op).helper
    if not helper:
        raise BadProgram(f"{op} has no spelling in PyTorch")
    return Atom(imports.helper(torch, helper))


# --- Values and operators ---------------------------------------------------------------------


def _literal(w: Writer, e: m.Literal_) -> Code:
    match e.value:
        case None:
            return Atom("None")
        case bool(value):
            return Atom(str(value))
        case str(text):
            return string(text)
        case value:
            code = number(value, e.text)
            if isinstance(code, Atom) and code.text.startswith(("math.", "-math.")):
                w.imports.use("math")
            return code


def field(w: Writer, e: m.Attribute) -> Code:
    """A record's field, or what a module has."""
    return Attr(w.expr(e.value), safe(e.name))


def _slice(w: Writer, e: m.Slice) -> Code:
    return Slice(*(None if x is None else w.expr(x) for x in (e.start, e.stop, e.step)))


def item(w: Writer, e: m.Subscript) -> Code:
    """A part of a list, a tensor or a container."""
    return Index(w.expr(e.value), tuple(map(w.expr, e.index)))


def _unary(w: Writer, e: m.Unary) -> Code:
    return negated(w.expr(e.operand)) if e.op == "not" else Unary(e.op, w.expr(e.operand))


def _binary(w: Writer, e: m.Binary) -> Code:
    left = w.expr(e.left)
    right = (w.apart() if e.op in ("and", "or") else w).expr(e.right)
    if e.op not in OPERATORS:
        raise BadProgram(f"{e.op!r} is no operator")
    if e.op == "+" and isinstance(e.type, m.ListType):
        return List((*spliced(left), *spliced(right)))
    return Binary(e.op, left, right)


def _compare(w: Writer, e: m.Compare) -> Code:
    match e:
        case m.Compare(first=first, ops=(op,), rest=(other,)) if isinstance(e.type, m.TensorType):
            return elementwise(w, op, w.expr(first), w.expr(other))
        case m.Compare(first=m.Subscript(value=inside, index=(key,)), ops=("is" | "is not" as op,)) if (
            _is_key(key)
        ):
            return Compare(w.expr(key), (("in" if op == "is not" else "not in", w.expr(inside)),))
        case _:
            codes = [w.expr(e.first), w.expr(e.rest[0]), *map(w.apart().expr, e.rest[1:])]
            return compared(codes[0], tuple(zip(e.ops, codes[1:], strict=True)))


def _is_key(e: m.Expr) -> bool:
    """Whether an index is a dict's: there a layer that is none has no entry."""
    return isinstance(e, m.Format) or (isinstance(e, m.Literal_) and isinstance(e.value, str))


def elementwise(w: Writer, op: str, first: Code, other: Code) -> Code:
    """A comparison of tensors, whose `==` with a truth is no test."""
    truths = {Atom("True"), Atom("False")} & {first, other}
    if op not in ("==", "!=") or not truths:
        return compared(first, ((op, other),))
    tensor = other if first in truths else first
    function = operators.COMPARISONS[op]
    return Call(spelled(w.imports, op_class(function).torch, function), (tensor, *truths))


def _if(w: Writer, e: m.IfExp) -> Code:
    test, inner = w.expr(e.test), w.apart()
    return chosen(test, inner.expr(e.body), inner.expr(e.orelse))


# --- Lists and comprehensions -----------------------------------------------------------------


def _dict(w: Writer, e: m.Dict) -> Code:
    pairs = zip(e.keys, e.values, strict=True)
    return Dict(tuple((None if k is None else w.expr(k), w.expr(v)) for k, v in pairs))


def target(scope: Scope, t: m.Target) -> Code:
    """The left side of an assignment."""
    if t.items is not None:
        return Tuple(tuple(target(scope, x) for x in t.items), bare=True)
    return Atom("_" if t.name is None else scope.local(t.name))


def loop_target(w: Writer, t: m.Target, read: set[str]) -> Code:
    """The variables of a loop; those that are not among the names `read` in it are `_`."""
    if t.items is not None:
        return Tuple(tuple(loop_target(w, x, read) for x in t.items), bare=True)
    return Atom("_" if t.name is None or t.name not in read else w.scope.local(t.name))


def comprehension(w: Writer, e: m.Comprehension, value: Callable[[m.Expr], Code]) -> Code:
    """A comprehension; `value` writes what it makes of each item."""
    fors = tuple(_clauses(w, e))
    made = value(e.value)
    key = None if e.key is None else w.apart().expr(e.key)
    return Comprehension(made, fors, key, "[]" if e.key is None else "{}")


def _clauses(w: Writer, e: m.Comprehension) -> list[For]:
    """The `for` and `if` clauses."""
    fors = []
    inner = w.apart()
    for i, g in enumerate(e.generators):
        iterable = iterated((inner if i else w).expr(g.iterable))
        fors.append(For(loop_variables(w, e, i), iterable, tuple(map(inner.expr, g.tests))))
    return fors


def loop_variables(w: Writer, e: m.Comprehension, i: int) -> Code:
    """The variables of a comprehension's clause; those that nothing reads are `_`."""
    later = [e.value, *([e.key] if e.key is not None else []), *e.generators[i].tests]
    for other in e.generators[i + 1 :]:
        later += [other.iterable, *other.tests]
    return loop_target(w, e.generators[i].target, names_in(*later))


# --- Calls ------------------------------------------------------------------------------------


def _block(w: Writer, e: m.Call, first: Code | None) -> Code:
    return Call(Atom(w.imports.definition(e.name)), arguments(w, e) + dims(w, e))


def _value(w: Writer, e: m.Call, first: Code | None) -> Code:
    assert e.callee is not None
    return Call(w.expr(e.callee), arguments(w, e) + dims(w, e))


def function_call(w: Writer, e: m.Call, first: Code | None) -> Call:
    """A call of a function or record of the program."""
    return Call(Atom(w.imports.definition(e.name)), arguments(w, e, first))


def _extern(w: Writer, e: m.Call, first: Code | None) -> Code:
    return Call(Atom(w.imports.definition(e.name)), arguments(w, e, first) + dims(w, e))


def make(w: Writer, e: m.Call, first: Code | None = None) -> Call:
    """The constructor call of a library layer."""
    if e.name == "partial":
        return Call(Atom(w.imports.use("partial")), arguments(w, e))
    return Call(spelled(w.imports, op_class(e.name).torch, e.name), arguments(w, e))


def arguments(w: Writer, e: m.Call, first: Code | None = None) -> tuple[Code, ...]:
    """The arguments as the author ordered and named them."""
    args = e.args if first is None else e.args[1:]
    codes = () if first is None else (first,)
    own = e.name if e.to in ("block", "fn", "record") else None
    return (*codes, *map(w.expr, args), *(keyword(w, k, own) for k in e.kwargs))


def keyword(w: Writer, k: m.Argument, definition: str | None = None) -> Code:
    """A named argument; a definition of the program may have had to rename it."""
    if k.name is None:
        return Kw(None, w.expr(k.value))
    key = identifier(k.name) if definition is None else w.imports.parameter(definition, k.name)
    return Kw(key, w.expr(k.value))


def dims(w: Writer, e: m.Call) -> tuple[Code, ...]:
    """The implicit dims of a block's constructor."""
    return tuple(keyword(w, k, e.name if e.to == "block" else None) for k in e.dims)


def builtin_call(w: Writer, e: m.Call, first: Code | None = None, *, strict: bool = False) -> Code:
    """A call of a built-in function; `strict` where the lists of a `zip` are known to be of one length."""
    row = FUNCTIONS.get(e.name)
    if row is None:
        raise BadProgram(f"there is no built-in function {e.name!r}")
    flags = (Kw(flag, Atom(str(value or strict))) for flag, value in row.flags.items())
    given = arguments(w, e)
    if row.iterates and e.name != "reversed":
        given = tuple(map(iterated, given))
    call = Call(python(w.imports, row.spelling), (*gone_through(e.name, given), *flags))
    return listed(call) if row.iterates else call


def gone_through(builtin: str, given: tuple[Code, ...]) -> tuple[Code, ...]:
    """The arguments of a built-in function; one that looks at items one by one needs no list of them."""
    match given:
        case (Comprehension(key=None, brackets="[]") as items,) if builtin in ("all", "any"):
            return (items._replace(brackets=""),)
    return given


def python(imports: Imports, spelling: str) -> Code:
    """What Python calls `len`, or `math.pi`."""
    module, dot, _ = spelling.partition(".")
    if dot:
        imports.use(module)
    return name(spelling)


EXPRESSIONS: Mapping[type[m.Node], Callable[[Any, Any], Code]] = {
    m.Literal_: _literal,
    m.Name: named,
    m.Attribute: field,
    m.Slice: _slice,
    m.Ellipsis_: lambda w, e: Atom("..."),
    m.Subscript: item,
    m.Unary: _unary,
    m.Binary: _binary,
    m.Compare: _compare,
    m.IfExp: _if,
    m.Tuple: lambda w, e: Tuple(tuple(map(w.expr, e.items))),
    m.List: lambda w, e: List(tuple(map(w.expr, e.items))),
    m.Dict: _dict,
    m.Star: lambda w, e: Spread(w.expr(e.value)),
    m.Format: lambda w, e: fstring(e.parts, w.expr),
    m.Comprehension: lambda w, e: comprehension(w, e, w.apart().expr),
    m.Call: lambda w, e: w.call(e),
}
CALLS: Mapping[str, Callable[[Any, m.Call, Code | None], Code]] = {
    "make": make,
    "block": _block,
    "value": _value,
    "builtin": builtin_call,
    "fn": function_call,
    "record": function_call,
    "extern": _extern,
}
PLAIN = Rules(EXPRESSIONS, CALLS)
"""Expressions over hyperparameters, outside of blocks."""

# --- Dims as text --------------------------------------------------------------------


def dim(w: Writer, text: str) -> Code:
    """A dim's text as an expression."""
    try:
        return _dim(w, read(text))
    except (ParseError, TooLarge):
        raise BadProgram(f"{text!r} is no dim") from None


def _dim(w: Writer, t: Tree) -> Code:
    match t:
        case ("const", int() | float() as value) if not isinstance(value, bool):
            return Atom(str(value))
        case ("symbol", name):
            return w.static(name)
        case ("attribute", value, name):
            return Attr(_dim(w, value), attribute(name))
        case ("index", value, *index):
            return Index(_dim(w, value), tuple(_dim(w, x) for x in index))
        case ("slice", *ends):
            return Slice(*(None if x is None else _dim(w, x) for x in ends))
        case ("tuple", *items):
            return Tuple(tuple(_dim(w, x) for x in items))
        case ("neg", operand):
            return Unary("-", _dim(w, operand))
        case (kind, left, right) if kind in SIGNS:
            return Binary(SIGNS[kind], _dim(w, left), _dim(w, right))
        case ("call", func, *args) | ("min" | "max" as func, *args) if func in FUNCTIONS:
            given = gone_through(func, tuple(_dim(w, x) for x in args))
            return Call(python(w.imports, FUNCTIONS[func].spelling), given)
        case _:
            raise BadProgram(f"{render(t)} is no dim")
