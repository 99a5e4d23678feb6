"""Conditions that stay open, as `if not condition: raise ValueError(...)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import Atom, Call, Code, flat
from spec_lang.targets.torch.fstrings import braces, field
from spec_lang.targets.torch.layout import line_width, statement
from spec_lang.targets.torch.text import quoted
from spec_lang.targets.torch.walk import nodes


def raise_lines(indent: int, message: str, test: m.Expr, expr: Callable[[m.Expr], Code]) -> list[str]:
    """The `raise`: the author's words, and the values that the condition is about."""
    shown = dict.fromkeys((word, flat(expr(node))) for node, word in _values(test))
    fields = [f"{word}={field(Atom(code))}" for word, code in shown] if not _is_empty(test) else []
    if not fields:
        return _raise(indent, [quoted(message)])
    values = f"({', '.join(fields)})"
    whole = f'f"{braces(message)} {values}"'
    if len(f"raise ValueError({whole})") + indent <= line_width() or len(whole) + indent + 4 <= line_width():
        return _raise(indent, [whole])
    parts = _pieces(f"{braces(message)} {values}", line_width() - indent - 8)
    literals = [_literal(p + (" " if i < len(parts) - 1 else "")) for i, p in enumerate(parts)]
    return _raise(indent, literals)


def _is_empty(test: m.Expr) -> bool:
    """Whether the condition fails for an empty list alone, which shows nothing: `len(widths) >= 1`."""
    match test:
        case m.Compare(first=m.Call(to="builtin", name="len"), ops=(">=",), rest=(m.Literal_(value=1),)):
            return True
    return False


def _literal(text: str) -> str:
    return (
        f'f"{text}"' if "{" in text.replace("{{", "") else f'"{text.replace("{{", "{").replace("}}", "}")}"'
    )


def _raise(indent: int, literals: list[str]) -> list[str]:
    if len(literals) == 1:
        return statement(indent, "raise ", Call(Atom("ValueError"), (Atom(literals[0]),)))
    margin = " " * indent
    return [f"{margin}raise ValueError(", *(f"{margin}    {part}" for part in literals), f"{margin})"]


def _pieces(text: str, width: int) -> list[str]:
    pieces = [""]
    for word in text.split(" "):
        if pieces[-1] and len(pieces[-1]) + 1 + len(word) > width:
            pieces.append(word)
        else:
            pieces[-1] = f"{pieces[-1]} {word}" if pieces[-1] else word
    return pieces


def _values(test: m.Expr) -> Iterator[tuple[m.Expr, str]]:
    """The numbers that a condition names, in its order, each with the author's word for it."""
    waiting: list[object] = [test]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, m.Name):
            if node.ref in ("hyper", "dim", "let", "loop", "carry"):
                yield node, node.id
        elif isinstance(node, m.Attribute) and isinstance(node.value, m.Name):
            if node.value.ref == "hyper":
                yield node, f"{node.value.id}.{node.name}"
        elif isinstance(node, m.Comprehension):
            around = [n for n in nodes(node) if isinstance(n, m.Name) and n.ref in ("hyper", "let")]
            waiting = [*around, *waiting]
        elif isinstance(node, tuple):
            waiting = [*node, *waiting]
        elif isinstance(node, m.Node):
            waiting = [*(v for k, v in node.__dict__.items() if k not in ("span", "type", "name")), *waiting]
