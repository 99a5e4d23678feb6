"""Dims and conditions as IR expressions, through their text, which is also Python's syntax."""

from __future__ import annotations

import ast as python
from collections.abc import Callable
from typing import Literal

from spec_lang.ir import model as ir
from spec_lang.ir.model import make

Resolve = Callable[[str], ir.Expr]
_OPS: dict[type, str] = {
    python.Add: "+",
    python.Sub: "-",
    python.Mult: "*",
    python.Div: "/",
    python.FloorDiv: "//",
    python.Mod: "%",
    python.Pow: "**",
    python.BitAnd: "&",
    python.BitOr: "|",
    python.BitXor: "^",
    python.LShift: "<<",
    python.RShift: ">>",
    python.Eq: "==",
    python.NotEq: "!=",
    python.Lt: "<",
    python.LtE: "<=",
    python.Gt: ">",
    python.GtE: ">=",
    python.Is: "is",
    python.IsNot: "is not",
    python.In: "in",
    python.NotIn: "not in",
    python.And: "and",
    python.Or: "or",
}
_SIGNS: dict[type, Literal["-", "+", "~", "not"]] = {
    python.Not: "not",
    python.USub: "-",
    python.UAdd: "+",
    python.Invert: "~",
}
_WORDS = {"none": None, "true": True, "false": False}


def from_text(text: str, resolve: Resolve) -> ir.Expr:
    """The expression that a dim's or condition's text says; `resolve` gives its names."""
    return _expr(python.parse(text, mode="eval").body, resolve)


def _expr(node: python.expr, resolve: Resolve) -> ir.Expr:
    match node:
        case python.Constant(value=value):
            assert value is None or isinstance(value, bool | int | float | str)
            return make(ir.Literal_, value=value, text=None, type=None, span=None)
        case python.Name(id=name) if name in _WORDS:
            return make(ir.Literal_, value=_WORDS[name], text=None, type=None, span=None)
        case python.Name(id=name):
            return resolve(name)
        case python.BinOp(left=left, op=op, right=right):
            return _binary(_OPS[type(op)], _expr(left, resolve), _expr(right, resolve))
        case python.BoolOp(op=op, values=values):
            result = _expr(values[0], resolve)
            for further in values[1:]:
                result = _binary(_OPS[type(op)], result, _expr(further, resolve))
            return result
        case python.UnaryOp(op=sign, operand=operand):
            return make(
                ir.Unary, op=_SIGNS[type(sign)], operand=_expr(operand, resolve), type=None, span=None
            )
        case python.Compare(left=left, ops=ops, comparators=rest):
            return make(
                ir.Compare,
                first=_expr(left, resolve),
                ops=tuple(_OPS[type(o)] for o in ops),
                rest=tuple(_expr(r, resolve) for r in rest),
                type=None,
                span=None,
            )
        case python.IfExp(test=test, body=body, orelse=orelse):
            return make(
                ir.IfExp,
                test=_expr(test, resolve),
                body=_expr(body, resolve),
                orelse=_expr(orelse, resolve),
                type=None,
                span=None,
            )
        case python.Subscript(value=base, slice=index):
            items = index.elts if isinstance(index, python.Tuple) else [index]
            return make(
                ir.Subscript,
                value=_expr(base, resolve),
                index=tuple(_expr(i, resolve) for i in items),
                type=None,
                span=None,
            )
        case python.Attribute(value=owner, attr=attr):
            return make(ir.Attribute, value=_expr(owner, resolve), name=attr, type=None, span=None)
        case python.Tuple(elts=elts):
            return make(ir.Tuple, items=tuple(_expr(i, resolve) for i in elts), type=None, span=None)
        case python.Call(func=python.Name(id=func), args=args):
            return make(
                ir.Call,
                to="builtin",
                name=func,
                callee=None,
                args=tuple(_expr(a, resolve) for a in args),
                kwargs=(),
                dims=(),
                style="call",
                type=None,
                span=None,
            )
    raise AssertionError(python.dump(node))


def _binary(op: str, left: ir.Expr, right: ir.Expr) -> ir.Expr:
    return make(ir.Binary, op=op, left=left, right=right, type=None, span=None)
