"""Loops whose first iteration differs, or whose sizes follow a formula."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spec_lang.ir.from_ast.expressions.same import same, same_state
from spec_lang.ir.from_ast.layers.cells import has_value
from spec_lang.ir.from_ast.loops.invariants import (
    along,
    at_least_one,
    close,
    item_along,
    list_behind,
    not_negative,
)
from spec_lang.ir.from_ast.loops.item_formulas import item_by_item
from spec_lang.ir.from_ast.loops.iteration import Body, State
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.effects import Since
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.elements import (
    element_facts,
    element_pairs,
    elements_at,
    items_at,
    names_of,
    varies_along,
)
from spec_lang.ir.from_ast.values.substitution import substitute, substitute_dim
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import Carried, Cell, Grown, Iteration, Owed, Value
from spec_lang.shapes import Cond, Dim, TensorType, Undefined, dim, opaque, symbol
from spec_lang.shapes.conditionals import conditional, first_condition, where
from spec_lang.shapes.division import divides_exactly
from spec_lang.shapes.linear import linear
from spec_lang.shapes.power import absorbing
from spec_lang.shapes.replace import by_terms
from spec_lang.shapes.sums import summed
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk


def peeled(c: Check, at: Place, state: State, body: Body, it: Iteration, node: object) -> State | None:
    """The first iteration on its own, then an invariant for the others."""
    since = c.effects.since()
    first_at = Cond.eq(it.index, 0), Cond.lt(it.index, it.length), *element_facts(it, dim(0))
    second = body(at.under(*first_at), state, it.element)
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
    at_first = {**items_at(it, dim(0)), own: dim(0)}
    since.settle([o.with_cond(o.cond.substitute(at_first)) for o in since.owed])
    if any(varies_along(it, o.cond) for o in since.owed):
        return None
    firsts = _set_aside(since)
    more: State = list(second)
    if it.length.const != 1:
        later = c.effects.since()
        rest = along(at.one_by_one(), it).under(Cond.ge(it.index, 1))
        out = body(rest, second, it.element)
        if out is None or later.failed or not same_state(rest, second, out):
            return None
        close(c, at, later, it)
        more = out
    if not _merge(c, firsts, it):
        return None
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


def _set_aside(since: Since) -> list[tuple[Cell, Dim | None, Dim]]:
    """The first iteration's values of `_`, whose cells are emptied for the others."""
    found: list[tuple[Cell, Dim | None, Dim]] = []
    for cell in since.determined:
        if cell.value is not None:
            found.append((cell, cell.first, cell.value))
            cell.value = cell.first = None
    return found


def _merge(c: Check, firsts: list[tuple[Cell, Dim | None, Dim]], it: Iteration) -> bool:
    """The first iteration's values of `_` and those of the others as one; whether one cell can have them."""
    for cell, first, value in firsts:
        if cell.value is None:
            cell.first, cell.value = first, value
        elif (cell.first, cell.value) != (first, value):
            along = item_by_item(c, cell, it)
            if first is not None or cell.first is not None or along is None:
                return False
            cell.first, cell.along = value, along
    return True


def generalised(c: Check, at: Place, state: State, body: Body, it: Iteration, node: object) -> State | None:
    """Sizes that change become symbols at the loop's head; a closed form for them is verified by induction."""
    carried: dict[str, Dim] = {}
    first = _first(c, at, state, body, it)
    head = state if first is None else _by_index(c, at, state, first, it)
    stated = False
    for _ in range(4):
        with c.trial(at) as trial:
            out = body(along(trial.at, it), head, it.element)
            good = out is not None and not trial.failed and _keeps_kinds(at, head, out)
            if good and out is not None:
                changed = _differences(along(at, it), head, out, carried, it.index)
            elif first is None or stated or carried:
                trial.keep()  # its mistakes are those of the attempt
                return None
        if not good and first is not None:
            head, stated = _as_stated(c, at, state, head, first, body, it), True
            continue
        if changed is None:
            return None
        if not changed:
            break
        head = _with_symbols(c, state, head, changed, carried, it)
    else:
        return None
    return _closed(c, at, state, head, carried, body, it, node)


