"""Loops whose first iteration differs, or whose sizes follow a formula."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.same import same, same_state
from spec_lang.ir.from_ast.loops.invariants import (
    at_least_one,
    close,
    item_along,
    list_behind,
    not_negative,
)
from spec_lang.ir.from_ast.loops.iteration import Body, State
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.effects import Since
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.elements import elements_at, inside
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import Carried, Cell, Grown, Iteration, Value
from spec_lang.shapes import Cond, Dim, TensorType, Undefined, dim, symbol
from spec_lang.shapes.power import absorbing


def peeled(c: Check, at: Place, state: State, body: Body, it: Iteration, node: object) -> State | None:
    """The first iteration on its own, then an invariant for the others."""
    since = c.effects.since()
    second = body(at.under(*inside(it, Cond.eq(it.index, 0))), state, it.element)
    if second is None or since.failed:
        return None
    (own,) = it.index.symbols
    grown = [[item_along(it, a, dim(0)) for a in s.added] if isinstance(s, Grown) else [] for s in second]
    second = [
        Grown(before, []) if isinstance(s, Grown) else s if s is before else substitute(s, {own: dim(0)})
        for before, s in zip(state, second, strict=True)
    ]
    if any(type_symbols(s) & it.symbols for s in (*second, *grown)):
        return None
    since.settle([o.with_cond(o.cond.substitute({own: 0})) for o in since.owed])
    firsts = _set_aside(since)
    more: State = list(second)
    if it.length.const != 1:
        later = c.effects.since()
        rest = at.one_by_one().under(*inside(it, Cond.ge(it.index, 1), Cond.lt(it.index, it.length)))
        out = body(rest, second, it.element)
        if out is None or later.failed or not same_state(rest, second, out):
            return None
        close(c, at, later, it)
        more = out
    _merge(firsts)
    at_least_one(c, at, it, node)
    result: State = []
    for before, then, first, last in zip(state, second, grown, more, strict=True):
        if isinstance(then, Grown) and isinstance(last, Grown):
            result.append(list_behind(c, at, before, last.added or first, it, node, first))
            if len(last.added) != len(first) and it.length.const != 1:
                return None
        else:
            result.append(then)
    return result


def _set_aside(since: Since) -> list[tuple[Cell, Dim]]:
    """The first iteration's values of `_`, whose cells are emptied for the others."""
    found: list[tuple[Cell, Dim]] = []
    for cell in since.determined:
        if cell.value is not None:
            found.append((cell, cell.value))
            cell.value = None
    return found


def _merge(firsts: list[tuple[Cell, Dim]]) -> None:
    for cell, first in firsts:
        if cell.value is None:
            cell.value = first
        elif cell.value != first:
            cell.first = first


def generalised(c: Check, at: Place, state: State, body: Body, it: Iteration, node: object) -> State | None:
    """Sizes that change become symbols at the loop's head; a closed form for them is verified by induction."""
    carried: dict[str, Dim] = {}
    head = _by_index(c, at, state, body, it)
    for _ in range(4):
        with c.trial(at) as trial:
            out = body(trial.at.under(*inside(it, Cond.lt(it.index, it.length))), head, it.element)
            if out is None or trial.failed or not _keeps_kinds(at, head, out):
                trial.keep()  # its mistakes are those of the attempt
                return None
            changed = _differences(at, head, out, carried, it.index)
        if changed is None:
            return None
        if not changed:
            break
        head = _with_symbols(c, head, changed, carried, it)
    else:
        return None
    return _closed(c, at, state, head, carried, body, it, node)


def _keeps_kinds(at: Place, head: State, out: State) -> bool:
    """Whether one iteration changes nothing but the sizes of tensors, and appends to lists."""
    for a, b in zip(head, out, strict=True):
        if isinstance(b, Grown):
            continue
        if isinstance(a, TensorType) and isinstance(b, TensorType):
            if a.dtype is not b.dtype or len(a.shape) != len(b.shape):
                return False
        elif not same(at, a, b):
            return False
    return True


