"""Names, numbers, texts and choices."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.conversions import condition, text_of
from spec_lang.ir.from_ast.expressions.joining import join
from spec_lang.ir.from_ast.names.names import lookup
from spec_lang.ir.from_ast.names.unreached import unreached
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.strings import need_text
from spec_lang.ir.from_ast.values.value import POISON, Maybe, Value
from spec_lang.shapes import Cond, Pack, TooLarge, dim
from spec_lang.syntax import ast


def number(c: Check, at: Place, node: ast.Number) -> Value:
    if isinstance(node.value, float):
        return node.value
    try:
        return dim(node.value)
    except TooLarge:
        return c.error("E0801", "this number does not fit 64 bits", node)


def literal(c: Check, at: Place, node: ast.String | ast.Constant) -> Value:
    return node.value


def fstring(c: Check, at: Place, node: ast.FString) -> Value:
    parts = [c.ev(at, p) for p in node.parts]
    for part in parts:
        need_text(c, part)
    return POISON if POISON in parts else text_of(parts)


def hole(c: Check, at: Place, node: ast.Hole) -> Value:
    return c.error("E0307", "`_` stands only for an argument of a layer that what flows in determines", node)


def name(c: Check, at: Place, node: ast.Name) -> Value:
    value = lookup(c, at, node)
    if isinstance(value, Maybe):
        c.effects.note(c.notes.resolved, node.number, value)
    if isinstance(value, Pack):
        return c.error(
            "E0404", f"`*{node.id}` is any number of dims; write `*{node.id}` where dims are listed", node
        )
    return value


def ifexp(c: Check, at: Place, node: ast.IfExp) -> Value:
    test = condition(c, at, c.ev(at, node.test), node.test)
    if test is POISON:
        c.ev(at, node.body), c.ev(at, node.orelse)
        return POISON
    assert isinstance(test, bool | Cond)
    if at.mode is Mode.LAYERS and at.inside:
        sides = c.notes.sides.get(node.number, frozenset())
        c.effects.note(
            c.notes.sides, node.number, sides | ({test} if isinstance(test, bool) else {True, False})
        )
    if isinstance(test, bool):
        live, dead = (node.body, node.orelse) if test else (node.orelse, node.body)
        unreached(c, at, (dead,), lambda p: c.ev(p, dead))
        return c.ev(at, live)
    there, other = at.branch(test), at.branch(~test)
    if there.facts.contradictory:
        unreached(c, there, (node.body,), lambda p: c.ev(p, node.body))
        return c.ev(other, node.orelse)
    yes = c.ev(there, node.body)
    no = c.ev(other, node.orelse)
    if yes is POISON or no is POISON:
        return POISON
    return join(c, at, test, yes, no, node, (there.facts, other.facts))
