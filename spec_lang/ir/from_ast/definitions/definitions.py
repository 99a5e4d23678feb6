"""All definitions of a program: each checked once, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec_lang.diagnostics import Diagnostic, Label, Span
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.frozen import Frozen
from spec_lang.ir.from_ast.definitions.agreement import differs, other_dims, used_with
from spec_lang.ir.from_ast.definitions.block import check_definition
from spec_lang.ir.from_ast.definitions.container import check_container
from spec_lang.ir.from_ast.expressions.arguments import evaluated
from spec_lang.ir.from_ast.names.remarks import Remarks
from spec_lang.ir.from_ast.names.scope import Def, LoadedModule, Scope, scopes
from spec_lang.ir.from_ast.rules import RULES
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.types.fitting import bind_hypers, fit
from spec_lang.ir.from_ast.types.hyper_types import is_mono, key_of
from spec_lang.ir.from_ast.types.hypers import bindings, symbolic
from spec_lang.ir.from_ast.uses.functions import as_hypers
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.substitution import substitute_cond
from spec_lang.ir.from_ast.values.value import POISON, DefCtor, Env, MethodSummary, Partial, Summary, Value
from spec_lang.ops.base import FUNCTIONS, LAYERS, Function, Layer
from spec_lang.shapes import Cond, Dim, DType, Facts, Pack, TensorType, Verdict, root, symbol
from spec_lang.syntax import ast

FUEL = 200
"""How deeply functions over hyperparameters may call each other."""


_COMPUTING = object()
"""The default that is being computed."""


def _outside(definition: Def) -> Place:
    """Where expressions outside of blocks stand."""
    return Place(definition.scope, Mode.LAYERS)


class Options(Frozen):
    """Values that replace the defaults of a model's hyperparameters, and for which model."""

    overrides: Mapping[str, ast.Expr] = {}
    model: str | None = None
    emit: bool = True
    """Whether the IR is wanted; without it, a check that has no expectations makes none."""