def _by_index(c: Check, at: Place, state: State, body: Body, it: Iteration) -> State:
    """The state at the head of an iteration where layers state their sizes as formulas in the index.

    The sizes that one iteration gives are those that the next one takes; whether that holds is left to verify.
    """
    with c.trial(at) as trial:
        out = body(trial.at.under(*inside(it, Cond.eq(it.index, 0))), state, it.element)
        failed = out is None or trial.failed or not _keeps_kinds(at, state, out)
    if out is None or failed:
        return state
    # What has another value in each iteration without the index in it would make the formula false.
    changing = (
        it.symbols | c.block.running.elements | set(c.block.running.carried) | set(c.block.running.heads)
    )
    return [_one_before(at, a, b, it.index, changing) for a, b in zip(state, out, strict=True)]


def _one_before(at: Place, start: Value, after: Value, index: Dim, changing: frozenset[str]) -> Value:
    """What an iteration starts from, given what the first one starts from and what each gives."""
    if not (isinstance(start, TensorType) and isinstance(after, TensorType)):
        return start
    shape = list(start.shape)
    (own,) = index.symbols
    for k, (x, y) in enumerate(zip(start.shape, after.shape, strict=True)):
        if isinstance(x, Dim) and isinstance(y, Dim) and own in y.symbols and not y.symbols & changing:
            form = absorbing(y.substitute({own: index - 1}))
            if _starts_as(at, form, own, x):
                shape[k] = form
    return start if tuple(shape) == start.shape else start.with_shape(tuple(shape))


def _starts_as(at: Place, form: Dim, index: str, start: Dim) -> bool:
    """Whether a formula is `start` at index 0; one with a negative power there has no value."""
    try:
        return at.facts.equal(form.substitute({index: 0}), start)
    except Undefined:
        return False


def _differences(
    at: Place, head: State, out: State, carried: dict[str, Dim], index: Dim
) -> list[tuple[int, int]] | None:
    """Where a size changes that is neither a symbol yet nor a formula in the index."""
    (own,) = index.symbols
    found: list[tuple[int, int]] = []
    for i, (a, b) in enumerate(zip(head, out, strict=True)):
        if not (isinstance(a, TensorType) and isinstance(b, TensorType)):
            continue
        for j, (x, y) in enumerate(zip(a.shape, b.shape, strict=True)):
            if x == y:
                continue
            if not (isinstance(x, Dim) and isinstance(y, Dim)):
                return None
            if str(x) not in carried and not at.facts.equal(x.substitute({own: index + 1}), y):
                found.append((i, j))
    return found


def _with_symbols(
    c: Check, head: State, places: list[tuple[int, int]], carried: dict[str, Dim], it: Iteration
) -> State:
    result = list(head)
    same: dict[Dim, Dim] = {}
    for i, j in places:
        tensor = result[i]
        assert isinstance(tensor, TensorType)
        start = tensor.shape[j]
        assert isinstance(start, Dim)
        s = same.get(start)
        if s is None:
            s = same[start] = c.fresh("size")
            carried[str(s)] = start
            c.block.running.heads[str(s)] = it
        shape = (*tensor.shape[:j], s, *tensor.shape[j + 1 :])
        fresh = TensorType(tensor.dtype, shape)
        if id(tensor) in c.notes.came:
            c.effects.note(c.notes.came, id(fresh), (fresh, *c.notes.came[id(tensor)][1:]))
        result[i] = fresh
    return result


def _closed(
    c: Check,
    at: Place,
    state: State,
    head: State,
    carried: dict[str, Dim],
    body: Body,
    it: Iteration,
    node: object,
) -> State | None:
    with c.trial(at) as trial:
        out = body(trial.at.under(*inside(it, Cond.lt(it.index, it.length))), head, it.element)
    if out is None:
        return None
    nexts = _nexts(at, head, out, carried)
    if nexts is None:
        return None
    (own,) = it.index.symbols
    forms = {
        name: _closed_form(at, symbol(name), start, nexts[name], it, nexts) for name, start in carried.items()
    }
    facts: list[Cond] = [*inside(it, Cond.lt(it.index, it.length))]
    for name, form in forms.items():
        if form is not None:
            facts.append(Cond.eq(symbol(name), form))
    since = c.effects.since()
    out = body(at.under(*facts), head, it.element)
    if out is None or since.failed:
        return None
    _close_carried(c, at, since, it, forms)
    for name in carried:
        c.block.running.carried[name] = Carried(
            "size", carried[name], _in_owner(c, nexts[name], it), it.index, it.owner
        )
    final = {name: _final(name, carried, nexts, forms[name], it) for name in carried}
    if any(f is not None and f != carried[n] for n, f in final.items()) and any(
        forms[n] is None for n in carried
    ):
        at_least_one(c, at, it, node)
    not_negative(c, at, it, node)
    result: State = []
    for before, h, o in zip(state, head, out, strict=True):
        if isinstance(o, Grown):
            added = [_in_closed_form(a, forms) for a in o.added]
            if any(type_symbols(a) & set(carried) for a in added):
                return None
            result.append(list_behind(c, at, before, added, it, node))
        else:
            result.append(substitute(h, {own: it.length, **final}))
    return result