def recurrent(c: Check, at: Place, state: State, body: Body, it: Iteration, node: object) -> State | None:
    """Sizes that each iteration makes of its own item alone: those of the item before, and at index 0 the loop's start."""
    first = _first(c, at, state, body, it)
    if first is None:
        return None
    changing = _changing(c, it)
    elements: dict[str, Value] = dict(elements_at(it, it.index))
    with c.trial(at) as trial:  # what the first iteration gives may hold its index no more
        out = body(along(trial.at, it), state, it.element)
        any_ = out if out is not None and not trial.failed and _keeps_kinds(at, state, out) else first
    for given in (any_, first) if any_ is not first else (first,):
        head = [
            _after_another(at, a, substitute(b, elements), it.index, changing)
            for a, b in zip(state, given, strict=True)
        ]
        if any(h is not s for h, s in zip(head, state, strict=True)):
            with c.trial(at) as trial:
                result = _recurring(c, trial.at, state, head, body, it, node)
                if result is not None and not trial.failed:
                    trial.keep()
                    return result
    return None


def _recurring(
    c: Check, at: Place, state: State, head: State, body: Body, it: Iteration, node: object
) -> State | None:
    carried: dict[str, Dim] = {}
    for _ in range(3):
        with c.trial(at) as trial:
            out = body(along(trial.at, it), head, it.element)
            good = out is not None and not trial.failed and _keeps_kinds(at, head, out)
            changed = None
            if good and out is not None:
                changed = _differences(along(at, it), head, out, carried, it.index)
        if changed is None:
            return None
        if not changed:
            break
        head = _with_symbols(c, state, head, changed, carried, it)
    else:
        return None
    at_least_one(c, at, it, node)
    result = _closed(c, at, state, head, carried, body, it, node)
    return None if result is None else [_simplified(at, value) for value in result]


def _simplified(at: Place, value: Value) -> Value:
    if not isinstance(value, TensorType):
        return value
    return value.with_shape(tuple(_decided(at, d) if isinstance(d, Dim) else d for d in value.shape))


def _decided(at: Place, d: Dim) -> Dim:
    """A size whose first conditions are decided."""
    cond = first_condition(d)
    known = None if cond is None else at.decide(cond)
    return d if cond is None or known is None else _decided(at, where(d, cond, known))


def _after_another(at: Place, start: Value, after: Value, index: Dim, changing: frozenset[str]) -> Value:
    """What an iteration starts from: what the one before it gives, or the loop's start."""
    if not (isinstance(start, TensorType) and isinstance(after, TensorType)):
        return start
    shape = list(start.shape)
    (own,) = index.symbols
    for k, (x, y) in enumerate(zip(start.shape, after.shape, strict=True)):
        if isinstance(x, Dim) and isinstance(y, Dim) and x != y and not y.symbols & changing:
            try:
                shape[k] = conditional(Cond.eq(index, 0), x, absorbing(y.substitute({own: index - 1})))
            except Undefined:
                return start
    return start if tuple(shape) == start.shape else start.with_shape(tuple(shape))


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


def _first(c: Check, at: Place, state: State, body: Body, it: Iteration) -> State | None:
    """What the first iteration gives, if it is known to give anything."""
    with c.trial(at) as trial:
        first_at = Cond.eq(it.index, 0), Cond.lt(it.index, it.length), *element_facts(it, dim(0))
        out = body(trial.at.under(*first_at), state, it.element)
        good = out is not None and not trial.failed and _keeps_kinds(at, state, out)
    return out if good else None


def _changing(c: Check, it: Iteration) -> frozenset[str]:
    """What has another value in each iteration without the index in it: a formula with it would be false."""
    running = c.block.running
    return it.symbols | running.elements | running.some


