"""F-strings: text and values, each safe in the other's company."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import Atom, Code, flat
from spec_lang.targets.torch.text import escape, quoted


def fstring(parts: Sequence[m.Expr], expr: Callable[[m.Expr], Code]) -> Code:
    """The f-string; a plain one where nothing is to be filled in."""
    if all(isinstance(p, m.Literal_) and isinstance(p.value, str) for p in parts):
        return Atom(quoted("".join(str(p.value) for p in parts if isinstance(p, m.Literal_))))
    return Atom('f"' + "".join(_part(p, expr) for p in parts) + '"')


def _part(part: m.Expr, expr: Callable[[m.Expr], Code]) -> str:
    if isinstance(part, m.Literal_) and isinstance(part.value, str):
        return braces(part.value)
    return field(expr(part))


def braces(text: str) -> str:
    """Text between the fields of an f-string."""
    return escape(text, '"').replace("{", "{{").replace("}", "}}")


def field(code: Code) -> str:
    """A field: quotes inside are single ones."""
    text = flat(code).replace('"', "'")
    return "{" + (f" {text} " if text.startswith("{") else text) + "}"
