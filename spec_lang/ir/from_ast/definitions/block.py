"""The check of one block, model, extern layer or tensor function."""

from __future__ import annotations

from spec_lang.ir.from_ast.bodies.dims import declare
from spec_lang.ir.from_ast.bodies.methods import as_method, method_summary
from spec_lang.ir.from_ast.bodies.statements import require
from spec_lang.ir.from_ast.definitions.container import check_stated
from spec_lang.ir.from_ast.definitions.finish import finish
from spec_lang.ir.from_ast.definitions.heads import set_hypers
from spec_lang.ir.from_ast.definitions.naming import check_module, check_names
from spec_lang.ir.from_ast.layers.members import paths, section
from spec_lang.ir.from_ast.names.unreached import note_all
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values.kinds import is_module, is_tensor
from spec_lang.ir.from_ast.values.value import POISON
from spec_lang.syntax import ast


def check_definition(c: Check) -> None:
    """Check a block, an extern layer or function, or a function over tensors.

    Raises:
        NeedsValue: some hyperparameter must have a value.
    """
    node = c.definition.node
    at = Place(c.definition.scope, Mode.LAYERS)
    if isinstance(node, ast.Function):
        declare(c, at, [as_method(node)])
        method_summary(c, as_method(node))
    elif isinstance(node, ast.Extern):
        _extern(c, at, node)
    elif isinstance(node, ast.Block):
        _block(c, at, node)
    c.block.summary.broken = not c.is_right


def _block(c: Check, at: Place, node: ast.Block) -> None:
    methods = [p for p in node.parts if isinstance(p, ast.Method)]
    check_names(c, node, methods)
    set_hypers(c, at, node.hypers or ())
    c.block.methods = {m.name.id: m for m in methods}
    if node.alias is not None:
        check_stated(c, at, node)
        finish(c, at, node, methods)
        return
    declare(c, at, methods)
    for part in node.parts:
        if isinstance(part, ast.Let):
            _let(c, at, part)
        elif isinstance(part, ast.Require):
            _stated(c, at, part)
    for part in node.parts:
        if isinstance(part, ast.LayersSection):
            section(c, at, part)
    c.block.facts = at.facts
    for name in c.block.methods:
        c.method(name, node.name)
    paths(c, at, node)
    for part in node.parts:
        if isinstance(part, ast.Expect):
            note_all(c, Place(at.scope, Mode.PATH, at.facts), part, "builtin")
    finish(c, at, node, methods)


def _stated(c: Check, at: Place, node: ast.Require) -> None:
    """A condition of the whole definition: on dims that no layer needs, each call of a method that has them owes it."""
    needed, since = dict(c.effects.needed), c.effects.since()
    require(c, at, node)
    c.effects.need_again(needed)
    c.block.stated[node] = since.owed


def _extern(c: Check, at: Place, node: ast.Extern) -> None:
    check_module(c, node)
    set_hypers(c, at, node.hypers)
    for h in node.hypers:
        c.effects.use(h.name.id)
    if node.forward is None:
        c.error("E0706", f"extern {node.name.id} states no `forward`", node.name)
        return
    declare(c, at, [node.forward])
    method_summary(c, node.forward, has_body=False)


def _let(c: Check, at: Place, node: ast.Let) -> None:
    value = c.ev(at, node.value)
    if value is not POISON and is_tensor(value):
        value = c.error("E0402", "`let` names a number; tensors are computed in methods", node.value)
    elif is_module(value):
        hint = "write it there without `let`"
        value = c.error("E0408", "`let` names a number; layers stand in `layers:`", node.value, help=hint)
    c.block.lets[node.name.id] = value
