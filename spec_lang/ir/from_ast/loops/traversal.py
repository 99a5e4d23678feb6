"""Who loops: lists of layers that are run, `for`, comprehensions."""

from __future__ import annotations

from spec_lang.ir.from_ast.expressions.conversions import condition
from spec_lang.ir.from_ast.expressions.items import elements_of, known_list
from spec_lang.ir.from_ast.expressions.trails import keep_trail
from spec_lang.ir.from_ast.layers.containers import may_be_key
from spec_lang.ir.from_ast.layers.running import nested_list, unordered
from spec_lang.ir.from_ast.loops.filtered import filtered
from spec_lang.ir.from_ast.loops.flat import flattened
from spec_lang.ir.from_ast.loops.invariants import (
    along,
    begun,
    close,
    for_all,
    item_along,
    no_formula_for_items,
    no_formula_inside,
    not_negative,
    runs_inside,
)
from spec_lang.ir.from_ast.loops.iteration import (
    MAX_UNROLLED,
    State,
    counter,
    inside_itself,
    iteration,
    nameless,
    reindexed,
)
from spec_lang.ir.from_ast.loops.runs import NoLayers, keys_of, may_spread, parts, run_of
from spec_lang.ir.from_ast.loops.spread import is_spread, one_by_one, over_spread
from spec_lang.ir.from_ast.names.names import hides_dim, meaning
from spec_lang.ir.from_ast.names.unreached import unreached
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.choices import as_size
from spec_lang.ir.from_ast.values.elements import element_flags, element_floats, part_of, varies_along
from spec_lang.ir.from_ast.values.kinds import has_tensor, is_list, is_module
from spec_lang.ir.from_ast.values.module_values import at_index
from spec_lang.ir.from_ast.values.value import (
    POISON,
    Env,
    FlatModule,
    Grown,
    Iteration,
    ListModule,
    Mapped,
    Parts,
    RecordValue,
    RepeatModule,
    SymList,
    Value,
)
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Cond, Dim, Truth, dim
from spec_lang.shapes.linear import linear
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk


def run_repeat(c: Check, at: Place, module: RepeatModule, args: Args, node: ast.Expr, method: str) -> Value:
    """A list of layers is run in order, each with the same further arguments."""
    if module.keyed:
        return unordered(c, module.label, "name", node)
    if not args.values:
        return c.error("E0511", f"{module.label} is run on a tensor, and gets nothing", node)
    (own,) = module.index.symbols
    name = own.rstrip("0123456789_") or own
    index = counter(c, name)
    c.block.running.indices[own] = module.index
    inner = part_of(module.iteration, module.start, module.length)
    elements: Env = {}
    if module.start.const != 0 or inside_itself(at, own):
        elements, inner = elements_of(c, module, module.start + index), nameless(inner)
    item = at_index(module.item, {**elements, own: module.start + index})
    element = reindexed(inner.element, own, index)
    known = inner.known if module.length == module.iteration.length or inner.known is None else None
    if known is None and inner.known is not None and module.length.const is not None:
        known = inner.known[: module.length.const]
    it = Iteration(module.length, index, element, known, inner.symbols)
    it.owner, it.parts = module.node if module.start.const == 0 else None, (inner,)

    def body(there: Place, state: State, _: Value) -> State | None:
        step = args.with_first(state[0])
        out = nested_list(c, node) if is_list(item) else c.run(there, item, step, node)
        return None if out is POISON else [out]

    from spec_lang.ir.from_ast.loops.engine import loop  # most specs have none, and start sooner

    note_loop(c, it)
    result = loop(c, at, [args.values[0]], body, it, node)
    if result is None:
        return POISON
    return keep_trail(c, at, result[0], args.values[0], f"{module.label or 'list'} (x {module.length})")


def run_flat(c: Check, at: Place, module: FlatModule, args: Args, node: ast.Expr, method: str) -> Value:
    """A list to which each item of a comprehension adds several layers."""
    return run_repeat(c, at, module.repeat, args, node, method)


def note_loop(c: Check, it: Iteration) -> None:
    """Which loop the symbols of elements are gone through by."""
    names = it.symbols | it.index.symbols | element_flags(it) | element_floats(it)
    c.block.running.loops.update((name, it) for name in names)
    for part in it.segments:
        note_loop(c, part)


