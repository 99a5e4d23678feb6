"""Values for hyperparameters, and whether they fit."""

from __future__ import annotations

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.effects import Since
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.hyper_types import NUMBERS, type_words
from spec_lang.ir.from_ast.types.hypers import is_type, symbolic, type_bounds, unbounded, unknown_type
from spec_lang.ir.from_ast.uses.obligations import owe
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.choices import as_size
from spec_lang.ir.from_ast.values.value import (
    CTORS,
    POISON,
    Case,
    DefCtor,
    FunctionRef,
    Maybe,
    RecordValue,
    SymList,
    Value,
)
from spec_lang.ops.kinds import Choice, Real
from spec_lang.ops.signature import HOLE
from spec_lang.shapes import Cond, Dim, operand
from spec_lang.syntax import ast
from spec_lang.syntax.walk import same, walk


class _Miss:
    pass


_MISS = _Miss()


def fit(c: Check, at: Place, value: Value, type: ast.Type, name: str, node: object) -> Value:
    """A value as a hyperparameter's type takes it; what does not fit is reported."""
    value = as_size(at.resolve(value), c.block.hypers)
    if value is POISON:
        return POISON
    if isinstance(value, Case):
        yes, no = fit(c, at, value.yes, type, name, node), fit(c, at, value.no, type, name, node)
        return POISON if POISON in (yes, no) else Case(value.cond, yes, no)
    if isinstance(type, ast.BoundedType) and type.base.name not in NUMBERS:
        return unbounded(c, at, type)
    fitted = _fitted(c, at, value, type)
    if isinstance(type, ast.TensorType | ast.TensorListType):
        return symbolic(c, at, name, type)
    if isinstance(fitted, _Miss):
        found = f"`{operand(value)}`" if isinstance(value, Dim | float | str) else host.kind_of(value)
        if isinstance(value, str):
            found = f'"{value}"'
        return c.error("E0505", f"`{name}` is {type_words(type)}, not {found}", node)
    return fitted if within(c, at, fitted, type, name, node) else POISON


def within(c: Check, at: Place, value: Value, type: ast.Type, name: str, node: object) -> bool:
    """Whether every int in a value lies within its type's bounds; what is not proved is owed."""
    if isinstance(type, ast.NamedType | ast.BoundedType):
        return bounded(c, at, value, type, name, node)
    if isinstance(type, ast.OptionalType):
        inner = value.value if isinstance(value, Maybe) else value
        return within(c, at, inner, type.base, name, node)
    if isinstance(value, SymList) and isinstance(type, ast.ListType):
        if same(value.item, type.item):
            return True
        c.error(
            "E0505",
            f"`{name}` is {type_words(type)}, but each item of `{value.text}` is {type_words(value.item)}",
            node,
        )
        return False
    if isinstance(value, list | tuple) and isinstance(type, ast.TupleType | ast.ListType):
        types = type.items if isinstance(type, ast.TupleType) else (type.item,) * len(value)
        return all(
            within(c, at, v, t, f"{name}[{i}]", node)
            for i, (v, t) in enumerate(zip(value, types, strict=True))
        )
    return True


def bounded(
    c: Check, at: Place, value: Value, type: ast.NamedType | ast.BoundedType, name: str, node: object
) -> bool:
    """An int must lie within its type's bounds: 1 unless written otherwise."""
    if not isinstance(value, Dim):
        return True
    low, high = (1, None) if isinstance(type, ast.NamedType) else type_bounds(c, at, type)
    conds = [] if low is None else [Cond.ge(value, low)]
    conds += [] if high is None else [Cond.le(value, high)]
    for cond in conds:
        known = at.decide(cond)
        if known is False:
            hint = (
                f"write its type as `{name}: int >= {value}`"
                if "[" not in name
                else f"write the type as `int >= {value}` there"
                if high is None and value.const is not None
                else None
            )
            limit = f"at least {low}" if high is None else f"from {low} to {high}"
            c.error("E0507", f"`{name}` is {limit}, but gets {value}", node, help=hint)
            return False
        if known is None:
            owe(
                c,
                at,
                cond,
                f"{name} must be {'at least' if high is None else 'within'} {low}: {cond}",
                node,
                False,
            )
    return True


def _fitted(c: Check, at: Place, value: Value, type: ast.Type) -> Value | _Miss:
    if isinstance(type, ast.BoundedType):
        type = type.base
    if isinstance(type, ast.NamedType):
        return _fitted_named(c, at, value, type)
    if isinstance(type, ast.ChoiceType):
        return _fitted_choice(c, at, value, type)
    if isinstance(type, ast.OptionalType):
        if value is None:
            return None
        if isinstance(value, Maybe):
            inner = _fitted(c, at, value.value, type.base)
            return inner if isinstance(inner, _Miss) else Maybe(value.absent, inner)
        return _fitted(c, at, value, type.base)
    if isinstance(type, ast.TupleType):
        if not isinstance(value, list | tuple) or len(value) != len(type.items):
            return _MISS
        items = [_fitted(c, at, v, t) for v, t in zip(value, type.items, strict=True)]
        fitting = tuple(i for i in items if not isinstance(i, _Miss))
        return fitting if len(fitting) == len(items) else _MISS
    if isinstance(type, ast.ListType):
        if isinstance(value, SymList):
            return value
        if not isinstance(value, list | tuple):
            return _MISS
        found = [f for v in value if not isinstance(f := _fitted(c, at, v, type.item), _Miss)]
        return found if len(found) == len(value) else _MISS
    return _MISS


