"""The types of hyperparameters."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.value import (
    DefCtor,
    FunctionRef,
    Maybe,
    OpCtor,
    Partial,
    RecordValue,
    Value,
)
from spec_lang.ops.kinds import Choice
from spec_lang.shapes import Dim, dim
from spec_lang.syntax import ast

SCALARS = frozenset({"int", "float", "bool", "str", "layer"})


NUMBERS = frozenset({"int", "float"})
"""The types that may have bounds."""


MAX_SAMPLES = 16
"""As many combinations of types are looked at."""


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
    if isinstance(value, Choice):
        return ("choice", value.options)
    if isinstance(value, Maybe):
        return ("maybe", key_of(value.value))
    if isinstance(value, RecordValue):
        return ("record", *[key_of(v) for v in value.fields.values()])
    return (type(value).__name__, str(value))


def is_mono(type: ast.Type, listed: bool = False) -> bool:
    """Whether a type has no symbol: a block is checked for each of its values.

    Args:
        listed: Whether it is of a list's items: a string among these has a symbol, which is compared.
    """
    if isinstance(type, ast.NamedType):
        return type.name == "layer" or (type.name == "str" and not listed)
    if isinstance(type, ast.ChoiceType):
        return any(not isinstance(o, ast.String) for o in type.options)
    if isinstance(type, ast.OptionalType):
        return is_mono(type.base, listed)
    if isinstance(type, ast.TupleType):
        return any(is_mono(item, listed) for item in type.items)
    if isinstance(type, ast.ListType):
        return is_mono(type.item, True)
    return False


def is_host(type: ast.Type) -> bool:
    """Whether what has a type is known without the data, as hyperparameters are."""
    if isinstance(type, ast.OptionalType):
        return is_host(type.base)
    if isinstance(type, ast.TupleType):
        return all(map(is_host, type.items))
    return isinstance(type, ast.NamedType | ast.BoundedType | ast.ChoiceType | ast.ListType)


def choice_of_types(type: ast.Type) -> bool:
    """Whether a value may be of one type or of another, in all or in a part of it."""
    if isinstance(type, ast.ChoiceType):
        return any(not isinstance(o, ast.String) for o in type.options)
    if isinstance(type, ast.OptionalType):
        return choice_of_types(type.base)
    return isinstance(type, ast.TupleType) and any(map(choice_of_types, type.items))


def samples(type: ast.Type) -> list[Value]:
    """A value of each type that a hyperparameter may be of, where there are such that stand for all others."""
    if isinstance(type, ast.ChoiceType):
        return [v for o in type.options for v in ([o.value] if isinstance(o, ast.String) else samples(o))]
    if isinstance(type, ast.OptionalType):
        return [None, *samples(type.base)]
    if isinstance(type, ast.TupleType):
        found: list[tuple[Value, ...]] = [()]
        for item in type.items:
            found = [(*f, v) for f in found for v in samples(item)][:MAX_SAMPLES]
        return list(found)
    if isinstance(type, ast.ListType):
        return [[v, v] for v in samples(type.item)]
    if isinstance(type, ast.BoundedType):
        return samples(type.base)
    known: dict[str, list[Value]] = {"int": [dim(2)], "float": [0.5], "bool": [True, False]}
    return known.get(type.name, []) if isinstance(type, ast.NamedType) else []


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
