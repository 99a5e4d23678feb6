"""Initial values of parameters, and the rules of `init`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spec_lang.ir.from_ast.expressions.arguments import evaluated
from spec_lang.ir.from_ast.expressions.op_errors import ERRORS, op_error
from spec_lang.ir.from_ast.layers.paths import always_there, member_of, path_value
from spec_lang.ir.from_ast.names.names import find
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import take_open
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import (
    POISON,
    AliasModule,
    BlockModule,
    Case,
    DefCtor,
    FlatModule,
    ListModule,
    Maybe,
    OpCtor,
    OpModule,
    RepeatModule,
    Value,
)
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Layer, OpError
from spec_lang.ops.initialisers import NAMES as INITIALISERS
from spec_lang.ops.initialisers import SHAPED, hold_arguments, hold_tensor
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, TensorType, TooLarge, dim
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk


class Met(NamedTuple):
    """A parameter or buffer that an initialiser starts; `own` tells whether its sizes are in this definition's terms."""

    label: str
    type: TensorType
    own: bool = True


def initialised(c: Check, at: Place, node: ast.Expr, met: Iterable[Met]) -> bool:
    """Whether the value is a call of one of torch.nn.init's; it is held to what it takes, and to what it starts."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    name = node.func.id
    if name not in INITIALISERS or (node.args and name in c.program.functions):
        return False
    c.effects.note(c.notes.calls, node.number, ("init", name))
    known = list(INITIALISERS[name])
    args = evaluated(c, at, node.args)
    good = not args.bad
    if len(args.values) > len(known):
        good = False
        c.error("E0510", f"{name} takes {len(known)} arguments, but gets {len(args.values)}", node)
    for key in args.kwargs:
        if key not in known:
            good = False
            hint = c.suggestion(key, known) or (f"its arguments are {', '.join(known)}" if known else None)
            c.error("E0512", f"{name} has no argument `{key}`", args.named[key], help=hint)
        elif key in known[: len(args.values)]:
            good = False
            c.error("E0513", f"`{key}` is given twice", args.named[key])
    for value, place in [
        *zip(args.values, args.nodes, strict=True),
        *((args.kwargs[k], args.named[k]) for k in args.named),
    ]:
        if value is not POISON and not isinstance(value, Dim | float | Real | str | bool | Cond | Choice):
            good = False
            c.error("E0514", f"{name} takes numbers, not {host.kind_of(value)}", place)
    if good:
        values = dict(zip(known, args.values, strict=False)) | args.kwargs
        _held(c, at, node, name, values, args.places(known), met)
    return True


def _held(
    c: Check,
    at: Place,
    node: ast.Expr,
    name: str,
    values: dict[str, Value],
    places: dict[str, ast.Expr],
    met: Iterable[Met],
) -> None:
    """The conditions of an initialiser: on its arguments alone, then on each parameter that it starts."""
    cx = Cx(at.facts, name)
    try:
        hold_arguments(cx, name, values)
        take_open(c, at, cx, node, name)
        said: set[str] = set()
        for one in met:
            text = f"{one.label}: {one.type}"
            if text in said:
                continue
            said.add(text)
            cx = Cx(at.facts, name)
            try:
                hold_tensor(cx, name, values, one.label, one.type)
            except OpError as error:
                if one.own or error.state is None:
                    raise
                raise OpError(
                    error.message, code=error.code, arg=error.arg
                ) from error  # its sizes have no names here
            if not one.own and name in SHAPED and values.get("groups", 1) not in (1, dim(1)):
                c.error(
                    "E0502",
                    f"it is not known whether {name}'s groups divide the first dim of {one.label}",
                    node,
                )
                return
            if one.own:
                take_open(c, at, cx, node, name)
    except ERRORS as error:
        op_error(c, error, node, places, name, [])


def _selects(c: Check, at: Place, selector: ast.Expr, base: ast.Name, op: type[Layer]) -> None:
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
    inside = (m for v in c.block.members.values() for m, _ in _modules_of(c, at, v))
    found = [m for m in inside if isinstance(m, OpModule) and type(m.layer) is op]
    try:
        names = sorted({p.name for m in found for p in _sized(c, m).params()})
    except OpError:  # how many there are is not known yet
        return
    near = c.suggestion(selector.name, names)
    bare = op.params is Layer.params and op.modules is Layer.modules
    if selector.name not in names and (near or bare or names):
        has = " and ".join(f"`{n}`" for n in names[:6])
        c.error(
            "E0209",
            f"{base.id} has no parameter `{selector.name}`",
            selector.name_span,
            help=near or (f"it has {has}" if has else f"no {base.id} has any"),
        )


def init_rule(c: Check, at: Place, rule: ast.InitRule) -> None:
    before = len(c.effects.diagnostics)
    try:
        met = list(_met(c, at, rule.selector))
    except TooLarge as error:
        c.error("E0802", f"this leads to {error}", rule.selector)
    if len(c.effects.diagnostics) > before:
        met = []
    if initialised(c, at, rule.value, met):
        return
    if isinstance(rule.value, ast.Call) and isinstance(rule.value.func, ast.Name):
        name = rule.value.func.id
        hint = c.suggestion(name, list(INITIALISERS))
        c.error("E0203", f"there is no initialiser called `{name}`", rule.value.func, help=hint)
    else:
        number = c.source.at(rule.value.span)
        fills = isinstance(rule.value, ast.Number)
        hint = ("`zeros()` does it" if number == "0" else f"write `constant({number})`") if fills else None
        c.error("E0404", "an initialiser is a call such as `normal(std=0.02)`", rule.value, help=hint)


def _met(c: Check, at: Place, selector: ast.Expr) -> Iterator[Met]:
    """What a rule starts; its mistakes are reported."""
    base = selector.value if isinstance(selector, ast.Attribute) else selector
    if isinstance(base, ast.Name) and base.id not in c.block.members:
        found = find(c, at, base.id)
        if found is not None and isinstance(found[1], OpCtor):
            c.effects.note(c.notes.refs, base.number, found[0])
            _selects(c, at, selector, base, found[1].op)
            yield from _of_layers(c, at, found[1].op, selector)
            return
        if found is not None and isinstance(found[1], DefCtor):
            c.effects.note(c.notes.refs, base.number, found[0])
            yield from _of_blocks(c, at, found[1].definition, selector, base)
            return
    if not always_there(c, at, selector, "select it by its type: `LayerNorm.weight = ...`"):
        return
    value = path_value(c, at, selector)
    if value is POISON:
        return
    text = c.source.at(selector.span)
    if isinstance(value, TensorType):
        yield Met(text, value)
    elif not is_module(value) and not isinstance(value, Case | Maybe):
        c.error("E0404", f"an `init` rule selects layers or parameters, not {host.kind_of(value)}", selector)
    else:
        for module, own in _modules_of(c, at, value):
            for name, type, learned in _tensors_of(c, module):
                if learned:
                    yield Met(f"{text}'s {name}", type, own)


def _of_layers(c: Check, at: Place, op: type[Layer], selector: ast.Expr) -> Iterator[Met]:
    """The parameters of the layers of one type in this block, those inside other layers included."""
    wanted = selector.name if isinstance(selector, ast.Attribute) else None
    if wanted is None and op.sole:
        wanted = op.always[0]
    for member in c.block.members.values():
        for module, own in _modules_of(c, at, member):
            if not isinstance(module, OpModule):
                continue
            inner = [path for path, name in _sized(c, module).modules() if name == op.name]
            for name, type, learned in _tensors_of(c, module):
                path, _, leaf = name.rpartition(".")
                if path in inner and (learned if wanted is None else leaf == wanted):
                    yield Met(f"{module.label}'s {name}", type, own)


def _of_blocks(c: Check, at: Place, definition: Def, selector: ast.Expr, base: ast.Name) -> Iterator[Met]:
    """The parameters that the blocks of one definition declare themselves."""
    node = definition.node
    wanted = selector.name if isinstance(selector, ast.Attribute) else None
    if isinstance(node, ast.Block) and node.hypers is None:
        partial = c.program.variant(definition)
        if partial is not None and isinstance(partial.ctor, DefCtor):
            definition = partial.ctor.definition
            node = definition.node
    if isinstance(node, ast.Extern):
        if isinstance(selector, ast.Attribute):
            c.error(
                "E0209", f"the parameters of the extern {definition.name} are not known", selector.name_span
            )
        return
    if not isinstance(node, ast.Block):
        c.error("E0404", f"an `init` rule selects layers or parameters, not {definition.name}", base)
        return
    declared = {
        item.name.id: item.kind
        for part in node.parts
        if isinstance(part, ast.LayersSection)
        for item in part.items
        if isinstance(item, ast.Param)
    }
    if isinstance(selector, ast.Attribute) and wanted not in declared:
        hint = c.suggestion(selector.name, declared)
        c.error(
            "E0209",
            f"{definition.name} declares no parameter `{wanted}`",
            selector.name_span,
            help=hint
            or (f"it has {' and '.join(f'`{n}`' for n in list(declared)[:6])}" if declared else None),
        )
        return
    found = [(c.block.members, True)] if definition is c.definition else []
    for member in c.block.members.values():
        for module, own in _modules_of(c, at, member):
            if isinstance(module, BlockModule) and module.summary.definition is definition:
                members = {
                    n: _in_terms(c, at, module, v) for n, v in module.summary.members.items() if n in declared
                }
                found.append(
                    ({n: v for n, (v, _) in members.items()}, own and all(o for _, o in members.values()))
                )
    for members_of, own in found:
        for name, kind in declared.items():
            value = members_of.get(name)
            if isinstance(value, TensorType) and (kind == "param" if wanted is None else name == wanted):
                yield Met(f"{definition.name}'s {name}", value, own)


def _sized(c: Check, module: OpModule) -> Layer:
    """A layer with its sizes; each `_` that is another for each item of a list is some size, told by nothing."""
    layer = module.ready or module.layer
    some = {n: c.unknown_size(n) for n, v in vars(layer).items() if v is signature.HOLE}
    return signature.replace(layer, **some) if some else layer


def _tensors_of(c: Check, module: OpModule | BlockModule) -> Iterator[tuple[str, TensorType, bool]]:
    """The tensors of a layer by name, and whether they are learned; of a block, those that it declares itself."""
    if isinstance(module, OpModule):
        try:
            params = list(_sized(c, module).params())
        except ERRORS:  # what is not determined is a mistake of its own
            return
        for p in params:
            yield p.name, TensorType(p.dtype, tuple(p.shape)), p.learned
        return
    node = module.summary.definition.node
    for part in node.parts if isinstance(node, ast.Block) else ():
        for item in part.items if isinstance(part, ast.LayersSection) else ():
            value = module.summary.members.get(item.name.id)
            if isinstance(item, ast.Param) and isinstance(value, TensorType):
                yield item.name.id, value, item.kind == "param"


def _in_terms(c: Check, at: Place, module: BlockModule, member: Value) -> tuple[Value, bool]:
    """A block's member as its user sees it, and whether its sizes are in the user's terms."""
    value = member_of(c, at, module, member)
    return (member, False) if value is None else (value, True)


MAX_MODULES = 20_000
"""As many layers are held to a rule; blocks of one kind with the same values count once."""


def _modules_of(
    c: Check, at: Place, value: Value, own: bool = True, seen: set[object] | None = None
) -> Iterator[tuple[OpModule | BlockModule, bool]]:
    """The layers and blocks in a member, and whether their sizes are in this definition's terms.

    Raises:
        TooLarge: there are more than can be gone through.
    """
    seen = set() if seen is None else seen
    if len(seen) > MAX_MODULES:
        raise TooLarge(f"more than {MAX_MODULES:,} layers that a rule meets")
    parts: Iterable[Value] = ()
    if isinstance(value, OpModule):
        seen.add(id(value))
        yield value, own
    elif isinstance(value, BlockModule):
        sizes = [*value.values.items(), *((n, cell.value) for n, cell in value.cells.items())]
        key = id(value.summary), own, tuple((str(k), str(v)) for k, v in sizes)
        if key in seen:
            return
        seen.add(key)
        yield value, own
        for member in value.summary.members.values():
            inner, known = _in_terms(c, at, value, member)
            yield from _modules_of(c, at, inner, own and known, seen)
    elif isinstance(value, AliasModule) and value.block is not None:
        parts = (value.block,)
    elif isinstance(value, ListModule):
        parts = value.items
    elif isinstance(value, RepeatModule):
        parts, own = (value.item,), False
    elif isinstance(value, FlatModule):
        parts = (value.repeat,)
    elif isinstance(value, Case):
        parts = value.yes, value.no
    elif isinstance(value, Maybe):
        parts = (value.value,)
    for part in parts:
        yield from _modules_of(c, at, part, own, seen)


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
