"""Loops: nothing is unrolled that an invariant proves."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.ir.from_ast.expressions.same import same, same_state
from spec_lang.ir.from_ast.loops.closed_forms import generalised, peeled, recurrent
from spec_lang.ir.from_ast.loops.invariants import along, begun, close, closed_lists, for_all
from spec_lang.ir.from_ast.loops.item_formulas import fit_formula, items_run, no_formula
from spec_lang.ir.from_ast.loops.iteration import MAX_UNROLLED, Body, State, ungrown
from spec_lang.ir.from_ast.names.unreached import unreached
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.effects import Trial
from spec_lang.ir.from_ast.state.mistake import Mistake
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.elements import element_facts, elements_at
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import type_text
from spec_lang.ir.from_ast.values.value import POISON, Cell, Grown, Iteration, Value
from spec_lang.shapes import Cond, Dim, dim
from spec_lang.syntax import ast


def loop(
    c: Check,
    at: Place,
    state: State,
    body: Body,
    it: Iteration,
    node: object,
    code: tuple[ast.Statement, ...] = (),
) -> State | None:
    """The state behind a loop; None after a mistake, which is reported.

    Args:
        state: The values that change along the loop.
        body: One iteration.
        it: What the loop goes over.
        node: Where its mistakes are.
        code: What `body` goes through, where that is written out.
    """
    if it.length.const is not None and it.length.const <= 0:
        unreached(c, at, code, lambda p: body(p, state, POISON if it.element is None else it.element))
        return state
    at.facts = at.under(*for_all(c, at, it)).facts
    begun(c, it)
    attempts: list[Trial] = []
    errors: list[Mistake] = []
    if it.element is not None:
        for strategy in (_invariant, peeled, generalised, recurrent):
            with c.trial(at) as trial:
                result = strategy(c, trial.at, state, body, it, node)
                if result is not None and not trial.failed:
                    trial.keep()
                    return result
                if strategy is _invariant:
                    attempts.append(trial)
                    errors = trial.errors
    if it.known is not None and len(it.known) <= MAX_UNROLLED:
        with c.trial(at) as trial:
            attempts.append(trial)
            result = _unrolled(c, trial.at, state, body, it)
            if (result is not None and not trial.failed) or not errors:
                # With no other mistakes to tell, its own are told.
                trial.keep()
                return None if trial.failed else result
            if trial.failed and len(trial.errors) < len(errors):
                errors = trial.errors
    if it.segments:
        with c.trial(at) as trial:
            attempts.append(trial)
            result = _by_segments(c, trial.at, state, body, it, node, code)
            if result is not None and not trial.failed:
                trial.keep()
                return result
            if not errors or len(trial.errors) < len(errors):
                errors = trial.errors
    c.effects.taint(any(t.broken for t in attempts))
    if errors:
        c.effects.report_again(errors)
    else:
        _no_invariant(c, at, state, body, it, node)
    return None


def _by_segments(
    c: Check,
    at: Place,
    state: State,
    body: Body,
    it: Iteration,
    node: object,
    code: tuple[ast.Statement, ...],
) -> State | None:
    """The parts of a list one after the other."""
    found: State | None = state
    there = at.by_parts()
    for part in it.segments:
        if found is not None:
            found = loop(c, there, found, body, part, node, code)
    at.facts = there.facts
    return found


def _invariant(c: Check, at: Place, state: State, body: Body, it: Iteration, node: object) -> State | None:
    """One iteration that leaves everything as it was stands for all."""
    since = c.effects.since()
    out = body(along(at, it), state, it.element)
    if out is None or since.failed or not same_state(at, state, out):
        return None
    close(c, at, since, it)
    return closed_lists(c, at, state, out, it, node)


def _no_invariant(c: Check, at: Place, state: State, body: Body, it: Iteration, node: object) -> None:
    with c.trial(at) as trial:
        out = body(along(trial.at, it), state, it.element)
    pairs = zip(state, out or state, strict=True)
    changes = [(a, b) for a, b in pairs if not same(at, a, b) and not _is_broken(b)]
    if c.effects.tainted and not changes:
        return
    texts = [(c.authored(type_text(a)), c.authored(type_text(b))) for a, b in changes]
    told = [f"{a} becomes {b}" for a, b in texts if a != b] or [
        f"a size of {a} is another one" for a, _ in texts
    ]
    c.error(
        "E0310",
        f"one iteration changes a type in a way that no formula was found for: {'; '.join(told[:2])}",
        node,
        help="keep the type the same in every iteration, or write the iterations out",
    )


def _unrolled(c: Check, at: Place, state: State, body: Body, it: Iteration) -> State | None:
    """Each iteration on its own: for short lists whose types differ."""
    assert it.known is not None
    seen: dict[Cell, list[tuple[Dim | None, Dim]]] = {}
    ran: dict[Cell, list[tuple[int, Mapping[str, Dim]]]] = {}
    (own,) = it.index.symbols
    for k, element in enumerate(it.known):
        since = c.effects.since()
        values = elements_at(it, dim(k))
        conds = [Cond.eq(it.index, k), *element_facts(it, dim(k))]
        out = body(at.one_by_one().under(*conds), state, element)
        if out is None or since.failed:
            return None
        env = {own: dim(k), **values}
        state = [substitute(ungrown(s), dict(env)) for s in out]
        since.settle([o.with_cond(o.cond.substitute(env)) for o in since.owed])
        for cell in since.determined:
            if cell.value is not None:
                seen.setdefault(cell, []).append((cell.first, cell.value))
                ran.setdefault(cell, []).append((k, c.block.running.ran.get(cell, {})))
                cell.value = cell.first = None
    for cell, sizes in seen.items():
        if all(s == sizes[0] for s in sizes):
            cell.first, cell.value = sizes[0]
            continue
        found = [value for _, value in sizes]
        items = items_run(c, it, ran[cell])
        # A size that runs along a list inside one item is told for that item alone.
        inner = c.block.running.some
        runs = any(size.symbols & inner for size in found)
        if items is None or runs or any(first is not None for first, _ in sizes):
            no_formula(c, cell, found)
            return None
        cell.along, order = items
        found = [found[order.index(item)] for item in range(len(order))]
        if not fit_formula(c, cell, found, it.index, it.owner or c.block.running.cells.get(cell)):
            return None
    return state


def _is_broken(value: Value) -> bool:
    """Whether a mistake that was reported made this, or an item that a list got."""
    return value is POISON or (isinstance(value, Grown) and POISON in value.added)
