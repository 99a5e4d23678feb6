"""Calls of the library's functions: binding, cases, inference, and what an op refuses."""

from __future__ import annotations

from collections.abc import Callable

from spec_lang.diagnostics import Label
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.base import Mark, NeedsValue
from spec_lang.ir.from_ast.expressions import Expressions, type_text
from spec_lang.ir.from_ast.values import (
    POISON,
    Case,
    FunctionRef,
    Mapped,
    Maybe,
    OpModule,
    Value,
)
from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Function, OpError
from spec_lang.ops.kinds import Choice
from spec_lang.shapes import (
    BroadcastError,
    Cond,
    DType,
    MixedPrecision,
    TensorType,
    TooLarge,
    Undefined,
)
from spec_lang.syntax import ast


class Args:
    """Evaluated arguments, each with the place where it was written."""

    __slots__ = ("bad", "kwargs", "named", "nodes", "values")

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.nodes: list[ast.Expr] = []
        self.kwargs: dict[str, Value] = {}
        self.named: dict[str, ast.Expr] = {}
        self.bad = False

    def places(self, names: list[str]) -> dict[str, ast.Expr]:
        """Where each argument was written, by its parameter's name."""
        return dict(zip(names, self.nodes, strict=False)) | self.named

    def with_values(self, values: list[Value], kwargs: dict[str, Value]) -> Args:
        """Other values at the same places."""
        other = Args()
        other.values, other.kwargs, other.nodes, other.named = values, kwargs, self.nodes, self.named
        return other

    def with_first(self, value: Value) -> Args:
        """The same further arguments behind another first one: each layer of a list gets them."""
        return self.with_values([value, *self.values[1:]], self.kwargs)

    def replacing(self, new: dict[int, Value]) -> Args:
        """With the values that have a replacement, by identity, replaced."""
        return self.with_values(swap(self.values, new), swap_named(self.kwargs, new))


ERRORS = (OpError, MixedPrecision, BroadcastError, TooLarge, Undefined)


BY_KEYWORD = frozenset({"E0512", "E0513", "E0515"})
"""Mistakes in an argument's name."""


BY_ARGUMENT = frozenset({"E0303", "E0520"})
"""Mistakes in an argument, whatever flows in."""


WITHOUT_TRAIL = frozenset({"E0510", "E0511", "E0512", "E0513", "E0514", "E0515", "E0516", "E0520"})
"""Mistakes that no shape explains."""


def _within(inner: object, outer: object) -> bool:
    a, b = inner.span, outer.span  # type: ignore[attr-defined]  # nodes have spans
    return bool(b.start <= a.start and a.end <= b.end)


def swap(values: list[Value], new: dict[int, Value]) -> list[Value]:
    """Values, those that have a replacement (by identity) replaced."""
    return [new.get(id(v), v) for v in values]


def swap_named(values: dict[str, Value], new: dict[int, Value]) -> dict[str, Value]:
    """As `swap`, for named values."""
    return {k: new.get(id(v), v) for k, v in values.items()}


def _op_value(value: Value) -> Value:
    """A value as ops take it."""
    if isinstance(value, OpModule):
        return value.ready or value.layer
    if isinstance(value, FunctionRef) and value.builtin in ("int", "float", "bool"):
        return DType.named(value.builtin)
    if isinstance(value, Mapped):
        length = value.length.const
        if length is not None and length <= 256:
            return value.first(length)
    return value


