"""One formula for what differs from item to item of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec_lang.ir.from_ast.expressions.same import same
from spec_lang.ir.from_ast.layers.cells import written_out
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.value import Carried, Cell, Iteration, Value
from spec_lang.shapes import Dim, dim
from spec_lang.shapes.table import MAX_LISTED, listed
from spec_lang.syntax import ast


def fit_items(c: Check, at: Place) -> bool:
    """One formula for each `_` and implicit dim of a comprehension that was gone through item by item."""
    for node, cells in list(c.notes.cells.items()):
        for name in dict.fromkeys(cell.name for cell in cells):
            alike = [cell for cell in cells if cell.name == name]
            known = [(cell.first, cell.value) for cell in alike if cell.value is not None]
            if not known or all(k == known[0] for k in known):
                continue
            if not all(c.notes.item_of[cell] for cell in alike):
                return no_formula(c, alike[0], [cell.value for cell in alike if cell.value is not None])
            whole = Cell(name, alike[0].node)
            if not _fit_items(c, at, whole, alike):
                return False
            c.effects.note(c.notes.cells, node, (whole, *c.notes.cells[node]))
    return True


def _fit_items(c: Check, at: Place, whole: Cell, cells: list[Cell]) -> bool:
    cells = sorted(cells, key=lambda cell: [number or 0 for _, _, number in c.notes.item_of[cell]])
    values = [cell.value for cell in cells if cell.value is not None]
    items = [c.notes.item_of[cell] for cell in cells]
    owner = items[0][0][0]
    variables = [i[0][1] for i in items if len(i) == 1 and i[0][0] is owner and i[0][1] is not None]
    if len(variables) < len(cells) or len(values) < len(cells) or any(cell.first for cell in cells):
        return no_formula(c, whole, values)
    whole.value = _variable(c, at, values, variables)
    if whole.value is not None:
        return True
    if owner.key is not None:  # a dict is one expression, along which nothing runs
        return no_formula(c, whole, values)
    index = c.fresh("k", 0)
    step = _variable(c, at, values[1:], variables)
    if step is None:
        return fit_formula(c, whole, values, index, owner)
    whole.value = running = c.fresh(whole.name)
    c.block.running.carried[str(running)] = Carried(whole.name, values[0], step, index, owner)
    return True


def _variable(c: Check, at: Place, values: list[Dim], variables: Sequence[Mapping[str, Value]]) -> Dim | None:
    """The comprehension's variable that has these values from its first item on."""
    for name in variables[0]:
        if all(same(at, v[name], d) for v, d in zip(variables, values, strict=False)):
            found = c.fresh(name)
            c.block.running.names[str(found)] = (name, dim(0), 1)
            return found
    return None


def fit_formula(c: Check, cell: Cell, values: list[Dim], index: Dim, owner: ast.Comprehension | None) -> bool:
    """One formula for a `_` whose value differs from iteration to iteration."""
    first = values[0]
    if all(v == first for v in values):
        cell.value = first
        return True
    rest = values[1:]
    if all(v == rest[0] for v in rest):
        cell.first, cell.value = first, rest[0]
        return True
    growth = values[1] - first
    if all(b - a == growth for a, b in zip(values, rest, strict=False)):
        s = c.fresh(cell.name)
        c.block.running.carried[str(s)] = Carried(cell.name, first, s + growth, index, owner)
        cell.value = s
        return True
    own = None if owner is None else c.block.running.owners.get(owner)
    repeat = None if own is None else c.block.running.repeats.get(str(own))
    if own is not None and repeat is not None and repeat.length.const == len(values):
        for factor in (2, 3, 4):
            if all(b == a * factor for a, b in zip(values, rest, strict=False)):
                cell.value = first * dim(factor) ** own
                return True
            if all(a == b * factor for a, b in zip(values, rest, strict=False)):
                cell.value = values[-1] * dim(factor) ** (len(values) - 1 - own)
                return True
    if first.const and values[1].const and values[1].const % first.const == 0:
        factor = values[1].const // first.const
        if all(b == a * factor for a, b in zip(values, rest, strict=False)):
            s = c.fresh(cell.name)
            c.block.running.carried[str(s)] = Carried(cell.name, first, s * factor, index, owner)
            cell.value = s
            return True
    if own is not None and repeat is not None and repeat.length.const == len(values) <= MAX_LISTED:
        cell.value = listed(values, own)
        return True
    return no_formula(c, cell, values)


def item_by_item(c: Check, cell: Cell, it: Iteration) -> str | None:
    """The name of the index of the one list of which a loop runs item i in iteration i, where a cell is determined."""
    ran = c.block.running.ran.get(cell, {})
    names = [n for n, d in ran.items() if d.symbols & it.index.symbols]
    return names[0] if len(names) == 1 and ran[names[0]] == it.index else None


def items_run(
    c: Check, it: Iteration, ran: list[tuple[int, Mapping[str, Dim]]]
) -> tuple[str, list[int]] | None:
    """As `item_by_item`, of iterations that were gone through one by one in any order: with the item that each ran.

    A list that is spread among others is run in some of the iterations.
    """
    count = len(ran)
    if len({k for k, _ in ran}) != count:
        return None
    (own,) = it.index.symbols
    numbers = {
        n: [items[n].substitute({own: k}).const if n in items else None for k, items in ran]
        for n in dict.fromkeys(n for _, items in ran for n in items)
    }
    moving = {
        n: [i for i in found if i is not None] for n, found in numbers.items() if len({*found}) == count
    }
    if len(moving) != 1 or any(len({*found}) > 1 for n, found in numbers.items() if n not in moving):
        return None
    ((name, order),) = moving.items()
    whole = c.block.running.repeats[name].length.const == count
    if sorted(order) != list(range(count)) or not (whole or order == list(range(count))):
        return None
    return name, order


def no_formula(c: Check, cell: Cell, values: list[Dim]) -> bool:
    shown = ", ".join(map(str, values[:4]))
    what = "`_`" if isinstance(cell.node, ast.Hole) else f"`{cell.name}`"
    c.error(
        "E0313",
        f"{what} would be {shown} along the list, for which no formula was found",
        cell.node,
        help=written_out(cell),
    )
    return False
