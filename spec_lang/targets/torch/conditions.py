"""Conditions, comparisons and choices between expressions, as a person would turn them."""

from __future__ import annotations

from spec_lang.targets.torch.code import (
    Atom,
    Attr,
    Binary,
    Code,
    Compare,
    IfExp,
    List,
    Tuple,
    Unary,
)
from spec_lang.targets.torch.text import BadProgram

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


def chosen(test: Code, body: Code, orelse: Code) -> Code:
    """`body if test else orelse`, a negated test turned round."""
    if isinstance(test, Unary) and test.op == "not":
        return IfExp(orelse, test.operand, body)
    return IfExp(body, test, orelse)


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
