"""What stays the same in every iteration, and what each iteration owes."""

from __future__ import annotations

import re

from spec_lang.ir.from_ast.expressions.lists import another, joined
from spec_lang.ir.from_ast.expressions.same import same
from spec_lang.ir.from_ast.loops.iteration import MAX_UNROLLED, State, is_linear_in
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.effects import Since
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import owe, time
from spec_lang.ir.from_ast.values.elements import (
    element_facts,
    element_flags,
    element_names,
    items_at,
    names_of,
    varies_along,
)
from spec_lang.ir.from_ast.values.substitution import item_at, substitute
from spec_lang.ir.from_ast.values.texts import type_symbols
from spec_lang.ir.from_ast.values.value import POISON, Env, Grown, Iteration, Mapped, Value
from spec_lang.shapes import Compared, Cond, Dim, Every, dim, root, symbol
from spec_lang.shapes.conditionals import first_condition
from spec_lang.shapes.facts import side


def for_all(c: Check, at: Place, it: Iteration) -> list[Cond]:
    """What is known of every item of the lists that a loop goes over: `all([w % k == 0 for w in widths])`."""
    found: list[Cond] = []
    for flag, items in c.block.for_all.items():
        if at.decide(Cond.flag(flag)) is not True:
            continue
        cond = item_at(items, it.index)
        if not isinstance(cond, Cond):
            continue
        found += _of_counted(items, it.element)
        inside = Cond.lt(it.index, it.length)
        if at.under(inside).decide(Cond.lt(it.index, items.length)) is not True:
            inside = Cond.lt(it.index, items.length)
        found += [~inside | cond, ~inside | cond.substitute(names_of(it, it.index))]
    return list(dict.fromkeys(found))


def _of_counted(items: Mapped, element: Value) -> list[Cond]:
    """What is known of the items that a loop's own variables count: `for i in range(1, n)`."""
    if isinstance(element, tuple):
        return [cond for part in element for cond in _of_counted(items, part)]
    if not isinstance(element, Dim) or len(element.symbols) != 1 or element == symbol(*element.symbols, 0):
        return []
    cond = item_at(items, element)
    return [Cond.lt(element, 0) | Cond.ge(element, items.length) | cond] if isinstance(cond, Cond) else []


def along(at: Place, it: Iteration) -> Place:
    """Inside any iteration: what the index is below, and which items the elements are."""
    return at.under(Cond.lt(it.index, it.length), *element_facts(it, it.index))


def close(c: Check, at: Place, since: Since, it: Iteration) -> None:
    """Turn what was owed in one iteration into what all of them owe."""
    owed = since.owed
    names = it.index.symbols | it.symbols
    flags = element_flags(it)
    parts = element_names(it)

    def varies(cond: Cond) -> bool:
        known = cond.symbols | cond.names
        return bool(known & (names | flags) or any(root(n) in parts for n in known))

    if not any(varies(o.cond) for o in owed):
        return
    since.settle(())
    for o in owed:
        if not varies(o.cond):
            c.effects.owe(o)
            continue
        for cond in _for_all(at, o.cond, it):
            known = at.decide(cond)
            if known is False:
                c.error("E0601", f"{o.message}, which does not hold in every iteration", o.place.span)
            elif known is None and varies(cond):
                plain = not cond.names & flags and all(
                    n.isidentifier() for n in cond.symbols if n in names or root(n) in parts
                )
                if o.passed and not plain and not cond.symbols & set(c.block.dims):
                    continue  # of the items' fields: their own constructors check it
                every = _every(cond, it)
                if every != cond and not varies(every) and time(c, every) == "init":
                    owe(c, at, every, o.message, o.place, o.stated, o.origin)
                    continue
                c.error(
                    "E0601",
                    f"{o.message}, which is not proved for every iteration",
                    o.place.span,
                    help="state it for all of them with a `require`",
                )
            elif known is None:
                nameless = o.cond.symbols & c.block.running.counters - c.block.running.names.keys()
                message = o.message.replace(str(o.cond), str(cond)) if nameless else o.message
                owe(c, at, cond, message, o.place, o.stated, o.origin)


