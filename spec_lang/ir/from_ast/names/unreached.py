"""Code that is never taken: what its names and calls are, for whoever writes it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from spec_lang.ir.builtins import FUNCTIONS
from spec_lang.ir.from_ast.names.names import meaning
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import children, walk


def unreached(c: Check, at: Place, code: Iterable[Node], run: Callable[[Place], object]) -> Place:
    """Go through code that is never taken, for what is noted of it: it reports, owes and determines nothing.

    Gives the place behind it.
    """
    returns = at.frame.returns()
    with c.trial(at) as trial:
        trial.at.taken = False
        run(trial.at)
        for node in code:
            note_all(c, trial.at, node)
        trial.keep_notes()
    at.frame.restore(returns)
    return trial.at


def note_all(c: Check, at: Place, code: Node, unknown: str = "value") -> None:
    """Note what the names and calls are that a check did not come to; `unknown` is what calls nobody knows."""
    inside = dict(_own_variables(code))
    for node in walk(code):
        if isinstance(node, ast.Name):
            if node.number in inside and node.number not in c.notes.refs:
                c.effects.note(c.notes.refs, node.number, "loop")
            elif node.number not in c.notes.refs:
                found = meaning(c, at, node.id)
                if found is not None:
                    c.effects.note(c.notes.refs, node.number, found[0])
        elif isinstance(node, ast.Call) and node.number not in c.notes.calls:
            c.effects.note(c.notes.calls, node.number, _called(c, at, node.func, unknown))
        elif isinstance(node, ast.Arrow) and node.number not in c.notes.calls:
            stage = node.stage
            func = stage.func if isinstance(stage, ast.Call) else stage
            c.effects.note(c.notes.calls, node.number, _called(c, at, func, unknown))


def _own_variables(code: Node) -> Iterator[tuple[int, str]]:
    """The names in a tree that mean variables of its own comprehensions."""
    pending: list[tuple[Node, frozenset[str]]] = [(code, frozenset())]
    while pending:
        node, known = pending.pop()
        if isinstance(node, ast.Name) and node.id in known:
            yield node.number, node.id
        if not isinstance(node, ast.Comprehension):
            pending += ((child, known) for child in children(node))
            continue
        for g in node.generators:
            pending.append((g.iterable, known))
            known |= {n.id for n in walk(g.target) if isinstance(n, ast.Name)}
            pending += ((t, known) for t in g.tests)
        pending += ((e, known) for e in (node.key, node.value) if e is not None)


_KINDS: dict[type[Node], str] = {ast.Function: "fn", ast.Record: "record", ast.Extern: "extern"}


def _called(c: Check, at: Place, func: ast.Expr, unknown: str) -> tuple[str, str]:
    """What a call would call."""
    if isinstance(func, ast.Name):
        if func.id in c.block.members or func.id in at.locals or func.id in at.loops:
            return "apply", "forward"
        if func.id in c.block.hypers:
            return "value", ""
        definition = at.scope.names.get(func.id)
        if definition is not None:
            return _KINDS.get(type(definition.node), "block"), at.scope.path(definition)
        if func.id in c.program.functions and not (func.id in FUNCTIONS and _is_over_numbers(c)):
            return "op", func.id
        if func.id in c.program.layers:
            return "make", func.id
        return ("builtin" if func.id in FUNCTIONS else unknown), func.id
    if isinstance(func, ast.Attribute) and func.name in c.program.functions:
        return "op", func.name
    return "apply", "forward"


def _is_over_numbers(c: Check) -> bool:
    """Whether no tensor can be here, so that `sum` and its kin are Python's."""
    node = c.definition.node
    return isinstance(node, ast.Function) and node.value is not None
