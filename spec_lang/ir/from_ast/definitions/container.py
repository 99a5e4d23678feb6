"""The check of a block that is a container."""

from __future__ import annotations

from spec_lang.ir.from_ast.definitions.block import set_hypers
from spec_lang.ir.from_ast.definitions.finish import leave, starts, undetermined, unused
from spec_lang.ir.from_ast.definitions.naming import check_names
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.mistake import Mistake
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.uses.obligations import time
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import POISON, Cell, Entry, InputSummary, MethodSummary
from spec_lang.shapes import Dim, Pack, TensorType, symbol
from spec_lang.syntax import ast


def check_container(
    c: Check, node: ast.Block, input: TensorType, names: dict[int, str], sizes: dict[int, Dim]
) -> dict[int, str]:
    """Check a container for an input of some rank, whose sizes are `sizes` or have `names` by axis.

    Returns:
        Better names for the sizes that the layers need: those of the arguments that they are.
    """
    assert node.alias is not None
    at = Place(c.definition.scope, Mode.LAYERS)
    check_names(c, node, [])
    set_hypers(c, at, node.hypers or ())
    shape: list[Dim | Pack] = []
    result = MethodSummary("forward", _as_forward(node), c.definition.scope)
    for axis, d in enumerate(input.shape):
        if axis in sizes:
            shape.append(sizes[axis])
            result.entries.append(Entry((0,), axis, sizes[axis], None))
            continue
        name = names.get(axis, f"size_{axis}")
        c.block.free_axes[name] = axis
        one = d if isinstance(d, Pack) else symbol(name)
        shape.append(one)
        c.block.dims[one.name if isinstance(one, Pack) else name] = one
        result.entries.append(Entry((0,), axis, one, one.name if isinstance(one, Pack) else name))
    result.dims = dict(c.block.dims)
    type = TensorType(input.dtype, tuple(shape))
    result.inputs = [InputSummary("input", type, False, None, result.node.inputs[0])]
    module = c.ev(at, node.alias)
    c.block.facts = at.facts
    if is_module(module):
        args = Args()
        args.values, args.nodes = [type], [node.alias]
        result.result = c.run(Place(at.scope, Mode.BODY, at.facts), module, args, node.alias)
    elif module is not POISON:
        result.result = POISON
        c.error("E0408", f"{node.name.id} is {host.kind_of(module)}, no container", node.alias)
    result.results = [result.result]
    result.owed = [o for o in c.effects.owed if time(c, o.cond) == "call"]
    c.block.summary.methods["forward"] = result
    if c.is_right:
        unused(c, node)
        undetermined(c)
    starts(c)
    leave(c)
    c.effects.amend(lambda m: _for_container(c, m, node, shape))
    c.block.summary.broken = not c.is_right
    better: dict[int, str] = {}
    for axis, d in enumerate(shape):
        found = (x for cells in c.notes.cells.values() for x in cells)
        cell = next((x for x in found if x.value == d or x.first == d or _starts_as(c, x, d)), None)
        if cell is not None and cell.name not in c.block.hypers and cell.name not in better.values():
            better[axis] = cell.name
    return better


def _starts_as(c: Check, cell: Cell, d: Dim | Pack) -> bool:
    """Whether a cell is a size that runs along a list, and is `d` before it."""
    carried = c.block.running.carried
    return cell.value is not None and any(
        n in carried and cell.value == symbol(n) and carried[n].start == d for n in cell.value.symbols
    )


def _for_container(c: Check, mistake: Mistake, node: ast.Block, shape: list[Dim | Pack]) -> Mistake:
    """A mistake whose fix is a `require`, which a container has no place for."""
    if mistake.state is None:
        return mistake
    names = ", ".join(f"*{s.name}" if isinstance(s, Pack) else str(s) for s in shape)
    help = (
        f"a container states no `require`: write {node.name.id} as a block with "
        f"`forward(x: float[{names}]) -> ...`, and `require {c.authored(str(mistake.state))}` in it"
    )
    return mistake.replace(help=help)


def _as_forward(node: ast.Block) -> ast.Method:
    """The forward that a container has without saying so."""
    name = ast.Name(id="forward", span=node.name.span)
    tensor = ast.TensorType(dtype="float", dims=(), span=node.name.span)
    item = ast.Input(
        name=ast.Name(id="input", span=node.name.span), type=tensor, default=None, span=node.name.span
    )
    return ast.Method(name=name, inputs=(item,), results=None, doc=None, body=(), span=node.span)
