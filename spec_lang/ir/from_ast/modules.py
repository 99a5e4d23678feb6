"""Layers: how they are constructed, run, indexed, and what their `_` stand for."""

from __future__ import annotations

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast.module_values import at_index
from spec_lang.ir.from_ast.op_calls import ERRORS, Args
from spec_lang.ir.from_ast.settling import Settling
from spec_lang.ir.from_ast.values import (
    POISON,
    AliasModule,
    BlockModule,
    Case,
    ListModule,
    OpModule,
    RepeatModule,
    Value,
    substitute,
)
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Layer, OpError
from spec_lang.shapes import Dim, TensorType
from spec_lang.syntax import ast


class Modules(Settling):
    """Constructs and runs modules."""

    def run_block(self, module: BlockModule, args: Args, node: ast.Expr, method: str) -> Value:
        raise NotImplementedError

    def alias_block(self, module: AliasModule, value: Value) -> Value:
        raise NotImplementedError

    def state_size(self, stated: Dim, size: Dim) -> bool:
        raise NotImplementedError

    def run_repeat(self, module: RepeatModule, args: Args, node: ast.Expr) -> Value:
        raise NotImplementedError

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
                return self._unordered(module.label, "name", node)
            return self.run_repeat(module, args, node)
        func = stage.func if isinstance(stage := self.stage(node), ast.Call) else stage
        name = self.source.at(func.span)
        return self.error(
            "E0406",
            f"{name} may be none here",
            func,
            help=f"run it where it is there: `if {name} is not none:`",
        )

    def _unordered(self, label: str, key: str, node: ast.Expr) -> Value:
        return self.error(
            "E0407",
            "a dict of layers has no order to run in",
            self.stage(node),
            help=f'index it: `{label or "layers"}["{key}"]`',
        )

    def _run_list(self, module: ListModule, args: Args, node: ast.Expr) -> Value:
        """Each in order, with the same further arguments."""
        if module.kind == "dict":
            return self._unordered(module.label, module.keys[0] if module.keys else "name", node)
        if not args.values:
            return self.error(
                "E0511", f"{module.label or 'this list'} is run on a tensor, and gets nothing", node
            )
        if module.kind == "sequential" and (len(args.values) > 1 or args.kwargs):
            return self.error("E0510", "Sequential takes one input", node)
        value = args.values[0]
        for item in module.items:
            value = self.run_item(item, args.with_first(value), node)
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
        if isinstance(item, ListModule) and item.kind == "list":
            return self.nested_list(node)
        return self.run(item, args, node)

    def nested_list(self, node: ast.Expr) -> Value:
        """A mistake: a list of layers among the layers of another."""
        return self.error(
            "E0407",
            "a list of lists of layers is not run as a whole",
            self.stage(node),
            help="write `Sequential(...)` for the inner ones, or run each in a `for`",
        )

    def run_op(self, module: OpModule, args: Args, node: ast.Expr) -> Value:
        case = self.split_case([*args.values, *args.kwargs.values()])
        if case is not None:
            cond, yes, no = case

            def again(new: dict[int, Value]) -> Value:
                return self.run_op(module, args.replacing(new), node)

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
                return self.run_op(module, args.with_values(values, kwargs), node)

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
        if self.state_size(stated, size):
            return
        what = type(layer).holes[name].what
        place = module.places.get(name)
        labels: tuple[Label, ...] = (
            (self.label(place, f"{stated} declared here"),) if place is not None else ()
        )
        ctor = type(layer).name
        inferred = self._with_hole(module, place)
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

    def _with_hole(self, module: OpModule, place: ast.Expr | None) -> str | None:
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


class _Reported(Exception):
    """A mistake that has been reported ends the work on one call."""
