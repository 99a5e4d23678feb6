"""Expressions: over hyperparameters and dims, and over tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from spec_lang.ir import operators
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.base import Base, NeedsValue
from spec_lang.ir.from_ast.values import (
    POISON,
    Case,
    Cell,
    FunctionRef,
    ListModule,
    Mapped,
    Maybe,
    OpCtor,
    Range,
    RecordValue,
    RepeatModule,
    SymList,
    Template,
    Value,
    has_tensor,
    is_module,
    is_tensor,
    truth,
)
from spec_lang.ops.kinds import Choice, Real, SliceOf
from spec_lang.shapes import Cond, Dim, DType, Pack, TensorType, TooLarge, Undefined, dim, opaque
from spec_lang.syntax import ast

MAX_DEPTH = 150


class Expressions(Base):
    """`ev` gives an expression's value; what it reports and notes is in `Base`."""

    depth = 0

    def ev(self, node: ast.Expr) -> Value:
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                return self.error("E0801", "this expression is nested too deeply", node)
            value = self.EV[type(node)](self, node)
        except TooLarge as error:
            return self.error("E0801", f"this leads to {error}", node)
        except Undefined as error:
            return self.error("E0803", f"this has no value: {error}", node)
        finally:
            self.depth -= 1
        if isinstance(value, TensorType | tuple | list | Mapped) or is_module(value):
            self.note_type(node, value)
        return value

    def call_op(
        self,
        name: str,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.Expr,
        places: dict[str, ast.Expr] | None = None,
        label: str | None = None,
    ) -> Value:
        raise NotImplementedError

    def module_item(self, module: Value, index: Value, node: ast.Subscript) -> Value:
        raise NotImplementedError

    def comprehension(self, node: ast.Comprehension) -> Value:
        raise NotImplementedError

    def list_module(self, pairs: list[tuple[ast.Expr, Value]]) -> Value:
        raise NotImplementedError

    def dict_module(self, node: ast.Dict) -> Value:
        raise NotImplementedError

    def attribute(self, node: ast.Attribute) -> Value:
        raise NotImplementedError

    def call(self, node: ast.Call) -> Value:
        raise NotImplementedError

    def arrow(self, node: ast.Arrow) -> Value:
        raise NotImplementedError

    # --- leaves ---

    def _number(self, node: ast.Number) -> Value:
        if isinstance(node.value, float):
            return node.value
        try:
            return dim(node.value)
        except TooLarge:
            return self.error("E0801", "this number does not fit 64 bits", node)

    def _fstring(self, node: ast.FString) -> Value:
        parts = [self.ev(p) for p in node.parts]
        if POISON in parts:
            return POISON
        if all(isinstance(p, str | int) or (isinstance(p, Dim) and p.const is not None) for p in parts):
            return "".join(map(str, parts))
        if all(isinstance(p, str | Dim) for p in parts):
            return Template(tuple(p for p in parts if isinstance(p, str | Dim)))
        return Choice("".join(p if isinstance(p, str) else f"{{{p}}}" for p in parts), ())

    def _hole(self, node: ast.Hole) -> Value:
        return self.error(
            "E0307", "`_` stands only for an argument of a layer that what flows in determines", node
        )

    def _name(self, node: ast.Name) -> Value:
        value = self.lookup(node)
        if isinstance(value, Maybe):
            self.resolved[id(node)] = value
        if isinstance(value, Pack):
            return self.error(
                "E0404", f"`*{node.id}` is any number of dims; write `*{node.id}` where dims are listed", node
            )
        return value

    # --- operators ---

    def _unary(self, node: ast.Unary) -> Value:
        a = self.number_of(self.ev(node.operand), node.operand)
        if a is POISON:
            return POISON
        if node.op == "not":
            cond = self.condition(a, node.operand)
            return POISON if cond is POISON else self.host(lambda: host.negation(cond), node)
        if is_tensor(a):
            return (
                a
                if node.op == "+"
                else self.call_op(operators.UNARY[node.op], [a], {}, node, label=f"`{node.op}`")
            )
        if isinstance(a, Case):
            return self.cased(a, lambda x: host.unary(node.op, x), node)
        return self.host(lambda: host.unary(node.op, a), node)

    def _binary(self, node: ast.Binary) -> Value:
        if node.op in ("and", "or"):
            return self._logic(node)
        a, b = self.ev(node.left), self.ev(node.right)
        if a is POISON or b is POISON:
            return POISON
        if is_tensor(a) or is_tensor(b):
            function = operators.BINARY[node.op]
            names = self.program.functions[function].arguments
            sides = dict(zip(names, (node.left, node.right), strict=False))
            return self.call_op(function, [a, b], {}, node, sides, f"`{node.op}`")
        return self.operate(lambda x, y: host.binary(node.op, x, y, self.decide), a, b, node)

    def operate(self, op: Callable[[Value, Value], Value], a: Value, b: Value, node: ast.Expr) -> Value:
        """A binary host operator, through cases."""
        a, b = self.number_of(a, node), self.number_of(b, node)
        if a is POISON or b is POISON:
            return POISON
        if isinstance(a, Case):
            return self.cased(a, lambda x: self.operate(op, x, b, node), node)
        if isinstance(b, Case):
            return self.cased(b, lambda y: self.operate(op, a, y, node), node)
        return self.host(lambda: op(a, b), node)

    def cased(self, case: Case, f: Callable[[Value], Value], node: ast.Expr) -> Value:
        yes = self.host(lambda: f(case.yes), node)
        no = self.host(lambda: f(case.no), node)
        return POISON if POISON in (yes, no) else join_case(case.cond, yes, no)

    def _logic(self, node: ast.Binary) -> Value:
        a = self.condition(self.ev(node.left), node.left)
        if a is POISON:
            self.ev(node.right)
            return POISON
        assert isinstance(a, bool | Cond)
        if isinstance(a, bool):
            if a is (node.op == "or"):
                self.muted(lambda: self.ev(node.right))
                return a
            return self.condition(self.ev(node.right), node.right)
        with self.given(a if node.op == "and" else ~a):
            b = self.condition(self.ev(node.right), node.right)
        if b is POISON:
            return POISON
        assert isinstance(b, bool | Cond)
        return host.conjunction(a, b) if node.op == "and" else host.disjunction(a, b)

    def _compare(self, node: ast.Compare) -> Value:
        left, first, result = self.ev(node.first), node.first, None
        for op, right_node in node.rest:
            right = self.ev(right_node)
            one = self._compared(op, left, right, node, first)
            if one is POISON:
                return POISON
            if result is None:
                result = one
            elif is_tensor(result) or is_tensor(one):
                return self.error("E0402", "comparisons of tensors do not chain; join them with `&`", node)
            else:
                assert isinstance(result, bool | Cond)
                assert isinstance(one, bool | Cond)
                result = host.conjunction(result, one)
            left, first = right, right_node
        return result

    def _compared(self, op: str, a: Value, b: Value, node: ast.Expr, first: ast.Expr) -> Value:
        if a is POISON or b is POISON:
            return POISON
        if op in ("is", "is not") or ((a is None or b is None) and op in ("==", "!=")):
            positive = op in ("is", "==")
            absent = self._absent(a if b is None else b) if a is None or b is None else None
            if absent is None:
                return self.error("E0402", "`is` compares with `none` only; `==` compares values", node)
            self._never_none(a if b is None else b, first)
            return absent if positive else host.negation(absent)
        if is_tensor(a) or is_tensor(b):
            if op in ("in", "not in"):
                return self.error("E0402", "`in` is for lists of hyperparameters, not for tensors", node)
            return self.call_op(operators.COMPARISONS[op], [a, b], {}, node, label=f"`{op}`")
        result = self.operate(lambda x, y: host.compare(op, x, y), a, b, node)
        return self.resolve(result)

    def _never_none(self, value: Value, node: ast.Expr) -> None:
        """An input that every call has is compared with none."""
        if isinstance(node, ast.Name) and value is not None and self.required_inputs.get(node.id) is value:
            self.error(
                "E0406",
                f"`{node.id}` is never none: every call has it",
                node,
                help="leave the comparison out, or make the input optional: `?` behind its type, and `= none`",
            )

    def _absent(self, value: Value) -> Cond | bool:
        """When a value is none."""
        if value is None:
            return True
        if isinstance(value, Maybe):
            return value.absent
        if isinstance(value, Case):
            yes, no = self._absent(value.yes), self._absent(value.no)
            return host.disjunction(host.conjunction(value.cond, yes), host.conjunction(~value.cond, no))
        return False

    def _ifexp(self, node: ast.IfExp) -> Value:
        test = self.condition(self.ev(node.test), node.test)
        if test is POISON:
            self.ev(node.body), self.ev(node.orelse)
            return POISON
        assert isinstance(test, bool | Cond)
        if isinstance(test, bool):
            live, dead = (node.body, node.orelse) if test else (node.orelse, node.body)
            self.muted(lambda: self.ev(dead))
            return self.ev(live)
        with self.given(test, branch=True):
            yes = self.ev(node.body) if not self.facts.contradictory else POISON
        with self.given(~test, branch=True):
            no = self.ev(node.orelse)
        if yes is POISON or no is POISON:
            return POISON
        return self.join(test, yes, no, node)

    def join(self, cond: Cond, yes: Value, no: Value, node: object) -> Value:
        """What is both `yes` where the condition holds and `no` elsewhere."""
        if is_module(yes) or is_module(no) or not (has_tensor(yes) or has_tensor(no)):
            return join_case(cond, yes, no)
        if yes is None or no is None:
            present = yes if no is None else no
            return Maybe(truth_cond(cond if yes is None else ~cond), present)
        joined = self.joined(cond, yes, no)
        if joined is None:
            return self.error(
                "E0308",
                f"the two branches give different types: {type_text(yes)} where {cond}, {type_text(no)} elsewhere",
                node,
                notes=(*self.trail(yes), *self.trail(no)),
            )
        return joined

    def joined(self, cond: Cond, yes: Value, no: Value) -> Value:
        """As `join`, None where there is no common type."""
        if isinstance(yes, tuple | list) and type(yes) is type(no):
            assert isinstance(no, tuple | list)
            if len(yes) != len(no):
                return None
            items: list[Value] = []
            for a, b in zip(yes, no, strict=True):
                one = self.joined(cond, a, b)
                if one is None and not (a is None and b is None):
                    return None
                items.append(one)
            return type(yes)(items)
        if not (isinstance(yes, TensorType) and isinstance(no, TensorType)):
            return yes if yes is no or (yes == no) else None
        if yes.dtype is not no.dtype or len(yes.shape) != len(no.shape):
            return None
        under, other = self.assuming(self.facts, cond), self.assuming(self.facts, ~cond)
        shape: list[Dim | Pack] = []
        for a, b in zip(yes.shape, no.shape, strict=True):
            if a == b:
                shape.append(a)
            elif isinstance(a, Pack) or isinstance(b, Pack):
                return None
            elif other.contradictory or other.equal(a, b):
                shape.append(a)
            elif under.contradictory or under.equal(a, b):
                shape.append(b)
            else:
                return None
        result = TensorType(yes.dtype, tuple(shape))
        return yes if result == yes else no if result == no else result

    # --- collections ---

    def _tuple(self, node: ast.Tuple) -> Value:
        items = self.items(node.items)
        return POISON if items is None else tuple(items)

    def _list(self, node: ast.List) -> Value:
        pairs = self.placed(node.items)
        items = [v for _, v in pairs]
        if POISON in items:
            return POISON
        if self.locals is None and any(map(is_module, items)):
            return self.list_module(pairs)
        return items

    def placed(self, nodes: tuple[ast.Expr, ...]) -> list[tuple[ast.Expr, Value]]:
        """The values of a list's items, each with its place; `*x` is spliced."""
        found: list[tuple[ast.Expr, Value]] = []
        for node in nodes:
            if isinstance(node, ast.Star):
                items = self.known_list(self.ev(node.value), node.value)
                found += [(node, POISON)] if items is None else [(node, v) for v in items]
            else:
                found.append((node, self.ev(node)))
        return found

    def items(self, nodes: tuple[ast.Expr, ...]) -> list[Value] | None:
        """The values of a tuple's items; None after a mistake."""
        found = [v for _, v in self.placed(nodes)]
        return None if POISON in found else found

    def uncounted(self, module: ListModule, node: object) -> Value:
        """A mistake: what counts the items of a list of which one may be none."""
        return self.error(
            "E0406",
            f"{module.label or 'this list'} has a layer that may be none, and none takes no index",
            node,
            help="give the layer a name of its own, or run the list as a whole",
        )

    def known_list(self, value: Value, node: ast.Expr) -> list[Value] | None:
        """A list whose items are known; its mistake is reported."""
        if isinstance(value, list | tuple):
            return list(value)
        if isinstance(value, ListModule) and value.kind != "dict":
            return value.items
        if isinstance(value, Range):
            length = self.range_length(value)
            if length.const is not None and length.const <= host.MAX_LIST:
                return [value.start + value.step * k for k in range(length.const)]
        if isinstance(value, SymList):
            raise NeedsValue(frozenset({value.text}))
        if isinstance(value, RepeatModule) and not value.keyed:
            return [value]
        if value is not POISON:
            kind, help = host.kind_of(value), None
            if isinstance(value, Range):
                kind = f"a range of {self.range_length(value)}"
                help = "two counts are one: `for k in range(a * b)`, with `k // b` and `k % b`"
            message = f"only a list whose items are known can be spread out, not {kind}"
            self.error("E0403", message, node, help=help)
        return None

    def range_length(self, value: Range) -> Dim:
        span = value.stop - value.start if value.step > 0 else value.start - value.stop
        step = abs(value.step)
        length = span if step == 1 else (span + step - 1) // step
        if length.const is not None:
            return dim(max(length.const, 0))
        return length

    def _dict(self, node: ast.Dict) -> Value:
        return self.dict_module(node)

    def _star(self, node: ast.Star) -> Value:
        return self.error("E0403", "`*` spreads a list inside a list, a tuple or a call's arguments", node)

    # --- indexing ---

    def _subscript(self, node: ast.Subscript) -> Value:
        value = self.resolve(self.ev(node.value))
        index = [self.index_item(i) for i in node.index]
        if value is POISON or POISON in index:
            return POISON
        if isinstance(value, Maybe):
            value = self.present(value, node.value)
            if value is POISON:
                return POISON
        if isinstance(value, TensorType):
            return self.call_op(operators.INDEXING, [value, tuple(index)], {}, node, label="indexing")
        if len(index) != 1:
            return self.error("E0403", f"{host.kind_of(value)} takes one index", node)
        if is_module(value):
            return self.module_item(value, index[0], node)
        return self.host_item(value, index[0], node)

    def index_item(self, node: ast.Expr | ast.Slice | ast.Ellipsis) -> Value:
        if isinstance(node, ast.Ellipsis):
            return ...
        if isinstance(node, ast.Slice):
            ends = [None if e is None else self.ev(e) for e in (node.start, node.stop, node.step)]
            if POISON in ends:
                return POISON
            for e, n in zip(ends, (node.start, node.stop, node.step), strict=True):
                if e is not None and not isinstance(e, Dim) and n is not None:
                    return self.error("E0403", f"a slice's ends are ints, not {host.kind_of(e)}", n)
            return SliceOf(*ends)  # type: ignore[arg-type]  # each was just seen to be a Dim or None
        value = self.resolve(self.ev(node))
        if (
            value is POISON
            or value is None
            or isinstance(value, Dim | TensorType | str | Choice | Case | Template)
        ):
            return value
        return self.error("E0403", f"an index is an int, not {host.kind_of(value)}", node)

    def host_item(self, value: Value, index: Value, node: ast.Subscript) -> Value:
        """`xs[i]` of a list or tuple of hyperparameters or tensors."""
        if isinstance(value, SymList):
            return self.sym_item(value, index, node)
        if isinstance(value, Mapped) and isinstance(index, Dim):
            return self.mapped_item(value, index, node)
        if isinstance(value, Range):
            value = self.known_list(value, node.value)
        if isinstance(value, list | tuple):
            if isinstance(index, SliceOf):
                ends = [None if e is None else e.const for e in (index.start, index.stop, index.step)]
                if any(
                    e is not None and c is None
                    for e, c in zip((index.start, index.stop, index.step), ends, strict=False)
                ):
                    return self.error("E0403", "a list is sliced at known places only", node)
                return value[slice(*ends)]
            if isinstance(index, Dim):
                if index.const is None:
                    return self.any_item(list(value), index, node)
                if not -len(value) <= index.const < len(value):
                    return self.error("E0303", f"there is no item {index}: there are {len(value)}", node)
                return value[index.const]
        if isinstance(value, str) and isinstance(index, Dim):
            return self.error("E0403", "strings are not indexed", node)
        return self.error("E0403", f"{host.kind_of(value)} has no items to index", node)

    def any_item(self, items: list[Value], index: Dim, node: ast.Subscript) -> Value:
        """An item at an index that a loop counts: all items must be alike."""
        self.in_range(index, dim(len(items)), node)
        first = items[0] if items else None
        if items and all(i == first for i in items):
            return first
        if items and all(isinstance(i, Dim) for i in items):
            lows = [i.bounds[0] for i in items if isinstance(i, Dim)]
            low = min((x for x in lows if x is not None), default=None) if None not in lows else None
            return opaque("item", index, low=low, text=f"({', '.join(map(str, items))})[{{}}]")
        return self.error("E0403", f"the items differ, so item {index} has no one type", node)

    def in_range(self, index: Dim, length: Dim, node: object) -> None:
        for cond in (Cond.ge(index, 0), Cond.lt(index, length)):
            known = self.decide(cond)
            if known is False:
                self.error("E0303", f"there is no item {index}: there are {length}, counted from 0", node)
            elif known is None:
                self.owe(cond, f"item {index} exists: {cond}", node, False)

    def sym_item(self, value: SymList, index: Value, node: ast.Subscript) -> Value:
        if isinstance(index, Dim):
            found = self.element_of(value, index)
            at = value.length + index if index.const is not None and index.const < 0 else index
            self.in_range(at, value.length, node)
            return found
        raise NeedsValue(frozenset({value.text}))

    def element_of(self, value: SymList, index: Dim) -> Value:
        """One item of a list hyperparameter."""
        if index.const is not None:
            return self.symbolic(f"{value.text}[{index}]", value.item)
        if isinstance(value.item, ast.NamedType | ast.BoundedType):
            low = self.bounds(value.item)[0] if isinstance(value.item, ast.BoundedType) else 1
            return opaque(value.text, index, low=low)
        raise NeedsValue(frozenset({value.text}))

    def symbolic(self, text: str, type: ast.Type) -> Value:
        raise NotImplementedError

    def bounds(self, type: ast.BoundedType) -> tuple[int | None, int | None]:
        raise NotImplementedError

    def mapped_item(self, value: Mapped, index: Dim, node: ast.Subscript) -> Value:
        if index.const is not None and index.const < 0:
            index = value.length + index
        elif self.decide(Cond.ge(index, 0)) is None:
            return self.error("E0403", f"it is not known whether the index {index} counts from the end", node)
        self.in_range(index, value.length, node)
        return value.at(index)

    # --- conversions ---

    def condition(self, value: Value, node: ast.Expr) -> Value:
        """A value as a condition that is known without the data."""
        value = self.resolve(value)
        if value is POISON or isinstance(value, bool | Cond):
            return value
        if isinstance(value, Case):
            yes, no = self.condition(value.yes, node), self.condition(value.no, node)
            if isinstance(yes, bool | Cond) and isinstance(no, bool | Cond):
                return host.disjunction(host.conjunction(value.cond, yes), host.conjunction(~value.cond, no))
            return POISON
        if is_tensor(value) and not isinstance(value, Maybe):
            return self.error(
                "E0405",
                "a condition must be known without the data, and this is a tensor",
                node,
                help="`where(condition, a, b)` chooses element by element; `&`, `|` and `~` join tensors of truths",
            )
        if isinstance(value, Maybe) or value is None:
            return self.error("E0405", "whether it is there is asked by `is none` and `is not none`", node)
        if isinstance(value, Dim):
            return self.error("E0405", f"a condition compares: `{value} != 0`", node)
        return self.error("E0405", f"a condition is true or false, not {host.kind_of(value)}", node)

    def number_of(self, value: Value, node: ast.Expr) -> Value:
        value = self.resolve(value)
        if isinstance(value, Maybe) and not is_tensor(value):
            return self.present(value, node)
        return value

    def present(self, value: Maybe, node: ast.Expr) -> Value:
        """What must be there."""
        return self.error(
            "E0406",
            f"`{self.source.at(node.span)}` may be none here",
            node,
            help=f"use it where it is there: `... if {_present(value.absent)} else ...`",
        )

    def host(self, run: Callable[[], Value], node: ast.Expr) -> Value:
        """A host computation; what it has no value for is reported at the expression."""
        try:
            return self.resolve(run())
        except host.HostError as error:
            return self.error(error.code, error.message, node)
        except TooLarge as error:
            return self.error("E0801", f"this is {error}", node)
        except Undefined as error:
            return self.error("E0803", f"this has no value: a {error}", node)

    EV: ClassVar[dict[type, Callable[[Expressions, ast.Expr], Value]]]


