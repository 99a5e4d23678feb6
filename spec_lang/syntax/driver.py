"""Runs Lark's LALR tables over tokens, building the tree as it goes, and goes on after mistakes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from spec_lang.diagnostics import Diagnostic, Source
from spec_lang.syntax import ast, tables
from spec_lang.syntax.build import Builder
from spec_lang.syntax.limits import ERRORS
from spec_lang.syntax.token import CONTEXTUAL
from spec_lang.syntax.tokens import Tokens

RuleRow = tuple[int, str, str | None]


@cache
def _rules() -> list[RuleRow]:
    """Size, origin and callback of each rule; none where the one symbol goes through."""
    return [(rule.size, rule.origin, None if rule.inline else rule.action) for rule in tables.load().rules]


def parse_tokens(
    read: Tokens, source: Source, builder: Builder
) -> tuple[ast.Module | None, list[Diagnostic]]:
    """Parse a file's tokens; the module is None if nothing could be made of them."""
    known = tables.load()
    actions, gotos, end_state = known.actions, known.gotos, known.end
    rules: list[tuple[int, str, Callable[[list[Any]], Any] | None]] = [
        (size, origin, getattr(builder, name) if name else None) for size, origin, name in _rules()
    ]
    # The state that a chain of one-symbol rules ends in, by the state below, the state and the token.
    shortcuts: dict[tuple[int, int, str], int] = {}
    states: list[int] = [known.start]
    values: list[Any] = []
    tokens = read.tokens
    recovery = None
    diagnostics: list[Diagnostic] = []
    index = 0
    while True:
        token = tokens[index]
        kind = token.type
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                if kind in CONTEXTUAL:
                    kind = "NAME"
                    continue
                break
            if action >= 0:
                states.append(action)
                values.append(token)
                break
            size, origin, callback = rules[~action]
            if callback is None:
                top, below = states[-1], states[-2]
                key = (below, top, kind)
                state = shortcuts.get(key)
                if state is None:
                    state = shortcuts[key] = _shortcut(actions, gotos, below, top, kind)
                states[-1] = state
                continue
            if size:
                taken = values[-size:]
                del states[-size:], values[-size:]
            else:
                taken = []
            values.append(callback(taken))
            state = gotos[states[-1]][origin]
            states.append(state)
            if state == end_state and kind == "$END":
                return values[0], diagnostics
        if action is not None:
            index += 1
            continue
        from spec_lang.syntax.explain import explain  # a spec without mistakes starts sooner
        from spec_lang.syntax.recover import Recovery

        if recovery is None:
            recovery = Recovery(known, tokens, states, values, read.faulty)
        problem = recovery.at(index)
        if problem is not None:
            diagnostics.append(explain(problem, source))
        if len(diagnostics) >= ERRORS:
            return None, diagnostics
        resumed = recovery.resume(index)
        if resumed is None:
            return None, diagnostics
        index = resumed
        if recovery.between_definitions():
            builder.numbers = 0


def _shortcut(
    actions: list[dict[str, int]], gotos: list[dict[str, int]], below: int, top: int, kind: str
) -> int:
    """The state after all one-symbol rules that reduce here one after the other."""
    rules = _rules()
    while True:
        action = actions[top].get(kind)
        if action is None or action >= 0 or rules[~action][2] is not None:
            return top
        top = gotos[below][rules[~action][1]]