class OpCalls(Expressions):
    """Infers what functions of the library give."""

    def call_op(
        self,
        name: str,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.Expr,
        places: dict[str, ast.Expr] | None = None,
        label: str | None = None,
    ) -> Value:
        """The type of what a function of the library gives."""
        op = self.program.functions.get(name)
        label = label or name
        if op is None:
            return self.error("E0203", f"{label} is not in the library", node)
        return self.infer_op(op, args, kwargs, node, places or {}, label)

    def infer_op(
        self,
        op: type[Function],
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.Expr,
        places: dict[str, ast.Expr],
        label: str,
    ) -> Value:
        if POISON in args or POISON in kwargs.values():
            return POISON
        case = self.split_case([*args, *kwargs.values()])
        if case is not None:
            cond, yes, no = case

            def again(new: dict[int, Value]) -> Value:
                return self.infer_op(op, swap(args, new), swap_named(kwargs, new), node, places, label)

            mark = self.mark()
            result = self.both(cond, lambda: again(yes), lambda: again(no), node)
            if None in yes.values() and self.refused_none(mark):
                maybe = next(v for v in (*args, *kwargs.values()) if isinstance(v, Maybe))
                place = next((n for n in places.values() if self.resolved.get(id(n)) is maybe), node)
                return self.present(maybe, place)
            return result
        cx = Cx(self.facts, label)
        try:
            result = signature.bind(
                op, [_op_value(a) for a in args], {k: _op_value(v) for k, v in kwargs.items()}
            ).infer(cx)
        except signature.NeedsCase as needs:
            return self.needs_case(
                needs.value, args, kwargs, lambda a, k: self.infer_op(op, a, k, node, places, label), node
            )
        except ERRORS as error:
            if isinstance(error, OpError):
                error.help = error.help or op.helps.get(error.arg or error.code)
            return self.op_error(error, self.stage(node), places, label, [*args, *kwargs.values()])
        self.take_open(cx, node, label)
        first = next((a for a in args if isinstance(a, TensorType)), None)
        return self.keep_trail(result, first, label)

    def refused_none(self, mark: Mark) -> bool:
        """Whether all that went wrong since the mark is that an op takes no none; it is forgotten then."""
        found = self.diagnostics[mark.reported :]
        if not found or any(d.code != "E0514" or not d.message.endswith("not none") for d in found):
            return False
        self.rollback(mark)
        return True

    def keep_trail(self, result: Value, before: Value, label: str) -> Value:
        """Note what a tensor came from; a result that is the input itself is no step."""
        if isinstance(result, TensorType):
            result = self.tidied(result)
            if result is not before:
                self.came[id(result)] = (result, before, label)
            return result
        if isinstance(result, tuple | list):
            for part in result:
                if isinstance(part, TensorType):
                    self.came[id(part)] = (part, before, label)
        return result

    def split_case(self, values: list[Value]) -> tuple[Cond, dict[int, Value], dict[int, Value]] | None:
        """The first argument that is one thing or another, as replacements by identity for both cases."""
        for value in values:
            if isinstance(value, Case):
                return value.cond, {id(value): value.yes}, {id(value): value.no}
            if isinstance(value, Maybe):
                return value.absent, {id(value): None}, {id(value): value.value}
        return None

    def needs_case(
        self,
        value: Cond | Choice,
        args: list[Value],
        kwargs: dict[str, Value],
        again: Callable[[list[Value], dict[str, Value]], Value],
        node: ast.Expr,
    ) -> Value:
        """Check once for each value of a condition or choice that an op needs concretely."""

        def with_value(v: Value) -> Value:
            new = {id(a): v for a in [*args, *kwargs.values()] if a is value or a == value}
            return again(swap(args, new), swap_named(kwargs, new))

        if isinstance(value, Cond):
            return self.both(value, lambda: with_value(True), lambda: with_value(False), node)
        if not value.options:
            raise NeedsValue(frozenset({value.text}))
        return self._each_option(value, value.options, with_value, node)

    def _each_option(
        self, choice: Choice, options: tuple[str, ...], run: Callable[[Value], Value], node: ast.Expr
    ) -> Value:
        if len(options) == 1:
            return run(options[0])
        cond = host.choice_is(choice, options[0])
        assert isinstance(cond, Cond)
        return self.both(
            cond, lambda: run(options[0]), lambda: self._each_option(choice, options[1:], run, node), node
        )

    def both(self, cond: Cond, yes: Callable[[], Value], no: Callable[[], Value], node: object) -> Value:
        """Run under a condition and under its negation, and join; a case that cannot be is not run."""
        known = self.decide(cond)
        if known is not None:
            return yes() if known else no()
        with self.given(cond, branch=True):
            dead = self.facts.contradictory
            a = POISON if dead else yes()
        with self.given(~cond, branch=True):
            if self.facts.contradictory:
                return a
            b = no()
        if dead:
            return b
        if a is POISON or b is POISON:
            return POISON
        return self.join(cond, a, b, node)

    def take_open(self, cx: Cx, node: object, label: str) -> None:
        for cond in cx.open:
            self.owe(cond, f"{label} needs {cond}", node, False)

    def has_said(self, code: str, message: str) -> bool:
        """Whether the same is reported of another place already, which is enough."""
        return any(d.code == code and d.message == message for d in self.diagnostics)

    def op_error(
        self,
        error: Exception,
        node: object,
        places: dict[str, ast.Expr],
        label: str,
        inputs: list[Value],
    ) -> Value:
        """Report what an op refuses, with the argument to blame and how its input came to be."""
        notes = self.trails(inputs)
        if isinstance(error, OpError):
            if error.arg == "inplace" and self.has_said(error.code, error.message):
                return POISON
            place = places.get(error.arg or "")
            labels: tuple[Label, ...] = ()
            at = node
            if place is not None and error.code in BY_KEYWORD:
                at = self.program.keywords.get(id(place), place)
            elif place is not None and (error.code.startswith("E05") or error.code in BY_ARGUMENT):
                at = place
            elif place is not None and not _within(place, node):
                labels = (self.label(place, f"`{error.arg}` is given here"),)
            if error.code in WITHOUT_TRAIL:
                notes = ()
            return self.error(error.code, error.message, at, labels=labels, notes=notes, help=error.help)
        if isinstance(error, MixedPrecision):
            return self.error(
                "E0410",
                f"{label} mixes `float`, the model's own precision, with an exact float dtype",
                node,
                notes=notes,
                help="convert one of them: `to(float)`, or `to(f32)` and the like",
            )
        if isinstance(error, BroadcastError):
            shapes = " and ".join(type_text(v) for v in inputs if isinstance(v, TensorType))
            a, b = error.sizes
            return self.error(
                "E0305",
                f"{label} cannot broadcast {shapes}: {a} and {b} differ at axis {error.axis}",
                node,
                notes=notes,
            )
        code = "E0801" if isinstance(error, TooLarge) else "E0803"
        return self.error(code, f"{label}: {error}", node, notes=notes)
