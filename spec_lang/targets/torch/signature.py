"""`def name(...) -> result:` laid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import Code, flat
from spec_lang.targets.torch.layout import line_width, statement
from spec_lang.targets.torch.types import annotation
from spec_lang.targets.torch.writer import Writer


class Parameter(NamedTuple):
    """One parameter as text; a bare `*` has neither type nor default."""

    name: str
    type: str = ""
    default: str = ""

    def __str__(self) -> str:
        typed = f"{self.name}: {self.type}" if self.type else self.name
        return f"{typed} = {self.default}" if self.default else typed


def define(indent: int, name: str, parameters: Sequence[Parameter], result: str) -> list[str]:
    """The lines of a `def`, broken as the formatter breaks them."""
    margin = " " * indent
    texts = list(map(str, parameters))
    line = f"{margin}def {name}({', '.join(texts)}) -> {result}:"
    if len(line) <= line_width():
        return [line]
    if not texts:
        return [line]
    inside = f"{margin}    {', '.join(texts)}"
    body = [inside] if len(inside) <= line_width() else [f"{margin}    {text}," for text in texts]
    return [f"{margin}def {name}(", *body, f"{margin}) -> {result}:"]


class Late(NamedTuple):
    """A default that the body fills in, since it is computed; `ahead` are the lines that compute a part of it."""

    name: str
    value: Code
    ahead: Sequence[str] = ()

    def lines(self, indent: int) -> list[str]:
        """`if name is None:` and the assignment."""
        return [
            f"{' ' * indent}if {self.name} is None:",
            *self.ahead,
            *statement(indent + 4, f"{self.name} = ", self.value),
        ]


def hyperparameter(w: Writer, h: m.Hyper) -> tuple[Parameter, Late | None]:
    """The parameter of a hyperparameter; a computed default is filled in by the body."""
    python, kind = w.scope.local(h.name), annotation(h.type, w.imports)
    if h.default is None:
        return Parameter(python, kind), None
    default = frozen_lists(h.default)
    if is_plain(default):
        return Parameter(python, kind, flat(w.expr(default))), None
    optional = kind if kind.endswith("| None") else f"{kind} | None"
    return Parameter(python, optional, "None"), Late(python, w.expr(default))


def frozen_lists(e: m.Expr) -> m.Expr:
    """Lists as tuples, which may be defaults."""
    if isinstance(e, m.List):
        return m.make(m.Tuple, items=tuple(map(frozen_lists, e.items)), type=e.type)
    return e


def is_plain(e: m.Expr) -> bool:
    """Whether a default may be evaluated once, where the function is defined."""
    match e:
        case m.Literal_():
            return True
        case m.Name(ref=ref):
            return ref in ("constant", "definition", "op", "builtin")
        case m.Unary(operand=operand):
            return is_plain(operand)
        case m.Binary(left=left, right=right):
            return is_plain(left) and is_plain(right)
        case m.Tuple(items=items):
            return all(map(is_plain, items))
        case _:
            return False
