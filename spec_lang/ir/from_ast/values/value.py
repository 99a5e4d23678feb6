"""What expressions evaluate to while a spec is checked, and what a block's check leaves for its uses.

Ints are `Dim`, floats `float` or `Real`, bools `bool` or `Cond`, strings `str` or `Choice`; tensors are `TensorType`;
tuples and lists are Python's. The rest is here: what only the checker knows. Modules hold summaries and what they are gone
through by, which hold values again: so all of them stand in one file, and what is done with them in others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any, TypeAlias

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast.names.scope import Def, Scope
from spec_lang.ops.base import Function, Layer
from spec_lang.ops.kinds import Choice, Real, SliceOf
from spec_lang.ops.signature import HOLE, Hole
from spec_lang.shapes import Cond, Dim, DType, Pack, TensorType, dim
from spec_lang.shapes.atom import filled
from spec_lang.syntax import ast

Module: TypeAlias = "OpModule | BlockModule | AliasModule | ListModule | RepeatModule | FlatModule"
Value: TypeAlias = (
    "Dim | float | Real | bool | Cond | str | Choice | Template | EllipsisType | SliceOf"
    " | TensorType | DType | Pack | tuple[Value, ...] | list[Value] | _Poison | Hole | Case | Maybe"
    " | SymList | Range | Enumerate | Reversed | Zip | Mapped | Parts | Grown | RecordValue"
    " | OpCtor | DefCtor | Partial | FunctionRef | MethodRef | Module | None"
)
"""Any of these; what has been told apart by `isinstance` is what is left."""

Env: TypeAlias = "dict[Any, Any]"
"""What the names in a callee's sizes and conditions stand for: values; `*B` stands for sizes, a flag for its truth, and
the name of a list for `Items`."""


class _Poison:
    """What a mistake that has been reported evaluates to: whatever depends on it stays silent."""

    def __repr__(self) -> str:
        return "?"


POISON = _Poison()


class Case:
    """One of two values that have no common form, by a condition known at construction."""

    __slots__ = ("cond", "no", "yes")

    def __init__(self, cond: Cond, yes: Value, no: Value) -> None:
        self.cond = cond
        self.yes = yes
        self.no = no


class Maybe:
    """A value that is none where `absent` holds."""

    __slots__ = ("absent", "value")

    def __init__(self, absent: Cond, value: Value) -> None:
        self.absent = absent
        self.value = value


# --- Host values of unknown length --------------------------------------------------------------


class SymList:
    """A list hyperparameter, or a part of one: a function of an index, and its length a size.

    Each `{}` in its name stands for one of `args`: `rows[{}]` is an item of a list of lists. A slice has another name,
    and its items are those of `whole` from `start` on.
    """

    __slots__ = ("args", "item", "length", "name", "start", "whole")

    def __init__(
        self,
        name: str,
        item: ast.Type,
        length: Dim,
        args: tuple[Dim, ...] = (),
        whole: SymList | None = None,
        start: Dim | None = None,
    ) -> None:
        self.name = name
        self.item = item
        self.length = length
        self.args = args
        self.whole = whole
        self.start = start

    @property
    def text(self) -> str:
        """How a spec writes it."""
        return filled(self.name, self.args) if self.args else self.name

    def __str__(self) -> str:
        return "a list"


class Template:
    """An f-string over what is not known: text and ints."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | Dim, ...]) -> None:
        self.parts = parts

    def __str__(self) -> str:
        return "".join(p if isinstance(p, str) else f"{{{p}}}" for p in self.parts)


class Range:
    """`range(start, stop, step)`."""

    __slots__ = ("start", "step", "stop")

    def __init__(self, start: Dim, stop: Dim, step: int) -> None:
        self.start = start
        self.stop = stop
        self.step = step

    def __str__(self) -> str:
        return "a range"


class Enumerate:
    """`enumerate(items, start)`."""

    __slots__ = ("items", "start")

    def __init__(self, items: Value, start: Dim) -> None:
        self.items = items
        self.start = start

    def __str__(self) -> str:
        return "an enumeration"


class Reversed:
    """`reversed(items)` of a list of layers whose number is not known, or of a container into which such are spread."""

    __slots__ = ("items",)

    def __init__(self, items: RepeatModule | ListModule) -> None:
        self.items = items

    def __str__(self) -> str:
        return "a reversed list of layers"


