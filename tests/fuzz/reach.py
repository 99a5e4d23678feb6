"""What of the library and of the language a spec uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec_lang.diagnostics import Source
from spec_lang.ops.base import FUNCTIONS, LAYERS
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse

OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floor_divide", "%": "remainder", "**": "pow", "@": "matmul",
    "&": "bitwise_and", "|": "bitwise_or", "^": "bitwise_xor", "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
}  # fmt: skip


def nodes(value: Any) -> Iterator[ast.Node]:
    """Every node below a node, itself included."""
    if isinstance(value, ast.Node):
        yield value
        for name in value.node_fields:
            if name not in ("span", "name_span"):
                yield from nodes(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from nodes(item)


def tree(text: str) -> ast.Module:
    """The syntax tree of a spec without mistakes."""
    found, diagnostics = parse(Source("net.nnspec", text))
    assert found is not None, diagnostics
    return found


def ops(module: ast.Module) -> set[str]:
    """The layers and functions of the library that a spec names."""
    found: set[str] = set()
    for node in nodes(module):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.name)
        elif isinstance(node, ast.Binary):
            found.add(OPERATORS.get(node.op, ""))
        elif isinstance(node, ast.Compare):
            found.update(OPERATORS.get(op, "") for op, _ in node.rest)
        elif isinstance(node, ast.Subscript):
            found.add("getitem")
    return {n for n in found if n in FUNCTIONS or n in LAYERS}


def forms(module: ast.Module) -> set[str]:
    """The forms of the language that a spec has."""
    return {form for node in nodes(module) for form in _forms(node)} | set(_definitions(module))


def _trials(block: ast.Block) -> Iterator[str]:
    """What is never taken in a block, its loops in loops, and how its methods and weights are used."""
    own = [p for p in block.parts if isinstance(p, ast.Method)]
    names = [m.name.id for m in own]
    for at, method in enumerate(own):
        for node in (n for s in method.body for n in nodes(s)):
            if isinstance(node, ast.If) and _is_false(node.test):
                yield from (f"never {type(s).__name__}" for s in node.body)
            elif isinstance(node, ast.If) and "narrow" in _strings(node.test):
                yield "never, by a hyperparameter"
            elif isinstance(node, ast.IfExp) and _is_false(node.test):
                yield "never IfExp"
            elif isinstance(node, ast.For):
                if _is_nothing(node.iterable):
                    yield from (f"over nothing {type(s).__name__}" for s in node.body)
                inside = [n for s in node.body for n in nodes(s)]
                yield from (
                    f"loop in a loop, over {_called(n.iterable)}" for n in inside if isinstance(n, ast.For)
                )
                if any(_method_of(n) in names for n in inside):
                    yield "method called in a loop"
            elif isinstance(node, ast.Attribute) and node.name == "weight":
                yield "weight read"
            called = _method_of(node)
            if called in names:
                order = "behind" if names.index(called) > at else "before"
                yield f"method called from {'forward' if method.name.id == 'forward' else 'another'}, {order}"


def _method_of(node: ast.Node) -> str:
    """The name that a call or an arrow names."""
    func = node.func if isinstance(node, ast.Call) else node.stage if isinstance(node, ast.Arrow) else None
    return func.id if isinstance(func, ast.Name) else ""


def _is_false(test: ast.Expr) -> bool:
    values = [n.value for n in nodes(test) if isinstance(n, ast.Number | ast.Constant | ast.String)]
    known = not any(isinstance(n, ast.Name | ast.Call | ast.List) for n in nodes(test))
    return known and (values == [False] or (values == [1, 2] and isinstance(test, ast.Compare)))


def _is_nothing(e: ast.Expr) -> bool:
    if isinstance(e, ast.List):
        return not e.items
    return _called(e) == "range" and [n.value for n in nodes(e) if isinstance(n, ast.Number)] == [0]


def _strings(e: ast.Expr) -> list[str]:
    return [n.value for n in nodes(e) if isinstance(n, ast.String)]


def _definitions(module: ast.Module) -> Iterator[str]:
    for d in module.definitions:
        if isinstance(d, ast.Block):
            yield f"{d.kind} = alias" if d.alias is not None else d.kind
            for part in d.parts:
                yield _part(part)
            yield from _trials(d)
        elif isinstance(d, ast.Function):
            yield "fn of numbers" if d.value is not None else "fn of tensors"


def _part(part: ast.Part) -> str:
    if not isinstance(part, ast.Method):
        return f"part {type(part).__name__}"
    return "method " + (part.name.id if part.name.id in ("forward", "loss") else "of another name")


def _forms(node: ast.Node) -> Iterator[str]:
    yield type(node).__name__
    if isinstance(node, ast.Hyper):
        yield f"hyper {_kind(node.type)}"
    elif isinstance(node, ast.Input):
        given = "" if node.default is None else " = none" if _is_none(node.default) else " = expression"
        yield f"input {_kind(node.type)}{given}"
    elif isinstance(node, ast.Result):
        yield f"result {_kind(node.type)}" + " named" * (node.name is not None)
    elif isinstance(node, ast.Method):
        yield (
            "one result"
            if len(node.results or ()) == 1
            else "several results"
            if node.results
            else "no results"
        )
        yield from ["docstring"] * (node.doc is not None)
    elif isinstance(node, ast.TensorType):
        yield f"dtype {node.dtype}"
    elif isinstance(node, ast.Unary | ast.Binary):
        yield f"{type(node).__name__} {node.op}"
    elif isinstance(node, ast.Compare):
        yield from (f"Compare {op}" for op, _ in node.rest)
    elif isinstance(node, ast.Param):
        yield f"{node.kind}" + " not persistent" * (not node.persistent)
    elif isinstance(node, ast.Argument):
        yield "argument " + (node.star or ("named" if node.name else "plain"))
    elif isinstance(node, ast.Slice):
        yield "Slice " + ":".join("x" if e is not None else "" for e in (node.start, node.stop, node.step))
        yield from ["Slice from the end"] * any(
            isinstance(e, ast.Unary) for e in (node.start, node.stop, node.step)
        )
    elif isinstance(node, ast.If):
        yield "if elif" if node.is_elif else "if else" if node.orelse else "if alone"
    elif isinstance(node, ast.Assign):
        yield f"assign to {type(node.target).__name__}" + " with a type" * (node.type is not None)
    elif isinstance(node, ast.For):
        yield f"for {type(node.target).__name__} in {_called(node.iterable)}"


def _kind(kind: ast.Type) -> str:
    if isinstance(kind, ast.NamedType):
        return kind.name if kind.name in ("int", "float", "bool", "str", "layer") else "record"
    if isinstance(kind, ast.ChoiceType):
        return "choice of strings" if isinstance(kind.options[0], ast.String) else "choice of types"
    return type(kind).__name__


def _called(e: ast.Expr) -> str:
    return e.func.id if isinstance(e, ast.Call) and isinstance(e.func, ast.Name) else type(e).__name__


def _is_none(e: ast.Expr) -> bool:
    return isinstance(e, ast.Constant) and e.value is None
