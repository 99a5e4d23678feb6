"""A mistake before it is rendered: a diagnostic, and what it says as data."""

from __future__ import annotations

from spec_lang.diagnostics import Diagnostic
from spec_lang.ops.base import NO_VALUE
from spec_lang.shapes import Cond


class Mistake(Diagnostic):
    """A diagnostic of a check that goes on.

    Attributes:
        state: The condition that would make it right; the help says to state it.
        refused: The value that an argument cannot take, where that is all.
        built: Whether a class refuses what breaks this condition when it is built.
    """

    state: Cond | None = None
    refused: object = NO_VALUE
    built: bool = False
