"""What a check assumes: proved at each use, or passed on."""

from __future__ import annotations

import re

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast.names.names import TRAINING
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.args import stage
from spec_lang.ir.from_ast.values.substitution import substitute_cond
from spec_lang.ir.from_ast.values.value import BlockModule, Env, Owed
from spec_lang.ops.base import Cx
from spec_lang.shapes import Absent, Cond, Dim, root
from spec_lang.syntax import ast

MAX_ASSUMED = 200
"""More open conditions than this are owed, and not used as facts."""


def owe(
    c: Check,
    at: Place,
    cond: Cond,
    message: str,
    place: object,
    stated: bool,
    origin: tuple[Def, Owed] | None = None,
) -> None:
    """Pass an open condition on to the uses of this block."""
    if len(c.effects.owed) < MAX_ASSUMED:
        at.facts = at.facts.assume(cond)
    for premise in reversed(at.path):
        cond = ~premise | cond
    if any(o.cond == cond for o in c.effects.owed):
        return
    label = place if isinstance(place, Label) else c.label(place, "needed here")
    c.effects.owe(Owed(cond, message, stated, label, origin))


def time(c: Check, cond: Cond) -> str:
    """When a condition's names are known: construction or call."""
    call = any(
        c.block.given.intersection(re.findall(r"[^\W\d]\w*", n))
        or (n in c.block.dims and n not in c.effects.needed)
        for n in cond.names
    )
    absent = any(isinstance(f, Absent) and root(f.name) not in c.block.hypers for f in cond.flags)
    return "call" if call or absent or TRAINING in cond.flags else "init"


def take_open(c: Check, at: Place, cx: Cx, node: object, label: str) -> None:
    for cond in cx.open:
        owe(c, at, cond, f"{label} needs {cond}", node, False)


def discharge(c: Check, at: Place, owed: list[Owed], env: Env, module: BlockModule, node: ast.Expr) -> bool:
    """Prove what a callee assumed, or pass it on."""
    good = True
    constructed = module.summary.owed
    for o in owed:
        cond = substitute_cond(o.cond, env)
        verdict = at.decide(cond)
        if verdict is True:
            continue
        assert not isinstance(cond, bool) or not cond
        name = module.summary.definition.name
        if verdict is None and isinstance(cond, Cond):
            origin = (module.summary.definition, o) if o in constructed else None
            owe(c, at, cond, o.message, o.place if o.stated else node, o.stated, origin)
            continue
        good = False
        shown = "" if isinstance(cond, bool) or cond == o.cond else f", which is `{cond}` here"
        mapped = mapping_text(o.cond, env)
        c.error(
            "E0601",
            f"{module.label} does not satisfy what {name} requires{o.why}",
            stage(node),
            labels=(relabel(o.place, f"`{o.cond}` is required here"),),
            notes=(f"`{o.cond}`{shown}{mapped}",),
            built=o.stated and o in constructed,
        )
    return good


def mapping_text(cond: Cond, env: Env) -> str:
    names = [n for n in sorted(cond.symbols) if isinstance(env.get(n), Dim) and str(env[n]) != n]
    return f" with {', '.join(f'{n} = {env[n]}' for n in names)}" if names else ""


def relabel(place: Label, text: str) -> Label:
    return Label(place.source, place.span, text)
