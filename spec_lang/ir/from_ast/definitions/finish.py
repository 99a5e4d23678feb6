"""What is left at the end of a block's check."""

from __future__ import annotations

from collections.abc import Iterable

from spec_lang.ir.from_ast.bodies.dims import optional_only
from spec_lang.ir.from_ast.loops.item_formulas import fit_items
from spec_lang.ir.from_ast.loops.runs import parts
from spec_lang.ir.from_ast.names.names import need
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import time
from spec_lang.ir.from_ast.values.elements import by_variables
from spec_lang.ir.from_ast.values.value import (
    AliasModule,
    Case,
    Cell,
    FlatModule,
    ListModule,
    OpModule,
    RepeatModule,
    Value,
)
from spec_lang.shapes import Dim
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk

_FORWARD = "say what flows in and out: `forward(x: float[N, 4]) -> float[N, 4]:`"


def finish(c: Check, at: Place, node: ast.Block, methods: list[ast.Method]) -> None:
    if not methods and node.alias is None:
        c.error("E0706", f"{node.name.id} has no `forward`", node.name, help=_FORWARD)
    elif methods and "forward" not in c.block.methods and node.kind == "model":
        c.error("E0706", f"the model {node.name.id} has no `forward`", node.name, help=_FORWARD)
    if not c.is_right:
        leave(c)
        return
    unused(c, node)
    if fit_items(c, at):
        undetermined(c)
    starts(c)
    _implicit(c, node)
    leave(c)


def starts(c: Check) -> None:
    """Note the dims that construction needs for sizes that run along lists: where they start, and what they grow by."""
    running = c.block.running.carried
    cells = [cell for cells in c.notes.cells.values() for cell in cells]
    pending = [n for x in cells for size in (x.first, x.value) if size is not None for n in size.symbols]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or name not in running:
            continue
        seen.add(name)
        pending += running[name].start.symbols | running[name].next.symbols
        for own in pending:
            if own in c.block.dims and own not in c.block.symbols.dynamic:
                need(c, own)


def leave(c: Check) -> None:
    order = [n for n in c.block.dims if n in c.effects.needed]
    c.block.summary.dims = {n: c.effects.needed[n] for n in order}
    c.block.summary.members = c.block.members
    for part, stated in c.block.stated.items():
        if part.number in c.notes.required:
            when = "call" if any(time(c, o.cond) == "call" for o in stated) else "init"
            c.effects.note(c.notes.required, part.number, (c.notes.required[part.number][0], when))
    owed = {o.cond: o for o in reversed(c.effects.owed) if time(c, o.cond) == "init"}
    c.block.summary.owed = list(reversed(owed.values()))
    for m in c.block.summary.methods.values():
        m.owed = [o for o in m.owed if time(c, o.cond) == "call"]


def unused(c: Check, node: ast.Block) -> None:
    """Unused: on no static path, in no method."""
    for part in node.parts:
        if isinstance(part, ast.LayersSection):
            for item in part.items:
                name = item.name.id
                if name in c.effects.used or c.block.members.get(name) is None:
                    continue
                if isinstance(item, ast.Param) and item.kind == "buffer":
                    continue
                what = "layer" if isinstance(item, ast.Layer) else item.kind
                c.error(
                    "E0707",
                    f"the {what} `{name}` is never used",
                    item.name,
                    help="use it in `forward`, or remove it: its parameters would be in every checkpoint",
                )
    for h in node.hypers or ():
        if h.name.id not in c.effects.used:
            c.error("E0708", f"the hyperparameter `{h.name.id}` is never used", h.name, help="remove it")


def undetermined(c: Check) -> None:
    for cells in c.notes.cells.values():
        for cell in cells:
            for size in (cell.value, cell.first):
                if size is not None and not _can_be_written(c, cell, size):
                    c.error(
                        "E0307",
                        f"{cell.name} changes from iteration to iteration, and no formula was found for it",
                        cell.node,
                        help="write the size out in terms of the loop's variable",
                    )
                    return
            if cell.value is None and not _never_made(c, cell):
                hole = isinstance(cell.node, ast.Hole)
                what = f"this `_` ({cell.name})" if hole else f"`{cell.name}` of this block"
                c.error(
                    "E0307",
                    f"nothing determines {what}: the layer is never run",
                    cell.node,
                    help="write the size out" if hole else "run it, or leave it out",
                )
                return
    for module in c.block.members.values():
        if (idle := _idle(module)) is not None:
            c.error(
                "E0307",
                f"nothing determines the sizes of this {idle.definition.name}: it is never run",
                idle.node,
                help="run it, or leave it out",
            )
            return