def for_loop(c: Check, at: Place, node: ast.For) -> bool:
    """`for x in xs:` over what is known without the data."""
    value = c.ev(at, node.iterable)
    name = node.target.id if isinstance(node.target, ast.Name) else "i"
    growing = _appended(node.body)
    spread = is_spread(value) and not growing
    it = (over_spread if spread else iteration)(c, at, value, name, node.iterable)
    if it is None:
        _poison_loop(c, at, node)
        return False
    note_loop(c, it)
    names = list(at.locals)
    at.looped |= {n for n in _assigned(node.body) if n not in at.locals and meaning(c, at, n) is not None}

    def body(there: Place, state: State, element: Value) -> State | None:
        inner = there.fork()
        inner.loops, inner.bound = at.loops, dict(at.bound)
        for n, s in zip(names, state, strict=True):
            inner.locals[n] = _head(there, s) if n in growing else s
        if not bind_target(c, inner, node.target, element, node.iterable):
            return None
        if c.body(inner, node.body):
            c.error("E0705", "a loop cannot return", node.body[-1])
            return None
        return [inner.locals.get(n, POISON) for n in names]

    from spec_lang.ir.from_ast.loops.engine import loop  # most specs have none, and start sooner

    run = one_by_one(c, body, name, node.iterable, node.body) if spread else body
    result = loop(c, at, [at.locals[n] for n in names], run, it, node.iterable, node.body)
    at.locals = dict(zip(names, result or [POISON] * len(names), strict=True))
    if result is None:
        _poison_loop(c, at, node)
    return False


def _head(at: Place, value: Value) -> Value:
    """A list at a loop's head only grows inside: what is appended is kept apart."""
    return Grown(value, []) if isinstance(value, list | Mapped | Parts | Grown) and not at.unrolled else value


def _poison_loop(c: Check, at: Place, node: ast.For) -> None:
    """What a loop defines about which nothing can be told."""
    unreached(c, at, node.body, lambda p: bind_target(c, p, node.target, POISON, node.iterable))
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.Append) and isinstance(statement.target, ast.Name):
            at.locals[statement.target.id] = POISON


def bind_target(c: Check, at: Place, target: ast.Target, element: Value, node: ast.Expr) -> bool:
    """Bind a loop's variables to an element."""
    if isinstance(target, ast.Hole):
        return True
    if isinstance(target, ast.TargetTuple) and element is POISON:
        return all(bind_target(c, at, t, POISON, node) for t in target.items)
    if isinstance(target, ast.Name):
        name = target.id
        hides = None
        if name in at.loops:
            hides = "the variable of the loop around it"
        elif name in at.locals:
            hides = f"the local `{name}`"
        elif name in c.block.dims:
            hides_dim(c, target)
            return False
        elif name in c.block.lets:
            hides = f"the `let` called `{name}`"
        elif name in c.block.hypers:
            hides = f"the hyperparameter `{name}`"
        if hides is not None:
            c.error("E0206", f"`{name}` would hide {hides}", target, help="use another name")
            return False
        at.loops = {**at.loops, name: element}
        _note_variable(c, name, element)
        return True
    if not isinstance(element, tuple | list) or len(element) != len(target.items):
        n = len(element) if isinstance(element, tuple | list) else 1
        c.error("E0403", f"{len(target.items)} names, but each item has {n}", target)
        return False
    return all(bind_target(c, at, t, e, node) for t, e in zip(target.items, element, strict=True))


def _note_variable(c: Check, name: str, element: Value) -> None:
    """How the IR writes a loop's symbols."""
    if isinstance(element, tuple):
        for k, item in enumerate(element):
            _note_variable(c, f"{name}[{k}]", item)
    elif isinstance(element, RecordValue):
        for field, item in element.fields.items():
            _note_variable(c, f"{name}.{field}", item)
    elif isinstance(element, Real) and str(element) in c.block.running.elements:
        c.block.running.names.setdefault(str(element), (name, dim(0), 1))
    elif isinstance(element, SymList) and element.name == "{}":
        c.block.running.names.setdefault(str(element.args[0]), (name, dim(0), 1))
    elif isinstance(element, Choice) or (isinstance(element, Cond) and isinstance(element.said, Truth)):
        own = str(element if isinstance(element, Choice) else element.said)
        if own in c.block.running.loops:
            c.block.running.names.setdefault(own, (name, dim(0), 1))
    if not isinstance(element, Dim):
        return
    running = c.block.running
    counted = element.symbols & running.counters or element.symbols & running.elements
    if len(counted) != 1:
        return
    (own,) = counted
    found = linear(element, own)
    if found is not None and found[0].const:
        running.names.setdefault(own, (name, found[1], found[0].const))
    if found is None or found[0].const != 1:
        running.formulas.setdefault(own, (name, element))


