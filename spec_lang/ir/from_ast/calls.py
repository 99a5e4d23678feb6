"""Calls and arrows: what is called, with which arguments."""

from __future__ import annotations

from collections.abc import Callable

from spec_lang.diagnostics import Label, Span
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.base import NeedsValue
from spec_lang.ir.from_ast.expressions import Expressions, type_text
from spec_lang.ir.from_ast.habits import DTYPES, METHODS, NAMESPACES
from spec_lang.ir.from_ast.values import (
    CTORS,
    POISON,
    BlockModule,
    Case,
    DefCtor,
    Enumerate,
    FunctionRef,
    ListModule,
    Mapped,
    Maybe,
    MethodRef,
    OpCtor,
    OpModule,
    Partial,
    Range,
    RecordValue,
    RepeatModule,
    SymList,
    Value,
    Zip,
    has_tensor,
    is_module,
    is_tensor,
    substitute,
)
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Function, OpError
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import (
    BroadcastError,
    Cond,
    Dim,
    DType,
    MixedPrecision,
    Pack,
    TensorType,
    TooLarge,
    Undefined,
    dim,
)
from spec_lang.syntax import ast


class Args:
    """Evaluated arguments, each with the place where it was written."""

    __slots__ = ("bad", "kwargs", "named", "nodes", "values")

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.nodes: list[ast.Expr] = []
        self.kwargs: dict[str, Value] = {}
        self.named: dict[str, ast.Expr] = {}
        self.bad = False

    def places(self, names: list[str]) -> dict[str, ast.Expr]:
        """Where each argument was written, by its parameter's name."""
        return dict(zip(names, self.nodes, strict=False)) | self.named


