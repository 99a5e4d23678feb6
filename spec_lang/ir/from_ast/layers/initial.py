"""Initial values of parameters, and the rules of `init`."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ir.from_ast.expressions.arguments import evaluated
from spec_lang.ir.from_ast.layers.paths import always_there, path_value
from spec_lang.ir.from_ast.names.names import find
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import (
    POISON,
    AliasModule,
    BlockModule,
    Case,
    DefCtor,
    ListModule,
    OpCtor,
    OpModule,
    RepeatModule,
    Value,
)
from spec_lang.ops.base import Layer, OpError
from spec_lang.ops.initialisers import NAMES as INITIALISERS
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Dim, TensorType
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk


def initialised(c: Check, at: Place, node: ast.Expr) -> bool:
    """Whether the value is a call of one of torch.nn.init's; its arguments are checked."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    name = node.func.id
    if name not in INITIALISERS or (node.args and name in c.program.functions):
        return False
    c.effects.note(c.notes.calls, node.number, ("init", name))
    known = list(INITIALISERS[name])
    args = evaluated(c, at, node.args)
    if len(args.values) > len(known):
        c.error("E0510", f"{name} takes {len(known)} arguments, but gets {len(args.values)}", node)
    for key in args.kwargs:
        if key not in known:
            hint = c.suggestion(key, known) or f"its arguments are {', '.join(known)}"
            c.error("E0512", f"{name} has no argument `{key}`", args.named[key], help=hint)
    for value, place in [
        *zip(args.values, args.nodes, strict=True),
        *((args.kwargs[k], args.named[k]) for k in args.named),
    ]:
        if value is not POISON and not isinstance(value, Dim | float | Real | str | bool):
            c.error("E0514", f"{name} takes numbers, not {host.kind_of(value)}", place)
    return True


def _selects(c: Check, selector: ast.Expr, base: ast.Name, op: type[Layer]) -> None:
    """A rule by type finds such a layer in this block, and its parameter."""
    node = c.definition.node
    if not isinstance(node, ast.Block) or any("layer" in _words(h.type) for h in node.hypers or ()):
        return
    made = _made(c.definition)
    others = [n for n in made if n in c.program.layers]
    if any(c.program.layers[n].modules is not Layer.modules for n in others):
        return
    if base.id not in made:
        hint = f"its layers are {', '.join(f'`{n}`' for n in others[:6])}" if others else "it has no layers"
        c.error(
            "E0712",
            f"no layer of {c.definition.name} is a {base.id}: the rule does nothing",
            base,
            help=hint,
        )
        return
    if not isinstance(selector, ast.Attribute):
        return
    found = [m for v in c.block.members.values() for m in _layers_of(v) if type(m.layer) is op]
    known = [m.ready or m.layer for m in found if m.ready or not m.cells]
    try:
        names = sorted({p.name for layer in known for p in layer.params()})
    except OpError:  # how many there are is not known yet
        return
    near = c.suggestion(selector.name, names)
    if selector.name not in names and (near or (names and len(known) == len(found))):
        c.error(
            "E0209",
            f"{base.id} has no parameter `{selector.name}`",
            selector.name_span,
            help=near or f"it has {' and '.join(f'`{n}`' for n in names[:6])}",
        )


def init_rule(c: Check, at: Place, rule: ast.InitRule) -> None:
    selector = rule.selector
    if not initialised(c, at, rule.value):
        if isinstance(rule.value, ast.Call) and isinstance(rule.value.func, ast.Name):
            name = rule.value.func.id
            hint = c.suggestion(name, list(INITIALISERS))
            c.error("E0203", f"there is no initialiser called `{name}`", rule.value.func, help=hint)
        else:
            number = c.source.at(rule.value.span)
            fills = isinstance(rule.value, ast.Number)
            hint = (
                ("`zeros()` does it" if number == "0" else f"write `constant({number})`") if fills else None
            )
            c.error("E0404", "an initialiser is a call such as `normal(std=0.02)`", rule.value, help=hint)
    base = selector.value if isinstance(selector, ast.Attribute) else selector
    if isinstance(base, ast.Name) and base.id not in c.block.members:
        found = find(c, at, base.id)
        if found is not None and isinstance(found[1], OpCtor):
            c.effects.note(c.notes.refs, base.number, found[0])
            _selects(c, selector, base, found[1].op)
            return
        if found is not None and isinstance(found[1], DefCtor):
            c.effects.note(c.notes.refs, base.number, found[0])
            return
    if not always_there(c, at, selector, "select it by its type: `LayerNorm.weight = ...`"):
        return
    value = path_value(c, at, selector)
    if value is not POISON and not is_module(value) and not isinstance(value, TensorType):
        c.error("E0404", f"an `init` rule selects layers or parameters, not {host.kind_of(value)}", selector)


def _words(type: object) -> str:
    """A hyperparameter's type as far as a layer's constructor may be in it."""
    return (
        "layer"
        if "layer" in str(getattr(type, "name", ""))
        or any(_words(t) for t in (getattr(type, "base", None), getattr(type, "item", None)) if t is not None)
        else ""
    )


def _made(definition: Def, seen: set[int] | None = None) -> dict[str, None]:
    """The names in a block's layers, in those of the blocks that it uses, and so on."""
    seen = set() if seen is None else seen
    found: dict[str, None] = {}
    if id(definition) in seen:
        return found
    seen.add(id(definition))
    node = definition.node
    roots: list[Node] = [node]
    if isinstance(node, ast.Block):
        roots = [p for p in node.parts if isinstance(p, ast.LayersSection)]
        roots += [h.default for h in node.hypers or () if h.default is not None]
        roots += [] if node.alias is None else [node.alias]
    for part in (p for root in roots for p in walk(root)):
        if isinstance(part, ast.Name):
            found[part.id] = None
            inner = definition.scope.names.get(part.id)
            if inner is not None:
                found |= _made(inner, seen)
    return found


def _layers_of(value: Value) -> Iterator[OpModule]:
    """The library's layers in a member."""
    if isinstance(value, OpModule):
        yield value
    elif isinstance(value, BlockModule):
        for member in value.summary.members.values():
            yield from _layers_of(member)
    elif isinstance(value, AliasModule) and value.block is not None:
        yield from _layers_of(value.block)
    elif isinstance(value, ListModule):
        for item in value.items:
            yield from _layers_of(item)
    elif isinstance(value, RepeatModule):
        yield from _layers_of(value.item)
    elif isinstance(value, Case):
        yield from _layers_of(value.yes)
        yield from _layers_of(value.no)
