"""A model's class serves every value of what is checked by value: strings, and lists of what has no symbol."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from spec_lang.diagnostics import Diagnostic, Label
from spec_lang.ir.from_ast.definitions.agreement import differs
from spec_lang.ir.from_ast.definitions.block import check_definition
from spec_lang.ir.from_ast.definitions.checked import checked
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check, NeedsValue, Program
from spec_lang.ir.from_ast.values.value import Cell, MethodSummary, Owed, Summary, Value
from spec_lang.shapes import Facts, Verdict
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk

REFUSED = frozenset({"E0601", "E0602"})
"""The author's conditions: the class refuses what breaks them when it is built."""

MANY = 24
"""Strings that are tried, at most."""

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
        for other in _others(k, value):
            c = Check(program, definition, {**general.summary.mono, name: other})
            k.running.append(definition)
            with k.aside() as found:
                try:
                    check_definition(c)
                except NeedsValue:
                    continue
                finally:
                    k.running.pop()
                found += c.effects.take()
            if any(d.code in REFUSED for d in found):
                continue
            wrong = next((d for d in found if not _is_no_matter(d, value)), None)
            differing = None if found else differs(general, checked(c))
            if wrong is not None and wrong.code == "E0504":  # a block would have to be two
                k.report(definition, _inside(definition, hyper, wrong))
            elif wrong is not None:
                k.report(definition, _for_this_value(definition, hyper, other, wrong))
            elif differing is not None:
                k.report(definition, _of_one_default(definition, hyper, value, other, *differing))
            elif not found and (owed := _owes_more(general.summary, c.block.summary)) is not None:
                k.report(definition, _for_this_value(definition, hyper, other, _needed(owed)))
            elif not found and (method := _other_result(general.summary, c.block.summary)) is not None:
                k.report(definition, _of_other_type(definition, hyper, other, method))
            else:
                continue
            break


def _others(k: Known, value: Value) -> Iterator[Value]:
    """Values that stand for those that differ from the default in what a spec can look at."""
    if isinstance(value, str):
        yield from (s for s in _strings(k) if s != value)
    if not isinstance(value, list) or not value:
        return
    same = [[v] * len(value) for v in value]
    if all(isinstance(v, str) for v in value):
        same += [[s] * len(value) for s in _strings(k)]
    tried: list[Value] = [value]
    for other in (value[::-1], value[:-1], value * 2, *same):
        if other and other not in tried:
            tried.append(other)
            yield other


def _strings(k: Known) -> list[str]:
    """The strings that a program names, and one that it does not."""
    trees = (s.module.tree for s in k.scopes)
    named = dict.fromkeys(n.value for n in chain(*map(walk, trees)) if isinstance(n, ast.String))
    return [*list(named)[:MANY], _FRESH]


def _owes_more(general: Summary, other: Summary) -> Owed | None:
    """A condition that the class for the default does not check."""
    pairs = [(general.owed, other.owed)]
    for name, method in general.methods.items():
        pairs.append((general.owed + method.owed, other.methods[name].owed if name in other.methods else []))
    for known, owed in pairs:
        facts = Facts()
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


def _of_other_type(definition: Def, hyper: ast.Hyper, other: Value, method: MethodSummary) -> Diagnostic:
    return Diagnostic(
        "E0504",
        f"what `{method.name}` gives is {_result(method)} for the default of `{hyper.name.id}` alone, not for {_text(other)}",
        Label(definition.source, method.node.name.span),
        (Label(definition.source, hyper.name.span, "one class has to serve all its values"),),
        help=_fix(hyper, other),
    )


def _result(method: MethodSummary) -> str:
    return ", ".join(map(str, method.results))


def _needed(owed: Owed) -> Diagnostic:
    return Diagnostic("E0601", f"nothing here says that {owed.cond}", owed.place)


def _is_no_matter(found: Diagnostic, value: Value) -> bool:
    """Whether a class does not run wrongly by this: what it refuses when it is built, and what is never used."""
    if found.code.startswith("E07"):
        return True
    return found.code == "E0209" and isinstance(value, str)  # a dict has no such key


def _for_this_value(definition: Def, hyper: ast.Hyper, value: Value, found: Diagnostic) -> Diagnostic:
    label = Label(definition.source, hyper.name.span, f"for the value {_text(value)}, which its type allows")
    return found.replace(labels=(*found.labels, label), help=found.help or _fix(hyper, value))


def _of_one_default(
    definition: Def, hyper: ast.Hyper, value: Value, other: Value, cell: Cell, another: Cell
) -> Diagnostic:
    sizes = another.value, cell.value
    first, second = map(str, sizes)
    else_ = "its items in another order or number" if isinstance(value, list) else _text(other)
    shown = (
        f"this would be {first} for the default of `{hyper.name.id}`, and {second} for {else_}"
        if all(s is not None and s.const is not None for s in sizes)
        else f"this would be right for the default of `{hyper.name.id}` alone, not for {else_}"
    )
    return Diagnostic(
        "E0504",
        shown,
        Label(definition.source, cell.node.span),
        (Label(definition.source, hyper.name.span, "one class has to serve all its values"),),
        help=_fix(hyper, value),
    )


def _inside(definition: Def, hyper: ast.Hyper, found: Diagnostic) -> Diagnostic:
    return Diagnostic(
        "E0504",
        f"this block would be right for the default of `{hyper.name.id}` alone, not for its items in another order or number",
        found.primary,
        (Label(definition.source, hyper.name.span, "one class has to serve all its values"),),
        help=_fix(hyper, []),
    )


def _fix(hyper: ast.Hyper, value: Value) -> str:
    name = hyper.name.id
    if isinstance(value, list):
        return f"write the size out, or state how many there are: `require len({name}) == ...`"
    return f'state which strings there are: `{name}: "..." | "..."`'


def _text(value: Value) -> str:
    """As a spec writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
