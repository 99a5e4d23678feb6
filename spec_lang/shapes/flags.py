"""Truths that the algebra of dims does not look into: what they say, as data."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from spec_lang.frozen import Record
from spec_lang.shapes.dim import Dim, dim, opaque
from spec_lang.shapes.errors import TooLarge, Undefined
from spec_lang.shapes.real import Number, Real, operand, substituted, value_of

if TYPE_CHECKING:
    from spec_lang.shapes.cond import Cond

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Choice(Record):
    """A string that is one of several, known only when the module is built, by its text."""

    text: str
    options: tuple[str, ...]

    def __str__(self) -> str:
        return self.text


class Truth(Record):
    """A bool by its name: `norm_first`, `training`."""

    name: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.name,))

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return bool(values[self.name])

    def __str__(self) -> str:
        return self.name


class Absent(Record):
    """What may be missing is: `mask is none`."""

    name: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.name,))

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return values[self.name] is None

    def __str__(self) -> str:
        return f"{self.name} is none"


class Is(Record):
    """A choice is one of its options: `mode == "sum"`."""

    name: str
    option: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.name,))

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return bool(values[self.name] == self.option)

    def __str__(self) -> str:
        return f'{self.name} == "{self.option}"'


class Same(Record):
    """Two choices are the same option."""

    left: Choice
    right: Choice

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.left.text, self.right.text))

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return bool(values[self.left.text] == values[self.right.text])

    def __str__(self) -> str:
        return f"{self.left} == {self.right}"


class Compared(Record):
    """Two numbers compare, one of them a float: `p <= 1.0`."""

    left: Number
    op: str
    right: Number

    @property
    def names(self) -> frozenset[str]:
        sides = (self.left, self.right)
        return frozenset().union(*(s.names for s in sides if not isinstance(s, float)))

    @property
    def known(self) -> bool | None:
        """The truth, where no name is in it and both sides have a value."""
        if self.names:
            return None
        try:
            return self.evaluate({})
        except (TooLarge, Undefined):
            return None

    def substitute(self, values: Mapping[Any, object]) -> Compared:
        """The same of other numbers."""
        left, right = substituted(self.left, values), substituted(self.right, values)
        return self if left is self.left and right is self.right else Compared(left, self.op, right)

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return COMPARE[self.op](value_of(self.left, values), value_of(self.right, values))

    def __str__(self) -> str:
        return f"{operand(self.left)} {self.op} {operand(self.right)}"


ITEM = "[]"
"""What stands behind a list's name in the name of its item at an index that `Every` counts: `ps[]`, `stages[].rate`."""


class Every(Record):
    """A condition holds for each value of `index` from 0 to below `length`."""

    cond: Cond
    index: str
    length: Dim

    @property
    def names(self) -> frozenset[str]:
        return (self.cond.names - {self.index}) | self.length.names

    def at(self, k: int) -> Cond:
        """The condition for one value of the index."""
        return _item(self.cond, k).substitute({self.index: dim(k)})

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return all(self.at(k).evaluate(values) for k in range(self.length.evaluate(values)))

    def __str__(self) -> str:
        each = str(self.cond).replace(ITEM, f"[{self.index}]")
        return f"all({each} for {self.index} in range({self.length}))"


def _item(cond: Cond, k: int) -> Cond:
    """A condition on the items at an index as one on item k: of lists in lists, the outer index is the first."""
    place = f"[{k}]"
    names = {n: n.replace(ITEM, place, 1) for n in cond.names if ITEM in n}
    flags: dict[object, object] = {}
    for flag in cond.flags:
        if isinstance(flag, Every):
            lengths = {n: opaque(names[n], low=0) for n in flag.length.names if n in names}
            inner = Every(_item(flag.cond, k), flag.index, flag.length.substitute(lengths))
            flags[flag] = type(cond).flag(inner)
    return cond.substitute({**{n: Real(new) for n, new in names.items()}, **flags})


Flag: TypeAlias = Truth | Absent | Is | Same | Compared | Every
