"""One check for each side of a condition or choice."""

from __future__ import annotations

from collections.abc import Callable

from spec_lang.ir.from_ast.expressions.joining import join
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import swap, swap_named
from spec_lang.ir.from_ast.values.choices import join_case
from spec_lang.ir.from_ast.values.strings import need_text
from spec_lang.ir.from_ast.values.value import POISON, Case, Maybe, Value
from spec_lang.ops.kinds import Choice
from spec_lang.shapes import Cond
from spec_lang.syntax import ast

Side = Callable[[Place], Value]
"""What is done where a condition holds, or where it does not."""


def split_case(values: list[Value]) -> tuple[Cond, dict[int, Value], dict[int, Value]] | None:
    """The first argument that is one thing or another, as replacements by identity for both cases."""
    for value in values:
        if isinstance(value, Case):
            return value.cond, {id(value): value.yes}, {id(value): value.no}
        if isinstance(value, Maybe):
            return value.absent, {id(value): None}, {id(value): value.value}
    return None


def needs_case(
    c: Check,
    at: Place,
    value: Cond | Choice,
    args: list[Value],
    kwargs: dict[str, Value],
    again: Callable[[Place, list[Value], dict[str, Value]], Value],
    node: ast.Expr,
) -> Value:
    """Check once for each value of a condition or choice that an op needs concretely."""

    def with_value(there: Place, v: Value) -> Value:
        new = {id(a): v for a in [*args, *kwargs.values()] if a is value or a == value}
        return again(there, swap(args, new), swap_named(kwargs, new))

    if isinstance(value, Cond):
        return both(c, at, value, lambda p: with_value(p, True), lambda p: with_value(p, False), node)
    need_text(c, value)
    if not value.options:
        raise NeedsValue(frozenset({value.text}))
    return _each_option(c, at, value, value.options, with_value, node)


def _each_option(
    c: Check,
    at: Place,
    choice: Choice,
    options: tuple[str, ...],
    run: Callable[[Place, Value], Value],
    node: ast.Expr,
) -> Value:
    if len(options) == 1:
        return run(at, options[0])
    cond = host.choice_is(choice, options[0])
    assert isinstance(cond, Cond)
    return both(
        c,
        at,
        cond,
        lambda p: run(p, options[0]),
        lambda p: _each_option(c, p, choice, options[1:], run, node),
        node,
    )


def both(c: Check, at: Place, cond: Cond, yes: Side, no: Side, node: object) -> Value:
    """Run under a condition and under its negation, and join; a case that cannot be is not run."""
    known = at.decide(cond)
    if known is not None:
        return yes(at) if known else no(at)
    there, elsewhere = at.branch(cond), at.branch(~cond)
    dead = there.facts.contradictory
    a = POISON if dead else yes(there)
    if elsewhere.facts.contradictory:
        return a
    b = no(elsewhere)
    if dead:
        return b
    if a is POISON or b is POISON:
        return POISON
    return join(c, at, cond, a, b, node, (there.facts, elsewhere.facts))


def cases(at: Place, cond: Cond, yes: Side, no: Side) -> Value:
    """Construct under a condition and under its negation."""
    there, elsewhere = at.branch(cond), at.branch(~cond)
    if there.facts.contradictory:
        return no(elsewhere)
    a = yes(there)
    if elsewhere.facts.contradictory:
        return a
    b = no(elsewhere)
    return POISON if POISON in (a, b) else join_case(cond, a, b)
