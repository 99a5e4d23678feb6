"""Which modules of a model are gathered, used and freed by themselves in fully sharded data parallel."""

from __future__ import annotations

from spec_lang.ir import model
from spec_lang.sharding.cuts import calls


def units(entry: model.Block) -> list[str]:
    """The lists of blocks: each block is a unit, but where one of its parameters is shared; the rest is one more."""
    shared = {_root(side) for tie in entry.ties for side in (tie.left, tie.right)}
    return [
        member.name
        for member in entry.members
        if isinstance(member, model.Layer)
        and isinstance(member.value, model.Comprehension)
        and isinstance(member.value.value, model.Call)
        and not member.value.keyed
        and member.name not in shared
    ]


def unit_of(key: str, lists: list[str]) -> str:
    """The unit that a parameter is in, by its key; '' for the rest."""
    head, _, rest = key.partition(".")
    return f"{head}.{rest.partition('.')[0]}" if head in lists else ""


def nested(entry: model.Block) -> bool:
    """Whether `forward` calls another method that is registered with the engine, which then frees what it gathered."""
    forward = next(m for m in entry.methods if m.name == "forward")
    return any(c.to == "method" and c.name not in ("forward", "loss") for c in calls(forward.body))


def _root(node: model.Expression) -> str:
    """The layer that a path begins with."""
    while isinstance(node, model.Attribute | model.Subscript):
        node = node.value
    assert isinstance(node, model.Name)
    return node.id
