"""Loops: lists of layers run in order, `for`, comprehensions. Nothing is unrolled that an invariant proves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.calls import Args
from spec_lang.ir.from_ast.uses import Uses
from spec_lang.ir.from_ast.values import (
    POISON,
    Cell,
    Enumerate,
    ListModule,
    Mapped,
    Range,
    RepeatModule,
    SymList,
    Value,
    Zip,
    is_module,
    substitute,
)
from spec_lang.shapes import Cond, Dim, TensorType, dim, opaque, symbol
from spec_lang.syntax import ast

MAX_UNROLLED = 64
State = list[Value]
Body = Callable[[State], State | None]


class Iteration:
    """What a loop goes over: its length, and the element at the symbol `index`.

    `known` are the elements where they are known one by one.
    """

    __slots__ = ("element", "index", "known", "length", "owner", "symbols")

    def __init__(
        self, length: Dim, index: Dim, element: Value, known: Sequence[Value] | None, symbols: frozenset[str]
    ) -> None:
        self.length = length
        self.index = index
        self.element = element
        self.known = known
        self.symbols = symbols
        """Symbols of elements that no formula in the index gives (`for n in depths`)."""
        self.owner: ast.Comprehension | None = None
        """The comprehension whose layers are gone through: where a running size would be kept."""


class Grown:
    """A list inside a loop: what it was at the head, and what this iteration has appended."""

    __slots__ = ("added", "base")

    def __init__(self, base: Value, added: list[Value]) -> None:
        self.base = base
        self.added = added


class Carried:
    """A size that changes along a list of layers: a running variable of the generated constructor."""

    __slots__ = ("index", "name", "next", "owner", "start")

    def __init__(self, name: str, start: Dim, next: Dim, index: Dim, owner: ast.Comprehension | None) -> None:
        self.owner = owner
        self.name = name
        self.start = start
        self.next = next
        self.index = index


class Loops(Uses):
    """The engine: invariance first, else peel one iteration, else a closed form verified by induction."""

    carried: dict[str, Carried]
    """Running sizes by their symbol."""

    # --- what is iterated over ---

    def iteration(self, value: Value, name: str, node: ast.Expr) -> Iteration | None:
        """How a value is gone through; its mistake is reported."""
        value = self.resolve(value)
        if value is POISON:
            return None
        if isinstance(value, Range):
            length = self.range_length(value)
            plain = self.facts.simplify(length)
            length = plain if plain.const is not None else length
            index = self.fresh(name, 0)
            known: Sequence[Value] | None = None
            if length.const is not None and length.const <= MAX_UNROLLED:
                known = [value.start + value.step * k for k in range(length.const)]
            return Iteration(length, index, value.start + value.step * index, known, frozenset())
        if isinstance(value, Enumerate):
            inner = self.iteration(value.items, name, node)
            if inner is None:
                return None
            known = None
            if inner.known is not None:
                known = [(value.start + k, v) for k, v in enumerate(inner.known)]
            element = None if inner.element is None else (value.start + inner.index, inner.element)
            return Iteration(inner.length, inner.index, element, known, inner.symbols)
        if isinstance(value, Zip):
            return self._zipped(value, name, node)
        if isinstance(value, SymList):
            return self._over_symbols(value, name)
        if isinstance(value, Mapped):
            index = self.fresh(name, 0)
            (own,) = value.index.symbols
            return Iteration(value.length, index, substitute(value.item, {own: index}), None, frozenset())
        if isinstance(value, RepeatModule):
            from spec_lang.ir.from_ast.modules import at_index

            index = self.fresh(name, 0)
            (own,) = value.index.symbols
            self.index_symbols = {**self.index_symbols, own: value.index}
            inner = value.iteration
            known = [at_index(value.item, {own: dim(k)}) for k in range(len(inner.known or ()))]
            item = at_index(value.item, {own: index})
            it = Iteration(value.length, index, item, known or None, inner.symbols)
            it.owner = value.node
            return it
        if isinstance(value, ListModule) and value.kind != "dict":
            value = value.items
        if isinstance(value, list | tuple):
            return self._over_known(list(value), name)
        if isinstance(value, TensorType):
            self.error("E0405", "a loop goes over what is known without the data, and this is a tensor", node)
        else:
            self.error("E0403", f"a loop cannot go over {host.kind_of(value)}", node)
        return None

    def _over_symbols(self, value: SymList, name: str) -> Iteration:
        index = self.fresh(f"{name}_index", 0)
        element = self.symbolic(self._element_name(value.text, name), value.item)
        if isinstance(element, Dim):
            self.element_symbols |= element.symbols
            return Iteration(value.length, index, element, None, element.symbols)
        return Iteration(value.length, index, element, None, frozenset())

    def _element_name(self, text: str, name: str) -> str:
        return str(self.fresh(name))

    def _over_known(self, items: list[Value], name: str) -> Iteration:
        index = self.fresh(f"{name}_index", 0)
        length = dim(len(items))
        if items and all(isinstance(i, Dim) and i.const is not None for i in items):
            consts = [i.const for i in items if isinstance(i, Dim) and i.const is not None]
            if len(set(consts)) == 1:
                return Iteration(length, index, items[0], items, frozenset())
            element = self.fresh(name, min(consts), max(consts))
            self.element_symbols |= element.symbols
            return Iteration(length, index, element, items, element.symbols)
        element_ = items[0] if items and all(_same_object(i, items[0]) for i in items) else None
        return Iteration(length, index, element_, items, frozenset())

    def _zipped(self, value: Zip, name: str, node: ast.Expr) -> Iteration | None:
        parts = [self.iteration(p, f"{name}", node) for p in value.parts]
        if any(p is None for p in parts):
            return None
        found = [p for p in parts if p is not None]
        length = found[0].length
        for p in found[1:]:
            if not self.facts.equal(p.length, length):
                self.error("E0403", f"`zip` of lists of different lengths: {length} and {p.length}", node)
                return None
        index = found[0].index
        elements = []
        for p in found:
            (own,) = p.index.symbols
            elements.append(_reindexed(p.element, own, index))
        known = None
        if all(p.known is not None for p in found):
            known = list(zip(*(p.known or () for p in found), strict=False))
        element = None if any(p.element is None for p in found) else tuple(elements)
        symbols = frozenset[str]().union(*(p.symbols for p in found))
        return Iteration(length, index, element, known, symbols)

    def body(self, statements: tuple[ast.Statement, ...]) -> bool:
        raise NotImplementedError

    # --- the engine ---

    def loop(self, state: State, body: Body, it: Iteration, node: object) -> State | None:
        """The state behind a loop; None after a mistake, which is reported."""
        if it.length.const is not None and it.length.const <= 0:
            if it.element is not None:
                self.muted(lambda: body(state))
            return state
        mark = self.mark()
        below = Cond.lt(it.index, it.length)
        if it.element is not None:
            with self.given(below):
                out = body(state)
            if out is not None and not self.failed(mark) and self.same_state(state, out):
                self.close(mark, it, node)
                return self.closed_lists(state, out, it)
            first_errors = self.diagnostics[mark[0] :]
            self.rollback(mark)
            for attempt in (self._peeled, self._generalised):
                result = attempt(state, body, it, node)
                if result is not None and not self.failed(mark):
                    return result
                self.rollback(mark)
        else:
            first_errors = []
        if it.known is not None and len(it.known) <= MAX_UNROLLED:
            result = self._unrolled(state, body, it)
            if result is not None and not self.failed(mark):
                return result
            last_errors = self.diagnostics[mark[0] :]
            if not first_errors:
                return None
            if last_errors and len(last_errors) < len(first_errors):
                first_errors = last_errors
            self.rollback(mark)
        if first_errors:
            self.diagnostics += first_errors
        else:
            self._no_invariant(state, body, it, node)
        return None

    def _no_invariant(self, state: State, body: Body, it: Iteration, node: object) -> None:
        mark = self.mark()
        with self.given(Cond.lt(it.index, it.length)):
            out = body(state)
        self.rollback(mark)
        changes = [(a, b) for a, b in zip(state, out or state, strict=True) if not self._same(a, b)]
        from spec_lang.ir.from_ast.expressions import type_text

        what = "; ".join(f"{type_text(a)} becomes {type_text(b)}" for a, b in changes[:2])
        self.error(
            "E0310",
            f"one iteration changes a type in a way that no formula was found for: {what}",
            node,
            help="keep the type the same in every iteration, or write the iterations out",
        )

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

    def close(self, mark: tuple[int, int, int], it: Iteration, node: object) -> None:
        """Turn what was owed in one iteration into what all of them owe."""
        owed = self.opens[mark[1] :]
        names = it.index.symbols | it.symbols
        if not any(o.cond.symbols & names for o in owed):
            return
        del self.opens[mark[1] :]
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
                env |= _elements(it.element, element)
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
        linear = all(_linear_in(d, own) for d in cond.dims) and not cond.parts
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
        if isinstance(before, list) and not before and n == 1:
            if it.length.const is not None and it.length.const <= MAX_UNROLLED and not (it.symbols):
                (own,) = it.index.symbols
                return [substitute(grown.added[0], {own: dim(k)}) for k in range(it.length.const)]
            return Mapped(it.index, it.length, grown.added[0])
        first = grown.added[0]
        if isinstance(before, list) and all(self._same(x, first) for x in [*before, *grown.added]):
            return Mapped(self.fresh("k", 0), it.length * n + len(before), first)
        return POISON

    def grown(self, old: Value, added: list[Value], node: ast.Expr) -> Value:
        if isinstance(old, Grown):
            return Grown(old.base, [*old.added, *added])
        if isinstance(old, Mapped):
            first = added[0] if added else None
            (own,) = old.index.symbols
            if all(self._same(first, a) for a in added) and self._same(first, old.item):
                return Mapped(old.index, old.length + len(added), old.item)
            if added and old.length.const is not None and old.length.const < 256:
                items = [substitute(old.item, {own: dim(k)}) for k in range(old.length.const)]
                return [*items, *added]
        return self.error("E0403", "what is appended differs from what the list holds", node)

    # --- peeling ---

    def _peeled(self, state: State, body: Body, it: Iteration, node: object) -> State | None:
        """The first iteration on its own, then an invariant for the others."""
        if any(isinstance(s, list) for s in state):
            return None
        mark = self.mark()
        with self.given(Cond.eq(it.index, 0)):
            second = body(self._at_first(state, it))
        if second is None or self.failed(mark):
            return None
        (own,) = it.index.symbols
        second = [substitute(s, {own: dim(0)}) for s in second]
        if any(_symbols_of(s) & it.symbols for s in second):
            return None
        self.close_at(mark, own)
        firsts = self._set_aside(mark)
        if it.length.const != 1:
            inside = self.mark()
            with self.given(Cond.ge(it.index, 1), Cond.lt(it.index, it.length)):
                was, self.unrolled = self.unrolled, True
                out = body(second)
                self.unrolled = was
                if out is None or self.failed(inside) or not self.same_state(second, out):
                    return None
            self.close(inside, it, node)
        self._merge(firsts, it)
        self.at_least_one(it, node)
        return second

    def _at_first(self, state: State, it: Iteration) -> State:
        return state

    def close_at(self, mark: tuple[int, int, int], own: str) -> None:
        """What the first iteration owes, without the index."""
        for o in self.opens[mark[1] :]:
            o.cond = o.cond.substitute({own: 0})

    def _set_aside(self, mark: tuple[int, int, int]) -> list[tuple[Cell, Dim]]:
        """The first iteration's values of `_`, whose cells are emptied for the others."""
        found: list[tuple[Cell, Dim]] = []
        for cell in self.journal[mark[2] :]:
            if cell.value is not None:
                found.append((cell, cell.value))
                cell.value = None
        return found

    def _merge(self, firsts: list[tuple[Cell, Dim]], it: Iteration) -> None:
        for cell, first in firsts:
            if cell.value is None:
                cell.value = first
            elif cell.value != first:
                cell.first = first

    def at_least_one(self, it: Iteration, node: object) -> None:
        """An empty list is the identity: where the type changes, there must be an iteration."""
        cond = Cond.ge(it.length, 1)
        known = self.decide(cond)
        if known is None:
            self.owe(cond, f"at least one iteration is needed, as it changes the type: {cond}", node, False)
        elif known is False:
            self.error("E0310", "the loop changes a type, so it needs at least one iteration", node)

    # --- closed forms ---

    def _generalised(self, state: State, body: Body, it: Iteration, node: object) -> State | None:
        """Sizes that change become symbols at the loop's head; a closed form for them is verified by induction."""
        carried: dict[str, Dim] = {}
        head = state
        for _ in range(4):
            mark = self.mark()
            with self.given(Cond.lt(it.index, it.length)):
                out = body(head)
            if out is None or self.failed(mark):
                return None
            if self._steps(head, out, carried) is None:
                return None
            changed = self._differences(head, out, carried)
            self.rollback(mark)
            if changed is None:
                return None
            if not changed:
                break
            head = self._with_symbols(head, changed, carried, it)
        else:
            return None
        return self._closed(state, head, carried, body, it, node)

    def _steps(self, head: State, out: State, carried: dict[str, Dim]) -> bool | None:
        for a, b in zip(head, out, strict=True):
            if isinstance(b, Grown):
                continue
            if isinstance(a, TensorType) != isinstance(b, TensorType):
                return None
            if isinstance(a, TensorType) and isinstance(b, TensorType):
                if a.dtype is not b.dtype or len(a.shape) != len(b.shape):
                    return None
            elif not self._same(a, b):
                return None
        return True

    def _differences(self, head: State, out: State, carried: dict[str, Dim]) -> list[tuple[int, int]] | None:
        """Where a size that is no symbol yet changes."""
        found: list[tuple[int, int]] = []
        for i, (a, b) in enumerate(zip(head, out, strict=True)):
            if not (isinstance(a, TensorType) and isinstance(b, TensorType)):
                continue
            for j, (x, y) in enumerate(zip(a.shape, b.shape, strict=True)):
                if x == y:
                    continue
                if not (isinstance(x, Dim) and isinstance(y, Dim)):
                    return None
                if str(x) not in carried and not self.facts.equal(x, y):
                    found.append((i, j))
        return found

    def _with_symbols(
        self, head: State, places: list[tuple[int, int]], carried: dict[str, Dim], it: Iteration
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
                s = same[start] = self.fresh("size")
                carried[str(s)] = start
                self.heads[str(s)] = it
            shape = (*tensor.shape[:j], s, *tensor.shape[j + 1 :])
            fresh = TensorType(tensor.dtype, shape)
            if id(tensor) in self.came:
                self.came[id(fresh)] = (fresh, *self.came[id(tensor)][1:])
            result[i] = fresh
        return result

    def _closed(
        self,
        state: State,
        head: State,
        carried: dict[str, Dim],
        body: Body,
        it: Iteration,
        node: object,
    ) -> State | None:
        mark = self.mark()
        with self.given(Cond.lt(it.index, it.length)):
            out = body(head)
        self.rollback(mark)
        if out is None:
            return None
        nexts = self._nexts(head, out, carried)
        if nexts is None:
            return None
        (_own,) = it.index.symbols
        forms = {
            name: self._closed_form(symbol(name), start, nexts[name], it, nexts)
            for name, start in carried.items()
        }
        facts: list[Cond] = [Cond.lt(it.index, it.length)]
        for name, form in forms.items():
            if form is not None:
                facts.append(Cond.eq(symbol(name), form))
        with self.given(*facts):
            out = body(head)
        if out is None or self.failed(mark):
            return None
        self._close_carried(mark, it, forms, node)
        for name in carried:
            self.carried[name] = Carried(
                name, carried[name], self._in_owner(nexts[name], it), it.index, it.owner
            )
        final = {name: self._final(name, carried, nexts, forms[name], it) for name in carried}
        if any(f is not None and f != carried[n] for n, f in final.items()) and any(
            forms[n] is None for n in carried
        ):
            self.at_least_one(it, node)
        result: State = []
        for before, h, o in zip(state, head, out, strict=True):
            if isinstance(o, Grown):
                added = [self._in_closed_form(a, forms) for a in o.added]
                if any(_symbols_of(a) & set(carried) for a in added):
                    return None
                result.append(self._list_behind(before, Grown(before, added), it))
            else:
                result.append(substitute(h, dict(final)))
        return result

    def _in_owner(self, d: Dim, it: Iteration) -> Dim:
        """A formula in a loop's index, in that of the comprehension that made the layers."""
        if it.owner is None:
            return d
        (own,) = it.index.symbols
        return d.substitute({own: self.owner_index[id(it.owner)]})

    def _in_closed_form(self, value: Value, forms: dict[str, Dim | None]) -> Value:
        return substitute(value, {n: f for n, f in forms.items() if f is not None})

    def _nexts(self, head: State, out: State, carried: dict[str, Dim]) -> dict[str, Dim] | None:
        """What each running size is after one iteration."""
        nexts: dict[str, Dim] = {}
        for a, b in zip(head, out, strict=True):
            if not (isinstance(a, TensorType) and isinstance(b, TensorType)):
                continue
            for x, y in zip(a.shape, b.shape, strict=True):
                if str(x) in carried:
                    if not isinstance(y, Dim):
                        return None
                    if str(x) in nexts and not self.facts.equal(nexts[str(x)], y):
                        return None
                    nexts[str(x)] = y
        return nexts if set(nexts) == set(carried) else None

    def _closed_form(self, s: Dim, start: Dim, step: Dim, it: Iteration, nexts: dict[str, Dim]) -> Dim | None:
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
            if self.facts.equal(base, start) and self.facts.equal(after, along):
                return form
        return None

    def _final(
        self, name: str, starts: dict[str, Dim], nexts: dict[str, Dim], form: Dim | None, it: Iteration
    ) -> Dim:
        """The size behind the loop."""
        (own,) = it.index.symbols
        if form is not None:
            return form.substitute({own: it.length})
        if it.known is not None:
            values = dict(starts)
            for k, element in enumerate(it.known):
                env: dict[str, Dim | int] = {own: k, **values, **_elements(it.element, element)}
                values = {n: nexts[n].substitute(env) for n in nexts}
            return values[name]
        step = nexts[name]
        if not step.symbols & set(nexts) and not step.symbols & it.symbols:
            return step.substitute({own: it.length - 1})
        return symbol(name)

    def _close_carried(
        self, mark: tuple[int, int, int], it: Iteration, forms: dict[str, Dim | None], node: object
    ) -> None:
        """What an iteration owes of its running sizes, by their closed forms."""
        for o in self.opens[mark[1] :]:
            o.cond = o.cond.substitute({n: f for n, f in forms.items() if f is not None})
        names = {n for n, f in forms.items() if f is None}
        for o in self.opens[mark[1] :]:
            if o.cond.symbols & names:
                self.error("E0601", f"{o.message}, which is not proved for every iteration", o.place.span)
        self.close(mark, it, node)

    # --- unrolling ---

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
                conds += [Cond.eq(symbol(n), v) for n, v in _elements(it.element, element).items()]
                with self.given(*conds):
                    self.element_now = element
                    out = body(state)
                    self.element_now = None
                if out is None or self.failed(mark):
                    return None
                env = {own: dim(k), **_elements(it.element, element)}
                state = [substitute(_ungrown(s), dict(env)) for s in out]
                for o in self.opens[mark[1] :]:
                    o.cond = o.cond.substitute(env)
                for cell in self.journal[mark[2] :]:
                    if cell.value is not None:
                        seen.setdefault(id(cell), (cell, []))[1].append(cell.value)
                        cell.value = None
        finally:
            self.unrolled = was
        for cell, values in seen.values():
            if not self._fit(cell, values, it):
                return None
        return state

    element_now: Value = None
    """The element of the iteration that is being unrolled, where it has no symbol."""

    def _fit(self, cell: Cell, values: list[Dim], it: Iteration) -> bool:
        """One formula for a `_` whose value differs from iteration to iteration."""
        owner = it.owner or self.cell_owner.get(id(cell))
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
            self.carried[str(s)] = Carried(str(s), first, s + growth, it.index, owner)
            cell.value = s
            return True
        if first.const and values[1].const and values[1].const % first.const == 0:
            factor = values[1].const // first.const
            if all(b == a * factor for a, b in zip(values, rest, strict=False)):
                s = self.fresh(cell.name)
                self.carried[str(s)] = Carried(str(s), first, s * factor, it.index, owner)
                cell.value = s
                return True
        shown = ", ".join(map(str, values[:4]))
        self.error(
            "E0313",
            f"`_` would be {shown} along the list, for which no formula was found",
            cell.node,
            help="write the size out in terms of the loop's variable",
        )
        return False

    # --- users of the engine ---

    def run_repeat(self, module: RepeatModule, args: Args, node: ast.Expr) -> Value:
        """A list of layers is run in order, each with the same further arguments."""
        if not args.values:
            return self.error("E0511", f"{module.label} is run on a tensor, and gets nothing", node)
        from spec_lang.ir.from_ast.modules import at_index

        (own,) = module.index.symbols
        name = own.rstrip("0123456789_") or own
        index = self.fresh(name, 0)
        self.index_symbols = {**self.index_symbols, own: module.index}
        item = at_index(module.item, {own: index})
        inner = module.iteration
        element = _reindexed(inner.element, own, index)
        it = Iteration(module.length, index, element, inner.known, inner.symbols)
        it.owner = module.node

        def body(state: State) -> State | None:
            step = Args()
            step.values, step.nodes = [state[0], *args.values[1:]], args.nodes
            step.kwargs, step.named = args.kwargs, args.named
            out = self.run(item, step, node)
            return None if out is POISON else [out]

        result = self.loop([args.values[0]], body, it, node)
        if result is None:
            return POISON
        return self.keep_trail(result[0], args.values[0], f"{module.label or 'list'} (x {module.length})")

    def for_loop(self, node: ast.For) -> bool:
        """`for x in xs:` over what is known without the data."""
        assert self.locals is not None
        value = self.ev(node.iterable)
        name = node.target.id if isinstance(node.target, ast.Name) else "i"
        it = self.iteration(value, name, node.iterable)
        outer = self.loops
        if it is None:
            self._poison_loop(node)
            return False
        before = dict(self.locals)
        names = list(before)
        bound = dict(self.bound)
        growing = _appended(node.body)

        def body(state: State) -> State | None:
            assert self.locals is not None
            heads = [self._head(s) if n in growing else s for n, s in zip(names, state, strict=True)]
            self.locals = dict(zip(names, heads, strict=True))
            self.loops = dict(outer)
            element = it.element if self.element_now is None else self.element_now
            if not self.bind_target(node.target, element, node.iterable):
                return None
            if self.body(node.body):
                self.error("E0705", "a loop cannot return", node.body[-1])
                return None
            self.bound = dict(bound)
            return [self.locals.get(n, POISON) for n in names]

        result = self.loop([before[n] for n in names], body, it, node.iterable)
        self.loops = outer
        self.bound = bound
        self.locals = dict(zip(names, result or [POISON] * len(names), strict=True))
        if result is None:
            self._poison_loop(node)
        return False

    def _head(self, value: Value) -> Value:
        """A list at a loop's head only grows inside: what is appended is kept apart."""
        return Grown(value, []) if isinstance(value, list) and not self.element_unrolled() else value

    def element_unrolled(self) -> bool:
        return self.unrolled

    def _poison_loop(self, node: ast.For) -> None:
        assert self.locals is not None
        for statement in node.body:
            if isinstance(statement, ast.Assign | ast.Append) and isinstance(statement.target, ast.Name):
                self.locals[statement.target.id] = POISON

    def bind_target(self, target: ast.Target, element: Value, node: ast.Expr) -> bool:
        """Bind a loop's variables to an element."""
        if isinstance(target, ast.Hole):
            return True
        if isinstance(target, ast.Name):
            name = target.id
            hides = None
            if name in self.loops:
                hides = "the variable of the loop around it"
            elif self.locals is not None and name in self.locals:
                hides = f"the local `{name}`"
            elif name in self.dims or name in self.lets:
                hides = f"the dim `{name}`"
            elif name in self.hypers:
                hides = f"the hyperparameter `{name}`"
            if hides is not None:
                self.error("E0206", f"`{name}` would hide {hides}", target, help="use another name")
                return False
            self.loops = {**self.loops, name: element}
            self._note_variable(name, element)
            return True
        if not isinstance(element, tuple | list) or len(element) != len(target.items):
            n = len(element) if isinstance(element, tuple | list) else 1
            self.error("E0403", f"{len(target.items)} names, but each item has {n}", target)
            return False
        return all(self.bind_target(t, e, node) for t, e in zip(target.items, element, strict=True))

    def _note_variable(self, name: str, element: Value) -> None:
        """How the IR writes a loop's symbol."""
        if not isinstance(element, Dim) or len(element.symbols) != 1:
            return
        (own,) = element.symbols
        offset = element - symbol(own, 0)
        for s in _own_symbols(element, own):
            offset = element - s
        if offset.const is not None:
            self.loop_names.setdefault(own, (name, offset))

    # --- comprehensions ---

    def comprehension(self, node: ast.Comprehension) -> Value:
        if len(node.generators) != 1 or node.generators[0].tests:
            return self._expanded(node)
        generator = node.generators[0]
        value = self.ev(generator.iterable)
        name = generator.target.id if isinstance(generator.target, ast.Name) else "i"
        it = self.iteration(value, name, generator.iterable)
        if it is None:
            return POISON
        if it.element is None or (it.known is not None and len(it.known) == 0):
            return self._each(node, it)
        outer, member = self.loops, self.member
        mark = self.mark()
        kept = {k: list(v) for k, v in self.cells.items()} if it.known is not None else None
        try:
            with self.given(Cond.lt(it.index, it.length)):
                if not self.bind_target(generator.target, it.element, generator.iterable):
                    return POISON
                key = None if node.key is None else self.ev(node.key)
                item = self.ev(node.value)
        finally:
            self.loops = outer
        if item is POISON or key is POISON:
            errors = self.diagnostics[mark[0] :]
            if it.known is not None and len(it.known) <= MAX_UNROLLED and kept is not None:
                self.rollback(mark)
                self.cells = kept
                found = self._each(node, it)
                if found is not POISON:
                    return found
                self.rollback(mark)
                self.diagnostics += errors
            return POISON
        self.close(mark, it, generator.iterable)
        if is_module(item) or item is None:
            return self._repeated(node, it, item, member, key)
        if it.known is not None and len(it.known) <= host.MAX_LIST:
            (own,) = it.index.symbols
            return [
                substitute(item, {own: dim(k), **_elements(it.element, e)}) for k, e in enumerate(it.known)
            ]
        if it.symbols:
            from spec_lang.ir.from_ast.base import NeedsValue

            raise NeedsValue(frozenset({getattr(value, "text", "")}))
        if it.length.const is not None and it.length.const > host.MAX_LIST:
            return self.error(
                "E0802",
                f"a list of {it.length.const:,} items is too long: at most {host.MAX_LIST:,}",
                generator.iterable,
            )
        return Mapped(it.index, it.length, item)

    def _repeated(
        self, node: ast.Comprehension, it: Iteration, item: Value, member: str, key: Value
    ) -> Value:
        if item is None:
            return ListModule(member, "list", [], [])
        low = self.decide(Cond.ge(it.length, 0))
        if low is False:
            return self.error("E0507", f"a list of {it.length} layers", node)
        if isinstance(key, str) and it.length.const != 1:
            return self.error(
                "E0205",
                f'every layer here would have the key "{key}"',
                node.key,
                help=f'count them: `f"{key}_{{{it.index}}}"`',
            )
        it.owner = node
        self.owner_index[id(node)] = it.index
        return RepeatModule(member, it.index, it.length, item, node, node.key is not None, it, key)

    def _each(self, node: ast.Comprehension, it: Iteration) -> Value:
        """A comprehension item by item: for short lists of what has no symbol."""
        generator = node.generators[0]
        outer = self.loops
        items: list[Value] = []
        keys: list[str] = []
        for k, element in enumerate(it.known or ()):
            if not self.bind_target(generator.target, element, generator.iterable):
                return POISON
            key = str(k) if node.key is None else self.ev(node.key)
            item = self.ev(node.value)
            self.loops = outer
            if item is POISON or key is POISON:
                return POISON
            items.append(item)
            keys.append(str(key))
        if any(map(is_module, items)):
            present = [(k, i) for k, i in zip(keys, items, strict=True) if i is not None]
            kind = "list" if node.key is None else "dict"
            names = [str(n) for n in range(len(present))] if node.key is None else [k for k, _ in present]
            return ListModule(self.member, kind, [i for _, i in present], names)
        return items

    def _expanded(self, node: ast.Comprehension) -> Value:
        """Several `for`s, or an `if`: item by item."""
        outer = self.loops
        items: list[Value] = []
        keys: list[str] = []
        good = self._nested(node, 0, items, keys)
        self.loops = outer
        if not good:
            return POISON
        if any(map(is_module, items)):
            return ListModule(self.member, "list" if node.key is None else "dict", items, keys)
        return items

    def _nested(self, node: ast.Comprehension, depth: int, items: list[Value], keys: list[str]) -> bool:
        if depth == len(node.generators):
            if len(items) >= 1024:
                self.error("E0802", "this comprehension makes more than 1,024 items", node)
                return False
            key = None if node.key is None else self.ev(node.key)
            item = self.ev(node.value)
            if item is POISON or key is POISON:
                return False
            keys.append(str(len(items)) if key is None else str(key))
            items.append(item)
            return True
        generator = node.generators[depth]
        found = self.known_list(self.ev(generator.iterable), generator.iterable)
        if found is None:
            return False
        outer = self.loops
        for element in found:
            self.loops = outer
            if not self.bind_target(generator.target, element, generator.iterable):
                return False
            holds = True
            for test in generator.tests:
                cond = self.condition(self.ev(test), test)
                if not isinstance(cond, bool):
                    if cond is not POISON:
                        self.error("E0405", "this test is not known when the list is made", test)
                    return False
                holds = holds and cond
            if holds and not self._nested(node, depth + 1, items, keys):
                return False
        self.loops = outer
        return True


def _appended(body: tuple[ast.Statement, ...]) -> set[str]:
    """The lists that a loop's body appends to."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.Append):
            found.add(statement.target.id)
        elif isinstance(statement, ast.For):
            found |= _appended(statement.body)
        elif isinstance(statement, ast.If):
            found |= _appended(statement.body) | _appended(statement.orelse)
    return found


def _own_symbols(d: Dim, name: str) -> list[Dim]:
    return [Dim({(a,): 1}) for m in d.terms for a in m if a.kind == "symbol" and a.name == name]


def _ungrown(value: Value) -> Value:
    if isinstance(value, Grown):
        assert isinstance(value.base, list)
        return [*value.base, *value.added]
    return value


def _reindexed(value: Value, own: str, index: Dim) -> Value:
    if is_module(value):
        from spec_lang.ir.from_ast.modules import at_index

        return at_index(value, {own: index})
    return substitute(value, {own: index})


def _same_object(a: Value, b: Value) -> bool:
    return a is b or (isinstance(a, TensorType) and a == b)


def _elements(element: Value, known: Value) -> dict[str, Dim]:
    """The symbols of an element by their values at one iteration."""
    if isinstance(element, Dim) and isinstance(known, Dim):
        if len(element.symbols) == 1 and str(element) in element.symbols:
            return {str(element): known}
        return {}
    if isinstance(element, tuple) and isinstance(known, tuple):
        found: dict[str, Dim] = {}
        for e, k in zip(element, known, strict=False):
            found |= _elements(e, k)
        return found
    return {}


def _linear_in(d: Dim, name: str) -> bool:
    from spec_lang.ir.from_ast.uses import linear

    return name not in d.symbols or linear(d, name) is not None


def _symbols_of(value: Value) -> frozenset[str]:
    from spec_lang.ir.from_ast.uses import _symbols

    return _symbols(value)


__all__ = ["Carried", "Grown", "Iteration", "Loops", "opaque"]