def _by_index(c: Check, at: Place, state: State, first: State, it: Iteration) -> State:
    """The state at the head of an iteration where layers state their sizes as formulas in the index.

    The sizes that one iteration gives are those that the next one takes; whether that holds is left to verify.
    """
    elements: dict[str, Value] = dict(elements_at(it, it.index))
    changing = _changing(c, it)
    return [
        _one_before(at, a, substitute(b, elements), it.index, changing)
        for a, b in zip(state, first, strict=True)
    ]


def _as_stated(
    c: Check, at: Place, state: State, head: State, first: State, body: Body, it: Iteration
) -> State:
    """The state at the head of an iteration where layers state the sizes that they take, as formulas in the index.

    What a layer says that it takes is what flows in, if it is the loop's own start at index 0; whether it is what each
    iteration gives is left to verify.
    """
    changing = _changing(c, it)
    asked: dict[str, Dim] = {}
    for i, (start, now, after) in enumerate(zip(state, head, first, strict=True)):
        if not (
            isinstance(start, TensorType) and isinstance(now, TensorType) and isinstance(after, TensorType)
        ):
            continue
        shape = list(now.shape)
        for k, (x, y) in enumerate(zip(start.shape, after.shape, strict=True)):
            if isinstance(x, Dim) and isinstance(y, Dim) and x == now.shape[k] and not at.facts.equal(x, y):
                shape[k] = s = c.fresh("stated")
                asked[str(s)] = x
        head = [*head[:i], now.with_shape(tuple(shape)), *head[i + 1 :]]
    (own,) = it.index.symbols
    elements: dict[str, Value] = dict(elements_at(it, it.index))
    open_ = dict(asked)
    while open_:
        with c.trial(at) as trial:
            body(along(trial.at, it), head, it.element)
            wanted = [m.state for m in trial.errors if m.state is not None]
        solved = [f for f in (_solved(w, open_) for w in wanted) if f is not None]
        if not solved:
            break
        name = solved[0][0]
        forms = [substitute_dim(form, elements) for n, form in solved if n == name]
        forms = [f for f in forms if not f.symbols & changing and f != asked[name]]
        form = next(
            (f for f in forms if _starts_as(at, f.substitute(asked), own, asked[name])),
            # What the layers behind the first one take is no formula of what the first one takes.
            conditional(Cond.eq(it.index, 0), asked[name], forms[0]) if forms else asked[name],
        )
        del open_[name]
        head = [substitute(h, {name: form}) for h in head]
    return [substitute(h, dict(open_)) for h in head]


def _solved(wanted: Cond, asked: Mapping[str, Dim]) -> tuple[str, Dim] | None:
    """The one of some sizes that an equation gives, and what it is by it."""
    if wanted.op != "==":
        return None
    a, b = wanted.dims
    for name in sorted((a - b).symbols & asked.keys()):
        parts = linear(a - b, name)
        if parts is not None and not parts[0].symbols & asked.keys():
            form = divides_exactly(-parts[1], parts[0])
            if form is not None:
                return name, form
    return None


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
    c: Check, state: State, head: State, places: list[tuple[int, int]], carried: dict[str, Dim], it: Iteration
) -> State:
    result = list(head)
    same: dict[Dim, Dim] = {}
    for i, j in places:
        before, tensor = state[i], result[i]
        assert isinstance(before, TensorType)
        assert isinstance(tensor, TensorType)
        start = before.shape[j]
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
        out = body(along(trial.at, it), head, it.element)
    if out is None:
        return None
    nexts = _nexts(at, head, out, carried)
    if nexts is None:
        return None
    (own,) = it.index.symbols
    forms = {
        name: _closed_form(at, symbol(name), start, nexts[name], it, nexts) for name, start in carried.items()
    }
    facts: list[Cond] = []
    for name, form in forms.items():
        if form is not None:
            facts.append(Cond.eq(symbol(name), form))
    since = c.effects.since()
    out = body(along(at, it).under(*facts), head, it.element)
    if out is None or since.failed:
        return None
    free = _free(c, since, it, carried, nexts, forms)
    _close_carried(c, at, since, it, forms)
    if not _keep(c, at, since, it, carried, nexts, forms, free.keys()):
        return None
    told = {name: _final(c, at, name, carried, nexts, forms[name], it, name in free) for name in carried}
    final = {n: free[n].substitute({own: it.length}) if d is None else d for n, d in told.items()}
    for name, form in free.items():
        at.assume(Cond.eq(form.substitute({own: 0}), carried[name]))
    if it.owner is not None and not _is_whole(c, at, it) and any(final[n] == symbol(n) for n in carried):
        return None
    if any(f is not None and f != carried[n] and forms[n] is None for n, f in told.items()):
        at_least_one(c, at, it, node)
    not_negative(c, at, it, node)
    forms = {**forms, **free}
    result: State = []
    for before, h, o in zip(state, head, out, strict=True):
        if isinstance(o, Grown):
            added = [_in_closed_form(_in_order(a, nexts, free, it), forms) for a in o.added]
            if any(type_symbols(a) & set(carried) for a in added):
                return None
            result.append(list_behind(c, at, before, added, it, node))
        else:
            result.append(substitute(h, {own: it.length, **final}))
    return result


