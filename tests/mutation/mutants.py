"""Mutants of a spec: one integer, one name, one operator or one argument changed at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from spec_lang.diagnostics import Source, Span
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse

OPERATORS = {
    "+": ("-", "*"),
    "-": ("+",),
    "*": ("+", "//"),
    "//": ("*", "-"),
    "/": ("*",),
    "%": ("//",),
    "**": ("*",),
    "@": ("*",),
    "==": ("!=", "<"),
    "!=": ("==",),
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    ">": (">=", "<"),
    ">=": (">", "<"),
    "and": ("or",),
    "or": ("and",),
}


class Mutant(NamedTuple):
    """A changed text, and what was changed: its kind, its line, and both texts."""

    text: str
    kind: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.kind}: {self.before!r} -> {self.after!r}"


def without_expects(text: str) -> str:
    """The spec without its `expect`s, which would refuse most mutants for another reason."""
    module = _tree(text)
    spans = [
        part.span
        for d in module.definitions
        if isinstance(d, ast.Block)
        for part in d.parts
        if isinstance(part, ast.Expect)
    ]
    for span in sorted(spans, reverse=True):
        text = text[: span.start].rstrip(" ") + text[span.end :].lstrip("\n")
    return text


def mutants(text: str) -> Iterator[Mutant]:
    """Every mutant of a spec, in the order of the text."""
    source = Source("mutant", text)
    for d in _tree(text).definitions:
        names = sorted({n.id for n in _walk(d) if isinstance(n, ast.Name) and n.id != d_name(d)})
        for node in _walk(d):
            for span, kind, after in _changes(node, names, text):
                line = source.position(span.start).line
                changed = text[: span.start] + after + text[span.end :]
                yield Mutant(changed, kind, line, text[span.start : span.end], after)


def d_name(d: ast.Definition) -> str:
    """The name that a definition defines."""
    return "" if isinstance(d, ast.Import) else d.name.id


def _changes(node: ast.Node, names: list[str], text: str) -> Iterator[tuple[Span, str, str]]:
    if isinstance(node, ast.Number) and isinstance(node.value, int):
        for value in (node.value + 1, node.value - 1, node.value * 2):
            if value >= 0 and value != node.value:
                yield node.span, "integer", str(value)
    elif isinstance(node, ast.Name) and len(names) > 1:
        at = names.index(node.id) if node.id in names else 0
        for step in (1, len(names) // 2):
            other = names[(at + step) % len(names)]
            if other != node.id:
                yield node.span, "name", other
    elif isinstance(node, ast.Binary):
        yield from _operator(node.op, node.left.span.end, node.right.span.start, text)
    elif isinstance(node, ast.Compare):
        left = node.first
        for op, right in node.rest:
            yield from _operator(op, left.span.end, right.span.start, text)
            left = right
    elif isinstance(node, ast.Call) and node.args:
        spans = [a.span for a in node.args]
        for i, span in enumerate(spans):
            end = spans[i + 1].start if i + 1 < len(spans) else span.end
            start = span.start if i + 1 < len(spans) or i == 0 else spans[i - 1].end
            yield Span(start, end), "argument dropped", ""
        for a, b in pairwise(spans):
            swapped = text[b.start : b.end] + text[a.end : b.start] + text[a.start : a.end]
            if swapped != text[a.start : b.end]:
                yield Span(a.start, b.end), "arguments swapped", swapped


def _operator(op: str, start: int, end: int, text: str) -> Iterator[tuple[Span, str, str]]:
    at = text.find(op, start, end)
    if at >= 0:
        for other in OPERATORS.get(op, ()):
            yield Span(at, at + len(op)), "operator", other


def _walk(node: Any) -> Iterator[ast.Node]:
    if isinstance(node, ast.Node):
        yield node
        for name in node.node_fields:
            if name not in ("span", "name_span"):
                yield from _walk(getattr(node, name))
    elif isinstance(node, tuple):
        for item in node:
            yield from _walk(item)


def _tree(text: str) -> ast.Module:
    module, diagnostics = parse(Source("mutant", text))
    assert module is not None, diagnostics
    assert not diagnostics, diagnostics
    return module
