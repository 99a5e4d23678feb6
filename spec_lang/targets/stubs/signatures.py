"""`def name(...) -> result: ...` with other annotations than the generated source has."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from spec_lang.ir import model as m
from spec_lang.targets.stubs.annotations import shaped, written
from spec_lang.targets.stubs.dialects import Dialect
from spec_lang.targets.stubs.sizes import Sizes, Statics
from spec_lang.targets.torch.layout import line_width
from spec_lang.targets.torch.signature import Parameter


def signature(
    node: ast.FunctionDef,
    indent: int,
    annotations: Mapping[str, str] | None = None,
    result: str | None = None,
) -> list[str]:
    """The lines of a function without its body, some parameters' annotations replaced."""
    margin = " " * indent
    told = annotations or {}
    texts = [str(p) for p in _parameters(node.args, told)]
    result = result or (written(node.returns) if node.returns else "None")
    line = f"{margin}def {node.name}({', '.join(texts)}) -> {result}: ..."
    if len(line) <= line_width() or not texts:
        return [line]
    inside = f"{margin}    {', '.join(texts)}"
    body = [inside] if len(inside) <= line_width() else [f"{margin}    {text}," for text in texts]
    return [f"{margin}def {node.name}(", *body, f"{margin}) -> {result}: ..."]


def _parameters(args: ast.arguments, told: Mapping[str, str]) -> list[Parameter]:
    defaults = [None] * (len(args.args) - len(args.defaults)) + list(args.defaults)

    def parameter(a: ast.arg, default: ast.expr | None) -> Parameter:
        kind = told.get(a.arg) or (written(a.annotation) if a.annotation else "")
        return Parameter(a.arg, kind, written(default) if default else "")

    found = [parameter(a, d) for a, d in zip(args.args, defaults, strict=True)]
    if args.kwonlyargs:
        found.append(Parameter("*"))
    return found + [parameter(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)]


class Shaped:
    """A method whose signature has shapes.

    Attributes:
        declared: The names of sizes that the method's own inputs bind.
    """

    def __init__(self, node: ast.FunctionDef, method: m.Method, dialect: Dialect, statics: Statics) -> None:
        sizes = Sizes(statics, method)
        given = (
            node.args.args[1:] if node.args.args[:1] and node.args.args[0].arg == "self" else node.args.args
        )
        pairs = list(zip(given, method.inputs, strict=True))
        self._node = node
        self._annotations = {
            a.arg: shaped(a.annotation, i.type, dialect, sizes.given)
            for a, i in pairs
            if a.annotation is not None
        }
        self._result = shaped(node.returns, _result(method), dialect, sizes.made) if node.returns else None
        for a, i in pairs:
            number = sizes.number(i.name)
            if number is not None:
                self._annotations[a.arg] = self._annotations[a.arg].replace("int", dialect.number(number), 1)
        self.declared = tuple(sizes.declared)

    def lines(self, dialect: Dialect, indent: int, inside: bool) -> list[str]:
        """The signature; `inside` says whether a class around it declares names already."""
        lines = signature(self._node, indent, self._annotations, self._result)
        has_shapes = any("Shaped[" in line for line in lines)
        if dialect.declares and has_shapes and (self.declared or not inside):
            return [f'{" " * indent}@shape_vars("{", ".join(self.declared)}")', *lines]
        return lines


def routine(node: ast.FunctionDef, method: m.Method, dialect: Dialect, indent: int) -> list[str]:
    """A function over tensors."""
    return Shaped(node, method, dialect, Statics((), {})).lines(dialect, indent, inside=False)


def _result(method: m.Method) -> m.Type | None:
    """The type of all that a method gives; None where it is not stated."""
    if len(method.results) == 1 and not method.results_tuple:
        return method.results[0].type
    return m.make(m.TupleType, items=tuple(r.type for r in method.results)) if method.results else None
