"""Mutants of Python modules that are annotated for Pyrefly's tensor shapes, by the rules of `tests/mutation/mutants.py`.

Only code is changed: no annotation, no `assert_type`, no test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, TypeGuard

OPERATORS = {
    ast.Add: ("+", ("-", "*")),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("+", "//")),
    ast.FloorDiv: ("//", ("*", "-")),
    ast.Div: ("/", ("*",)),
    ast.MatMult: ("@", ("*",)),
}


class Mutant(NamedTuple):
    """A changed text, and what was changed where."""

    text: str
    kind: str
    line: int
    before: str
    after: str


def plain(text: str) -> str:
    """The module with every list of type parameters (`class A[N: IntVar]`) blank, so that each Python parses it; no place moves."""
    found = list(re.finditer(r"^ *(?:class|def|async def) \w+(\[)|^type \w+.*$", text, re.MULTILINE))
    for match in reversed(found):
        if match[1] is None:
            raise ValueError("`type` statements are not known here")
        start = end = match.start(1)
        depth = 0
        while True:
            depth += {"[": 1, "]": -1}.get(text[end], 0)
            end += 1
            if not depth:
                break
        blank = re.sub(r"[^\n]", " ", text[start:end])
        text = text[:start] + blank.replace(" \n", "\\\n") + text[end:]
    return text


def runnable(text: str) -> str:
    """The module as any Python runs it: without type parameters and `assert_type`s, with annotations that are not evaluated."""
    return "from __future__ import annotations\n" + plain(_without(text, ast.parse(plain(text)).body))


def without_assertions(text: str) -> str:
    """The module without the `assert_type`s that stand in its methods, as people write who annotate signatures."""
    return _without(text, [c for c in ast.parse(plain(text)).body if isinstance(c, ast.ClassDef)])


def _without(text: str, parts: list[ast.stmt]) -> str:
    lines = text.splitlines(keepends=True)
    for node in (n for part in parts for n in ast.walk(part) if _is_assertion(n)):
        first, last = node.lineno, node.end_lineno
        lines[first - 1] = f"{' ' * node.col_offset}pass\n"
        lines[first:last] = ["\n"] * (last - first)
    return "".join(lines)


def mutants(text: str) -> Iterator[Mutant]:
    """Every mutant of a module's classes, in the order of the text."""
    tree = ast.parse(plain(text))
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    for c in tree.body:
        if not isinstance(c, ast.ClassDef):
            continue
        for f in c.body:
            if not isinstance(f, ast.FunctionDef):
                continue
            nodes = [n for statement in f.body for n in _code(statement)]
            names = sorted({n.id for n in nodes if isinstance(n, ast.Name)} - {"self", "super"})
            for node in nodes:
                for (start, end), kind, after in _changes(node, names, text, span):
                    yield Mutant(text[:start] + after + text[end:], kind, node.lineno, text[start:end], after)


def _is_assertion(node: ast.AST) -> TypeGuard[ast.Expr]:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "assert_type"
    )


def _code(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a statement, without annotations and `assert_type`s."""
    if _is_assertion(node):
        return
    if isinstance(node, ast.expr):
        yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "func") and not isinstance(value, ast.Attribute):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _code(child)


def _changes(node, names, text, span):  # type: ignore[no-untyped-def]
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            for other in (value + 1, value - 1, value * 2):
                if other >= 0 and other != value:
                    yield span(node), "integer", str(other)
        case ast.Name(id=name, ctx=ast.Load()) if name in names and len(names) > 1:
            at = names.index(name)
            for step in (1, len(names) // 2):
                other = names[(at + step) % len(names)]
                if other != name:
                    yield span(node), "name", other
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            word, others = OPERATORS[type(op)]
            at = text.find(word, span(left)[1], span(right)[0])
            if at >= 0:
                for other in others:
                    yield (at, at + len(word)), "operator", other
        case ast.Call(args=[_, *_] as args):
            spans = [span(a) for a in args]
            for i, (start, end) in enumerate(spans):
                last = i + 1 == len(spans)
                yield (
                    (start if not last or i == 0 else spans[i - 1][1], end if last else spans[i + 1][0]),
                    "argument dropped",
                    "",
                )
            for a, b in pairwise(spans):
                swapped = text[b[0] : b[1]] + text[a[1] : b[0]] + text[a[0] : a[1]]
                if swapped != text[a[0] : b[1]]:
                    yield (a[0], b[1]), "arguments swapped", swapped
