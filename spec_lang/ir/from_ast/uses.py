"""Types of tensors, and the use of a checked block, method or tensor function."""

from __future__ import annotations

from spec_lang.diagnostics import Label, Span
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.base import NeedsValue
from spec_lang.ir.from_ast.construction import Cells
from spec_lang.ir.from_ast.expressions import type_text
from spec_lang.ir.from_ast.habits import DTYPES
from spec_lang.ir.from_ast.hypers import Hypers, float_flags, is_mono
from spec_lang.ir.from_ast.op_calls import Args
from spec_lang.ir.from_ast.scope import Def
from spec_lang.ir.from_ast.summary import InputSummary, MethodSummary, Owed
from spec_lang.ir.from_ast.values import (
    POISON,
    AliasModule,
    BlockModule,
    Case,
    Cell,
    FunctionRef,
    Mapped,
    Maybe,
    Partial,
    Range,
    Value,
    is_tensor,
    substitute,
    substitute_cond,
    substitute_dim,
)
from spec_lang.shapes import Cond, Dim, DType, Pack, TensorType, Undefined, dim, exact_div, symbol
from spec_lang.syntax import ast


class Pair:
    """A size that a callee declares, and the one that it gets."""

    __slots__ = ("actual", "axis", "formal", "input", "type")

    def __init__(self, formal: Dim, actual: Dim | Pack, input: str, axis: int, type: TensorType) -> None:
        self.formal = formal
        self.actual = actual
        self.input = input
        self.axis = axis
        self.type = type


