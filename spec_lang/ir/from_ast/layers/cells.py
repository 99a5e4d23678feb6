"""What `_` and implicit dims stand for: the dataflow determines each once."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.ir.from_ast.expressions.trails import trail
from spec_lang.ir.from_ast.names.names import need
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.args import Args, stage
from spec_lang.ir.from_ast.values.elements import elements_at
from spec_lang.ir.from_ast.values.substitution import substitute_dim
from spec_lang.ir.from_ast.values.value import Cell, RepeatModule
from spec_lang.shapes import Cond, Dim, Facts, TensorType, Verdict, opaque, symbol
from spec_lang.shapes.atom import FLOOR, MOD, OPAQUE, POW
from spec_lang.shapes.linear import linear
from spec_lang.syntax import ast


def settle(
    c: Check,
    at: Place,
    cell: Cell,
    size: Dim,
    indices: Mapping[str, Dim],
    node: ast.Expr,
    what: str,
    args: Args | None = None,
) -> bool:
    """Determine a `_` or an implicit dim, or prove that this call needs the same value."""
    if cell.value is None:
        _own_heads(c, size, indices)
        back = _indexed(c, at, size, indices)
        if back is None or not make_static(c, at, back, cell, what, node):
            if back is None:
                c.error("E0307", f"{what} ({size}) cannot be told for every item of the list", node)
            return False
        c.effects.determine(cell, back)
        c.block.running.ran[cell] = {n: d for n, d in indices.items() if n in c.block.running.repeats}
        for own in indices:
            if own in c.block.running.repeats:
                c.block.running.cells[cell] = c.block.running.repeats[own].node
        return True
    found = _sizes_at(c, at, cell, indices)
    known = next((k for k in found if k != size and not at.facts.equal(k, size)), None)
    if known is None:
        return True
    notes: tuple[str, ...] = ()
    if args is not None and args.values and isinstance(args.values[0], TensorType):
        notes = trail(c, args.values[0])
    c.error(
        "E0313",
        f"{what} would be {known} at one use and {size} at this one",
        stage(node),
        labels=(c.label(cell.node, f"one {'list' if indices else 'layer'}, so one value: {known}"),),
        notes=notes,
        help=written_out(cell)
        if indices
        else "a layer used twice is shared; use two layers where the sizes differ",
        state=Cond.eq(size, known),
    )
    return False


def size_at(c: Check, at: Place, cell: Cell, indices: Mapping[str, Dim]) -> Dim | None:
    """What a cell stands for at some items of lists; None where that is not known to be one size there."""
    if cell.value is None:
        return None
    found = dict.fromkeys(_sizes_at(c, at, cell, indices))
    known = next(iter(found))
    if len(found) > 1 or known.symbols & c.block.running.some:
        return None
    return known


def _sizes_at(c: Check, at: Place, cell: Cell, indices: Mapping[str, Dim]) -> list[Dim]:
    """What a cell stands for at some items of lists: both of its values where it is not known whether that is the first."""
    assert cell.value is not None
    values = [cell.value]
    if cell.first is not None:
        index = indices.get(cell.along or "")
        is_first = None if index is None else at.decide(Cond.eq(index, 0))
        values = [cell.first, cell.value] if is_first is None else [cell.first if is_first else cell.value]
    return [unfolded(c, at, substitute_dim(v, dict(indices)), indices) for v in values]


def unfolded(c: Check, at: Place, size: Dim, indices: Mapping[str, Dim]) -> Dim:
    """A size in which one that runs along a list is what it is at the list's item, where a formula tells that."""
    running = c.block.running
    for name in size.symbols & running.carried.keys():
        carried = running.carried[name]
        owner = None if carried.owner is None else running.owners.get(carried.owner)
        if owner is None:
            continue
        (own,) = owner.symbols
        index = indices.get(own)
        if index is None:
            continue
        form = None
        if carried.form is not None:
            form = carried.form.substitute({own: index})
        elif at.decide(Cond.eq(index, 0)):
            form = carried.start
        elif at.decide(Cond.ge(index, 1)) and not carried.next.symbols & running.carried.keys():
            repeat = running.repeats.get(own)
            elements = {} if repeat is None else elements_at(repeat.iteration, index - 1)
            form = carried.next.substitute({**elements, own: index - 1})
        if form is not None:
            size = size.substitute({name: form})
    return size


def written_out(cell: Cell) -> str:
    """What to do where the items of a list need different sizes."""
    if isinstance(cell.node, ast.Hole):
        return "write the size out in terms of the list's variable"
    return f"make `{cell.name}` a hyperparameter of the block, and give it in terms of the list's variable"


def _own_heads(c: Check, size: Dim, indices: Mapping[str, Dim]) -> None:
    """A size that changes along a loop is kept where the list whose first items the loop runs in order is made."""
    for name in size.symbols & set(c.block.running.heads):
        it = c.block.running.heads[name]
        for own, index in indices.items():
            repeat = c.block.running.repeats.get(own)
            if repeat is not None and index == it.index:
                it.owner = repeat.node


