"""A model's class serves every value of what is checked by value: strings, types to choose from, and lists and records of them."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.diagnostics import Diagnostic, Label
from spec_lang.ir.from_ast.definitions.agreement import differs
from spec_lang.ir.from_ast.definitions.block import check_definition
from spec_lang.ir.from_ast.definitions.checked import Checked, checked
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check, Program
from spec_lang.ir.from_ast.state.mistake import Mistake
from spec_lang.ir.from_ast.types.hyper_types import key_of, samples
from spec_lang.ir.from_ast.values.value import Cell, MethodSummary, Owed, RecordValue, Summary, Value
from spec_lang.shapes import Facts, Verdict
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk

MANY = 64
"""As many strings a program may name that has a model of any string; the model is checked for each."""

_FRESH = "any other string"


def hold_for_others(
    k: Known, program: Program, definition: Def, hypers: tuple[ast.Hyper, ...], values: dict[str, Value]
) -> None:
    """Refuse a model whose class is right for a default alone.

    What layers such a value chooses, the constructor chooses again; the sizes of others are as the check found them.
    What tells strings apart are those that the spec names: they stand for all others, with one that it does not name.
    """
    general = k.by_definition[definition][0]
    for hyper in hypers:
        name, value = hyper.name.id, values[hyper.name.id]
        if k.diagnostics or name not in general.summary.mono:
            continue
        strings = _strings(k)
        for other in _others(hyper.type, value, strings):
            if key_of(other) == key_of(value):
                continue
            if len(strings) > MANY:
                k.report(definition, _too_many(definition, hyper, len(strings)))
                break
            values_of_one = {**general.summary.mono, name: other}
            key = "other", definition, tuple((n, key_of(v)) for n, v in values_of_one.items())
            k.running.append(definition)
            with k.aside() as found:
                c, _, needs = k.check(key, Check(program, definition, values_of_one), check_definition)
                k.running.pop()
                if needs is not None:
                    continue
                found += c.effects.take()
            wrong = _wrong(general, c, found, definition, hyper, value, other)
            if wrong is not None:
                k.report(definition, wrong)
                break


def _wrong(
    general: Checked,
    c: Check,
    found: list[Diagnostic],
    definition: Def,
    hyper: ast.Hyper,
    value: Value,
    other: Value,
) -> Diagnostic | None:
    """What is wrong with the class where a hyperparameter has another value: a mistake, or what the class does not check."""
    if any(isinstance(d, Mistake) and d.built for d in found):
        return None
    mistake = next((d for d in found if not _is_no_matter(d, value)), None)
    if mistake is not None and mistake.code == "E0504":  # a block would have to be two
        shown = f"this block would be right for the default of `{hyper.name.id}` alone, not for {_else(value, other)}"
        return _for_all(definition, hyper, value, shown, mistake.primary)
    if mistake is None and not found:
        if (cells := differs(general, checked(c))) is not None:
            return _of_one_default(definition, hyper, value, other, *cells)
        if (owed := _owes_more(general.summary, c.block.summary)) is not None:
            mistake = Diagnostic("E0601", f"nothing here says that {owed.cond}", owed.place)
        elif (owed := _owes_more(c.block.summary, general.summary)) is not None:
            shown = f"the class would require {owed.cond} for {_else(value, other)} too"
            return _for_all(definition, hyper, value, shown, owed.place)
        elif (method := _other_result(general.summary, c.block.summary)) is not None:
            given = ", ".join(map(str, method.results))
            shown = f"what `{method.name}` gives is {given} for the default of `{hyper.name.id}` alone, not for {_text(other)}"
            return _for_all(definition, hyper, value, shown, Label(definition.source, method.node.name.span))
    if mistake is None:
        return None
    label = Label(definition.source, hyper.name.span, f"for the value {_text(other)}, which its type allows")
    return mistake.replace(labels=(*mistake.labels, label), help=mistake.help or _fix(hyper, value))


# --- Other values -------------------------------------------------------------------------------


def _others(type: ast.Type, value: Value, strings: list[str]) -> Iterator[Value]:
    """Values of a type that stand for those that differ from one in what a spec can look at, a part at a time."""
    if isinstance(type, ast.NamedType) and type.name == "str":
        yield from strings
    elif isinstance(type, ast.ChoiceType):
        yield from samples(type)
    elif isinstance(type, ast.OptionalType):
        some = samples(type.base) if value is None else _others(type.base, value, strings)
        yield from strings if value is None and _is_text(type.base) else some
        yield None
    elif isinstance(value, tuple) and isinstance(type, ast.TupleType):
        for i, item in enumerate(type.items):
            yield from ((*value[:i], v, *value[i + 1 :]) for v in _others(item, value[i], strings))
    elif isinstance(value, RecordValue):
        record = value.definition.node
        assert isinstance(record, ast.Record)
        for f in record.fields:
            name = f.name.id
            for v in _others(f.type, value.fields[name], strings):
                yield RecordValue(value.definition, {**value.fields, name: v})
    elif isinstance(value, list) and value and isinstance(type, ast.ListType):
        yield from (v for v in (value[::-1], value[:-1], value * 2) if v)
        for one in [*value, *_others(type.item, value[0], strings)]:
            yield [one] * len(value)


def _is_text(type: ast.Type) -> bool:
    return isinstance(type, ast.NamedType) and type.name == "str"


def _strings(k: Known) -> list[str]:
    """The strings that a program's code names, and one that it does not."""
    trees = [s.module.tree for s in k.scopes]
    named = dict.fromkeys(text for tree in trees for d in reversed(tree.definitions) for text in _named(d))
    return [*named, _FRESH]


