"""What the derivation knows of the values of a method: tensors by their axes, modules by where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ops.base import Layer, Op
from spec_lang.shapes import Dim, Pack, ParseError, dim, parse
from spec_lang.sharding.factors import Axis, Factor, Reason


class Unknown:
    """A value that no axis hangs on: a number or a choice that a hyperparameter gives."""

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Final = Unknown()


class Source:
    """What a tensor is computed of: whether gradients flow through it to parameters."""

    __slots__ = ("_learned", "_of")

    def __init__(self, learned: bool = False, of: Iterable[Source] = ()) -> None:
        self._learned = learned
        self._of = list(of)

    def add(self, other: Source) -> None:
        """Say that it may be another one, too: a block's input has a value at each of the block's uses."""
        if other is not self:
            self._of.append(other)

    @property
    def learned(self) -> bool:
        """Whether some parameter is among what it is computed of."""
        seen: set[int] = set()
        left: list[Source] = [self]
        while left:
            at = left.pop()
            if at._learned:
                return True
            if id(at) not in seen:
                seen.add(id(at))
                left += at._of
        return False


class Traced:
    """A tensor: its axes, and their sizes in the terms of the definition where it is met."""

    __slots__ = ("axes", "dims", "source")

    def __init__(
        self, axes: Sequence[Axis], dims: Sequence[Dim | Pack | None], source: Source | None = None
    ) -> None:
        self.axes = tuple(axes)
        self.dims = tuple(dims)
        self.source = Source() if source is None else source


class Meeting(Record):
    """One call of an op: the tensors that it takes and gives, and of a layer its path and its parameters."""

    op: type[Op]
    tensors: tuple[Traced, ...]
    results: tuple[Traced, ...]
    reason: Reason
    parameters: tuple[Parameter, ...] = ()
    path: tuple[str, str] = ("", "")


class Items:
    """A list: what holds for all of its items."""

    __slots__ = ("item",)

    def __init__(self, item: Any) -> None:
        self.item = item


class Parameter:
    """A parameter by where it stands: the definition, the path below it (`*` for any index), its name."""

    __slots__ = ("axes", "key", "role")

    def __init__(self, key: tuple[str, str], axes: Sequence[Axis]) -> None:
        self.key = key
        self.axes = tuple(axes)
        self.role: dict[int, str] = {}
        """How each axis is used, where the rule says so: `columns`, `sum`, `rows`."""


class OpModule:
    """A layer of the library."""

    __slots__ = ("args", "node", "op", "owner", "path")

    def __init__(
        self, op: type[Layer], owner: str, path: str, args: Mapping[str, Any], node: model.Call
    ) -> None:
        self.op = op
        self.owner = owner
        self.path = path
        self.args = dict(args)
        self.node = node


class BlockModule:
    """A block; it is gone through once for all of its uses."""

    __slots__ = ("definition",)

    def __init__(self, definition: model.Block) -> None:
        self.definition = definition


class Chain:
    """Several modules by their names; `repeated` where one stands for all."""

    __slots__ = ("modules", "repeated")

    def __init__(self, modules: Mapping[str, Any], repeated: bool = False) -> None:
        self.modules = dict(modules)
        self.repeated = repeated


class Choice:
    """One of several modules."""

    __slots__ = ("modules",)

    def __init__(self, modules: Sequence[Any]) -> None:
        self.modules = tuple(modules)


class Opaque:
    """A module that nothing is known of: a hyperparameter's, or somebody's own."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what


def of_type(type: model.Type | None, scope: str) -> Any:
    """A new value of a type: axes that hang together with nothing yet."""
    match type:
        case model.TensorType():
            dims = [_size(d) for d in type.dims]
            return Traced([axis(d, scope) for d in dims], dims)
        case model.TupleType():
            return tuple(of_type(i, scope) for i in type.items)
        case model.ListType():
            return Items(of_type(type.item, scope))
        case model.OptionalType():
            return of_type(type.base, scope)
    return UNKNOWN


def axis(size: Dim | Pack | None, scope: str) -> Axis:
    """A new axis of one factor; of none, where its size is 1."""
    if isinstance(size, Dim):
        return () if size == dim(1) else (Factor({scope: size}),)
    return (Factor(),)


def _size(text: str) -> Dim | Pack | None:
    if text.startswith("*"):
        return Pack(text[1:])
    try:
        return parse(text)
    except ParseError:
        return None


def sizes_of(type: model.Type | None) -> tuple[Dim | Pack | None, ...] | None:
    """The sizes that a tensor's type states."""
    return tuple(_size(d) for d in type.dims) if isinstance(type, model.TensorType) else None