def comprehension(c: Check, at: Place, node: ast.Comprehension) -> Value:
    if isinstance(node.value, ast.Star) and at.mode is not Mode.LAYERS:
        return c.error(
            "E0403",
            "`*` before a `for` spreads lists of layers, and stands in `layers:`",
            node.value,
            help="go through each list with a `for` of its own: `[x for xs in lists for x in xs]`",
        )
    found = _by_runs(c, at, node) if may_spread(at, node) else None
    return _comprehension(c, at, node) if found is None else found


def _by_runs(c: Check, at: Place, node: ast.Comprehension) -> Value:
    """A comprehension whose last `for` goes over layers that each item makes; None where it makes something else."""
    with c.trial(at) as trial:
        try:
            found = _comprehension(c, trial.at, node)
            if found is not POISON and not trial.failed and not _infers(c, found, node):
                trial.keep()
                return found
        except NeedsValue:
            pass
    try:
        with c.trial(at) as trial:
            c.effects.note(c.notes.spread, node.number, True)
            found = _comprehension(c, trial.at, node)
            trial.keep()
            return found
    except (NoLayers, NeedsValue):
        return None


def _infers(c: Check, made: Value, node: ast.Comprehension) -> bool:
    """Whether layers that a list makes anew for each item have a size that what flows in determines, which may differ."""
    return is_module(made) and any(n.number in c.notes.cells for n in walk(node.generators[-1].iterable))


def _comprehension(c: Check, at: Place, node: ast.Comprehension) -> Value:
    generators, _ = parts(c.notes, node)
    if len(generators) != 1 or generators[0].tests:
        return _several(c, at, node)
    over = _over(c, at, generators[0])
    if over is None:
        return POISON
    value, it = over
    if it.element is None or (it.known is not None and len(it.known) == 0):
        return _each(c, at, node, it)
    return _made(c, at, node, it, [it], [value])


def _over(c: Check, at: Place, generator: ast.Generator) -> tuple[Value, Iteration] | None:
    """What a `for` of a comprehension goes over."""
    value = c.ev(at, generator.iterable)
    name = generator.target.id if isinstance(generator.target, ast.Name) else "i"
    it = iteration(c, at, value, name, generator.iterable)
    if it is not None and it.element is None and it.known is None:
        message = "the items differ by what is known of them one by one, and how many there are is not known"
        c.error("E0403", message, generator.iterable, help="state the length of each list with a `require`")
        return None
    return None if it is None else (value, it)


def _several(c: Check, at: Place, node: ast.Comprehension) -> Value:
    """Several `for`s, or an `if`: as one loop where how many items there are is not known."""
    generators, spread = parts(c.notes, node)
    tests = [t for g in generators for t in g.tests]
    with c.trial(at) as trial:
        values: list[Value] = []
        loops: list[Iteration] = []
        there = trial.at
        for generator in generators:
            over = _over(c, there, generator)
            if over is None or over[1].element is None:
                break
            value, it = over
            note_loop(c, it)
            there = along(there, it).under(*for_all(c, there, it))
            if not bind_target(c, there, generator.target, it.element, generator.iterable):
                break
            values.append(value)
            loops.append(it)
        flat = None
        if len(loops) == len(generators) and not all(it.length.const is not None for it in loops):
            flat = flattened(c, there, loops) if not tests else None
            if tests and len(loops) == 1 and spread is None:
                flat = _filtered(c, there, loops[0], tests)
                loops = loops if flat is None else [flat]
        if flat is not None:
            trial.keep()
    return _expanded(c, at, node) if flat is None else _made(c, at, node, flat, loops, values)


def _filtered(c: Check, at: Place, it: Iteration, tests: list[ast.Expr]) -> Iteration | None:
    """The items of a loop that pass all tests; None where it is not known which these are."""
    whole = Cond.TRUE
    for test in tests:
        cond = condition(c, at, c.ev(at, test), test)
        if cond is POISON:
            return None
        assert isinstance(cond, bool | Cond)
        whole = whole & Cond.of(cond) if isinstance(cond, bool) else whole & cond
    return filtered(c, it, whole)


