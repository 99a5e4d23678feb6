"""What string literals say: escapes, and the parts of f-strings."""

from __future__ import annotations

import re

from spec_lang.frozen import Frozen

_ESCAPE = r"\\(?:\r?\n|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[\s\S])|\r\n"
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}


class Piece(Frozen):
    """A part of an f-string by its place in the literal: code, or text with its value."""

    start: int
    end: int
    is_code: bool
    value: str


def string_value(text: str) -> str:
    """The value of a literal with its quotes; an escape that means nothing is kept as it is, as in Python."""
    width = 3 if text[:3] in ('"""', "'''") else 1
    return unescape(text[width:-width])


def unescape(body: str) -> str:
    """Text with its escapes replaced and its line ends made `\\n`."""
    return re.sub(_ESCAPE, _escape, body) if "\\" in body or "\r" in body else body


def _escape(match: re.Match[str]) -> str:
    text = match.group()
    if text == "\r\n":
        return "\n"
    body = text[1:]
    if body in ("\n", "\r\n"):
        return ""
    if body[0] in "xuU" and len(body) > 1:
        code = int(body[1:], 16)
        is_letter = code < 0x110000 and not 0xD800 <= code < 0xE000  # half of a letter is no text
        return chr(code) if is_letter else text
    if body[0] in "01234567":
        return chr(int(body, 8))
    if body in "\\'\"":
        return body
    return _SIMPLE.get(body, text)


def fstring_pieces(text: str) -> list[Piece]:
    """The parts of `f"..."`; `{{` and `}}` are braces."""
    pieces: list[Piece] = []
    at = start = 2
    end = len(text) - 1
    while at < end:
        char = text[at]
        if char in "{}" and text[at + 1] == char:
            at += 2
        elif char == "{":
            if at > start:
                pieces.append(_literal(text, start, at))
            close = _closing(text, at + 1, end)
            pieces.append(Piece(at + 1, close, True, ""))
            at = start = close + 1
        else:
            at += 2 if char == "\\" else 1
    if end > start:
        pieces.append(_literal(text, start, end))
    return pieces


def fstring_mistake(text: str, pieces: list[Piece]) -> tuple[int, str, str | None] | None:
    """What is wrong with an f-string's braces: the place, the message and the help."""
    for piece in pieces:
        body = text[piece.start : piece.end]
        if not piece.is_code:
            lone = body.replace("}}", "  ").find("}")
            if lone != -1:
                return piece.start + lone, "`}` has no `{` in this f-string", "write `}}` for a brace"
            continue
        opened = piece.start - 1
        if piece.end >= len(text) - 1:
            return opened, "`{` is never closed in this f-string", "write `{{` for a brace"
        if not body.strip():
            return opened, "nothing stands between these braces", "write `{{}}` for braces"
        if re.search(_FORMAT, body):
            return opened, "formats (`:` and `!`) are not part of f-strings here", None
    return None


_FORMAT = r"^[^\[({\"']*(?::|!(?!=))"


def _literal(text: str, start: int, end: int) -> Piece:
    value = unescape(text[start:end]).replace("{{", "{").replace("}}", "}")
    return Piece(start, end, False, value)


def _closing(text: str, at: int, end: int) -> int:
    depth = 0
    while at < end:
        char = text[at]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    return end