def _indexed(c: Check, at: Place, size: Dim, indices: Mapping[str, Dim]) -> Dim | None:
    """A size at one index of a list as a formula for all of them."""
    if indices:
        found = _in_items(c, size, indices)
        if found is None:
            return None
        size = found
    told = _by_own_index(c, at, size, indices)
    if told is None:
        return None
    if told.symbols & (c.block.running.counters - indices.keys()):
        return None
    return told if all(_told_for_all(c, at, told, n, d) for n, d in indices.items()) else None


def _told_for_all(c: Check, at: Place, size: Dim, own: str, index: Dim) -> bool:
    """Whether a formula has a value for the items of a list, too, that a loop leaves out."""
    running = c.block.running
    repeat = running.repeats.get(own)
    if repeat is None or own not in size.symbols:
        return True
    for name in index.symbols & running.loops.keys():
        it = running.loops[name]
        ways = (it.index, it.length - 1 - it.index)
        if index in ways and at.facts.equal(it.length, repeat.length):
            return True
    return has_value(c, size, repeat)


def has_value(c: Check, size: Dim, repeat: RepeatModule) -> bool:
    """Whether a formula is proved to be a size for each item of a list of layers."""
    facts = c.block.facts.assume(Cond.lt(repeat.index, repeat.length))
    (own,) = repeat.index.symbols
    return _defined(facts, size, own) and facts.decide(Cond.ge(size, 1)) is Verdict.PROVED


def _defined(facts: Facts, d: Dim, own: str) -> bool:
    """Whether a formula is proved to have a value for each value of the symbol `own`."""
    for atom in dict.fromkeys(a for monomial in d.terms for a in monomial if own in a.symbols):
        if atom.cond is not None:
            sides = zip((atom.cond, ~atom.cond), atom.args, strict=True)
            if not all(_defined(facts, x, own) for x in atom.cond.dims):
                return False
            if not all(_defined(facts.assume(cond), x, own) for cond, x in sides):
                return False
            continue
        needed: list[Cond] = []
        if atom.kind in (FLOOR, MOD):
            needed = [Cond.ge(atom.args[1], 1)]
        elif atom.kind == POW:
            needed = [Cond.ge(atom.args[1], 0)]
        elif atom.kind == OPAQUE:
            name, item, _ = atom.name.partition("[{}]")
            length = opaque(f"len({name})", low=0)
            needed = [Cond.ge(atom.args[0], 0), Cond.lt(atom.args[0], length)] if item else [Cond.FALSE]
        if any(facts.decide(cond) is not Verdict.PROVED for cond in needed):
            return False
        if not all(_defined(facts, x, own) for x in atom.args):
            return False
    return True


def _in_items(c: Check, size: Dim, indices: Mapping[str, Dim]) -> Dim | None:
    """A size in which a loop's elements are what they are of the lists that the loop goes through.

    An element that a layer's own list was made of stays what it is called there.
    """
    running = c.block.running
    for name, index in indices.items():
        for own, apart in running.apart.get((name, index), {}).items():
            size = size.substitute({str(apart): symbol(own, *apart.bounds)})
    for name in sorted(size.symbols & running.elements):
        own_list = next(
            (n for n in indices if n in running.repeats and name in running.repeats[n].iteration.symbols),
            None,
        )
        it = running.loops.get(name)
        value = None if it is None else elements_at(it, it.index).get(name)
        if own_list is not None:
            index = indices[own_list]
            mine = elements_at(running.repeats[own_list].iteration, index).get(name)
            if (own_list, index) in running.apart:
                continue
            if it is not None and ((mine is not None and mine == value) or index == it.index):
                continue
        if value is None:
            return None
        size = size.substitute({name: value})
    return size


def _by_own_index(c: Check, at: Place, size: Dim, indices: Mapping[str, Dim]) -> Dim | None:
    for name, index in indices.items():
        if index.const is not None:
            if not at.unrolled and name not in size.symbols:
                continue
            return None if index.symbols & size.symbols else size
        if name not in c.block.running.repeats or not index.symbols & size.symbols:
            continue
        mine = c.block.running.indices.get(name, symbol(name, 0))
        for other in sorted(index.symbols & size.symbols & c.block.running.counters):
            parts = linear(index, other)
            if parts is None or parts[0] not in (1, -1):
                return None
            size = size.substitute({other: (mine - parts[1]) * parts[0]})
        repeat = c.block.running.repeats.get(name)
        if repeat is not None:
            made = elements_at(repeat.iteration, mine)
            size = size.substitute({str(v): symbol(n, *v.bounds) for n, v in made.items()})
    return size


def make_static(c: Check, at: Place, size: Dim, cell: Cell, what: str, node: ast.Expr) -> bool:
    """Note the dims that construction needs for a size."""
    for name in sorted(size.symbols):
        if name in c.block.symbols.dynamic:
            c.error(
                "E0307",
                f"{what} is {size}, which is not known when the layer is constructed",
                cell.node,
                labels=(c.label(stage(node), "used here"),),
            )
            return False
        if name in c.block.dims:
            need(c, name)
        elif name in at.bound:
            value = at.bound[name]
            if isinstance(value, Dim) and name not in value.symbols:
                continue
    return True


def state_size(c: Check, stated: Dim, size: Dim) -> bool:
    """Take what a layer states of a container's input as the input's size there."""
    axis = c.block.free_axes.get(str(size))
    if axis is None or not stated.symbols <= set(c.block.hypers):
        return False
    c.block.stated_sizes[axis] = stated
    return True
