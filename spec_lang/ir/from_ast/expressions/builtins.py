"""Python's own functions, over what is known without the data."""

from __future__ import annotations

import re

from spec_lang.ir.from_ast.expressions.conversions import cased, computed, condition, number_of
from spec_lang.ir.from_ast.expressions.items import known_list, range_length, uncounted
from spec_lang.ir.from_ast.names.habits import METHODS
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.kinds import has_tensor, is_module, is_tensor
from spec_lang.ir.from_ast.values.value import (
    POISON,
    Case,
    Enumerate,
    ListModule,
    Mapped,
    Range,
    RepeatModule,
    SymList,
    Value,
    Zip,
)
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, dim, opaque, symbol
from spec_lang.syntax import ast

_ARITY = {
    "range": (1, 3),
    "enumerate": (1, 2),
    "zip": (1, 100),
    "min": (1, 10_000),
    "max": (1, 10_000),
    "round": (1, 2),
}


def builtin(c: Check, at: Place, name: str, args: Args, node: ast.Expr) -> Value:
    if args.bad:
        return POISON
    values = [number_of(c, at, v, node) if not has_tensor(v) else v for v in args.values]
    if POISON in values:
        return POISON
    if args.kwargs and name not in ("enumerate",):
        return c.error("E0512", f"`{name}` takes no named arguments here", node)
    for i, value in enumerate(values):
        if isinstance(value, Case) and not is_module(value):
            rest = values[:]

            def one(x: Value, i: int = i, rest: list[Value] = rest) -> Value:
                return _builtin(c, at, name, [*rest[:i], x, *rest[i + 1 :]], node)

            return cased(c, at, value, one, node)
    if name == "enumerate" and "start" in args.kwargs:
        values.append(args.kwargs["start"])
    return computed(c, at, lambda: _builtin(c, at, name, values, node), node)


def _builtin(c: Check, at: Place, name: str, values: list[Value], node: ast.Expr) -> Value:
    low, high = _ARITY.get(name, (1, 1))
    if not low <= len(values) <= high:
        wants = f"{low}" if low == high else f"{low} to {high}" if high < 100 else f"at least {low}"
        return c.error(
            "E0510",
            f"`{name}` takes {wants} argument{'s' * (wants != '1')}, but gets {len(values)}",
            node,
        )
    if name == "range":
        return _range(c, values, node)
    if name == "len":
        return length_of(c, values[0], node)
    counted = next((v for v in values if isinstance(v, ListModule) and v.uncounted()), None)
    if counted is not None and name in ("enumerate", "zip", "reversed"):
        return uncounted(c, counted, node)
    if name == "enumerate":
        start = values[1] if len(values) > 1 else dim(0)
        return Enumerate(values[0], start) if isinstance(start, Dim) else POISON
    if name == "zip":
        return Zip(tuple(values))
    if name == "reversed":
        items = known_list(c, values[0], node)
        return POISON if items is None else items[::-1]
    if name in ("min", "max"):
        if any(isinstance(v, SymList) for v in values):
            raise NeedsValue(frozenset(v.text for v in values if isinstance(v, SymList)))
        return host.minmax(name, values)
    if name in ("sum", "all", "any"):
        return _folded(c, at, name, values, node)
    if name == "round" and len(values) == 2:
        return _rounded(values)
    if name in ("int", "round", "ceil", "floor"):
        value = values[0]
        if isinstance(value, Real):
            need_floats(c, value)
        return _along_loops(c, at, host.rounding(name, value))
    if name == "bool":
        return condition(c, at, values[0], node)
    if name == "str":
        return values[0] if isinstance(values[0], str | Choice) else str(values[0])
    return host.real(name, values[0])


def _along_loops(c: Check, at: Place, value: Value) -> Value:
    """An int made of a float, as a function of the variables of the loops around."""
    if not isinstance(value, Dim) or value.const is not None:
        return value
    whole = c
    while whole.caller is not None:
        whole = whole.caller
    running = whole.block.running
    names = {*running.elements, *running.names, *running.indices} | set(at.loops)
    known = {
        n: d for e in at.loops.values() if isinstance(e, Dim) for d in (e,) for n in e.symbols if n == str(e)
    }
    args: list[Dim] = []

    def variable(found: re.Match[str]) -> str:
        if found[0] not in names or found[0] in value.symbols:
            return found[0]
        args.append(known.get(found[0], symbol(found[0])))
        return "{}"

    text = re.sub(
        r"(?<![\w.\"])[A-Za-z_]\w*(?![\w(])", variable, str(value).replace("{", "{{").replace("}", "}}")
    )
    return opaque("int", *args, low=value.bounds[0], high=value.bounds[1], text=text) if args else value


def _rounded(values: list[Value]) -> Value:
    value, digits = values
    if isinstance(value, float) and isinstance(digits, Dim) and digits.const is not None:
        return round(value, digits.const)
    return Real(f"round({value}, {digits})")


def _folded(c: Check, at: Place, name: str, values: list[Value], node: ast.Expr) -> Value:
    items = known_list(c, values[0], node)
    if items is None:
        return POISON
    if name == "sum":
        total: Value = dim(0)
        for item in items:
            total = host.binary("+", total, item)
        return total
    result: Cond | bool = name == "all"
    for item in items:
        cond = condition(c, at, item, node)
        if not isinstance(cond, bool | Cond):
            return POISON
        result = host.conjunction(result, cond) if name == "all" else host.disjunction(result, cond)
    return result


def _range(c: Check, values: list[Value], node: ast.Expr) -> Value:
    for v in values:
        if not isinstance(v, Dim):
            hint = "`//` divides ints" if isinstance(v, float | Real) else None
            return c.error("E0402", f"`range` takes ints, not {host.kind_of(v)}", node, help=hint)
    dims = [v for v in values if isinstance(v, Dim)]
    start, stop = (dim(0), dims[0]) if len(dims) == 1 else dims[:2]
    step = dims[2].const if len(dims) == 3 else 1
    if not step:
        return c.error("E0402", "the step of a range is a known int, and not 0", node)
    return Range(start, stop, step)


def length_of(c: Check, value: Value, node: ast.Expr) -> Value:
    """`len(xs)`."""
    if isinstance(value, list | tuple | str):
        return dim(len(value))
    if isinstance(value, ListModule):
        lengths = (i.length if isinstance(i, RepeatModule) else dim(1) for i in value.items)
        return uncounted(c, value, node) if value.uncounted() else sum(lengths, dim(0))
    if isinstance(value, SymList | Mapped | RepeatModule):
        return value.length
    if isinstance(value, Range):
        return range_length(value)
    if isinstance(value, Enumerate):
        return length_of(c, value.items, node)
    hint = METHODS["size"] if is_tensor(value) else None
    return c.error("E0402", f"{host.kind_of(value)} has no length", node, help=hint)


def need_floats(c: Check, value: Real) -> None:
    """A size computed from a float: an opaque term in a model, by value in a block."""
    if c.caller is not None:
        need_floats(c.caller, value)
        return
    node = c.definition.node
    if isinstance(node, ast.Block) and node.kind == "model":
        return
    names = set(re.findall(r"[A-Za-z_]\w*", value.text)) & set(c.block.hypers)
    if names - set(c.block.mono):
        raise NeedsValue(frozenset(names))
