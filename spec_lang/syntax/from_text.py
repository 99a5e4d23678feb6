"""Text to syntax tree."""

from __future__ import annotations

import gc
from bisect import bisect_left

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.syntax import ast
from spec_lang.syntax.build import Builder
from spec_lang.syntax.driver import parse_tokens
from spec_lang.syntax.from_bytes import too_large
from spec_lang.syntax.limits import BYTES
from spec_lang.syntax.no_spec import instead_of, kind_of_bytes
from spec_lang.syntax.tokens import TooDeep, tokenize
from spec_lang.syntax.walk import move_spans


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


def _parse(source: Source, numbers: int = 0) -> tuple[ast.Module | None, list[Diagnostic]]:
    if (refused := _refused(source)) is not None:
        return None, [refused]
    try:
        read = tokenize(source)
    except TooDeep as error:
        return None, [error.diagnostic]
    if len(read.tokens) <= 2 and not read.diagnostics:
        return None, [_empty(source)]
    builder = Builder(source, numbers)
    module, errors = parse_tokens(read, source, builder)
    diagnostics = read.diagnostics + errors + builder.diagnostics
    if diagnostics and not numbers:
        diagnostics = instead_of(source, diagnostics)
    if module is not None:
        module = _intact(module, read.comments, diagnostics)
    return module, diagnostics


def _refused(source: Source) -> Diagnostic | None:
    text = source.text
    if len(text) > BYTES:
        return too_large(source, len(text))
    at = text.find("\0")
    if at != -1:
        what = kind_of_bytes(text[:8].encode(errors="replace"))
        message = (
            f"this file is {what}, not text" if what else "this file is not text: it holds a NUL character"
        )
        return Diagnostic("E0117", message, Label(source, Span(at, at + 1)))
    return None


def _empty(source: Source) -> Diagnostic:
    return Diagnostic(
        "E0120",
        "this file defines nothing",
        Label(source, Span(0, 0)),
        help="a spec has a `model`, a `block`, an `fn`, a `record` or a constant",
    )


def _intact(module: ast.Module, comments: list[ast.Comment], diagnostics: list[Diagnostic]) -> ast.Module:
    """The module without the definitions that have a mistake in them."""
    if not diagnostics:
        return ast.Module(module.span, module.source, module.doc, module.definitions, tuple(comments))
    places = sorted(d.primary.span.start for d in diagnostics)
    whole: list[ast.Definition] = []
    broken: list[str] = []
    for definition in module.definitions:
        at = bisect_left(places, definition.span.start)
        if at < len(places) and places[at] <= definition.span.end:
            broken += [] if isinstance(definition, ast.Import) else [definition.name.id]
        else:
            whole.append(definition)
    return ast.Module(module.span, module.source, module.doc, tuple(whole), tuple(comments), tuple(broken))


def parse_expr(text: str) -> tuple[ast.Expr | None, list[Diagnostic]]:
    """Parse one expression; its own number is the greatest of its nodes'."""
    return parse_expr_at(Source("expression", text), Span(0, len(text)))


def parse_expr_at(source: Source, span: Span, numbers: int = 0) -> tuple[ast.Expr | None, list[Diagnostic]]:
    """Parse the expression at a place in a source, its nodes numbered from `numbers` up.

    Spans are places in the whole source.
    """
    head = "x = "
    move = span.start - len(head)
    part = Source(source.name, head + source.at(span))
    module, found = _parse(part, numbers)
    diagnostics = [d.replace(primary=Label(source, _moved(d.primary.span, move)), labels=()) for d in found]
    if diagnostics or module is None:
        return None, diagnostics
    definition = module.definitions[0]
    assert isinstance(definition, ast.ConstantDef)
    move_spans(definition.value, move)
    return definition.value, []


def _moved(span: Span, move: int) -> Span:
    return Span(span.start + move, span.end + move)