class Zip:
    """`zip(a, b, ...)`."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Value, ...]) -> None:
        self.parts = parts

    def __str__(self) -> str:
        return "a zip of lists"


class Mapped:
    """A list that a comprehension makes: `item` for each value of the symbol `index` below `length`."""

    __slots__ = ("index", "item", "length")

    def __init__(self, index: Dim, length: Dim, item: Value) -> None:
        self.index = index
        self.length = length
        self.item = item

    def __str__(self) -> str:
        return "a list"


class Parts:
    """Lists one behind the other, as one: `[x] + [f(x) for f in fs]`; some have a length that is not known."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[list[Value] | Mapped, ...]) -> None:
        self.parts = parts

    def __str__(self) -> str:
        return "a list"


class RecordValue:
    """A record with its fields."""

    __slots__ = ("definition", "fields")

    def __init__(self, definition: Def, fields: dict[str, Value]) -> None:
        self.definition = definition
        self.fields = fields

    def __str__(self) -> str:
        return f"a record {self.definition.name}"


# --- What can be called -------------------------------------------------------------------------


class OpCtor:
    """A layer of the library, as a value."""

    __slots__ = ("op",)

    def __init__(self, op: type[Layer]) -> None:
        self.op = op

    def __str__(self) -> str:
        return f"the constructor {self.op.name}"


class DefCtor:
    """A block, model, extern layer or record of this program, as a value."""

    __slots__ = ("definition",)

    def __init__(self, definition: Def) -> None:
        self.definition = definition

    def __str__(self) -> str:
        return f"the constructor {self.definition.name}"


class Partial:
    """`partial(constructor, ...)`, as it stands in a definition."""

    __slots__ = ("args", "ctor", "definition", "kwargs", "node")

    def __init__(
        self,
        ctor: Value,
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
        node: ast.Expr,
        definition: Def,
    ) -> None:
        self.definition = definition
        self.ctor = ctor
        self.args = args
        self.kwargs = kwargs
        self.node = node

    def __str__(self) -> str:
        return "a partial constructor"


class FunctionRef:
    """A function as a value: of the library (`op`), of this program, or a built-in one."""

    __slots__ = ("builtin", "definition", "op")

    def __init__(
        self, op: type[Function] | None = None, definition: Def | None = None, builtin: str | None = None
    ) -> None:
        self.op = op
        self.definition = definition
        self.builtin = builtin

    def __str__(self) -> str:
        return "a function"


