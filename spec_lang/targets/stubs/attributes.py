"""The types of what a generated `__init__` keeps."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping


def attributes(init: ast.FunctionDef, classes: Collection[str]) -> dict[str, str]:
    """The annotations of the attributes that a constructor sets, by their names; `Any` for what takes more than a look."""
    parameters = {a.arg: a.annotation for a in (*init.args.args, *init.args.kwonlyargs)}
    found: dict[str, dict[str, None]] = {}
    stated: dict[str, str] = {}
    for node in ast.walk(init):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value) if (
                not name.startswith("_")
            ):
                found.setdefault(name, {}).update(dict.fromkeys(_kinds(value, parameters, classes)))
            case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=kind):
                stated[name] = ast.unparse(kind)
    kept = {name: "Any" if "Any" in kinds else _union(kinds) for name, kinds in found.items()}
    return kept | stated


def _union(kinds: Collection[str]) -> str:
    parts = [k for k in dict.fromkeys(p for kind in kinds for p in kind.split(" | ")) if k != "None"]
    absent = any(k == "None" or k.endswith("| None") for k in kinds)
    return " | ".join([*parts, "None"] if absent else parts)


def _kinds(
    node: ast.expr, parameters: Mapping[str, ast.expr | None], classes: Collection[str]
) -> Iterator[str]:
    """The types that an expression may have."""
    match node:
        case ast.IfExp(body=body, orelse=orelse):
            yield from _kinds(body, parameters, classes)
            yield from _kinds(orelse, parameters, classes)
        case ast.Constant(value=value):
            yield "None" if value is None else type(value).__name__
        case ast.Call(func=ast.Attribute(value=ast.Name(id="nn"), attr=name)) if name[:1].isupper():
            yield f"nn.{name}"
        case ast.Call(func=ast.Name(id=name)) if name in classes and name not in parameters:
            yield name
        case ast.Call(func=ast.Name(id=name)) if name in parameters:  # a layer that was given
            yield "nn.Module"
        case ast.Name(id=name) if (kind := parameters.get(name)) is not None:
            yield ast.unparse(kind)
        case _:
            yield _number(node, parameters) or "Any"


def _number(node: ast.expr, parameters: Mapping[str, ast.expr | None]) -> str | None:
    """`int` or `float` for arithmetic of such."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return type(value).__name__
        case ast.Name(id=name) if isinstance(kind := parameters.get(name), ast.Name):
            return kind.id if kind.id in ("int", "float") else None
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _number(operand, parameters)
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return "float" if _number(left, parameters) and _number(right, parameters) else None
        case ast.BinOp(
            op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Mod(), left=left, right=right
        ):
            sides = {_number(left, parameters), _number(right, parameters)}
            return None if None in sides else "float" if "float" in sides else "int"
    return None
