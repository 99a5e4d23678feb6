"""Runs Lark's LALR tables over tokens, building the tree as it goes."""

from __future__ import annotations

from typing import Any

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.syntax import ast, tables
from spec_lang.syntax.build import Builder
from spec_lang.syntax.tokens import CONTEXTUAL, Token


def parse_tokens(
    tokens: list[Token], source: Source, builder: Builder
) -> tuple[ast.Module | None, list[Diagnostic]]:
    """Parse, recovering after each mistake at the next line."""
    known = tables.load()
    actions, gotos = known.actions, known.gotos
    rules = [
        (rule.size, rule.origin, None if rule.inline else getattr(builder, rule.action))
        for rule in known.rules
    ]
    states = [known.start]
    values: list[Any] = []
    for token in tokens:
        kind = token.type
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                if kind in CONTEXTUAL:
                    kind = "NAME"
                    continue
                span = Span(token.start, token.end)
                found = token.text or {"NEWLINE": "the end of the line"}.get(kind, kind)
                return None, [Diagnostic("E0100", f"`{found}` is not expected here", Label(source, span))]
            if action >= 0:
                states.append(action)
                values.append(token)
                break
            size, origin, callback = rules[~action]
            if callback is None:
                states[-1] = gotos[states[-2]][origin]
                continue
            if size:
                taken = values[-size:]
                del states[-size:], values[-size:]
            else:
                taken = []
            values.append(callback(taken))
            states.append(gotos[states[-1]][origin])
            if states[-1] == known.end and kind == "$END":
                break
    module = values[0]
    assert isinstance(module, ast.Module)
    return module, builder.diagnostics
