"""Text to syntax tree."""

from __future__ import annotations

import gc

from spec_lang.diagnostics import Diagnostic, Source, Span
from spec_lang.syntax import ast
from spec_lang.syntax.build import Builder
from spec_lang.syntax.driver import parse_tokens
from spec_lang.syntax.tokens import tokenize


def parse(source: Source) -> tuple[ast.Module | None, list[Diagnostic]]:
    """Parse a file.

    Returns:
        The tree and what is wrong. With errors, the tree holds the definitions without any, and
        `Module.broken` names the others; it is None where nothing could be read.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _parse(source)
    finally:
        if collecting:
            gc.enable()


def _parse(source: Source) -> tuple[ast.Module | None, list[Diagnostic]]:
    tokens, comments, diagnostics = tokenize(source)
    module, errors = parse_tokens(tokens, source, Builder(source))
    if module is not None:
        module.__dict__["comments"] = tuple(comments)
    return module, diagnostics + errors


def parse_expr(text: str) -> tuple[ast.Expr | None, list[Diagnostic]]:
    """Parse one expression."""
    return parse_expr_at(Source("expression", text), Span(0, len(text)))


def parse_expr_at(source: Source, span: Span) -> tuple[ast.Expr | None, list[Diagnostic]]:
    """Parse the expression at a place in a source; spans are places in the whole source."""
    head = "_ = "
    part = Source(source.name, head + source.text[span.start : span.end])
    tokens, _, diagnostics = tokenize(part)
    for token in tokens:
        token.start += span.start - len(head)
        token.end += span.start - len(head)
    tokens[0].type = "NAME"
    module, errors = parse_tokens(tokens, source, Builder(source))
    if module is None:
        return None, diagnostics + errors
    definition = module.definitions[0]
    assert isinstance(definition, ast.ConstantDef)
    return definition.value, diagnostics + errors
