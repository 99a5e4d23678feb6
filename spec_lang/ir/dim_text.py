"""The sizes in types, which are text, with values for the names in them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from spec_lang.ir import builtins
from spec_lang.ir.arithmetic import Host, HostError, binary, plain, unary
from spec_lang.shapes import Dim

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}

_parsed: dict[str, ast.expr] = {}


def size(text: str, values: Mapping[str, Host], unknown: Callable[[str], Dim] | None = None) -> int | Dim:
    """The value of a dim's text; `unknown` gives the dim behind a name that has no value.

    Raises:
        HostError: a name has no value, or the text's is no size.
    """
    if text.isdigit():
        return int(text)
    if text in values:
        value = plain(values[text])
    else:
        node = _parsed.get(text)
        if node is None:
            node = _parsed[text] = ast.parse(text, mode="eval").body
        value = plain(_value(node, values, unknown))
    if not isinstance(value, int | Dim):
        raise HostError(f"{text} is {value}, which is no size")
    return value


def _value(node: ast.expr, values: Mapping[str, Host], unknown: Callable[[str], Dim] | None) -> Host:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name in values:
                return values[name]
            if unknown is None:
                raise HostError(f"{name} has no value")
            return unknown(name)
        case ast.BinOp(left=left, op=op, right=right):
            operands = _value(left, values, unknown), _value(right, values, unknown)
            return binary(_OPERATORS[type(op)], *operands)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return unary("-", _value(operand, values, unknown))
        case ast.Call(func=ast.Name(id=name), args=args):
            return builtins.call(name, [_value(a, values, unknown) for a in args], {})
        case ast.Subscript(value=of, slice=index):
            return _value(of, values, unknown)[_value(index, values, unknown)]
        case ast.Attribute(value=of, attr=name):
            return _value(of, values, unknown).fields[name]
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, values, unknown) else orelse, values, unknown)
    raise HostError(f"{ast.unparse(node)} is no size")
