"""A diagnostic is plain data: what is wrong, where, why, and what to try."""

from __future__ import annotations

from spec_lang.diagnostics.fix import Fix, Instead
from spec_lang.diagnostics.source import Source, Span
from spec_lang.frozen import Frozen


class Label(Frozen):
    """A place in a source with a few words about it."""

    source: Source
    span: Span
    text: str = ""


class Diagnostic(Frozen):
    """One mistake, reported once.

    Attributes:
        code: A key of `spec_lang.diagnostics.codes.CODES`, such as ``"E0301"``.
        message: One line: what was expected and what was found.
        primary: Where the caret goes.
        labels: Where each side of the disagreement comes from.
        notes: Facts that explain it, such as the trail of shapes.
        help: The likely fix, where there is one.
        severity: ``"error"`` or ``"warning"``.
        ways: Edits that mend it, beside the help where that is one.
    """

    code: str
    message: str
    primary: Label
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: str = "error"
    ways: tuple[Fix, ...] = ()

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """Edits that mend it, the likeliest first; of several, one is meant."""
        if not isinstance(self.help, Instead):
            return self.ways
        fix = self.help.fix(self.primary.source, self.primary.span)
        return (*(() if fix is None else (fix,)), *self.ways)


class SpecError(Exception):
    """A spec that cannot be compiled, with every diagnostic found in it; as a text, all of them as they are shown."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        """What the command line shows: each mistake with its place, its lines and what to try."""
        from spec_lang.diagnostics.render import render

        return render(self.diagnostics).rstrip("\n")
