"""The names that somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spec_lang.diagnostics.fix import Instead


def closest(name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> str | None:
    """The known name that is nearest to one that is not known, if any is near.

    An alias (another library's word for it) wins, then the same letters in another case or with other
    underscores, then the fewest edits.
    """
    names = sorted(set(known))
    if aliases is not None and aliases.get(name) in names:
        return aliases[name]
    flat = _flat(name)
    for other in names:
        if _flat(other) == flat and other != name:
            return other
    starts = [o for o in names if len(flat) > 3 and o != name and _flat(o).startswith(flat)]
    if starts:
        return min(starts, key=len)
    from difflib import SequenceMatcher

    cutoff = 0.66 if len(flat) <= 3 else 0.7
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(flat)
    best: tuple[float, str] | None = None
    for other in names:
        if other == name:
            continue
        matcher.set_seq1(_flat(other))
        if matcher.real_quick_ratio() < cutoff or matcher.quick_ratio() < cutoff:
            continue
        score = matcher.ratio()
        if score >= cutoff and (best is None or score > best[0]):
            best = (score, other)
    return best[1] if best else None


def did_you_mean(name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> Instead | None:
    """A diagnostic's help: "did you mean `Linear`?", or None; safe to write where the letters are the same."""
    near = closest(name, known, aliases)
    return Instead(f"did you mean `{near}`?", near, name, _flat(near) == _flat(name)) if near else None


def _flat(name: str) -> str:
    return name.replace("_", "").casefold()
