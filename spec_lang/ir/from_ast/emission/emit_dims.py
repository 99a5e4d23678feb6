"""Dims and conditions as IR expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from spec_lang.ir import model as ir
from spec_lang.ir.model import make
from spec_lang.shapes import Cond, Dim, Tree, read
from spec_lang.shapes.abbreviations import Abbreviation, abbreviated
from spec_lang.shapes.printing import PREFIXES, SIGNS

Resolve = Callable[[str], ir.Expr]
T = TypeVar("T")


def from_dim(d: Dim, resolve: Resolve, functions: Sequence[Abbreviation] = ()) -> ir.Expr:
    """The expression of a dim; `resolve` gives its names, and parts of it are calls of `functions`."""
    tree = d.tree()
    return _expr(abbreviated(tree, functions) if functions else tree, resolve)


def from_cond(cond: Cond, resolve: Resolve) -> ir.Expr:
    """The expression of a condition; `resolve` gives its names."""
    return _expr(cond.tree(), resolve)


def _expr(t: Tree, resolve: Resolve) -> ir.Expr:
    match t:
        case ("symbol", name):
            return resolve(name)
        case (kind, left, right) if kind in SIGNS:
            left, right = _expr(left, resolve), _expr(right, resolve)
            return _node(ir.Binary, op=SIGNS[kind], left=left, right=right)
        case ("opaque", text):
            return _expr(read(text), resolve)
        case ("const", int(value)) if value < 0:
            return _unary("-", _literal(-value))
        case ("const", value):
            return _literal(value)
        case ("neg", ("mul", left, right)):  # -3*x is (-3)*x
            return _node(ir.Binary, op="*", left=_expr(("neg", left), resolve), right=_expr(right, resolve))
        case (kind, operand) if kind in PREFIXES:
            return _unary(PREFIXES[kind], _expr(operand, resolve))
        case ("compare", first, *rest):
            first, others = _expr(first, resolve), _all(rest[1::2], resolve)
            return _node(ir.Compare, first=first, ops=tuple(rest[::2]), rest=others)
        case ("if", test, body, orelse):
            test, body, orelse = _all((test, body, orelse), resolve)
            return _node(ir.IfExp, test=test, body=body, orelse=orelse)
        case ("index", value, ("sub", ("call", "len", whole), ("const", int(k)))) if whole == value and k > 0:
            return _node(ir.Subscript, value=_expr(value, resolve), index=(_unary("-", _literal(k)),))
        case ("index", value, *index):
            return _node(ir.Subscript, value=_expr(value, resolve), index=_all(index, resolve))
        case ("slice", *ends):
            start, stop, step = (None if e is None else _expr(e, resolve) for e in ends)
            return _node(ir.Slice, start=start, stop=stop, step=step)
        case ("attribute", value, name):
            return _node(ir.Attribute, value=_expr(value, resolve), name=name)
        case ("tuple", *items):
            return _node(ir.Tuple, items=_all(items, resolve))
        case ("list", *items):
            return _node(ir.List, items=_all(items, resolve))
        case ("each", name, item, over, *tests):
            names = (name,) if isinstance(name, str) else name
            variables = {n: _node(ir.Name, id=n, ref="loop") for n in names}

            def inside(n: str) -> ir.Expr:
                return variables[n] if n in variables else resolve(n)

            inner = _expr(item, inside)
            targets = tuple([make(ir.Target, name=n, items=None, span=None) for n in names])
            target = targets[0] if len(targets) == 1 else make(ir.Target, name=None, items=targets, span=None)
            generator = make(
                ir.Generator,
                target=target,
                iterable=_expr(over, resolve),
                tests=_all(tests, inside),
                span=None,
            )
            return _node(ir.Comprehension, key=None, value=inner, generators=(generator,), carry=())
        case ("fn", name, *args):
            given = _all(args, resolve)
            return _node(
                ir.Call, to="fn", name=name, callee=None, args=given, kwargs=(), dims=(), style="call"
            )
        case ("call", name, *args):
            return _call(name, _all(args, resolve))
    return _call(t[0], _all(t[1:], resolve))


def _all(trees: Iterable[Tree], resolve: Resolve) -> tuple[ir.Expr, ...]:
    return tuple([_expr(t, resolve) for t in trees])


def _node(cls: type[T], **fields: object) -> T:
    return make(cls, **fields, type=None, span=None)


def _literal(value: object) -> ir.Expr:
    return _node(ir.Literal_, value=value, text=None)


def _unary(op: str, operand: ir.Expr) -> ir.Expr:
    return _node(ir.Unary, op=op, operand=operand)


def _call(name: str, args: tuple[ir.Expr, ...]) -> ir.Expr:
    return _node(ir.Call, to="builtin", name=name, callee=None, args=args, kwargs=(), dims=(), style="call")
