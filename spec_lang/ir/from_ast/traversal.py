"""Who loops: lists of layers that are run, `for`, comprehensions."""

from __future__ import annotations

from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.base import NeedsValue
from spec_lang.ir.from_ast.iteration import (
    MAX_UNROLLED,
    Grown,
    Iteration,
    State,
    element_values,
    reindexed,
)
from spec_lang.ir.from_ast.loops import Loops
from spec_lang.ir.from_ast.module_values import at_index
from spec_lang.ir.from_ast.op_calls import Args
from spec_lang.ir.from_ast.values import (
    POISON,
    ListModule,
    Mapped,
    RepeatModule,
    Value,
    is_list,
    is_module,
    substitute,
)
from spec_lang.shapes import Cond, Dim, dim, symbol
from spec_lang.shapes.linear import symbol_in
from spec_lang.syntax import ast


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


class Traversal(Loops):
    """The users of the engine."""

    def run_repeat(self, module: RepeatModule, args: Args, node: ast.Expr) -> Value:
        """A list of layers is run in order, each with the same further arguments."""
        if not args.values:
            return self.error("E0511", f"{module.label} is run on a tensor, and gets nothing", node)
        (own,) = module.index.symbols
        name = own.rstrip("0123456789_") or own
        index = self.fresh(name, 0)
        self.index_symbols = {**self.index_symbols, own: module.index}
        item = at_index(module.item, {own: index})
        inner = module.iteration
        element = reindexed(inner.element, own, index)
        it = Iteration(module.length, index, element, inner.known, inner.symbols)
        it.owner = module.node

        def body(state: State, _: Value) -> State | None:
            step = args.with_first(state[0])
            out = self.nested_list(node) if is_list(item) else self.run(item, step, node)
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

        def body(state: State, element: Value) -> State | None:
            assert self.locals is not None
            heads = [self._head(s) if n in growing else s for n, s in zip(names, state, strict=True)]
            self.locals = dict(zip(names, heads, strict=True))
            self.loops = dict(outer)
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
        return Grown(value, []) if isinstance(value, list) and not self.unrolled else value

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
            elif name in self.dims:
                self.hides_dim(target)
                return False
            elif name in self.lets:
                hides = f"the `let` called `{name}`"
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
        variable = symbol_in(element, own)
        offset = element - (symbol(own, 0) if variable is None else variable)
        if offset.const is not None:
            self.loop_names.setdefault(own, (name, offset))

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
        outer, outside, member = self.loops, self.inside, self.member
        mark = self.mark()
        kept = {k: list(v) for k, v in self.cells.items()} if it.known is not None else None
        try:
            with self.given(Cond.lt(it.index, it.length)):
                if not self.bind_target(generator.target, it.element, generator.iterable):
                    return POISON
                self.inside = (*outside, (node, None))
                key = None if node.key is None else self.ev(node.key)
                item = self.ev(node.value)
        finally:
            self.loops, self.inside = outer, outside
        if item is POISON or key is POISON:
            errors, broken = self.diagnostics[mark.reported :], self.tainted
            if it.known is not None and len(it.known) <= MAX_UNROLLED and kept is not None:
                self.rollback(mark)
                self.cells = kept
                found = self._each(node, it)
                if found is not POISON:
                    return found
                self.rollback(mark)
                self.diagnostics += errors
                self.tainted |= broken
            return POISON
        self.close(mark, it)
        if is_module(item) or item is None:
            return self._repeated(node, it, item, member, key)
        if it.known is not None and len(it.known) <= host.MAX_LIST:
            (own,) = it.index.symbols
            return [
                substitute(item, {own: dim(k), **element_values(it.element, e)})
                for k, e in enumerate(it.known)
            ]
        if it.symbols:
            raise NeedsValue(frozenset({getattr(value, "text", "")}))
        if it.length.const is not None and it.length.const > host.MAX_LIST:
            return self.error(
                "E0802",
                f"a list of {it.length.const:,} items is too long: at most {host.MAX_LIST:,}",
                generator.iterable,
            )
        self.not_negative(it, generator.iterable)
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
            item = self._item(node)
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

    def _item(self, node: ast.Comprehension) -> Value:
        """One item, for the values that the variables have now."""
        outer = self.inside
        self.inside = (*outer, (node, self.loops))
        try:
            return self.ev(node.value)
        finally:
            self.inside = outer

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
            item = self._item(node)
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