def _for_all(at: Place, cond: Cond, it: Iteration) -> list[Cond]:
    """A condition for each iteration, or for the first and the last where it is linear or monotone in the index."""
    (own,) = it.index.symbols
    if it.known is not None and len(it.known) <= MAX_UNROLLED:
        found: list[Cond] = []
        for k in range(len(it.known)):
            env: Env = {own: k}
            env |= items_at(it, dim(k))
            found.append(cond.substitute(env))
        return list(dict.fromkeys(found))
    if any(isinstance(f, Compared) for f in cond.flags):
        return [_every(cond, it)]
    apart = _apart(at, cond, it)
    if apart is not None:
        return apart
    if cond.op == "or":
        # A premise about the index may be dropped: what is left is owed in any case.
        names, flags = it.index.symbols | it.symbols, element_flags(it)
        parts = [p for p in cond.parts if not (p.symbols & names or p.names & flags)]
        if parts:
            kept = parts[0]
            for part in parts[1:]:
                kept = kept | part
            return [kept]
    linear = all(is_linear_in(d, own) for d in cond.dims) and not cond.parts
    if cond.is_bound and linear:
        return [cond.substitute({own: 0}), cond.substitute({own: it.length - 1})]
    if cond.is_bound and not cond.parts and not cond.symbols & it.symbols:
        a, b = cond.dims
        slack = a - b if cond.op in (">", ">=") else b - a
        after = slack.substitute({own: it.index + 1})
        inside = at.under(Cond.lt(it.index, it.length))
        least = None
        if inside.decide(Cond.ge(slack, after)):
            least = it.length - 1
        elif inside.decide(Cond.le(slack, after)):
            least = dim(0)
        if least is not None:
            none, there = Cond.lt(it.length, 1), cond.substitute({own: least})
            return [there if at.decide(none) is False else none | there]
    return [cond]


def _apart(at: Place, cond: Cond, it: Iteration) -> list[Cond] | None:
    """A condition that asks whether the iteration is the first, for that one and for those behind it; None for others."""
    (own,) = it.index.symbols
    if cond.names & (it.symbols | element_flags(it) | element_names(it)) or not _asks_first(at, cond, own):
        return None
    none = at.decide(Cond.lt(it.length, 1))
    first = _told(at.under(Cond.eq(it.index, 0)), cond.substitute({own: 0}))
    found = [first if none is False else Cond.lt(it.length, 1) | first]
    later = _told(at.under(Cond.ge(it.index, 1)), cond)
    if own not in later.names:
        return [*found, Cond.le(it.length, 1) | later]
    others = Iteration(it.length - 1, it.index, None, None, frozenset())
    return [*found, *_for_all(at, later.substitute({own: it.index + 1}), others)]


def _asks_first(at: Place, cond: Cond, own: str) -> bool:
    """Whether a part of a condition, or a condition that a size in it depends on, parts index 0 from the others."""
    if cond.op in ("and", "or"):
        return any(_asks_first(at, p, own) for p in cond.parts)
    test = first_condition(*cond.dims) if cond.dims else None
    test = cond if test is None else test
    if test.names != {own}:
        return False
    index = symbol(own, 0)
    sides = [at.under(c).decide(test) for c in (Cond.eq(index, 0), Cond.ge(index, 1))]
    return None not in sides and sides[0] is not sides[1]


def _told(at: Place, cond: Cond) -> Cond:
    """A condition without those parts of it that are known."""
    known = at.decide(cond)
    if known is not None:
        return Cond.TRUE if known else Cond.FALSE
    if cond.op in ("and", "or"):
        first, *rest = (_told(at, p) for p in cond.parts)
        for part in rest:
            first = first & part if cond.op == "and" else first | part
        return first
    test = first_condition(*cond.dims) if cond.dims else None
    holds = None if test is None else at.decide(test)
    return cond if test is None or holds is None else _told(at, side(cond, test, holds))


def _every(cond: Cond, it: Iteration) -> Cond:
    """A condition on floats for all iterations; as it is where an element is no function of the index."""
    (own,) = it.index.symbols
    each = cond.substitute(items_at(it, it.index))
    others = it.symbols | element_flags(it) | element_names(it)
    if any(n in others or root(n) in others for n in each.names | each.symbols):
        return cond
    plain = re.sub(r"(_\d+)+$", "", own)  # equal conditions have one text, whatever loop they come from
    if plain != own and plain not in each.names | each.symbols | it.length.names:
        each, own = each.substitute({own: symbol(plain, 0)}), plain
    return Cond.flag(Every(each, own, it.length))


