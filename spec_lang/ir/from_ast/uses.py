"""Types of tensors, and the use of a checked block, method or tensor function."""

from __future__ import annotations

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast.binding import Binding, found_text, type_symbols
from spec_lang.ir.from_ast.construction import Cells
from spec_lang.ir.from_ast.hypers import float_flags
from spec_lang.ir.from_ast.op_calls import Args
from spec_lang.ir.from_ast.scope import Def
from spec_lang.ir.from_ast.summary import MethodSummary, Owed
from spec_lang.ir.from_ast.values import (
    POISON,
    AliasModule,
    BlockModule,
    Case,
    FunctionRef,
    Maybe,
    Partial,
    Value,
    is_tensor,
    substitute,
    substitute_cond,
)
from spec_lang.shapes import Cond, Dim, TensorType
from spec_lang.syntax import ast


class Uses(Binding):
    """Evaluates types and applies summaries."""

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
                return self.error("E0403", f"{name} takes one tensor, not {found_text(value)}", module.node)
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
            shown = "" if isinstance(cond, bool) or cond == o.cond else f", which is `{cond}` here"
            mapped = _mapping_text(o.cond, known)
            self.error(
                "E0601",
                f"{module.label} does not satisfy what {name} requires{o.why}",
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
        for name in type_symbols(callee.result) - set(env):
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

    def fit_in(self, value: Value, type: ast.Type, name: str, node: object, owner: object) -> Value:
        assert isinstance(owner, Def)
        if owner.scope is self.scope:
            return self.fit(value, type, name, node)
        with self.in_scope(owner):
            return self.fit(value, type, name, node)


def _mapping_text(cond: Cond, env: dict[str, object]) -> str:
    names = [n for n in sorted(cond.symbols) if isinstance(env.get(n), Dim) and str(env[n]) != n]
    return f" with {', '.join(f'{n} = {env[n]}' for n in names)}" if names else ""


def _relabel(place: Label, text: str) -> Label:
    return Label(place.source, place.span, text)
