"""Hyperparameters: the symbols that stand for them, and what uses make of those."""

from __future__ import annotations

from spec_lang.ir.from_ast.names.habits import TYPES
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.hyper_types import NUMBERS, SCALARS, is_mono
from spec_lang.ir.from_ast.values.value import POISON, Env, Maybe, RecordValue, SymList, Value
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Absent, Cond, Dim, Items, Truth, dim, opaque, symbol
from spec_lang.shapes.atom import filled
from spec_lang.shapes.flags import named_choice, named_truth
from spec_lang.shapes.real import named_real
from spec_lang.syntax import ast


def symbolic(
    c: Check, at: Place, name: str, type: ast.Type, args: tuple[Dim, ...] = (), listed: bool = False
) -> Value:
    """A value that stands for all values of a type; `name` is how a spec writes it, `{}` in it for each of `args`.

    Args:
        listed: Whether it is an item of a list, or a part of one: a string there is one that is compared.

    Raises:
        NeedsValue: the type has no such value.
    """
    if isinstance(type, ast.NamedType):
        return _symbolic_named(c, at, name, type, args, listed)
    if isinstance(type, ast.BoundedType):
        if type.base.name not in NUMBERS:
            return unbounded(c, at, type)
        low, high = type_bounds(c, at, type)
        if type.base.name == "float":
            return named_real(name, args)
        return _int(name, low, high, args)
    if isinstance(type, ast.ChoiceType):
        options = tuple(o.value for o in type.options if isinstance(o, ast.String))
        if len(options) < len(type.options):
            raise NeedsValue(frozenset({_text(name, args)}))
        return named_choice(name, options, args)
    if isinstance(type, ast.OptionalType):
        if not _plain(args):
            raise NeedsValue(frozenset({_text(name, args)}))
        absent = Cond.flag(Absent(_text(name, args)))
        return Maybe(absent, symbolic(c, at, name, type.base, args, listed))
    if isinstance(type, ast.TupleType):
        return tuple(symbolic(c, at, f"{name}[{i}]", t, args, listed) for i, t in enumerate(type.items))
    if isinstance(type, ast.ListType):
        return SymList(name, type.item, opaque("len", *args, low=0, text=f"len({name})"), args)
    return c.error(
        "E0506",
        f"the hyperparameter `{_text(name, args)}` cannot be a tensor",
        type,
        help="tensors are inputs of methods, or `param` and `buffer` in `layers:`",
    )


def _text(name: str, args: tuple[Dim, ...]) -> str:
    return filled(name, args) if args else name


def _plain(args: tuple[Dim, ...]) -> bool:
    """Whether these are known indices, so that a name with them is a name."""
    return all(a.const is not None for a in args)


def _symbolic_named(
    c: Check, at: Place, name: str, type: ast.NamedType, args: tuple[Dim, ...], listed: bool
) -> Value:
    if type.name == "int":
        return _int(name, 1, None, args)
    if type.name == "float":
        return named_real(name, args)
    if type.name == "bool":
        return Cond.flag(named_truth(name, args))
    if type.name == "str" and listed:
        return named_choice(name, None, args)
    if type.name in SCALARS:
        raise NeedsValue(frozenset({_text(name, args)}))
    record = at.scope.names.get(type.name)
    if record is None or not isinstance(record.node, ast.Record):
        return unknown_type(c, at, type)
    fields = {}
    for f in record.node.fields:
        text = f"{name}.{f.name.id}"
        fields[f.name.id] = symbolic(c, at.within(record.scope), text, f.type, args, listed)
    return RecordValue(record, fields)


def is_type(at: Place, name: str) -> bool:
    """Whether a name is that of a type: a scalar's, or a record's."""
    found = at.scope.names.get(name)
    return name in SCALARS or (found is not None and isinstance(found.node, ast.Record))


def unknown_type(c: Check, at: Place, type: ast.NamedType) -> Value:
    records = [n for n, d in at.scope.names.items() if isinstance(d.node, ast.Record)]
    hint = TYPES.get(type.name)
    if hint is None and len(type.name) == 1:
        hint = "a tensor's type is its dtype and its dims: `float[N, D]`"
    hint = hint or c.suggestion(type.name, [*SCALARS, *records])
    if type.name in at.scope.broken:
        return POISON
    return c.error("E0204", f"there is no type called `{type.name}`", type, help=hint)


def unbounded(c: Check, at: Place, type: ast.BoundedType) -> Value:
    """The error of a bound on what is no number."""
    if type.base.name not in SCALARS:
        return unknown_type(c, at, type.base)
    return c.error("E0506", f"a `{type.base.name}` has no bounds, only int and float do", type)


def type_bounds(c: Check, at: Place, type: ast.BoundedType) -> tuple[int | None, int | None]:
    """The bounds that `int >= 0` states."""
    with c.trial(at) as trial:
        # The type may be another definition's: nothing is noted of its nodes here.
        value = c.ev(trial.at, type.bound)
        bound = value.const if isinstance(value, Dim) else None
        errors = trial.errors
    if bound is None:
        if type.base.name == "int":
            hint = "what holds between hyperparameters is a `require`"
            c.error("E0506", "a type's bound is a known int", type.bound, help=hint)
        else:
            c.effects.report_again(errors)
        return None, None
    return {">=": (bound, None), ">": (bound + 1, None), "<=": (1, bound), "<": (1, bound - 1)}[type.op]


