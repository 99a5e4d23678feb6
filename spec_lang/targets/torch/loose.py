"""What type checkers know of Python: `nn.Module.__call__` gives Any, and so does what is made of it until a function takes it."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from spec_lang.targets.torch.code import (
    Atom,
    Attr,
    Binary,
    Call,
    Code,
    Compare,
    Comprehension,
    IfExp,
    Index,
    List,
    Spread,
    Tuple,
    Unary,
)

_UNTYPED = frozenset({"torch.norm", "torch.tensordot"})
"""Functions of PyTorch without annotations."""


class Loose(IntEnum):
    """How much of a value is Any to a type checker: nothing, its items, all of it."""

    NOT = 0
    INSIDE = 1
    ALL = 2


class Known(Protocol):
    """What a routine knows of names."""

    def loose(self, local: str) -> Loose:
        """How much of a local is Any."""

    def gives_any(self, called: str) -> bool:
        """Whether what is called by a plain name has no type: a module, or somebody else's function."""

    def is_method(self, name: str) -> bool:
        """Whether `self.name` is a method of the class."""

    def is_tensor(self, name: str) -> bool:
        """Whether `self.name` is a parameter or a buffer."""


def loose(r: Known, code: Code) -> Loose:
    """How much of an expression is Any; where that is not sure, more rather than less."""
    match code:
        case Atom(text):
            return r.loose(text)
        case Attr(Atom("self"), _):
            return Loose.NOT
        case Attr(value, _) | Unary(_, value):
            return loose(r, value)
        case Index(value, _):
            return Loose.ALL if loose(r, value) else Loose.NOT
        case Binary(_, left, right):
            return max(loose(r, left), loose(r, right))
        case Compare(first, rest):
            return max(loose(r, x) for x in (first, *(x for _, x in rest)))
        case IfExp(body, _, orelse):
            return min(loose(r, body), loose(r, orelse))
        case Tuple(items) | List(items):
            return Loose.INSIDE if any(_item(r, x) for x in items) else Loose.NOT
        case Comprehension(value):
            return Loose.INSIDE if loose(r, value) else Loose.NOT
        case Call(func, args):
            return Loose.ALL if _gives_any(r, func, args) else Loose.NOT
    return Loose.NOT


def _item(r: Known, code: Code) -> Loose:
    return loose(r, code.value if isinstance(code, Spread) else code)


def _gives_any(r: Known, func: Code, args: tuple[Code, ...]) -> bool:
    match func:
        case Atom("sum"):
            return any(map(loose, [r] * len(args), args))
        case Atom(name):
            return r.gives_any(name)
        case Attr(Atom("F" | "torch" as library), name):
            return f"{library}.{name}" in _UNTYPED
        case Attr(Atom("self"), name):
            return not r.is_method(name)
        case Attr(Call(Atom("super")), _) | Index():
            return True
        case Attr(Attr(Atom("self"), name), _):
            return not r.is_tensor(name)
        case Attr(value, _):
            return loose(r, value) is Loose.ALL
    return False
