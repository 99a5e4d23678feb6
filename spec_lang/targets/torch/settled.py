"""Lists along which a size changes once, behind the first item, as comprehensions: `64 if i == 0 else 64 * expansion`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from spec_lang.ir import model as m
from spec_lang.targets.torch.walk import names_in, nodes, target_names

_PLAIN = 5
"""The nodes that a size may have which is written as one side of a choice."""
T = TypeVar("T")


def settled(block: m.Block) -> m.Block:
    """The block, its lists without sizes that are the same from the second item on, where a choice says so in the item."""
    found = {id(n): n for p in (*block.members, block.body) for n in nodes(p) if _settles(n, block)}
    return block if not found else _rebuilt(block, found)


def _settles(n: m.Node, block: m.Block) -> bool:
    if not isinstance(n, m.Comprehension) or not n.carry or len(n.generators) != 1:
        return False
    [generator], inside = n.generators, (n.value, n.key)
    index = _index(generator)
    if generator.tests or index is None:
        return False
    bound = {*target_names(generator.target), *(c.name for c in n.carry)}
    if any(isinstance(x, m.Comprehension) and x.carry for x in nodes(*inside)):
        return False
    for c in n.carry:
        if names_in(c.next) & bound or _carried(c.next):
            return False
        if max(len(list(nodes(side))) for side in (c.start, c.next)) > _PLAIN:
            return False
        if _uses(c.name, *inside) != 1 or _is_read_after(block, c.name):
            return False
    return True


def _uses(name: str, *roots: object) -> int:
    return sum(isinstance(n, m.Name) and n.ref == "carry" and n.id == name for n in nodes(*roots))


def _is_read_after(block: m.Block, name: str) -> bool:
    """Whether a running size is read outside of the lists that it runs along."""
    parts = (*block.members, block.body)
    lists = [
        n for n in nodes(*parts) if isinstance(n, m.Comprehension) and any(c.name == name for c in n.carry)
    ]
    own = sum(_uses(name, n.value, n.key, *(c.next for c in n.carry)) for n in lists)
    return _uses(name, *parts) != own


def _carried(*roots: m.Expr) -> bool:
    return any(isinstance(n, m.Name) and n.ref == "carry" for n in nodes(*roots))


def _index(g: m.Generator) -> str | None:
    """The variable that counts a generator's items from 0."""
    match g.iterable, g.target:
        case m.Call(to="builtin", name="range", args=(_,)), m.Target(name=str(name)):
            return name
        case m.Call(to="builtin", name="enumerate", args=(_,), kwargs=()), m.Target(items=(first, _)):
            return first.name
    return None


def _choice(index: str, c: m.Carry) -> m.Expr:
    """What a size is at an item."""
    variable = m.make(m.Name, id=index, ref="loop")
    zero = m.make(m.Literal_, value=0)
    test = m.make(m.Compare, first=variable, ops=("==",), rest=(zero,))
    return m.make(m.IfExp, test=test, body=c.start, orelse=c.next)


def _rebuilt(value: T, found: Mapping[int, m.Node]) -> T:
    """The same with the comprehensions in it settled."""
    if isinstance(value, tuple):
        items = tuple(_rebuilt(v, found) for v in value)
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items  # type: ignore[return-value]  # as it was
    if not isinstance(value, m.Node):
        return value
    if id(value) in found and isinstance(value, m.Comprehension):
        index = _index(value.generators[0])
        assert index is not None
        choices = {c.name: _choice(index, c) for c in value.carry}
        parts = {"value": _chosen(value.value, choices), "key": _chosen(value.key, choices), "carry": ()}
        return value.model_copy(update=parts)
    return _with(
        value, {k: _rebuilt(v, found) for k, v in value.__dict__.items() if k not in ("span", "type")}
    )


def _chosen(value: T, choices: Mapping[str, m.Expr]) -> T:
    """The same with running sizes replaced."""
    if isinstance(value, tuple):
        return tuple(_chosen(v, choices) for v in value)  # type: ignore[return-value]  # as it was
    if isinstance(value, m.Name):
        return choices.get(value.id, value) if value.ref == "carry" else value  # type: ignore[return-value]  # an expression
    if not isinstance(value, m.Node):
        return value
    return _with(
        value, {k: _chosen(v, choices) for k, v in value.__dict__.items() if k not in ("span", "type")}
    )


def _with(node: T, fields: Mapping[str, object]) -> T:
    """A node with other fields; itself where they are the same."""
    assert isinstance(node, m.Node)
    if all(node.__dict__[k] is v for k, v in fields.items()):
        return node
    return node.model_copy(update=dict(fields))


__all__ = ["settled"]
