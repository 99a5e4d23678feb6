"""Types of tensors, and the use of a checked block, method or tensor function."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.cases import cases
from spec_lang.ir.from_ast.expressions.trails import keep_trail
from spec_lang.ir.from_ast.layers.cells import settle
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.fitting import bind_hypers
from spec_lang.ir.from_ast.types.hypers import bindings
from spec_lang.ir.from_ast.uses.binding import bind_inputs
from spec_lang.ir.from_ast.uses.functions import result_of
from spec_lang.ir.from_ast.uses.obligations import discharge
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.module_values import at_index
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import found_text
from spec_lang.ir.from_ast.values.value import (
    POISON,
    AliasModule,
    BlockModule,
    Case,
    Cells,
    Env,
    Value,
)
from spec_lang.shapes import Dim, TensorType
from spec_lang.syntax import ast


def use(c: Check, at: Place, definition: Def, args: Args, node: ast.Expr, label: str, cells: Cells) -> Value:
    """Construct a block or an extern layer."""
    target = definition.node
    if isinstance(target, ast.ConstantDef | ast.Function | ast.Record | ast.Import):
        return c.error("E0407", f"{definition.name} is no layer", node)
    values = bind_hypers(c, at, target.hypers or (), args, definition, node, definition.name)
    if values is None:
        return POISON
    for key, value in values.items():
        if isinstance(value, Case):
            return _use_cases(c, at, definition, values, key, value, node, label, cells)
    return _used(c, at, definition, values, node, label, cells)


def _use_cases(
    c: Check,
    at: Place,
    definition: Def,
    values: dict[str, Value],
    key: str,
    case: Case,
    node: ast.Expr,
    label: str,
    cells: Cells,
) -> Value:
    def one(there: Place, value: Value) -> Value:
        new = {**values, key: value}
        for k, v in new.items():
            if isinstance(v, Case):
                return _use_cases(c, there, definition, new, k, v, node, label, cells)
        return _used(c, there, definition, new, node, label, cells)

    return cases(at, case.cond, lambda p: one(p, case.yes), lambda p: one(p, case.no))


def _used(
    c: Check, at: Place, definition: Def, values: dict[str, Value], node: ast.Expr, label: str, cells: Cells
) -> Value:
    target = definition.node
    assert isinstance(target, ast.Block | ast.Extern)
    env: Env = {}
    for h in target.hypers or ():
        bindings(h.name.id, values[h.name.id], h.type, env)
    if isinstance(target, ast.Block) and target.alias is not None and target.takes is None:
        # The check of `block ConvBN(...) = Sequential(...)` waits for the rank of what flows in.
        return AliasModule(label, definition, values, env, node, cells)
    summary = c.program.summary(definition, values, c, node)
    if summary is None or summary.broken:
        c.effects.taint()
        return POISON
    inside = {name: cells(name, node) for name in summary.dims}
    module = BlockModule(label, summary, env, inside, node)
    early = [o for o in summary.owed if not (o.cond.names & set(summary.dims))]
    return module if discharge(c, at, early, env, module, node) else POISON


def alias_block(c: Check, at: Place, module: AliasModule, value: Value) -> Value:
    """The block that an alias is for an input like this."""
    if module.source is not None:
        return alias_block(c, at, module.source, value)
    if module.block is None:
        if not isinstance(value, TensorType):
            name = module.definition.name
            return c.error("E0403", f"{name} takes one tensor, not {found_text(value)}", module.node)
        if not at.taken:
            return POISON
        summary = c.program.alias_summary(module.definition, module.values, value, c, module.node)
        if summary is None or summary.broken:
            c.effects.taint()
            return POISON
        inside = {n: module.cells(n, module.node) for n in summary.dims}
        block = BlockModule(module.label, summary, module.env, inside, module.node)
        c.effects.become(module, block)
    return module.block


def run_alias(c: Check, at: Place, module: AliasModule, args: Args, node: ast.Expr, method: str) -> Value:
    """A block that is its container."""
    block = alias_block(c, at, module, args.values[0] if args.values else None)
    return POISON if block is POISON else c.run(at, at_index(block, module.at), args, node, method)


def run_block(c: Check, at: Place, module: BlockModule, args: Args, node: ast.Expr, method: str) -> Value:
    callee = module.summary.methods.get(method)
    if callee is None:
        name = module.summary.definition.name
        return c.error("E0209", f"{name} has no `{method}`", node)
    env = dict(module.values)
    if not bind_inputs(c, at, callee, args, env, node, module.label):
        return POISON
    for name, cell in module.cells.items():
        size = env.get(name)
        if size is None:
            if cell.value is not None:
                env[name] = substitute(cell.value, dict(module.at))
            continue
        assert isinstance(size, Dim)
        if not settle(c, at, cell, size, module.at, node, f"{module.label}'s {name}", args):
            return POISON
    if not discharge(c, at, [*module.summary.owed, *callee.owed], env, module, node):
        return POISON
    return keep_trail(c, at, result_of(c, callee, env), args.values[0] if args.values else None, module.label)
