"""Conditional dims: `a if c else b`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spec_lang.shapes.atom import IF, Atom, intern
from spec_lang.shapes.dim import Dim, atomic
from spec_lang.shapes.replace import rewrite

if TYPE_CHECKING:
    from spec_lang.shapes.cond import Cond


def conditional(cond: Cond, yes: Dim, no: Dim) -> Dim:
    """`yes` where the condition holds, `no` elsewhere.

    Raises:
        TooLarge: over the limits.
    """
    if cond.op in ("true", "false"):
        return yes if cond.op == "true" else no
    yes, no = where(yes, cond, True), where(no, cond, False)
    if yes.terms == no.terms:
        return yes
    (a, b), (c, d) = yes.bounds, no.bounds
    low = None if a is None or c is None else min(a, c)
    high = None if b is None or d is None else max(b, d)
    return atomic(intern(IF, (yes, no), low=low, high=high, cond=cond))


def where(d: Dim, cond: Cond, holds: bool) -> Dim:
    """The dim where a condition holds, or where it does not: what depends on just that is decided.

    Raises:
        Undefined: it has no value there.
    """
    if not d.conditional:
        return d

    def side(atom: Atom) -> Dim | None:
        return rewrite(atom.args[0 if holds else 1], side) if atom.kind == IF and atom.cond == cond else None

    return rewrite(d, side)


def first_condition(*dims: Dim) -> Cond | None:
    """A condition that one of the dims depends on; one inside a dim that another condition chooses comes behind that one."""
    for d in dims:
        if d.conditional:
            for monomial in d.terms:
                for atom in monomial:
                    if atom.kind == IF:
                        return atom.cond
                    found = first_condition(*atom.args)
                    if found is not None:
                        return found
    return None


def substituted(atom: Atom, values: Mapping[Any, object]) -> Dim | None:
    """A conditional dim with names replaced, in its condition too; None where it stays."""
    assert atom.cond is not None
    yes, no = atom.args
    cond = atom.cond.substitute(values)
    if cond.op in ("true", "false"):
        return (yes if cond.op == "true" else no).substitute(values)
    a, b = yes.substitute(values), no.substitute(values)
    return None if a is yes and b is no and cond == atom.cond else conditional(cond, a, b)
