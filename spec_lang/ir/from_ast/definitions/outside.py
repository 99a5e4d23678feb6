"""What stands outside of blocks: constants, defaults, functions."""

from __future__ import annotations

from functools import partial

from spec_lang.diagnostics import Diagnostic, Label
from spec_lang.ir.from_ast.definitions.block import check_definition
from spec_lang.ir.from_ast.definitions.known import Default, Known, place_outside
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.names.unreached import note_all
from spec_lang.ir.from_ast.state.check import Check, Program
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.fitting import bind_hypers, fit
from spec_lang.ir.from_ast.types.hypers import symbolic
from spec_lang.ir.from_ast.uses.functions import as_hypers
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.value import POISON, MethodSummary, Owed, Value
from spec_lang.syntax import ast

FUEL = 200
MAX_CALLS = 200
"""The calls that one call of a function over hyperparameters leads to."""
"""How deeply functions over hyperparameters may call each other."""


def constant(k: Known, program: Program, definition: Def) -> Value:
    """The value of a file's constant, computed once."""
    if definition in k.constants:
        return k.constants[definition]
    node = definition.node
    assert isinstance(node, ast.ConstantDef)
    if k.is_cyclic(definition, node.value):
        return POISON
    k.running.append(definition)
    expression = node.value
    c, value, _ = k.check(
        ("constant", definition),
        Check(program, definition),
        lambda c: c.ev(place_outside(definition), expression),
    )
    k.running.pop()
    k.constants[definition] = value
    k.outside[definition] = k.take(c)
    k.finished(definition)
    return value


def default(k: Known, program: Program, owner: Def, hyper: ast.Hyper) -> Value:
    """A hyperparameter's default, in the terms of the file that states it."""
    assert hyper.default is not None
    key = owner, hyper.name.id
    known = k.defaults.get(key)
    if known is None:
        override = _override(k, owner, hyper)
        known = k.defaults[key] = Default(
            hyper.default if override is None else override, override is not None
        )
        c, value, _ = k.check(
            ("default", key, known.node),
            Check(program, owner),
            partial(_default, expression=known.node, hyper=hyper),
        )
        if known.is_set and c.effects.diagnostics:
            first = c.effects.take()[0]
            message = f"the value that is set for `{hyper.name.id}` does not do: {first.message}"
            value = c.error(first.code, message, hyper.name, help=first.help, state=first.state)
        known.value = value
        known.checked = k.take(c)
    elif known.checked is None:
        what = f"the default of `{hyper.name.id}` needs itself"
        k.report(owner, Diagnostic("E0701", what, Label(owner.source, hyper.default.span)))
        return POISON
    return known.value


def _default(c: Check, expression: ast.Expr, hyper: ast.Hyper) -> Value:
    at = place_outside(c.definition)
    return fit(c, at, c.ev(at, expression), hyper.type, hyper.name.id, hyper.default or expression)


def _override(k: Known, owner: Def, hyper: ast.Hyper) -> ast.Expr | None:
    """The value that is set for a hyperparameter of a model in the entry file."""
    node = owner.node
    if not (isinstance(node, ast.Block) and node.kind == "model" and owner.file == 0):
        return None
    return k.options.overrides.get(hyper.name.id) if k.options.model in (None, owner.name) else None


