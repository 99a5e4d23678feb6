"""`--rename OLD=NEW` and `--ignore PATTERN`: how a file's keys become a model's.

OLD is a pattern for whole keys: `*` is any text, and each `*` of NEW takes the text of OLD's, in order
(`module.*=*`, `*.gamma=*.weight`). Between slashes OLD is a regular expression and NEW its replacement
(`/layers\\.(\\d+)\\.(.*)/=h.\\1.\\2`). An empty NEW leaves the tensors out. Patterns apply one after another.

`--ignore PATTERN` leaves tensors out: `*` is any text, and a regular expression stands between slashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spec_lang.asking import asked
from spec_lang.diagnostics import Diagnostic
from spec_lang.weights.stored import WeightsError, problem, refuse, shown


class Rename(NamedTuple):
    """One pattern: `new` is a template for `re.Match.expand`."""

    text: str
    old: re.Pattern[str]
    new: str


def parse(text: str) -> Rename:
    """A pattern as the user wrote it.

    Raises:
        WeightsError: it has no `=`, or its two sides do not fit (E1013).
    """
    is_regex = text.startswith("/") and "/=" in text[1:]
    old, sign, new = text[1:].partition("/=") if is_regex else text.partition("=")
    if not sign or not old:
        raise refuse("E1013", f"{shown(text)} is not of the form OLD=NEW", asked("--rename"))
    if not is_regex:
        if new.count("*") > old.count("*"):
            raise refuse("E1013", f"{shown(text)} has more `*` in NEW than in OLD", asked("--rename"))
        old = "(.*)".join(re.escape(part) for part in old.split("*"))
        head, *rest = (part.replace("\\", r"\\") for part in new.split("*"))
        new = head + "".join(rf"\g<{i}>{part}" for i, part in enumerate(rest, 1))
    try:
        pattern = re.compile(old)
        re.compile(f"(?:{old})|").fullmatch("").expand(new)  # type: ignore[union-attr]  # `|` matches
    except (re.error, IndexError) as error:
        raise refuse("E1013", f"{shown(text)} is no sound pattern: {error}", asked("--rename")) from None
    return Rename(text, pattern, new)


def parse_ignored(text: str) -> Rename:
    """A pattern of keys to leave out: `*` is any text, and a regular expression stands between slashes.

    Raises:
        WeightsError: it is empty or no sound pattern (E1013).
    """
    is_regex = len(text) > 2 and text.startswith("/") and text.endswith("/")
    try:
        if not text:
            raise re.error("it is empty")
        old = text[1:-1] if is_regex else "(.*)".join(re.escape(part) for part in text.split("*"))
        return Rename(text, re.compile(old), "")
    except re.error as error:
        raise refuse("E1013", f"{shown(text)} is no sound pattern: {error}", asked("--ignore")) from None


def apply(
    keys: Iterable[str], patterns: Sequence[Rename], path: str, ignored: Sequence[Rename] = ()
) -> dict[str, str]:
    """The file's key behind each of the model's; keys that an `ignored` pattern fits, before or after the renames, are left out.

    Raises:
        WeightsError: a pattern fits no key, or two keys become one (E1013).
    """
    unused = {pattern.text: pattern for pattern in ignored}

    def is_ignored(key: str) -> bool:
        fitting = [p.text for p in ignored if p.old.fullmatch(key)]
        for text in fitting:
            unused.pop(text, None)
        return bool(fitting)

    renamed = {key: key for key in keys if not is_ignored(key)}
    problems: list[Diagnostic] = []
    for pattern in patterns:
        result: dict[str, str] = {}
        used = False
        for key, origin in renamed.items():
            match = pattern.old.fullmatch(key)
            used = used or match is not None
            new = key if match is None else match.expand(pattern.new)
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
    renamed = {key: origin for key, origin in renamed.items() if not is_ignored(key)}
    problems += [
        problem("E1013", f"{asked('--ignore')}: {shown(text)} fits no key of the file", path)
        for text in unused
    ]
    if problems:
        raise WeightsError(tuple(problems[:20]))
    return renamed
