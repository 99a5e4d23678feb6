"""All definitions of a program: each checked once, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from spec_lang.diagnostics import Diagnostic, Label, Span
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.ir.from_ast.definitions.blocks import block_summary, container_summary
from spec_lang.ir.from_ast.definitions.container import check_container
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.definitions.options import Options
from spec_lang.ir.from_ast.definitions.others import hold_for_others
from spec_lang.ir.from_ast.definitions.outside import constant, default, inline, is_right, tensor_function
from spec_lang.ir.from_ast.definitions.variants import check_variant, decide_values, variant
from spec_lang.ir.from_ast.names.scope import Def, LoadedModule
from spec_lang.ir.from_ast.rules import RULES
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.hyper_types import is_mono, key_of
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.value import POISON, MethodSummary, Partial, Summary, Value
from spec_lang.ops.base import FUNCTIONS, LAYERS, Function, Layer
from spec_lang.shapes import DType, TensorType, symbol
from spec_lang.syntax import ast


class Definitions:
    """A program's check: what `Program` promises to each definition's, over what is known so far."""

    def __init__(self, modules: Sequence[LoadedModule], options: Options) -> None:
        self.known = Known(modules, options)
        self.rules = RULES
        self.layers: Mapping[str, type[Layer]] = LAYERS
        self.functions: Mapping[str, type[Function]] = FUNCTIONS
        self.compared = 0
        self.keywords: dict[ast.Expr, Span] = {}

    # --- what definitions ask of each other ---

    def constant(self, definition: Def) -> Value:
        return constant(self.known, self, definition)

    def default(self, owner: Def, hyper: ast.Hyper) -> Value:
        return default(self.known, self, owner, hyper)

    def variant(self, definition: Def) -> Partial | None:
        return variant(self.known, self, definition)

    def summary(
        self,
        definition: Def,
        values: dict[str, Value],
        asker: Check | None,
        node: object,
        optional: bool = False,
    ) -> Summary | None:
        return block_summary(self.known, self, definition, values, asker, node, optional)

    def alias_summary(
        self, definition: Def, values: dict[str, Value], input: TensorType, asker: Check | None, node: object
    ) -> Summary | None:
        return container_summary(self.known, self, definition, values, input, asker, node)

    def inline(self, definition: Def, args: Args, caller: Check, at: Place, node: ast.Expr) -> Value:
        return inline(self.known, self, definition, args, caller, at, node)

    def tensor_function(self, definition: Def, asker: Check | None, node: object) -> MethodSummary | None:
        return tensor_function(self.known, self, definition, asker, node)

    # --- the whole ---

    def run(self) -> None:
        """Check every definition, those of other files too."""
        for definition in self._own():
            self._definition(definition)
        for definition in self._own():
            self._container(definition)
        self._missing_model()
        self._values_of_nothing()

    def _own(self) -> Iterator[Def]:
        """Each definition, in the file that it stands in."""
        for scope in self.known.scopes:
            yield from [d for d in scope.names.values() if d.scope is scope]

    def _definition(self, definition: Def) -> None:
        node = definition.node
        if isinstance(node, ast.ConstantDef):
            self.constant(definition)
        elif isinstance(node, ast.Record):
            self._record(definition, node)
        elif isinstance(node, ast.Function):
            is_right(self.known, self, definition)
        elif isinstance(node, ast.Extern):
            if node.kind == "fn":
                self.tensor_function(definition, None, node.name)
            else:
                self._by_default(definition, node.hypers)
        elif isinstance(node, ast.Block):
            if node.hypers is None:
                check_variant(self.known, self, definition)
            elif node.alias is None or node.takes is not None:
                self._by_default(definition, node.hypers)
        self.known.finished(definition)

    def _record(self, definition: Def, node: ast.Record) -> None:
        c = Check(self, definition)
        seen: set[str] = set()
        for f in node.fields:
            if f.name.id in seen:
                c.error("E0205", f"`{f.name.id}` is a field twice", f.name)
            seen.add(f.name.id)
            if f.default is not None:
                self.default(definition, f)
        self.known.outside[definition] = self.known.take(c)

    def _by_default(self, definition: Def, hypers: tuple[ast.Hyper, ...]) -> None:
        """Check a block for what has symbols, and the defaults of what has none, where nobody used it yet."""
        node = definition.node
        entry = isinstance(node, ast.Block) and node.kind == "model"
        if not entry and definition in self.known.by_definition:
            return
        if entry:
            self._complete(definition, hypers)
        values = {h.name.id: self.default(definition, h) for h in hypers if h.default is not None}
        if any(is_mono(h.type) and h.name.id not in values for h in hypers):
            return
        if POISON in values.values():
            return
        summary = self.summary(definition, values, None, node.name, optional=not entry)  # type: ignore[union-attr]  # has a name
        if entry and summary is not None and not summary.broken and len(values) == len(hypers):
            decide_values(self.known, definition, summary, values, None)
            hold_for_others(self.known, self, definition, hypers, values)

    def _complete(self, definition: Def, hypers: tuple[ast.Hyper, ...]) -> None:
        for h in hypers:
            if h.default is None:
                self.known.report(
                    definition,
                    Diagnostic(
                        "E0508",
                        f"a model's hyperparameters have defaults, and `{h.name.id}` has none",
                        Label(definition.source, h.name.span),
                        help=f"write `{h.name.id}: ... = value`, or make it a `block`",
                    ),
                )

    def _container(self, definition: Def) -> None:
        """Check a block that is its container and that nobody used, for the first rank that fits."""
        node = definition.node
        if (
            not isinstance(node, ast.Block)
            or node.hypers is None
            or node.alias is None
            or node.takes is not None
        ):
            return
        if definition in self.known.by_definition:
            return
        values = {h.name.id: self.default(definition, h) for h in node.hypers if h.default is not None}
        if any(is_mono(h.type) and h.name.id not in values for h in node.hypers):
            return
        values |= {h.name.id: POISON for h in node.hypers if h.name.id not in values}
        mono = {h.name.id: values[h.name.id] for h in node.hypers if is_mono(h.type)}
        tried: list[Check] = []
        for rank in (4, 2, 3, 5):
            generic = TensorType(DType.FLOAT, tuple(symbol(f"size_{k}") for k in range(rank)))
            key = "unused", definition, rank, tuple((n, key_of(v)) for n, v in mono.items())
            self.known.running.append(definition)
            c, _, needs = self.known.check(
                key, Check(self, definition, mono), partial(_of_rank, input=generic)
            )
            self.known.running.pop()
            if needs is not None:
                return  # as with any block that only a use makes checkable
            if not c.effects.diagnostics:
                self.alias_summary(definition, values, generic, None, node.name)
                return
            tried.append(c)
        self.known.take(tried[0])

    # --- what was asked for ---

    def _models(self) -> list[Def]:
        """The models and variants that the entry file knows."""
        return [
            d
            for d in self.known.scopes[0].names.values()
            if isinstance(d.node, ast.Block) and d.node.kind == "model"
        ]

    def _values_of_nothing(self) -> None:
        """A value that is set for a hyperparameter that no model has."""
        options = self.known.options
        models = [d for d in self._models() if options.model in (None, d.name)]
        known = [h.name.id for d in models if isinstance(d.node, ast.Block) for h in d.node.hypers or ()]
        for name in options.overrides:
            if name in known or not models:
                continue
            node = models[0].node
            assert isinstance(node, ast.Block)
            listed = f"there are {', '.join(known)}" if known else None
            self.known.report(
                models[0],
                Diagnostic(
                    "E0512",
                    f"no hyperparameter is called `{name}`",
                    Label(models[0].source, node.name.span),
                    help=did_you_mean(name, known) or listed,
                ),
            )

    def _missing_model(self) -> None:
        """A model is wanted that the entry file does not have."""
        wanted = self.known.options.model
        names = [d.name for d in self._models()]
        if wanted is None or wanted in names:
            return
        tree = self.known.scopes[0].module.tree
        listed = f"its models are {', '.join(names)}" if names else "it has none"
        message = f"there is no model called `{wanted}` in {tree.source.name}"
        label = Label(tree.source, tree.span)
        help = did_you_mean(wanted, names) or listed
        self.known.diagnostics.append((0, Diagnostic("E0210", message, label, help=help)))

    def result(self) -> list[Diagnostic]:
        """Every mistake once, in the order of the files."""
        seen: set[tuple[object, ...]] = set()
        found: list[Diagnostic] = []
        files = {s.module.tree.source: s.file for s in self.known.scopes}
        for _, d in sorted(
            self.known.diagnostics,
            key=lambda fd: (files.get(fd[1].primary.source, 0), fd[1].primary.span.start),
        ):
            key = d.code, d.primary.source, d.primary.span
            if key not in seen:
                seen.add(key)
                found.append(d)
        return found


def _of_rank(c: Check, input: TensorType) -> None:
    """Check a container for an input of some rank."""
    assert isinstance(c.definition.node, ast.Block)
    check_container(c, c.definition.node, input, {}, {})
