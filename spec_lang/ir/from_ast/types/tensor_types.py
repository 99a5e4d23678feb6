"""Types of tensors as a spec writes them."""

from __future__ import annotations

from spec_lang.diagnostics import Span
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.ir.arithmetic import whole
from spec_lang.ir.from_ast.names.habits import DTYPES
from spec_lang.ir.from_ast.names.names import find, lookup
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.choices import as_size
from spec_lang.ir.from_ast.values.elements import element_facts, items_at, varies_along
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.value import (
    POISON,
    Case,
    Enumerate,
    Mapped,
    Maybe,
    Range,
    Reversed,
    SymList,
    Value,
    Zip,
)
from spec_lang.shapes import MAX_DIMS, Cond, Dim, DType, Pack, Real, TensorType, Truth
from spec_lang.syntax import ast

MAX_ITEMS = 256
"""The longest list of tensors whose items are told one by one."""


def type_of(c: Check, at: Place, node: ast.Type) -> Value:
    """A tensor type, or a tuple, list or optional of them."""
    if isinstance(node, ast.TensorType):
        return _tensor_type(c, at, node)
    if isinstance(node, ast.TupleType):
        items = tuple(type_of(c, at, t) for t in node.items)
        return POISON if POISON in items else items
    if isinstance(node, ast.OptionalType):
        inner = type_of(c, at, node.base)
        return POISON if inner is POISON else Maybe(Cond.flag(Truth("?")), inner)
    if isinstance(node, ast.TensorListType):
        return _list_type(c, at, node)
    return c.error("E0404", "a tensor's type is a dtype and its dims: `float[N, D]`", node)


def _tensor_type(c: Check, at: Place, node: ast.TensorType) -> Value:
    dtype = DType.named(node.dtype)
    if dtype is None:
        names = [d.value for d in DType] + ["int"]
        hint = did_you_mean(node.dtype, names, DTYPES) or f"the dtypes are {', '.join(names)}"
        place = Span(node.span.start, node.span.start + len(node.dtype))
        return c.once("E0404", f"there is no dtype called `{node.dtype}`", place, hint)
    shape: list[Dim | Pack] = []
    for d in node.dims:
        one = type_size(c, at, d)
        if one is None:
            return POISON
        shape.append(one)
    if sum(isinstance(d, Pack) for d in shape) > 1:
        return c.error("E0404", "a type has at most one `*` among its dims", node)
    if len(shape) > MAX_DIMS:
        return c.error("E0302", f"a tensor has at most {MAX_DIMS} dims, but this one has {len(shape)}", node)
    return TensorType(dtype, tuple(shape))


def type_size(c: Check, at: Place, node: ast.Expr) -> Dim | Pack | None:
    """One dim of a type; None after a mistake."""
    if isinstance(node, ast.Hole):
        fresh = c.unknown_size("_dim")
        at.frame.wild.add(str(fresh))
        return fresh
    if isinstance(node, ast.Star):
        if isinstance(node.value, ast.Name):
            found = find(c, at, node.value.id)
            if found is not None and isinstance(found[1], Pack):
                return found[1]
        c.error("E0404", "`*` in a type is followed by the name of any number of dims", node)
        return None
    if isinstance(node, ast.Name) and at.frame.untyped and find(c, at, node.id) is None:
        c.effects.taint()
        return None
    value = at.resolve(lookup(c, at, node) if isinstance(node, ast.Name) else c.ev(at, node))
    if value is POISON:
        return None
    value = as_size(value, c.block.hypers)
    if isinstance(value, Pack):
        name = str(value)
        c.error("E0404", f"this is any number of dims: write `{name}`", node)
        return None
    if not isinstance(value, Dim):
        kind = host.kind_of(value)
        hint = whole(value) if isinstance(value, float | Real) else None
        if isinstance(node, ast.String):
            hint = f"names are written without quotes: `{node.value}`"
        elif value is None:
            hint = "a size that may be any has a name: `float[N, 4]`"
        elif isinstance(value, Case):
            hint = "make the size a hyperparameter, or write a block for each case"
        shown = f"`{node.id}` is {kind}" if isinstance(node, ast.Name) else f"this is {kind}"
        c.once("E0404", f"a dim is an int, and {shown}", node, hint)
        return None
    low = at.decide(Cond.ge(value, 0))
    if low is False:
        hint = "a size that may be any has a name: `float[N, 4]`" if value.const == -1 else None
        c.once("E0304", f"a dim cannot be negative: {value}", node, hint)
        return None
    return value


def _list_type(c: Check, at: Place, node: ast.TensorListType) -> Value:
    over, target = node.generator.iterable, node.generator.target
    iterable = c.ev(at, over)
    if iterable is POISON:
        return POISON
    if not isinstance(iterable, Range | SymList | Enumerate | Zip | Reversed | Mapped | list | tuple):
        help = "go over numbers: `for i in range(n)`, `for w in widths`"
        return c.error(
            "E0404",
            f"a list of tensors counts items, which {host.kind_of(iterable)} has not",
            over,
            help=help,
        )
    it = c.rules.items(c, at, iterable, target.id if isinstance(target, ast.Name) else "i", over)
    if it is None:
        return POISON
    if it.length.const is not None and it.length.const <= 0:
        return c.error("E0404", "this list of tensors is empty", over)
    if it.known is not None and len(it.known) <= MAX_ITEMS:
        items: list[Value] = []
        for element in it.known:
            there = at.iteration()
            items.append(
                type_of(c, there, node.item) if c.rules.target(c, there, target, element, over) else POISON
            )
        return POISON if POISON in items else items
    if it.element is None:
        return c.error("E0403", "these items are not known one by one", over)
    there = at.iteration().under(Cond.lt(it.index, it.length), *element_facts(it, it.index))
    if not c.rules.target(c, there, target, it.element, over):
        return POISON
    item = type_of(c, there, node.item)
    if item is POISON:
        return POISON
    (own,) = it.index.symbols
    item = substitute(item, {**items_at(it, it.index), own: it.index})
    if varies_along(it, item):
        return c.error("E0404", "these sizes are no function of the item's place", node.item)
    return Mapped(it.index, it.length, item)
