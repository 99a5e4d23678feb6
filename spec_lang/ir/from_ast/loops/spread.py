"""Loops over lists of layers to which each item of a comprehension adds several: `[*[A(), B()] for w in widths]`."""

from __future__ import annotations

from spec_lang.ir.from_ast.loops.iteration import Body, State, counter, iteration, over_known
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.value import FlatModule, Iteration, ListModule, RepeatModule, Value
from spec_lang.shapes import dim
from spec_lang.syntax import ast


def is_spread(value: Value) -> bool:
    """Whether it is such a list, which no index counts."""
    return isinstance(value, FlatModule) or (
        isinstance(value, ListModule) and value.kind != "dict" and value.flat
    )


def over_spread(c: Check, at: Place, value: Value, name: str, node: ast.Expr) -> Iteration | None:
    """What a loop over such a list goes over: its parts, of which one is gone through by what each item adds."""
    segments: list[Iteration] = []
    for item in value.items if isinstance(value, ListModule) else (value,):
        part = item.repeat if isinstance(item, FlatModule) else item
        found = (
            iteration(c, at, part, name, node)
            if isinstance(part, RepeatModule)
            else over_known(c, [part], name)
        )
        if found is None:
            return None
        segments.append(found)
    length = sum((s.length for s in segments), start=dim(0))
    it = Iteration(length, counter(c, f"{name}_index"), None, None, frozenset())
    it.segments = tuple(segments)
    return it


def one_by_one(c: Check, body: Body, name: str, node: ast.Expr, code: tuple[ast.Statement, ...]) -> Body:
    """An iteration over such a list: over the layers that an item adds, in their order."""
    from spec_lang.ir.from_ast.loops.engine import loop  # most specs have none, and start sooner

    def each(at: Place, state: State, element: Value) -> State | None:
        if isinstance(element, RepeatModule | FlatModule):
            inner = (
                over_spread(c, at, element, name, node)
                if isinstance(element, FlatModule)
                else iteration(c, at, element, name, node)
            )
            return None if inner is None else loop(c, at, state, each, inner, node, code)
        if not isinstance(element, ListModule) or element.kind != "run":
            return body(at, state, element)
        found: State | None = state
        for layer in element.items:
            found = None if found is None else each(at, found, layer)
        return found

    return each