def _never_made(c: Check, cell: Cell) -> bool:
    """Whether no item of a comprehension takes the side of a choice that a cell stands on: then the other is written alone.

    What is known of a list's items by its value at one use may be otherwise at another.
    """
    if c.block.mono:
        return False
    for node in walk(c.definition.node):
        sides = c.notes.sides.get(node.number, frozenset()) if isinstance(node, ast.IfExp) else frozenset()
        if isinstance(node, ast.IfExp) and len(sides) == 1:
            (side,) = sides
            if any(n is cell.node for n in walk(node.orelse if side else node.body)):
                c.effects.note(c.notes.taken, node.number, side)
                return True
    return False


def _can_be_written(c: Check, cell: Cell, size: Dim) -> bool:
    """Whether the constructor has words for a size: a loop's variable for an index, or that of a list which it counts."""
    running = c.block.running
    size = by_variables(size, running.formulas, running.places)
    counted = {
        str(index)
        for node, index in running.owners.items()
        if len(loops := parts(c.notes, node)[0]) == 1
        and not loops[0].tests
        and any(n is cell.node for n in walk(node))
    }
    for name in size.symbols:
        found = running.carried.get(name)
        if found is None:
            if name in running.counters and name not in running.names.keys() | counted:
                return False
        elif found.owner is None or (
            by_variables(found.next, running.formulas, running.places).symbols
            & running.counters - running.names.keys()
        ):
            return False
    return True


def _idle(module: Value) -> AliasModule | None:
    """A container in a member that nothing flows into and that needs to know what does."""
    parts: Iterable[Value] = ()
    if isinstance(module, AliasModule):
        whole = module.source or module
        return module if whole.block is None and _infers(whole.definition) else None
    if isinstance(module, ListModule):
        parts = module.items
    elif isinstance(module, RepeatModule):
        parts = (module.item,)
    elif isinstance(module, FlatModule):
        parts = (module.repeat,)
    elif isinstance(module, Case):
        parts = module.yes, module.no
    return next((found for p in parts if (found := _idle(p)) is not None), None)


def _infers(definition: Def) -> bool:
    """Whether a container may have sizes that what flows in determines: a `_`, or a block of the program."""
    names = definition.scope.names
    return any(
        isinstance(n, ast.Hole)
        or (isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in names)
        for n in walk(definition.node)
    )


def _channels(c: Check, cell: Cell | None, name: str) -> str | None:
    """Where a layer over sequences takes its channels, if that is where the size of a call stands."""
    for label, module in c.block.members.items():
        if not isinstance(module, OpModule) or cell not in module.cells.values():
            continue
        if type(module.layer).name.endswith("1d"):
            moved = f"`transpose(1, 2)` in front of {label}, and again behind it, if the features stand last"
            return f"{label} has its channels in dim 1, where `{name}` stands: {moved}"
    return None


def _implicit(c: Check, node: ast.Block) -> None:
    """Implicit dims occur in a required input; a model has none."""
    if node.kind == "model":
        for name in c.effects.needed:
            cell = next(
                (
                    x
                    for cells in c.notes.cells.values()
                    for x in cells
                    if x.value is not None and name in x.value.symbols
                ),
                None,
            )
            at = _naming(node, name) if cell is None else cell.node
            what = (
                "construction"
                if cell is None
                else f"this {'`_`' if isinstance(cell.node, ast.Hole) else 'block'}"
            )
            c.error(
                "E0311",
                f"{what} needs `{name}`, which only a call of {node.name.id} knows",
                at,
                help=_channels(c, cell, name)
                or f"make `{name}` a hyperparameter of {node.name.id} with a default, or a number",
            )
        return
    for name in c.effects.needed:
        if optional_only(c, name):
            c.error(
                "E0311",
                f"the layers need `{name}`, which only an optional input tells",
                node.name,
                help=f"make `{name}` a hyperparameter",
            )


def _naming(node: ast.Block, name: str) -> Node:
    """Where `layers:` or another part outside of methods names a dim."""
    parts = [p for p in node.parts if not isinstance(p, ast.Method)]
    found = (n for p in parts for n in walk(p) if isinstance(n, ast.Name) and n.id == name)
    return min(found, key=lambda n: n.span.start, default=node.name)
