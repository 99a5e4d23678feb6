"""Frozen classes that are cheap to declare.

A hundred dataclasses would cost 70 ms at every start of the command, so the little that they need is here; type checkers
see ordinary frozen dataclasses. A class's `__init__` is written once it pays: that takes as long as making a hundred
instances.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self, dataclass_transform

_BEFORE_WRITING = 8
"""How many instances of a class are made without an `__init__` of its own."""


@dataclass_transform(frozen_default=True, eq_default=False)
class Frozen:
    """Fields are the class's annotations in order; a class attribute is a field's default; equal is identical."""

    node_fields: ClassVar[tuple[str, ...]] = ()
    _made: ClassVar[int] = 0
    """Those made before its `__init__` is written."""

    def __init_subclass__(cls) -> None:
        annotations = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - inspect costs 10 ms to import
        own = [name for name, kind in annotations.items() if not str(kind).startswith("ClassVar")]
        cls.node_fields = (*cls.node_fields, *own)
        cls._made = 0
        cls.__init__ = Frozen.__init__  # type: ignore[method-assign]  # not a parent's that was written before

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls = type(self)
        if cls._made < _BEFORE_WRITING and len(args) == len(cls.node_fields) and not kwargs:
            cls._made += 1
            self.__dict__.update(zip(cls.node_fields, args, strict=True))
            return
        _write_init(cls)
        cls.__init__(self, *args, **kwargs)  # the one that was just written

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __repr__(self) -> str:
        shown = ", ".join(f"{f}={getattr(self, f)!r}" for f in self.node_fields if f != "span")
        return f"{type(self).__name__}({shown})"

    def replace(self, **changes: Any) -> Self:
        """A copy with other values in some fields."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.node_fields}
        return type(self)(**values | changes)


@dataclass_transform(frozen_default=True)
class Record(Frozen):
    """Equal to another of its class whose fields are equal."""

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.node_fields])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())


def _write_init(cls: type[Frozen]) -> None:
    """Give a class the `__init__` that `dataclasses` would write."""
    defaults = {name: getattr(cls, name) for name in cls.node_fields if hasattr(cls, name)}
    parameters = ", ".join(f"{name}=_{name}" if name in defaults else name for name in cls.node_fields)
    body = "".join(f"    __values[{name!r}] = {name}\n" for name in cls.node_fields)
    source = f"def __init__(self, {parameters}):\n    __values = self.__dict__\n{body}"
    namespace: dict[str, Any] = {f"_{name}": value for name, value in defaults.items()}
    exec(source, namespace)  # the text holds nothing but the names of declared fields
    cls.__init__ = namespace["__init__"]  # type: ignore[method-assign]