def _free(
    c: Check,
    since: Since,
    it: Iteration,
    starts: dict[str, Dim],
    nexts: dict[str, Dim],
    forms: dict[str, Dim | None],
) -> dict[str, Dim]:
    """The running sizes that follow no formula and that no layer needs, as functions of the index that nothing is known of."""
    needed = {n for n, form in forms.items() if form is not None}
    pending = [
        n for cell in since.determined for d in (cell.first, cell.value) if d is not None for n in d.symbols
    ]
    carried, seen = c.block.running.carried, set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in starts:
            pending += nexts[name].symbols
        elif name in carried:  # along a list inside an item
            pending += carried[name].start.symbols | carried[name].next.symbols
    needed |= seen
    found: dict[str, Dim] = {}
    for name in starts:
        if name not in needed:
            function = c.fresh("size")
            c.block.running.unknown.add(str(function))
            it.before = (it.before or frozenset()) | function.symbols
            found[name] = opaque("size", function, it.index, low=1, text="{}[{}]")
    return found


def _in_order(value: Value, nexts: dict[str, Dim], free: dict[str, Dim], it: Iteration) -> Value:
    """A tensor in which a size that one iteration gives is what the next one starts from."""
    if not isinstance(value, TensorType):
        return value
    (own,) = it.index.symbols
    after = {nexts[name]: form.substitute({own: it.index + 1}) for name, form in free.items()}
    return value.with_shape(tuple(after.get(d, d) if isinstance(d, Dim) else d for d in value.shape))


def _keep(
    c: Check,
    at: Place,
    since: Since,
    it: Iteration,
    starts: dict[str, Dim],
    nexts: dict[str, Dim],
    forms: dict[str, Dim | None],
    free: Collection[str],
) -> bool:
    """Keep the running sizes that a loop's `_` stand for where their lists are made; whether that can be."""
    running = c.block.running
    copies: dict[tuple[str, ast.Comprehension], Dim] = {}
    ran: dict[ast.Comprehension, Mapping[str, Dim]] = {}
    for cell in since.determined:
        sizes = [d for d in (cell.first, cell.value) if d is not None]
        names = frozenset().union(*(d.symbols for d in sizes)) & starts.keys()
        if not names:
            continue
        along = item_by_item(c, cell, it)
        if along is None:
            return False
        node = running.repeats[along].node
        ran.setdefault(node, running.ran[cell])
        if it.owner is None:
            it.owner = node
        if it.owner is node:
            continue
        for name in sorted(names):
            if (name, node) not in copies:
                copies[name, node] = c.fresh("size")
        env: dict[str, Dim | int] = {name: copies[name, node] for name in names}
        cell.first = None if cell.first is None else cell.first.substitute(env)
        cell.value = None if cell.value is None else cell.value.substitute(env)
    all_kept = [(n, symbol(n), it.owner) for n in starts if n not in free]
    all_kept += [(name, copy, node) for (name, node), copy in copies.items()]
    for name, kept, owner in all_kept:
        others = {n: copies[n, owner] for n in starts if owner is not None and (n, owner) in copies}
        around = {} if owner is None else ran.get(owner, {})
        step = _in_owner(c, nexts[name], it, owner, around).substitute(dict(others))
        form = forms[name]
        if not _goes_on(c, at, it, owner, step):
            return False
        running.carried[str(kept)] = Carried(
            "size",
            _in_lists(c, starts[name], around),
            step,
            it.index,
            owner,
            None if form is None else _in_owner(c, form, it, owner, around),
        )
    return True


