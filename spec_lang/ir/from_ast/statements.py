"""The bodies of methods and tensor functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.expressions import type_text
from spec_lang.ir.from_ast.iteration import Grown
from spec_lang.ir.from_ast.traversal import Traversal
from spec_lang.ir.from_ast.values import (
    POISON,
    Mapped,
    Maybe,
    Value,
    has_tensor,
    is_module,
    is_tensor,
)
from spec_lang.shapes import Cond, Dim, Pack, TensorType, TooLarge, Undefined
from spec_lang.syntax import ast


class Statements(Traversal):
    """Runs statements; a body's `True` says that every path through it returns."""

    result_types: list[Value] | None = None
    result_nodes: tuple[ast.Type, ...] = ()
    result_value: Value = None
    results_tuple = False
    returned = False

    def body(self, statements: tuple[ast.Statement, ...]) -> bool:
        for i, statement in enumerate(statements):
            if self._returns(statement):
                if i + 1 < len(statements):
                    self.error("E0705", "this is never reached: what is above returns", statements[i + 1])
                return True
        return False

    def _returns(self, statement: ast.Statement) -> bool:
        """Run one statement; sizes that what it does to the state leads to are reported at it."""
        try:
            return self.RUN[type(statement)](self, statement)
        except TooLarge as error:
            self.error("E0801", f"this leads to {error}", statement)
        except Undefined as error:
            self.error("E0803", f"this has no value: {error}", statement)
        return False

    # --- assignment ---

    def _assign(self, node: ast.Assign) -> bool:
        value = self.ev(node.value)
        if node.type is not None:
            value = self.annotated(node, value)
        self.assign(node.target, value, node.value)
        return False

    def assign(self, target: ast.Target, value: Value, node: ast.Expr) -> None:
        assert self.locals is not None
        self.told(value, node)
        if isinstance(target, ast.Hole):
            return
        if isinstance(target, ast.Name):
            self.locals[target.id] = value if self.may_name(target) else POISON
            return
        items: list[Value] | None
        if value is POISON:
            items = [POISON] * len(target.items)
        elif isinstance(value, tuple | list):
            items = list(value)
        elif isinstance(value, Mapped) and value.length.const is not None and value.length.const < 256:
            items = value.first(value.length.const)
        elif isinstance(value, TensorType):
            items = self._unstacked(value, len(target.items), node)
        else:
            self.error("E0403", f"this is {host.kind_of(value)}, which does not unpack", node)
            items = None
        if items is not None and len(items) != len(target.items):
            self.error(
                "E0403",
                f"{len(target.items)} names on the left, but {len(items)} values on the right",
                target,
                help="what is inside has brackets of its own: `y, (h, c) = ...`"
                if any(isinstance(i, tuple | list) for i in items)
                else None,
            )
            items = None
        for t, v in zip(target.items, items or [POISON] * len(target.items), strict=True):
            self.assign(t, v, node)

    def _unstacked(self, value: TensorType, n: int, node: ast.Expr) -> list[Value] | None:
        """`q, k, v = x`: along the first axis, as PyTorch does."""
        first = value.shape[0] if value.shape else None
        if not isinstance(first, Dim):
            self.error("E0403", f"{value} does not unpack: its first size is not known", node)
            return None
        if not self.facts.equal(first, n):
            self.error(
                "E0301",
                f"{n} names on the left, but {value} has {first} along its first axis",
                node,
                help=f"`chunk({n}, dim=-1)` splits another axis",
            )
            return None
        return [value.with_shape(value.shape[1:]) for _ in range(n)]

    def told(self, value: Value, node: ast.Expr) -> None:
        """What has no type has a reason, which was reported: else nothing may be built on it."""
        if value is POISON and not (self.diagnostics or self.tainted):
            self.error("E0714", "the type of this cannot be told", node)

    def may_name(self, target: ast.Name) -> bool:
        """A local may not hide a dim or the variable of a loop."""
        name = target.id
        if name in self.loops:
            self.error(
                "E0206", f"`{name}` would hide the variable of a loop", target, help="use another name"
            )
        elif name in self.dims or name in self.bound:
            self.hides_dim(target)
        elif name in self.lets:
            self.error(
                "E0206", f"`{name}` would hide the `let` called `{name}`", target, help="use another name"
            )
        else:
            return True
        return False

    def annotated(self, node: ast.Assign, value: Value) -> Value:
        """`x: float[N, K] = value`: a checked assertion; a new name binds the size that is there."""
        assert node.type is not None
        if value is POISON:
            self.bind_poison(node.type)
            return POISON
        if isinstance(node.type, ast.TensorType) and isinstance(value, TensorType):
            self._bind_new(node, node.type, value)
        declared = self.type_of(node.type)
        if declared is POISON:
            return POISON
        if not self.same_type(declared, value, node.value, "this annotation", node.type):
            return POISON
        return value

    def bind_poison(self, type: ast.Type) -> None:
        """The dims that a mistaken assignment would have bound are not unknown."""
        if isinstance(type, ast.TensorType):
            for d in type.dims:
                if isinstance(d, ast.Name) and self.find(d.id) is None:
                    fresh = self.fresh(d.id)
                    self.dynamic.add(str(fresh))
                    self.bound[d.id] = fresh

    def _bind_new(self, node: ast.Assign, type: ast.TensorType, value: TensorType) -> None:
        new: list[tuple[str, tuple[int, ...], int]] = []
        rank = len(type.dims)
        for i, d in enumerate(type.dims):
            if not isinstance(d, ast.Name) or self.find(d.id) is not None:
                continue
            packed = any(isinstance(s, ast.Star) for s in type.dims[: i + 1])
            at = i - rank if packed else i
            if -len(value.shape) <= at < len(value.shape):
                size = value.shape[at]
                if isinstance(size, Dim):
                    self.bound[d.id] = size
                    new.append((d.id, (), at))
        self.dims_bound[id(node)] = new

    def same_type(
        self, declared: Value, value: Value, node: object, what: str, type: ast.Type | None = None
    ) -> bool:
        """Whether a value has a declared type, reporting where not; `_` in it takes what is there."""
        value = self.resolve(value)
        if value is POISON or declared is POISON:
            return False
        if self.fits(declared, value):
            return True
        notes = self.trails([value])
        found = type_text(value) if has_tensor(value) else host.kind_of(value)
        code, hint = "E0308", None
        first = value[0] if isinstance(value, tuple) and not isinstance(node, ast.Tuple) else None
        if isinstance(declared, TensorType) and isinstance(first, TensorType) and self.fits(declared, first):
            hint = "the first of them fits: `y, _ = ...` takes it"
        if isinstance(declared, TensorType) and isinstance(value, TensorType):
            code, hint = self._difference(declared, value)
        self.error(
            code,
            f"{what} says {type_text(declared)}, but this is {found}",
            node,
            labels=() if type is None else (self.label(type, "declared here"),),
            notes=notes,
            help=hint,
        )
        return False

    def _difference(self, declared: TensorType, value: TensorType) -> tuple[str, str | None]:
        if declared.dtype is not value.dtype:
            return "E0401", f"`to({declared.dtype})` converts"
        if len(declared.shape) != len(value.shape):
            return "E0302", None
        for a, b in zip(declared.shape, value.shape, strict=True):
            if isinstance(a, Dim) and isinstance(b, Dim) and not self.facts.equal(a, b):
                cond = Cond.eq(b, a)
                if self.decide(cond) is None and not (a.symbols | b.symbols) & self.dynamic:
                    return (
                        "E0308",
                        f"`{a}` and `{b}` must be equal for all values of their names; `_` takes what is there",
                    )
        return "E0308", None

    def fits(self, declared: Value, value: Value) -> bool:
        if isinstance(declared, TensorType):
            if not isinstance(value, TensorType) or declared.dtype is not value.dtype:
                return False
            return len(declared.shape) == len(value.shape) and all(
                map(self._fits_size, declared.shape, value.shape)
            )
        if isinstance(declared, Maybe):
            if value is None:
                return True
            return self.fits(declared.value, value.value if isinstance(value, Maybe) else value)
        if isinstance(declared, tuple | list):
            if isinstance(value, Mapped) and self.facts.equal(value.length, len(declared)):
                value = value.first(len(declared))
            if not isinstance(value, tuple | list) or len(declared) != len(value):
                return False
            return all(map(self.fits, declared, value))
        if isinstance(declared, Mapped):
            return self._fits_list(declared, value)
        return declared is value or declared == value

    def _fits_list(self, declared: Mapped, value: Value) -> bool:
        if isinstance(value, Mapped):
            item = value.at(declared.index)
            with self.given(Cond.lt(declared.index, declared.length)):
                return self.facts.equal(declared.length, value.length) and self.fits(declared.item, item)
        if isinstance(value, list):
            items = declared.first(len(value))
            return self.facts.equal(declared.length, len(value)) and all(map(self.fits, items, value))
        return False

    def _fits_size(self, declared: Dim | Pack, value: Dim | Pack) -> bool:
        if isinstance(declared, Pack) or isinstance(value, Pack):
            return declared == value
        if declared == value or str(declared) in self.wild:
            return True
        return self.facts.equal(declared, value)

    # --- other statements ---

    def _append(self, node: ast.Append) -> bool:
        assert self.locals is not None
        value = self.ev(node.value)
        old = self.locals.get(node.target.id)
        if old is None and node.target.id not in self.locals:
            self.error(
                "E0201",
                f"there is no list `{node.target.id}` to append to",
                node.target,
                help=f"start it with `{node.target.id} = []`",
            )
            self.locals[node.target.id] = POISON
            return False
        self.refs[id(node.target)] = "local"
        if value is POISON or old is POISON:
            self.locals[node.target.id] = POISON
        elif isinstance(old, list) and isinstance(value, list):
            self.locals[node.target.id] = [*old, *value]
        elif isinstance(old, Mapped | Grown) and isinstance(value, list):
            self.locals[node.target.id] = self.grown(old, value, node.value)
        elif is_tensor(old):
            hint = f"write `{node.target.id} = {node.target.id} + ...`"
            shown = type_text(old)
            self.error("E0403", f"`+=` appends to a list, and `{node.target.id}` is {shown}", node, help=hint)
            self.locals[node.target.id] = POISON
        else:
            self.error("E0403", "`+=` appends a list to a list: `skips += [x]`", node)
            self.locals[node.target.id] = POISON
        return False

    def _require(self, node: ast.Require) -> bool:
        self.require(node)
        return False

    def require(self, node: ast.Require) -> None:
        """A condition of the author's: a fact from here on, owed by every use where it is not proved."""
        cond = self.condition(self.ev(node.test), node.test)
        if cond is POISON:
            return
        assert isinstance(cond, bool | Cond)
        known = self.decide(cond)
        message = node.message.value if node.message is not None else str(cond)
        if known is False:
            shown = self.source.at(node.test.span)
            notes = () if str(cond) in ("false", "False") or isinstance(cond, bool) else (f"it is `{cond}`",)
            self.error("E0602", f"`{shown}` never holds", node.test, notes=notes)
        at = self.time(cond) if isinstance(cond, Cond) else "init"
        self.required[id(node)] = known, at
        if known is None and isinstance(cond, Cond):
            place = self.label(node.test, "required here")
            self.facts = self.assuming(self.facts, cond)
            self.owe(cond, message, place, True)

    def _return(self, node: ast.Return) -> bool:
        value = self.ev(node.value)
        self.returned = True
        self.told(value, node.value)
        if value is POISON:
            self.result_value = POISON
            return True
        if self.result_types is None:
            self._inferred_result(value, node)
            return True
        declared = self.result_types
        if len(declared) == 1 and not self.results_tuple:
            self.same_type(declared[0], value, node.value, "the result's type", self.result_nodes[0])
            self._take_wild(declared[0], value)
            return True
        if not isinstance(value, tuple | list) or len(value) != len(declared):
            n = len(value) if isinstance(value, tuple | list) else 1
            self.error(
                "E0309",
                f"{len(declared)} results are declared, but {n} {'is' if n == 1 else 'are'} returned",
                node.value,
                labels=(self.label(self.result_nodes[0], "declared here"),),
            )
            return True
        nodes = node.value.items if isinstance(node.value, ast.Tuple) else [node.value] * len(declared)
        for d, v, n_, t in zip(declared, value, nodes, self.result_nodes, strict=False):
            self.same_type(d, v, n_, "the result's type", t)
            self._take_wild(d, v)
        return True

    def _take_wild(self, declared: Value, value: Value) -> None:
        """What `_` in a result's type stands for, from the first return on."""
        if isinstance(declared, TensorType) and isinstance(value, TensorType):
            for d, v in zip(declared.shape, value.shape, strict=False):
                if isinstance(d, Dim) and str(d) in self.wild and isinstance(v, Dim):
                    self.wild_values.setdefault(str(d), v)
        elif isinstance(declared, tuple | list) and isinstance(value, tuple | list):
            for d_, v_ in zip(declared, value, strict=False):
                self._take_wild(d_, v_)

    def _inferred_result(self, value: Value, node: ast.Return) -> None:
        if self.result_value is None:
            self.result_value = value
        elif self.result_value is not POISON and not self.fits(self.result_value, value):
            self.error(
                "E0308",
                f"one return gives {type_text(self.result_value)}, this one {type_text(value)}",
                node.value,
            )

    wild_values: dict[str, Dim]

    # --- branches ---

    def _if(self, node: ast.If) -> bool:
        test = self.condition(self.ev(node.test), node.test)
        assert self.locals is not None
        if test is POISON:
            before = dict(self.locals)
            self.muted(lambda: self.body(node.body))
            self.muted(lambda: self.body(node.orelse))
            self.locals = {**dict.fromkeys(self.locals, POISON), **before}
            return False
        assert isinstance(test, bool | Cond)
        if isinstance(test, bool):
            live, dead = (node.body, node.orelse) if test else (node.orelse, node.body)
            saved = dict(self.locals)
            kept = self.result_value, self.returned
            self.muted(lambda: self.body(dead))
            self.result_value, self.returned = kept
            self.locals = saved
            return self.body(live)
        return self._branches(test, node)

    def _branches(self, test: Cond, node: ast.If) -> bool:
        assert self.locals is not None
        before, bound = dict(self.locals), dict(self.bound)
        with self.given(test, branch=True):
            first = self.body(node.body)
        then, self.locals = self.locals, dict(before)
        self.bound = dict(bound)
        with self.given(~test, branch=True):
            second = self.body(node.orelse)
        other = self.locals
        self.bound = bound
        if first and second:
            return True
        if first or second:
            self.locals = other if first else then
            rest = ~test if first else test
            self.facts = self.assuming(self.facts, rest)
            self.path = [*self.path, rest]
            return False
        self.locals = self._joined_locals(test, then, other, node)
        return False

    def _joined_locals(
        self, test: Cond, then: dict[str, Value], other: dict[str, Value], node: ast.If
    ) -> dict[str, Value]:
        result: dict[str, Value] = {}
        self.partial |= set(then) ^ set(other)
        for name, a in then.items():
            if name not in other:
                continue
            b = other[name]
            if a is b:
                result[name] = a
            elif a is POISON or b is POISON:
                result[name] = POISON
            else:
                joined = self.joined_or_case(test, a, b)
                if joined is None:
                    self.error(
                        "E0308",
                        f"`{name}` is {type_text(a)} where {test}, and {type_text(b)} elsewhere",
                        node.test,
                        notes=(*self.trail(a), *self.trail(b)),
                        help="give it one type in both branches, or another name in one",
                    )
                    joined = POISON
                result[name] = joined
        return result

    def joined_or_case(self, test: Cond, a: Value, b: Value) -> Value:
        if is_module(a) or is_module(b) or not (has_tensor(a) or has_tensor(b)) or a is None or b is None:
            return self.join(test, a, b, self.definition.node)
        return self.joined(test, a, b)

    RUN: ClassVar[dict[type, Callable[[Statements, ast.Statement], bool]]]


_RUN: dict[type, object] = {
    ast.Assign: Statements._assign,
    ast.Append: Statements._append,
    ast.Return: Statements._return,
    ast.Require: Statements._require,
    ast.If: Statements._if,
    ast.For: lambda self, node: self.for_loop(node),
}
Statements.RUN = _RUN  # type: ignore[assignment]  # each method takes the node of its key
