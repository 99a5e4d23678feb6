"""What one built-in name is: a row, from which all that is said and done about it is derived."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from spec_lang.frozen import Frozen
from spec_lang.ir.arithmetic import Host
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim

Value: TypeAlias = Any
"""A value of the checker's, which the rules hand on: its ints are `Dim`, its floats `float` or `Real`, its truths `bool` or `Cond`."""


class Site(Protocol):
    """The call that is checked, as the rules see it: what they ask of the checker, and what only it can build.

    What it refuses, it reports; the call has no value then, and its rule does not go on.
    """

    def kind(self, value: Value) -> str:
        """What a value is, in a message."""

    def binary(self, op: str, a: Value, b: Value) -> Value:
        """An operator on numbers, strings or lists."""

    def condition(self, value: Value) -> Cond | bool:
        """A value as a condition."""

    def joined(self, op: str, a: Cond | bool, b: Cond | bool) -> Cond | bool:
        """`a and b`, `a or b`."""

    def either(self, cond: Cond, yes: Value, no: Value) -> Value:
        """One of two values, by a condition."""

    def items(self, value: Value) -> Sequence[Value]:
        """The items of a list of known length; one of unknown length is asked for by value."""

    def folded(self, name: str, value: Value) -> Value:
        """What this function makes of a list of unknown length, as a term of its own; None where it has none."""

    def numbered(self, values: Sequence[Value]) -> None:
        """Refuse lists of layers whose items have no index."""

    def whole(self, value: Real, size: Dim) -> Dim:
        """A size that comes from a float, as a function of what it depends on."""

    def text(self, value: Value) -> Value:
        """A value as a string; one that is not known where the value is not."""

    def length(self, value: Value) -> Value:
        """How many items something has."""

    def range(self, start: Dim, stop: Dim, step: int) -> Value: ...

    def enumerate(self, items: Value, start: Dim) -> Value: ...

    def reversed(self, items: Value) -> Value:
        """A list the other way round."""

    def zip(self, parts: Sequence[Value]) -> Value: ...


Symbolic: TypeAlias = Callable[[Site, list[Value]], Value]
"""What a call gives while a spec is checked.

Raises:
    NoValue: it gives nothing.
"""


class Row(Frozen):
    """A built-in function.

    Attributes:
        name: As a spec writes it.
        arity: The least and the greatest number of arguments; None where there is no greatest.
        symbolic: Its rule over the checker's values; the arguments that were named stand behind the others.
        concrete: Its rule over host values.
        python: As Python spells it: `math.ceil`; empty where that is `name`.
        flags: What Python is told besides: `strict=False`.
        gives: The type of its value in Python: the one that is always the same, or that of the numbers which it takes.
        further: That type where more arguments than the least are given, if it is another: that of the first one.
        named: The arguments that may be named, in the order in which they end the list of arguments.
        holds_tensors: Whether its arguments may hold tensors.
        iterates: Whether Python's gives an iterator, which is gone through once.
    """

    name: str
    arity: tuple[int, int | None]
    symbolic: Symbolic
    concrete: Callable[..., Host]
    python: str = ""
    flags: Mapping[str, bool] = {}
    gives: Literal["int", "float", "numbers"] | None = None
    further: Literal["first"] | None = None
    named: tuple[str, ...] = ()
    holds_tensors: bool = False
    iterates: bool = False

    @property
    def spelling(self) -> str:
        """How Python calls it."""
        return self.python or self.name

    @property
    def takes(self) -> str:
        """How many arguments it takes, in a message."""
        least, most = self.arity
        number = (
            f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
        )
        return f"{number} argument{'s' * ((least if most is None else most) != 1)}"

    def fits(self, count: int) -> bool:
        """Whether it takes so many arguments."""
        least, most = self.arity
        return least <= count and (most is None or count <= most)


class Constant(Frozen):
    """A built-in value, and how Python spells it."""

    name: str
    value: float
    python: str
