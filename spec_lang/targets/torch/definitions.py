"""Constants, records and functions over hyperparameters."""

from __future__ import annotations

from spec_lang.ir import model as m
from spec_lang.ir.builtins import FUNCTIONS
from spec_lang.targets.torch.expressions import PLAIN
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.layout import statement
from spec_lang.targets.torch.names import USED, Scope
from spec_lang.targets.torch.signature import define, frozen_lists, hyperparameter
from spec_lang.targets.torch.text import docstring
from spec_lang.targets.torch.types import annotation
from spec_lang.targets.torch.writer import Writer


def constant(d: m.Constant, imports: Imports) -> list[str]:
    """`NAME = value`; a list is a tuple, since nothing changes it."""
    w = Writer(PLAIN, imports, Scope(USED))
    return statement(0, f"{imports.definition(d.name)} = ", w.expr(frozen_lists(d.value)))


def record(d: m.Record, imports: Imports) -> list[str]:
    """A frozen dataclass."""
    w = Writer(PLAIN, imports, Scope(USED))
    lines = [f"@{imports.use('dataclass')}(frozen=True)", f"class {imports.definition(d.name)}:"]
    lines += docstring(4, d.doc or "")
    if d.doc:
        lines.append("")
    for h in d.fields:
        head = f"{w.scope.local(h.name)}: {annotation(h.type, imports)}"
        if h.default is None:
            lines.append(f"    {head}")
        else:
            lines += statement(4, f"{head} = ", w.expr(frozen_lists(h.default)))
    return lines if d.fields else [*lines, "    pass"]


def function(d: m.Function, imports: Imports) -> list[str]:
    """A function over hyperparameters."""
    w = Writer(PLAIN, imports, Scope(USED, [h.name for h in d.inputs]))
    parameters, body = [], []
    for h in d.inputs:
        parameter, late = hyperparameter(w, h)
        parameters.append(parameter)
        if late is not None:
            body += late.lines(4)
    result = _of_list(d.value, imports) or (
        annotation(d.value.type, imports) if d.value.type else _result(d.value, d, imports)
    )
    lines = define(0, imports.definition(d.name), parameters, result)
    return [*lines, *docstring(4, d.doc or ""), *body, *statement(4, "return ", w.expr(d.value))]


def _of_list(e: m.Expr, imports: Imports) -> str | None:
    """The annotation of a list whose items are written out and have types, alone or in lists; None for anything else."""
    if not isinstance(e, m.List):
        return None
    types = (
        e.type.items
        if isinstance(e.type, m.TupleType)
        else (e.type.item,)
        if isinstance(e.type, m.ListType)
        else ()
    )
    if len(types) not in (1, len(e.items)) or any(isinstance(i, m.Star) for i in e.items):
        return None
    kinds = {
        _of_list(i, imports) or annotation(i.type or t, imports)
        for i, t in zip(e.items, types * len(e.items), strict=False)
    }
    return f"list[{' | '.join(sorted(kinds))}]" if kinds else None


def _result(e: m.Expr, d: m.Function, imports: Imports) -> str:
    """The annotation of a value whose type the program does not say."""
    match e:
        case m.Literal_(value=value) if value is not None:
            return type(value).__name__
        case m.Compare() | m.Unary(op="not") | m.Binary(op="and" | "or"):
            return "bool"
        case m.Binary(op="/"):
            return "float"
        case m.Binary(op=op, left=left, right=right):
            kind = _joined((left, right), d, imports)
            return imports.use("Any") if op == "**" and kind == "int" and _may_be_negative(right, d) else kind
        case m.Unary(operand=operand):
            return _result(operand, d, imports)
        case m.IfExp(test=test, body=body, orelse=orelse):
            there = None if (found := _presence(test)) is None else body if found[1] else orelse
            kinds = set()
            for side in (body, orelse):
                kind = _result(side, d, imports)
                if found is not None and side is there and isinstance(side, m.Name) and side.id == found[0]:
                    kind = kind.removesuffix(" | None")
                kinds |= set(kind.split(" | ")) if "[" not in kind else {kind}
            return " | ".join(sorted(kinds)) if "Any" not in kinds else imports.use("Any")
        case m.Call(to="builtin", name=name, args=args, kwargs=()) if name in FUNCTIONS and args:
            row = FUNCTIONS[name]
            if row.further is not None and len(args) > row.arity[0]:
                return _joined(args[:1], d, imports)
            if row.gives == "numbers":
                return _joined(args, d, imports)
            if row.gives is not None:
                return row.gives
        case m.Call(to="record", name=name):
            return imports.definition(name)
        case m.Call(to="fn", name=name) if isinstance(called := imports.defined(name), m.Function):
            at_home = imports.reading(name) if "." in name else imports
            value = called.value
            return annotation(value.type, at_home) if value.type else _result(value, called, at_home)
        case m.Name(id=id_):
            for h in d.inputs:
                if h.name == id_:
                    return annotation(h.type, imports)
        case m.Format():
            return "str"
        case m.List(items=(_, *_) as items):
            kinds = {_result(i, d, imports) for i in items}
            if kinds <= {"int", "float"} or len(kinds) == 1:
                return f"list[{'float' if 'float' in kinds else kinds.pop()}]"
            return f"list[{imports.use('Any')}]"
        case m.Tuple(items=items):
            return f"tuple[{', '.join(_result(x, d, imports) for x in items)}]"
        case m.Comprehension(value=value, key=None):
            return f"list[{_result(value, d, imports)}]"
    return imports.use("Any")


def _joined(numbers: tuple[m.Expr, ...], d: m.Function, imports: Imports) -> str:
    """The annotation of what is one of these numbers, or made of them; of one list, of its items."""
    kinds = {_result(n, d, imports) for n in numbers}
    if len(numbers) == 1 and isinstance(numbers[0], m.List):
        kinds = {_result(n, d, imports) for n in numbers[0].items}
    elif len(numbers) == 1:
        kinds = {k.removeprefix("Sequence[").removeprefix("list[").removesuffix("]") for k in kinds}
    if kinds <= {"int", "float"} and kinds:
        return "float" if "float" in kinds else "int"
    return imports.use("Any")


def _presence(test: m.Expr) -> tuple[str, bool] | None:
    """The name that a test finds to be there, and whether it is where the test holds."""
    match test:
        case m.Compare(first=m.Name(id=name), ops=(op,), rest=(m.Literal_(value=None),)) if op in (
            "is",
            "is not",
        ):
            return name, op == "is not"
    return None


def _may_be_negative(e: m.Expr, d: m.Function) -> bool:
    """Whether an int may be below 0, so that a power of it is a float."""
    match e:
        case m.Literal_(value=int(value)):
            return value < 0
        case m.Name(id=name):
            kinds = [h.type for h in d.inputs if h.name == name]
            return not any(
                isinstance(k, m.ScalarType) and (k.bound is None or k.bound.endswith((" 0", " 1")))
                for k in kinds
            )
    return True
