"""The state of one block's check: facts, names, diagnostics, trials, and what is noted for the IR."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from spec_lang.diagnostics import Diagnostic, Label, Span
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.ir.from_ast import habits
from spec_lang.ir.from_ast.scope import Def
from spec_lang.ir.from_ast.summary import Owed
from spec_lang.ir.from_ast.values import (
    POISON,
    Case,
    Cell,
    DefCtor,
    FunctionRef,
    Maybe,
    MethodRef,
    OpCtor,
    RepeatModule,
    Value,
)
from spec_lang.shapes import Cond, Dim, DType, Facts, Pack, TensorType, Verdict, symbol
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk

if TYPE_CHECKING:
    from spec_lang.ir.from_ast.checker import Checker
    from spec_lang.ir.from_ast.iteration import Iteration

Item = tuple[ast.Comprehension, Mapping[str, Value] | None]
"""A comprehension, and its variables for one of its items."""
COMPUTED = frozenset(
    {
        *("range", "len", "enumerate", "zip", "reversed"),
        *("min", "max", "sum", "all", "any"),
        *("int", "float", "bool", "str"),
        *("round", "ceil", "floor", "sqrt", "log", "exp", "abs"),
    }
)
"""Python's own functions that give numbers, truths, strings and lists."""
MAKERS = frozenset({"Sequential", "partial"})
"""The built-in names that make layers, so that `_` may stand among their arguments."""
BUILTINS = COMPUTED | MAKERS
BUILTIN_VALUES: dict[str, Value] = {"inf": float("inf"), "pi": 3.141592653589793}
MAX_TRAIL = 12
COMPARED = 500_000
"""With how many names one check compares wrong ones, in search of what was meant."""
_NUMBERED = re.compile(r"\b[A-Za-z_]\w*_\d+\b")
ROUNDED = frozenset({"floordiv", "mod"})


