"""Calls of built-in functions: what their rules ask of the checker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from spec_lang.ir.builtins import Row
from spec_lang.ir.from_ast.expressions.conversions import cased, computed, condition, number_of, text_of
from spec_lang.ir.from_ast.expressions.defined import computed_of
from spec_lang.ir.from_ast.expressions.folding import folded, items_of, known_length
from spec_lang.ir.from_ast.expressions.indexing import as_items
from spec_lang.ir.from_ast.expressions.items import known_list, range_length, uncounted, unnumbered
from spec_lang.ir.from_ast.expressions.lists import backwards, length
from spec_lang.ir.from_ast.names.habits import METHODS
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.choices import join_case
from spec_lang.ir.from_ast.values.kinds import has_tensor, is_module, is_tensor
from spec_lang.ir.from_ast.values.value import (
    POISON,
    Case,
    Enumerate,
    FlatModule,
    ListModule,
    Mapped,
    Parts,
    Range,
    RepeatModule,
    Reversed,
    SymList,
    Value,
    Zip,
)
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim, dim, opaque, root, symbol, template
from spec_lang.shapes.sums import summed
from spec_lang.syntax import ast


def builtin(c: Check, at: Place, row: Row, args: Args, node: ast.Expr) -> Value:
    if args.bad:
        return POISON
    given = [*args.values, *(args.kwargs[name] for name in row.named if name in args.kwargs)]
    values = [number_of(c, at, v, node) if not has_tensor(v) else v for v in given]
    if POISON in values:
        return POISON
    unknown = [name for name in args.kwargs if name not in row.named]
    if unknown:
        wrong = f"has no argument `{unknown[0]}`" if row.named else "takes no named arguments here"
        return c.error("E0512", f"`{row.name}` {wrong}", node)
    for i, value in enumerate(values):
        if isinstance(value, Case) and not is_module(value):
            rest = values[:]

            def one(there: Place, x: Value, i: int = i, rest: list[Value] = rest) -> Value:
                return _called(c, there, row, [*rest[:i], x, *rest[i + 1 :]], node)

            return cased(c, at, value, one, node)
    return computed(c, at, lambda: _called(c, at, row, values, node), node)


def _called(c: Check, at: Place, row: Row, values: list[Value], node: ast.Expr) -> Value:
    if not row.fits(len(values)):
        return c.error("E0510", f"`{row.name}` takes {row.takes}, but gets {len(values)}", node)
    if not computed_of(c, at, row.name, values[0] if values else None, node):
        return POISON
    try:
        found: Value = row.symbolic(_Site(c, at, node), values)
    except _Reported:
        return POISON
    return found


class _Reported(Exception):
    """What a rule asked for was refused, and that is reported."""


class _Site:
    """A call that is checked, as `Site` says."""

    __slots__ = ("at", "c", "node")

    def __init__(self, c: Check, at: Place, node: ast.Expr) -> None:
        self.c = c
        self.at = at
        self.node = node

    def kind(self, value: Value) -> str:
        return host.kind_of(value)

    def binary(self, op: str, a: Value, b: Value) -> Value:
        return host.binary(op, a, b)

    def condition(self, value: Value) -> Cond | bool:
        found = condition(self.c, self.at, value, self.node)
        if not isinstance(found, bool | Cond):
            raise _Reported
        return found

    def joined(self, op: str, a: Cond | bool, b: Cond | bool) -> Cond | bool:
        return host.conjunction(a, b) if op == "and" else host.disjunction(a, b)

    def either(self, cond: Cond, yes: Value, no: Value) -> Value:
        return join_case(cond, yes, no)

    def items(self, value: Value) -> Sequence[Value]:
        found = items_of(self.c, self.at, value) if isinstance(value, SymList | Mapped) else None
        found = known_list(self.c, value, self.node) if found is None else found
        if found is None:
            raise _Reported
        return found

    def folded(self, name: str, value: Value) -> Value:
        found = self._added(value) if name == "sum" else None
        return folded(self.c, self.at, name, value, self.node) if found is None else found

    def _added(self, value: Value) -> Dim | None:
        """The sum of a list of ints of unknown length, where it has a closed form."""
        if not isinstance(value, SymList | Mapped) or known_length(self.at, value) is not None:
            return None
        items = as_items(self.c, self.at, value) if isinstance(value, SymList) else value
        if not isinstance(items.item, Dim):
            return None
        (own,) = items.index.symbols
        found = summed(items.item, own, items.length)
        low = items.item.bounds[0]
        if found is not None and low is not None:
            self.at.facts = self.at.facts.assume(Cond.ge(found, low * items.length))
        return found

    def numbered(self, values: Sequence[Value]) -> None:
        for value in values:
            if isinstance(value, ListModule) and value.uncounted():
                uncounted(self.c, value, self.node)
                raise _Reported

    def whole(self, value: Real, size: Dim) -> Dim:
        need_floats(self.c, value)
        return _of_names(self.at, value, size)

    def text(self, value: Value) -> Value:
        return text_of([value])

    def length(self, value: Value) -> Value:
        return length_of(self.c, value, self.node)

    def range(self, start: Dim, stop: Dim, step: int) -> Value:
        return Range(start, stop, step)

    def enumerate(self, items: Value, start: Dim) -> Value:
        return Enumerate(items, start)

    def reversed(self, items: Value) -> Value:
        if isinstance(items, ListModule) and items.kind != "dict" and len(items.items) == 1:
            (items,) = items.items if isinstance(items.items[0], RepeatModule) else (items,)
        if _counts_parts(items):
            return Reversed(items)
        if _of_unknown_length(items):
            return Reversed(items)
        if isinstance(items, SymList):
            items = as_items(self.c, self.at, items)
        if isinstance(items, Mapped | Parts):
            return backwards(self.c, items)
        return list(self.items(items))[::-1]

    def zip(self, parts: Sequence[Value]) -> Value:
        return Zip(tuple(parts))


def _of_unknown_length(value: Value) -> TypeGuard[RepeatModule]:
    """Whether it is a list of layers whose number is not known."""
    return isinstance(value, RepeatModule) and not value.keyed and value.length.const is None


def _counts_parts(value: Value) -> TypeGuard[ListModule]:
    """Whether it is a container into which lists of layers are spread whose number is not known."""
    if not isinstance(value, ListModule) or value.kind == "dict" or value.flat or value.uncounted():
        return False
    return any(map(_of_unknown_length, value.items))


def length_of(c: Check, value: Value, node: ast.Expr) -> Value:
    """`len(xs)`."""
    if isinstance(value, list | tuple | str):
        return dim(len(value))
    if isinstance(value, FlatModule) or (isinstance(value, ListModule) and value.flat):
        return unnumbered(c, value, node)
    if isinstance(value, ListModule):
        lengths = (i.length if isinstance(i, RepeatModule) else dim(1) for i in value.items)
        return uncounted(c, value, node) if value.uncounted() else sum(lengths, dim(0))
    if isinstance(value, SymList | Mapped | RepeatModule):
        return value.length
    if isinstance(value, Parts):
        return length(value)
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
    names = {root(n) for n in value.names} & set(c.block.hypers)
    if names - set(c.block.mono):
        raise NeedsValue(frozenset(names))


def _of_names(at: Place, value: Real, size: Dim) -> Dim:
    """An int made of a float, as a function of the names in it."""
    known = {n: d for d in at.loops.values() if isinstance(d, Dim) for n in d.symbols if n == str(d)}
    text, names = template(value, symbol)
    args = [known.get(n, symbol(n)) for n in names]
    function = str(size).partition("(")[0]
    return opaque("int", *args, low=size.bounds[0], high=size.bounds[1], text=f"{function}({text})")
