"""Calls of this program's functions and of a block's own methods."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.cases import split_case
from spec_lang.ir.from_ast.expressions.trails import keep_trail
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.uses.binding import bind_inputs
from spec_lang.ir.from_ast.uses.obligations import mapping_text, owe, relabel
from spec_lang.ir.from_ast.values.args import Args, stage
from spec_lang.ir.from_ast.values.kinds import is_tensor
from spec_lang.ir.from_ast.values.substitution import substitute, substitute_cond
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import POISON, Env, FunctionRef, Maybe, MethodSummary, Value
from spec_lang.shapes import Cond, Dim
from spec_lang.syntax import ast


def result_of(c: Check, callee: MethodSummary, env: Env) -> Value:
    """A callee's result in the caller's terms; what only the callee knows gets fresh names."""
    for name in type_symbols(callee.result).difference(env):
        if name.startswith("_dim") or name in callee.dims or name in callee.unknown:
            env[name] = size = c.unknown_size("_dim")
            c.block.running.unknown.add(str(size))
    return substitute(callee.result, env)


def call_method(c: Check, at: Place, name: str, args: Args, node: ast.Expr) -> Value:
    """Another method of the same block."""
    callee = c.method(name, node)
    if callee is None:
        return POISON
    env: Env = {}
    if not bind_inputs(c, at, callee, args, env, node, name):
        return POISON
    for key, d in c.effects.needed.items():
        size = env.get(key)
        if isinstance(size, Dim) and size != d and not at.facts.equal(size, d):
            return c.error("E0301", f"{name} takes the block's {key}, but {size} flow in", node)
    for o in callee.owed:
        cond = substitute_cond(o.cond, env)
        known = at.decide(cond)
        if known is False:
            return c.error("E0601", f"{name} requires {o.cond}, which does not hold here", node)
        if known is None and isinstance(cond, Cond):
            owe(c, at, cond, o.message, o.place, o.stated)
    return keep_trail(c, at, result_of(c, callee, env), args.values[0] if args.values else None, name)


def call_fn(c: Check, at: Place, function: FunctionRef, args: Args, node: ast.Expr) -> Value:
    """A function of this program: over hyperparameters by value, over tensors by its summary."""
    definition = function.definition
    assert definition is not None
    if args.bad:
        return POISON
    target = definition.node
    if isinstance(target, ast.Function) and target.value is not None:
        return c.program.inline(definition, args, c, at, node)
    if at.mode is Mode.LAYERS:
        return c.error("E0702", f"{definition.name} computes a tensor, which belongs into a method", node)
    case = split_case([*args.values, *args.kwargs.values()])
    if case is not None and not all(is_tensor(v) for v in args.values if isinstance(v, Maybe)):
        case = None
    callee = c.program.tensor_function(definition, c, node)
    if callee is None:
        c.effects.taint()
        return POISON
    env: Env = {}
    if not bind_inputs(c, at, callee, args, env, node, definition.name):
        return POISON
    for o in callee.owed:
        cond = substitute_cond(o.cond, env)
        known = at.decide(cond)
        if known is None and isinstance(cond, Cond):
            owe(c, at, cond, o.message, o.place if o.stated else node, o.stated)
        elif not known:
            return c.error(
                "E0601",
                f"{definition.name} requires {o.cond}, which is not so here",
                stage(node),
                labels=(relabel(o.place, "required here"),),
                notes=(f"`{o.cond}`{mapping_text(o.cond, env)}",),
            )
    first = args.values[0] if args.values else None
    return keep_trail(c, at, result_of(c, callee, env), first, definition.name)


def as_hypers(inputs: tuple[ast.Input, ...]) -> tuple[ast.Hyper, ...]:
    """The inputs of a function over hyperparameters, which are bound like those of a block."""
    return tuple(ast.Hyper(name=i.name, type=i.type, default=i.default, span=i.span) for i in inputs)
