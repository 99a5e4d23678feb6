"""One definition, checked: what agreement, the IR and expectations read."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.frozen import Frozen
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.notes import Notes
from spec_lang.ir.from_ast.state.tables import Running
from spec_lang.ir.from_ast.values.value import Owed, Summary, Value
from spec_lang.shapes import Dim, Facts, Pack
from spec_lang.syntax import ast


class Checked(Frozen):
    """What came of a check; nothing of it changes any more."""

    definition: Def
    summary: Summary
    """For its users."""
    notes: Notes
    """What was noted of each node."""
    hypers: Mapping[str, Value]
    lets: Mapping[str, Value]
    dims: Mapping[str, Dim | Pack]
    needed: Mapping[str, Dim]
    """The dims that construction knows."""
    members: Mapping[str, Value]
    running: Running
    """Sizes that change along lists, and what loops' symbols are called."""
    facts: Facts
    owed: tuple[Owed, ...]


def checked(c: Check) -> Checked:
    """What came of a check that is done."""
    block = c.block
    return Checked(
        block.definition,
        block.summary,
        c.notes,
        block.hypers,
        block.lets,
        block.dims,
        c.effects.needed,
        block.members,
        block.running,
        block.facts,
        tuple(c.effects.owed),
    )


def running_sizes(checked: Checked, node: ast.Comprehension) -> list[str]:
    """The running sizes along a comprehension that some layer needs."""
    carried = checked.running.carried
    own = {n for n, size in carried.items() if size.owner is node}
    if not own:
        return []
    needed = frozenset().union(
        *(x.value.symbols for cells in checked.notes.cells.values() for x in cells if x.value is not None)
    )
    return [n for n in carried if n in own & needed]
