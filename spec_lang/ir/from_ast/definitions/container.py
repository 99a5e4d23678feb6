"""The check of a block that is a container."""

from __future__ import annotations

from collections.abc import Collection
from string import ascii_uppercase

from spec_lang.ir.from_ast.bodies.dims import declare
from spec_lang.ir.from_ast.bodies.methods import method_summary
from spec_lang.ir.from_ast.bodies.statements import require
from spec_lang.ir.from_ast.definitions.finish import leave, starts, undetermined, unused
from spec_lang.ir.from_ast.definitions.heads import set_hypers
from spec_lang.ir.from_ast.definitions.naming import check_names
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.mistake import Mistake
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.uses.obligations import time
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import type_symbols, type_text
from spec_lang.ir.from_ast.values.value import POISON, Cell, Entry, InputSummary, MethodSummary, Value
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
    result = MethodSummary("forward", forward_of(node), c.definition.scope)
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
    _requires(c, at, node)
    module = c.ev(at, node.alias)
    c.block.facts = at.facts
    if is_module(module):
        args = Args()
        args.values, args.nodes = [type], [node.alias]
        result.result = _told(
            c, c.run(Place(at.scope, Mode.BODY, at.facts), module, args, node.alias), node.alias
        )
    elif module is not POISON:
        result.result = POISON
        c.error("E0408", f"{node.name.id} is {host.kind_of(module)}, no container", node.alias)
    result.results = [result.result]
    result.unknown = type_symbols(result.result) & c.block.running.some
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


def check_stated(c: Check, at: Place, node: ast.Block) -> None:
    """Check a container whose input is stated: its sizes have names, as those of a block's."""
    assert node.alias is not None
    forward = forward_of(node)
    declare(c, at, [forward])
    _requires(c, at, node)
    module = c.ev(at, node.alias)
    c.block.facts = at.facts
    result = method_summary(c, forward, has_body=False)
    if is_module(module) and not result.broken:
        args = Args()
        args.values, args.nodes = [result.inputs[0].type], [node.alias]
        made = c.run(Place(at.scope, Mode.BODY, c.block.facts), module, args, node.alias)
        result.result = _told(c, made, node.alias)
    elif module is not POISON and not result.broken:
        c.error("E0408", f"{node.name.id} is {host.kind_of(module)}, no container", node.alias)
    result.results = [result.result]
    result.unknown = type_symbols(result.result) & c.block.running.some
    result.owed = [o for o in c.effects.owed if time(c, o.cond) == "call"]
    c.block.summary.methods["forward"] = result


def _requires(c: Check, at: Place, node: ast.Block) -> None:
    for part in node.parts:
        if isinstance(part, ast.Require):
            require(c, at, part)


def _told(c: Check, result: Value, node: ast.Expr) -> Value:
    """A result in what its users know: sizes that run along lists are what they are behind them."""
    running = c.block.running
    result = substitute(result, dict(running.lasts))
    own = running.elements | running.counters
    unknown = sorted(type_symbols(result) & own)
    if not unknown:
        return result
    return c.error(
        "E0307",
        f"what comes of this is {type_text(result)}, and no formula tells a user of it what `{unknown[0]}` is",
        node,
        help="let the last layer have a size of its own",
    )


def _starts_as(c: Check, cell: Cell, d: Dim | Pack) -> bool:
    """Whether a cell is a size that runs along a list, and is `d` before it."""
    carried = c.block.running.carried
    return cell.value is not None and any(
        n in carried and cell.value == symbol(n) and carried[n].start == d for n in cell.value.symbols
    )


def _for_container(c: Check, mistake: Mistake, node: ast.Block, shape: list[Dim | Pack]) -> Mistake:
    """A mistake whose fix is a `require`: it stands beneath, and names sizes that `on` states."""
    if mistake.state is None:
        return mistake
    sizes = [s for s in shape if isinstance(s, Dim)]
    taken = set(c.block.hypers)
    called = dict(zip(map(str, sizes), _called(len(sizes), taken), strict=True))
    names = ", ".join(f"*{s.name}" if isinstance(s, Pack) else called[str(s)] for s in shape)
    stated = mistake.state.substitute({old: symbol(new) for old, new in called.items()})
    help = (
        f"say what flows in, `block {node.name.id}(...) on float[{names}] = ...:`, "
        f"and `require {c.authored(str(stated))}` beneath"
    )
    return mistake.replace(help=help)


def _called(count: int, taken: Collection[str]) -> list[str]:
    """What one calls the sizes of an input, none of which is called so already."""
    usual = {2: "N D", 3: "N C L", 4: "N C H W", 5: "N C D H W"}.get(count, "").split()
    names = [n for n in (*usual, *ascii_uppercase) if n not in taken]
    return list(dict.fromkeys(names))[:count]


def forward_of(node: ast.Block) -> ast.Method:
    """The forward that a container has without saying so."""
    name = ast.Name(id="forward", span=node.name.span)
    tensor = node.takes or ast.TensorType(dtype="float", dims=(), span=node.name.span)
    item = ast.Input(
        name=ast.Name(id="input", span=node.name.span), type=tensor, default=None, span=node.name.span
    )
    return ast.Method(name=name, inputs=(item,), results=None, doc=None, body=(), span=node.span)
