"""Semantic tokens: what each name is, where a grammar of words cannot tell."""

from __future__ import annotations

from lsprotocol import types

from spec_lang.lsp.names import Names, Symbol
from spec_lang.lsp.navigation import places_of
from spec_lang.lsp.view import View
from spec_lang.ops import base
from spec_lang.syntax import ast

TYPES = (
    "class",
    "function",
    "parameter",
    "property",
    "method",
    "variable",
    "typeParameter",
    "struct",
    "macro",
)
MODIFIERS = ("declaration", "readonly", "defaultLibrary")
LEGEND = types.SemanticTokensLegend(list(TYPES), list(MODIFIERS))
_KINDS = {
    "hyper": "parameter",
    "let": "variable",
    "member": "property",
    "method": "method",
    "dim": "typeParameter",
    "field": "property",
    "local": "variable",
    "loop": "variable",
}


def tokens(view: View, names: Names) -> types.SemanticTokens:
    """The tokens of a file, each relative to the one before it."""
    data: list[int] = []
    line = column = 0
    found = {span: (symbol, binds) for span, symbol, binds in places_of(view.text, names, view)}
    for span, (symbol, binds) in sorted(found.items()):
        where = view.positions.span(span)
        kind, modifiers = _kind(symbol, names)
        start = where.start
        data += [
            start.line - line,
            start.character - (column if start.line == line else 0),
            where.end.character - start.character,
            TYPES.index(kind),
            modifiers | binds,
        ]
        line, column = start.line, start.character
    return types.SemanticTokens(data)


def _kind(symbol: Symbol, names: Names) -> tuple[str, int]:
    if symbol.kind == "library":
        return ("class" if symbol.name in base.LAYERS else "function"), 1 << MODIFIERS.index("defaultLibrary")
    if symbol.kind == "definition":
        node = names.defined.get(symbol)
        if isinstance(node, ast.Function) or (isinstance(node, ast.Extern) and node.kind == "fn"):
            return "function", 0
        if isinstance(node, ast.ConstantDef):
            return "variable", 1 << MODIFIERS.index("readonly")
        return ("struct" if isinstance(node, ast.Record) else "class"), 0
    return _KINDS[symbol.kind], 0
