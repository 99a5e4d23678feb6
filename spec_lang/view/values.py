"""The tensors that flow while a method is traced, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from spec_lang.ir import model
from spec_lang.ops.kinds import SliceOf
from spec_lang.shapes import TensorType


class Wire(TensorType):
    """A tensor: its type, the node that makes it, the place among that node's results.

    Attributes:
        names: Its type in the names of the block that it is in, where the checker's text is there.
        optional: Whether it may be absent: an input that may be none.
    """

    def __init__(
        self, type: TensorType, node: int, port: int = 0, names: str = "", optional: bool = False
    ) -> None:
        super().__init__(type.dtype, type.shape)
        self.node = node
        self.port = port
        self.names = names
        self.optional = optional

    def but(self, **changes: Any) -> Wire:
        """The same tensor, seen otherwise."""
        own: dict[str, Any] = {
            "node": self.node,
            "port": self.port,
            "names": self.names,
            "optional": self.optional,
        }
        return Wire(self, **(own | changes))

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def wires(value: Any) -> Iterator[Wire]:
    """The tensors in a value, in order."""
    if isinstance(value, Wire):
        yield value
    elif isinstance(value, tuple | list):
        for v in value:
            yield from wires(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from wires(v)
    elif isinstance(value, SliceOf | slice):
        yield from wires((value.start, value.stop, value.step))


def mapped(value: Any, change: Callable[[Wire], Wire]) -> Any:
    """A value with other tensors in it."""
    if isinstance(value, Wire):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)([mapped(v, change) for v in value])
    if type(value) is dict:
        return {k: mapped(v, change) for k, v in value.items()}
    return value


def named(value: Any, type: model.Type | None) -> Any:
    """A value whose tensors carry the checker's text of their types."""
    if isinstance(type, model.OptionalType):
        type = type.base
    if isinstance(value, Wire) and isinstance(type, model.TensorType):
        return value.but(names=f"{type.dtype}[{', '.join(type.dims)}]")
    if isinstance(value, tuple) and isinstance(type, model.TupleType) and len(value) == len(type.items):
        return tuple(map(named, value, type.items))
    return mapped(value, lambda w: w.but(names=""))