def _goes_on(c: Check, at: Place, it: Iteration, node: ast.Comprehension | None, step: Dim) -> bool:
    """Whether a running size can be told along a whole list: by what its own items are made of, and also for the items
    that a loop over the first ones leaves out."""
    repeat = None if node is None else c.block.running.repeats.get(str(c.block.running.owners[node]))
    if repeat is None:
        return True
    running = c.block.running
    inner = repeat.iteration
    foreign = (step.symbols & running.elements) - inner.symbols
    if foreign and foreign - _around(c, node):
        return False
    if at.facts.equal(repeat.length, it.length):
        return True
    if step.symbols & (running.heads.keys() | running.unknown | running.elements - inner.symbols):
        return False
    return has_value(c, step, repeat)


def _around(c: Check, node: ast.Comprehension | None) -> frozenset[str]:
    """The symbols of the elements of the comprehensions around one."""
    found: frozenset[str] = frozenset()
    for other, index in c.block.running.owners.items():
        repeat = c.block.running.repeats.get(str(index))
        if repeat is not None and other is not node and any(n is node for n in walk(other)):
            found |= repeat.iteration.symbols
    return found


def _is_whole(c: Check, at: Place, it: Iteration) -> bool:
    """Whether a loop goes through all of the list that keeps its sizes: then they are known behind the list, too."""
    if it.owner is None:
        return False
    repeat = c.block.running.repeats.get(str(c.block.running.owners[it.owner]))
    return repeat is not None and at.facts.equal(repeat.length, it.length)


def _in_owner(c: Check, d: Dim, it: Iteration, node: ast.Comprehension | None, ran: Mapping[str, Dim]) -> Dim:
    """A formula in a loop's index, in that of the comprehension that made the layers.

    Args:
        ran: The item of each list, by the name of its index, that an iteration runs.
    """
    if node is None:
        return d
    running = c.block.running
    (own,) = it.index.symbols
    index = running.owners[node]
    repeat = running.repeats.get(str(index))
    mine = frozenset() if repeat is None else repeat.iteration.symbols
    d = d.substitute({n: v for n, v in elements_at(it, it.index).items() if n not in mine})
    d = d.substitute({own: index})
    if (
        repeat is not None and str(index) not in running.names
    ):  # nothing but the element is called anything there
        d = _by_elements(d, repeat.iteration, index)
    return _in_lists(c, d, {n: at for n, at in ran.items() if n != str(index)})


def _in_lists(c: Check, d: Dim, ran: Mapping[str, Dim]) -> Dim:
    """A formula in the indices of loops around, in those of the lists whose items these run."""
    running = c.block.running
    for name, at in ran.items():
        if str(at) not in d.symbols or at == running.indices.get(name):
            continue
        index = running.indices.get(name, symbol(name, 0))
        d = d.substitute({str(at): index})
        if name in running.repeats and name not in running.names:
            d = _by_elements(d, running.repeats[name].iteration, index)
    return d


