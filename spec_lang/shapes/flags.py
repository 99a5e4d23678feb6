"""Truths that the algebra of dims does not look into: what they say, as data."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from spec_lang.frozen import Record
from spec_lang.shapes.atom import filled
from spec_lang.shapes.dim import Dim, dim
from spec_lang.shapes.errors import TooLarge, Undefined
from spec_lang.shapes.real import Number, operand, substituted, value_of
from spec_lang.shapes.replace import with_lists

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
    """A string that is known only when the module is built, by its name; each `{}` in that stands for a size: `uses[{}]`.

    It is one of `options`, any string where these are None; of a text that is made of parts nothing is known, and there
    are none.
    """

    name: str
    options: tuple[str, ...] | None
    args: tuple[Dim, ...] = ()

    @property
    def text(self) -> str:
        """How a spec writes it."""
        return filled(self.name, self.args) if self.args else self.name

    @property
    def names(self) -> frozenset[str]:
        return _named(self.name, self.args)

    def substitute(self, values: Mapping[Any, object]) -> Choice | str:
        """The same of other lists and sizes, or what stands for it."""
        name, args = _with_values(self.name, self.args, values)
        for text in (self.text, filled(name, args) if args else name):
            found = values.get(text)
            if isinstance(found, Choice | str):
                return found
        return self if name is self.name and args == self.args else named_choice(name, self.options, args)

    def __str__(self) -> str:
        return self.text


def named_choice(name: str, options: tuple[str, ...] | None, args: tuple[Dim, ...]) -> Choice:
    """A choice by its name; one whose sizes are known is by the text that they make."""
    if args and all(a.const is not None for a in args):
        return Choice(filled(name, args), options)
    return Choice(name, options, args)


def _named(name: str, args: tuple[Dim, ...]) -> frozenset[str]:
    """The names in a name with sizes in it, which is one itself."""
    return frozenset((filled(name, args) if args else name,)).union(*(a.names for a in args))


def _with_values(
    name: str, args: tuple[Dim, ...], values: Mapping[Any, object]
) -> tuple[str, tuple[Dim, ...]]:
    """A name of other lists and sizes."""
    args = tuple(a.substitute(values) for a in args)
    return with_lists(values, name, args) or (name, args)


class Truth(Record):
    """A bool by its name: `norm_first`, `training`; each `{}` in a name stands for a size: `uses[{}]`."""

    name: str
    args: tuple[Dim, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return _named(self.name, self.args)

    def substitute(self, values: Mapping[Any, object]) -> Truth:
        """The same of other lists and sizes."""
        name, args = _with_values(self.name, self.args, values)
        return named_truth(name, args) if name is not self.name or args != self.args else self

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return bool(values[str(self)])

    def __str__(self) -> str:
        return filled(self.name, self.args) if self.args else self.name


def named_truth(name: str, args: tuple[Dim, ...]) -> Truth:
    """A truth by its name; one whose sizes are known is by the text that they make."""
    if args and all(a.const is not None for a in args):
        return Truth(filled(name, args))
    return Truth(name, args)


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
    args: tuple[Dim, ...] = ()

    @property
    def choice(self) -> Choice:
        """What is one of its options, whatever these are."""
        return Choice(self.name, None, self.args)

    @property
    def names(self) -> frozenset[str]:
        return _named(self.name, self.args)

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return bool(values[self.choice.text] == self.option)

    def __str__(self) -> str:
        return f'{self.choice} == "{self.option}"'


class Same(Record):
    """Two choices are the same option."""

    left: Choice
    right: Choice

    @property
    def names(self) -> frozenset[str]:
        return self.left.names | self.right.names

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
        return self.cond.substitute({self.index: dim(k)})

    def evaluate(self, values: Mapping[Any, Any]) -> bool:
        return all(self.at(k).evaluate(values) for k in range(self.length.evaluate(values)))

    def __str__(self) -> str:
        text, length = str(self.cond), str(self.length)
        item = rf"(?<![\w.\]])([A-Za-z_][\w.]*)\[{re.escape(self.index)}\]"
        lists = set(re.findall(item, text))
        if len(lists) == 1 and length == f"len({min(lists)})" and "each" not in self.cond.names:
            alone = re.sub(item, "each", text)
            if not re.search(rf"\b{re.escape(self.index)}\b", alone):
                return f"all([{alone} for each in {min(lists)}])"
        return f"all([{text} for {self.index} in range({length})])"


Flag: TypeAlias = Truth | Absent | Is | Same | Compared | Every
