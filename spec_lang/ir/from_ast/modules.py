"""Layers: how they are constructed, run, indexed, and what their `_` stand for."""

from __future__ import annotations

import re
from collections.abc import Callable

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.calls import ERRORS, Args, Calls, _swap, _swap_named
from spec_lang.ir.from_ast.expressions import join_case, type_text
from spec_lang.ir.from_ast.values import (
    POISON,
    AliasModule,
    BlockModule,
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
    Template,
    Value,
    is_module,
    substitute,
)
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Layer, OpError
from spec_lang.shapes import Cond, Dim, TensorType, dim, symbol
from spec_lang.syntax import ast

Cells = Callable[[str, ast.Expr], Cell]


class Modules(Calls):
    """Constructs and runs modules."""

    def use(self, definition: object, args: Args, node: ast.Expr, label: str, cells: Cells) -> Value:
        raise NotImplementedError

    def run_block(self, module: BlockModule, args: Args, node: ast.Expr, method: str) -> Value:
        raise NotImplementedError

    def alias_block(self, module: AliasModule, value: Value) -> Value:
        raise NotImplementedError

    def run_repeat(self, module: RepeatModule, args: Args, node: ast.Expr) -> Value:
        raise NotImplementedError

    # --- construction ---

    def construct(self, ctor: Value, args: Args, node: ast.Expr, label: str) -> Value:
        memo: dict[str, Cell] = {}

        def cells(name: str, hole: ast.Expr) -> Cell:
            """One cell for each `_` or implicit dim, shared by the cases of one construction."""
            if name not in memo:
                memo[name] = Cell(name, hole)
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
                new = Args()
                new.values, new.kwargs, new.nodes, new.named = values, kwargs, args.nodes, args.named
                return self.construct_op(op, new, node, label, cells)

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
            copy = Args()
            copy.values, copy.kwargs = _swap(args.values, new), _swap_named(args.kwargs, new)
            copy.nodes, copy.named = args.nodes, args.named
            return self.construct_op(op, copy, node, label, cells)

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
        for value, place in zip(args.values, args.nodes, strict=True):
            if value is None:
                continue
            if not self._is_layer(value, place):
                return POISON
            keys.append(str(len(items)))
            items.append(value)
        for name, value in args.kwargs.items():
            if value is None:
                continue
            if not self._is_layer(value, args.named.get(name, node)):
                return POISON
            keys.append(name)
            items.append(value)
        return ListModule(self.label_of(node), "sequential", items, keys)

    def _is_layer(self, value: Value, place: ast.Expr) -> bool:
        if is_module(value):
            return True
        hint = None
        if isinstance(value, OpCtor | DefCtor | Partial):
            name = self.source.text[place.span.start : place.span.end]
            hint = f"construct it: `{name}(...)`"
        elif isinstance(value, FunctionRef) and value.op is not None:
            name = value.op.name
            same = next((n for n in self.program.layers if n.lower() == name.replace("_", "")), None)
            hint = f"its layer is `{same}()`" if same else f"call it in `forward`: `x -> {name}`"
        self.error("E0408", f"a container holds layers, not {host.kind_of(value)}", place, help=hint)
        return False

    def list_module(self, node: ast.List | ast.Dict) -> Value:
        """`[A(), B()]` or `{"a": A()}` in `layers:`."""
        items: list[Value] = []
        keys: list[str] = []
        if isinstance(node, ast.List):
            for place, value in self._listed(node.items):
                if value is POISON:
                    return POISON
                if value is None:
                    continue
                if not self._is_layer(value, place):
                    return POISON
                keys.append(str(len(items)))
                items.append(value)
            if len(items) == 1 and isinstance(items[0], RepeatModule):
                return items[0]
            return ListModule(self.member, "list", items, keys)
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

    def _listed(self, nodes: tuple[ast.Expr, ...]) -> list[tuple[ast.Expr, Value]]:
        found: list[tuple[ast.Expr, Value]] = []
        for node in nodes:
            if isinstance(node, ast.Star):
                value = self.ev(node.value)
                items = self.known_list(value, node.value)
                found += [(node, POISON)] if items is None else [(node, v) for v in items]
            else:
                found.append((node, self.ev(node)))
        return found

    # --- running ---

    def run(self, module: Value, args: Args, node: ast.Expr, method: str = "forward") -> Value:
        module = self.resolve(module)
        if isinstance(module, Case):
            case = module
            return self.both(
                case.cond,
                lambda: self.run(case.yes, args, node, method),
                lambda: self.run(case.no, args, node, method),
                node,
            )
        if module is POISON:
            return POISON
        if isinstance(module, OpModule):
            return self.run_op(module, args, node)
        if isinstance(module, AliasModule):
            block = self.alias_block(module, args.values[0] if args.values else None)
            return POISON if block is POISON else self.run(at_index(block, module.at), args, node, method)
        if isinstance(module, BlockModule):
            return self.run_block(module, args, node, method)
        if isinstance(module, ListModule):
            return self._run_list(module, args, node)
        if isinstance(module, RepeatModule):
            if module.keyed:
                return self.error(
                    "E0407",
                    "a dict of layers has no order to run in",
                    self.stage(node),
                    help=f'index it: `{module.label or "layers"}["name"]`',
                )
            return self.run_repeat(module, args, node)
        func = stage.func if isinstance(stage := self.stage(node), ast.Call) else stage
        name = self.source.text[func.span.start : func.span.end]
        return self.error(
            "E0406",
            f"{name} may be none here",
            func,
            help=f"run it where it is there: `if {name} is not none:`",
        )

    def _run_list(self, module: ListModule, args: Args, node: ast.Expr) -> Value:
        """Each in order, with the same further arguments."""
        if module.kind == "dict":
            first = f'{module.label or "layers"}["{module.keys[0] if module.keys else "name"}"]'
            return self.error(
                "E0407",
                "a dict of layers has no order to run in",
                self.stage(node),
                help=f"index it: `{first}`",
            )
        if not args.values:
            return self.error(
                "E0511", f"{module.label or 'this list'} is run on a tensor, and gets nothing", node
            )
        if module.kind == "sequential" and (len(args.values) > 1 or args.kwargs):
            return self.error("E0510", "Sequential takes one input", node)
        value = args.values[0]
        for item in module.items:
            step = Args()
            step.values, step.nodes = [value, *args.values[1:]], args.nodes
            step.kwargs, step.named = args.kwargs, args.named
            value = self.run_item(item, step, node)
            if value is POISON:
                return POISON
        return value

    def run_item(self, item: Value, args: Args, node: ast.Expr) -> Value:
        """One child of a container; where it is none, nothing happens."""
        item = self.resolve(item)
        if item is None:
            return args.values[0]
        if isinstance(item, Case):
            case = item
            return self.both(
                case.cond,
                lambda: self.run_item(case.yes, args, node),
                lambda: self.run_item(case.no, args, node),
                node,
            )
        return self.run(item, args, node)

    def run_op(self, module: OpModule, args: Args, node: ast.Expr) -> Value:
        case = self.split_case([*args.values, *args.kwargs.values()])
        if case is not None:
            cond, yes, no = case

            def again(new: dict[int, Value]) -> Value:
                copy = Args()
                copy.values, copy.kwargs = _swap(args.values, new), _swap_named(args.kwargs, new)
                copy.nodes, copy.named = args.nodes, args.named
                return self.run_op(module, copy, node)

            return self.both(cond, lambda: again(yes), lambda: again(no), node)
        layer, label = module.layer, module.label
        cx = Cx(self.facts, label)
        kind = type(layer)
        if module.at:
            layer = self.op_at(layer, module.at)
        try:
            values = signature.forward(kind).bind(args.values, args.kwargs)
            if kind.holes or kind.ranks:
                sizes = signature.holes(cx, layer, args.values, args.kwargs)
                filled: dict[str, Dim] = {}
                for name, size in sizes.items():
                    cell = module.cells.get(name)
                    if cell is None:
                        self._stated(module, layer, name, size, node, args)
                    elif self.settle(cell, size, module.at, node, f"{label}'s {kind.holes[name].what}", args):
                        filled[name] = size
                    else:
                        return POISON
                if module.cells:
                    missing = [c for n, c in module.cells.items() if n not in filled]
                    if missing:
                        return self.error(
                            "E0307", f"nothing that flows into {label} determines its `_`", node
                        )
                    layer = signature.replace(layer, **filled)
                    layer.check(cx)
                    module.ready = layer
            result = layer.infer(cx, **values)
        except _Reported:
            return POISON
        except signature.NeedsCase as needs:

            def with_args(values: list[Value], kwargs: dict[str, Value]) -> Value:
                copy = Args()
                copy.values, copy.kwargs, copy.nodes, copy.named = values, kwargs, args.nodes, args.named
                return self.run_op(module, copy, node)

            return self.needs_case(needs.value, args.values, args.kwargs, with_args, node)
        except ERRORS as error:
            return self._refused(error, module, args, node)
        if cx.open:
            self.take_open(cx, node, label)
        return self.keep_trail(result, args.values[0] if args.values else None, label)

    def _refused(self, error: Exception, module: OpModule, args: Args, node: ast.Expr) -> Value:
        places = dict(module.places)
        if isinstance(error, OpError) and error.code.startswith("E05"):
            places = args.places([p.name for p in signature.forward(type(module.layer)).parameters])
        kind = type(module.layer).name
        if isinstance(error, OpError) and error.message.startswith(f"{kind} "):
            error.message = module.label + error.message[len(kind) :]
        at = self.stage(node)
        return self.op_error(error, at, places, module.label, [*args.values, *args.kwargs.values()])

    def _stated(
        self, module: OpModule, layer: Layer, name: str, size: Dim, node: ast.Expr, args: Args
    ) -> None:
        """The size that an argument states must be the one that flows in."""
        stated = getattr(layer, name)
        if not isinstance(stated, Dim) or stated == size or self.facts.equal(stated, size):
            return
        what = type(layer).holes[name].what
        place = module.places.get(name)
        labels: tuple[Label, ...] = (
            (self.label(place, f"{stated} declared here"),) if place is not None else ()
        )
        ctor = type(layer).name
        inferred = self._with_hole(module, name, place)
        hint = f"`{inferred}` infers it" if inferred else f"`_` for `{name}` of {ctor} infers it"
        axis = type(layer).holes[name].axis
        first = next((v for v in args.values if isinstance(v, TensorType)), None)
        if axis != -1 and first is not None and first.shape[-1] == stated:
            hint = (
                "channels come before height and width, as in PyTorch: `permute(0, 3, 1, 2)` puts them there"
            )
        notes = self.trails(args.values)
        if stated.const is None or size.const is None:
            notes = (*notes, f"{stated} and {size} are not equal for all values of their names")
        self.error(
            "E0301",
            f"{module.label} takes {stated} {what}, but {size} flow in",
            self.stage(node),
            labels=labels,
            notes=notes,
            help=hint,
        )
        raise _Reported

    def _with_hole(self, module: OpModule, name: str, place: ast.Expr | None) -> str | None:
        """The constructor's call as it stands, with `_` for one argument."""
        call = module.node
        if place is None or not isinstance(call, ast.Call):
            return None
        text = self.source.text
        if not call.span.start <= place.span.start < place.span.end <= call.span.end:
            return None
        written = text[call.span.start : place.span.start] + "_" + text[place.span.end : call.span.end]
        return None if "\n" in written else written

    def op_at(self, layer: Layer, at: dict[str, Dim]) -> Layer:
        """A layer of a comprehension at one index."""
        changed = {
            n: substitute(v, dict(at)) for n, v in vars(layer).items() if isinstance(v, Dim | tuple | list)
        }
        changed = {n: v for n, v in changed.items() if v != getattr(layer, n)}
        return signature.replace(layer, **changed) if changed else layer

    # --- what the dataflow determines ---

    def settle(
        self, cell: Cell, size: Dim, at: dict[str, Dim], node: ast.Expr, what: str, args: Args | None = None
    ) -> bool:
        """Determine a `_` or an implicit dim, or prove that this call needs the same value."""
        if cell.value is None:
            self._own_heads(size, at)
            back = self._indexed(size, at)
            if back is None or not self.make_static(back, cell, what, node):
                if back is None:
                    self.error("E0307", f"{what} ({size}) cannot be told for every item of the list", node)
                return False
            cell.value = back
            self.journal.append(cell)
            for own in at:
                if own in self.repeats:
                    self.cell_owner[id(cell)] = self.repeats[own].node
            return True
        known = substitute(cell.value, dict(at))
        assert isinstance(known, Dim)
        if known == size or self.facts.equal(known, size):
            return True
        notes: tuple[str, ...] = ()
        if args is not None and args.values and isinstance(args.values[0], TensorType):
            notes = self.trail(args.values[0])
        self.error(
            "E0313",
            f"{what} would be {known} at one use and {size} at this one",
            self.stage(node),
            labels=(self.label(cell.node, f"one layer, so one value: {known}"),),
            notes=notes,
            help="a layer used twice is shared; use two layers where the sizes differ",
        )
        return False

    def _own_heads(self, size: Dim, at: dict[str, Dim]) -> None:
        """A size that changes along a loop is kept where the list that the loop indexes is made."""
        for name in size.symbols & set(self.heads):
            it = self.heads[name]
            for own, index in at.items():
                repeat = self.repeats.get(own)
                if repeat is not None and index == it.index and self.facts.equal(repeat.length, it.length):
                    it.owner = repeat.node

    def _indexed(self, size: Dim, at: dict[str, Dim]) -> Dim | None:
        """A size at one index of a list as a formula for all of them."""
        for name, index in at.items():
            if index.const is not None:
                if not self.unrolled and name not in size.symbols:
                    continue
                return None if index.symbols & size.symbols else size
            own = index.symbols
            if not own & size.symbols:
                continue
            if len(own) == 1 and str(index) in own:
                size = size.substitute({str(index): self.index_symbols.get(name, symbol(name, 0))})
            else:
                return None
        return size

    index_symbols: dict[str, Dim] = {}

    def make_static(self, size: Dim, cell: Cell, what: str, node: ast.Expr) -> bool:
        """Note the dims that construction needs for a size."""
        for name in sorted(size.symbols):
            if name in self.dynamic:
                self.error(
                    "E0307",
                    f"{what} is {size}, which is not known when the layer is constructed",
                    cell.node,
                    labels=(self.label(self.stage(node), "used here"),),
                )
                return False
            if name in self.dims:
                self.need(name)
            elif name in self.bound:
                value = self.bound[name]
                if isinstance(value, Dim) and name not in value.symbols:
                    continue
        return True

    # --- paths ---

    def module_item(self, module: Value, index: Value, node: ast.Subscript) -> Value:
        """`layer[0]`, `layers["name"]`, `layers[i]` in a loop."""
        module = self.resolve(module)
        if isinstance(module, Case):
            case = module
            return join_case(
                case.cond, self.module_item(case.yes, index, node), self.module_item(case.no, index, node)
            )
        if isinstance(module, ListModule):
            if isinstance(index, str):
                if index in module.keys:
                    return module.items[module.keys.index(index)]
                hint = self.suggestion(index, module.keys)
                if not hint and module.kind == "dict":
                    hint = f"its keys are {', '.join(map(repr, module.keys[:6]))}".replace("'", '"')
                elif not hint:
                    hint = f"its layers are counted from 0 to {len(module.items) - 1}"
                label = module.label or "this container"
                return self.error("E0209", f'{label} has no layer "{index}"', node.index[0], help=hint)
            if isinstance(index, Dim):
                return self._list_item(module, index, node)
        if isinstance(module, RepeatModule) and module.keyed and isinstance(index, str | Template):
            found = _matched(module.key, index, module.index)
            if found is None:
                label = module.label or "this dict"
                return self.error("E0209", f'{label} has no layer "{index}"', node.index[0])
            index = found
        if isinstance(module, RepeatModule) and isinstance(index, Dim):
            if index.const is not None and index.const < 0:
                index = module.length + index
            self.in_range(index, module.length, node)
            (name,) = module.index.symbols
            self.index_symbols = {**self.index_symbols, name: module.index}
            self.repeats[name] = module
            return at_index(module.item, {name: index})
        if isinstance(module, RepeatModule | ListModule):
            return self.error(
                "E0403", f"a layer is chosen by an int or a key, not {host.kind_of(index)}", node
            )
        return self.error("E0403", "only lists and dicts of layers are indexed", node)

    def _list_item(self, module: ListModule, index: Dim, node: ast.Subscript) -> Value:
        n = len(module.items)
        if any(isinstance(i, RepeatModule) for i in module.items):
            return self._spliced_item(module, index, node)
        if index.const is not None:
            if not -n <= index.const < n:
                return self.error("E0303", f"there is no layer {index}: there are {n}, counted from 0", node)
            return module.items[index.const]
        self.in_range(index, dim(n), node)
        value: Value = module.items[-1] if module.items else POISON
        for k in range(n - 2, -1, -1):
            value = Case(Cond.eq(index, k), module.items[k], value)
        return value

    def _spliced_item(self, module: ListModule, index: Dim, node: ast.Subscript) -> Value:
        """An item of a container into which comprehensions are spread."""
        at = dim(0)
        if index.const is not None and index.const < 0:
            lengths = [i.length if isinstance(i, RepeatModule) else dim(1) for i in module.items]
            index = index + sum(lengths, dim(0))
        for item in module.items:
            length = item.length if isinstance(item, RepeatModule) else dim(1)
            inside = Cond.lt(index, at + length)
            last = item is module.items[-1]
            if last or self.decide(inside):
                if not isinstance(item, RepeatModule):
                    self.in_range(index - at, dim(1), node)
                    return item
                return self.module_item(item, index - at, node)
            if self.decide(inside) is None:
                return self.error("E0403", f"it is not known which layer {index} is", node)
            at = at + length
        return self.error("E0303", f"there is no layer {index}: the container is empty", node)

    def module_attribute(self, module: Value, node: ast.Attribute) -> Value:
        """A child or a parameter of a module."""
        module = self.resolve(module)
        if isinstance(module, Case):
            yes, no = (None if m is None else self.module_attribute(m, node) for m in (module.yes, module.no))
            if yes is None or no is None:
                return yes if no is None else no
            return POISON if POISON in (yes, no) else join_case(module.cond, yes, no)
        name = node.name
        known: list[str] = []
        if isinstance(module, OpModule):
            layer = module.ready or module.layer
            if module.ready is None and module.cells:
                return self.too_early(module.label, node)
            try:
                params = {p.name: p for p in layer.params()}
            except (TypeError, AttributeError, OpError):
                return self.error("E0307", f"{module.label} is not determined yet here", node.name_span)
            if name in params:
                p = params[name]
                return TensorType(p.dtype, tuple(p.shape))
            known = list(params)
        elif isinstance(module, BlockModule):
            members = module.summary.members
            if name in members:
                if any(c.value is None for c in module.cells.values()):
                    return self.too_early(module.label, node)
                return self.member_of(module, members[name])
            known = [*members, *module.summary.methods]
        elif isinstance(module, ListModule):
            if name in module.keys:
                return module.items[module.keys.index(name)]
            known = module.keys
        hint = self.suggestion(name, known)
        label = getattr(module, "label", "") or "this"
        return self.error("E0209", f"{label} has no layer or parameter `{name}`", node.name_span, help=hint)

    def too_early(self, label: str, node: ast.Attribute) -> Value:
        """A part of a layer whose sizes are not determined: by nothing, or by a later statement."""
        self.retry = True
        if not self.last_pass:
            return POISON
        return self.error(
            "E0307",
            f"the sizes of {label or 'this layer'} are not determined: nothing flows into it",
            node,
            help="write them out where it is constructed, or run it",
        )

    retry = False
    last_pass = False

    def member_of(self, module: BlockModule, member: Value) -> Value:
        """A member of a block as its user sees it."""
        env = dict(module.values)
        for name, cell in module.cells.items():
            if cell.value is not None:
                env[name] = cell.value
        return substitute_module(member, env)


