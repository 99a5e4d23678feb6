"""Text of the author's, made safe: nothing leaves the string, docstring or comment that it stands in."""

from __future__ import annotations

import keyword
import re
import textwrap
from unicodedata import is_normalized

from spec_lang.targets.torch.code import Atom, Code
from spec_lang.targets.torch.layout import line_width

_SHORT = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_NUMBER = re.compile(
    r"\d[\d_]*(\.[\d_]*)?([eE][+-]?[\d_]+)?|\.\d[\d_]*([eE][+-]?[\d_]+)?|0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
)
_QUOTES = re.compile(r'("+)')
_DIRECTIVE = re.compile(r"(fmt|yapf|isort|ruff|noqa|type|mypy|pyright|pylint|pragma|flake8|nosec)\b.*", re.I)


class BadProgram(ValueError):
    """The IR holds a name or path that no checked spec can have."""


def identifier(name: str) -> str:
    """The name itself, which must be one.

    Raises:
        BadProgram: it is no Python identifier, or one that Python reads as another.
    """
    if not (name.isidentifier() and is_normalized("NFKC", name)):
        raise BadProgram(f"{name!r} is not an identifier")
    return name


def attribute(name: str) -> str:
    """The name itself, which must be that of an attribute.

    Raises:
        BadProgram: it is no identifier, or a keyword.
    """
    if keyword.iskeyword(identifier(name)):
        raise BadProgram(f"{name!r} is a keyword")
    return name


def module_name(name: str) -> str:
    """A dotted module name, checked part by part.

    Raises:
        BadProgram: a part is no identifier, or a keyword.
    """
    for part in name.split("."):
        attribute(part)
    return name


def escape(text: str, quote: str) -> str:
    """The inside of a string literal in `quote`s, or of text without quotes."""
    return "".join(_character(c, quote) for c in text)


def _character(c: str, quote: str) -> str:
    if c == quote and quote:
        return f"\\{c}"
    if c in _SHORT:
        return _SHORT[c]
    if c.isprintable():
        return c
    code = ord(c)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted(text: str) -> str:
    """A string literal; in double quotes unless the other ones save escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + escape(text, quote) + quote


def string(text: str) -> Code:
    """A string literal as an expression."""
    return Atom(quoted(text))


def number(value: float, text: str | None) -> Code:
    """A number as the author wrote it, in the formatter's spelling."""
    if text is None or not _NUMBER.fullmatch(text):
        if value != value or value in (float("inf"), float("-inf")):
            return Atom({"inf": "math.inf", "-inf": "-math.inf"}.get(repr(value), "math.nan"))
        return Atom(repr(value))
    text = text.lower()
    if text.startswith("0x"):
        return Atom("0x" + text[2:].upper())
    mantissa, e, exponent = text.partition("e")
    if mantissa.startswith("."):
        mantissa = f"0{mantissa}"
    if mantissa.endswith("."):
        mantissa += "0"
    return Atom(mantissa + e + exponent)


def docstring(indent: int, text: str) -> list[str]:
    """The lines of a docstring, wrapped at the width; none for an empty one."""
    if not text.strip():
        return []
    margin = " " * indent
    first, *rest = textwrap.dedent(_first_apart(text)).strip().split("\n")
    opening = '"""' + _doc_line(first)
    if not rest and len(margin + opening) + 3 <= line_width():
        return [margin + opening + '"""']
    if not rest:
        wrapped = _wrap(opening, line_width() - indent - 3)
        return [margin + line for line in wrapped] + ([margin + '"""'] if len(wrapped) > 1 else ['"""'])
    lines = [part for line in (opening, *map(_doc_line, rest)) for part in _wrap(line, line_width() - indent)]
    return [*(margin + line if line else "" for line in lines), margin + '"""']


def _first_apart(text: str) -> str:
    """The text with its first line indented like the others, as `inspect.cleandoc` reads it."""
    first, newline, rest = text.replace("\r\n", "\n").expandtabs().partition("\n")
    return first.strip() + newline + textwrap.dedent(rest)


def _doc_line(line: str) -> str:
    """A line with the quotes escaped that could end the docstring: three together, and the last."""
    parts = _QUOTES.split(line.rstrip())
    last = len(parts) - 2 if parts[-1] == "" else -1
    return "".join(
        '\\"' * len(part) if i % 2 and (len(part) > 2 or i == last) else part if i % 2 else escape(part, "")
        for i, part in enumerate(parts)
    )


def _wrap(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    start = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line, width, subsequent_indent=start, break_long_words=False, break_on_hyphens=False
    ) or [""]


def comment_text(text: str) -> str:
    """A comment on one line, `#` included; one that would direct a tool is put in quotes."""
    body = escape(text.lstrip("#").strip(), "").replace("\\\\", "\\")
    body = " ".join(body.split())
    return f'# "{body}"' if _DIRECTIVE.match(body) else f"# {body}".rstrip()


def comment(indent: int, text: str) -> list[str]:
    """A comment on lines of its own."""
    margin = " " * indent
    line = comment_text(text)
    parts = textwrap.wrap(line[2:], line_width() - indent - 2, break_long_words=False, break_on_hyphens=False)
    return [f"{margin}# {part}" for part in parts] or [f"{margin}#"]
