"""Document symbols and folding ranges."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from spec_lang.lsp.view import View, below
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node

_KINDS = {
    ast.Block: types.SymbolKind.Class,
    ast.Record: types.SymbolKind.Struct,
    ast.Function: types.SymbolKind.Function,
    ast.ConstantDef: types.SymbolKind.Constant,
    ast.Extern: types.SymbolKind.Interface,
}


def symbols(view: View) -> list[types.DocumentSymbol]:
    """The definitions of a file with their hyperparameters, layers and methods."""
    found: list[types.DocumentSymbol] = []
    for node in view.text.definitions():
        if isinstance(node, ast.Import):
            continue
        start = view.text.start_of(node)
        detail = node.kind if isinstance(node, ast.Block | ast.Extern) else None
        top = _symbol(view, start, node, node.name, _KINDS[type(node)], detail)
        top.children = [_symbol(view, start, *row) for row in _parts(node)]
        found.append(top)
    return found


def _parts(node: ast.Definition) -> Iterator[tuple[Node, ast.Name, types.SymbolKind, str | None]]:
    for hyper in (*(getattr(node, "hypers", None) or ()), *getattr(node, "fields", ())):
        yield hyper, hyper.name, types.SymbolKind.Property, None
    for part in getattr(node, "parts", ()):
        if isinstance(part, ast.LayersSection):
            for item in part.items:
                yield item, item.name, types.SymbolKind.Field, getattr(item, "kind", "layer")
        elif isinstance(part, ast.Let):
            yield part, part.name, types.SymbolKind.Variable, "let"
        elif isinstance(part, ast.Method):
            yield part, part.name, types.SymbolKind.Method, None


def _symbol(
    view: View, start: int, node: Node, name: ast.Name, kind: types.SymbolKind, detail: str | None
) -> types.DocumentSymbol:
    whole = view.positions.span(node.span.to(max(node.span, name.span, key=lambda s: s.end)), start)
    return types.DocumentSymbol(name.id, kind, whole, view.positions.span(name.span, start), detail=detail)


def folds(view: View) -> list[types.FoldingRange]:
    """The lines that definitions, sections, methods, loops and branches take, and those of comments and docstrings."""
    found: dict[tuple[int, int], types.FoldingRange] = {}
    foldable = (
        ast.Block | ast.Record | ast.Function | ast.Extern | ast.LayersSection | ast.Method | ast.InitSection
    )
    for definition in view.text.definitions():
        start = view.text.start_of(definition)
        for node in below(definition):
            is_text = isinstance(node, ast.String)
            if not (
                is_text or isinstance(node, foldable | ast.For | ast.If | ast.Call | ast.List | ast.Dict)
            ):
                continue
            lines = view.positions.span(node.span, start)
            first, last = lines.start.line, lines.end.line
            last -= last > first and lines.end.character == 0
            if last > first:
                kind = types.FoldingRangeKind.Comment if is_text else None
                found.setdefault((first, last), types.FoldingRange(first, last, kind=kind))
    return sorted(found.values(), key=lambda f: (f.start_line, -f.end_line))
