"""The IR's nodes as pydantic knows them: to read programs that come from outside, to write them, and to describe both.

pydantic takes dataclasses as they are, so each class of nodes is declared as one, with the annotations that pydantic reads
in place of the plain ones: unions are told apart by `kind`, and offsets are 0 or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter
from typing_extensions import TypeAliasType

from spec_lang.ir import model, node
from spec_lang.ir.node import Base
from spec_lang.ir.schema import by_kind

T = TypeVar("T", bound=Base)

_OFFSET = Annotated[int, Field(ge=0)]
_SPAN = Annotated[
    tuple[_OFFSET, _OFFSET],
    Field(
        description="Where a node was written: the offsets in characters of its start and, behind it, its end. "
        "A file's `lines` turn them into lines and columns."
    ),
]
_MEANT: dict[str, Any] = {
    **{
        name: Annotated[getattr(model, name), Field(discriminator="kind")]
        for name in ("Type", "Expr", "Stmt", "Member", "AnyDefinition")
    },
    "Offset": _OFFSET,
    "Span": TypeAliasType("Span", _SPAN),
}
"""What names in annotations mean to pydantic."""


def adapter(cls: type[T]) -> TypeAdapter[T]:
    """What validates and writes a class of nodes; made once."""
    if cls not in _ADAPTERS:
        _declare()
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]


_ADAPTERS: dict[type[Base], TypeAdapter[Any]] = {}


def schema(cls: type[Base]) -> dict[str, Any]:
    """The JSON Schema of a class of nodes, with unions by `kind`."""
    found: dict[str, Any] = by_kind(adapter(cls).json_schema())
    return found


@cache
def _declare() -> None:
    """Make a dataclass of each class of nodes."""
    waiting: list[type[Base]] = [Base]
    while waiting:
        cls = waiting.pop()
        own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - those of the class itself
        hints = get_type_hints(cls, vars(node) | vars(model) | _MEANT, include_extras=True)
        cls.__annotations__ = {name: hints[name] for name in own}
        cls.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]  # where pydantic looks
        dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)
        waiting += cls.__subclasses__()
