"""Annotations of generated code, with the shapes that the program has in their place."""

from __future__ import annotations

import ast
from collections.abc import Callable

from spec_lang.ir import model as m
from spec_lang.targets.stubs.dialects import Dialect
from spec_lang.targets.stubs.sizes import mentions

Size = Callable[[str], str | None]
"""A size as a dialect writes it; None where it cannot."""


def shaped(node: ast.expr, kind: m.Type | None, dialect: Dialect, size: Size) -> str:
    """An annotation, each `Tensor` in it with its shape."""
    match node, kind:
        case ast.Name(id="Tensor"), m.TensorType():
            return tensor("Tensor", kind, dialect, size)
        case ast.BinOp(op=ast.BitOr(), left=left, right=ast.Constant(value=None)), _:
            base = kind.base if isinstance(kind, m.OptionalType) else kind
            return f"{shaped(left, base, dialect, size)} | None"
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=nodes)), m.TupleType(
            items=items
        ) if len(nodes) == len(items):
            pairs = zip(nodes, items, strict=True)
            return f"tuple[{', '.join(shaped(n, k, dialect, size) for n, k in pairs)}]"
        case ast.Subscript(value=ast.Name(id="tuple"), slice=item), m.TupleType(items=(only,)):
            return f"tuple[{shaped(item, only, dialect, size)}]"
        case ast.Subscript(value=ast.Name(id="list"), slice=item), m.ListType(item=one, index=index):

            def each(text: str) -> str | None:
                return None if index is not None and mentions(text, index) else size(text)

            return f"list[{shaped(item, one, dialect, each)}]"
        case ast.Subscript(value=ast.Name(id="list"), slice=item), m.TupleType(items=items):
            every = {shaped(item, k, dialect, size) for k in items}
            return f"list[{every.pop() if len(every) == 1 else ast.unparse(item)}]"
    return written(node)


def written(node: ast.expr) -> str:
    """An expression as the formatter has it, strings in double quotes."""
    text = ast.unparse(node)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and '"' not in inner.value:
            text = text.replace(repr(inner.value), f'"{repr(inner.value)[1:-1]}"')
    return text


def tensor(base: str, kind: m.TensorType, dialect: Dialect, size: Size) -> str:
    """A tensor's annotation; bare, where the number of its dims cannot be told."""
    dims = [size(d) for d in kind.dims]
    if any(d is None and text.startswith("*") for d, text in zip(dims, kind.dims, strict=True)):
        return base
    return dialect.tensor(base, kind.dtype, [dialect.unknown if d is None else d for d in dims])