class NeedsValue(Exception):
    """A hyperparameter must have one value: check the block once for each of its values."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


class Mark(NamedTuple):
    """Where a trial starts: what is undone of it."""

    reported: int
    owed: int
    determined: int
    facts: Facts
    path: list[Cond]
    bound: dict[str, Dim | Pack]
    tainted: bool
    needed: dict[str, Dim]
    partial: set[str]


class Base:
    """One check of one definition; `ev` and its kin are in the classes built on this one."""

    def __init__(self, program: Checker, definition: Def) -> None:
        self.program = program
        self.definition = definition
        self.scope = definition.scope
        self.source = definition.source
        self.facts = Facts()
        self.path: list[Cond] = []
        self.diagnostics: list[Diagnostic] = []
        self.opens: list[Owed] = []
        self.journal: list[Cell] = []
        self._tidy: dict[Dim, Dim] = {}
        self.trials = 0
        self.unrolled = False
        self.tainted = False
        """Whether something used here is broken: what seems to follow from its absence is not reported."""
        self.partial: set[str] = set()
        """Names that one branch of an `if` defines, and the other does not."""

        self.hypers: dict[str, Value] = {}
        self.lets: dict[str, Value] = {}
        self.dims: dict[str, Dim | Pack] = {}
        self.absent: dict[str, list[Dim]] = {}
        """The dims that are 0 where a flag (`mask is none`) holds."""
        self.members: dict[str, Value] = {}
        self.locals: dict[str, Value] | None = None
        self.loops: dict[str, Value] = {}
        self.methods: dict[str, ast.Method] = {}
        self.bound: dict[str, Dim | Pack] = {}
        """Dims that annotations in the method's body bind."""

        self.own_dims: frozenset[str] | None = None
        """The dims that the method being checked binds."""
        self.strangers: dict[str, int] = {}
        """Unknown names, each reported once, with how many mistakes were reported before."""

        self.required_inputs: dict[str, Value] = {}
        """The types of the inputs that every call of the method has."""
        self.free_axes: dict[str, int] = {}
        """The axes of a container's input by the symbols of their sizes, where nothing says yet what those are."""
        self.stated_sizes: dict[int, Dim] = {}
        """What layers state about free axes."""

        self.used: set[str] = set()
        self.static_dims: dict[str, Dim] = {}
        """The dims that layers need, in the order of need."""
        self.dynamic: set[str] = set()
        """Symbols that stand for no expression."""
        self.taken: set[str] = set()
        self.authors: dict[str, str] = {}
        """What symbols would be called if that were not taken."""

        self.element_symbols: set[str] = set()
        self.heads: dict[str, Iteration] = {}
        """The loops at whose heads a changing size is a symbol."""
        self.owner_index: dict[int, Dim] = {}
        self.repeats: dict[str, RepeatModule] = {}
        self.cell_owner: dict[int, ast.Comprehension] = {}
        self.refs: dict[int, str] = {}
        self.calls: dict[int, tuple[str, str]] = {}
        self.types: dict[int, Value] = {}
        self.resolved: dict[int, Value] = {}
        self.cells: dict[int, list[Cell]] = {}
        self.inside: tuple[Item, ...] = ()
        """The comprehensions that one goes through, with their variables where that is item by item."""
        self.item_of: dict[int, tuple[Item, ...]] = {}
        """Where each cell was made."""
        self.dims_bound: dict[int, list[tuple[str, tuple[int, ...], int]]] = {}
        self.came: dict[int, tuple[Value, Value, str]] = {}
        self.required: dict[int, tuple[bool | None, str]] = {}
        self.loop_names: dict[str, tuple[str, Dim]] = {}
        """Symbols of loops: the author's variable, which is the symbol plus a known offset."""

    # --- diagnostics ---

    def error(
        self,
        code: str,
        message: str,
        at: ast.Expr | ast.Type | ast.Name | Span | object,
        *,
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        help: str | None = None,
    ) -> Value:
        """Report a mistake; gives the value that silences what depends on it."""
        span = at if isinstance(at, Span) else at.span  # type: ignore[attr-defined]  # nodes have spans
        self.diagnostics.append(
            Diagnostic(
                code,
                self.authored(message),
                Label(self.source, span),
                labels=tuple(Label(k.source, k.span, self.authored(k.text)) for k in labels),
                notes=tuple(map(self.authored, notes)),
                help=None if help is None else self.authored(help),
            )
        )
        return POISON

    def authored(self, text: str) -> str:
        """A text with loops' symbols called as the author called the variable, where that is clear."""
        for own in dict.fromkeys(_NUMBERED.findall(text)):
            name = self.authors.get(own)
            if name is not None and not re.search(rf"\b{name}\b", text):
                text = re.sub(rf"\b{own}\b", name, text)
        return text

    def label(self, node: object, text: str) -> Label:
        return Label(self.source, node.span, text)  # type: ignore[attr-defined]  # nodes have spans

    def suggestion(
        self, name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None
    ) -> str | None:
        """What may have been meant; not looked for once more is wrong than anybody reads."""
        if self.program.compared >= COMPARED:
            return None
        names = list(known)
        self.program.compared += len(names)
        return did_you_mean(name, names, aliases)

    # --- trials ---

    def mark(self) -> Mark:
        return Mark(
            len(self.diagnostics),
            len(self.opens),
            len(self.journal),
            self.facts,
            self.path,
            dict(self.bound),
            self.tainted,
            dict(self.static_dims),
            set(self.partial),
        )

    def failed(self, mark: Mark) -> bool:
        return len(self.diagnostics) > mark.reported

    def rollback(self, mark: Mark) -> None:
        """Forget what was reported, assumed, owed, needed and determined since the mark."""
        self.forget(mark.reported)
        del self.opens[mark.owed :]
        for cell in self.journal[mark.determined :]:
            cell.value = cell.first = None
        del self.journal[mark.determined :]
        self.facts, self.path, self.bound = mark.facts, mark.path, dict(mark.bound)
        self.tainted, self.static_dims, self.partial = mark.tainted, dict(mark.needed), set(mark.partial)

    def forget(self, reported: int) -> None:
        """Forget all mistakes but the first ones; the names that they were about are unknown again."""
        del self.diagnostics[reported:]
        self.strangers = {n: k for n, k in self.strangers.items() if k < reported}

    @contextmanager
    def given(self, *conds: Cond | bool, branch: bool = False) -> Iterator[None]:
        """Facts that hold inside; `branch` says that what is owed there is owed under them only."""
        facts, path = self.facts, self.path
        for cond in conds:
            if isinstance(cond, bool):
                cond = Cond.of(cond)
            self.facts = self.assuming(self.facts, cond)
            if branch:
                self.path = [*self.path, cond]
        try:
            yield
        finally:
            self.facts, self.path = facts, path

    def assuming(self, facts: Facts, cond: Cond) -> Facts:
        """The facts and one more, with what the absence of an input says about its dims."""
        facts = facts.assume(cond)
        for part in cond.parts if cond.op == "and" else (cond,):
            if part.op == "flag":
                for d in self.absent.get(part.text, ()):
                    facts = facts.assume(Cond.eq(d, 0))
            elif part.op == "not" and part.parts[0].op == "flag":
                for d in self.absent.get(part.parts[0].text, ()):
                    facts = facts.assume(Cond.ge(d, 1))
        return facts

    def muted(self, run: Callable[[], object]) -> None:
        """Run for the notes only: a branch that is never taken reports nothing."""
        mark = self.mark()
        run()
        self.rollback(mark)

    # --- conditions ---

    def decide(self, cond: Cond | bool) -> bool | None:
        """The truth of a condition here, None where it is open."""
        if isinstance(cond, bool):
            return cond
        verdict = self.facts.decide(cond)
        return None if verdict is Verdict.OPEN else verdict is Verdict.PROVED

    def owe(self, cond: Cond, message: str, at: object, stated: bool, passed: bool = False) -> None:
        """Pass an open condition on to the uses of this block."""
        if len(self.opens) < 200:
            self.facts = self.facts.assume(cond)
        for premise in reversed(self.path):
            cond = ~premise | cond
        if any(o.cond == cond for o in self.opens):
            return
        place = at if isinstance(at, Label) else self.label(at, "needed here")
        owed = Owed(cond, message, self.time(cond), stated, place)
        owed.passed = passed
        self.opens.append(owed)

    def time(self, cond: Cond) -> str:
        """When a condition's names are known: construction or call."""
        names = cond.symbols
        call = any(n in self.dims and n not in self.static_dims for n in names)
        return (
            "call" if call or any(f.endswith(" is none") or f == "training" for f in cond.flags) else "init"
        )

    def resolve(self, value: Value) -> Value:
        """A value without the cases that the facts decide."""
        while True:
            if isinstance(value, Case):
                known = self.decide(value.cond)
                if known is None:
                    return value
                value = value.yes if known else value.no
            elif isinstance(value, Maybe):
                known = self.decide(value.absent)
                if known is None:
                    return value
                if known:
                    return None
                value = value.value
            elif isinstance(value, Cond):
                known = self.decide(value)
                return value if known is None else known
            else:
                return value

    def tidied(self, value: TensorType) -> TensorType:
        """A type with the sizes that the facts prove equal to plain ones written as those."""
        shape = tuple(d if isinstance(d, Pack) else self.tidy(d) for d in value.shape)
        same = all(a is b for a, b in zip(shape, value.shape, strict=True))
        return value if same else TensorType(value.dtype, shape)

    def tidy(self, d: Dim) -> Dim:
        """`heads * (D // heads)` as `D`, where `heads` divides `D`."""
        if d.const is not None or not any(a.kind in ROUNDED for m in d.terms for a in m):
            return d
        found = self._tidy.get(d)
        if found is None:
            found = d
            for name in sorted(d.symbols):
                plain = self.dims.get(name, self.hypers.get(name))
                if isinstance(plain, Dim) and self.facts.equal(d, plain):
                    found = plain
                    break
            else:
                short = self.facts.simplify(d)
                if len(str(short)) < len(str(d)) and short.symbols <= d.symbols:
                    found = short
            if not self.path:
                self._tidy[d] = found
        return found

    # --- symbols ---

    def fresh(self, name: str, low: int | None = 1, high: int | None = None) -> Dim:
        """A symbol that no other value has, named as near to `name` as may be."""
        wanted, n = name, 2
        while wanted in self.taken or wanted in self.hypers or wanted in self.dims or wanted in self.lets:
            wanted, n = f"{name}_{n}", n + 1
        self.taken.add(wanted)
        if wanted != name:
            self.authors[wanted] = name
        return symbol(wanted, low, high)

    # --- names ---

    def lookup(self, node: ast.Name, *, call: bool = False) -> Value:
        """What a name means here; its mistake is reported."""
        found = self.find(node.id, call=call)
        if found is None:
            return self.unknown(node, call)
        ref, value = found
        self.refs[id(node)] = ref
        return self.resolve(value)

    def find(self, name: str, *, call: bool = False, needs: bool = True) -> tuple[str, Value] | None:
        """A name's ref and value: locals, then layers, then hyperparameters and dims, then functions.

        Outside of methods, a dim is needed at construction; `needs` says whether that is to be noted.
        """
        if name in self.loops:
            return "loop", self.loops[name]
        if self.locals is not None:
            if name in self.locals:
                self.used.add(name) if name in self.members else None
                return "local", self.locals[name]
            if name in self.bound:
                return "dim", self.bound[name]
        if name in self.members:
            self.used.add(name)
            value = self.members[name]
            return ("param" if isinstance(value, TensorType) else "layer"), value
        if name in self.hypers:
            self.used.add(name)
            return "hyper", self.hypers[name]
        if name in self.lets:
            self.used.add(name)
            return "let", self.lets[name]
        if name in self.dims:
            if self.locals is None and needs:
                self.need(name)
            if self.own_dims is None or name in self.own_dims or name in self.static_dims:
                return "dim", self.dims[name]
        return self.find_global(name, call)

    def need(self, name: str) -> None:
        """A dim of the inputs is needed at construction: it becomes implicit."""
        value = self.dims[name]
        if isinstance(value, Dim) and name not in self.static_dims:
            self.static_dims[name] = value

    def find_global(self, name: str, call: bool) -> tuple[str, Value] | None:
        if call and name in self.methods:
            return "method", MethodRef(name)
        definition = self.scope.names.get(name)
        if definition is not None:
            self.scope.used.add(name)
            if isinstance(definition.node, ast.ConstantDef):
                value = self.program.constant(definition)
                self.tainted |= value is POISON
                return "constant", value
            if isinstance(definition.node, ast.Function) or (
                isinstance(definition.node, ast.Extern) and definition.node.kind == "fn"
            ):
                return "definition", FunctionRef(definition=definition)
            return "definition", DefCtor(definition)
        if name == "training":
            return "builtin", Cond.flag("training")
        if name in BUILTIN_VALUES:
            return "builtin", BUILTIN_VALUES[name]
        function = self.program.functions.get(name)
        if name in BUILTINS or function is not None:
            ref = "op" if function is not None and name not in BUILTINS else "builtin"
            return ref, FunctionRef(op=function, builtin=name if name in BUILTINS else None)
        layer = self.program.layers.get(name)
        if layer is not None:
            return "op", OpCtor(layer)
        dtype = DType.named(name)
        return None if dtype is None else ("builtin", dtype)

    def unknown(self, node: ast.Name, call: bool) -> Value:
        name = node.id
        if name in self.scope.broken:
            self.tainted = True
            return POISON
        if name in self.partial:
            return self.error(
                "E0201",
                f"`{name}` is defined in one branch only",
                node,
                help="give it a value in both branches, or before the `if`",
            )
        if name in self.strangers:
            self.tainted = True
            return POISON
        self.strangers[name] = len(self.diagnostics)
        if name in self.dims:
            return self.error(
                "E0201",
                f"`{name}` is a dim of another method's inputs, which this one does not know",
                node,
                help="dims that `layers:` uses are the whole block's; others belong to their method",
            )
        own = (self.members, self.hypers, self.methods, self.scope.names)
        known = chain(self.loops, self.locals or (), self.lets, self.dims, *own)
        if not call:
            return self.error(
                "E0201", f"nothing here is called `{name}`", node, help=self.suggestion(name, known)
            )
        if name[:1].isupper():
            layers = chain(self.scope.names, self.program.layers)
            hint = (
                habits.LAYER_HELP.get(name)
                or habits.FUNCTION_HELP.get(name)
                or self.suggestion(name, layers, habits.LAYERS)
            )
            hint = hint or "`specc ops` lists the layers of the library"
            return self.error("E0202", f"there is no layer or block called `{name}`", node, help=hint)
        near = (
            habits.FUNCTION_HELP.get(name)
            or self.suggestion(name, chain(*own))
            or self.suggestion(name, chain(known, self.program.functions))
        )
        hint = near or "`specc ops` lists the functions"
        return self.error("E0203", f"there is no layer or function called `{name}`", node, help=hint)

    def hides_dim(self, target: ast.Name) -> None:
        """A variable called as a dim is, which keeps its meaning in the whole definition."""
        name = target.id
        bound = first_naming(self.definition.node, name)
        self.error(
            "E0206",
            f"`{name}` would hide the dim `{name}`",
            target,
            labels=() if bound is None else (self.label(bound, f"the dim `{name}` is bound here"),),
            help=f"rename the variable: `{name}` means the dim in the whole of {self.definition.name}",
        )

    def stage(self, node: ast.Expr) -> ast.Expr:
        """Where the caret goes for a mismatch: the stage of an arrow, not all that is before it."""
        return node.stage if isinstance(node, ast.Arrow) else node

    # --- notes ---

    def note_type(self, node: object, value: Value) -> None:
        key = id(node)
        if self.unrolled and key in self.types and not _equal_types(self.types[key], value):
            value = None
        self.types[key] = value

    def trail(self, value: Value) -> tuple[str, ...]:
        """How a tensor came to be, from the input on: what to print behind a mismatch of shapes."""
        steps: list[str] = []
        while id(value) in self.came and len(steps) < MAX_TRAIL:
            out, before, name = self.came[id(value)]
            if not isinstance(out, TensorType):
                break
            step = f"{name} {shape_text(out)}"
            if steps[-1:] != [step]:
                steps.append(step)
            value = before
        if len(steps) < 2:
            return ()
        return (f"how it got there: {' -> '.join(reversed(steps))}",)

    def trails(self, values: Iterable[Value]) -> tuple[str, ...]:
        """The trails of the first two tensors in a mismatch that have any."""
        found = dict.fromkeys(
            note for value in values if isinstance(value, TensorType) for note in self.trail(value)
        )
        return tuple(found)[:2]

    def path_of(self, definition: Def) -> str:
        return self.scope.path(definition)


def shape_text(value: TensorType) -> str:
    """A tensor's shape without its dtype, as trails show it."""
    return f"[{', '.join(map(str, value.shape))}]"


def first_naming(definition: object, name: str) -> Node | None:
    """Where a definition's inputs first name a dim."""
    parts: tuple[object, ...] = (definition, *getattr(definition, "parts", ()))
    inputs = [i.type for p in parts if isinstance(p, ast.Method | ast.Function) for i in p.inputs]
    found = (n for i in inputs for n in walk(i) if isinstance(n, ast.Name) and n.id == name)
    return min(found, key=lambda n: n.span.start, default=None)


def _equal_types(a: Value, b: Value) -> bool:
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_equal_types, a, b))
    return a is b or (isinstance(a, TensorType) and a == b)
