"""The base of the IR's nodes: frozen, equal where all their fields are, and cheap to declare.

A check makes nodes and validates none, so no start pays for validators or for sixty of pydantic's classes: what reads and
writes nodes as JSON is in `spec_lang.ir.validation`, which makes of each class what pydantic needs when it is first asked.
Type checkers see frozen dataclasses whose fields are given by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, ParamSpec, Self, TypeVar, dataclass_transform

P = ParamSpec("P")
T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Base:
    """Fields are the class's annotations behind those of its base; a class attribute is a field's default."""

    model_fields: ClassVar[tuple[str, ...]] = ()
    """The names of the fields, in order."""
    _defaults: ClassVar[dict[str, object]] = {}

    def __init_subclass__(cls) -> None:
        own = tuple(cls.__dict__.get("__annotations__", {}))  # noqa: RUF063 - inspect costs 10 ms to import
        cls.model_fields = (*cls.model_fields, *own)
        cls._defaults = cls._defaults | {name: cls.__dict__[name] for name in own if name in cls.__dict__}

    def __init__(self, **fields: Any) -> None:
        known = self._defaults | fields
        if known.keys() != set(self.model_fields):
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(self.model_fields)}")
        _set_dict(self, known)

    def model_copy(self, *, update: dict[str, Any]) -> Self:
        """The same with other values in some fields."""
        return make(type(self), **self.__dict__ | update)

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Its fields as dicts, tuples and plain values, as pydantic's method of that name gives them."""
        from spec_lang.ir import validation

        found: dict[str, Any] = validation.adapter(type(self)).dump_python(self, **options)
        return found

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """Its JSON."""
        from spec_lang.ir import validation

        return validation.adapter(type(self)).dump_json(self, indent=indent).decode()

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """A node from its JSON.

        Raises:
            pydantic.ValidationError: it is no JSON, or no such node.
        """
        from spec_lang.ir import validation

        return validation.adapter(cls).validate_json(text)

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """What its JSON holds, as a JSON Schema."""
        from spec_lang.ir import validation

        return validation.schema(cls)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        fields = self.__dict__
        return hash(tuple([fields[name] for name in self.model_fields]))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.model_fields)
        return f"{type(self).__name__}({shown})"


def make(cls: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Build a node from parts that are known to be right: none is looked at."""
    node: T = _new(cls)  # type: ignore[arg-type]  # a class
    _set_dict(node, cls._defaults | kwargs)  # type: ignore[attr-defined]  # of nodes
    return node


_new = object.__new__
_set_dict = Base.__dict__["__dict__"].__set__