def bindings(name: str, value: Value, type: ast.Type, env: Env) -> None:
    """What the symbols of one hyperparameter stand for."""
    if isinstance(type, ast.OptionalType):
        env[Absent(name)] = value.absent if isinstance(value, Maybe) else value is None
        if isinstance(value, Maybe):
            value = value.value
        if value is not None:
            bindings(name, value, type.base, env)
    elif isinstance(value, Dim | bool | Cond | float | Real | str | Choice):
        env[name] = value
    elif isinstance(value, RecordValue):
        record = value.definition.node
        assert isinstance(record, ast.Record)
        for f in record.fields:
            bindings(f"{name}.{f.name.id}", value.fields[f.name.id], f.type, env)
    elif isinstance(value, list | tuple):
        env[f"len({name})"] = dim(len(value))
        if isinstance(type, ast.ListType):
            items = tuple(v for v in value if isinstance(v, Dim))
            if len(items) == len(value):
                env[name] = Items("", items)
                env[f"sum({name})"] = sum(items, start=dim(0))
        for i, item in enumerate(value):
            item_type = type.items[i] if isinstance(type, ast.TupleType) else getattr(type, "item", type)
            bindings(f"{name}[{i}]", item, item_type, env)
    elif isinstance(value, SymList):
        env[f"len({name})"] = value.length
        env[name] = _listed(value)


def _listed(value: SymList) -> Items:
    """What stands for a list of unknown length in terms about another."""
    whole = None if value.whole is None else _listed(value.whole)
    return Items(value.name, (), value.args, whole, value.start, value.length)


def abstract(name: str, value: Value) -> Value:
    """A value that a block is checked for on its own, with its ints, and strings that are not known, as symbols again."""
    if isinstance(value, Dim):
        low = value.bounds[0]
        return _int(name, 1 if low is None or low >= 1 else low, None)
    if isinstance(value, list | tuple):
        return type(value)(abstract(f"{name}[{i}]", v) for i, v in enumerate(value))
    if isinstance(value, Cond):
        return Cond.flag(Truth(name))
    if isinstance(value, Real):
        return Real(name)
    if isinstance(value, Choice):
        return Choice(name, value.options)
    if isinstance(value, Maybe):
        return Maybe(Cond.flag(Absent(name)), abstract(name, value.value))
    if isinstance(value, SymList):
        return SymList(name, value.item, opaque(f"len({name})", low=0))
    if isinstance(value, RecordValue):
        fields = {n: abstract(f"{name}.{n}", v) for n, v in value.fields.items()}
        return RecordValue(value.definition, fields)
    return value


def abstract_by_type(c: Check, at: Place, name: str, value: Value, type: ast.Type) -> Value:
    """As `abstract`, where only what has no symbol keeps its value: a model is written for all values of the others."""
    if not has_no_symbol(at, type):
        return symbolic(c, at, name, type)
    if isinstance(type, ast.TupleType) and isinstance(value, tuple):
        parts = enumerate(zip(value, type.items, strict=True))
        return tuple(abstract_by_type(c, at, f"{name}[{i}]", v, t) for i, (v, t) in parts)
    if isinstance(type, ast.ListType) and isinstance(value, list):
        return [abstract_by_type(c, at, f"{name}[{i}]", v, type.item) for i, v in enumerate(value)]
    if isinstance(value, RecordValue):
        record = value.definition
        assert isinstance(record.node, ast.Record)
        there = at.within(record.scope)
        fields = {
            f.name.id: abstract_by_type(c, there, f"{name}.{f.name.id}", value.fields[f.name.id], f.type)
            for f in record.node.fields
        }
        return RecordValue(record, fields)
    return abstract(name, value)


def has_no_symbol(at: Place, type: ast.Type) -> bool:
    """Whether something in a type has no symbol of its own kind, a record's fields included: of a string, nothing is
    known but what it is compared with."""
    if is_mono(type) or (isinstance(type, ast.NamedType) and type.name == "str"):
        return True
    if isinstance(type, ast.OptionalType):
        return has_no_symbol(at, type.base)
    if isinstance(type, ast.ListType):
        return has_no_symbol(at, type.item)
    if isinstance(type, ast.TupleType):
        return any(has_no_symbol(at, t) for t in type.items)
    if not isinstance(type, ast.NamedType):
        return False
    record = at.scope.names.get(type.name)
    if record is None or not isinstance(record.node, ast.Record):
        return False
    return any(has_no_symbol(at.within(record.scope), f.type) for f in record.node.fields)


def _int(name: str, low: int | None, high: int | None, args: tuple[Dim, ...] = ()) -> Dim:
    if name.isidentifier():
        return symbol(name, low, high)
    return opaque("item", *args, low=low, high=high, text=name) if args else opaque(name, low=low, high=high)
