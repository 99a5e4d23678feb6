"""Arguments of calls: evaluated, each with its place."""

from __future__ import annotations

from spec_lang.diagnostics import Span
from spec_lang.ir.from_ast.expressions.items import spliced
from spec_lang.ir.from_ast.names.names import find
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.value import POISON, FlatModule, ListModule, RepeatModule, Value
from spec_lang.ops import signature
from spec_lang.shapes import Pack
from spec_lang.syntax import ast


def evaluated(c: Check, at: Place, arguments: tuple[ast.Argument, ...], holes: bool = False) -> Args:
    """The arguments' values; `_` is `signature.HOLE` where `holes` are allowed."""
    result = Args()
    for a in arguments:
        if isinstance(a.value, ast.Hole) and not a.star and holes:
            value: Value = signature.HOLE
        elif a.star == "*" and pack_named(c, at, a.value) is not None:
            result.values.append(pack_named(c, at, a.value))
            result.nodes.append(a.value)
            continue
        else:
            value = c.ev(at, a.value)
        if a.star == "*":
            _spread(c, at, result, value, a.value)
        elif a.star == "**":
            _spread_named(c, result, value, a.value)
        elif a.name is not None:
            place = Span(a.span.start, a.span.start + len(a.name))
            if a.name in result.kwargs:
                c.error("E0513", f"`{a.name}` is given twice", place)
            result.kwargs[a.name] = value
            result.named[a.name] = a.value
            c.program.keywords[a.value] = place
            result.bad |= value is POISON
        else:
            result.values.append(value)
            result.nodes.append(a.value)
            result.bad |= value is POISON
    return result


def pack_named(c: Check, at: Place, node: ast.Expr) -> Pack | None:
    """`*B` where dims are listed: any number of dims."""
    found = find(c, at, node.id) if isinstance(node, ast.Name) else None
    if found is None or not isinstance(found[1], Pack):
        return None
    c.effects.note(c.notes.refs, node.number, found[0])
    return found[1]


def _spread(c: Check, at: Place, result: Args, value: Value, node: ast.Expr) -> None:
    items = spliced(c, at, value, node)
    result.bad |= items is None
    result.values += items or []
    result.nodes += [node] * len(items or [])


def _spread_named(c: Check, result: Args, value: Value, node: ast.Expr) -> None:
    if isinstance(value, ListModule) and value.kind == "dict":
        result.kwargs.update(zip(value.keys, value.items, strict=True))
    elif (isinstance(value, RepeatModule) and value.keyed) or (
        isinstance(value, FlatModule) and value.keys is not None
    ):
        name = f"**{len(result.kwargs)}"  # as many as there are have names of their own
        result.kwargs[name] = value
        result.named[name] = node
    elif value is not POISON:
        c.error("E0403", f"`**` spreads a dict of layers, not {host.kind_of(value)}", node)
        result.bad = True
    else:
        result.bad = True