def _fitted_named(c: Check, at: Place, value: Value, type: ast.NamedType) -> Value | _Miss:
    if type.name == "int":
        return value if isinstance(value, Dim) else _MISS
    if type.name == "float":
        if isinstance(value, Dim):
            return float(value.const) if value.const is not None else Real("float", (value,))
        return value if isinstance(value, float | Real) else _MISS
    if type.name == "bool":
        return value if isinstance(value, bool | Cond) else _MISS
    if type.name == "str":
        return value if isinstance(value, str | Choice) else _MISS
    if type.name == "layer":
        return value if isinstance(value, (*CTORS, FunctionRef)) else _MISS
    if not isinstance(getattr(at.scope.names.get(type.name), "node", None), ast.Record):
        return unknown_type(c, at, type)
    fits = isinstance(value, RecordValue) and value.definition is at.scope.names.get(type.name)
    return value if fits else _MISS


def _fitted_choice(c: Check, at: Place, value: Value, type: ast.ChoiceType) -> Value | _Miss:
    for option in type.options:
        if isinstance(option, ast.String):
            if value == option.value:
                return value
        elif not isinstance(found := _fitted(c, at, value, option), _Miss):
            return found
    options = [o.value for o in type.options if isinstance(o, ast.String)]
    if isinstance(value, Choice) and value.options and set(value.options) <= set(options):
        return value
    return _MISS


def make_record(c: Check, at: Place, target: DefCtor, args: Args, node: ast.Expr) -> Value:
    """`Config(dim=64)`."""
    record = target.definition.node
    assert isinstance(record, ast.Record)
    values = bind_hypers(c, at, record.fields, args, target.definition, node, target.definition.name)
    return POISON if values is None else RecordValue(target.definition, values)


def bind_hypers(
    c: Check, at: Place, hypers: tuple[ast.Hyper, ...], args: Args, owner: Def, node: ast.Expr, name: str
) -> dict[str, Value] | None:
    """Each hyperparameter's value from a call's arguments and the defaults; None after a mistake."""
    given, good = _given(c, hypers, args, owner, node, name)
    values: dict[str, Value] = {}
    missing = []
    for h in hypers:
        key = h.name.id
        if key in given:
            value, place = given[key]
            if value is HOLE:
                c.error("E0516", f"{name}'s `{key}` cannot be `_`: say what it is", place)
                good = False
                continue
            since = c.effects.since()
            values[key] = fit_in(c, at, value, h.type, key, place, owner)
            _declared(since, owner, h)
        elif h.default is not None:
            values[key] = c.program.default(owner, h)
            c.effects.taint(values[key] is POISON)
        else:
            missing.append(key)
            continue
        good &= values[key] is not POISON
    if missing and good:
        labels = [Label(owner.source, h.name.span, "has no default") for h in hypers if h.name.id in missing]
        c.error(
            "E0511",
            f"{name} needs {' and '.join(f'`{m}`' for m in missing)}",
            node,
            labels=tuple(labels),
        )
        good = False
    return values if good else None


def _given(
    c: Check, hypers: tuple[ast.Hyper, ...], args: Args, owner: Def, node: ast.Expr, name: str
) -> tuple[dict[str, tuple[Value, object]], bool]:
    """The values of a call with their places, by hyperparameter, and whether all of them belong to one."""
    given: dict[str, tuple[Value, object]] = {}
    good = True
    if len(args.values) > len(hypers):
        c.error(
            "E0510",
            f"{name} takes {len(hypers)} hyperparameter{'s' * (len(hypers) != 1)}, but gets {len(args.values)}",
            args.nodes[len(hypers)] if len(args.nodes) > len(hypers) else node,
        )
        good = False
    place: object
    for h, value, place in zip(hypers, args.values, args.nodes, strict=False):
        given[h.name.id] = (value, place)
    known = {h.name.id for h in hypers}
    for key, value in args.kwargs.items():
        place = args.named.get(key, node)
        name_place = c.program.keywords.get(place, place)
        if key not in known:
            hint = c.suggestion(key, sorted(known)) or (
                f"it takes {', '.join(h.name.id for h in hypers)}" if hypers else "it takes none"
            )
            what = "field" if isinstance(getattr(owner, "node", None), ast.Record) else "hyperparameter"
            c.error("E0512", f"{name} has no {what} `{key}`", name_place, help=hint)
            good = False
        elif key in given:
            c.error("E0513", f"{name} gets `{key}` twice", name_place)
            good = False
        else:
            given[key] = (value, place)
    return given, good


def _declared(since: Since, owner: Def, hyper: ast.Hyper) -> None:
    """Say where the hyperparameter is declared whose value was just refused."""
    if since.failed:
        label = Label(owner.source, hyper.name.span, "declared here")
        since.amend(lambda d: d.replace(labels=(*d.labels, label)))


def fit_in(c: Check, at: Place, value: Value, type: ast.Type, name: str, node: object, owner: Def) -> Value:
    """As `fit`, the type's names being those of the file that states it, whose own check says which it does not know."""
    there = at if owner.scope is at.scope else at.within(owner.scope)
    if any(isinstance(n, ast.NamedType) and not is_type(there, n.name) for n in walk(type)):
        return POISON
    return fit(c, there, value, type, name, node)
