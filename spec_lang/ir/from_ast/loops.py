"""Loops: lists of layers run in order, `for`, comprehensions. Nothing is unrolled that an invariant proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec_lang.ir.from_ast.closed_forms import ClosedForms
from spec_lang.ir.from_ast.expressions import type_text
from spec_lang.ir.from_ast.iteration import (
    MAX_UNROLLED,
    Body,
    Carried,
    Grown,
    Iteration,
    State,
    element_values,
    ungrown,
)
from spec_lang.ir.from_ast.values import (
    POISON,
    Cell,
    Value,
    substitute,
)
from spec_lang.shapes import Cond, Dim, dim, symbol
from spec_lang.syntax import ast


class Loops(ClosedForms):
    """The engine: invariance first, else peel one iteration, else a closed form verified by induction."""

    def loop(self, state: State, body: Body, it: Iteration, node: object) -> State | None:
        """The state behind a loop; None after a mistake, which is reported."""
        if it.length.const is not None and it.length.const <= 0:
            if it.element is not None:
                self.muted(lambda: body(state, it.element))
            return state
        mark = self.mark()
        below = Cond.lt(it.index, it.length)
        if it.element is not None:
            with self.given(below):
                out = body(state, it.element)
            if out is not None and not self.failed(mark) and self.same_state(state, out):
                self.close(mark, it)
                return self.closed_lists(state, out, it)
            first_errors = self.diagnostics[mark.reported :]
            broken = self.tainted
            self.rollback(mark)
            for attempt in (self._peeled, self._generalised):
                result = attempt(state, body, it, node)
                if result is not None and not self.failed(mark):
                    return result
                self.rollback(mark)
        else:
            first_errors, broken = [], False
        if it.known is not None and len(it.known) <= MAX_UNROLLED:
            result = self._unrolled(state, body, it)
            if result is not None and not self.failed(mark):
                return result
            last_errors = self.diagnostics[mark.reported :]
            broken |= self.tainted
            if not first_errors:
                self.tainted = broken
                return None
            if last_errors and len(last_errors) < len(first_errors):
                first_errors = last_errors
            self.rollback(mark)
        self.tainted |= broken
        if first_errors:
            self.diagnostics += first_errors
        else:
            self._no_invariant(state, body, it, node)
        return None

    def _no_invariant(self, state: State, body: Body, it: Iteration, node: object) -> None:
        mark = self.mark()
        with self.given(Cond.lt(it.index, it.length)):
            out = body(state, it.element)
        self.rollback(mark)
        pairs = zip(state, out or state, strict=True)
        changes = [(a, b) for a, b in pairs if not self._same(a, b) and not _is_broken(b)]
        if self.tainted and not changes:
            return
        what = "; ".join(f"{type_text(a)} becomes {type_text(b)}" for a, b in changes[:2])
        self.error(
            "E0310",
            f"one iteration changes a type in a way that no formula was found for: {what}",
            node,
            help="keep the type the same in every iteration, or write the iterations out",
        )

    def _unrolled(self, state: State, body: Body, it: Iteration) -> State | None:
        """Each iteration on its own: for short lists whose types differ."""
        assert it.known is not None
        seen: dict[int, tuple[Cell, list[Dim]]] = {}
        (own,) = it.index.symbols
        was, self.unrolled = self.unrolled, True
        try:
            for k, element in enumerate(it.known):
                mark = self.mark()
                conds = [Cond.eq(it.index, k)]
                conds += [Cond.eq(symbol(n), v) for n, v in element_values(it.element, element).items()]
                with self.given(*conds):
                    out = body(state, element)
                if out is None or self.failed(mark):
                    return None
                env = {own: dim(k), **element_values(it.element, element)}
                state = [substitute(ungrown(s), dict(env)) for s in out]
                for o in self.opens[mark.owed :]:
                    o.cond = o.cond.substitute(env)
                for cell in self.journal[mark.determined :]:
                    if cell.value is not None:
                        seen.setdefault(id(cell), (cell, []))[1].append(cell.value)
                        cell.value = None
        finally:
            self.unrolled = was
        for cell, values in seen.values():
            if not self._fit(cell, values, it.index, it.owner or self.cell_owner.get(id(cell))):
                return None
        return state

    def fit_items(self) -> bool:
        """One formula for each `_` and implicit dim of a comprehension that was gone through item by item."""
        for cells in self.cells.values():
            for name in dict.fromkeys(c.name for c in cells):
                same = [c for c in cells if c.name == name]
                known = [(c.first, c.value) for c in same if c.value is not None]
                if not known or not self.item_of[id(same[0])] or all(k == known[0] for k in known):
                    continue
                whole = Cell(name, same[0].node)
                if not self._fit_items(whole, same):
                    return False
                cells.insert(0, whole)
        return True

    def _fit_items(self, whole: Cell, cells: list[Cell]) -> bool:
        values = [c.value for c in cells if c.value is not None]
        items = [self.item_of[id(c)] for c in cells]
        owner = items[0][0][0]
        variables = [i[0][1] for i in items if len(i) == 1 and i[0][0] is owner and i[0][1] is not None]
        if len(variables) < len(cells) or len(values) < len(cells) or any(c.first for c in cells):
            return self._no_formula(whole, values)
        whole.value = self._variable(values, variables)
        if whole.value is not None:
            return True
        if owner.key is not None:  # a dict is one expression, along which nothing runs
            return self._no_formula(whole, values)
        index = self.fresh("k", 0)
        step = self._variable(values[1:], variables)
        if step is None:
            return self._fit(whole, values, index, owner)
        whole.value = running = self.fresh(whole.name)
        self.carried[str(running)] = Carried(str(running), values[0], step, index, owner)
        return True

    def _variable(self, values: list[Dim], variables: Sequence[Mapping[str, Value]]) -> Dim | None:
        """The comprehension's variable that has these values from its first item on."""
        for name in variables[0]:
            if all(self._same(v[name], d) for v, d in zip(variables, values, strict=False)):
                found = self.fresh(name)
                self.loop_names[str(found)] = (name, dim(0))
                return found
        return None

    def _fit(self, cell: Cell, values: list[Dim], index: Dim, owner: ast.Comprehension | None) -> bool:
        """One formula for a `_` whose value differs from iteration to iteration."""
        first = values[0]
        if all(v == first for v in values):
            cell.value = first
            return True
        rest = values[1:]
        if all(v == rest[0] for v in rest):
            cell.first, cell.value = first, rest[0]
            return True
        growth = values[1] - first
        if all(b - a == growth for a, b in zip(values, rest, strict=False)):
            s = self.fresh(cell.name)
            self.carried[str(s)] = Carried(str(s), first, s + growth, index, owner)
            cell.value = s
            return True
        if first.const and values[1].const and values[1].const % first.const == 0:
            factor = values[1].const // first.const
            if all(b == a * factor for a, b in zip(values, rest, strict=False)):
                s = self.fresh(cell.name)
                self.carried[str(s)] = Carried(str(s), first, s * factor, index, owner)
                cell.value = s
                return True
        return self._no_formula(cell, values)

    def _no_formula(self, cell: Cell, values: list[Dim]) -> bool:
        shown = ", ".join(map(str, values[:4]))
        what = "`_`" if isinstance(cell.node, ast.Hole) else f"`{cell.name}`"
        self.error(
            "E0313",
            f"{what} would be {shown} along the list, for which no formula was found",
            cell.node,
            help=self._written_out(cell),
        )
        return False


def _is_broken(value: Value) -> bool:
    """Whether a mistake that was reported made this, or an item that a list got."""
    return value is POISON or (isinstance(value, Grown) and POISON in value.added)
