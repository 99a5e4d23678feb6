"""Several `for`s in one comprehension, as one loop over all that they go through."""

from __future__ import annotations

from spec_lang.ir.from_ast.loops.invariants import item_along
from spec_lang.ir.from_ast.loops.iteration import counter
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.elements import elements_at, items_at
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.value import Env, Iteration, Value
from spec_lang.shapes import Cond, Dim, dim
from spec_lang.shapes.sums import summed, written


def flattened(c: Check, at: Place, loops: list[Iteration]) -> Iteration | None:
    """The loops as one, the last the innermost; None where it is not known how many times that runs.

    An element has each loop's element and index. Which of them belong to an index of the whole is a formula where the
    inner loops are as long each time; elsewhere it is known of the first and the last alone.

    Args:
        at: Inside all of them.
    """
    own = frozenset[str]().union(*(it.symbols | it.index.symbols for it in loops))
    sizes: list[Dim] = []  # how many times the loops inside each run for one item of it
    total: Dim | None = dim(1)
    for it in reversed(loops):
        if total is None or at.decide(Cond.ge(it.length, 0)) is not True:
            return None
        sizes.insert(0, total)
        total = _added(it, total, it.length)
    if total is None or total.symbols & own:
        return None
    whole = total
    regular = not any(n.symbols & own for n in (*sizes, *(it.length for it in loops)))
    regular = regular and all(at.decide(Cond.ge(n, 1)) is True for n in sizes)
    some = all(at.decide(Cond.ge(it.length, 1)) is True for it in loops)

    def item(k: Dim) -> Value:
        if regular:
            return _element(
                loops, [k // n if i == 0 else k // n % loops[i].length for i, n in enumerate(sizes)]
            )
        if some and k.const == 0:
            return _element(loops, [dim(0) for _ in loops])
        if some and k == whole - 1:
            return _element(loops, [it.length - 1 for it in loops])
        return None

    element = tuple((it.element, it.index) for it in loops)
    flat = Iteration(whole, counter(c, "index"), element, None, own)
    flat.item = item
    places = [_added(it, size, it.index) for it, size in zip(loops, sizes, strict=True)]
    if None not in places:
        c.block.running.places[str(flat.index)] = sum((p for p in places if p is not None), start=dim(0))
    return flat


def _added(it: Iteration, size: Dim, count: Dim) -> Dim | None:
    """A size for each of a loop's first items, added up; None where it is no function of the item's index."""
    (own,) = it.index.symbols
    size = size.substitute(dict(elements_at(it, it.index)))
    if size.symbols & it.symbols:
        return None
    if own not in size.symbols:
        return count * size
    found = summed(size, own, count)
    return written(size, own, count) if found is None else found


def _element(loops: list[Iteration], places: list[Dim]) -> Value:
    """Each loop's element and index at a place in it; a place may depend on the elements before it."""
    found: list[Value] = []
    env: Env = {}
    for it, there in zip(loops, places, strict=True):
        (own,) = it.index.symbols
        place = there.substitute(env)
        found.append((substitute(item_along(it, it.element, place), env), place))
        env = {**env, **items_at(it, place), own: place}
    return tuple(found)