class Uses(Hypers):
    """Evaluates types and applies summaries."""

    wild: set[str]

    # --- types ---

    untyped = False
    """Whether an input's type is mistaken, so that the dims which it would have bound are unknown."""

    def once(self, code: str, message: str, at: object, help: str | None) -> Value:
        """Report a mistake that a type repeats only where it is first made."""
        if any(d.message == message for d in self.diagnostics):
            self.tainted = True
            return POISON
        return self.error(code, message, at, help=help)

    def type_of(self, node: ast.Type) -> Value:
        """A tensor type, or a tuple, list or optional of them."""
        if isinstance(node, ast.TensorType):
            return self._tensor_type(node)
        if isinstance(node, ast.TupleType):
            items = tuple(self.type_of(t) for t in node.items)
            return POISON if POISON in items else items
        if isinstance(node, ast.OptionalType):
            inner = self.type_of(node.base)
            return POISON if inner is POISON else Maybe(Cond.flag("?"), inner)
        if isinstance(node, ast.TensorListType):
            return self._list_type(node)
        return self.error("E0404", "a tensor's type is a dtype and its dims: `float[N, D]`", node)

    def _tensor_type(self, node: ast.TensorType) -> Value:
        dtype = DType.named(node.dtype)
        if dtype is None:
            names = [d.value for d in DType] + ["int"]
            hint = did_you_mean(node.dtype, names, DTYPES) or f"the dtypes are {', '.join(names)}"
            place = Span(node.span.start, node.span.start + len(node.dtype))
            return self.once("E0404", f"there is no dtype called `{node.dtype}`", place, hint)
        shape: list[Dim | Pack] = []
        for d in node.dims:
            one = self.size(d)
            if one is None:
                return POISON
            shape.append(one)
        if sum(isinstance(d, Pack) for d in shape) > 1:
            return self.error("E0404", "a type has at most one `*` among its dims", node)
        return TensorType(dtype, tuple(shape))

    def size(self, node: ast.Expr) -> Dim | Pack | None:
        """One dim of a type; None after a mistake."""
        if isinstance(node, ast.Hole):
            fresh = self.fresh("_dim")
            self.wild.add(str(fresh))
            self.dynamic.add(str(fresh))
            return fresh
        if isinstance(node, ast.Star):
            if isinstance(node.value, ast.Name):
                found = self.find(node.value.id)
                if found is not None and isinstance(found[1], Pack):
                    return found[1]
            self.error("E0404", "`*` in a type is followed by the name of any number of dims", node)
            return None
        if isinstance(node, ast.Name) and self.untyped and self.find(node.id) is None:
            self.tainted = True
            return None
        value = self.resolve(self.lookup(node) if isinstance(node, ast.Name) else self.ev(node))
        if value is POISON:
            return None
        if isinstance(value, Pack):
            name = str(value)
            self.error("E0404", f"this is any number of dims: write `{name}`", node)
            return None
        if not isinstance(value, Dim):
            kind = host.kind_of(value)
            hint = "`//` divides ints" if kind == "a float" else None
            if isinstance(node, ast.String):
                hint = f"names are written without quotes: `{node.value}`"
            elif value is None:
                hint = "a size that may be any has a name: `float[N, 4]`"
            shown = f"`{node.id}` is {kind}" if isinstance(node, ast.Name) else f"this is {kind}"
            self.once("E0404", f"a dim is an int, and {shown}", node, hint)
            return None
        low = self.decide(Cond.ge(value, 0))
        if low is False:
            hint = "a size that may be any has a name: `float[N, 4]`" if value.const == -1 else None
            self.once("E0304", f"a dim cannot be negative: {value}", node, hint)
            return None
        return value

    def _list_type(self, node: ast.TensorListType) -> Value:
        iterable = self.ev(node.generator.iterable)
        target = node.generator.target
        if iterable is POISON:
            return POISON
        if not isinstance(iterable, Range) or iterable.step != 1 or not isinstance(target, ast.Name):
            return self.error(
                "E0404", "a list of tensors counts `for i in range(n)`", node.generator.iterable
            )
        length = self.range_length(iterable)
        outer = self.loops
        if length.const is not None and length.const <= 256:
            items: list[Value] = []
            for k in range(length.const):
                self.loops = {**outer, target.id: iterable.start + k}
                items.append(self.type_of(node.item))
            self.loops = outer
            return POISON if POISON in items else items
        index = self.fresh(target.id, 0)
        self.loops = {**outer, target.id: iterable.start + index}
        with self.given(Cond.lt(index, length)):
            item = self.type_of(node.item)
        self.loops = outer
        return POISON if item is POISON else Mapped(index, length, item)

    # --- constructing blocks ---

    def use(self, definition: object, args: Args, node: ast.Expr, label: str, cells: Cells) -> Value:
        """Construct a block, an extern layer or a variant."""
        assert isinstance(definition, Def)
        target = definition.node
        if isinstance(target, ast.Block) and target.hypers is None and target.alias is not None:
            base = self.program.variant(definition)
            if base is None:
                self.tainted = True
                return POISON
            if args.values or args.kwargs:
                return self.error("E0510", f"{definition.name} is a variant, whose values are given", node)
            return self.constructed(
                Partial(base.ctor, base.args, base.kwargs, target.alias), args, node, label, cells
            )
        if isinstance(target, ast.ConstantDef | ast.Function | ast.Record | ast.Import):
            return self.error("E0407", f"{definition.name} is no layer", node)
        values = self.bind_hypers(target.hypers or (), args, definition, node, definition.name)
        if values is None:
            return POISON
        for key, value in values.items():
            if isinstance(value, Case):
                return self._use_cases(definition, values, key, value, node, label, cells)
        return self._used(definition, values, node, label, cells)

    def _use_cases(
        self,
        definition: Def,
        values: dict[str, Value],
        key: str,
        case: Case,
        node: ast.Expr,
        label: str,
        cells: Cells,
    ) -> Value:
        def one(value: Value) -> Value:
            new = {**values, key: value}
            for k, v in new.items():
                if isinstance(v, Case):
                    return self._use_cases(definition, new, k, v, node, label, cells)
            return self._used(definition, new, node, label, cells)

        return self.cases(case.cond, lambda: one(case.yes), lambda: one(case.no))

    def _used(
        self, definition: Def, values: dict[str, Value], node: ast.Expr, label: str, cells: Cells
    ) -> Value:
        target = definition.node
        assert isinstance(target, ast.Block | ast.Extern)
        env: dict[str, object] = {}
        for h in target.hypers or ():
            self.bindings(h.name.id, values[h.name.id], h.type, env)
        if isinstance(target, ast.Block) and target.alias is not None:
            return self.use_alias(definition, values, env, node, label, cells)
        summary = self.program.summary(definition, values, self, node)
        if summary is None or summary.broken:
            self.tainted = True
            return POISON
        inside = {name: cells(name, node) for name in summary.dims}
        module = BlockModule(label, summary, env, inside, node)
        early = [o for o in summary.owed if not (o.cond.symbols & set(summary.dims))]
        return module if self.discharge(early, env, module, node) else POISON

    def use_alias(
        self,
        definition: Def,
        values: dict[str, Value],
        env: dict[str, object],
        node: ast.Expr,
        label: str,
        cells: Cells,
    ) -> Value:
        """`block ConvBN(...) = Sequential(...)`: its check waits for the rank of what flows in."""
        return AliasModule(label, definition, values, env, node, cells)

    def alias_block(self, module: AliasModule, value: Value) -> Value:
        """The block that an alias is for an input like this."""
        if module.source is not None:
            return self.alias_block(module.source, value)
        if module.block is None:
            if not isinstance(value, TensorType):
                name = module.definition.name
                return self.error("E0403", f"{name} takes one tensor, not {_found_text(value)}", module.node)
            summary = self.program.alias_summary(module.definition, module.values, value, self, module.node)
            if summary is None or summary.broken:
                self.tainted = True
                return POISON
            make = module.cells
            assert callable(make)
            inside = {n: make(n, module.node) for n in summary.dims}
            module.block = BlockModule(module.label, summary, module.env, inside, module.node)
        return module.block

    def discharge(self, owed: list[Owed], env: dict[str, object], module: BlockModule, node: object) -> bool:
        """Prove what a callee assumed, or pass it on."""
        good = True
        for o in owed:
            known = env | float_flags(o.cond, env)
            cond = substitute_cond(o.cond, known)
            verdict = self.decide(cond)
            if verdict is True:
                continue
            assert not isinstance(cond, bool) or not cond
            name = module.summary.definition.name
            if verdict is None and isinstance(cond, Cond):
                self.owe(cond, o.message, o.place if o.stated else node, o.stated, passed=True)
                continue
            good = False
            why = f": {o.message}" if o.stated and o.message != str(o.cond) else ""
            shown = "" if isinstance(cond, bool) or cond == o.cond else f", which is `{cond}` here"
            mapped = _mapping_text(o.cond, known)
            self.error(
                "E0601",
                f"{module.label} does not satisfy what {name} requires{why}",
                self.stage(node) if isinstance(node, ast.Arrow) else node,
                labels=(_relabel(o.place, f"`{o.cond}` is required here"),),
                notes=(f"`{o.cond}`{shown}{mapped}",),
            )
        return good

    # --- running blocks ---

    def run_block(self, module: BlockModule, args: Args, node: ast.Expr, method: str) -> Value:
        callee = module.summary.methods.get(method)
        if callee is None:
            name = module.summary.definition.name
            return self.error("E0209", f"{name} has no `{method}`", node)
        env = dict(module.values)
        if not self.bind_inputs(callee, args, env, node, module.label):
            return POISON
        for name, cell in module.cells.items():
            size = env.get(name)
            if size is None:
                if cell.value is not None:
                    env[name] = substitute(cell.value, dict(module.at))
                continue
            assert isinstance(size, Dim)
            if not self.settle(cell, size, module.at, node, f"{module.label}'s {name}", args):
                return POISON
        if not self.discharge([*module.summary.owed, *callee.owed], env, module, node):
            return POISON
        return self.keep_trail(
            self.result_of(callee, env), args.values[0] if args.values else None, module.label
        )

    def result_of(self, callee: MethodSummary, env: dict[str, object]) -> Value:
        """A callee's result in the caller's terms; what only the callee knows gets fresh names."""
        for name in _symbols(callee.result) - set(env):
            if name.startswith("_dim") or name in callee.dims:
                fresh = self.fresh("_dim")
                self.dynamic.add(str(fresh))
                env[name] = fresh
        return substitute(callee.result, env)

    def call_method(self, name: str, args: Args, node: ast.Expr) -> Value:
        """Another method of the same block."""
        callee = self.own_method(name, node)
        if callee is None:
            return POISON
        env: dict[str, object] = {}
        if not self.bind_inputs(callee, args, env, node, name):
            return POISON
        for key, d in self.static_dims.items():
            size = env.get(key)
            if isinstance(size, Dim) and size != d and not self.facts.equal(size, d):
                return self.error("E0301", f"{name} takes the block's {key}, but {size} flow in", node)
        for o in callee.owed:
            cond = substitute_cond(o.cond, env)
            known = self.decide(cond)
            if known is False:
                return self.error("E0601", f"{name} requires {o.cond}, which does not hold here", node)
            if known is None and isinstance(cond, Cond):
                self.owe(cond, o.message, o.place, o.stated)
        return self.keep_trail(self.result_of(callee, env), args.values[0] if args.values else None, name)

    def own_method(self, name: str, node: ast.Expr) -> MethodSummary | None:
        raise NotImplementedError

    def call_fn(self, function: FunctionRef, args: Args, node: ast.Expr) -> Value:
        """A function of this program: over hyperparameters by value, over tensors by its summary."""
        definition = function.definition
        assert definition is not None
        if args.bad:
            return POISON
        target = definition.node
        if isinstance(target, ast.Function) and target.value is not None:
            return self.program.inline(definition, args, self, node)
        if self.locals is None and not self.allows_tensors:
            return self.error(
                "E0702", f"{definition.name} computes a tensor, which belongs into a method", node
            )
        case = self.split_case([*args.values, *args.kwargs.values()])
        if case is not None and not all(is_tensor(v) for v in args.values if isinstance(v, Maybe)):
            case = None
        callee = self.program.tensor_function(definition, self, node)
        if callee is None:
            self.tainted = True
            return POISON
        env: dict[str, object] = {}
        if not self.bind_inputs(callee, args, env, node, definition.name):
            return POISON
        for o in callee.owed:
            cond = substitute_cond(o.cond, env)
            known = self.decide(cond)
            if known is None and isinstance(cond, Cond):
                self.owe(cond, o.message, o.place if o.stated else node, o.stated)
            elif not known:
                return self.error(
                    "E0601",
                    f"{definition.name} requires {o.cond}, which is not so here",
                    self.stage(node),
                    labels=(_relabel(o.place, "required here"),),
                    notes=(f"`{o.cond}`{_mapping_text(o.cond, env)}",),
                )
        first = args.values[0] if args.values else None
        return self.keep_trail(self.result_of(callee, env), first, definition.name)

    # --- binding ---

    def bind_inputs(
        self, callee: MethodSummary, args: Args, env: dict[str, object], node: ast.Expr, label: str
    ) -> bool:
        """What a call's arguments make of a callee's dims, in `env`; mistakes are reported."""
        given = self._matched(callee, args, node, label)
        if given is None:
            return False
        pairs: list[Pair] = []
        later: list[tuple[InputSummary, Value]] = []
        for item in callee.inputs:
            value = given.get(item.name, _ABSENT)
            if value is _ABSENT:
                if item.default is not None and not isinstance(item.default, ast.Constant):
                    other = item.default.id if isinstance(item.default, ast.Name) else None
                    if other in given:
                        later.append((item, given[other]))
                    continue
                value = None
            if not self._pair(item, value, env, pairs, node, label):
                return False
        for item, value in later:
            if not self._pair(item, value, env, pairs, node, label):
                return False
        if not self._solve(callee, pairs, env, node, label, args):
            return False
        for name, d in callee.dims.items():
            key = f"*{name}" if isinstance(d, Pack) else name
            if key not in env:
                env[key] = () if isinstance(d, Pack) else dim(0)
        return True

    def _matched(
        self, callee: MethodSummary, args: Args, node: ast.Expr, label: str
    ) -> dict[str, Value] | None:
        names = [i.name for i in callee.inputs]
        if len(args.values) > len(names):
            takes = (
                f"{len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)})" if names else "no inputs"
            )
            self.error("E0510", f"{label} takes {takes}, but gets {len(args.values)}", self.stage(node))
            return None
        given = dict(zip(names, args.values, strict=False))
        for key, value in args.kwargs.items():
            given_at = args.named.get(key, node)
            place = self.program.keywords.get(id(given_at), given_at)
            if key not in names:
                hint = self.suggestion(key, names) or f"its inputs are {', '.join(names)}"
                self.error("E0512", f"{label} has no input `{key}`", place, help=hint)
                return None
            if key in given:
                self.error("E0513", f"{label} gets `{key}` twice", place)
                return None
            given[key] = value
        missing = [
            i.name for i in callee.inputs if i.name not in given and i.default is None and not i.optional
        ]
        if missing:
            self.error("E0511", f"{label} needs {' and '.join(f'`{m}`' for m in missing)}", self.stage(node))
            return None
        return given

    def _pair(
        self,
        item: InputSummary,
        value: Value,
        env: dict[str, object],
        pairs: list[Pair],
        node: ast.Expr,
        label: str,
    ) -> bool:
        value = self.resolve(value)
        formal = item.type.value if isinstance(item.type, Maybe) else item.type
        if item.optional:
            env[f"{item.name} is none"] = value.absent if isinstance(value, Maybe) else value is None
        if value is None and item.optional:
            return True
        if isinstance(value, Maybe):
            if not item.optional:
                self.error(
                    "E0406",
                    f"{label}'s {item.name} must be there, and this may be none",
                    node,
                    help="pass it where `is not none` is known",
                )
                return False
            value = value.value
        if isinstance(formal, Dim) and isinstance(value, Dim):
            env[str(formal)] = value
            return True
        return self._pair_types(formal, value, item.name, env, pairs, node, label)

    def _pair_types(
        self,
        formal: Value,
        value: Value,
        name: str,
        env: dict[str, object],
        pairs: list[Pair],
        node: ast.Expr,
        label: str,
    ) -> bool:
        if isinstance(formal, TensorType) and isinstance(value, TensorType):
            return self._pair_tensors(formal, value, name, env, pairs, node, label)
        if isinstance(formal, tuple | list) and isinstance(value, tuple | list) and len(formal) == len(value):
            parts = zip(formal, value, strict=True)
            return all(self._pair_types(f, v, name, env, pairs, node, label) for f, v in parts)
        if isinstance(formal, Mapped):
            return self._pair_lists(formal, value, name, env, pairs, node, label)
        if isinstance(formal, list) and isinstance(value, Mapped):
            n = len(formal)
            if self.decide(Cond.eq(value.length, n)):
                (index,) = value.index.symbols
                items = [substitute(value.item, {index: dim(k)}) for k in range(n)]
                return self._pair_types(formal, items, name, env, pairs, node, label)
        if not is_tensor(formal) and not isinstance(formal, tuple | list | Mapped):
            return True
        self.error(
            "E0403",
            f"{label}'s {name} is {type_text(formal)}, but gets {_found_text(value)}",
            self.stage(node),
        )
        return False

    def _pair_lists(
        self,
        formal: Mapped,
        value: Value,
        name: str,
        env: dict[str, object],
        pairs: list[Pair],
        node: ast.Expr,
        label: str,
    ) -> bool:
        (index,) = formal.index.symbols
        if isinstance(value, list | tuple):
            actual = dim(len(value))
            items = [substitute(formal.item, {index: dim(k)}) for k in range(len(value))]
        elif isinstance(value, Mapped):
            actual = value.length
            (other,) = value.index.symbols
            items, value = [formal.item], [substitute(value.item, {other: formal.index})]
        else:
            self.error(
                "E0403", f"{label}'s {name} is a list of tensors, not {_found_text(value)}", self.stage(node)
            )
            return False
        pairs.append(Pair(formal.length, actual, name, -1, TensorType(DType.I64, ())))
        found = zip(items, value, strict=True)
        return all(self._pair_types(f, v, name, env, pairs, node, label) for f, v in found)

    def _pair_tensors(
        self,
        formal: TensorType,
        actual: TensorType,
        name: str,
        env: dict[str, object],
        pairs: list[Pair],
        node: ast.Expr,
        label: str,
    ) -> bool:
        if formal.dtype is not actual.dtype:
            convert = f"`to({formal.dtype})` converts"
            self.error(
                "E0401",
                f"{label}'s {name} is {formal.dtype}, but {actual.dtype} flows in",
                self.stage(node),
                notes=self.trail(actual),
                help=convert,
            )
            return False
        at = next((i for i, d in enumerate(formal.shape) if isinstance(d, Pack)), None)
        shape = actual.shape
        if at is None:
            fits = len(shape) == len(formal.shape) and actual.rank is not None
            matched = list(zip(range(len(shape)), formal.shape, shape, strict=False))
        else:
            after = len(formal.shape) - at - 1
            fits = len(shape) >= len(formal.shape) - 1
            end = len(shape) - after
            pack = formal.shape[at]
            assert isinstance(pack, Pack)
            inner = shape[at:end]
            fits &= not any(isinstance(d, Pack) for d in (*shape[:at], *shape[end:]))
            known = env.get(f"*{pack.name}")
            if fits and known is not None and known != inner:
                assert isinstance(known, tuple)
                same = len(known) == len(inner) and all(
                    a == b or (isinstance(a, Dim) and isinstance(b, Dim) and self.facts.equal(a, b))
                    for a, b in zip(known, inner, strict=True)
                )
                fits &= same
            env.setdefault(f"*{pack.name}", inner)
            matched = list(zip(range(at), formal.shape[:at], shape[:at], strict=False))
            matched += (
                [(end + k - len(shape), formal.shape[at + 1 + k], shape[end + k]) for k in range(after)]
                if fits
                else []
            )
        if not fits:
            shown = substitute(formal, {k: v for k, v in env.items() if not k.startswith("*")})
            self.error(
                "E0302",
                f"{label}'s {name} is {shown}, but {actual} flows in",
                self.stage(node),
                notes=self.trail(actual),
            )
            return False
        for axis, f, a in matched:
            assert isinstance(f, Dim)
            pairs.append(Pair(f, a, name, axis, actual))
        return True

    def _solve(
        self,
        callee: MethodSummary,
        pairs: list[Pair],
        env: dict[str, object],
        node: ast.Expr,
        label: str,
        args: Args,
    ) -> bool:
        """Bind each dim by an entry linear in it, and prove the other entries."""
        waiting = pairs
        while waiting:
            rest: list[Pair] = []
            for p in waiting:
                unknown = [n for n in sorted(p.formal.symbols) if n in callee.dims and n not in env]
                if len(unknown) > 1:
                    rest.append(p)
                elif unknown:
                    if not self._bind(p, unknown[0], env, node, label, rest):
                        return False
                elif not self._equal(p, env, node, label):
                    return False
            if len(rest) == len(waiting):
                break
            waiting = rest
        return True

    def _bind(
        self, p: Pair, name: str, env: dict[str, object], node: ast.Expr, label: str, rest: list[Pair]
    ) -> bool:
        if p.formal == symbol(name) and isinstance(p.actual, Dim):
            env[name] = p.actual
            return True
        assert isinstance(p.actual, Dim)
        formal = substitute_dim(p.formal, env)
        parts = linear(formal, name)
        if parts is None:
            rest.append(p)
            return True
        scale, offset = parts
        target = p.actual - offset
        if scale == 1:
            env[name] = target
        else:
            divides = Cond.divides(scale, target)
            known = self.decide(divides)
            if not known:
                state = f"state `require {divides}` if that always holds" if known is None else None
                self.error(
                    "E0306",
                    f"{label} takes {p.formal} for axis {p.axis} of {p.input}, but {p.actual} flows in",
                    self.stage(node),
                    notes=(
                        f"{target} is not a multiple of {scale}"
                        if known is False
                        else f"`{divides}` is not known to hold",
                        *self.trail(p.type),
                    ),
                    help=state,
                )
                return False
            env[name] = exact_div(target, scale)
        value = env[name]
        assert isinstance(value, Dim)
        low = Cond.ge(value, 1)
        known = self.decide(low)
        if known is False:
            self.error(
                "E0304", f"{label}'s {name} would be {value}", self.stage(node), notes=self.trail(p.type)
            )
            return False
        if known is None:
            self.owe(low, f"{label} needs {low}", node, False)
        return True

    def _equal(self, p: Pair, env: dict[str, object], node: ast.Expr, label: str) -> bool:
        formal = substitute_dim(p.formal, env)
        if isinstance(p.actual, Dim) and (formal == p.actual or self.facts.equal(formal, p.actual)):
            return True
        is_known = isinstance(p.actual, Dim) and formal.const is not None and p.actual.const is not None
        shown = f"{formal}" if formal == p.formal else f"{p.formal} = {formal}"
        where = "the length of" if p.axis == -1 and not p.type.shape else f"axis {p.axis} of"
        self.error(
            "E0301",
            f"{label} takes {shown} for {where} {p.input}, but {p.actual} flows in",
            self.stage(node),
            notes=self.trail(p.type),
            help=None
            if is_known or not isinstance(p.actual, Dim)
            else f"state `require {Cond.eq(p.actual, formal)}` if that always holds",
        )
        return False

    def fit_in(self, value: Value, type: ast.Type, name: str, node: object, owner: object) -> Value:
        assert isinstance(owner, Def)
        if owner.scope is self.scope:
            return self.fit(value, type, name, node)
        with self.in_scope(owner):
            return self.fit(value, type, name, node)


