"""What a definition's head brings."""

from __future__ import annotations

import keyword

from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.hyper_types import is_mono
from spec_lang.ir.from_ast.types.hypers import abstract, abstract_by_type, symbolic
from spec_lang.syntax import ast


def set_hypers(c: Check, at: Place, hypers: tuple[ast.Hyper, ...]) -> None:
    for h in hypers:
        name = h.name.id
        if keyword.iskeyword(name):
            continue
        if name in c.block.mono:
            if isinstance(c.definition.node, ast.Block) and c.definition.node.kind == "model":
                c.block.hypers[name] = abstract_by_type(c, at, name, c.block.mono[name], h.type)
            else:
                c.block.hypers[name] = abstract(name, c.block.mono[name])
        elif is_mono(h.type):
            raise NeedsValue(frozenset({name}))
        else:
            c.block.hypers[name] = symbolic(c, at, name, h.type)
        if h.default is not None:
            c.program.default(c.definition, h)