class Calls(Expressions):
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
                if a.name in result.kwargs:
                    place = Span(a.span.start, a.span.start + len(a.name))
                    self.error("E0513", f"`{a.name}` is given twice", place)
                result.kwargs[a.name] = value
                result.named[a.name] = a.value
                self.program.keywords[id(a.value)] = Span(a.span.start, a.span.start + len(a.name))
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
            label = self.source.text[func.span.start : func.span.end]
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
            isinstance(target, FunctionRef) and target.builtin in HOLEY
        )
        args = self.arguments(arguments, holes=constructs or target is POISON or self.locals is None)
        if target is POISON:
            return POISON
        if isinstance(target, Case) and not is_module(target):
            constructs = isinstance(target.yes, CTORS)
        if constructs and isinstance(target, (*CTORS, Case)):
            return self._constructed(target, args, func, node)
        if isinstance(target, FunctionRef):
            return (
                POISON
                if args.bad and target.builtin not in HOLEY
                else self.function(target, label, args, node)
            )
        if args.bad:
            return POISON
        if isinstance(target, MethodRef):
            self.calls[id(node)] = ("method", target.name, None)
            return self.call_method(target.name, args, node)
        if is_module(target):
            if self.locals is None and not self.allows_tensors:
                return self.error("E0702", f"{label} is run in a method, not in `layers:`", node)
            kind = "run" if isinstance(target, ListModule | RepeatModule) else "apply"
            if isinstance(target, ListModule) and target.kind == "sequential":
                kind = "apply"
            self.calls[id(node)] = (kind, "forward", target)
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
            self.calls[id(node)] = ("record", self.path_of(target.definition), None)
            return POISON if args.bad else self.record(target, args, node)
        if self.locals is not None:
            name = self.source.text[func.span.start : func.span.end]
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
            self.calls[id(node)] = ("value", "", target)
        elif isinstance(target, OpCtor):
            self.calls[id(node)] = ("make", target.op.name, target)
        elif isinstance(target, DefCtor):
            kind = "extern" if isinstance(target.definition.node, ast.Extern) else "block"
            self.calls[id(node)] = (kind, self.path_of(target.definition), target)

    member = ""
    """The layer that is being constructed."""

    def label_of(self, node: ast.Expr) -> str:
        """What messages call a layer: its member's name, or as it was written inside a container."""
        return self.member or self.source.text[node.span.start : node.span.end].split("(")[0]

    def record(self, target: DefCtor, args: Args, node: ast.Expr) -> Value:
        raise NotImplementedError

    # --- functions ---

    def function(self, target: FunctionRef, label: str, args: Args, node: ast.Expr) -> Value:
        if target.definition is not None:
            extern = isinstance(target.definition.node, ast.Extern)
            self.calls[id(node)] = ("extern" if extern else "fn", self.path_of(target.definition), None)
            return self.call_fn(target, args, node)
        name = target.builtin
        if name in HOLEY:
            self.calls[id(node)] = ("make", name or "", target)
            return self._special(name or "", args, node)
        tensors = any(map(has_tensor, args.values)) or any(map(has_tensor, args.kwargs.values()))
        if name is not None and (not tensors or target.op is None) and (tensors or name in HOST):
            if tensors and name not in ("len", "enumerate", "zip", "reversed"):
                hint = "`to(int)`, `to(float)` convert tensors" if name in ("int", "float", "bool") else None
                return self.error(
                    "E0402", f"`{name}` takes what is known without the data, not tensors", node, help=hint
                )
            self.calls[id(node)] = ("builtin", name, None)
            return self.builtin(name, args, node)
        if target.op is None:
            return self.error("E0203", f"there is no function of tensors called `{label}`", node)
        self.calls[id(node)] = ("op", target.op.name, None)
        if self.locals is None and not self.allows_tensors and not self.static_op(target.op):
            return self.error("E0702", f"{label} computes a tensor, which belongs into a method", node)
        names = list(signature.of(target.op).by_name)
        return self.call_op(target.op.name, args.values, args.kwargs, node, args.places(names), label)

    def static_op(self, op: type[Function]) -> bool:
        return False

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
        rest = dict(args.kwargs.items())
        return Partial(args.values[0], tuple(args.values[1:]), rest, node)

    # --- ops ---

    def call_op(
        self,
        name: str,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.Expr,
        places: dict[str, ast.Expr] | None = None,
        label: str | None = None,
    ) -> Value:
        """The type of what a function of the library gives."""
        op = self.program.functions.get(name)
        label = label or name
        if op is None:
            return self.error("E0203", f"{label} is not in the library", node)
        return self.infer_op(op, args, kwargs, node, places or {}, label)

    def infer_op(
        self,
        op: type[Function],
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.Expr,
        places: dict[str, ast.Expr],
        label: str,
    ) -> Value:
        if POISON in args or POISON in kwargs.values():
            return POISON
        case = self.split_case([*args, *kwargs.values()])
        if case is not None:
            cond, yes, no = case

            def again(new: dict[int, Value]) -> Value:
                return self.infer_op(op, _swap(args, new), _swap_named(kwargs, new), node, places, label)

            mark = self.mark()
            result = self.both(cond, lambda: again(yes), lambda: again(no), node)
            if None in yes.values() and self.refused_none(mark):
                maybe = next(v for v in (*args, *kwargs.values()) if isinstance(v, Maybe))
                place = next((n for n in places.values() if self.resolved.get(id(n)) is maybe), node)
                return self.present(maybe, place)
            return result
        cx = Cx(self.facts, label)
        try:
            result = signature.bind(
                op, [_op_value(a) for a in args], {k: _op_value(v) for k, v in kwargs.items()}
            ).infer(cx)
        except signature.NeedsCase as needs:
            return self.needs_case(
                needs.value, args, kwargs, lambda a, k: self.infer_op(op, a, k, node, places, label), node
            )
        except ERRORS as error:
            return self.op_error(error, self.stage(node), places, label, [*args, *kwargs.values()])
        self.take_open(cx, node, label)
        first = next((a for a in args if isinstance(a, TensorType)), None)
        return self.keep_trail(result, first, label)

    def refused_none(self, mark: tuple[int, int, int]) -> bool:
        """Whether all that went wrong since the mark is that an op takes no none; it is forgotten then."""
        found = self.diagnostics[mark[0] :]
        if not found or any(d.code != "E0514" or not d.message.endswith("not none") for d in found):
            return False
        self.rollback(mark)
        return True

    def keep_trail(self, result: Value, before: Value, label: str) -> Value:
        """Note what a tensor came from; a result that is the input itself is no step."""
        if isinstance(result, TensorType):
            result = self.tidied(result)
            if result is not before:
                self.came[id(result)] = (result, before, label)
            return result
        if isinstance(result, tuple | list):
            for part in result:
                if isinstance(part, TensorType):
                    self.came[id(part)] = (part, before, label)
        return result

    def split_case(self, values: list[Value]) -> tuple[Cond, dict[int, Value], dict[int, Value]] | None:
        """The first argument that is one thing or another, as replacements by identity for both cases."""
        for value in values:
            if isinstance(value, Case):
                return value.cond, {id(value): value.yes}, {id(value): value.no}
            if isinstance(value, Maybe):
                return value.absent, {id(value): None}, {id(value): value.value}
        return None

    def needs_case(
        self,
        value: Cond | Choice,
        args: list[Value],
        kwargs: dict[str, Value],
        again: Callable[[list[Value], dict[str, Value]], Value],
        node: ast.Expr,
    ) -> Value:
        """Check once for each value of a condition or choice that an op needs concretely."""

        def with_value(v: Value) -> Value:
            new = {id(a): v for a in [*args, *kwargs.values()] if a is value or a == value}
            return again(_swap(args, new), _swap_named(kwargs, new))

        if isinstance(value, Cond):
            return self.both(value, lambda: with_value(True), lambda: with_value(False), node)
        if not value.options:
            raise NeedsValue(frozenset({value.text}))
        return self._each_option(value, value.options, with_value, node)

    def _each_option(
        self, choice: Choice, options: tuple[str, ...], run: Callable[[Value], Value], node: ast.Expr
    ) -> Value:
        if len(options) == 1:
            return run(options[0])
        cond = host.choice_is(choice, options[0])
        assert isinstance(cond, Cond)
        return self.both(
            cond, lambda: run(options[0]), lambda: self._each_option(choice, options[1:], run, node), node
        )

    def both(self, cond: Cond, yes: Callable[[], Value], no: Callable[[], Value], node: object) -> Value:
        """Run under a condition and under its negation, and join; a case that cannot be is not run."""
        known = self.decide(cond)
        if known is not None:
            return yes() if known else no()
        with self.given(cond, branch=True):
            dead = self.facts.contradictory
            a = POISON if dead else yes()
        with self.given(~cond, branch=True):
            if self.facts.contradictory:
                return a
            b = no()
        if dead:
            return b
        if a is POISON or b is POISON:
            return POISON
        return self.join(cond, a, b, node)

    def take_open(self, cx: Cx, node: object, label: str) -> None:
        for cond in cx.open:
            self.owe(cond, f"{label} needs {cond}", node, False)

    def op_error(
        self,
        error: Exception,
        node: object,
        places: dict[str, ast.Expr],
        label: str,
        inputs: list[Value],
    ) -> Value:
        """Report what an op refuses, with the argument to blame and how its input came to be."""
        notes = self.trails(inputs)
        if isinstance(error, OpError):
            place = places.get(error.arg or "")
            labels: tuple[Label, ...] = ()
            at = node
            if place is not None and error.code in BY_KEYWORD:
                at = self.program.keywords.get(id(place), place)
            elif place is not None and (error.code.startswith("E05") or error.code in BY_ARGUMENT):
                at = place
            elif place is not None and not _within(place, node):
                labels = (self.label(place, f"`{error.arg}` is given here"),)
            if error.code in WITHOUT_TRAIL:
                notes = ()
            return self.error(error.code, error.message, at, labels=labels, notes=notes, help=error.help)
        if isinstance(error, MixedPrecision):
            return self.error(
                "E0410",
                f"{label} mixes `float`, the model's own precision, with an exact float dtype",
                node,
                notes=notes,
                help="convert one of them: `to(float)`, or `to(f32)` and the like",
            )
        if isinstance(error, BroadcastError):
            shapes = " and ".join(type_text(v) for v in inputs if isinstance(v, TensorType))
            a, b = error.sizes
            return self.error(
                "E0305",
                f"{label} cannot broadcast {shapes}: {a} and {b} differ at axis {error.axis}",
                node,
                notes=notes,
            )
        code = "E0801" if isinstance(error, TooLarge) else "E0803"
        return self.error(code, f"{label}: {error}", node, notes=notes)

    # --- built-in functions ---

    def builtin(self, name: str, args: Args, node: ast.Expr) -> Value:
        if args.bad:
            return POISON
        values = [self.number_of(v, node) if not has_tensor(v) else v for v in args.values]
        if POISON in values:
            return POISON
        if args.kwargs and name not in ("enumerate",):
            return self.error("E0512", f"`{name}` takes no named arguments here", node)
        for i, value in enumerate(values):
            if isinstance(value, Case) and not is_module(value):
                rest = values[:]

                def one(x: Value, i: int = i, rest: list[Value] = rest) -> Value:
                    return self._builtin(name, [*rest[:i], x, *rest[i + 1 :]], node)

                return self.cased(value, one, node)
        if name == "enumerate" and "start" in args.kwargs:
            values.append(args.kwargs["start"])
        return self.host(lambda: self._builtin(name, values, node), node)

    def _builtin(self, name: str, values: list[Value], node: ast.Expr) -> Value:
        low, high = _ARITY.get(name, (1, 1))
        if not low <= len(values) <= high:
            wants = f"{low}" if low == high else f"{low} to {high}" if high < 100 else f"at least {low}"
            return self.error(
                "E0510",
                f"`{name}` takes {wants} argument{'s' * (wants != '1')}, but gets {len(values)}",
                node,
            )
        if name == "range":
            return self._range(values, node)
        if name == "len":
            return self.length_of(values[0], node)
        if name == "enumerate":
            start = values[1] if len(values) > 1 else dim(0)
            return Enumerate(values[0], start) if isinstance(start, Dim) else POISON
        if name == "zip":
            return Zip(tuple(values))
        if name == "reversed":
            items = self.known_list(values[0], node)
            return POISON if items is None else items[::-1]
        if name in ("min", "max"):
            if any(isinstance(v, SymList) for v in values):
                raise NeedsValue(frozenset(v.text for v in values if isinstance(v, SymList)))
            return host.minmax(name, values)
        if name in ("sum", "all", "any"):
            return self._folded(name, values, node)
        if name == "round" and len(values) == 2:
            return self._rounded(values)
        if name in ("int", "round", "ceil", "floor"):
            value = values[0]
            if isinstance(value, Real):
                self.need_floats(value)
            return host.rounding(name, value)
        if name == "bool":
            return self.condition(values[0], node)
        if name == "str":
            return values[0] if isinstance(values[0], str | Choice) else str(values[0])
        return host.real(name, values[0])

    def need_floats(self, value: Real) -> None:
        """A size computed from a float hyperparameter: the block is checked for each of its values."""

    def _rounded(self, values: list[Value]) -> Value:
        value, digits = values
        if isinstance(value, float) and isinstance(digits, Dim) and digits.const is not None:
            return round(value, digits.const)
        return Real(f"round({value}, {digits})")

    def _folded(self, name: str, values: list[Value], node: ast.Expr) -> Value:
        items = self.known_list(values[0], node)
        if items is None:
            return POISON
        if name == "sum":
            total: Value = dim(0)
            for item in items:
                total = host.binary("+", total, item)
            return total
        result: Cond | bool = name == "all"
        for item in items:
            cond = self.condition(item, node)
            if not isinstance(cond, bool | Cond):
                return POISON
            result = host.conjunction(result, cond) if name == "all" else host.disjunction(result, cond)
        return result

    def _range(self, values: list[Value], node: ast.Expr) -> Value:
        for v in values:
            if not isinstance(v, Dim):
                hint = "`//` divides ints" if isinstance(v, float | Real) else None
                return self.error("E0402", f"`range` takes ints, not {host.kind_of(v)}", node, help=hint)
        dims = [v for v in values if isinstance(v, Dim)]
        start, stop = (dim(0), dims[0]) if len(dims) == 1 else dims[:2]
        step = dims[2].const if len(dims) == 3 else 1
        if not step:
            return self.error("E0402", "the step of a range is a known int, and not 0", node)
        return Range(start, stop, step)

    def length_of(self, value: Value, node: ast.Expr) -> Value:
        """`len(xs)`."""
        if isinstance(value, list | tuple | str):
            return dim(len(value))
        if isinstance(value, ListModule):
            return dim(len(value.items))
        if isinstance(value, SymList | Mapped | RepeatModule):
            return value.length
        if isinstance(value, Range):
            return self.range_length(value)
        if isinstance(value, Enumerate):
            return self.length_of(value.items, node)
        hint = METHODS["size"] if is_tensor(value) else None
        return self.error("E0402", f"{host.kind_of(value)} has no length", node, help=hint)

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
            self.calls[id(node)] = ("apply", func.name, base)
            return self.run(base, args, node, func.name)
        if func.name == "forward" and isinstance(base, OpModule | BlockModule | ListModule):
            return self.apply_value(base, "forward", func.value, extra, node)
        child = self.module_attribute(base, func)
        if is_tensor(child) and piped is None and arguments == ():
            return self.error("E0407", f"{func.name} is a tensor, which cannot be called", func)
        label = self.source.text[func.span.start : func.span.end]
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
            return self._tensor_attribute(base, node)
        return self.error("E0209", f"{host.kind_of(base)} has no `{node.name}`", node.name_span)

    def _tensor_attribute(self, base: TensorType, node: ast.Attribute) -> Value:
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