def _made(
    c: Check, at: Place, node: ast.Comprehension, it: Iteration, loops: list[Iteration], values: list[Value]
) -> Value:
    """What a comprehension makes, by one item for all.

    Args:
        it: The whole.
        loops: What each `for` goes over.
        values: The lists.
    """
    generators, spread = parts(c.notes, node)
    generator = generators[-1]
    note_loop(c, it)
    begun(c, it)
    one_by_one = it.known is not None and len(it.known) <= MAX_UNROLLED
    with c.trial(at) as trial:
        there = trial.at
        for inner in dict.fromkeys((it, *loops)):
            there = along(there, inner).under(*for_all(c, there, inner))
        for g, inner in zip(generators, loops, strict=True):
            if not bind_target(c, there, g.target, inner.element, g.iterable):
                trial.keep()
                return POISON
        there.inside = (*at.inside, (node, None, None))
        key = None if node.key is None else c.ev(there, node.key)
        item = _value(c, there, node)
        keys = keys_of(c, there, node) if item is not POISON else None
        good = item is not POISON and key is not POISON
        if good and key is not None and is_module(item):
            good = may_be_key(c, key, "dict", node.key)
        if good and not is_module(item) and runs_inside(c, it, item):
            good = no_formula_inside(c, node) is not POISON
        errors = trial.errors
        if good or not one_by_one:
            trial.keep()
    if not good and one_by_one:
        with c.trial(at) as second:
            found = _each(c, second.at, node, it)
            if found is not POISON:
                second.keep()
                return found
        c.effects.report_again(errors)
        c.effects.taint(trial.broken)
    if not good:
        return POISON
    for inner in reversed(loops):
        close(c, at, trial, inner)
    if it is not loops[0]:
        close(c, at, trial, it)
    if is_module(item) or item is None:
        made = _repeated(c, at, node, it, item, key)
        return FlatModule(made, keys) if spread is not None and isinstance(made, RepeatModule) else made
    if it.known is not None and len(it.known) <= host.MAX_LIST:
        return [item_along(it, item, dim(k)) for k in range(len(it.known))]
    if varies_along(it, item):
        found_along = item_along(it, item, it.index)
        if varies_along(it, found_along):
            lists = {value.text for value in values if isinstance(value, SymList)}
            if not lists or has_tensor(item):
                return no_formula_for_items(c, node)
            needs = NeedsValue(frozenset(lists))
            if c.by_value(needs):
                raise needs
            return c.error(
                "E0504",
                f"`{c.source.at(node.value.span)}` is needed for each item of this list, whose items are not known one by one",
                node.value,
                help="count them, `for i in range(len(...))`, or state the list here as a literal",
            )
        item = found_along
    if it.length.const is not None and it.length.const > host.MAX_LIST:
        return c.error(
            "E0802",
            f"a list of {it.length.const:,} items is too long: at most {host.MAX_LIST:,}",
            generator.iterable,
        )
    not_negative(c, at, it, generator.iterable)
    return Mapped(it.index, it.length, item)


def _repeated(c: Check, at: Place, node: ast.Comprehension, it: Iteration, item: Value, key: Value) -> Value:
    if item is None:
        return ListModule(at.member, "list", [], [])
    low = at.decide(Cond.ge(it.length, 0))
    if low is False:
        return c.error("E0507", f"a list of {it.length} layers", node)
    if isinstance(key, str) and it.length.const != 1:
        return c.error(
            "E0205",
            f'every layer here would have the key "{key}"',
            node.key,
            help=f'count them: `f"{key}_{{{it.index}}}"`',
        )
    it.owner = node
    (own,) = it.index.symbols
    c.block.running.owners[node] = it.index
    made = RepeatModule(at.member, it.index, it.length, item, node, node.key is not None, it, key)
    c.block.running.repeats[own] = made
    return made


def _each(c: Check, at: Place, node: ast.Comprehension, it: Iteration) -> Value:
    """A comprehension item by item: for short lists of what has no symbol."""
    (generator,), spread = parts(c.notes, node)
    items: list[Value] = []
    keys: list[str] = []
    if not it.known:
        unreached(c, at, (node,), lambda p: _item_unknown(c, p, node))
    for k, element in enumerate(it.known or ()):
        there = at.iteration()
        if not bind_target(c, there, generator.target, element, generator.iterable):
            return POISON
        key = str(k) if node.key is None else c.ev(there, node.key)
        item = _item(c, there, node, k)
        if item is POISON or key is POISON:
            return POISON
        if node.key is not None and is_module(item) and not may_be_key(c, key, "dict", node.key):
            return POISON
        if spread is not None:
            if isinstance(spread, ast.Dict):
                return _one_for_all(c, node)
            items += _spread(c, item, node)
            if POISON in items:
                return POISON
            keys = [str(n) for n in range(len(items))]
            continue
        items.append(_as_child(at, item))
        keys.append(str(key))
    if any(map(is_module, items)):
        present = [(k, i) for k, i in zip(keys, items, strict=True) if i is not None]
        kind = "list" if node.key is None else "dict"
        names = [str(n) for n in range(len(present))] if node.key is None else [k for k, _ in present]
        return ListModule(at.member, kind, [i for _, i in present], names)
    return items