def _in_owner(c: Check, d: Dim, it: Iteration) -> Dim:
    """A formula in a loop's index, in that of the comprehension that made the layers."""
    if it.owner is None:
        return d
    (own,) = it.index.symbols
    return d.substitute({own: c.block.running.owners[it.owner]})


def _in_closed_form(value: Value, forms: dict[str, Dim | None]) -> Value:
    return substitute(value, {n: f for n, f in forms.items() if f is not None})


def _nexts(at: Place, head: State, out: State, carried: dict[str, Dim]) -> dict[str, Dim] | None:
    """What each running size is after one iteration."""
    nexts: dict[str, Dim] = {}
    for a, b in zip(head, out, strict=True):
        if not (isinstance(a, TensorType) and isinstance(b, TensorType)):
            continue
        for x, y in zip(a.shape, b.shape, strict=True):
            if str(x) in carried:
                if not isinstance(y, Dim):
                    return None
                if str(x) in nexts and not at.facts.equal(nexts[str(x)], y):
                    return None
                nexts[str(x)] = y
    return nexts if set(nexts) == set(carried) else None


def _closed_form(
    at: Place, s: Dim, start: Dim, step: Dim, it: Iteration, nexts: dict[str, Dim]
) -> Dim | None:
    """The size at the head of iteration `index`, verified by induction."""
    (own,) = it.index.symbols
    (name,) = s.symbols
    i = it.index
    candidates: list[Dim] = []
    if not step.symbols & set(nexts) and not step.symbols & it.symbols:
        candidates.append(step.substitute({own: i - 1}))
    growth = step - s
    if not growth.symbols & (set(nexts) | {own} | it.symbols):
        candidates.append(start + growth * i)
    for factor in (2, 3, 4):
        candidates += [start * factor**i, start // factor**i]
    if not step.symbols & it.symbols:
        try:
            factor_ = step.substitute({name: 1})
            if not factor_.symbols & (set(nexts) | {own}):
                candidates.append(start * factor_**i)
        except ArithmeticError:
            pass
    for form in candidates:
        try:
            base = form.substitute({own: 0})
            after = form.substitute({own: i + 1})
            along = step.substitute({name: form})
        except ArithmeticError:
            continue
        if at.facts.equal(base, start) and at.facts.equal(after, along):
            return form
    return None


def _final(name: str, starts: dict[str, Dim], nexts: dict[str, Dim], form: Dim | None, it: Iteration) -> Dim:
    """The size behind the loop."""
    (own,) = it.index.symbols
    if form is not None:
        return form.substitute({own: it.length})
    if it.known is not None:
        values = dict(starts)
        for k in range(len(it.known)):
            env: dict[str, Dim | int] = {own: k, **values, **elements_at(it, dim(k))}
            values = {n: nexts[n].substitute(env) for n in nexts}
        return values[name]
    step = nexts[name]
    if not step.symbols & set(nexts) and not step.symbols & it.symbols:
        return step.substitute({own: it.length - 1})
    return symbol(name)


def _close_carried(c: Check, at: Place, since: Since, it: Iteration, forms: dict[str, Dim | None]) -> None:
    """What an iteration owes of its running sizes, by their closed forms."""
    known = {n: f for n, f in forms.items() if f is not None}
    since.settle([o.with_cond(o.cond.substitute(known)) for o in since.owed])
    names = {n for n, f in forms.items() if f is None}
    for o in since.owed:
        if o.cond.symbols & names:
            c.error("E0601", f"{o.message}, which is not proved for every iteration", o.place.span)
    close(c, at, since, it)
