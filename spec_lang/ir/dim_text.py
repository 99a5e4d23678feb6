"""The sizes in types, which are text, with values for the names in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spec_lang.ir import builtins
from spec_lang.ir.arithmetic import (
    Host,
    HostError,
    binary,
    chosen,
    compare,
    open_condition,
    plain,
    truth,
    unary,
)
from spec_lang.shapes import Dim, ParseError, TooLarge, Tree, read
from spec_lang.shapes.printing import PREFIXES, SIGNS, render


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
        try:
            value = plain(value_of(read(text), values, unknown))
        except (ParseError, TooLarge, TypeError, AttributeError, LookupError):
            raise HostError(f"{text} is no size") from None
    if not isinstance(value, int | Dim):
        raise HostError(f"{text} is {value}, which is no size")
    return value


def value_of(t: Tree, values: Mapping[str, Host], unknown: Callable[[str], Dim] | None) -> Host:
    """The value of a dim's or condition's tree, as `size` gives that of a text."""
    match t:
        case ("const", value):
            return value
        case ("symbol", name):
            if name in values:
                return values[name]
            if unknown is None:
                raise HostError(f"{name} has no value")
            return unknown(name)
        case (kind, left, right) if kind in SIGNS and kind not in ("and", "or"):
            return binary(SIGNS[kind], value_of(left, values, unknown), value_of(right, values, unknown))
        case (kind, operand) if kind in PREFIXES:
            return unary(PREFIXES[kind], value_of(operand, values, unknown))
        case ("call", name, *args) | ("min" | "max" as name, *args):
            return builtins.call(name, [value_of(a, values, unknown) for a in args], {})
        case ("index", of, index):
            return value_of(of, values, unknown)[value_of(index, values, unknown)]
        case ("slice", *ends):
            return slice(*[None if e is None else value_of(e, values, unknown) for e in ends])
        case ("attribute", of, name):
            return value_of(of, values, unknown).fields[name]
        case ("opaque", inner):
            return value_of(read(inner), values, unknown)
        case ("each", name, item, over, *tests):
            found: list[Host] = []
            for v in value_of(over, values, unknown):
                inner = {
                    **values,
                    **(dict(zip(name, v, strict=True)) if isinstance(name, tuple) else {name: v}),
                }
                if all(truth(value_of(test, inner, unknown)) for test in tests):
                    found.append(value_of(item, inner, unknown))
            return tuple(found)
        case ("tuple" | "list", *items):
            return tuple([value_of(i, values, unknown) for i in items])
        case ("if", ("compare", first, op, second), body, orelse) if (
            cond := open_condition(op, *(value_of(x, values, unknown) for x in (first, second)))
        ) is not None:
            return chosen(cond, *(value_of(x, values, unknown) for x in (body, orelse)))
        case ("if", test, body, orelse):
            return value_of(body if truth(value_of(test, values, unknown)) else orelse, values, unknown)
        case ("and" | "or" as kind, left, right):
            known = value_of(left, values, unknown)
            return known if truth(known) is (kind == "or") else value_of(right, values, unknown)
        case ("compare", first, op, second):
            return compare(op, value_of(first, values, unknown), value_of(second, values, unknown))
    raise HostError(f"{render(t)} is no size")
