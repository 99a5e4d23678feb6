"""Where one stands while checking: what is known there, and what names mean there. It is passed on, never put aside."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from spec_lang.ir.from_ast.names.scope import Scope
from spec_lang.ir.from_ast.values.value import Case, Maybe, Value
from spec_lang.shapes import Cond, Dim, Facts, Flag, Pack, Verdict
from spec_lang.syntax import ast

Item: TypeAlias = tuple[ast.Comprehension, Mapping[str, Value] | None, int | None]
"""A comprehension that one goes through, and its variables where that is item by item."""


class Mode(Enum):
    """What may stand here."""

    LAYERS = "layers"
    """What is constructed: there are no tensors, and dims that are named are needed."""
    BODY = "body"
    """A method's body, or a function's over tensors."""
    VALUE = "value"
    """A tensor that is computed at construction: a buffer's value."""
    PATH = "path"
    """A path to a layer or a parameter, as `tie` and `init` have it."""


Returns: TypeAlias = tuple[Value, bool, dict[str, Dim], bool]
"""What a body has returned so far, whether, what `_` in its results' types stand for, and whether it is to be gone
through again."""


class Frame:
    """One method: what it declares, and what its body has come to. Outside of methods, an empty one."""

    __slots__ = (
        "absent",
        "declared",
        "is_tuple",
        "last_pass",
        "nodes",
        "own_dims",
        "present",
        "required",
        "retry",
        "returned",
        "untyped",
        "value",
        "wild",
        "wild_values",
    )

    def __init__(self) -> None:
        self.own_dims: frozenset[str] | None = None
        """The dims that the inputs bind; None outside of methods."""
        self.required: dict[str, Value] = {}
        """The types of the inputs that every call has."""
        self.absent: dict[Flag, list[Dim]] = {}
        """The dims that are 0 where an input is absent."""
        self.present: dict[Flag, list[Dim]] = {}
        """The dims that are at least 1 where an input is there."""
        self.untyped = False
        """Whether an input's type is mistaken, so that the dims which it would have bound are unknown."""
        self.declared: list[Value] | None = None
        """The results' types as they are written."""
        self.nodes: tuple[ast.Type, ...] = ()
        self.is_tuple = False
        self.value: Value = None
        """What is returned, where no results are declared."""
        self.returned = False
        self.wild: set[str] = set()
        """The symbols that `_` in types stand for."""
        self.wild_values: dict[str, Dim] = {}
        self.retry = False
        """Whether something was asked for that a later statement may determine."""
        self.last_pass = False

    def returns(self) -> Returns:
        """What the body has come to so far."""
        return self.value, self.returned, dict(self.wild_values), self.retry

    def restore(self, returns: Returns) -> None:
        """Forget what code came to that is never taken."""
        self.value, self.returned, self.wild_values, self.retry = returns


