"""What brackets take out of a tensor, a list or a container of layers."""

from __future__ import annotations

from spec_lang.ir import operators
from spec_lang.ir.from_ast.expressions.conversions import present
from spec_lang.ir.from_ast.expressions.indexing import host_item
from spec_lang.ir.from_ast.expressions.items import known_list, range_length
from spec_lang.ir.from_ast.expressions.op_calls import call_op
from spec_lang.ir.from_ast.layers.paths import module_item
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import POISON, Case, Mapped, Maybe, Range, SymList, Template, Value
from spec_lang.ops.kinds import Choice, SliceOf
from spec_lang.shapes import Dim, TensorType
from spec_lang.syntax import ast


def subscript(c: Check, at: Place, node: ast.Subscript) -> Value:
    value = at.resolve(c.ev(at, node.value))
    index = [_index_item(c, at, i) for i in node.index]
    if value is POISON or POISON in index:
        return POISON
    if isinstance(value, Maybe):
        value = present(c, value, node.value)
        if value is POISON:
            return POISON
    if isinstance(value, TensorType):
        index = [_picks(c, at, i, n) for i, n in zip(index, node.index, strict=True)]
        if POISON in index:
            return POISON
        return call_op(c, at, operators.INDEXING, [value, tuple(index)], {}, node, label="indexing")
    if len(index) != 1:
        hint = "take the tensor out of it first: `y, _ = ...`" if isinstance(value, tuple) else None
        return c.error("E0403", f"{host.kind_of(value)} takes one index", node, help=hint)
    if is_module(value):
        return module_item(c, at, value, index[0], node)
    return host_item(c, at, value, index[0], node)


def _index_item(c: Check, at: Place, node: ast.Expr | ast.Slice | ast.Ellipsis) -> Value:
    if isinstance(node, ast.Ellipsis):
        return ...
    if isinstance(node, ast.Slice):
        ends = [None if e is None else c.ev(at, e) for e in (node.start, node.stop, node.step)]
        if POISON in ends:
            return POISON
        for e, n in zip(ends, (node.start, node.stop, node.step), strict=True):
            if e is not None and not isinstance(e, Dim) and n is not None:
                return c.error("E0403", f"a slice's ends are ints, not {host.kind_of(e)}", n)
        return SliceOf(*ends)  # type: ignore[arg-type]  # each was just seen to be a Dim or None
    value = at.resolve(c.ev(at, node))
    if (
        value is POISON
        or value is None
        or isinstance(
            value, Dim | TensorType | str | Choice | Case | Template | list | Range | SymList | Mapped
        )
    ):
        return value
    return c.error("E0403", f"an index is an int, not {host.kind_of(value)}", node)


def _picks(c: Check, at: Place, index: Value, node: ast.Expr | ast.Slice | ast.Ellipsis) -> Value:
    """The ints of a list that indexes a tensor; whatever else an index is, as it is."""
    if not isinstance(index, list | Range | SymList | Mapped) or isinstance(node, ast.Slice | ast.Ellipsis):
        return index
    length = range_length(index).const if isinstance(index, Range) else 0
    if (isinstance(index, Mapped) and index.length.const is None) or length is None:
        return c.error(
            "E0403",
            "a list that indexes a tensor has as many items for all sizes",
            node,
            help="index with an int tensor: `arange` makes one of any length",
        )
    items = known_list(c, index, node)
    if items is None:
        return POISON
    for item in items:
        if not isinstance(item, Dim):
            return c.error(
                "E0403",
                f"a list that indexes a tensor has ints, not {host.kind_of(item)}",
                node,
                help="index with an int tensor instead, or `where` for a mask",
            )
    c.effects.note(c.notes.listed, node.number, True)
    return items
