"""Whether two checks of one block, for different layer arguments, can be one class."""

from __future__ import annotations

from spec_lang.ir.from_ast.definitions.checked import Checked
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.values.value import Cell, DefCtor, OpCtor, Value
from spec_lang.shapes import Dim
from spec_lang.syntax import ast


def differs(general: Checked, check: Checked) -> tuple[Cell, Cell] | None:
    """The first `_` of a check for which the formula of another check is not right too."""
    facts = check.facts
    for o in check.owed:
        facts = facts.assume(o.cond)
    for key, cells in check.notes.cells.items():
        for cell, other in zip(cells, general.notes.cells.get(key, cells), strict=False):
            if cell.value is None or other.value is None:
                continue
            if not (facts.equal(cell.value, other.value) and facts.equal(_first(cell), _first(other))):
                return cell, other
    return None


def other_dims(first: Checked, check: Checked) -> ast.Expr | None:
    """A construction that needs other implicit dims in one check than in the other."""
    for one, other in ((first, check), (check, first)):
        for key, cells in one.notes.cells.items():
            needed = {c.name for c in cells if c.value is not None and not isinstance(c.node, ast.Hole)}
            found = {c.name for c in other.notes.cells.get(key, ()) if c.value is not None}
            if needed - found:
                return cells[0].node
    return None


def used_with(check: Check, values: dict[str, Value], asker: Check, node: object) -> None:
    """Say for which use of a block its mistakes were found, where that depends on what is passed in."""
    shown = [f"{n} = {text}" for n, v in values.items() if (text := _name_of(v)) is not None]
    if shown:
        label = asker.label(node, f"for this use, with {', '.join(shown)}")
        check.effects.amend(lambda d: d.replace(labels=(*d.labels, label)))


def _name_of(value: Value) -> str | None:
    """How a message names a value that was passed in."""
    if isinstance(value, OpCtor):
        return value.op.name
    if isinstance(value, DefCtor):
        return value.definition.name
    return f'"{value}"' if isinstance(value, str) else None


def _first(cell: Cell) -> Dim:
    """The value of a `_` in a list's first iteration."""
    assert cell.value is not None
    return cell.value if cell.first is None else cell.first