class MethodRef:
    """Another method of the block that is being checked."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


# --- Modules ------------------------------------------------------------------------------------


class Cell:
    """What the dataflow determines once: a `_`, or an implicit dim of a block at one of its uses.

    `first` is the value of a list's first item where it differs from `value`, that of the others; `along` names the
    index of that list.
    """

    __slots__ = ("along", "first", "name", "node", "value")

    def __init__(self, name: str, node: ast.Expr) -> None:
        self.name = name
        self.node = node
        self.value: Dim | None = None
        self.first: Dim | None = None
        self.along: str | None = None

    def forget(self) -> None:
        """It is not determined."""
        self.value = self.first = self.along = None


Cells: TypeAlias = Callable[[str, ast.Expr], Cell]
"""Gives the cell of a `_` or an implicit dim by its name and place, one for all cases of a construction."""


class OpModule:
    """A constructed layer of the library; `cells` are its `_`."""

    __slots__ = ("at", "cells", "label", "layer", "node", "places", "ready")

    def __init__(
        self, label: str, layer: Layer, cells: dict[str, Cell], places: dict[str, ast.Expr], node: ast.Expr
    ) -> None:
        self.label = label
        self.layer = layer
        self.cells = cells
        self.places = places
        self.node = node
        self.at: dict[str, Dim] = {}
        self.ready: Layer | None = None
        """The layer with its sizes, once it was run."""

    def forget(self) -> None:
        """It was not run."""
        self.ready = None

    @property
    def known(self) -> Layer | None:
        """The layer, unless it has a `_` that nothing has determined: it was not run, which is a mistake of its own."""
        layer = self.layer if self.ready is None else self.ready
        return None if any(v is HOLE for v in vars(layer).values()) else layer

    def __str__(self) -> str:
        return f"a layer {self.label}"


class BlockModule:
    """A constructed block (or extern layer): its summary, what its symbols stand for, its implicit dims."""

    __slots__ = ("at", "cells", "label", "node", "summary", "values")

    def __init__(
        self, label: str, summary: Summary, values: Env, cells: dict[str, Cell], node: ast.Expr
    ) -> None:
        self.label = label
        self.summary = summary
        self.values = values
        self.cells = cells
        self.node = node
        self.at: dict[str, Dim] = {}

    def __str__(self) -> str:
        return f"a layer {self.label}"


class AliasModule:
    """A constructed block that is its container: what flows in first decides its summary."""

    __slots__ = ("at", "block", "cells", "definition", "env", "label", "node", "source", "values")

    def __init__(
        self,
        label: str,
        definition: Def,
        values: dict[str, Value],
        env: Env,
        node: ast.Expr,
        cells: Cells,
    ) -> None:
        self.label = label
        self.definition = definition
        self.values = values
        self.env = env
        self.node = node
        self.cells = cells
        self.block: BlockModule | None = None
        self.at: dict[str, Dim] = {}
        self.source: AliasModule | None = None
        """The one item of a comprehension that this is at an index."""

    def forget(self) -> None:
        """Nothing has flown in."""
        self.block = None

    def __str__(self) -> str:
        return f"a layer {self.label}"


class ListModule:
    """A list, dict or `Sequential` of modules; `keys` names them (positions in a list).

    What one item of a `FlatModule` adds is a list of the kind ``run``.
    """

    __slots__ = ("items", "keys", "kind", "label")

    def __init__(self, label: str, kind: str, items: list[Value], keys: list[str]) -> None:
        self.label = label
        self.kind = kind
        self.items = items
        self.keys = keys

    def __str__(self) -> str:
        return "a container of layers"

    @property
    def flat(self) -> bool:
        """Whether layers of a number that nothing tells are among these items."""
        return any(isinstance(i, FlatModule) for i in self.items)

    def uncounted(self, start: int = 0, stop: int | None = None) -> bool:
        """Whether one of these items may be none: then it takes no index."""
        return self.kind != "dict" and any(
            isinstance(i, Case) and None in (i.yes, i.no) for i in self.items[start:stop]
        )


class RepeatModule:
    """A comprehension of modules: `item` for each value of the symbol `index` from `start` on, `length` of them."""

    __slots__ = ("index", "item", "iteration", "key", "keyed", "label", "length", "node", "start")

    def __init__(
        self,
        label: str,
        index: Dim,
        length: Dim,
        item: Value,
        node: ast.Comprehension,
        keyed: bool,
        iteration: Iteration,
        key: Value = None,
        start: Dim | None = None,
    ) -> None:
        self.iteration = iteration
        self.start = dim(0) if start is None else start
        self.key = key
        self.label = label
        self.index = index
        self.length = length
        self.item = item
        self.node = node
        self.keyed = keyed

    def __str__(self) -> str:
        return "a list of layers"


class FlatModule:
    """`[*[A(), B()] for ...]`: a comprehension each item of which is a list of layers, one behind the other as one list.

    How many layers an item adds may differ, so it is run as a whole, and neither counted nor indexed.
    """

    __slots__ = ("keys", "repeat")

    def __init__(self, repeat: RepeatModule, keys: tuple[Value, ...] | None = None) -> None:
        self.repeat = repeat
        self.keys = keys
        """Of a dict of them, what each item's layers are called."""

    @property
    def label(self) -> str:
        """What it is called."""
        return self.repeat.label

    @property
    def keyed(self) -> bool:
        """Whether it is of a dict, which a `Sequential` alone takes."""
        return self.keys is not None

    def __str__(self) -> str:
        return "a list of layers"


# --- What loops go over, and what they carry ----------------------------------------------------


class Iteration:
    """What a loop goes over: its length, and the element at the symbol `index`.

    `known` are the elements where they are known one by one.
    """

    __slots__ = (
        "before",
        "element",
        "index",
        "item",
        "known",
        "length",
        "own",
        "owner",
        "parts",
        "segments",
        "symbols",
    )

    def __init__(
        self, length: Dim, index: Dim, element: Value, known: Sequence[Value] | None, symbols: frozenset[str]
    ) -> None:
        self.length = length
        self.index = index
        self.element = element
        self.known = known
        self.symbols = symbols
        """Symbols of elements that no formula in the index gives (`for n in depths`)."""
        self.owner: ast.Comprehension | None = None
        """The comprehension whose layers are gone through: where a running size would be kept."""
        self.item: Callable[[Dim], Value] | None = None
        """The element at an index, where it is more than a formula in the index."""
        self.own: str | None = None
        """What the names of an element's parts begin with."""
        self.parts: tuple[Iteration, ...] = ()
        """What is gone through along with it: what is zipped, what the layers were made of."""
        self.segments: tuple[Iteration, ...] = ()
        """Those that make up this one, one after the other."""
        self.before: frozenset[str] | None = None
        """The running sizes of the loops that ended before this one began."""


