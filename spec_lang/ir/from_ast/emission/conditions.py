"""The conditions that generated code checks: none that others imply, each in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from spec_lang.diagnostics import Span
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.values.value import Owed
from spec_lang.shapes import Cond, Facts, Verdict
from spec_lang.shapes.orders import plain, total
from spec_lang.syntax import ast

Messages: TypeAlias = dict[tuple[str, Span], str | None]
"""By the place of a `require`'s condition, the message that its author gave it."""
_MANY = 48
"""Of more conditions than this, those that others imply are not looked for."""
_NEEDS = " needs "


def needed(owed: Sequence[Owed], known: Sequence[Cond], kept: Sequence[Owed]) -> list[Owed]:
    """Conditions in their plain form, without those that the others imply.

    Args:
        owed: What has to be checked, in its order.
        known: What is checked before.
        kept: Those of `owed` that stay in any case.
    """
    left = _each_once(owed)
    stays = {id(o) for o in kept}
    facts = [c for c in map(plain, known) if total(c)]
    if len(left) + len(facts) <= _MANY:
        candidates = sorted((o for o in left if id(o) not in stays), key=lambda o: o.stated)
        for o in candidates:
            cond = plain(o.cond)
            others = [c for x in left if x is not o and total(c := plain(x.cond))]
            if _implied(cond, [*facts, *others]):
                left = [x for x in left if x is not o]
    found = [o.with_cond(plain(o.cond)) for o in left]
    return sorted(found, key=lambda o: not total(o.cond))


def _each_once(owed: Sequence[Owed]) -> list[Owed]:
    """Without those that say what another one says; the author's stay rather than what an op needs."""
    found: dict[object, Owed] = {}
    for o in owed:
        key = plain(o.cond).key
        if key not in found or (o.stated and not found[key].stated):
            found[key] = o
    return [o for o in owed if found[plain(o.cond).key] is o]


def _implied(cond: Cond, others: Sequence[Cond]) -> bool:
    """Whether a condition follows from others, each of which has a value wherever it is asked for: from one, or from all."""
    near = [o for o in others if o.symbols & cond.symbols] if cond.symbols else others
    if any(_follows(cond, (o,)) for o in near):
        return True
    return len(near) > 1 and _follows(cond, near)


def _follows(cond: Cond, others: Sequence[Cond]) -> bool:
    facts = Facts.NONE
    for other in others:
        facts = facts.assume(other)
    return not facts.contradictory and facts.decide(cond) is Verdict.PROVED


def message(o: Owed, author: str | None) -> str:
    """What is said where a condition does not hold; `author` is the author's own message."""
    if author is not None:
        return author
    if o.stated:
        return words(_without_premises(o))
    wanted = o.cond
    if wanted.op == "or" and " or " not in o.message:  # the others are the branches that it stands in
        wanted = wanted.parts[-1]
    return f"{o.message.split(_NEEDS)[0]} needs {wanted}" if _NEEDS in o.message else words(wanted)


def _without_premises(o: Owed) -> Cond:
    """What the author states, without the branches that it stands in: they are alternatives before it."""
    for k in range(len(o.cond.parts) if o.cond.op == "or" else 0):
        first, *rest = o.cond.parts[k:]
        stated = first
        for part in rest:
            stated = stated | part
        if str(stated) == o.message:
            return stated
    return o.cond


def words(cond: Cond) -> str:
    """A condition in plain words."""
    if cond.op in ("and", "or"):
        return f" {cond.op} ".join(map(words, cond.parts))
    if cond.op == "divides":
        return compared(str(cond.dims[1]), "%", str(cond.dims[0]))
    if len(cond.dims) != 2 or any(d.conditional for d in cond.dims):
        return str(cond)
    a, b = cond.sides()
    return compared(str(a), cond.op, str(b))


_WORDS = {
    "<=": "at most",
    ">=": "at least",
    "<": "less than",
    ">": "more than",
    "==": "",
    "%": "divisible by",
}


_MIRRORED = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "==": "==", "!=": "!="}


def compared(left: str, op: str, right: str) -> str:
    """A comparison in plain words; `%` says that what is left is divisible."""
    if op in _MIRRORED and left[:1].isdigit() and not right[:1].isdigit():
        left, op, right = right, _MIRRORED[op], left
    if op == "!=":
        return f"{left} must not be {right}"
    if op == "==" and not right[:1].isdigit() and not left.startswith("len("):
        return f"{left} must equal {right}"
    length = re.fullmatch(r"len\(([\w.]+)\)", left)
    other = re.fullmatch(r"len\(([\w.]+)\)", right)
    bound = " ".join(w for w in (_WORDS[op], right) if w)
    if length is None:
        return f"{left} must be {bound}"
    if other is not None and op == "==":
        return f"{length[1]} and {other[1]} must have the same number of items"
    if op == "%":
        return f"the number of items of {length[1]} must be {bound}"
    if right == "1":
        bound = " ".join(w for w in (_WORDS[op], "one") if w)
    return f"{length[1]} must have {bound} item{'' if right == '1' else 's'}"


def said(node: ast.Expr, text: Callable[[ast.Expr | ast.Target], str]) -> str:
    """A condition of the author's in plain words; `text` is what stands in the source."""
    match node:
        case ast.Binary(op="and", left=left, right=right):
            return f"{said(left, text)} and {said(right, text)}"
        case ast.Compare(first=ast.Binary(op="%", left=a, right=b), rest=(("==", ast.Number(value=0)),)):
            return compared(text(a), "%", text(b))
        case ast.Compare(first=a, rest=((op, b),)) if op in _WORDS or op == "!=":
            if not isinstance(b, ast.Constant):
                return compared(text(a), op, text(b))
        case ast.Call(func=ast.Name(id="all"), args=(ast.Argument(star="", name=None, value=each),)):
            match each:
                case ast.Comprehension(key=None, value=item, generators=(g,)) if not g.tests:
                    return f"{said(item, text)} for each {text(g.target)} in {text(g.iterable)}"
    return text(node)


def messages(known: Known) -> Messages:
    """What the authors of all files say of their conditions."""
    found: Messages = {}
    for scope in known.scopes:
        for definition in scope.module.tree.definitions:
            source = scope.module.source_of(definition)
            waiting: list[object] = [*getattr(definition, "parts", ()), definition]
            while waiting:
                node = waiting.pop()
                if isinstance(node, ast.Require):
                    found[source.name, node.test.span] = None if node.message is None else node.message.value
                elif isinstance(node, ast.Method | ast.Function):
                    waiting += node.body or ()
                elif isinstance(node, ast.For | ast.If):
                    waiting += (*node.body, *getattr(node, "orelse", ()))
    return found
