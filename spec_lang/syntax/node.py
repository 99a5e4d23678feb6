"""The base of syntax nodes: frozen, positional or by keyword, cheap to declare.

The fifty node classes would cost `dataclasses` 40 ms at every start of the command, so the little that they
need is here; type checkers see ordinary frozen dataclasses.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, dataclass_transform

from spec_lang.diagnostics import Span


@dataclass_transform(frozen_default=True, eq_default=False)
class Frozen:
    """Fields are the class's annotations in order; a class attribute is a field's default."""

    fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.fields = (*cls.fields, *cls.__dict__.get("__annotations__", ()))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        values = self.__dict__
        values.update(zip(self.fields, args, strict=False))
        values.update(kwargs)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __repr__(self) -> str:
        shown = ", ".join(f"{f}={getattr(self, f)!r}" for f in self.fields if f != "span")
        return f"{type(self).__name__}({shown})"


class Node(Frozen):
    """A node of the tree; `span` is where it was written."""

    span: Span
