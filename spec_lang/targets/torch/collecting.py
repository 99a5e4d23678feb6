"""A loop that does nothing but fill a list, as the comprehension that it is."""

from __future__ import annotations

from collections.abc import Container, Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.walk import names_in, nodes, target_names


def collected(statements: Sequence[m.Stmt], live: Container[str]) -> Sequence[m.Stmt]:
    """Statements in which an empty list and the loop behind it that fills it are one; `live` are the names read after them."""
    found: list[m.Stmt] = []
    for i, s in enumerate(statements):
        whole = _filled(found[-1], s, statements[i + 1 :], live) if found else None
        if whole is None:
            found.append(s)
        else:
            found[-1] = whole
    return found


def _filled(empty: m.Stmt, loop: m.Stmt, behind: Sequence[m.Stmt], live: Container[str]) -> m.Assign | None:
    if not (isinstance(empty, m.Assign) and isinstance(empty.value, m.List) and not empty.value.items):
        return None
    if not (isinstance(loop, m.For) and len(loop.body) == 1 and isinstance(loop.body[0], m.Append)):
        return None
    fill, name = loop.body[0], empty.target.name
    remarks = (empty.trailing, *loop.comments, loop.trailing, *fill.comments, fill.trailing)
    if fill.name != name or any(remarks) or not isinstance(fill.value, m.List) or len(fill.value.items) != 1:
        return None
    [item] = fill.value.items
    later = names_in(*behind)
    if any(v in later or v in live for v in target_names(loop.target)):
        return None
    if name in names_in(item, loop.iterable) or any(
        isinstance(n, m.Star) or (isinstance(n, m.Call) and n.to in ("run", "method")) for n in nodes(item)
    ):
        return None
    generator = m.make(m.Generator, target=loop.target, iterable=loop.iterable, tests=(), span=loop.span)
    made = m.make(
        m.Comprehension, key=None, value=item, generators=(generator,), carry=(), type=None, span=loop.span
    )
    return empty.model_copy(update={"value": made})
