"""Applying fixes: only safe ones, and only where what comes of it has fewer mistakes than before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spec_lang.diagnostics import Diagnostic, Fix, Source
from spec_lang.diagnostics.fix import applied

ROUNDS = 20
"""Times that a text is mended anew: a mistake may hide another one."""
TRIED = 40
"""Fixes that are tried one by one in a round."""

Diagnose = Callable[[Source], Sequence[Diagnostic]]


def mended(source: Source, diagnose: Diagnose) -> tuple[Source, list[Fix]]:
    """A source with its safe fixes applied, and which they were.

    Of several ways to mend one mistake none is safe, unless it is the only one that leaves fewer mistakes.
    """
    done: list[Fix] = []
    found = diagnose(source)
    for _ in range(ROUNDS):
        better = _all_at_once(source, found, diagnose) or _one(source, found, diagnose)
        if better is None:
            break
        source, found, used = better
        done += used
    return source, done


Better = tuple[Source, Sequence[Diagnostic], list[Fix]]


def _all_at_once(source: Source, found: Sequence[Diagnostic], diagnose: Diagnose) -> Better | None:
    return _tried(source, found, [f for d in found for f in d.fixes[:1] if f.safe], diagnose)


def _one(source: Source, found: Sequence[Diagnostic], diagnose: Diagnose) -> Better | None:
    """The first safe fix, or the only one of several, that helps."""
    for d in [d for d in found if d.fixes][:TRIED]:
        fixes = [f for f in d.fixes if f.safe] if len(d.fixes) == 1 else d.fixes
        helpful = [b for f in fixes if (b := _tried(source, found, [f], diagnose)) is not None]
        if len(helpful) > 1:
            least = min(_count(b[1]) for b in helpful)
            helpful = [b for b in helpful if _count(b[1]) == least]
        if len(helpful) == 1:
            return helpful[0]
    return None


def _tried(
    source: Source, found: Sequence[Diagnostic], fixes: list[Fix], diagnose: Diagnose
) -> Better | None:
    """A source with these fixes, if it has fewer mistakes."""
    text, used = applied(source, fixes)
    if not used or text == source.text:
        return None
    changed = Source(source.name, text)
    left = diagnose(changed)
    return (changed, left, used) if _count(left) < _count(found) else None


def _count(found: Sequence[Diagnostic]) -> tuple[int, int]:
    """How many mistakes there are: first those that keep a part from being read, behind which others hide."""
    return sum(d.code < "E02" for d in found), len(found)
