"""Inlay hints: the shapes of what is assigned, and of each stage of an arrow."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from spec_lang.ir.from_ast.values.kinds import has_tensor
from spec_lang.ir.from_ast.values.texts import type_text
from spec_lang.ir.from_ast.values.value import Value
from spec_lang.lsp.view import View, below
from spec_lang.syntax import ast

LONGEST = 60
"""Characters of a hint; a longer one is cut, and whole in its tooltip."""


def hints(view: View, first: int, last: int) -> list[types.InlayHint]:
    """The hints between two lines, each of which counts from 0."""
    found: list[types.InlayHint] = []
    for definition in view.text.definitions():
        start = view.text.start_of(definition)
        whole = view.positions.span(definition.span, start)
        if whole.end.line < first or whole.start.line > last or definition not in view.checked:
            continue
        for place, text, is_type in _of(view, definition):
            at = view.positions.position(start + place)
            if first <= at.line <= last:
                found.append(_hint(at, text, is_type))
    return found


def _of(view: View, definition: ast.Definition) -> Iterator[tuple[int, str, bool]]:
    """Offsets and texts; with whether it is the type of what stands before."""
    for node in below(definition):
        if isinstance(node, ast.Assign) and node.type is None:
            yield from _target(node.target, view.value(definition, node.value))
        elif isinstance(node, ast.Arrow) and isinstance(node.value, ast.Arrow):
            value = view.value(definition, node.value)
            if has_tensor(value):
                yield node.value.span.end, type_text(value), False
        elif isinstance(node, ast.Method) and node.results is None:
            checked = view.checked[definition]
            method = checked.summary.methods.get(node.name.id)
            if method is not None and has_tensor(method.result):
                yield _head_end(view, definition, node), f"-> {type_text(method.result)}", False


def _target(target: ast.Target, value: Value) -> Iterator[tuple[int, str, bool]]:
    if isinstance(target, ast.Name) and has_tensor(value):
        yield target.span.end, type_text(value), True
    elif isinstance(target, ast.TargetTuple) and isinstance(value, tuple | list):
        for part, item in zip(target.items, value, strict=False):
            yield from _target(part, item)


def _head_end(view: View, definition: ast.Definition, node: ast.Method) -> int:
    """The end of a method's bracket of inputs."""
    text = view.text.source_of(definition).text
    after = node.inputs[-1].span.end if node.inputs else node.name.span.end
    closing = text.find(")", after)
    return after if closing == -1 else closing + 1


def _hint(at: types.Position, text: str, is_type: bool) -> types.InlayHint:
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return types.InlayHint(
        position=at,
        label=f": {shown}" if is_type else shown,
        kind=types.InlayHintKind.Type,
        padding_left=not is_type,
        tooltip=None if shown == text else text,
    )