def _by_elements(d: Dim, it: Iteration, index: Dim) -> Dim:
    """A formula in which a list's items at an index are called what they are called in the list."""
    pairs = {v: own for own, v in element_pairs(it, index)}
    d = by_terms(d.substitute({str(v): own for v, own in pairs.items()}), pairs)
    return substitute_dim(d, names_of(it, index))


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
        candidates += [start * factor**i, start // factor**i, (start - 1) // factor**i + 1]
    if not step.symbols & it.symbols:
        try:
            factor_ = step.substitute({name: 1})
            if not factor_.symbols & (set(nexts) | {own}):
                candidates.append(start * factor_**i)
        except ArithmeticError:
            pass
    by_items = growth.substitute(dict(elements_at(it, i)))
    if growth.symbols & it.symbols and not by_items.symbols & (set(nexts) | it.symbols):
        added = summed(by_items, own, i)
        if added is not None:
            return start + added
    for form in candidates:
        try:
            base = form.substitute({own: 0})
            after = form.substitute({own: i + 1})
            along = step.substitute({name: form})
        except ArithmeticError:
            continue
        if at.facts.equal(base, start) and at.facts.equal(after, along):
            return form
    return _behind_first(at, s, start, step, it, nexts)


def _behind_first(
    at: Place, s: Dim, start: Dim, step: Dim, it: Iteration, nexts: dict[str, Dim]
) -> Dim | None:
    """The size at the head of an iteration where the first one takes another step than those behind it."""
    (own,) = it.index.symbols
    (name,) = s.symbols
    cond = first_condition(step)
    if cond is None or cond.names != {own}:
        return None
    first, later = (at.under(c).decide(cond) for c in (Cond.eq(it.index, 0), Cond.ge(it.index, 1)))
    if first is None or later is None or first == later:
        return None
    try:
        begun = where(step, cond, first).substitute({name: start, own: 0, **elements_at(it, dim(0))})
        rest = where(step, cond, later).substitute({own: it.index + 1})
        if (begun.symbols | rest.symbols) & it.symbols:  # of an item, and not known of which
            return None
        form = _closed_form(at, s, begun, rest, it, nexts)
        if form is not None:
            form = conditional(Cond.eq(it.index, 0), start, absorbing(form.substitute({own: it.index - 1})))
    except (ArithmeticError, Undefined):
        return None
    return form


def _final(
    c: Check,
    at: Place,
    name: str,
    starts: dict[str, Dim],
    nexts: dict[str, Dim],
    form: Dim | None,
    it: Iteration,
    free: bool,
) -> Dim | None:
    """The size behind the loop; None of a free one that nothing tells."""
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
    last = step.substitute(dict(elements_at(it, it.index))).substitute({own: it.length - 1})
    if last.symbols & it.symbols:  # of the last item more may be known than of any
        last = step.substitute({**elements_at(it, it.length - 1), own: it.length - 1})
    if not last.symbols & set(nexts) and not last.symbols & it.symbols:
        if free or not _is_whole(c, at, it):
            return last
        at.assume(Cond.eq(symbol(name), last))
        c.block.running.lasts[name] = last
    return None if free else symbol(name)


def _close_carried(c: Check, at: Place, since: Since, it: Iteration, forms: dict[str, Dim | None]) -> None:
    """What an iteration owes of its running sizes, by their closed forms."""
    known = {n: f for n, f in forms.items() if f is not None}
    since.settle([_said(o, o.cond.substitute(known)) for o in since.owed])
    names = {n for n, f in forms.items() if f is None}
    for o in since.owed:
        if o.cond.symbols & names:
            c.error("E0601", f"{o.message}, which is not proved for every iteration", o.place.span)
    close(c, at, since, it)


def _said(o: Owed, cond: Cond) -> Owed:
    """The same of another condition, which its message names: a running size has no name that an author knows."""
    found = o.with_cond(cond)
    found.message = o.message.replace(str(o.cond), str(cond))
    return found