HOLEY = frozenset({"Sequential", "partial"})
HOST = frozenset(
    [
        "range",
        "len",
        "enumerate",
        "zip",
        "min",
        "max",
        "sum",
        "int",
        "float",
        "bool",
        "str",
        "round",
        "ceil",
        "floor",
        "sqrt",
        "log",
        "abs",
        "exp",
        "all",
        "any",
        "reversed",
    ]
)
_ARITY = {
    "range": (1, 3),
    "enumerate": (1, 2),
    "zip": (1, 100),
    "min": (1, 10_000),
    "max": (1, 10_000),
    "round": (1, 2),
}
ERRORS = (OpError, MixedPrecision, BroadcastError, TooLarge, Undefined)
BY_KEYWORD = frozenset({"E0512", "E0513", "E0515"})
"""Mistakes in an argument's name."""
BY_ARGUMENT = frozenset({"E0303", "E0520"})
"""Mistakes in an argument, whatever flows in."""
WITHOUT_TRAIL = frozenset({"E0510", "E0511", "E0512", "E0513", "E0514", "E0515", "E0516", "E0520"})
"""Mistakes that no shape explains."""


def _within(inner: object, outer: object) -> bool:
    a, b = inner.span, outer.span  # type: ignore[attr-defined]  # nodes have spans
    return bool(b.start <= a.start and a.end <= b.end)


def _swap(values: list[Value], new: dict[int, Value]) -> list[Value]:
    return [new.get(id(v), v) for v in values]


def _swap_named(values: dict[str, Value], new: dict[int, Value]) -> dict[str, Value]:
    return {k: new.get(id(v), v) for k, v in values.items()}


def _op_value(value: Value) -> Value:
    """A value as ops take it."""
    if isinstance(value, OpModule):
        return value.ready or value.layer
    if isinstance(value, FunctionRef) and value.builtin in ("int", "float", "bool"):
        return DType.named(value.builtin)
    if isinstance(value, Mapped):
        length = value.length.const
        if length is not None and length <= 256:
            (name,) = value.index.symbols
            return [substitute(value.item, {name: dim(k)}) for k in range(length)]
    return value
