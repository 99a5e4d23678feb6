"""Hover: what a name is, its documentation, and the shape here, for all values."""

from __future__ import annotations

import inspect

from lsprotocol import types

from spec_lang.ir.from_ast.values.kinds import has_tensor, is_module
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import type_text
from spec_lang.ir.from_ast.values.value import Value
from spec_lang.lsp.names import Names, Symbol
from spec_lang.lsp.view import View
from spec_lang.ops import base, signature
from spec_lang.shapes import Dim, dim
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node


def hover(view: View, names: Names, offset: int) -> types.Hover | None:
    """What is to be said of the name or expression at an offset."""
    trail = view.trail(offset)
    if not trail:
        return None
    definition = trail[0]
    assert isinstance(definition, ast.Definition)
    start = view.text.start_of(definition)
    place = offset - start
    checked = view.checked.get(definition)
    found = [o for o in names.occurrences(definition, checked) if o.span.start <= place <= o.span.end]
    parts: list[str] = []
    span = trail[-1].span
    if found:
        span = found[0].span
        parts += about(found[0].symbol, names)
    value = _value(view, definition, trail)
    if value is not None and (shown := shape(value)) is not None:
        parts.append(_code(shown))
        parts += _default(view, definition, value)
    if not parts:
        return None
    content = types.MarkupContent(types.MarkupKind.Markdown, "\n\n".join(parts))
    return types.Hover(content, view.positions.span(span, start))


def _value(view: View, definition: ast.Definition, trail: list[Node]) -> Value:
    """The value at the innermost node; the target of an assignment has that of its right side."""
    inner = trail[-1]
    checked = view.checked.get(definition)
    if checked is None:
        return None
    for outer in reversed(trail):
        if isinstance(outer, ast.Assign) and outer.target is inner:
            return view.value(definition, outer.value)
        if isinstance(outer, ast.Input) and outer.name is inner:
            method = next((n for n in trail if isinstance(n, ast.Method | ast.Function)), None)
            summary = None if method is None else checked.summary.methods.get(method.name.id)
            inputs = [] if summary is None else summary.inputs
            return next((i.type for i in inputs if i.name == outer.name.id), None)
        if isinstance(outer, ast.Layer | ast.Param) and outer.name is inner:
            return checked.members.get(outer.name.id)
    value = view.value(definition, inner)
    if value is None and isinstance(inner, ast.Name):
        value = checked.lets.get(inner.id, checked.hypers.get(inner.id))
        # the stage of an arrow is shown with what it gives
        for outer in reversed(trail):
            stage = outer.stage if isinstance(outer, ast.Arrow) else None
            if stage is inner or (isinstance(stage, ast.Call) and stage.func is inner):
                return view.value(definition, outer)
            if isinstance(outer, ast.Call) and outer.func is inner:
                return view.value(definition, outer)
    return value


def shape(value: Value) -> str | None:
    """A value's type as an author would write it, where there is one to show."""
    if has_tensor(value) or is_module(value):
        return type_text(value)
    return str(value) if isinstance(value, Dim | float) else None


def _default(view: View, definition: ast.Definition, value: Value) -> list[str]:
    """A tensor's shape with a model's default values, where that says more."""
    checked = view.checked.get(definition)
    if checked is None or not isinstance(definition, ast.Block) or definition.kind != "model":
        return []
    values: dict[str, Dim] = {}
    for hyper in definition.hypers or ():
        if isinstance(hyper.default, ast.Number) and isinstance(hyper.default.value, int):
            values[hyper.name.id] = dim(hyper.default.value)
    shown = type_text(substitute(value, values)) if values and has_tensor(value) else None
    return [f"by default {_inline(shown)}"] if shown is not None and shown != type_text(value) else []


def about(symbol: Symbol, names: Names) -> list[str]:
    """The signature and the documentation of what a name stands for."""
    if symbol.kind == "library":
        return _library(symbol.name)
    if symbol.kind == "definition":
        node = names.defined.get(symbol)
        return [] if node is None else _definition(node)
    words = {"hyper": "hyperparameter", "member": "layer", "let": "value"}
    return [
        f"{words.get(symbol.kind, symbol.kind)} `{symbol.name}`"
        + (f" of {symbol.owner}" if symbol.owner else "")
    ]


def _library(name: str) -> list[str]:
    found: list[str] = []
    for registry in (base.LAYERS, base.FUNCTIONS):
        if name in registry:
            op = registry[name]
            found.append(_code(str(signature.of(op))))
            found.append(inspect.getdoc(op) or "")
            found.append("" if op.helper else f"PyTorch: `{op.torch}`")
    if not found:
        from spec_lang.ir.builtins import CONSTANTS, FUNCTIONS

        if name in FUNCTIONS or name in CONSTANTS:
            found.append(f"built-in `{name}`")
    return [text for text in found if text]


def _definition(node: ast.Definition) -> list[str]:
    doc = getattr(node, "doc", None)
    head = _head(node)
    return [_code(head), *([] if doc is None else [inspect.cleandoc(doc.value)])]


def _head(node: ast.Definition) -> str:
    """The definition's first lines as they are written, up to its body."""
    text = (node.source.text if node.source is not None else "")[node.span.start : node.span.end]
    depth = 0
    for at, letter in enumerate(text):
        depth += letter in "([{"
        depth -= letter in ")]}"
        if letter == "\n" and depth == 0:
            return text[:at].rstrip().removesuffix(":")
    return text.rstrip()


def _code(text: str) -> str:
    return f"```nnspec\n{text}\n```"


def _inline(text: str) -> str:
    return f"`{text}`"
