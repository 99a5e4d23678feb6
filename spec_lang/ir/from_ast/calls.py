"""Calls and arrows: what is called, with which arguments."""

from __future__ import annotations

from spec_lang.diagnostics import Span
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.base import COMPUTED, MAKERS
from spec_lang.ir.from_ast.builtins import Builtins
from spec_lang.ir.from_ast.habits import DTYPES, METHODS, NAMESPACES
from spec_lang.ir.from_ast.op_calls import (
    Args,
)
from spec_lang.ir.from_ast.values import (
    CTORS,
    POISON,
    BlockModule,
    Case,
    DefCtor,
    FunctionRef,
    ListModule,
    Maybe,
    MethodRef,
    OpCtor,
    OpModule,
    Partial,
    RecordValue,
    RepeatModule,
    Value,
    has_tensor,
    is_module,
    is_tensor,
)
from spec_lang.ops import signature
from spec_lang.shapes import (
    Pack,
    TensorType,
)
from spec_lang.syntax import ast

_PARTS = {
    "values": "take the first item: `[0]`, or `y, _ = ...`",
    "indices": "take the second item: `[1]`, or `_, i = ...`",
}
"""How a spec takes what PyTorch's named tuples have names for."""


class Calls(Builtins):
    """Resolves and applies what is called."""

    def construct(self, ctor: Value, args: Args, node: ast.Expr, label: str) -> Value:
        raise NotImplementedError

    def run(self, module: Value, args: Args, node: ast.Expr, method: str = "forward") -> Value:
        raise NotImplementedError

    def call_method(self, name: str, args: Args, node: ast.Expr) -> Value:
        raise NotImplementedError

    def call_fn(self, function: FunctionRef, args: Args, node: ast.Expr) -> Value:
        raise NotImplementedError

    def container(self, args: Args, node: ast.Call) -> Value:
        raise NotImplementedError

    def module_attribute(self, module: Value, node: ast.Attribute) -> Value:
        raise NotImplementedError

    # --- arguments ---

    def arguments(self, arguments: tuple[ast.Argument, ...], holes: bool = False) -> Args:
        """The arguments' values; `_` is `signature.HOLE` where `holes` are allowed."""
        result = Args()
        for a in arguments:
            if isinstance(a.value, ast.Hole) and not a.star and holes:
                value: Value = signature.HOLE
            elif a.star == "*" and self.pack_named(a.value) is not None:
                result.values.append(self.pack_named(a.value))
                result.nodes.append(a.value)
                continue
            else:
                value = self.ev(a.value)
            if a.star == "*":
                self._spread(result, value, a.value)
            elif a.star == "**":
                self._spread_named(result, value, a.value)
            elif a.name is not None:
                place = Span(a.span.start, a.span.start + len(a.name))
                if a.name in result.kwargs:
                    self.error("E0513", f"`{a.name}` is given twice", place)
                result.kwargs[a.name] = value
                result.named[a.name] = a.value
                self.program.keywords[id(a.value)] = place
                result.bad |= value is POISON
            else:
                result.values.append(value)
                result.nodes.append(a.value)
                result.bad |= value is POISON
        return result

    def pack_named(self, node: ast.Expr) -> Pack | None:
        """`*B` where dims are listed: any number of dims."""
        found = self.find(node.id) if isinstance(node, ast.Name) else None
        if found is None or not isinstance(found[1], Pack):
            return None
        self.refs[id(node)] = found[0]
        return found[1]

    def _spread(self, result: Args, value: Value, node: ast.Expr) -> None:
        items = self.known_list(value, node)
        result.bad |= items is None
        result.values += items or []
        result.nodes += [node] * len(items or [])

    def _spread_named(self, result: Args, value: Value, node: ast.Expr) -> None:
        if isinstance(value, ListModule) and value.kind == "dict":
            result.kwargs.update(zip(value.keys, value.items, strict=True))
        elif isinstance(value, RepeatModule) and value.keyed:
            result.kwargs[f"**{value.label}"] = value
        elif value is not POISON:
            self.error("E0403", f"`**` spreads a dict of layers, not {host.kind_of(value)}", node)
            result.bad = True
        else:
            result.bad = True

    # --- calls and arrows ---

    def call(self, node: ast.Call) -> Value:
        return self.apply(node.func, node.args, None, node)

    def arrow(self, node: ast.Arrow) -> Value:
        """`x -> f(a)` is `f(x, a)`."""
        stage = node.stage
        if isinstance(stage, ast.Call):
            return self.apply(stage.func, stage.args, node.value, node)
        return self.apply(stage, (), node.value, node)

    def apply(
        self, func: ast.Expr, arguments: tuple[ast.Argument, ...], first: ast.Expr | None, node: ast.Expr
    ) -> Value:
        piped = None if first is None else ast.Argument(value=first, name=None, star="", span=first.span)
        if isinstance(func, ast.Name):
            target = self.lookup(func, call=True)
            label = func.id
        elif isinstance(func, ast.Attribute):
            return self.apply_attribute(func, arguments, piped, node)
        else:
            target = self.ev(func)
            label = self.source.at(func.span)
        if piped is not None:
            arguments = (piped, *arguments)
        return self.apply_value(target, label, func, arguments, node)

    def apply_value(
        self,
        target: Value,
        label: str,
        func: ast.Expr,
        arguments: tuple[ast.Argument, ...],
        node: ast.Expr,
    ) -> Value:
        """Call a value."""
        constructs = isinstance(target, CTORS) or (
            isinstance(target, FunctionRef) and target.builtin in MAKERS
        )
        mark = len(self.diagnostics)
        args = self.arguments(arguments, holes=constructs or target is POISON or self.locals is None)
        if target is POISON:
            # What takes tensors outside of methods was unknown, not used in a wrong place.
            later = [d for d in self.diagnostics[mark:] if d.code != "E0702"]
            self.diagnostics[mark:] = later
            return POISON
        if isinstance(target, Case) and not is_module(target):
            constructs = isinstance(target.yes, CTORS)
        if constructs and isinstance(target, (*CTORS, Case)):
            return self._constructed(target, args, func, node)
        if isinstance(target, FunctionRef):
            return (
                POISON
                if args.bad and target.builtin not in MAKERS
                else self.function(target, label, args, node)
            )
        if args.bad:
            return POISON
        if isinstance(target, MethodRef):
            self.calls[id(node)] = "method", target.name
            return self.call_method(target.name, args, node)
        if is_module(target):
            if self.locals is None and not self.allows_tensors:
                return self.error("E0702", f"{label} is run in a method, not in `layers:`", node)
            kind = "run" if isinstance(target, ListModule | RepeatModule) else "apply"
            if isinstance(target, ListModule) and target.kind == "sequential":
                kind = "apply"
            self.calls[id(node)] = kind, "forward"
            return self.run(target, args, node)
        if target is None or isinstance(target, Maybe):
            return self.error(
                "E0406",
                f"{label} {'is' if target is None else 'may be'} none here",
                func,
                help=f"run it where it is there: `if {label} is not none:`",
            )
        return self.error("E0407", f"{label} is {host.kind_of(target)}, which cannot be called", func)

    allows_tensors = False
    """Whether tensors may be computed outside methods (a buffer's value)."""

    def _constructed(self, target: Value, args: Args, func: ast.Expr, node: ast.Expr) -> Value:
        label = self.label_of(node)
        if isinstance(target, DefCtor) and isinstance(target.definition.node, ast.Record):
            self.calls[id(node)] = "record", self.path_of(target.definition)
            return POISON if args.bad else self.record(target, args, node)
        if self.locals is not None:
            name = self.source.at(func.span)
            written = self.source.text[func.span.start : self.stage(node).span.end]
            made = written if written.endswith(")") else f"{name}()"
            if any(map(has_tensor, args.values)) and not isinstance(node, ast.Arrow):
                made = f"{name}(...)"
            function = name.lower() if name.lower() in self.program.functions else None
            here = f"or call the function: `{function}`" if function is not None else "and run that here"
            return self.error(
                "E0703",
                f"{name} is a layer, which is constructed in `layers:`, not while the model runs",
                self.stage(node),
                help=f"write `{name.lower()} = {made}` in `layers:`, {here}",
            )
        self.note_construct(target, func, node)
        if args.bad:
            return POISON
        return self.construct(target, args, node, label)

    def note_construct(self, target: Value, func: ast.Expr, node: ast.Expr) -> None:
        is_value = not (
            isinstance(func, ast.Name) and self.refs.get(id(func)) in ("op", "definition", "builtin")
        )
        if is_value:
            self.calls[id(node)] = "value", ""
        elif isinstance(target, OpCtor):
            self.calls[id(node)] = "make", target.op.name
        elif isinstance(target, DefCtor):
            kind = "extern" if isinstance(target.definition.node, ast.Extern) else "block"
            self.calls[id(node)] = kind, self.path_of(target.definition)

    member = ""
    """The layer that is being constructed."""

    def label_of(self, node: ast.Expr) -> str:
        """What messages call a layer: its member's name, or as it was written inside a container."""
        return self.member or self.source.at(node.span).split("(")[0]

    def record(self, target: DefCtor, args: Args, node: ast.Expr) -> Value:
        raise NotImplementedError

    # --- functions ---

    def function(self, target: FunctionRef, label: str, args: Args, node: ast.Expr) -> Value:
        if target.definition is not None:
            extern = isinstance(target.definition.node, ast.Extern)
            self.calls[id(node)] = "extern" if extern else "fn", self.path_of(target.definition)
            return self.call_fn(target, args, node)
        name = target.builtin
        if name in MAKERS:
            self.calls[id(node)] = "make", name or ""
            return self._special(name or "", args, node)
        tensors = any(map(has_tensor, args.values)) or any(map(has_tensor, args.kwargs.values()))
        if name is not None and (not tensors or target.op is None) and (tensors or name in COMPUTED):
            if tensors and name not in ("len", "enumerate", "zip", "reversed"):
                hint = "`to(int)`, `to(float)` convert tensors" if name in ("int", "float", "bool") else None
                return self.error(
                    "E0402", f"`{name}` takes what is known without the data, not tensors", node, help=hint
                )
            self.calls[id(node)] = "builtin", name
            return self.builtin(name, args, node)
        if target.op is None:
            return self.error("E0203", f"there is no function of tensors called `{label}`", node)
        self.calls[id(node)] = "op", target.op.name
        if self.locals is None and not self.allows_tensors:
            return self.error("E0702", f"{label} computes a tensor, which belongs into a method", node)
        names = list(signature.of(target.op).by_name)
        return self.call_op(target.op.name, args.values, args.kwargs, node, args.places(names), label)

    def _special(self, name: str, args: Args, node: ast.Expr) -> Value:
        if self.locals is not None:
            return self.error(
                "E0703", f"{name} makes a layer, which has to be constructed in `layers:`", node
            )
        if args.bad:
            return POISON
        if name == "Sequential":
            assert isinstance(node, ast.Call)
            return self.container(args, node)
        if not args.values or not isinstance(args.values[0], CTORS):
            return self.error("E0514", "`partial` takes a layer and some of its arguments", node)
        rest = dict(args.kwargs)
        return Partial(args.values[0], tuple(args.values[1:]), rest, node)

    # --- attributes ---

    def apply_attribute(
        self,
        func: ast.Attribute,
        arguments: tuple[ast.Argument, ...],
        piped: ast.Argument | None,
        node: ast.Expr,
    ) -> Value:
        """`x.f(a)`: a tensor's method, a module's method, or a path to a layer."""
        if self.namespace(func):
            self.arguments(arguments)
            return POISON
        base = self.resolve(self.ev(func.value))
        if base is POISON:
            self.arguments(arguments)
            return POISON
        if is_tensor(base) or (isinstance(base, tuple | list) and has_tensor(base)):
            if piped is not None:
                return self.error("E0407", "on the right of an arrow stands a name, a path or a call", func)
            op = self.program.functions.get(func.name)
            first = ast.Argument(value=func.value, name=None, star="", span=func.value.span)
            args = self.arguments(arguments)
            args.values.insert(0, base)
            args.nodes.insert(0, first.value)
            if args.bad:
                return POISON
            if op is None:
                user = self.scope.names.get(func.name)
                if user is not None and isinstance(user.node, ast.Function):
                    return self.function(FunctionRef(definition=user), func.name, args, node)
                hint = METHODS.get(func.name) or self.suggestion(func.name, list(self.program.functions))
                return self.error("E0203", f"tensors have no method `{func.name}`", func.name_span, help=hint)
            return self.function(FunctionRef(op=op), func.name, args, node)
        if is_module(base):
            return self._apply_path(base, func, arguments, piped, node)
        if isinstance(base, RecordValue):
            target = base.fields.get(func.name)
            if target is not None:
                extra = (piped, *arguments) if piped is not None else arguments
                return self.apply_value(target, func.name, func, extra, node)
        if isinstance(base, Maybe):
            return self.present(base, func.value)
        return self.error("E0407", f"{host.kind_of(base)} has no method `{func.name}`", func.name_span)

    def _apply_path(
        self,
        base: Value,
        func: ast.Attribute,
        arguments: tuple[ast.Argument, ...],
        piped: ast.Argument | None,
        node: ast.Expr,
    ) -> Value:
        extra = (piped, *arguments) if piped is not None else arguments
        if isinstance(base, BlockModule) and func.name in base.summary.methods:
            args = self.arguments(extra)
            if args.bad:
                return POISON
            self.calls[id(node)] = "apply", func.name
            return self.run(base, args, node, func.name)
        if func.name == "forward" and isinstance(base, OpModule | BlockModule | ListModule):
            return self.apply_value(base, "forward", func.value, extra, node)
        child = self.module_attribute(base, func)
        if is_tensor(child) and piped is None and arguments == ():
            return self.error("E0407", f"{func.name} is a tensor, which cannot be called", func)
        label = self.source.at(func.span)
        return self.apply_value(child, label, func, extra, node)

    def namespace(self, node: ast.Attribute) -> bool:
        """Report `torch.relu`, `nn.Linear` and `self.fc`: a spec names these things directly."""
        root: ast.Expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or self.find(root.id) is not None or root.id in self.scope.broken:
            return False
        first = node
        while isinstance(first.value, ast.Attribute):
            first = first.value
        if root.id in ("self", "cls"):
            what = f"layers, parameters and methods are named without `{root.id}.`"
            name = self.source.text[first.name_span.start : node.name_span.end]
        elif root.id in NAMESPACES:
            what = f"layers, functions and dtypes are named without `{root.id}.`"
            name = DTYPES.get(node.name, node.name)
        else:
            return False
        self.error("E0201", what, Span(root.span.start, node.name_span.end), help=f"write `{name}`")
        return True

    def attribute(self, node: ast.Attribute) -> Value:
        if self.namespace(node):
            return POISON
        base = self.resolve(self.ev(node.value))
        if base is POISON:
            return POISON
        if isinstance(base, Maybe):
            return self.present(base, node.value)
        if isinstance(base, RecordValue):
            if node.name in base.fields:
                return self.resolve(base.fields[node.name])
            hint = self.suggestion(node.name, list(base.fields))
            name = base.definition.name
            return self.error("E0209", f"record {name} has no field `{node.name}`", node.name_span, help=hint)
        if is_module(base):
            return self.module_attribute(base, node)
        if isinstance(base, TensorType):
            return self._tensor_attribute(node)
        help = _PARTS.get(node.name) if isinstance(base, tuple) else None
        return self.error("E0209", f"{host.kind_of(base)} has no `{node.name}`", node.name_span, help=help)

    def _tensor_attribute(self, node: ast.Attribute) -> Value:
        op = self.program.functions.get(node.name)
        if node.name in ("T", "mT", "H", "mH") and op is None:
            return self.error(
                "E0209",
                f"tensors have no attribute `{node.name}` in a spec",
                node.name_span,
                help="write `.transpose(-2, -1)`",
            )
        if op is not None:
            hint = f"call it: `.{node.name}(...)`"
        else:
            hint = METHODS.get(node.name) or self.suggestion(node.name, list(self.program.functions)) or ""
        return self.error(
            "E0209", f"tensors have no attribute `{node.name}` in a spec", node.name_span, help=hint or None
        )
