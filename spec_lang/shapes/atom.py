"""The atoms of dims: what a polynomial is over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakValueDictionary

from spec_lang.shapes.errors import TooLarge

if TYPE_CHECKING:
    from spec_lang.shapes.cond import Cond
    from spec_lang.shapes.dim import Dim

Bounds: TypeAlias = tuple[int | None, int | None]

SYMBOL: Final = "symbol"
FLOOR: Final = "floordiv"
MOD: Final = "mod"
MIN: Final = "min"
MAX: Final = "max"
POW: Final = "pow"
OPAQUE: Final = "opaque"
IF: Final = "if"

MAX_SIZE = 512
"""The atoms and terms that an atom may have inside."""


class Atom:
    """One of the kinds above over `args`; `name` is a symbol's name or an uninterpreted term's text.

    `if` has a condition, and is its first argument where that holds, else its second.

    Atoms that are equal are one object, so they compare by identity. `digest` leaves bounds out.

    Raises:
        TooLarge: it is an expression of more than `MAX_SIZE` parts.
    """

    __slots__ = (
        "__weakref__",
        "_digest",
        "_symbols",
        "args",
        "cond",
        "conditional",
        "high",
        "kind",
        "low",
        "name",
        "serial",
        "size",
    )

    def __init__(
        self,
        kind: str,
        args: tuple[Dim, ...],
        name: str,
        low: int | None,
        high: int | None,
        cond: Cond | None = None,
    ) -> None:
        self.kind = kind
        self.cond = cond
        self.conditional = cond is not None or any(a.conditional for a in args)
        """Whether a condition is anywhere in it."""
        self.args = args
        self.name = name
        self.low = low
        self.high = high
        self.serial = next(_serials)
        self.size = 1 + sum(a.length for a in args) + (0 if cond is None else cond.length)
        if self.size > MAX_SIZE:
            raise TooLarge("a size that is too long to follow")
        self._digest: int | None = None
        self._symbols: frozenset[str] | None = None

    @property
    def digest(self) -> int:
        """A hash that is the same for atoms that print the same."""
        if self._digest is None:
            self._digest = hash(
                filled(self.name, self.args)
                if self.kind == OPAQUE
                else (self.kind, self.name, self.args, self.cond)
            )
        return self._digest

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it."""
        if self._symbols is None:
            own = (self.name,) if self.kind == SYMBOL else ()
            test = () if self.cond is None else self.cond.symbols
            self._symbols = frozenset(own).union(test, *(a.symbols for a in self.args))
        return self._symbols

    def __repr__(self) -> str:
        return f"{self.kind}({self.name or ', '.join(map(str, self.args))})"


BRACE = r"\{\{|\}\}|\{\}"


def filled(template: str, args: Iterable[object]) -> str:
    """The text of a template: each `{}` is an argument, in parentheses where it is no single operand; `{{` is a brace."""
    rest = iter(args)

    def part(found: re.Match[str]) -> str:
        if found[0] != "{}":
            return found[0][0]
        text = str(next(rest))
        alone = template[: found.start()].endswith(("(", "[", ", ", ":")) and template.startswith(
            (")", "]", ",", ":"), found.end()
        )
        return text if alone or re.fullmatch(OPERAND, text) else f"({text})"

    return re.sub(BRACE, part, template)


def escaped(text: str) -> str:
    """The template that gives this text."""
    return text.replace("{", "{{").replace("}", "}}")


OPERAND = r"[\w.]+(\[\w+\])*"
_serials = count()
_atoms: WeakValueDictionary[tuple[object, ...], Atom] = WeakValueDictionary()


def intern(
    kind: str,
    args: tuple[Dim, ...] = (),
    *,
    name: str = "",
    low: int | None = None,
    high: int | None = None,
    cond: Cond | None = None,
) -> Atom:
    """The one atom of this kind, arguments, name, bounds and condition."""
    key: tuple[object, ...] = (kind, name, low, high, *[a.key for a in args])
    if cond is not None:
        key = (*key, cond.key)
    found = _atoms.get(key)
    if found is None:
        found = _atoms[key] = Atom(kind, args, name, low, high, cond)
    return found
