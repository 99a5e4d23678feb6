"""A model's class serves every type that a hyperparameter may be of."""

from __future__ import annotations

from spec_lang.diagnostics import Diagnostic, Label
from spec_lang.ir.from_ast.definitions.agreement import differs
from spec_lang.ir.from_ast.definitions.block import check_definition
from spec_lang.ir.from_ast.definitions.checked import checked
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.definitions.others import REFUSED
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check, NeedsValue, Program
from spec_lang.ir.from_ast.types.hyper_types import choice_of_types, key_of, samples
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.value import Cell, Value
from spec_lang.syntax import ast


def hold_for_types(k: Known, program: Program, definition: Def, hypers: tuple[ast.Hyper, ...]) -> None:
    """Refuse a model whose class is right for one type of a hyperparameter alone."""
    general = k.by_definition[definition][0]
    for hyper in hypers:
        name = hyper.name.id
        if k.diagnostics or not choice_of_types(hyper.type) or name not in general.summary.mono:
            continue
        here = key_of(general.summary.mono[name])
        for other in samples(hyper.type):
            if key_of(other) == here:
                continue
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
            wrong = next((d for d in found if not d.code.startswith("E07")), None)
            differing = None if found else differs(general, checked(c))
            if wrong is not None:
                label = Label(definition.source, hyper.name.span, f"where this is {host.kind_of(other)}")
                k.report(definition, wrong.replace(labels=(*wrong.labels, label)))
            elif differing is not None:
                k.report(definition, _of_one_type(definition, hyper, other, *differing))
            else:
                continue
            break


def _of_one_type(definition: Def, hyper: ast.Hyper, other: Value, cell: Cell, another: Cell) -> Diagnostic:
    name = hyper.name.id
    return Diagnostic(
        "E0504",
        f"this would be {another.value} for the default of `{name}`, and {cell.value} for its other type",
        Label(definition.source, cell.node.span),
        (Label(definition.source, hyper.name.span, f"where this is {host.kind_of(other)}"),),
        help="write the size out, or give the hyperparameter one type",
    )
