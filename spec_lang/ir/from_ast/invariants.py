"""What stays the same in every iteration, and what each iteration owes."""

from __future__ import annotations

from spec_lang.ir.from_ast.base import Mark
from spec_lang.ir.from_ast.iteration import (
    MAX_UNROLLED,
    Grown,
    Iteration,
    Iterations,
    State,
    element_values,
    is_linear_in,
)
from spec_lang.ir.from_ast.values import (
    POISON,
    Mapped,
    Value,
    is_module,
)
from spec_lang.shapes import Cond, Dim, TensorType
from spec_lang.syntax import ast


class Invariants(Iterations):
    """Compares the states at a loop's head and end."""

    def same_state(self, a: State, b: State) -> bool:
        return len(a) == len(b) and all(map(self._same, a, b))

    def _same(self, a: Value, b: Value) -> bool:
        if a is b:
            return True
        if isinstance(b, Grown):
            return b.base is a
        if isinstance(a, TensorType) and isinstance(b, TensorType):
            if a.dtype is not b.dtype or len(a.shape) != len(b.shape):
                return False
            return all(
                x == y or (isinstance(x, Dim) and isinstance(y, Dim) and self.facts.equal(x, y))
                for x, y in zip(a.shape, b.shape, strict=True)
            )
        if isinstance(a, tuple | list) and isinstance(b, tuple | list):
            return type(a) is type(b) and len(a) == len(b) and all(map(self._same, a, b))
        if isinstance(a, Dim) and isinstance(b, Dim):
            return self.facts.equal(a, b)
        return type(a) is type(b) and not is_module(a) and a == b

    def close(self, mark: Mark, it: Iteration) -> None:
        """Turn what was owed in one iteration into what all of them owe."""
        owed = self.opens[mark.owed :]
        names = it.index.symbols | it.symbols
        if not any(o.cond.symbols & names for o in owed):
            return
        del self.opens[mark.owed :]
        for o in owed:
            if not o.cond.symbols & names:
                self.opens.append(o)
                continue
            for cond in self._for_all(o.cond, it):
                known = self.decide(cond)
                if known is False:
                    self.error("E0601", f"{o.message}, which does not hold in every iteration", o.place.span)
                elif known is None and cond.symbols & names:
                    self.error(
                        "E0601",
                        f"{o.message}, which is not proved for every iteration",
                        o.place.span,
                        help="state it for all of them with a `require`",
                    )
                elif known is None:
                    self.owe(cond, o.message, o.place, o.stated)

    def _for_all(self, cond: Cond, it: Iteration) -> list[Cond]:
        """A condition for each iteration, or for the first and the last where it is linear in the index."""
        (own,) = it.index.symbols
        if it.known is not None and len(it.known) <= MAX_UNROLLED:
            found: list[Cond] = []
            for k, element in enumerate(it.known):
                env: dict[str, Dim | int | Cond] = {own: k}
                env |= element_values(it.element, element)
                found.append(cond.substitute(env))
            return list(dict.fromkeys(found))
        if cond.op == "or":
            # A premise about the index may be dropped: what is left is owed in any case.
            parts = [p for p in cond.parts if not p.symbols & (it.index.symbols | it.symbols)]
            if parts:
                kept = parts[0]
                for part in parts[1:]:
                    kept = kept | part
                return [kept]
        linear = all(is_linear_in(d, own) for d in cond.dims) and not cond.parts
        if cond.is_bound and linear:
            return [cond.substitute({own: 0}), cond.substitute({own: it.length - 1})]
        return [cond]

    def closed_lists(self, before: State, after: State, it: Iteration) -> State:
        """The state behind an invariant loop: lists have grown by what each iteration appends."""
        result: State = []
        for a, b in zip(before, after, strict=True):
            if isinstance(b, Grown):
                result.append(self._list_behind(a, b, it))
            else:
                result.append(a)
        return result

    def _list_behind(self, before: Value, grown: Grown, it: Iteration) -> Value:
        n = len(grown.added)
        if n == 0:
            return before
        self.not_negative(it, self.definition.node)
        if isinstance(before, list) and not before and n == 1:
            whole = Mapped(it.index, it.length, grown.added[0])
            if it.length.const is not None and it.length.const <= MAX_UNROLLED and not it.symbols:
                return whole.first(it.length.const)
            return whole
        first = grown.added[0]
        if isinstance(before, list) and all(self._same(x, first) for x in [*before, *grown.added]):
            return Mapped(self.fresh("k", 0), it.length * n + len(before), first)
        return POISON

    def grown(self, old: Value, added: list[Value], node: ast.Expr) -> Value:
        if isinstance(old, Grown):
            return Grown(old.base, [*old.added, *added])
        if isinstance(old, Mapped):
            first = added[0] if added else None
            if all(self._same(first, a) for a in added) and self._same(first, old.item):
                return Mapped(old.index, old.length + len(added), old.item)
            if added and old.length.const is not None and old.length.const < 256:
                return [*old.first(old.length.const), *added]
        return self.error("E0403", "what is appended differs from what the list holds", node)

    def not_negative(self, it: Iteration, node: object) -> None:
        """A formula in the number of iterations holds from 0 on: `range` of a negative number is empty."""
        cond = Cond.ge(it.length, 0)
        known = self.decide(cond)
        if known is None:
            self.owe(cond, f"the loop runs {it.length} times, so {cond}", node, False)
        elif known is False:
            self.error("E0310", f"the number of iterations is negative: {it.length}", node)

    def at_least_one(self, it: Iteration, node: object) -> None:
        """An empty list is the identity: where the type changes, there must be an iteration."""
        cond = Cond.ge(it.length, 1)
        known = self.decide(cond)
        if known is None:
            self.owe(cond, f"at least one iteration is needed, as it changes the type: {cond}", node, False)
        elif known is False:
            self.error("E0310", "the loop changes a type, so it needs at least one iteration", node)
