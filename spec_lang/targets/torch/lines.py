"""Statements with what must run ahead of them, and with the remarks that belong to them."""

from __future__ import annotations

from spec_lang.targets.torch.code import Code
from spec_lang.targets.torch.layout import line_width, statement
from spec_lang.targets.torch.text import comment, comment_text
from spec_lang.targets.torch.writer import Writer


def stated(w: Writer, prefix: str, code: Code, suffix: str = "", remark: str | None = None) -> list[str]:
    """The statement `prefix code suffix` that a writer was made for, with a comment."""
    lines = statement(w.indent, prefix, code, suffix)
    return [*w.ahead, *remarked(lines, remark, w.indent, prefix.removesuffix(" = "))]


def remarked(lines: list[str], remark: str | None, indent: int, label: str) -> list[str]:
    """The lines of a statement with a comment at its end where that fits, else above it.

    A shape above the statement is labelled with the variable that it is of.
    """
    if not remark:
        return lines
    text = comment_text(remark)
    if len(lines[-1]) + 2 + len(text) <= line_width():
        return [*lines[:-1], f"{lines[-1]}  {text}"]
    above = f"{label}: {remark}" if remark.startswith("[") and label.isidentifier() else remark
    return [*comment(indent, above), *lines]