def _present(absent: Cond) -> str:
    """How a spec asks that something is there."""
    text = str(absent)
    return (
        f"{text[:-8]} is not none" if text.endswith(" is none") and " " not in text[:-8] else f"not ({text})"
    )


def join_case(cond: Cond, yes: Value, no: Value) -> Value:
    """One of two values, the same where they are."""
    if yes is no or (
        type(yes) is type(no) and isinstance(yes, Dim | str | float | bool | DType) and yes == no
    ):
        return yes
    if isinstance(yes, bool | Cond) and isinstance(no, bool | Cond):
        return host.disjunction(host.conjunction(cond, yes), host.conjunction(~cond, no))
    if isinstance(yes, float | Real) and isinstance(no, float | Real):
        return Real(f"({host.text(yes)} if {cond} else {host.text(no)})")
    if isinstance(yes, OpCtor) and isinstance(no, OpCtor) and yes.op is no.op:
        return yes
    if (
        isinstance(yes, FunctionRef)
        and isinstance(no, FunctionRef)
        and yes.op is no.op
        and yes.op is not None
    ):
        return yes
    return Case(cond, yes, no)


def truth_cond(cond: Cond) -> Cond:
    """A condition in its plainest form: TRUE or FALSE where it is known without facts."""
    known = truth(cond)
    return Cond.of(known) if isinstance(known, bool) else known