def closed_lists(c: Check, at: Place, before: State, after: State, it: Iteration, node: object) -> State:
    """The state behind an invariant loop: lists have grown by what each iteration appends."""
    result: State = []
    for a, b in zip(before, after, strict=True):
        if isinstance(b, Grown):
            result.append(list_behind(c, at, a, b.added, it, node))
        else:
            result.append(a)
    return result


def list_behind(
    c: Check,
    at: Place,
    before: Value,
    added: list[Value],
    it: Iteration,
    node: object,
    first: list[Value] | None = None,
) -> Value:
    """A list behind the loop that appends to it, in the first iteration something of its own where `first` is given."""
    if not added:
        return before
    not_negative(c, at, it, node)
    start = dim(0 if first is None else 1)
    own = joined(c, at, first or [], appended(c, at, added, it, start, node))
    if own is POISON:
        return POISON
    if isinstance(before, Grown):
        if isinstance(own, list):
            return Grown(before.base, [*before.added, *own])
        return c.error(
            "E0310",
            "a list that grows in a loop inside another loop has no formula for its items",
            node,
            help="gather the items of the inner loop in a list of their own",
        )
    return joined(c, at, before, own)


def appended(c: Check, at: Place, added: list[Value], it: Iteration, start: Dim, node: object) -> Value:
    """What the iterations of a loop append, from one of them on."""
    if runs_inside(c, it, added):
        return no_formula_inside(c, node)
    length = it.length - start
    if length.const is not None and length.const <= MAX_UNROLLED:
        return [item_along(it, a, start + k) for k in range(length.const) for a in added]
    index = another(c, it.index)
    items = [item_along(it, a, start + index) for a in added]
    if varies_along(it, items):
        return no_formula_for_items(c, node)
    if len(items) == 1:
        return Mapped(index, length, items[0])
    if all(same(at, items[0], i) for i in items) and not type_symbols(items[0]) & index.symbols:
        return Mapped(index, length * len(items), items[0])
    return c.error(
        "E0310",
        f"each iteration appends {len(items)} items of different types, for which there is no one formula",
        node,
        help="make a list for each of them",
    )


def begun(c: Check, it: Iteration) -> None:
    """Note which running sizes are not of loops inside one that begins."""
    it.before = c.block.running.some


def runs_inside(c: Check, it: Iteration, value: Value) -> bool:
    """Whether a value has sizes of loops inside an iteration, which each iteration has its own of."""
    inner = c.block.running.some - (it.before or frozenset())
    return bool(type_symbols(value) & inner)


def no_formula_inside(c: Check, node: object) -> Value:
    """A mistake: items whose sizes loops inside them give."""
    return c.error(
        "E0403",
        "a loop inside gives each of these items sizes of its own, for which no formula was found",
        node,
        help="make them alike before they are kept, say with a mean over that dim",
    )


def no_formula_for_items(c: Check, node: object) -> Value:
    """A mistake: items that are no function of their place."""
    return c.error(
        "E0403",
        "these items are parts of others, whose number is not known",
        node,
        help="go through the list itself where they are used",
    )


def item_along(it: Iteration, item: Value, index: Dim) -> Value:
    """What one iteration makes, at an index in place of the loop's own."""
    (own,) = it.index.symbols
    return substitute(item, {**items_at(it, index), own: index})


def not_negative(c: Check, at: Place, it: Iteration, node: object) -> None:
    """A formula in the number of iterations holds from 0 on: `range` of a negative number is empty."""
    cond = Cond.ge(it.length, 0)
    known = at.decide(cond)
    if known is None:
        owe(c, at, cond, f"the loop runs {it.length} times, so {cond}", node, False)
    elif known is False:
        c.error("E0310", f"the number of iterations is negative: {it.length}", node)


def at_least_one(c: Check, at: Place, it: Iteration, node: object) -> None:
    """An empty list is the identity: where the type changes, there must be an iteration."""
    cond = Cond.ge(it.length, 1)
    known = at.decide(cond)
    if known is None:
        owe(c, at, cond, f"at least one iteration is needed, as it changes the type: {cond}", node, False)
    elif known is False:
        c.error("E0310", "the loop changes a type, so it needs at least one iteration", node)
