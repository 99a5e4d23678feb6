"""Statements as they are written one after the other, each with the comment that belongs to it."""

from __future__ import annotations

from spec_lang.targets.torch.code import Code
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.layout import WIDTH, statement
from spec_lang.targets.torch.names import Scope
from spec_lang.targets.torch.operations import Operations
from spec_lang.targets.torch.text import comment, comment_text


class Lines(Operations):
    """Collects the lines of one function's body."""

    def __init__(self, imports: Imports, scope: Scope, indent: int) -> None:
        super().__init__(imports, scope)
        self.indent = indent
        self.lines: list[str] = []

    def emit(self, prefix: str, code: Code, suffix: str = "", note: str | None = None) -> None:
        """One statement, with a comment at its end where that fits, else above it."""
        lines = statement(self.indent, prefix, code, suffix)
        if note:
            text = comment_text(note)
            if len(lines[-1]) + 2 + len(text) <= WIDTH:
                lines[-1] += f"  {text}"
            else:
                label = prefix.removesuffix(" = ")
                above = f"{label}: {note}" if note.startswith("[") and label.isidentifier() else note
                lines = [*comment(self.indent, above), *lines]
        self.lines += lines
