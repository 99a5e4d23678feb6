"""Layers as they are constructed: of the library, blocks, containers."""

from __future__ import annotations

from collections.abc import Callable

from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.calls import Calls
from spec_lang.ir.from_ast.expressions import join_case
from spec_lang.ir.from_ast.op_calls import ERRORS, Args
from spec_lang.ir.from_ast.values import (
    POISON,
    Case,
    Cell,
    DefCtor,
    FunctionRef,
    ListModule,
    Maybe,
    OpCtor,
    OpModule,
    Partial,
    RepeatModule,
    Value,
    is_module,
)
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Layer
from spec_lang.shapes import Cond
from spec_lang.syntax import ast

Cells = Callable[[str, ast.Expr], Cell]


def _filled(partial: Partial, args: Args) -> Args:
    """A partial's arguments before those of its call."""
    result = Args()
    result.values = [*partial.args, *args.values]
    call = partial.node
    nodes: list[ast.Expr] = []
    if isinstance(call, ast.Call):
        nodes = [a.value for a in call.args[1:] if a.name is None][: len(partial.args)]
    result.nodes = [*nodes, *args.nodes]
    result.kwargs = {**partial.kwargs, **args.kwargs}
    result.named = dict(args.named)
    if isinstance(call, ast.Call):
        result.named = {a.name: a.value for a in call.args if a.name is not None} | result.named
    return result