class Definitions:
    """Holds what is known of every definition."""

    def __init__(self, modules: Sequence[LoadedModule], options: Options) -> None:
        self.layers: Mapping[str, type[Layer]] = LAYERS
        self.functions: Mapping[str, type[Function]] = FUNCTIONS
        self.options = options
        self.scopes, wrong = scopes(modules)
        self.diagnostics: list[tuple[int, Diagnostic]] = list(wrong)
        self.rules = RULES
        self.checks: dict[tuple[int, object], Check] = {}
        self.by_definition: dict[int, list[Check]] = {}
        self.forced: dict[int, set[str]] = {}
        self.running: list[Def] = []
        self.done: list[Def] = []
        self.constants: dict[int, Value] = {}
        self.defaults: dict[int, Value] = {}
        self.variants: dict[int, Partial | None] = {}
        self.hosts: dict[int, Check] = {}
        self.depth = 0
        self.compared = 0
        """With how many names wrong ones were compared."""
        self.keywords: dict[ast.Expr, Span] = {}
        """Where the names of arguments stand, by their values' nodes."""
        self.right: dict[int, bool] = {}
        """Whether each function over hyperparameters is right on its own."""
        self._remarks: dict[int, Remarks] = {}

    # --- the whole ---

    def run(self) -> None:
        for scope in self.scopes:
            for definition in scope.names.values():
                if definition.scope is scope:
                    self._definition(definition)
        for scope in self.scopes:
            for definition in scope.names.values():
                if definition.scope is scope:
                    self._container(definition)
        self._missing_model()
        self._unused_values()

    def _container(self, definition: Def) -> None:
        """Check a block that is its container and that nobody used, for the first rank that fits."""
        node = definition.node
        if not isinstance(node, ast.Block) or node.hypers is None or node.alias is None:
            return
        if id(definition) in self.by_definition:
            return
        values = {h.name.id: self.default(definition, h) for h in node.hypers if h.default is not None}
        if any(is_mono(h.type) and h.name.id not in values for h in node.hypers):
            return
        values |= {h.name.id: POISON for h in node.hypers if h.name.id not in values}
        tried: list[Check] = []
        for rank in (4, 2, 3, 5):
            check = Check(self, definition, {n: v for n, v in values.items() if self._mono(node, n)})
            generic = TensorType(DType.FLOAT, tuple(symbol(f"size_{k}") for k in range(rank)))
            self.running.append(definition)
            try:
                check_container(check, node, generic, {}, {})
            except NeedsValue:
                return  # as with any block that only a use makes checkable
            finally:
                self.running.pop()
            if not check.effects.diagnostics:
                self.alias_summary(definition, values, generic, None, node.name)
                return
            tried.append(check)
        self._take(definition, tried[0])

    def _mono(self, node: ast.Block, name: str) -> bool:
        return any(h.name.id == name and is_mono(h.type) for h in node.hypers or ())

    def _unused_values(self) -> None:
        """A value that is set for a hyperparameter that no model has."""
        models = [d for d in self._models() if self.options.model in (None, d.name)]
        known = [h.name.id for d in models if isinstance(d.node, ast.Block) for h in d.node.hypers or ()]
        for name in self.options.overrides:
            if name in known or not models:
                continue
            node = models[0].node
            assert isinstance(node, ast.Block)
            listed = f"there are {', '.join(known)}" if known else None
            self.report(
                models[0],
                Diagnostic(
                    "E0512",
                    f"no hyperparameter is called `{name}`",
                    Label(models[0].source, node.name.span),
                    help=did_you_mean(name, known) or listed,
                ),
            )

    def _models(self) -> list[Def]:
        """The models and variants that the entry file knows."""
        return [
            d
            for d in self.scopes[0].names.values()
            if isinstance(d.node, ast.Block) and d.node.kind == "model"
        ]

    def _definition(self, definition: Def) -> None:
        node = definition.node
        if isinstance(node, ast.ConstantDef):
            self.constant(definition)
        elif isinstance(node, ast.Record):
            self._record(definition, node)
        elif isinstance(node, ast.Function):
            self._function(definition, node)
        elif isinstance(node, ast.Extern):
            if node.kind == "fn":
                self.tensor_function(definition, None, node.name)
            else:
                self._by_default(definition, node.hypers)
        elif isinstance(node, ast.Block):
            if node.hypers is None:
                self._variant_check(definition, node)
            elif node.alias is None:
                self._by_default(definition, node.hypers)
        self._finished(definition)

    def _by_default(self, definition: Def, hypers: tuple[ast.Hyper, ...]) -> None:
        """Check a block for what has symbols, and the defaults of what has none, where nobody used it yet."""
        node = definition.node
        entry = isinstance(node, ast.Block) and node.kind == "model"
        if not entry and id(definition) in self.by_definition:
            return
        if entry:
            assert isinstance(node, ast.Block)
            self._complete(definition, hypers)
        values: dict[str, Value] = {}
        for h in hypers:
            if h.default is not None:
                values[h.name.id] = self.default(definition, h)
        if any(is_mono(h.type) and h.name.id not in values for h in hypers):
            return
        if POISON in values.values():
            return
        summary = self.summary(definition, values, None, node.name, optional=not entry)  # type: ignore[union-attr]  # has a name
        if entry and summary is not None and not summary.broken and len(values) == len(hypers):
            self.decide_defaults(definition, summary, values, None)

    def _complete(self, definition: Def, hypers: tuple[ast.Hyper, ...]) -> None:
        for h in hypers:
            if h.default is None:
                self.report(
                    definition,
                    Diagnostic(
                        "E0508",
                        f"a model's hyperparameters have defaults, and `{h.name.id}` has none",
                        Label(definition.source, h.name.span),
                        help=f"write `{h.name.id}: ... = value`, or make it a `block`",
                    ),
                )

    def _missing_model(self) -> None:
        """A model is wanted that the entry file does not have."""
        wanted = self.options.model
        names = [d.name for d in self._models()]
        if wanted is None or wanted in names:
            return
        tree = self.scopes[0].module.tree
        listed = f"its models are {', '.join(names)}" if names else "it has none"
        message = f"there is no model called `{wanted}` in {tree.source.name}"
        label = Label(tree.source, tree.span)
        help = did_you_mean(wanted, names) or listed
        self.diagnostics.append((0, Diagnostic("E0210", message, label, help=help)))

    def report(self, definition: Def, diagnostic: Diagnostic) -> None:
        self.diagnostics.append((definition.file, diagnostic))

    def host(self, definition: Def) -> Check:
        """A check for expressions outside blocks, in a definition's file."""
        found = self.hosts.get(id(definition))
        if found is None:
            found = self.hosts[id(definition)] = Check(self, definition, {})
        return found

    # --- constants, defaults, functions over hyperparameters ---

    def constant(self, definition: Def) -> Value:
        """The value of a file's constant, computed once."""
        key = id(definition)
        if key in self.constants:
            return self.constants[key]
        node = definition.node
        assert isinstance(node, ast.ConstantDef)
        if self._cyclic(definition, node.value):
            return POISON
        self.running.append(definition)
        check = self.host(definition)
        value = check.ev(_outside(definition), node.value)
        self.running.pop()
        self.constants[key] = value
        self._take(definition, check)
        self._finished(definition)
        return value

    def default(self, owner: object, hyper: ast.Hyper) -> Value:
        """A hyperparameter's default, in the terms of the file that states it."""
        assert isinstance(owner, Def)
        assert hyper.default is not None
        key = id(hyper)
        if key not in self.defaults:
            self.defaults[key] = _COMPUTING  # for whoever asks for it while it is computed
            check = Check(self, owner, {})
            override = self.override(owner, hyper)
            node = hyper.default if override is None else override
            at = _outside(owner)
            value = fit(check, at, check.ev(at, node), hyper.type, hyper.name.id, hyper.default)
            if override is not None and check.effects.diagnostics:
                first = check.effects.diagnostics[0]
                check.effects.take()
                message = f"the value that is set for `{hyper.name.id}` does not do: {first.message}"
                value = check.error(first.code, message, hyper.name, help=first.help, state=first.state)
            self.defaults[key] = value
            self.hosts[id(hyper)] = check
            self._take(owner, check)
        elif self.defaults[key] is _COMPUTING:
            what = f"the default of `{hyper.name.id}` needs itself"
            self.report(owner, Diagnostic("E0701", what, Label(owner.source, hyper.default.span)))
            return POISON
        return self.defaults[key]

    def override(self, owner: Def, hyper: ast.Hyper) -> ast.Expr | None:
        node = owner.node
        if not (isinstance(node, ast.Block) and node.kind == "model" and owner.file == 0):
            return None
        if self.options.model not in (None, owner.name):
            return None
        return self.options.overrides.get(hyper.name.id)

    def inline(self, definition: Def, args: Args, caller: Check, at: Place, node: ast.Expr) -> Value:
        """A function over hyperparameters, by its expression."""
        target = definition.node
        assert isinstance(target, ast.Function)
        assert target.value is not None
        if definition in self.running or self.depth > FUEL:
            return caller.error(
                "E0701",
                f"{definition.name} calls itself: {self._circle(definition)}",
                node,
                help="functions do not recur; a list and its comprehension say what goes on",
            )
        if not self._function(definition, target):
            caller.effects.taint()
            return POISON
        values = bind_hypers(caller, at, as_hypers(target.inputs), args, definition, node, definition.name)
        if values is None:
            return POISON
        check = Check(self, definition, {})
        check.caller = caller
        check.block.hypers = dict(values)
        inside = _outside(definition)
        inside.facts, inside.path = at.facts, at.path
        self.running.append(definition)
        self.depth += 1
        try:
            value = check.ev(inside, target.value)
        finally:
            self.running.pop()
            self.depth -= 1
        if check.effects.diagnostics:
            first = check.effects.diagnostics[0]
            where = first.primary
            return caller.error(
                first.code,
                f"in {definition.name}: {first.message}",
                node,
                labels=(Label(where.source, where.span, "here"),),
                help=first.help,
                state=first.state,
            )
        return value

    def _function(self, definition: Def, node: ast.Function) -> bool:
        """Check a function on its own, once; whether it is right for values that nobody knows yet."""
        known = self.right.get(id(definition))
        if known is None:
            known = self.right[id(definition)] = self._function_right(definition, node)
        return known

    def _function_right(self, definition: Def, node: ast.Function) -> bool:
        if node.value is None:
            return self.tensor_function(definition, None, node.name) is not None
        check, at = self.host(definition), _outside(definition)
        for item in node.inputs:
            try:
                check.block.hypers[item.name.id] = symbolic(check, at, item.name.id, item.type)
            except NeedsValue:
                return True
        self.running.append(definition)
        try:
            check.ev(at, node.value)
        except NeedsValue:
            pass
        finally:
            self.running.pop()
        for item in node.inputs:
            if item.name.id not in check.effects.used:
                check.error("E0708", f"the input `{item.name.id}` is never used", item.name, help="remove it")
        right = not check.effects.diagnostics
        self._take(definition, check)
        return right

    def _record(self, definition: Def, node: ast.Record) -> None:
        check = self.host(definition)
        seen: set[str] = set()
        for f in node.fields:
            if f.name.id in seen:
                check.error("E0205", f"`{f.name.id}` is a field twice", f.name)
            seen.add(f.name.id)
            if f.default is not None:
                self.default(definition, f)
        self._take(definition, check)

    # --- variants ---

    def variant(self, definition: Def) -> Partial | None:
        """`model ResNet50 = ResNet(...)` as a constructor with its arguments."""
        key = id(definition)
        if key in self.variants:
            return self.variants[key]
        node = definition.node
        assert isinstance(node, ast.Block)
        assert node.alias is not None
        if self._cyclic(definition, node.alias):
            return None
        self.running.append(definition)
        check, at = self.host(definition), _outside(definition)
        result: Partial | None = None
        call = node.alias
        base = check.ev(at, call.func) if isinstance(call, ast.Call) else check.ev(at, call)
        if isinstance(base, DefCtor) and isinstance(base.definition.node, ast.Block):
            args = evaluated(check, at, call.args) if isinstance(call, ast.Call) else Args()
            if base.definition.node.hypers is None:
                if self.variant(base.definition) is not None:
                    check.error("E0510", f"{base.definition.name} is a variant, whose values are given", call)
            elif not args.bad:
                result = Partial(base, tuple(args.values), dict(args.kwargs), call)
        elif base is not POISON:
            check.error("E0709", f"{definition.name} is a variant of another model: `Name(...)`", call)
        self.running.pop()
        self.variants[key] = result
        self._take(definition, check)
        return result

    def _variant_check(self, definition: Def, node: ast.Block) -> None:
        partial = self.variant(definition)
        if partial is None or not isinstance(partial.ctor, DefCtor):
            return
        base = partial.ctor.definition
        target = base.node
        assert isinstance(target, ast.Block)
        assert target.hypers is not None
        check = Check(self, definition, {})
        args = Args()
        args.values, args.kwargs = list(partial.args), dict(partial.kwargs)
        call = node.alias
        assert call is not None
        if isinstance(call, ast.Call):
            args.nodes = [a.value for a in call.args if a.name is None]
            args.named = {a.name: a.value for a in call.args if a.name is not None}
        values = bind_hypers(check, _outside(definition), target.hypers, args, base, call, base.name)
        if values is not None:
            summary = self.summary(base, values, check, call)
            if summary is not None and not summary.broken:
                self.decide_defaults(base, summary, values, (definition, call))
        self._take(definition, check)

    # --- blocks ---

    def summary(
        self,
        definition: Def,
        values: dict[str, Value],
        asker: Check | None,
        node: object,
        optional: bool = False,
    ) -> Summary | None:
        """The check of a block for these values (of those hyperparameters that have no symbol)."""
        target = definition.node
        assert isinstance(target, ast.Block | ast.Extern)
        if definition in self.running:
            if asker is not None:
                asker.error("E0701", f"{definition.name} contains itself: {self._circle(definition)}", node)
            return None
        forced = self.forced.setdefault(id(definition), set())
        hypers = target.hypers or ()
        for _ in range(len(hypers) + 1):
            mono = {h.name.id: values[h.name.id] for h in hypers if is_mono(h.type) or h.name.id in forced}
            key = (id(definition), tuple((n, key_of(v)) for n, v in mono.items()))
            found = self.checks.get(key)
            if found is not None:
                return found.block.summary
            check = Check(self, definition, mono)
            self.running.append(definition)
            try:
                check_definition(check)
            except NeedsValue as needs:
                wanted = {root(n) for n in needs.names} & set(values)
                if wanted <= forced:
                    if optional:
                        return None
                    check.error("E0504", f"{', '.join(sorted(needs.names))} must be known here", target.name)
                else:
                    forced |= wanted
                    continue
            finally:
                self.running.pop()
            used = (asker, node) if asker is not None and asker.definition is not definition else None
            self._keep(definition, key, check, used)
            return check.block.summary
        return None

    def alias_summary(
        self,
        definition: Def,
        values: dict[str, Value],
        input: TensorType,
        asker: Check | None,
        node: object,
    ) -> Summary | None:
        """The check of a block that is its container, for inputs of a dtype and rank."""
        target = definition.node
        assert isinstance(target, ast.Block)
        if definition in self.running:
            if asker is not None:
                asker.error("E0701", f"{definition.name} contains itself", node)
            return None
        forced = self.forced.setdefault(id(definition), set())
        hypers = target.hypers or ()
        mono = {h.name.id: values[h.name.id] for h in hypers if is_mono(h.type) or h.name.id in forced}
        kinds = (str(input.dtype), tuple(isinstance(d, Pack) for d in input.shape))
        key = (id(definition), (kinds, tuple((n, key_of(v)) for n, v in mono.items())))
        found = self.checks.get(key)
        if found is not None:
            return found.block.summary
        self.running.append(definition)
        names: dict[int, str] = {}
        sizes: dict[int, Dim] = {}
        check = Check(self, definition, mono)
        try:
            passes = 2
            while passes:
                check = Check(self, definition, mono)
                names = check_container(check, target, input, names, sizes)
                sizes |= check.block.stated_sizes
                passes -= not check.block.stated_sizes
        except NeedsValue as needs:
            wanted = {root(n) for n in needs.names} & set(values)
            if not wanted <= forced:
                forced |= wanted
                self.running.pop()
                return self.alias_summary(definition, values, input, asker, node)
            check.error("E0504", f"{', '.join(sorted(needs.names))} must be known here", target.name)
        self.running.pop()
        self._keep(definition, key, check)
        return check.block.summary

    def _keep(
        self,
        definition: Def,
        key: tuple[int, object],
        check: Check,
        used: tuple[Check, object] | None = None,
    ) -> None:
        """Note a check that is done, for all further uses of the same kind; `used` is who asked for it, and where."""
        self.checks[key] = check
        self._agree(definition, check)
        known = self.by_definition.setdefault(id(definition), [])
        if check not in known:
            known.append(check)
        if used is not None:
            used_with(check, check.block.mono, *used)
        self._take(definition, check)
        self._finished(definition)

    def _finished(self, definition: Def) -> None:
        if definition not in self.done:
            self.done.append(definition)

    def _agree(self, definition: Def, check: Check) -> None:
        """The formulas of a block are the same for all its uses, or one class could not serve them."""
        others = self.by_definition.get(id(definition))
        if not others or check.block.summary.broken or others[0].block.summary.broken:
            return
        first = others[0]
        if list(first.block.summary.dims) != list(check.block.summary.dims):
            a, b = (", ".join(c.block.summary.dims) or "none" for c in (first, check))
            node = definition.node
            check.error(
                "E0504",
                f"the uses of {definition.name} need different implicit dims: {a}, and {b}",
                node.name,  # type: ignore[union-attr]  # blocks have names
                help="pass the difference as a hyperparameter",
            )
            return
        place = other_dims(first, check)
        if place is not None:
            check.error(
                "E0504",
                f"the layers that uses of {definition.name} pass in need different implicit dims",
                place,
                help="one class must construct them all alike: pass layers that need the same dims",
            )
            return
        wrong = differs(first, check)
        if wrong is None:
            return
        if differs(check, first) is None:
            others.insert(0, check)
            return
        cell, other = wrong
        check.error(
            "E0504",
            f"`_` stands for {other.value} in one use of {definition.name}, and for {cell.value} in another",
            cell.node,
            help="write it out, or pass the difference as a hyperparameter",
        )

    def tensor_function(self, definition: Def, asker: Check | None, node: object) -> MethodSummary | None:
        """The summary of a function over tensors."""
        target = definition.node
        if definition in self.running:
            if asker is not None:
                asker.error("E0701", f"{definition.name} calls itself: {self._circle(definition)}", node)
            return None
        key = (id(definition), ())
        check = self.checks.get(key)
        if check is None:
            check = Check(self, definition, {})
            self.running.append(definition)
            check_definition(check)
            self.running.pop()
            self.checks[key] = check
            self.by_definition.setdefault(id(definition), []).append(check)
            self._take(definition, check)
            self._finished(definition)
        name = target.name.id  # type: ignore[union-attr]  # functions have names
        return None if check.block.summary.broken else check.block.summary.methods.get(name)

    def decide_defaults(
        self,
        definition: Def,
        summary: Summary,
        values: dict[str, Value],
        variant: tuple[Def, ast.Expr] | None,
    ) -> None:
        """What a model leaves open must not be refuted by its own values."""
        target = definition.node
        assert isinstance(target, ast.Block)
        env: Env = {}
        for h in target.hypers or ():
            bindings(h.name.id, values[h.name.id], h.type, env)
        owed = [*summary.owed, *(o for m in summary.methods.values() for o in m.owed)]
        facts = Facts()
        told: list[Cond] = []
        for o in owed:
            cond = substitute_cond(o.cond, env)
            refuted = cond is False or (isinstance(cond, Cond) and facts.decide(cond) is Verdict.REFUTED)
            if not refuted or o.cond in told:
                continue
            told.append(o.cond)
            names = sorted(n for n in o.cond.symbols if n in env)
            shown = ", ".join(f"{n} = {env[n]}" for n in names)
            failed = f"do not satisfy `{o.cond}`{o.why}"
            if variant is None:
                given = any(n in self.options.overrides for n in names)
                message = f"the {'values' if given else 'defaults'} of {definition.name} {failed}"
                notes = (f"{'here' if given else 'by default'}, {shown}",) if shown else ()
                self.report(definition, Diagnostic("E0603", message, o.place, notes=notes))
            else:
                owner, call = variant
                self.report(
                    owner,
                    Diagnostic(
                        "E0603",
                        f"the values of {owner.name} {failed}",
                        Label(owner.source, call.span),
                        labels=(Label(o.place.source, o.place.span, "required here"),),
                        notes=(f"here, {shown}",) if shown else (),
                    ),
                )

    # --- bookkeeping ---

    def remarks(self, scope: Scope) -> Remarks:
        """The comments of a file."""
        if scope.file not in self._remarks:
            tree = scope.module.tree
            self._remarks[scope.file] = Remarks(tree.source, tree.comments)
        return self._remarks[scope.file]

    def _circle(self, definition: Def) -> str:
        """How a definition that is being checked came to need itself."""
        start = self.running.index(definition) if definition in self.running else 0
        return " -> ".join([*(d.name for d in self.running[start:]), definition.name])

    def _cyclic(self, definition: Def, node: ast.Expr) -> bool:
        if definition not in self.running:
            return False
        self.report(
            definition,
            Diagnostic(
                "E0701",
                f"{definition.name} is defined by itself: {self._circle(definition)}",
                Label(definition.source, node.span),
            ),
        )
        return True

    def _take(self, definition: Def, check: Check) -> None:
        found = check.effects.take()
        for d in found:
            self.report(definition, d)
        check.block.summary.broken |= bool(found) or check.effects.tainted

    def result(self) -> list[Diagnostic]:
        """Every mistake once, in the order of the files."""
        seen: set[tuple[object, ...]] = set()
        found: list[Diagnostic] = []
        files = {id(s.module.tree.source): s.file for s in self.scopes}
        for _, d in sorted(
            self.diagnostics,
            key=lambda fd: (files.get(id(fd[1].primary.source), 0), fd[1].primary.span.start),
        ):
            key = (d.code, id(d.primary.source), d.primary.span)
            if key not in seen:
                seen.add(key)
                found.append(d)
        return found
