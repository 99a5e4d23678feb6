"""Hyperparameters: their types, the symbols that stand for them, the values that uses give them."""

from __future__ import annotations

import ast as python
import operator
import re
from collections.abc import Callable
from contextlib import AbstractContextManager

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.base import NeedsValue
from spec_lang.ir.from_ast.habits import TYPES
from spec_lang.ir.from_ast.op_calls import Args
from spec_lang.ir.from_ast.paths import Paths
from spec_lang.ir.from_ast.scope import Def
from spec_lang.ir.from_ast.values import (
    CTORS,
    POISON,
    Case,
    DefCtor,
    FunctionRef,
    Maybe,
    OpCtor,
    Partial,
    RecordValue,
    SymList,
    Value,
)
from spec_lang.ops.kinds import Choice, Real
from spec_lang.ops.signature import HOLE
from spec_lang.shapes import Cond, Dim, dim, opaque, symbol
from spec_lang.syntax import ast
from spec_lang.syntax.walk import same

SCALARS = frozenset({"int", "float", "bool", "str", "layer"})
NUMBERS = frozenset({"int", "float"})
"""The types that may have bounds."""


class Hypers(Paths):
    """Symbols for hyperparameters, and the fit of values to their types."""

    # --- symbols ---

    def symbolic(self, text: str, type: ast.Type) -> Value:
        """A value that stands for all values of a type; `text` is how a spec writes it.

        Raises:
            NeedsValue: the type has no such value.
        """
        if isinstance(type, ast.NamedType):
            return self._symbolic_named(text, type)
        if isinstance(type, ast.BoundedType):
            if type.base.name not in NUMBERS:
                return self.unbounded(type)
            low, high = self.bounds(type)
            if type.base.name == "float":
                return Real(text)
            return _int(text, low, high)
        if isinstance(type, ast.ChoiceType):
            options = tuple(o.value for o in type.options if isinstance(o, ast.String))
            if len(options) < len(type.options):
                raise NeedsValue(frozenset({text}))
            return Choice(text, options)
        if isinstance(type, ast.OptionalType):
            return Maybe(Cond.flag(f"{text} is none"), self.symbolic(text, type.base))
        if isinstance(type, ast.TupleType):
            return tuple(self.symbolic(f"{text}[{i}]", t) for i, t in enumerate(type.items))
        if isinstance(type, ast.ListType):
            return SymList(text, type.item, opaque(f"len({text})", low=0))
        return self.error(
            "E0506",
            f"the hyperparameter `{text}` cannot be a tensor",
            type,
            help="tensors are inputs of methods, or `param` and `buffer` in `layers:`",
        )

    def _symbolic_named(self, text: str, type: ast.NamedType) -> Value:
        if type.name == "int":
            return _int(text, 1, None)
        if type.name == "float":
            return Real(text)
        if type.name == "bool":
            return Cond.flag(text)
        if type.name in SCALARS:
            raise NeedsValue(frozenset({text}))
        record = self.scope.names.get(type.name)
        if record is None or not isinstance(record.node, ast.Record):
            return self.unknown_type(type)
        self.scope.used.add(type.name)
        fields = {}
        for f in record.node.fields:
            with self.in_scope(record):
                fields[f.name.id] = self.symbolic(f"{text}.{f.name.id}", f.type)
        return RecordValue(record, fields)

    def unknown_type(self, type: ast.NamedType) -> Value:
        records = [n for n, d in self.scope.names.items() if isinstance(d.node, ast.Record)]
        hint = TYPES.get(type.name) or self.suggestion(type.name, [*SCALARS, *records])
        if type.name in self.scope.broken:
            return POISON
        return self.error("E0204", f"there is no type called `{type.name}`", type, help=hint)

    def unbounded(self, type: ast.BoundedType) -> Value:
        """The error of a bound on what is no number."""
        if type.base.name not in SCALARS:
            return self.unknown_type(type.base)
        return self.error("E0506", f"a `{type.base.name}` has no bounds, only int and float do", type)

    def in_scope(self, definition: object) -> AbstractContextManager[None]:
        raise NotImplementedError

    def bounds(self, type: ast.BoundedType) -> tuple[int | None, int | None]:
        """The bounds that `int >= 0` states."""
        mark = self.mark()
        value = self.ev(type.bound)
        if not isinstance(value, Dim) or value.const is None:
            if type.base.name == "int":
                self.rollback(mark)
                hint = "what holds between hyperparameters is a `require`"
                self.error("E0506", "a type's bound is a known int", type.bound, help=hint)
            return None, None
        c = value.const
        return {">=": (c, None), ">": (c + 1, None), "<=": (1, c), "<": (1, c - 1)}[type.op]

    # --- values that uses give ---

    def fit(self, value: Value, type: ast.Type, name: str, node: object) -> Value:
        """A value as a hyperparameter's type takes it; what does not fit is reported."""
        value = self.resolve(value)
        if value is POISON:
            return POISON
        if isinstance(value, Case):
            yes, no = self.fit(value.yes, type, name, node), self.fit(value.no, type, name, node)
            return POISON if POISON in (yes, no) else Case(value.cond, yes, no)
        if isinstance(type, ast.BoundedType) and type.base.name not in NUMBERS:
            return self.unbounded(type)
        fitted = self._fitted(value, type)
        if isinstance(type, ast.TensorType | ast.TensorListType):
            return self.symbolic(name, type)
        if fitted is _MISS:
            found = f"`{host.text(value)}`" if isinstance(value, Dim | float | str) else host.kind_of(value)
            if isinstance(value, str):
                found = f'"{value}"'
            return self.error("E0505", f"`{name}` is {type_words(type)}, not {found}", node)
        return fitted if self.within(fitted, type, name, node) else POISON

    def within(self, value: Value, type: ast.Type, name: str, node: object) -> bool:
        """Whether every int in a value lies within its type's bounds; what is not proved is owed."""
        if isinstance(type, ast.NamedType | ast.BoundedType):
            return self.bounded(value, type, name, node)
        if isinstance(type, ast.OptionalType):
            inner = value.value if isinstance(value, Maybe) else value
            return self.within(inner, type.base, name, node)
        if isinstance(value, SymList) and isinstance(type, ast.ListType):
            if same(value.item, type.item):
                return True
            self.error(
                "E0505",
                f"`{name}` is {type_words(type)}, but each item of `{value.text}` is {type_words(value.item)}",
                node,
            )
            return False
        if isinstance(value, list | tuple) and isinstance(type, ast.TupleType | ast.ListType):
            types = type.items if isinstance(type, ast.TupleType) else (type.item,) * len(value)
            return all(
                self.within(v, t, f"{name}[{i}]", node)
                for i, (v, t) in enumerate(zip(value, types, strict=True))
            )
        return True

    def bounded(self, value: Value, type: ast.NamedType | ast.BoundedType, name: str, node: object) -> bool:
        """An int must lie within its type's bounds: 1 unless written otherwise."""
        if not isinstance(value, Dim):
            return True
        low, high = (1, None) if isinstance(type, ast.NamedType) else self.bounds(type)
        conds = [] if low is None else [Cond.ge(value, low)]
        conds += [] if high is None else [Cond.le(value, high)]
        for cond in conds:
            known = self.decide(cond)
            if known is False:
                hint = (
                    f"write its type as `{name}: int >= {value}`"
                    if "[" not in name
                    else f"write the type as `int >= {value}` there"
                    if high is None and value.const is not None
                    else None
                )
                limit = f"at least {low}" if high is None else f"from {low} to {high}"
                self.error("E0507", f"`{name}` is {limit}, but gets {value}", node, help=hint)
                return False
            if known is None:
                self.owe(
                    cond,
                    f"{name} must be {'at least' if high is None else 'within'} {low}: {cond}",
                    node,
                    False,
                )
        return True

    def _fitted(self, value: Value, type: ast.Type) -> Value:
        if isinstance(type, ast.BoundedType):
            type = type.base
        if isinstance(type, ast.NamedType):
            return self._fitted_named(value, type)
        if isinstance(type, ast.ChoiceType):
            return self._fitted_choice(value, type)
        if isinstance(type, ast.OptionalType):
            if value is None:
                return None
            if isinstance(value, Maybe):
                inner = self._fitted(value.value, type.base)
                return _MISS if inner is _MISS else Maybe(value.absent, inner)
            return self._fitted(value, type.base)
        if isinstance(type, ast.TupleType):
            if not isinstance(value, list | tuple) or len(value) != len(type.items):
                return _MISS
            items = tuple(self._fitted(v, t) for v, t in zip(value, type.items, strict=True))
            return _MISS if _MISS in items else items
        if isinstance(type, ast.ListType):
            if isinstance(value, SymList):
                return value
            if not isinstance(value, list | tuple):
                return _MISS
            found = [self._fitted(v, type.item) for v in value]
            return _MISS if any(f is _MISS for f in found) else found
        return _MISS

    def _fitted_named(self, value: Value, type: ast.NamedType) -> Value:
        if type.name == "int":
            return value if isinstance(value, Dim) else _MISS
        if type.name == "float":
            if isinstance(value, Dim):
                return float(value.const) if value.const is not None else Real(f"float({value})")
            return value if isinstance(value, float | Real) else _MISS
        if type.name == "bool":
            return value if isinstance(value, bool | Cond) else _MISS
        if type.name == "str":
            return value if isinstance(value, str | Choice) else _MISS
        if type.name == "layer":
            return value if isinstance(value, (*CTORS, FunctionRef)) else _MISS
        if not isinstance(getattr(self.scope.names.get(type.name), "node", None), ast.Record):
            return self.unknown_type(type)
        fits = isinstance(value, RecordValue) and value.definition is self.scope.names.get(type.name)
        return value if fits else _MISS

    def _fitted_choice(self, value: Value, type: ast.ChoiceType) -> Value:
        for option in type.options:
            if isinstance(option, ast.String):
                if value == option.value:
                    return value
            elif (found := self._fitted(value, option)) is not _MISS:
                return found
        options = [o.value for o in type.options if isinstance(o, ast.String)]
        if isinstance(value, Choice) and value.options and set(value.options) <= set(options):
            return value
        return _MISS

    def record(self, target: DefCtor, args: Args, node: ast.Expr) -> Value:
        """`Config(dim=64)`."""
        record = target.definition.node
        assert isinstance(record, ast.Record)
        values = self.bind_hypers(record.fields, args, target.definition, node, target.definition.name)
        return POISON if values is None else RecordValue(target.definition, values)

    def bind_hypers(
        self, hypers: tuple[ast.Hyper, ...], args: Args, owner: object, node: ast.Expr, name: str
    ) -> dict[str, Value] | None:
        """Each hyperparameter's value from a call's arguments and the defaults; None after a mistake."""
        given, good = self._given(hypers, args, owner, node, name)
        values: dict[str, Value] = {}
        missing = []
        for h in hypers:
            key = h.name.id
            if key in given:
                value, place = given[key]
                if value is HOLE:
                    self.error("E0516", f"{name}'s `{key}` cannot be `_`: say what it is", place)
                    good = False
                    continue
                mark = len(self.diagnostics)
                values[key] = self.fit_in(value, h.type, key, place, owner)
                self._declared(mark, owner, h)
            elif h.default is not None:
                values[key] = self.program.default(owner, h)
                self.tainted |= values[key] is POISON
            else:
                missing.append(key)
                continue
            good &= values[key] is not POISON
        if missing and good:
            assert isinstance(owner, Def)
            labels = [
                Label(owner.source, h.name.span, "has no default") for h in hypers if h.name.id in missing
            ]
            self.error(
                "E0511",
                f"{name} needs {' and '.join(f'`{m}`' for m in missing)}",
                node,
                labels=tuple(labels),
            )
            good = False
        return values if good else None

    def _given(
        self, hypers: tuple[ast.Hyper, ...], args: Args, owner: object, node: ast.Expr, name: str
    ) -> tuple[dict[str, tuple[Value, object]], bool]:
        """The values of a call with their places, by hyperparameter, and whether all of them belong to one."""
        given: dict[str, tuple[Value, object]] = {}
        good = True
        if len(args.values) > len(hypers):
            self.error(
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
            name_place = self.program.keywords.get(id(place), place)
            if key not in known:
                hint = self.suggestion(key, sorted(known)) or (
                    f"it takes {', '.join(h.name.id for h in hypers)}" if hypers else "it takes none"
                )
                what = "field" if isinstance(getattr(owner, "node", None), ast.Record) else "hyperparameter"
                self.error("E0512", f"{name} has no {what} `{key}`", name_place, help=hint)
                good = False
            elif key in given:
                self.error("E0513", f"{name} gets `{key}` twice", name_place)
                good = False
            else:
                given[key] = (value, place)
        return given, good

    def _declared(self, mark: int, owner: object, hyper: ast.Hyper) -> None:
        """Say where the hyperparameter is declared whose value was just refused."""
        assert isinstance(owner, Def)
        label = Label(owner.source, hyper.name.span, "declared here")
        self.diagnostics[mark:] = [d.replace(labels=(*d.labels, label)) for d in self.diagnostics[mark:]]

    def fit_in(self, value: Value, type: ast.Type, name: str, node: object, owner: object) -> Value:
        """As `fit`, the type's names being those of the file that states it."""
        raise NotImplementedError

    # --- from a callee's symbols to a caller's values ---

    def bindings(self, name: str, value: Value, type: ast.Type, env: dict[str, object]) -> None:
        """What the symbols of one hyperparameter stand for."""
        if isinstance(type, ast.OptionalType):
            flag = f"{name} is none"
            if isinstance(value, Maybe):
                env[flag] = value.absent
                value = value.value
            else:
                env[flag] = value is None
            if value is not None:
                self.bindings(name, value, type.base, env)
        elif isinstance(value, (Dim | bool | Cond, float | Real)):
            env[name] = value
        elif isinstance(type, ast.ChoiceType) and isinstance(value, str | Choice):
            for option in type.options:
                if isinstance(option, ast.String):
                    known = host.compare("==", value, option.value)
                    env[f'{name} == "{option.value}"'] = known
        elif isinstance(value, RecordValue):
            record = value.definition.node
            assert isinstance(record, ast.Record)
            for f in record.fields:
                self.bindings(f"{name}.{f.name.id}", value.fields[f.name.id], f.type, env)
        elif isinstance(value, list | tuple):
            env[f"len({name})"] = dim(len(value))
            for i, item in enumerate(value):
                item_type = type.items[i] if isinstance(type, ast.TupleType) else getattr(type, "item", type)
                self.bindings(f"{name}[{i}]", item, item_type, env)
        elif isinstance(value, SymList):
            env[f"len({name})"] = value.length

    def abstract(self, name: str, value: Value) -> Value:
        """A value that a block is checked for on its own, with its ints as symbols again."""
        if isinstance(value, Dim):
            low = value.bounds[0]
            return _int(name, 1 if low is None or low >= 1 else low, None)
        if isinstance(value, list | tuple):
            return type(value)(self.abstract(f"{name}[{i}]", v) for i, v in enumerate(value))
        if isinstance(value, Cond):
            return Cond.flag(name)
        if isinstance(value, Real):
            return Real(name)
        if isinstance(value, Maybe):
            return Maybe(Cond.flag(f"{name} is none"), self.abstract(name, value.value))
        return value


def as_hypers(inputs: tuple[ast.Input, ...]) -> tuple[ast.Hyper, ...]:
    """The inputs of a function over hyperparameters, which are bound like those of a block."""
    return tuple(ast.Hyper(name=i.name, type=i.type, default=i.default, span=i.span) for i in inputs)


def key_of(value: Value) -> object:
    """What tells two values apart for which a block is checked on its own."""
    if isinstance(value, OpCtor):
        return value.op.name
    if isinstance(value, DefCtor):
        return id(value.definition)
    if isinstance(value, FunctionRef):
        return ("function", value.op, id(value.definition), value.builtin)
    if isinstance(value, Partial):
        inner = tuple(key_of(a) for a in value.args), tuple((k, key_of(v)) for k, v in value.kwargs.items())
        return ("partial", key_of(value.ctor), *inner)
    if isinstance(value, list | tuple):
        return (type(value).__name__, *[key_of(v) for v in value])
    if isinstance(value, Dim):
        return ("int", value if value.const is None else None)
    if isinstance(value, Maybe):
        return ("maybe", key_of(value.value))
    if isinstance(value, RecordValue):
        return ("record", *[key_of(v) for v in value.fields.values()])
    return (type(value).__name__, str(value))


def is_mono(type: ast.Type) -> bool:
    """Whether a type has no symbol: a block is checked for each of its values."""
    if isinstance(type, ast.NamedType):
        return type.name in ("layer", "str")
    if isinstance(type, ast.ChoiceType):
        return any(not isinstance(o, ast.String) for o in type.options)
    if isinstance(type, ast.OptionalType):
        return is_mono(type.base)
    if isinstance(type, ast.TupleType):
        return any(map(is_mono, type.items))
    if isinstance(type, ast.ListType):
        return is_mono(type.item)
    return False


def type_words(type: ast.Type) -> str:
    """A hyperparameter's type in a message."""
    if isinstance(type, ast.NamedType):
        article = {"int": "an int", "layer": "a layer's constructor", "str": "a string"}
        return article.get(type.name, f"a {type.name}")
    if isinstance(type, ast.BoundedType):
        return f"{type_words(type.base)} {type.op} {getattr(type.bound, 'text', '...')}"
    if isinstance(type, ast.ChoiceType):
        return " or ".join(
            f'"{o.value}"' if isinstance(o, ast.String) else type_words(o) for o in type.options
        )
    if isinstance(type, ast.OptionalType):
        return f"{type_words(type.base)} or none"
    if isinstance(type, ast.TupleType):
        return f"a tuple of {len(type.items)}"
    if isinstance(type, ast.ListType):
        return f"a list, each item {type_words(type.item)}"
    return "a tensor"


_ORDERS: dict[type, Callable[[float, float], bool]] = {
    python.Lt: operator.lt,
    python.LtE: operator.le,
    python.Gt: operator.gt,
    python.GtE: operator.ge,
    python.Eq: operator.eq,
    python.NotEq: operator.ne,
}


def float_flags(cond: Cond, env: dict[str, object]) -> dict[str, object]:
    """The truths of a condition's flags over floats (`0 <= p <= 1`) that the values in `env` decide or rename."""
    found: dict[str, object] = {}
    for flag in cond.flags:
        if flag in env:
            continue
        names = set(re.findall(r"[A-Za-z_][\w.]*", flag))
        if not names or not names <= set(env):
            continue
        values = {n: env[n] for n in names}
        if all(isinstance(v, float) or (isinstance(v, Dim) and v.const is not None) for v in values.values()):
            known = _truth(flag, {n: float(str(v)) for n, v in values.items()})
            if known is not None:
                found[flag] = known
        elif all(isinstance(v, Real | Dim | float) for v in values.values()):
            found[flag] = Cond.flag(_renamed(flag, values))
    return found


def _renamed(flag: str, values: dict[str, object]) -> str:
    return re.sub(r"[A-Za-z_][\w.]*", lambda m: host.text(values[m.group()]), flag)


def _truth(flag: str, values: dict[str, float]) -> bool | None:
    try:
        tree = python.parse(flag, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(tree, python.Compare):
        return None
    sides: list[float] = []
    for side in (tree.left, *tree.comparators):
        text = python.unparse(side)
        if text in values:
            sides.append(values[text])
        else:
            try:
                sides.append(float(text))
            except ValueError:
                return None
    signs = [_ORDERS.get(type(o)) for o in tree.ops]
    if None in signs:
        return None
    return all(s(a, b) for s, a, b in zip(signs, sides, sides[1:], strict=False) if s is not None)


def _int(text: str, low: int | None, high: int | None) -> Dim:
    return symbol(text, low, high) if text.isidentifier() else opaque(text, low=low, high=high)


class _Miss:
    pass


_MISS = _Miss()
