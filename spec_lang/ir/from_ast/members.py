"""What stands in `layers:`, and the paths of `tie`, `init` and `expect`."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.habits import TENSOR_OF_VALUES
from spec_lang.ir.from_ast.scope import Def
from spec_lang.ir.from_ast.statements import Statements
from spec_lang.ir.from_ast.values import (
    CTORS,
    POISON,
    AliasModule,
    BlockModule,
    Case,
    DefCtor,
    FunctionRef,
    ListModule,
    Maybe,
    OpCtor,
    OpModule,
    RepeatModule,
    Value,
    is_module,
)
from spec_lang.ops.base import Layer, OpError
from spec_lang.ops.initialisers import NAMES as INITIALISERS
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Dim, TensorType
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk


class Members(Statements):
    """Layers, parameters, buffers, ties and initial values."""

    def section(self, node: ast.LayersSection) -> None:
        for item in node.items:
            name = item.name.id
            self.member = name
            hidden, self.members = self.members, {}
            value = self._layer(item) if isinstance(item, ast.Layer) else self._param(item)
            self.members = hidden
            self.members[name] = value
        self.member = ""

    def _layer(self, item: ast.Layer) -> Value:
        value = self.ev(item.value)
        if value is POISON or value is None or is_module(value):
            return value
        if isinstance(value, list) and not value:
            return ListModule(item.name.id, "list", [], [])
        if isinstance(value, Maybe) and is_module(value.value):
            return value
        if isinstance(value, Case) and self._only_layers(value):
            return value
        hint = None
        if isinstance(value, CTORS):
            text = self.source.at(item.value.span)
            hint = f"construct it: `{text}(...)`"
        elif isinstance(value, FunctionRef):
            hint = self.layer_of(value)
        elif isinstance(value, Dim | float | Real):
            hint = f"`let {item.name.id} = ...` names a number"
        return self.error(
            "E0408", f"`{item.name.id}` is {host.kind_of(value)}, no layer", item.value, help=hint
        )

    def _only_layers(self, value: Value) -> bool:
        if isinstance(value, Case):
            return self._only_layers(value.yes) and self._only_layers(value.no)
        return value is None or is_module(value)

    # --- params and buffers ---

    def _param(self, item: ast.Param) -> Value:
        declared = self.type_of(item.type)
        if declared is POISON:
            return POISON
        if not isinstance(declared, TensorType) or declared.rank is None:
            return self.error("E0404", f"a {item.kind} is a tensor of known rank", item.type)
        if item.kind == "param" and not declared.dtype.is_float:
            return self.error(
                "E0401", f"a learned tensor is float, not {declared.dtype}", item.type, help="use `buffer`"
            )
        for name in sorted(frozenset().union(*(d.symbols for d in declared.dims))):
            if name in self.dims:
                self.need(name)
        if item.value is None:
            hint = "such as `normal(std=0.02)` or `zeros()`"
            return self.error("E0511", f"`{item.name.id}` needs an initial value", item.name, help=hint)
        if self._initialised(item.value):
            return declared
        self.allows_tensors = True
        self.locals = {}
        value = self.ev(item.value)
        self.allows_tensors = False
        self.locals = None
        if value is POISON:
            return declared
        if not isinstance(value, TensorType):
            filled = isinstance(value, Dim | float)
            listed = TENSOR_OF_VALUES if isinstance(value, list | tuple) else None
            self.error(
                "E0404",
                f"a tensor is wanted here, not {host.kind_of(value)}",
                item.value,
                help=f"an initialiser such as `constant({host.text(value)})` fills it" if filled else listed,
            )
            return declared
        self.same_type(declared, value, item.value, f"{item.kind} {item.name.id}", item.type)
        return declared

    def _initialised(self, node: ast.Expr) -> bool:
        """Whether the value is a call of one of torch.nn.init's; its arguments are checked."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            return False
        name = node.func.id
        if name not in INITIALISERS or (node.args and name in self.program.functions):
            return False
        self.calls[id(node)] = "init", name
        known = list(INITIALISERS[name])
        args = self.arguments(node.args)
        if len(args.values) > len(known):
            self.error("E0510", f"{name} takes {len(known)} arguments, but gets {len(args.values)}", node)
        for key in args.kwargs:
            if key not in known:
                hint = self.suggestion(key, known) or f"its arguments are {', '.join(known)}"
                self.error("E0512", f"{name} has no argument `{key}`", args.named[key], help=hint)
        for value, place in [
            *zip(args.values, args.nodes, strict=True),
            *((args.kwargs[k], args.named[k]) for k in args.named),
        ]:
            if value is not POISON and not isinstance(value, Dim | float | Real | str | bool):
                self.error("E0514", f"{name} takes numbers, not {host.kind_of(value)}", place)
        return True

    # --- paths ---

    def paths(self, node: ast.Block) -> None:
        """`tie`, `init` and `expect`."""
        for part in node.parts:
            if isinstance(part, ast.Tie):
                self._tie(part)
            elif isinstance(part, ast.InitSection):
                for rule in part.rules:
                    self._rule(rule)

    def path_value(self, node: ast.Expr) -> Value:
        """The value of a path to a layer or a parameter."""
        self.locals = {}
        self.last_pass = not (self.diagnostics or self.tainted)
        value = self.ev(node)
        self.last_pass = False
        self.locals = None
        return value

    def _tie(self, node: ast.Tie) -> None:
        left, right = self.path_value(node.left), self.path_value(node.right)
        if left is POISON or right is POISON:
            return
        for value, place in ((left, node.left), (right, node.right)):
            if not isinstance(value, TensorType):
                hint = "name one of its parameters: `.weight`" if is_module(value) else None
                self.error("E0404", f"`tie` joins parameters, not {host.kind_of(value)}", place, help=hint)
                return
        if not self._same(left, right):
            self.error(
                "E0312",
                f"tied parameters differ: {left} and {right}",
                node.left,
                labels=(self.label(node.right, f"this is {right}"),),
            )

    def _selects(self, selector: ast.Expr, base: ast.Name, op: type[Layer]) -> None:
        """A rule by type finds such a layer in this block, and its parameter."""
        node = self.definition.node
        if not isinstance(node, ast.Block) or any("layer" in _words(h.type) for h in node.hypers or ()):
            return
        made = _made(self.definition)
        others = [n for n in made if n in self.program.layers]
        if any(self.program.layers[n].modules is not Layer.modules for n in others):
            return
        if base.id not in made:
            hint = (
                f"its layers are {', '.join(f'`{n}`' for n in others[:6])}" if others else "it has no layers"
            )
            self.error(
                "E0712",
                f"no layer of {self.definition.name} is a {base.id}: the rule does nothing",
                base,
                help=hint,
            )
            return
        if not isinstance(selector, ast.Attribute):
            return
        found = [m for v in self.members.values() for m in _layers_of(v) if type(m.layer) is op]
        known = [m.ready or m.layer for m in found if m.ready or not m.cells]
        try:
            names = sorted({p.name for layer in known for p in layer.params()})
        except OpError:  # how many there are is not known yet
            return
        near = self.suggestion(selector.name, names)
        if selector.name not in names and (near or (names and len(known) == len(found))):
            self.error(
                "E0209",
                f"{base.id} has no parameter `{selector.name}`",
                selector.name_span,
                help=near or f"it has {' and '.join(f'`{n}`' for n in names[:6])}",
            )

    def _rule(self, rule: ast.InitRule) -> None:
        selector = rule.selector
        if not self._initialised(rule.value):
            if isinstance(rule.value, ast.Call) and isinstance(rule.value.func, ast.Name):
                name = rule.value.func.id
                hint = self.suggestion(name, list(INITIALISERS))
                self.error("E0203", f"there is no initialiser called `{name}`", rule.value.func, help=hint)
            else:
                number = self.source.at(rule.value.span)
                fills = isinstance(rule.value, ast.Number)
                hint = (
                    ("`zeros()` does it" if number == "0" else f"write `constant({number})`")
                    if fills
                    else None
                )
                self.error(
                    "E0404", "an initialiser is a call such as `normal(std=0.02)`", rule.value, help=hint
                )
        base = selector.value if isinstance(selector, ast.Attribute) else selector
        if isinstance(base, ast.Name) and base.id not in self.members:
            found = self.find(base.id)
            if found is not None and isinstance(found[1], OpCtor):
                self.refs[id(base)] = found[0]
                self._selects(selector, base, found[1].op)
                return
            if found is not None and isinstance(found[1], DefCtor):
                self.refs[id(base)] = found[0]
                return
        value = self.path_value(selector)
        if value is not POISON and not is_module(value) and not isinstance(value, TensorType):
            self.error(
                "E0404", f"an `init` rule selects layers or parameters, not {host.kind_of(value)}", selector
            )


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
