"""The checks of blocks: one for each set of values of what has no symbol."""

from __future__ import annotations

from functools import partial

from spec_lang.ir.from_ast.definitions.agreement import differs, other_dims, used_with
from spec_lang.ir.from_ast.definitions.block import check_definition
from spec_lang.ir.from_ast.definitions.checked import Checked, checked
from spec_lang.ir.from_ast.definitions.container import check_container
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check, NeedsValue, Program
from spec_lang.ir.from_ast.types.hyper_types import is_mono, key_of
from spec_lang.ir.from_ast.values.value import Summary, Value
from spec_lang.shapes import Dim, Pack, TensorType, root
from spec_lang.syntax import ast


def block_summary(
    k: Known,
    program: Program,
    definition: Def,
    values: dict[str, Value],
    asker: Check | None,
    node: object,
    optional: bool = False,
) -> Summary | None:
    """A block or extern layer, checked for these values (of those hyperparameters that have no symbol).

    Args:
        asker: Who uses it, at `node`.
        optional: Whether it is no mistake that more values would have to be known.
    """
    target = definition.node
    assert isinstance(target, ast.Block | ast.Extern)
    if definition in k.running:
        if asker is not None:
            asker.error("E0701", f"{definition.name} contains itself: {k.circle(definition)}", node)
        return None
    forced = k.forced.setdefault(definition, set())
    hypers = target.hypers or ()
    for _ in range(len(hypers) + 1):
        mono = {h.name.id: values[h.name.id] for h in hypers if is_mono(h.type) or h.name.id in forced}
        key = definition, tuple((n, key_of(v)) for n, v in mono.items())
        found = k.checks.get(key)
        if found is not None:
            return found.summary
        k.running.append(definition)
        try:
            c, _, needs = k.check(("block", key), Check(program, definition, mono), check_definition)
        finally:
            k.running.pop()
        if needs is not None:
            wanted = _wanted(needs, values)
            if wanted <= forced:
                if optional:
                    return None
                c.error("E0504", _unknown(needs), needs.node or target.name)
            else:
                forced |= wanted
                continue
        others = asker is not None and asker.definition is not definition
        return _keep(k, key, c, asker if others else None, node)
    return None


def container_summary(
    k: Known,
    program: Program,
    definition: Def,
    values: dict[str, Value],
    input: TensorType,
    asker: Check | None,
    node: object,
) -> Summary | None:
    """A block that is its container, checked for inputs of a dtype and rank."""
    target = definition.node
    assert isinstance(target, ast.Block)
    if definition in k.running:
        if asker is not None:
            asker.error("E0701", f"{definition.name} contains itself", node)
        return None
    forced = k.forced.setdefault(definition, set())
    kinds = str(input.dtype), tuple(isinstance(d, Pack) for d in input.shape)
    while True:
        mono = {
            h.name.id: values[h.name.id]
            for h in target.hypers or ()
            if is_mono(h.type) or h.name.id in forced
        }
        key = definition, (kinds, tuple((n, key_of(v)) for n, v in mono.items()))
        found = k.checks.get(key)
        if found is not None:
            return found.summary
        k.running.append(definition)
        try:
            whole = "container", key, str(input)
            c, _, needs = k.check(whole, Check(program, definition, mono), partial(_container, input=input))
        finally:
            k.running.pop()
        if needs is not None:
            wanted = _wanted(needs, values)
            if not wanted <= forced:
                forced |= wanted
                continue
            c.error("E0504", _unknown(needs), needs.node or target.name)
        return _keep(k, key, c)


def _container(first: Check, input: TensorType) -> Check:
    """The last pass over a container: first for the sizes that its layers state, then for what to call the others."""
    target = first.definition.node
    assert isinstance(target, ast.Block)
    names: dict[int, str] = {}
    sizes: dict[int, Dim] = {}
    passes = 2
    while passes:
        c = Check(first.program, first.definition, first.block.mono)
        names = check_container(c, target, input, names, sizes)
        sizes |= c.block.stated_sizes
        passes -= not c.block.stated_sizes
    return c


def _unknown(needs: NeedsValue) -> str:
    return f"{', '.join(f'`{n}`' for n in sorted(needs.names) if n) or 'this'} must be known here"


def _wanted(needs: NeedsValue, values: dict[str, Value]) -> set[str]:
    """The hyperparameters that must have values."""
    return {root(n) for n in needs.names} & set(values)


def _keep(
    k: Known, key: tuple[Def, object], c: Check, asker: Check | None = None, node: object = None
) -> Summary:
    """Note a check that is done, for all further uses of the same kind; `asker` is told of where it is its first use."""
    known = k.by_definition.setdefault(c.definition, [])
    general = _agree(known, c)
    if asker is not None:
        used_with(c, c.block.mono, asker, node)
    done = k.checks[key] = k.take(c)
    known.insert(0 if general else len(known), done)
    k.finished(c.definition)
    return done.summary


def _agree(others: list[Checked], c: Check) -> bool:
    """The formulas of a block are the same for all its uses, or one class could not serve them.

    Gives whether those of this check serve the others too.
    """
    if not others or not c.is_right or others[0].summary.broken:
        return False
    first, mine = others[0], checked(c)
    name = c.definition.name
    if list(first.summary.dims) != list(mine.summary.dims):
        a, b = (", ".join(one.summary.dims) or "none" for one in (first, mine))
        c.error(
            "E0504",
            f"the uses of {name} need different implicit dims: {a}, and {b}",
            c.definition.node.name,  # type: ignore[union-attr]  # blocks have names
            help="pass the difference as a hyperparameter",
        )
        return False
    place = other_dims(first, mine)
    if place is not None:
        c.error(
            "E0504",
            f"the layers that uses of {name} pass in need different implicit dims",
            place,
            help="one class must construct them all alike: pass layers that need the same dims",
        )
        return False
    wrong = differs(first, mine)
    if wrong is None:
        return False
    if differs(mine, first) is None:
        return True
    cell, other = wrong
    c.error(
        "E0504",
        f"`_` stands for {other.value} in one use of {name}, and for {cell.value} in another",
        cell.node,
        help="write it out, or pass the difference as a hyperparameter",
    )
    return False
