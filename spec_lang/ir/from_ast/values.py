"""What expressions evaluate to while a spec is checked.

Ints are `Dim`, floats `float` or `Real`, bools `bool` or `Cond`, strings `str` or `Choice`; tensors are `TensorType`;
tuples and lists are Python's. The rest is here: what only the checker knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from spec_lang.shapes import Cond, Dim, Pack, TensorType, Undefined, dim
from spec_lang.syntax import ast

if TYPE_CHECKING:
    from spec_lang.ir.from_ast.iteration import Iteration
    from spec_lang.ir.from_ast.scope import Def
    from spec_lang.ir.from_ast.summary import Summary
    from spec_lang.ops.base import Function, Layer

Value: TypeAlias = object
"""Any of these; the checker narrows with `isinstance`."""

Mapping_: TypeAlias = dict[str, "Dim | Cond | object"]


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


# --- Host values of unknown length ----------------------------------------------------------


class SymList:
    """A list hyperparameter: `len(xs)` is a symbol, `xs[0]` one for each constant index."""

    __slots__ = ("item", "length", "text")

    def __init__(self, text: str, item: ast.Type, length: Dim) -> None:
        self.text = text
        self.item = item
        self.length = length


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

    def at(self, index: Dim) -> Value:
        """The item at an index."""
        (own,) = self.index.symbols
        return substitute(self.item, {own: index})

    def first(self, count: int) -> list[Value]:
        """So many items, one by one."""
        return [self.at(dim(k)) for k in range(count)]

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


# --- What can be called ---------------------------------------------------------------------


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
    """`partial(constructor, ...)`."""

    __slots__ = ("args", "ctor", "kwargs", "node")

    def __init__(
        self, ctor: Value, args: tuple[Value, ...], kwargs: dict[str, Value], node: ast.Expr
    ) -> None:
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


# --- Modules --------------------------------------------------------------------------------


class Cell:
    """What the dataflow determines once: a `_`, or an implicit dim of a block at one of its uses.

    `first` is the value at a list's first iteration where it differs from `value`, that of the others.
    """

    __slots__ = ("first", "name", "node", "value")

    def __init__(self, name: str, node: ast.Expr) -> None:
        self.name = name
        self.node = node
        self.value: Dim | None = None
        self.first: Dim | None = None


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

    def __str__(self) -> str:
        return f"a layer {self.label}"


class BlockModule:
    """A constructed block (or extern layer): its summary, what its symbols stand for, its implicit dims."""

    __slots__ = ("at", "cells", "label", "node", "summary", "values")

    def __init__(
        self, label: str, summary: Summary, values: Mapping_, cells: dict[str, Cell], node: ast.Expr
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
        env: Mapping_,
        node: ast.Expr,
        cells: object,
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

    def __str__(self) -> str:
        return f"a layer {self.label}"


class ListModule:
    """A list, dict or `Sequential` of modules; `keys` names them (positions in a list)."""

    __slots__ = ("items", "keys", "kind", "label")

    def __init__(self, label: str, kind: str, items: list[Value], keys: list[str]) -> None:
        self.label = label
        self.kind = kind
        self.items = items
        self.keys = keys

    def __str__(self) -> str:
        return "a container of layers"

    def uncounted(self, start: int = 0, stop: int | None = None) -> bool:
        """Whether one of these items may be none: then it takes no index."""
        return self.kind != "dict" and any(
            isinstance(i, Case) and None in (i.yes, i.no) for i in self.items[start:stop]
        )


class RepeatModule:
    """A comprehension of modules: `item` for each value of the symbol `index` below `length`."""

    __slots__ = ("index", "item", "iteration", "key", "keyed", "label", "length", "node")

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
    ) -> None:
        self.iteration = iteration
        self.key = key
        self.label = label
        self.index = index
        self.length = length
        self.item = item
        self.node = node
        self.keyed = keyed

    def __str__(self) -> str:
        return "a list of layers"


MODULES = (OpModule, BlockModule, AliasModule, ListModule, RepeatModule)
CTORS = (OpCtor, DefCtor, Partial)


def is_module(value: Value) -> bool:
    """Whether it can be run; a `Case` is one where a side is."""
    if isinstance(value, Case):
        return is_module(value.yes) or is_module(value.no)
    return isinstance(value, MODULES)


def is_tensor(value: Value) -> bool:
    """Whether it is a tensor, or one that may be none."""
    if isinstance(value, Maybe):
        return is_tensor(value.value)
    return isinstance(value, TensorType)


def has_tensor(value: Value) -> bool:
    """Whether it is a tensor, or a tuple or list with one in it."""
    if isinstance(value, list | tuple):
        return any(map(has_tensor, value))
    if isinstance(value, Mapped):
        return has_tensor(value.item)
    return is_tensor(value)


def substitute(value: Value, env: Mapping_) -> Value:
    """The value with its symbols replaced; packs are spliced into shapes."""
    if not env:
        return value
    if isinstance(value, Dim):
        return substitute_dim(value, env)
    if isinstance(value, TensorType):
        return substitute_type(value, env)
    if isinstance(value, Cond):
        return substitute_cond(value, env)
    if isinstance(value, tuple):
        return tuple(substitute(v, env) for v in value)
    if isinstance(value, list):
        return [substitute(v, env) for v in value]
    if isinstance(value, Template):
        parts = tuple(p if isinstance(p, str) else substitute_dim(p, env) for p in value.parts)
        if all(isinstance(p, str) or p.const is not None for p in parts):
            return "".join(map(str, parts))
        return Template(parts)
    if isinstance(value, Mapped):
        length = substitute_dim(value.length, env)
        return Mapped(value.index, length, substitute(value.item, env))
    if isinstance(value, Maybe):
        absent = substitute_cond(value.absent, env)
        if isinstance(absent, bool):
            return None if absent else substitute(value.value, env)
        return Maybe(absent, substitute(value.value, env))
    if isinstance(value, Case):
        cond = substitute_cond(value.cond, env)
        if isinstance(cond, bool):
            return substitute(value.yes if cond else value.no, env)
        return Case(cond, substitute(value.yes, env), substitute(value.no, env))
    return value


def substitute_dim(value: Dim, env: Mapping_) -> Dim:
    """As `substitute`, for a size."""
    if value.const is not None:
        return value
    return value.substitute({k: v for k, v in env.items() if isinstance(v, Dim)})


def substitute_cond(value: Cond, env: Mapping_) -> Cond | bool:
    """As `substitute`, for a condition; a bool where that leaves nothing open."""
    known = {k: Cond.of(v) if isinstance(v, bool) else v for k, v in env.items()}
    try:
        return truth(value.substitute({k: v for k, v in known.items() if isinstance(v, Dim | Cond)}))
    except Undefined:
        return False  # it divides by zero for these values, so it does not hold


def substitute_type(value: TensorType, env: Mapping_) -> TensorType:
    """As `substitute`, for a tensor's type."""
    shape: list[Dim | Pack] = []
    for d in value.shape:
        if isinstance(d, Pack):
            shape.extend(env.get(f"*{d.name}", (d,)))  # type: ignore[arg-type]  # packs map to shapes
        else:
            shape.append(substitute_dim(d, env))
    return TensorType(value.dtype, tuple(shape))


def truth(cond: Cond | bool) -> Cond | bool:
    """A condition as a bool where it is known without facts."""
    if isinstance(cond, bool):
        return cond
    if cond == Cond.TRUE:
        return True
    return False if cond == Cond.FALSE else cond


def is_list(value: Value) -> bool:
    """Whether a value is a plain list of layers, which PyTorch has no `forward` for."""
    if isinstance(value, RepeatModule):
        return not value.keyed
    return isinstance(value, ListModule) and value.kind == "list"