def _matched(key: Value, index: str | Template, symbol: Dim) -> Dim | None:
    """The position in a dict whose keys count (`f"layer_{i}"`) of one key."""
    if not isinstance(key, Template):
        return None
    parts = list(index.parts) if isinstance(index, Template) else _cut(key, index)
    if parts is None or len(parts) != len(key.parts):
        return None
    (name,) = symbol.symbols
    found: Dim | None = None
    for k, p in zip(key.parts, parts, strict=True):
        if isinstance(k, str) or isinstance(p, str):
            if k != p:
                return None
            continue
        offset = k - symbol
        if name in offset.symbols or (found is not None and found != p - offset):
            return None
        found = p - offset
    return found


def _cut(key: Template, text: str) -> list[str | Dim] | None:
    """A literal key by its template's parts."""
    pattern = "".join(re.escape(p) if isinstance(p, str) else r"(\d+)" for p in key.parts)
    found = re.fullmatch(pattern, text)
    if found is None:
        return None
    numbers = iter(found.groups())
    return [p if isinstance(p, str) else dim(int(next(numbers))) for p in key.parts]


class _Reported(Exception):
    """A mistake that has been reported ends the work on one call."""


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


def at_index(module: Value, at: dict[str, Dim]) -> Value:
    """An item of a comprehension of modules at one index; its cells stay those of all items."""
    if isinstance(module, OpModule):
        copy = OpModule(module.label, module.layer, module.cells, module.places, module.node)
        copy.at = {**module.at, **at}
        copy.ready = module.ready
        return copy
    if isinstance(module, BlockModule):
        values = {k: substitute(v, dict(at)) for k, v in module.values.items()}
        block = BlockModule(module.label, module.summary, values, module.cells, module.node)
        block.at = {**module.at, **at}
        return block
    if isinstance(module, AliasModule):
        alias = AliasModule(
            module.label, module.definition, module.values, module.env, module.node, module.cells
        )
        alias.block, alias.at = module.block, {**module.at, **at}
        alias.source = module.source or module
        return alias
    if isinstance(module, ListModule):
        return ListModule(module.label, module.kind, [at_index(m, at) for m in module.items], module.keys)
    if isinstance(module, RepeatModule):
        length = substitute(module.length, dict(at))
        assert isinstance(length, Dim)
        return RepeatModule(
            module.label,
            module.index,
            length,
            at_index(module.item, at),
            module.node,
            module.keyed,
            module.iteration,
            module.key,
        )
    if isinstance(module, Case):
        cond = substitute(module.cond, dict(at))
        yes, no = at_index(module.yes, at), at_index(module.no, at)
        if isinstance(cond, bool):
            return yes if cond else no
        return Case(cond, yes, no)  # type: ignore[arg-type]  # a condition stays one
    return module


def substitute_module(module: Value, env: dict[str, object]) -> Value:
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
            copy.value = None if cell.value is None else cell.value.substitute(_dims(env))
            cells[name] = copy
        return BlockModule(module.label, module.summary, values, cells, module.node)
    if isinstance(module, ListModule):
        items = [substitute_module(m, env) for m in module.items]
        return ListModule(module.label, module.kind, items, module.keys)
    if isinstance(module, RepeatModule):
        length = substitute(module.length, env)
        assert isinstance(length, Dim)
        return RepeatModule(
            module.label,
            module.index,
            length,
            substitute_module(module.item, env),
            module.node,
            module.keyed,
            module.iteration,
            module.key,
        )
    if isinstance(module, Case):
        cond = substitute(module.cond, env)
        yes, no = substitute_module(module.yes, env), substitute_module(module.no, env)
        if isinstance(cond, bool):
            return yes if cond else no
        return Case(cond, yes, no)  # type: ignore[arg-type]  # a condition stays one
    return substitute(module, env)


def _dims(env: dict[str, object]) -> dict[str, Dim | int]:
    return {k: v for k, v in env.items() if isinstance(v, Dim)}


__all__ = ["Modules", "at_index", "substitute_module", "type_text"]
