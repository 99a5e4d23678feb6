"""Regular expressions that somebody else wrote, on keys that somebody else chose: matched in a process that can be stopped.

Python's matching goes back over a text as often as a pattern lets it, which may be without end, and nothing stops it from within.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

SECONDS: Final = 1.0
"""What one pattern may take on all keys of a file."""
_PROGRAM: Final = """
import json, re, sys
old, new, keys = json.load(sys.stdin)
found = [re.fullmatch(old, k) for k in keys]
json.dump([m and m.expand(new) for m in found], sys.stdout)
"""


class TooSlow(Exception):
    """A pattern takes too long."""


def check(old: str, new: str) -> str | None:
    """What is wrong with a regular expression and its replacement."""
    import re

    try:
        match = re.fullmatch(f"|(?:{old})", "")  # the empty side comes first: nothing is tried
        assert match is not None
        match.expand(new)
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        return str(error) or "it is nested too deeply"
    return None


def expanded(old: str, new: str, keys: Sequence[str]) -> list[str | None]:
    """The replacement for each key that the expression fits as a whole, None for the others.

    Raises:
        TooSlow: it takes more than `SECONDS`.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            input=json.dumps([old, new, list(keys)]),
            capture_output=True,
            text=True,
            encoding="ascii",
            timeout=SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise TooSlow from None
    found: list[str | None] = json.loads(done.stdout)
    return found
