"""Types as the IR has them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from spec_lang.diagnostics import Source
from spec_lang.ir import model as ir
from spec_lang.ir.from_ast.names.scope import Scope
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import (
    BlockModule,
    Case,
    FlatModule,
    ListModule,
    Mapped,
    Maybe,
    OpModule,
    RepeatModule,
    Value,
)
from spec_lang.ir.model import make
from spec_lang.shapes import Dim, TensorType, symbol
from spec_lang.syntax import ast

_SCALARS: dict[str, Literal["int", "float", "bool", "str", "layer"]] = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "layer": "layer",
}


def value_type(value: Value) -> ir.Type | None:
    """The type of what an expression gives, where the IR has one for it."""
    if isinstance(value, TensorType):
        return _tensor(str(value.dtype), tuple(map(str, value.shape)))
    if isinstance(value, tuple):
        return _several(value)
    if isinstance(value, list):
        items = [value_type(v) for v in value]
        if items and items[0] is not None and all(v == value[0] for v in value):
            return make(ir.ListType, item=items[0], length=str(len(value)), index=None, span=None)
        return _several(tuple(value))
    if isinstance(value, Mapped):
        return _mapped(value)
    if isinstance(value, Maybe):
        base = value_type(value.value)
        return None if base is None else make(ir.OptionalType, base=base, span=None)
    if isinstance(value, Dim):
        return make(ir.ScalarType, name="int", bound=None, span=None)
    return _module(value)


# Equal types are one node: most layers have their neighbours' types.
@lru_cache(1024)
def _tensor(dtype: str, dims: tuple[str, ...]) -> ir.TensorType:
    return make(ir.TensorType, dtype=dtype, dims=dims, span=None)


@lru_cache(1024)
def _named(name: str) -> ir.ModuleType:
    return make(ir.ModuleType, name=name, span=None)


def _mapped(value: Mapped) -> ir.Type | None:
    """A list's type; its index is only known inside, and is called as the author called it."""
    (own,) = value.index.symbols
    wanted = name = re.sub(r"(_\d+)+$", "", own)
    inner = value.item
    taken = (type_symbols(inner) | value.length.symbols) - {own}
    n = 2
    while name in taken:
        name, n = f"{wanted}_{n}", n + 1
    item = value_type(substitute(inner, {own: symbol(name, 0)}))
    return (
        None
        if item is None
        else make(ir.ListType, item=item, length=str(value.length), index=name, span=None)
    )


def _several(values: tuple[Value, ...]) -> ir.Type | None:
    items = tuple(value_type(v) for v in values)
    if not items or any(i is None for i in items):
        return None
    return make(ir.TupleType, items=tuple(i for i in items if i is not None), span=None)


def _module(value: Value) -> ir.Type | None:
    if isinstance(value, OpModule):
        return _named(type(value.layer).name)
    if isinstance(value, BlockModule):
        return _named(value.summary.definition.name)
    if isinstance(value, ListModule):
        names = {"list": "ModuleList", "dict": "ModuleDict", "sequential": "Sequential"}
        return _named(names[value.kind])
    if isinstance(value, RepeatModule):
        return _named("ModuleDict" if value.keyed else "ModuleList")
    if isinstance(value, FlatModule):
        return _named("ModuleList")
    if isinstance(value, Case):
        yes, no = _module(value.yes), _module(value.no)
        return yes if yes == no else None
    return None


def hyper_type(node: ast.Type, scope: Scope, source: Source) -> ir.Type:
    """The type of a hyperparameter, which is written in a source."""
    if isinstance(node, ast.NamedType):
        if node.name in _SCALARS:
            return make(ir.ScalarType, name=_SCALARS[node.name], bound=None, span=None)
        record = scope.names.get(node.name)
        return make(ir.RecordType, name=node.name if record is None else scope.path(record), span=None)
    if isinstance(node, ast.BoundedType):
        text = source.at(node.bound.span)
        return make(ir.ScalarType, name=_SCALARS[node.base.name], bound=f"{node.op} {text}", span=None)
    if isinstance(node, ast.ChoiceType):
        return make(
            ir.ChoiceType,
            values=tuple(o.value for o in node.options if isinstance(o, ast.String)),
            types=tuple(hyper_type(o, scope, source) for o in node.options if not isinstance(o, ast.String)),
            span=None,
        )
    if isinstance(node, ast.TupleType):
        return make(ir.TupleType, items=tuple(hyper_type(t, scope, source) for t in node.items), span=None)
    if isinstance(node, ast.ListType):
        return make(
            ir.ListType, item=hyper_type(node.item, scope, source), length=None, index=None, span=None
        )
    if isinstance(node, ast.OptionalType):
        return make(ir.OptionalType, base=hyper_type(node.base, scope, source), span=None)
    raise AssertionError(node)
