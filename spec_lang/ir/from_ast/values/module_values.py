"""Modules at one index of a comprehension, and as a block's user sees them."""

from __future__ import annotations

from spec_lang.ir.from_ast.values.substitution import substitute, substitute_cond, substitute_dim
from spec_lang.ir.from_ast.values.value import (
    AliasModule,
    BlockModule,
    Case,
    Cell,
    Env,
    FlatModule,
    ListModule,
    OpModule,
    RepeatModule,
    Value,
)
from spec_lang.ops import signature
from spec_lang.shapes import Dim, Real
from spec_lang.shapes.real import as_term


def at_index(module: Value, at: Env) -> Value:
    """An item of a comprehension of modules at one index; its cells stay those of all items."""
    if isinstance(module, OpModule):
        copy = OpModule(module.label, module.layer, module.cells, module.places, module.node)
        copy.at = _composed(module.at, at)
        copy.ready = module.ready
        return copy
    if isinstance(module, BlockModule):
        values = {k: substitute(v, at) for k, v in module.values.items()}
        block = BlockModule(module.label, module.summary, values, module.cells, module.node)
        block.at = _composed(module.at, at)
        return block
    if isinstance(module, AliasModule):
        alias = AliasModule(
            module.label, module.definition, module.values, module.env, module.node, module.cells
        )
        alias.block, alias.at = module.block, _composed(module.at, at)
        alias.source = module.source or module
        return alias
    if isinstance(module, ListModule):
        return ListModule(module.label, module.kind, [at_index(m, at) for m in module.items], module.keys)
    if isinstance(module, RepeatModule):
        return _repeated(module, at_index(module.item, at), dict(at))
    if isinstance(module, FlatModule):
        repeat = module.repeat
        return FlatModule(_repeated(repeat, at_index(repeat.item, at), dict(at)), module.keys)
    if isinstance(module, Case):
        return _either(module, at_index(module.yes, at), at_index(module.no, at), dict(at))
    return module


def _composed(before: dict[str, Dim], at: Env) -> dict[str, Dim]:
    """The indices of an item that was taken by other indices before."""
    now = {n: as_term(v) if isinstance(v, Real | float) else v for n, v in at.items()}
    now = {n: v for n, v in now.items() if isinstance(v, Dim)}
    return {**{n: substitute_dim(d, at) for n, d in before.items()}, **now}


def substitute_module(module: Value, env: Env) -> Value:
    """A block's member in its user's terms: enough to read its parameters and run its methods."""
    if isinstance(module, OpModule):
        layer = module.ready or module.layer
        changed = {n: substitute(v, env) for n, v in vars(layer).items() if isinstance(v, Dim | tuple | list)}
        changed = {n: v for n, v in changed.items() if v is not signature.HOLE}
        return OpModule(module.label, signature.replace(layer, **changed), {}, module.places, module.node)
    if isinstance(module, BlockModule):
        values = {k: substitute(v, env) for k, v in module.values.items()}
        cells = {}
        for name, cell in module.cells.items():
            copy = Cell(name, cell.node)
            copy.value = None if cell.value is None else substitute_dim(cell.value, env)
            cells[name] = copy
        return BlockModule(module.label, module.summary, values, cells, module.node)
    if isinstance(module, ListModule):
        items = [substitute_module(m, env) for m in module.items]
        return ListModule(module.label, module.kind, items, module.keys)
    if isinstance(module, RepeatModule):
        return _repeated(module, substitute_module(module.item, env), env)
    if isinstance(module, FlatModule):
        repeat = module.repeat
        return FlatModule(_repeated(repeat, substitute_module(repeat.item, env), env), module.keys)
    if isinstance(module, Case):
        return _either(module, substitute_module(module.yes, env), substitute_module(module.no, env), env)
    return substitute(module, env)


def _repeated(module: RepeatModule, item: Value, env: Env) -> RepeatModule:
    """A comprehension of modules with another item, its length in other terms."""
    length = substitute_dim(module.length, env)
    return RepeatModule(
        module.label,
        module.index,
        length,
        item,
        module.node,
        module.keyed,
        module.iteration,
        module.key,
        substitute_dim(module.start, env),
    )


def _either(case: Case, yes: Value, no: Value, env: Env) -> Value:
    """One of two modules, or the one that the condition in other terms leaves."""
    cond = substitute_cond(case.cond, env)
    if isinstance(cond, bool):
        return yes if cond else no
    return Case(cond, yes, no)