def type_text(value: Value) -> str:
    """A type as the author would write it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(type_text, value))})"
    if isinstance(value, list):
        return f"[{', '.join(map(type_text, value))}]"
    if isinstance(value, Mapped):
        return f"[{type_text(value.item)} for {value.index} in range({value.length})]"
    if isinstance(value, Maybe):
        return f"{type_text(value.value)}?"
    if isinstance(value, TensorType | Pack):
        return str(value)
    if isinstance(value, RecordValue):
        return value.definition.name
    if isinstance(value, Cell):
        return "_"
    return host.kind_of(value)


_EV: dict[type, object] = {
    ast.Name: Expressions._name,
    ast.Number: Expressions._number,
    ast.String: lambda self, node: node.value,
    ast.FString: Expressions._fstring,
    ast.Constant: lambda self, node: node.value,
    ast.Hole: Expressions._hole,
    ast.Unary: Expressions._unary,
    ast.Binary: Expressions._binary,
    ast.Compare: Expressions._compare,
    ast.IfExp: Expressions._ifexp,
    ast.Call: lambda self, node: self.call(node),
    ast.Arrow: lambda self, node: self.arrow(node),
    ast.Attribute: lambda self, node: self.attribute(node),
    ast.Subscript: Expressions._subscript,
    ast.Star: Expressions._star,
    ast.Tuple: Expressions._tuple,
    ast.List: Expressions._list,
    ast.Dict: Expressions._dict,
    ast.Comprehension: lambda self, node: self.comprehension(node),
}
Expressions.EV = _EV  # type: ignore[assignment]  # each method takes the node of its key