class Construction(Calls):
    """Constructs modules."""

    def use(self, definition: object, args: Args, node: ast.Expr, label: str, cells: Cells) -> Value:
        raise NotImplementedError

    def construct(self, ctor: Value, args: Args, node: ast.Expr, label: str) -> Value:
        memo: dict[str, Cell] = {}

        def cells(name: str, hole: ast.Expr) -> Cell:
            """One cell for each `_` or implicit dim, shared by the cases of one construction."""
            if name not in memo:
                memo[name] = Cell(name, hole)
                self.item_of[id(memo[name])] = self.inside
                self.cells.setdefault(id(hole), []).append(memo[name])
            return memo[name]

        return self.constructed(ctor, args, node, label, cells)

    def constructed(self, ctor: Value, args: Args, node: ast.Expr, label: str, cells: Cells) -> Value:
        ctor = self.resolve(ctor)
        if isinstance(ctor, Case):
            yes, no = ctor.yes, ctor.no
            return self.cases(
                ctor.cond,
                lambda: self.constructed(yes, args, node, label, cells),
                lambda: self.constructed(no, args, node, label, cells),
            )
        if isinstance(ctor, Partial):
            return self.constructed(ctor.ctor, _filled(ctor, args), node, label, cells)
        if isinstance(ctor, OpCtor):
            return self.construct_op(ctor.op, args, node, label, cells)
        if isinstance(ctor, DefCtor):
            return self.use(ctor.definition, args, node, label, cells)
        return self.error("E0407", f"{host.kind_of(ctor)} constructs no layer", node)

    def cases(self, cond: object, yes: Callable[[], Value], no: Callable[[], Value]) -> Value:
        """Construct under a condition and under its negation."""
        assert isinstance(cond, Cond)
        with self.given(cond, branch=True):
            a = POISON if self.facts.contradictory else yes()
        with self.given(~cond, branch=True):
            b = POISON if self.facts.contradictory else no()
        return POISON if POISON in (a, b) else join_case(cond, a, b)

    def construct_op(self, op: type[Layer], args: Args, node: ast.Expr, label: str, cells: Cells) -> Value:
        for value in (*args.values, *args.kwargs.values()):
            if isinstance(value, Case | Maybe) and not is_module(value):
                return self._split(op, value, args, node, label, cells)
        for value in (*args.values, *args.kwargs.values()):
            if isinstance(value, OpModule) and value.cells:
                cell = next(iter(value.cells.values()))
                return self.error(
                    "E0516",
                    f"`_` does not go with a layer that is an argument of {op.name}: nothing flows into it by itself",
                    cell.node,
                    help="write the size out",
                )
        sig = signature.of(op)
        places = args.places([p.name for p in sig.parameters])
        try:
            layer = signature.bind(
                op,
                [self.op_value(a) for a in args.values],
                {k: self.op_value(v) for k, v in args.kwargs.items()},
            )
        except signature.NeedsCase as needs:

            def again(values: list[Value], kwargs: dict[str, Value]) -> Value:
                return self.construct_op(op, args.with_values(values, kwargs), node, label, cells)

            return self.needs_case(needs.value, args.values, args.kwargs, again, node)
        except ERRORS as error:
            return self.op_error(error, node, places, label, [])
        inside = {name: cells(name, places[name]) for name, v in vars(layer).items() if v is signature.HOLE}
        module = OpModule(label, layer, inside, places, node)
        if not inside:
            return module if self.check_layer(module, layer) else POISON
        return module

    def op_value(self, value: Value) -> Value:
        """An argument as ops take it: a layer as its own declaration."""
        if isinstance(value, OpModule):
            return value.layer
        return value

    def _split(
        self, op: type[Layer], value: Value, args: Args, node: ast.Expr, label: str, cells: Cells
    ) -> Value:
        case = self.split_case([value])
        assert case is not None
        cond, yes, no = case

        def again(new: dict[int, Value]) -> Value:
            return self.construct_op(op, args.replacing(new), node, label, cells)

        return self.cases(cond, lambda: again(yes), lambda: again(no))

    def check_layer(self, module: OpModule, layer: Layer) -> bool:
        """The conditions on a layer's arguments alone."""
        cx = Cx(self.facts, module.label)
        try:
            layer.check(cx)
        except ERRORS as error:
            self.op_error(error, module.node, module.places, module.label, [])
            return False
        if cx.open:
            self.take_open(cx, module.node, module.label)
        return True

    def container(self, args: Args, node: ast.Call) -> Value:
        """`Sequential(a, b, name=c)`; `none` is left out without taking an index."""
        items: list[Value] = []
        keys: list[str] = []
        spliced = {id(a.value) for a in node.args if a.star}
        for value, place in zip(args.values, args.nodes, strict=True):
            if value is None:
                continue
            if not self._is_layer(value, place) or not self._runs(value, place, spliced):
                return POISON
            keys.append(str(len(items)))
            items.append(value)
        for name, value in args.kwargs.items():
            if value is None:
                continue
            place = args.named.get(name, node)
            if not self._is_layer(value, place) or not self._runs(value, place, spliced):
                return POISON
            keys.append(name)
            items.append(value)
        return ListModule(self.label_of(node), "sequential", items, keys)

    def _runs(self, value: Value, place: ast.Expr, spliced: set[int]) -> bool:
        """Whether `Sequential` can run a child: PyTorch's lists and dicts of layers have no forward."""
        holds = isinstance(value, RepeatModule) or (
            isinstance(value, ListModule) and value.kind != "sequential"
        )
        if not holds or id(place) in spliced:
            return True
        assert isinstance(value, RepeatModule | ListModule)
        what, star = ("dict", "**") if _is_dict(value) else ("list", "*")
        written = self.source.at(place.span)
        shown = written if len(written) <= 40 and "\n" not in written else "..."
        self.error(
            "E0408",
            f"Sequential holds layers, not a {what} of them",
            place,
            help=f"splice it: `{star}{shown}`",
        )
        return False

    def _is_layer(self, value: Value, place: ast.Expr) -> bool:
        if is_module(value):
            return True
        hint = None
        if isinstance(value, OpCtor | DefCtor | Partial):
            name = self.source.at(place.span)
            hint = f"construct it: `{name}(...)`"
        elif isinstance(value, FunctionRef):
            hint = self.layer_of(value)
        self.error("E0408", f"a container holds layers, not {host.kind_of(value)}", place, help=hint)
        return False

    def layer_of(self, function: FunctionRef) -> str | None:
        """What to write for a function where a layer belongs."""
        if function.op is None:
            return None
        name = function.op.name
        same = next((n for n in self.program.layers if n.lower() == name.replace("_", "")), None)
        return f"its layer is `{same}()`" if same else f"call it in `forward`: `x -> {name}`"

    def list_module(self, pairs: list[tuple[ast.Expr, Value]]) -> Value:
        """`[A(), B()]` in `layers:`."""
        items: list[Value] = []
        keys: list[str] = []
        for place, value in pairs:
            if value is None:
                continue
            if not self._is_layer(value, place):
                return POISON
            keys.append(str(len(items)))
            nested = isinstance(value, RepeatModule) and not isinstance(place, ast.Star)
            items.append(ListModule(self.member, "list", [value], ["0"]) if nested else value)
        if len(items) == 1 and isinstance(items[0], RepeatModule):
            return items[0]
        return ListModule(self.member, "list", items, keys)

    def dict_module(self, node: ast.Dict) -> Value:
        """`{"a": A()}` in `layers:`."""
        items: list[Value] = []
        keys: list[str] = []
        for item in node.items:
            value = self.ev(item.value)
            if value is POISON:
                return POISON
            if item.key is None:
                if isinstance(value, ListModule) and value.kind == "dict":
                    keys += value.keys
                    items += value.items
                    continue
                return self.error("E0403", "`**` spreads a dict of layers", item.value)
            key = self.ev(item.key)
            if not isinstance(key, str):
                return key if key is POISON else self.error("E0408", "a layer's key is a string", item.key)
            if value is None:
                continue
            if not self._is_layer(value, item.value):
                return POISON
            if key in keys:
                earlier = next(i.key for i in node.items if i.key is not None and self.ev(i.key) == key)
                labels = (self.label(earlier, "first here"),)
                return self.error("E0205", f'the key "{key}" is there twice', item.key, labels=labels)
            keys.append(key)
            items.append(value)
        return ListModule(self.member, "dict", items, keys)


def _is_dict(value: RepeatModule | ListModule) -> bool:
    return value.keyed if isinstance(value, RepeatModule) else value.kind == "dict"
