"""`--rename OLD=NEW` and `--ignore PATTERN`: how a file's keys become a model's.

OLD is a pattern for whole keys: `*` is any text, and each `*` of NEW takes the text of OLD's, in order
(`module.*=*`, `*.gamma=*.weight`). Between slashes OLD is a regular expression and NEW its replacement
(`/layers\\.(\\d+)\\.(.*)/=h.\\1.\\2`). An empty NEW leaves the tensors out. Patterns apply one after another.

`--ignore PATTERN` leaves tensors out: `*` is any text, and a regular expression stands between slashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spec_lang.asking import asked
from spec_lang.diagnostics import Diagnostic
from spec_lang.weights import regex
from spec_lang.weights.stored import WeightsError, problem, refuse, shown


class Glob(NamedTuple):
    """A pattern with `*`: the texts around them, and those around NEW's."""

    text: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    def renamed(self, keys: Sequence[str]) -> list[str | None]:
        """What each key becomes that the pattern fits, None for the others."""
        return [self._one(key) for key in keys]

    def _one(self, key: str) -> str | None:
        """The first `*` takes as much as it can, then the second: from the end, each text stands as far behind as it can."""
        first, *middle = self.old
        if not middle:
            return self.new[0] if key == first else None
        last = middle.pop()
        end = len(key) - len(last)
        if end < len(first) or not key.startswith(first) or not key.endswith(last):
            return None
        taken: list[str] = []
        for part in reversed(middle):
            at = key.rfind(part, len(first), end)
            if at < 0:
                return None
            taken.append(key[at + len(part) : end])
            end = at
        taken.append(key[len(first) : end])
        head, *rest = self.new
        return head + "".join(text + part for text, part in zip(reversed(taken), rest, strict=False))


class Regex(NamedTuple):
    """A regular expression; `new` is a template for `re.Match.expand`."""

    text: str
    old: str
    new: str

    def renamed(self, keys: Sequence[str]) -> list[str | None]:
        """What each key becomes that the pattern fits, None for the others.

        Raises:
            TooSlow: the expression takes too long.
        """
        return regex.expanded(self.old, self.new, keys)


def parse(text: str) -> Glob | Regex:
    """A pattern as the user wrote it.

    Raises:
        WeightsError: it has no `=`, or its two sides do not fit (E1013).
    """
    is_regex = text.startswith("/") and "/=" in text[1:]
    old, sign, new = text[1:].partition("/=") if is_regex else text.partition("=")
    if not sign or not old:
        raise refuse("E1013", f"{shown(text)} is not of the form OLD=NEW", asked("--rename"))
    if is_regex:
        return _regex(text, old, new, "--rename")
    if new.count("*") > old.count("*"):
        raise refuse("E1013", f"{shown(text)} has more `*` in NEW than in OLD", asked("--rename"))
    return Glob(text, tuple(old.split("*")), tuple(new.split("*")))


def parse_ignored(text: str) -> Glob | Regex:
    """A pattern of keys to leave out: `*` is any text, and a regular expression stands between slashes.

    Raises:
        WeightsError: it is empty or no sound pattern (E1013).
    """
    if not text:
        raise refuse("E1013", f"{shown(text)} is no sound pattern: it is empty", asked("--ignore"))
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return _regex(text, text[1:-1], "", "--ignore")
    return Glob(text, tuple(text.split("*")), ("",))


def _regex(text: str, old: str, new: str, option: str) -> Regex:
    wrong = regex.check(old, new)
    if wrong is not None:
        raise refuse("E1013", f"{shown(text)} is no sound pattern: {wrong}", asked(option))
    return Regex(text, old, new)


def _renamed(pattern: Glob | Regex, keys: Sequence[str], path: str, option: str) -> list[str | None]:
    try:
        return pattern.renamed(keys)
    except regex.TooSlow:
        message = f"{asked(option)}: {shown(pattern.text)} takes more than {regex.SECONDS:g} s on the keys of the file"
        help = "what repeats inside what repeats is tried in every way; a pattern with `*` never is"
        raise WeightsError((problem("E1013", message, path, help=help),)) from None


def apply(
    keys: Iterable[str], patterns: Sequence[Glob | Regex], path: str, ignored: Sequence[Glob | Regex] = ()
) -> dict[str, str]:
    """The file's key behind each of the model's; keys that an `ignored` pattern fits, before or after the renames, are left out.

    Raises:
        WeightsError: a pattern fits no key or takes too long, or two keys become one (E1013).
    """
    unused = {pattern.text: pattern for pattern in ignored}

    def left(keys: list[str]) -> list[str]:
        """The keys that no ignored pattern fits."""
        gone: set[str] = set()
        for p in ignored:
            fitting = {
                k for k, new in zip(keys, _renamed(p, keys, path, "--ignore"), strict=True) if new is not None
            }
            if fitting:
                unused.pop(p.text, None)
            gone |= fitting
        return [k for k in keys if k not in gone]

    renamed = {key: key for key in left(list(keys))}
    problems: list[Diagnostic] = []
    for pattern in patterns:
        result: dict[str, str] = {}
        used = False
        news = _renamed(pattern, list(renamed), path, "--rename")
        for (key, origin), given in zip(renamed.items(), news, strict=True):
            used = used or given is not None
            new = key if given is None else given
            if new and new in result:
                both = f"{shown(result[new])} and {shown(origin)} both become {shown(new)}"
                problems.append(
                    problem("E1013", f"with {asked('--rename')} {shown(pattern.text)}, {both}", path)
                )
            elif new:
                result[new] = origin
        if not used:
            problems.append(
                problem("E1013", f"{asked('--rename')}: {shown(pattern.text)} fits no key of the file", path)
            )
        renamed = result
    renamed = {key: renamed[key] for key in left(list(renamed))}
    problems += [
        problem("E1013", f"{asked('--ignore')}: {shown(text)} fits no key of the file", path)
        for text in unused
    ]
    if problems:
        raise WeightsError(tuple(problems[:20]))
    return renamed
