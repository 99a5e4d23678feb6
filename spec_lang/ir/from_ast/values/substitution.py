"""Values with other values in place of their symbols."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.value import (
    Case,
    Env,
    Mapped,
    Maybe,
    Parts,
    RecordValue,
    SymList,
    Template,
    Value,
)
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, Items, Pack, TensorType, Undefined, dim, symbol
from spec_lang.shapes.replace import with_lists


def substitute(value: Value, env: Env) -> Value:
    """The value with its symbols replaced; packs are spliced into shapes."""
    if not env:
        return value
    if isinstance(value, Dim):
        return substitute_dim(value, env)
    if isinstance(value, TensorType):
        return substitute_type(value, env)
    if isinstance(value, Cond):
        return substitute_cond(value, env)
    if isinstance(value, Real | Choice):
        return value.substitute(env)
    if isinstance(value, RecordValue):
        fields = {n: substitute(v, env) for n, v in value.fields.items()}
        return RecordValue(value.definition, fields)
    if isinstance(value, SymList):
        return _list_with(value, env)
    if isinstance(value, tuple):
        return tuple(substitute(v, env) for v in value)
    if isinstance(value, list):
        return [substitute(v, env) for v in value]
    if isinstance(value, Template):
        parts = tuple(p if isinstance(p, str) else substitute_dim(p, env) for p in value.parts)
        if all(isinstance(p, str) or p.const is not None for p in parts):
            return "".join(map(str, parts))
        return Template(parts)
    if isinstance(value, Mapped):
        return _mapped(value, env)
    if isinstance(value, Parts):
        return Parts(tuple(_part(p, env) for p in value.parts))
    if isinstance(value, Maybe):
        absent = substitute_cond(value.absent, env)
        if isinstance(absent, bool):
            return None if absent else substitute(value.value, env)
        return Maybe(absent, substitute(value.value, env))
    if isinstance(value, Case):
        cond = substitute_cond(value.cond, env)
        if isinstance(cond, bool):
            return substitute(value.yes if cond else value.no, env)
        return Case(cond, substitute(value.yes, env), substitute(value.no, env))
    return value


def _list_with(value: SymList, env: Env) -> SymList:
    """A list at other indices of those that it is in, or of other lists."""
    args = tuple(substitute_dim(a, env) for a in value.args)
    other = with_lists(env, value.name, args)
    if other is None and all(a is b for a, b in zip(args, value.args, strict=True)):
        return value
    name, args = other or (value.name, args)
    start = None if value.start is None else substitute_dim(value.start, env)
    whole = None if value.whole is None else _list_with(value.whole, env)
    return SymList(name, value.item, substitute_dim(value.length, env), args, whole, start)


def _mapped(value: Mapped, env: Env) -> Mapped:
    """A list whose index keeps apart from what its items get."""
    (own,) = value.index.symbols
    index, inner = value.index, {k: v for k, v in env.items() if k != own}
    taken = _names(tuple(inner.values()))
    if own in taken:
        k = next(k for k in range(2, len(taken) + 3) if f"{own}_{k}" not in taken)
        index = symbol(f"{own}_{k}", *value.index.bounds)
        inner[own] = index
    return Mapped(index, substitute_dim(value.length, env), substitute(value.item, inner))


def _names(value: Value) -> frozenset[str]:
    if isinstance(value, Dim | Cond | Real | Items):
        return value.names
    if isinstance(value, tuple | list):
        return frozenset().union(*map(_names, value))
    if isinstance(value, SymList):
        return _names(value.args)
    if isinstance(value, Maybe):
        return _names((value.absent, value.value))
    if isinstance(value, Case):
        return _names((value.cond, value.yes, value.no))
    return frozenset()


def _part(value: list[Value] | Mapped, env: Env) -> list[Value] | Mapped:
    return _mapped(value, env) if isinstance(value, Mapped) else [substitute(v, env) for v in value]


def substitute_dim(value: Dim, env: Env) -> Dim:
    """As `substitute`, for a size."""
    if value.const is not None:
        return value
    return value.substitute(env)


def substitute_cond(value: Cond, env: Env) -> Cond | bool:
    """As `substitute`, for a condition; a bool where that leaves nothing open.

    A part of `and` or `or` has no value that an earlier one keeps from being asked for.
    """
    if value.op in ("and", "or"):
        decisive = value.op == "or"
        left: Cond | None = None
        for part in value.parts:
            known = substitute_cond(part, env)
            if known is decisive:
                return decisive
            if isinstance(known, Cond):
                left = known if left is None else left | known if decisive else left & known
        return truth(left) if left is not None else not decisive
    try:
        return truth(value.substitute(env))
    except Undefined:
        return False  # it divides by zero for these values, so it does not hold


def substitute_type(value: TensorType, env: Env) -> TensorType:
    """As `substitute`, for a tensor's type."""
    shape: list[Dim | Pack] = []
    for d in value.shape:
        if isinstance(d, Pack):
            shape.extend(env.get(f"*{d.name}", (d,)))  # packs map to shapes
        else:
            shape.append(substitute_dim(d, env))
    return TensorType(value.dtype, tuple(shape))


def truth(cond: Cond | bool) -> Cond | bool:
    """A condition as a bool where it is known without facts."""
    if isinstance(cond, bool):
        return cond
    if cond == Cond.TRUE:
        return True
    return False if cond == Cond.FALSE else cond


def item_at(items: Mapped, index: Dim) -> Value:
    """The item of a list at an index."""
    (own,) = items.index.symbols
    return substitute(items.item, {own: index})


def first_items(items: Mapped, count: int) -> list[Value]:
    """So many items of a list, one by one."""
    return [item_at(items, dim(k)) for k in range(count)]