def linear(d: Dim, name: str) -> tuple[Dim, Dim] | None:
    """`d` as `scale * name + offset`, if it is."""
    if name not in d.symbols:
        return None
    try:
        offset = d.substitute({name: 0})
        scale = d.substitute({name: 1}) - offset
    except (Undefined, ArithmeticError):
        return None
    if name in scale.symbols or name in offset.symbols:
        return None
    unknown = next((s for s in _atoms(d) if str(s) == name), None)
    if unknown is None or scale * unknown + offset != d:
        return None
    return scale, offset


def _atoms(d: Dim) -> list[Dim]:
    """The symbols of a polynomial as dims."""
    return [Dim({(a,): 1}) for m in d.terms for a in m if a.kind == "symbol"]


def _symbols(value: Value) -> frozenset[str]:
    if isinstance(value, TensorType):
        return frozenset().union(*(d.symbols for d in value.shape if isinstance(d, Dim)))
    if isinstance(value, tuple | list):
        return frozenset().union(*map(_symbols, value))
    if isinstance(value, Mapped):
        return (_symbols(value.item) | value.length.symbols) - value.index.symbols
    if isinstance(value, Maybe):
        return _symbols(value.value)
    return frozenset()


def _mapping_text(cond: Cond, env: dict[str, object]) -> str:
    names = [n for n in sorted(cond.symbols) if isinstance(env.get(n), Dim) and str(env[n]) != n]
    return f" with {', '.join(f'{n} = {env[n]}' for n in names)}" if names else ""


def _relabel(place: Label, text: str) -> Label:
    return Label(place.source, place.span, text)


def _found_text(value: Value) -> str:
    return type_text(value) if is_tensor(value) or isinstance(value, tuple | list) else host.kind_of(value)


class _Absent:
    pass


_ABSENT = _Absent()

__all__ = ["Cell", "NeedsValue", "Uses", "is_mono", "linear"]