def _named(node: ast.Definition) -> tuple[str, ...]:
    """The strings that a definition's code names."""
    known: tuple[str, ...] | None = node.__dict__.get("strings")
    if known is None:
        nodes = list(walk(node))
        words = {
            id(d) for n in nodes for key in ("doc", "message") if (d := getattr(n, key, None)) is not None
        }
        named = (n.value for n in nodes if isinstance(n, ast.String) and id(n) not in words)
        known = node.__dict__["strings"] = tuple(dict.fromkeys(named))
    return known


# --- What would differ --------------------------------------------------------------------------


def _owes_more(general: Summary, other: Summary) -> Owed | None:
    """A condition that the class for the default does not check."""
    pairs = [(general.owed, other.owed)]
    for name, method in general.methods.items():
        pairs.append((general.owed + method.owed, other.methods[name].owed if name in other.methods else []))
    for known, owed in pairs:
        facts = Facts.NONE
        for o in known:
            facts = facts.assume(o.cond)
        for o in owed:
            if facts.decide(o.cond) is not Verdict.PROVED:
                return o
    return None


def _other_result(general: Summary, other: Summary) -> MethodSummary | None:
    """A method whose result has another type."""
    for name, method in general.methods.items():
        there = other.methods.get(name)
        if there is not None and str(there.result) != str(method.result):
            return method
    return None


def _is_no_matter(found: Diagnostic, value: Value) -> bool:
    """Whether a class does not run wrongly by this: what is never used, and a key that a dict does not have."""
    return found.code.startswith("E07") or (found.code == "E0209" and isinstance(value, str))


# --- Messages -----------------------------------------------------------------------------------


def _of_one_default(
    definition: Def, hyper: ast.Hyper, value: Value, other: Value, cell: Cell, another: Cell
) -> Diagnostic:
    sizes = another.value, cell.value
    first, second = map(str, sizes)
    shown = (
        f"this would be {first} for the default of `{hyper.name.id}`, and {second} for {_else(value, other)}"
        if all(s is not None and s.const is not None for s in sizes)
        else f"this would be right for the default of `{hyper.name.id}` alone, not for {_else(value, other)}"
    )
    return _for_all(definition, hyper, value, shown, Label(definition.source, cell.node.span))


def _for_all(definition: Def, hyper: ast.Hyper, value: Value, message: str, place: Label) -> Diagnostic:
    label = Label(definition.source, hyper.name.span, "one class has to serve all its values")
    return Diagnostic("E0504", message, place, (label,), help=_fix(hyper, value))


def _too_many(definition: Def, hyper: ast.Hyper, count: int) -> Diagnostic:
    return Diagnostic(
        "E0504",
        f"`{hyper.name.id}` may be any string, and what this program names are {count - 1:,}: too many to check each",
        Label(definition.source, hyper.name.span),
        help=_fix(hyper, ""),
    )


def _fix(hyper: ast.Hyper, value: Value) -> str:
    name = hyper.name.id
    if isinstance(value, list):
        return f"write the size out, or state how many there are: `require len({name}) == ...`"
    if _is_text(hyper.type):
        return f'state which strings there are: `{name}: "..." | "..."`'
    if any(isinstance(n, ast.ChoiceType) for n in walk(hyper.type)):
        return "write the size out, or give the hyperparameter one type"
    return 'write the size out, or state which strings there are: `"..." | "..."` in place of `str`'


def _else(value: Value, other: Value) -> str:
    return "its items in another order or number" if isinstance(value, list) else _text(other)


def _text(value: Value) -> str:
    """As a spec writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, RecordValue):
        fields = ", ".join(f"{n}={_text(v)}" for n, v in value.fields.items())
        return f"{value.definition.name}({fields})"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
