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
    result = annotation(d.value.type, imports) if d.value.type else _result(d.value, d, imports)
    lines = define(0, imports.definition(d.name), parameters, result)
    return [*lines, *docstring(4, d.doc or ""), *body, *statement(4, "return ", w.expr(d.value))]


def _result(e: m.Expr, d: m.Function, imports: Imports) -> str:
    """The annotation of a value whose type the program does not say."""
    match e:
        case m.Literal_(value=value) if value is not None:
            return type(value).__name__
        case m.Compare() | m.Unary(op="not") | m.Binary(op="and" | "or"):
            return "bool"
        case m.Binary(op="/"):
            return "float"
        case m.Binary(left=left, right=right):
            kinds = {_result(left, d, imports), _result(right, d, imports)}
            return "float" if "float" in kinds else "int" if kinds == {"int"} else imports.use("Any")
        case m.Unary(operand=operand):
            return _result(operand, d, imports)
        case m.IfExp(body=body, orelse=orelse):
            kinds = {_result(body, d, imports), _result(orelse, d, imports)}
            return " | ".join(sorted(kinds)) if imports.use("Any") not in kinds else "Any"
        case m.Call(to="builtin", name=name, args=args) if name in FUNCTIONS:
            gives = FUNCTIONS[name].gives
            if gives == "first" and args:
                return _result(args[0], d, imports)
            if gives is not None:
                return gives
        case m.Name(id=id_):
            for h in d.inputs:
                if h.name == id_:
                    return annotation(h.type, imports)
        case m.Format():
            return "str"
        case m.List(items=(first, *_)) | m.Tuple(items=(first, *_)) if isinstance(e, m.List):
            return f"list[{_result(first, d, imports)}]"
        case m.Tuple(items=items):
            return f"tuple[{', '.join(_result(x, d, imports) for x in items)}]"
        case m.Comprehension(value=value, key=None):
            return f"list[{_result(value, d, imports)}]"
    return imports.use("Any")
