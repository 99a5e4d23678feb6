"""What is done with each kind of expression, statement and module."""

from __future__ import annotations

from spec_lang.ir.from_ast.bodies.assignments import append, assign_statement
from spec_lang.ir.from_ast.bodies.methods import own_method
from spec_lang.ir.from_ast.bodies.statements import if_, require_statement, return_
from spec_lang.ir.from_ast.expressions.attributes import attribute
from spec_lang.ir.from_ast.expressions.calls import arrow, call
from spec_lang.ir.from_ast.expressions.collections import list_, star, tuple_
from spec_lang.ir.from_ast.expressions.expressions import fstring, hole, ifexp, literal, name, number
from spec_lang.ir.from_ast.expressions.operators import binary, compare, unary
from spec_lang.ir.from_ast.expressions.subscripts import subscript
from spec_lang.ir.from_ast.layers.containers import dict_module
from spec_lang.ir.from_ast.layers.running import run_case, run_list, run_none, run_op
from spec_lang.ir.from_ast.loops.iteration import iteration
from spec_lang.ir.from_ast.loops.traversal import (
    bind_target,
    comprehension,
    for_loop,
    run_flat,
    run_repeat,
)
from spec_lang.ir.from_ast.state.check import Rules
from spec_lang.ir.from_ast.uses.uses import run_alias, run_block
from spec_lang.ir.from_ast.values.value import (
    AliasModule,
    BlockModule,
    Case,
    FlatModule,
    ListModule,
    OpModule,
    RepeatModule,
)
from spec_lang.syntax import ast

RULES = Rules(
    expressions={
        ast.Name: name,
        ast.Number: number,
        ast.String: literal,
        ast.FString: fstring,
        ast.Constant: literal,
        ast.Hole: hole,
        ast.Unary: unary,
        ast.Binary: binary,
        ast.Compare: compare,
        ast.IfExp: ifexp,
        ast.Call: call,
        ast.Arrow: arrow,
        ast.Attribute: attribute,
        ast.Subscript: subscript,
        ast.Star: star,
        ast.Tuple: tuple_,
        ast.List: list_,
        ast.Dict: dict_module,
        ast.Comprehension: comprehension,
    },
    statements={
        ast.Assign: assign_statement,
        ast.Append: append,
        ast.Return: return_,
        ast.Require: require_statement,
        ast.If: if_,
        ast.For: for_loop,
    },
    modules={
        Case: run_case,
        OpModule: run_op,
        BlockModule: run_block,
        AliasModule: run_alias,
        ListModule: run_list,
        RepeatModule: run_repeat,
        FlatModule: run_flat,
        object: run_none,
    },
    method=own_method,
    items=iteration,
    target=bind_target,
)
