"""Variants of models, and the values that models and variants have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from spec_lang.diagnostics import Diagnostic, Label
from spec_lang.ir.arithmetic import HostError, truth
from spec_lang.ir.dim_text import value_of
from spec_lang.ir.from_ast.definitions.known import Known, place_outside
from spec_lang.ir.from_ast.expressions.arguments import evaluated
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check, Program
from spec_lang.ir.from_ast.types.fitting import bind_hypers
from spec_lang.ir.from_ast.types.hypers import bindings
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.substitution import substitute_cond
from spec_lang.ir.from_ast.values.value import POISON, DefCtor, Env, Partial, RecordValue, Summary, Value
from spec_lang.shapes import Cond, Dim, Every, Facts, ParseError, Real, TooLarge, Verdict
from spec_lang.syntax import ast


def variant(k: Known, program: Program, definition: Def) -> Partial | None:
    """`model ResNet50 = ResNet(...)` as a constructor with its arguments."""
    if definition in k.variants:
        return k.variants[definition]
    node = definition.node
    assert isinstance(node, ast.Block)
    assert node.alias is not None
    if k.is_cyclic(definition, node.alias):
        return None
    k.running.append(definition)
    c, result, _ = k.check(
        ("variant", definition), Check(program, definition), partial(_constructor, program)
    )
    k.running.pop()
    k.variants[definition] = result  # type: ignore[assignment]  # as `_constructor` gives it
    k.outside[definition] = k.take(c)
    return k.variants[definition]


def _constructor(program: Program, c: Check) -> Partial | None:
    """The constructor that a variant is, where it is right."""
    definition, at = c.definition, place_outside(c.definition)
    call = definition.node.alias  # type: ignore[union-attr]  # it is a variant
    assert call is not None
    result: Partial | None = None
    base = c.ev(at, call.func) if isinstance(call, ast.Call) else c.ev(at, call)
    if isinstance(base, DefCtor) and isinstance(base.definition.node, ast.Block):
        args = evaluated(c, at, call.args) if isinstance(call, ast.Call) else Args()
        if base.definition.node.hypers is None:
            if program.variant(base.definition) is not None:
                c.error("E0510", f"{base.definition.name} is a variant, whose values are given", call)
        elif not args.bad:
            result = Partial(base, tuple(args.values), dict(args.kwargs), call, definition)
    elif base is not POISON:
        c.error("E0709", f"{definition.name} is a variant of another model: `Name(...)`", call)
    return result


def check_variant(k: Known, program: Program, definition: Def) -> None:
    """A variant's values must fit its model, and satisfy what that requires."""
    partial = variant(k, program, definition)
    if partial is None or not isinstance(partial.ctor, DefCtor):
        return
    base = partial.ctor.definition
    target = base.node
    assert isinstance(target, ast.Block)
    assert target.hypers is not None
    c = Check(program, definition)
    args = Args()
    args.values, args.kwargs = list(partial.args), dict(partial.kwargs)
    call = partial.node
    if isinstance(call, ast.Call):
        args.nodes = [a.value for a in call.args if a.name is None]
        args.named = {a.name: a.value for a in call.args if a.name is not None}
    values = bind_hypers(c, place_outside(definition), target.hypers, args, base, call, base.name)
    if values is not None:
        summary = program.summary(base, values, c, call)
        if summary is not None and not summary.broken:
            decide_values(k, base, summary, values, (definition, call))
    k.take(c)


def _evaluated(cond: Cond | bool, values: Mapping[str, object]) -> Cond | bool:
    """A condition on what is made of whole lists, where these values, as the evaluator has them, give it a truth."""
    if isinstance(cond, bool) or not any(not n.isidentifier() for n in cond.names):
        return cond
    try:
        return truth(value_of(cond.tree(), values, None))
    except (HostError, ParseError, TooLarge, TypeError, AttributeError, LookupError):
        return cond


def _of_all(cond: Cond, values: Mapping[str, object]) -> bool | None:
    """Whether these values satisfy what is said of each of many items; None where that is not known."""
    found = _evaluated(cond, values)
    return found if isinstance(found, bool) else None


def plain_value(value: Value) -> object:
    """A value as the evaluator has it."""
    if isinstance(value, Dim) and value.const is not None:
        return value.const
    if isinstance(value, Real) and not value.names:
        try:
            return value.evaluate({})
        except (ArithmeticError, TooLarge):
            return value
    if isinstance(value, list | tuple):
        return tuple(plain_value(v) for v in value)
    if isinstance(value, RecordValue):
        return _Fields({n: plain_value(v) for n, v in value.fields.items()})
    return value


class _Fields:
    """A record's fields by their names."""

    def __init__(self, fields: dict[str, object]) -> None:
        self.fields = fields


def decide_values(
    k: Known,
    definition: Def,
    summary: Summary,
    values: dict[str, Value],
    variant: tuple[Def, ast.Expr] | None,
) -> None:
    """What a model leaves open must not be refuted by its own values."""
    target = definition.node
    assert isinstance(target, ast.Block)
    env: Env = {}
    for h in target.hypers or ():
        bindings(h.name.id, values[h.name.id], h.type, env)
    owed = [*summary.owed, *(o for m in summary.methods.values() for o in m.owed)]
    facts = Facts.NONE
    plain = {n: plain_value(v) for n, v in values.items()}
    told: list[Cond] = []
    for o in owed:
        told_of_all = _of_all(o.cond, plain) if any(isinstance(f, Every) for f in o.cond.flags) else None
        cond = _evaluated(substitute_cond(o.cond, env), plain) if told_of_all is None else told_of_all
        refuted = cond is False or (isinstance(cond, Cond) and facts.decide(cond) is Verdict.REFUTED)
        if not refuted or o.cond in told:
            continue
        told.append(o.cond)
        names = sorted(n for n in o.cond.symbols if n in env)
        shown = ", ".join(f"{n} = {env[n]}" for n in names)
        failed = f"do not satisfy `{o.cond}`{o.why}"
        if variant is None:
            given = any(n in k.options.overrides for n in names)
            message = f"the {'values' if given else 'defaults'} of {definition.name} {failed}"
            notes = (f"{'here' if given else 'by default'}, {shown}",) if shown else ()
            k.report(definition, Diagnostic("E0603", message, o.place, notes=notes))
        else:
            owner, call = variant
            k.report(
                owner,
                Diagnostic(
                    "E0603",
                    f"the values of {owner.name} {failed}",
                    Label(owner.source, call.span),
                    labels=(Label(o.place.source, o.place.span, "required here"),),
                    notes=(f"here, {shown}",) if shown else (),
                ),
            )