def inline(
    k: Known, program: Program, definition: Def, args: Args, caller: Check, at: Place, node: ast.Expr
) -> Value:
    """A function over hyperparameters, by its expression."""
    target = definition.node
    assert isinstance(target, ast.Function)
    assert target.value is not None
    if definition in k.running or k.inlined > FUEL:
        return caller.error(
            "E0701",
            f"{definition.name} calls itself: {k.circle(definition)}",
            node,
            help="functions do not recur; a list and its comprehension say what goes on",
        )
    if not is_right(k, program, definition):
        caller.effects.taint()
        return POISON
    k.calls = 1 if k.inlined == 0 else k.calls + 1
    if k.calls > MAX_CALLS:
        caller.effects.taint()
        return POISON
    values = bind_hypers(caller, at, as_hypers(target.inputs), args, definition, node, definition.name)
    if values is None:
        return POISON
    c, inside = Check(program, definition), place_outside(definition)
    c.caller = caller
    c.block.hypers = dict(values)
    inside.facts, inside.path = at.facts, at.path
    k.running.append(definition)
    k.inlined += 1
    try:
        value = c.ev(inside, target.value)
    finally:
        k.running.pop()
        k.inlined -= 1
    if k.calls > MAX_CALLS:
        if k.inlined == 0:
            message = f"{definition.name} calls functions more than {MAX_CALLS:,} times"
            return caller.error("E0802", message, node)
        caller.effects.taint()
        return POISON
    if c.effects.diagnostics:
        first = c.effects.diagnostics[0]
        where = first.primary
        return caller.error(
            first.code,
            f"in {definition.name}: {first.message}",
            node,
            labels=(Label(where.source, where.span, "here"),),
            help=first.help,
            state=first.state,
        )
    _pass_on(c.effects.owed, definition, caller, at, node)
    return value


def _pass_on(owed: list[Owed], definition: Def, caller: Check, at: Place, node: ast.Expr) -> None:
    """What a function's body needs is owed by who calls it; it is in the caller's terms, under the caller's branches."""
    for o in owed:
        at.facts = at.facts.assume(o.cond)
        if not any(known.cond == o.cond for known in caller.effects.owed):
            place = caller.label(node, f"{definition.name} needs this here")
            caller.effects.owe(Owed(o.cond, o.message, o.stated, place))


def is_right(k: Known, program: Program, definition: Def) -> bool:
    """Check a function on its own, once; whether it is right for values that nobody knows yet."""
    known = k.right.get(definition)
    if known is None:
        known = k.right[definition] = _is_right(k, program, definition)
    return known


def _is_right(k: Known, program: Program, definition: Def) -> bool:
    node = definition.node
    assert isinstance(node, ast.Function)
    if node.value is None:
        return tensor_function(k, program, definition, None, node.name) is not None
    k.running.append(definition)
    c, _, needs = k.check(("function", definition), Check(program, definition), _for_any_values)
    k.running.pop()
    if needs is not None:
        # It is right or wrong for values: what its names are is all that is to be known.
        c = Check(program, definition)
        c.block.hypers = {item.name.id: POISON for item in node.inputs}
        for code in (node.value, *(i.default for i in node.inputs if i.default is not None)):
            note_all(c, place_outside(definition), code)
        k.outside[definition] = k.take(c)
        return True
    right = not c.effects.diagnostics
    k.outside[definition] = k.take(c)
    return right


def _for_any_values(c: Check) -> None:
    """Go through a function over hyperparameters with symbols for its inputs."""
    node, at = c.definition.node, place_outside(c.definition)
    assert isinstance(node, ast.Function)
    assert node.value is not None
    for item in node.inputs:
        if item.default is not None:
            note_all(c, at, item.default)
    for item in node.inputs:
        c.block.hypers[item.name.id] = symbolic(c, at, item.name.id, item.type)
    c.ev(at, node.value)
    for item in node.inputs:
        if item.name.id not in c.effects.used:
            c.error("E0708", f"the input `{item.name.id}` is never used", item.name, help="remove it")


def tensor_function(
    k: Known, program: Program, definition: Def, asker: Check | None, node: object
) -> MethodSummary | None:
    """The summary of a function over tensors."""
    target = definition.node
    assert isinstance(target, ast.Function | ast.Extern)
    if definition in k.running:
        if asker is not None:
            asker.error("E0701", f"{definition.name} calls itself: {k.circle(definition)}", node)
        return None
    found = k.checks.get((definition, ()))
    if found is None:
        k.running.append(definition)
        c, _, needs = k.check(("function", definition), Check(program, definition), check_definition)
        k.running.pop()
        if needs is not None:
            raise needs
        found = k.checks[definition, ()] = k.take(c)
        k.by_definition[definition] = [found]
        k.finished(definition)
    return None if found.summary.broken else found.summary.methods.get(target.name.id)