class Place:
    """A point of a definition. All but `frame` and the tables `locals` and `bound` is replaced, never changed."""

    __slots__ = (
        "bound",
        "facts",
        "frame",
        "inside",
        "locals",
        "looped",
        "loops",
        "member",
        "mode",
        "parted",
        "partial",
        "path",
        "scope",
        "taken",
        "unrolled",
    )

    def __init__(self, scope: Scope, mode: Mode, facts: Facts | None = None) -> None:
        self.scope = scope
        self.mode = mode
        self.facts = Facts.NONE if facts is None else facts
        self.path: tuple[Cond, ...] = ()
        """The conditions of the branches that one is in: what is owed is owed under them."""
        self.locals: dict[str, Value] = {}
        self.partial: frozenset[str] = frozenset()
        """Names that one branch of an `if` defines, and the other does not."""
        self.looped: frozenset[str] = frozenset()
        """Names of the definition that a loop gives other values."""
        self.bound: dict[str, Dim | Pack] = {}
        """Dims that annotations bind."""
        self.loops: Mapping[str, Value] = {}
        """The variables of the loops around."""
        self.parted = False
        """Whether this is gone through again, for other parts of a list."""
        self.unrolled = False
        """Whether an iteration is gone through that stands for itself only."""
        self.taken = True
        """Whether this may run: what never does asks for no check of another definition."""
        self.inside: tuple[Item, ...] = ()
        """The comprehensions around."""
        self.member = ""
        """The layer that is being constructed."""
        self.frame = Frame()

    # --- other places ---

    def fork(self) -> Place:
        """The same place, with tables of its own."""
        other = self._again()
        other.locals, other.bound = dict(self.locals), dict(self.bound)
        return other

    def adopt(self, other: Place) -> None:
        """Go on from where another has come to."""
        self.facts, self.path = other.facts, other.path
        self.partial, self.looped = other.partial, other.looped
        self.locals, self.bound, self.loops = other.locals, other.bound, other.loops

    def under(self, *conds: Cond | bool) -> Place:
        """The same place with more facts."""
        other = self._again()
        for cond in conds:
            other.assume(cond)
        return other

    def branch(self, *conds: Cond | bool) -> Place:
        """The same place with more facts; what is owed there is owed under them only."""
        other = self.under(*conds)
        other.path = (*self.path, *(Cond.of(c) if isinstance(c, bool) else c for c in conds))
        return other

    def within(self, scope: Scope) -> Place:
        """The same place, where names of definitions mean what they mean in another file."""
        other = self._again()
        other.scope = scope
        return other

    def by_parts(self) -> Place:
        """The same place, where what is gone through is one part of a list among others."""
        other = self._again()
        other.parted = True
        return other

    def one_by_one(self) -> Place:
        """The same place, where an iteration stands for itself only."""
        other = self._again()
        other.unrolled = True
        return other

    def constructing(self, member: str) -> Place:
        """The same place, where a member is constructed."""
        other = self._again()
        other.member = member
        return other

    def computing(self) -> Place:
        """The same place, where a tensor is computed at construction."""
        other = self.fork()
        other.mode = Mode.VALUE
        return other

    def iteration(self) -> Place:
        """The same place inside a loop, whose variables are its own."""
        return self._again()

    def _again(self) -> Place:
        other = object.__new__(Place)
        other.bound = self.bound
        other.facts = self.facts
        other.frame = self.frame
        other.inside = self.inside
        other.locals = self.locals
        other.looped = self.looped
        other.loops = self.loops
        other.member = self.member
        other.mode = self.mode
        other.partial = self.partial
        other.path = self.path
        other.scope = self.scope
        other.taken = self.taken
        other.parted = self.parted
        other.unrolled = self.unrolled
        return other

    # --- what is known ---

    @property
    def sees_members(self) -> bool:
        """Whether a name may mean a layer: those that are constructed do not know each other."""
        return self.mode is Mode.BODY or self.mode is Mode.PATH

    def assume(self, cond: Cond | bool) -> None:
        """A fact from here on."""
        self.facts = self.assuming(Cond.of(cond) if isinstance(cond, bool) else cond)

    def assuming(self, cond: Cond) -> Facts:
        """The facts and one more, with what the absence of an input says about its dims."""
        facts = self.facts.assume(cond)
        absent = self.frame.absent
        if not absent:
            return facts
        for part in cond.parts if cond.op == "and" else (cond,):
            if part.said is not None:
                for d in absent.get(part.said, ()):
                    facts = facts.assume(Cond.eq(d, 0))
            elif part.op == "not" and (said := part.parts[0].said) is not None:
                for d in self.frame.present.get(said, ()):
                    facts = facts.assume(Cond.ge(d, 1))
        return facts

    def decide(self, cond: Cond | bool) -> bool | None:
        """The truth of a condition here, None where it is open."""
        if isinstance(cond, bool):
            return cond
        verdict = self.facts.decide(cond)
        return None if verdict is Verdict.OPEN else verdict is Verdict.PROVED

    def resolve(self, value: Value) -> Value:
        """A value without the cases that the facts decide."""
        while isinstance(value, Case | Maybe | Cond):
            if isinstance(value, Case):
                known = self.decide(value.cond)
                if known is None:
                    return value
                value = value.yes if known else value.no
            elif isinstance(value, Maybe):
                known = self.decide(value.absent)
                if known is None:
                    return value
                if known:
                    return None
                value = value.value
            else:
                known = self.decide(value)
                return value if known is None else known
        return value