def _as_child(at: Place, item: Value) -> Value:
    """A list of layers as one child of another: without a list around it, it would be spread there."""
    holds = isinstance(item, RepeatModule | FlatModule)
    return ListModule(at.member, "list", [item], ["0"]) if holds else item


def _spread(c: Check, item: Value, node: ast.Comprehension) -> list[Value]:
    """The layers that an item stands for where it is gone through on its own."""
    if isinstance(item, ListModule):
        return item.items
    message = "which layers stand here is not known one by one"
    return [
        c.error("E0403", message, node, help="make them with `*[...] if ... else ...` of one length each")
    ]


def _one_for_all(c: Check, node: ast.Comprehension) -> Value:
    """A mistake: layers of dicts that are not told by one item for all."""
    message = "the layers of these dicts follow no one formula along the list"
    return c.error("E0403", message, node, help="write their sizes out in terms of the list's variable")


def _value(c: Check, at: Place, node: ast.Comprehension) -> Value:
    """What a comprehension's item is."""
    generators, spread = parts(c.notes, node)
    if spread is None:
        return as_size(c.ev(at, node.value), c.block.hypers)
    for last in node.generators[len(generators) :]:
        if not bind_target(c, at.iteration(), last.target, POISON, last.iterable):
            return POISON
    return run_of(c, at, node, spread)


def _item_unknown(c: Check, at: Place, node: ast.Comprehension) -> None:
    """Go through an item of a list that has none."""
    for generator in parts(c.notes, node)[0]:
        bind_target(c, at, generator.target, POISON, generator.iterable)
    if node.key is not None:
        c.ev(at, node.key)
    _item(c, at, node, 0)


def _item(c: Check, at: Place, node: ast.Comprehension, number: int) -> Value:
    """One item, for the values that the variables have now."""
    there = at.iteration()
    there.inside = (*at.inside, (node, at.loops, number))
    return _value(c, there, node) if parts(c.notes, node)[1] is not None else c.ev(there, node.value)


def _expanded(c: Check, at: Place, node: ast.Comprehension) -> Value:
    """Several `for`s, or an `if`: item by item."""
    items: list[Value] = []
    keys: list[str] = []
    if not _nested(c, at, node, 0, items, keys):
        return POISON
    if not items:
        unreached(c, at, (node,), lambda p: _item_unknown(c, p, node))
    if any(map(is_module, items)):
        return ListModule(at.member, "list" if node.key is None else "dict", items, keys)
    return items


def _nested(
    c: Check, at: Place, node: ast.Comprehension, depth: int, items: list[Value], keys: list[str]
) -> bool:
    generators, spread = parts(c.notes, node)
    if depth == len(generators):
        if len(items) >= 1024:
            c.error("E0802", "this comprehension makes more than 1,024 items", node)
            return False
        key = None if node.key is None else c.ev(at, node.key)
        item = _item(c, at, node, len(items))
        if item is POISON or key is POISON:
            return False
        if isinstance(spread, ast.Dict):
            _one_for_all(c, node)
            return False
        if spread is not None:
            items += _spread(c, item, node)
            keys[:] = [str(n) for n in range(len(items))]
            return POISON not in items
        keys.append(str(len(items)) if key is None else str(key))
        items.append(_as_child(at, item))
        return True
    generator = generators[depth]
    found = known_list(c, c.ev(at, generator.iterable), generator.iterable)
    if found is None:
        return False
    for element in found:
        there = at.iteration()
        if not bind_target(c, there, generator.target, element, generator.iterable):
            return False
        holds = True
        for test in generator.tests:
            cond = condition(c, there, c.ev(there, test), test)
            if not isinstance(cond, bool):
                if cond is not POISON:
                    c.error("E0405", "this test is not known when the list is made", test)
                return False
            holds = holds and cond
        if holds and not _nested(c, there, node, depth + 1, items, keys):
            return False
    return True


def _assigned(body: tuple[ast.Statement, ...]) -> set[str]:
    """The names that a loop's body gives values."""
    targets = [n.target for statement in body for n in walk(statement) if isinstance(n, ast.Assign)]
    return {n.id for target in targets for n in walk(target) if isinstance(n, ast.Name)}


def _appended(body: tuple[ast.Statement, ...]) -> set[str]:
    """The lists that a loop's body appends to."""
    return {n.target.id for statement in body for n in walk(statement) if isinstance(n, ast.Append)}