class Grown:
    """A list inside a loop: what it was at the head, and what this iteration has appended."""

    __slots__ = ("added", "base")

    def __init__(self, base: Value, added: list[Value]) -> None:
        self.base = base
        self.added = added

    def __str__(self) -> str:
        return "a list that grows in this loop"


class Carried:
    """A size that changes along a list of layers: a running variable of the generated constructor.

    `name` is what it is called where nothing else is; `form` is what it is at the index, where that is known.
    """

    __slots__ = ("form", "index", "name", "next", "owner", "start")

    def __init__(
        self,
        name: str,
        start: Dim,
        next: Dim,
        index: Dim,
        owner: ast.Comprehension | None,
        form: Dim | None = None,
    ) -> None:
        self.form = form
        self.owner = owner
        self.name = name
        self.start = start
        self.next = next
        self.index = index


# --- A block's check for its uses ---------------------------------------------------------------


class Owed:
    """A condition that the check assumed: every use must prove it or pass it on.

    `stated` tells an author's `require` from a bound that an op needs.
    """

    __slots__ = ("cond", "message", "origin", "place", "stated")

    def __init__(
        self, cond: Cond, message: str, stated: bool, place: Label, origin: tuple[Def, Owed] | None = None
    ) -> None:
        self.cond = cond
        self.message = message
        self.stated = stated
        self.place = place
        self.origin = origin
        """The block used here that it came from, and what that one's construction owes."""

    @property
    def passed(self) -> bool:
        """Whether it came from the construction of a block used here."""
        return self.origin is not None

    def with_cond(self, cond: Cond) -> Owed:
        """The same of another condition."""
        return Owed(cond, self.message, self.stated, self.place, self.origin)

    @property
    def why(self) -> str:
        """The author's reason as the end of a message; empty where there is none."""
        return f": {self.message}" if self.stated and self.message != str(self.cond) else ""


class Entry:
    """Where one size of an input stands: which input (and which tensor inside it), which axis, its dim.

    `binds` is the dim that this entry determines, if it is its first.
    """

    __slots__ = ("axis", "binds", "dim", "path")

    def __init__(self, path: tuple[int, ...], axis: int, dim: Dim | Pack, binds: str | None) -> None:
        self.path = path
        self.axis = axis
        self.dim = dim
        self.binds = binds


class InputSummary:
    """One argument: its type over the callee's symbols; `default` is None for a required one, and `value` is the default's."""

    __slots__ = ("default", "name", "node", "optional", "type", "value")

    def __init__(
        self, name: str, type: Value, optional: bool, default: ast.Expr | None, node: ast.Input
    ) -> None:
        self.name = name
        self.type = type
        self.optional = optional
        self.default = default
        self.node = node
        self.value: Value = None


class MethodSummary:
    """A method's (or tensor function's) type, the dims that its inputs bind, and what its caller owes."""

    __slots__ = (
        "absent",
        "broken",
        "dims",
        "entries",
        "inputs",
        "name",
        "node",
        "owed",
        "present",
        "result",
        "results",
        "scope",
        "unknown",
    )

    def __init__(self, name: str, node: ast.Method | ast.Function, scope: Scope) -> None:
        self.unknown: frozenset[str] = frozenset()
        """The symbols in its result that stand for another size at each call."""
        self.name = name
        self.node = node
        self.scope = scope
        self.broken = False
        """Whether its inputs are mistaken: calls of it say nothing more."""
        self.inputs: list[InputSummary] = []
        self.absent: dict[str, list[str]] = {}
        """By optional input, the dims that no required one tells: they are 0 where it is absent."""
        self.present: dict[str, list[str]] = {}
        """Those of them that are at least 1 where it is there, since one of its sizes is 0 with them."""
        self.dims: dict[str, Dim | Pack] = {}
        self.entries: list[Entry] = []
        self.results: list[Value] = []
        self.result: Value = None
        """The value of a call: the result, or a tuple of them."""
        self.owed: list[Owed] = []


class Summary:
    """A checked block for its users."""

    __slots__ = ("broken", "definition", "dims", "members", "methods", "mono", "owed")

    def __init__(self, definition: Def) -> None:
        self.definition = definition
        self.dims: dict[str, Dim] = {}
        """The implicit dims, in order."""
        self.methods: dict[str, MethodSummary] = {}
        self.members: dict[str, Value] = {}
        self.owed: list[Owed] = []
        """What construction owes."""
        self.mono: dict[str, Value] = {}
        """Hyperparameters that have no symbol: the values that this check was made for."""
        self.broken = False


MODULES = (OpModule, BlockModule, AliasModule, ListModule, RepeatModule, FlatModule)
CTORS = (OpCtor, DefCtor, Partial)
