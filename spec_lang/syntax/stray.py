"""Characters that are not part of the language, and what was meant by them."""

from __future__ import annotations

_MEANT = {
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "‘": "'",
    "’": "'",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "*",
    "·": "*",
    "÷": "/",
    "→": "->",
    "⇒": "->",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "…": "...",
    "，": ",",
    "：": ":",
    "（": "(",
    "）": ")",
    "＝": "=",
}
_HELP = {
    ";": "one statement a line; no `;` at its end",
    "\\": "a long line goes on inside brackets, or on lines that begin with `->`",
    "!": "write `not`",
    "\r": "end lines with a line feed, or a carriage return and a line feed",
}


def is_name(word: str) -> bool:
    """Whether Python reads a word of other letters as the same name (it normalises them)."""
    from unicodedata import is_normalized  # a spec in ASCII starts sooner

    return word.isidentifier() and is_normalized("NFKC", word)


def explain_stray(text: str) -> tuple[str, str | None]:
    """The message and the help for a character, or a word with one, that cannot stand here."""
    if text in _MEANT:
        return f"`{text}` ({_called(text)}) is not part of the language", f"write `{_MEANT[text]}`"
    if len(text) > 1:
        return (
            f"`{text}` is not a name in Python",
            "names are letters, digits and `_`, each in its plain form",
        )
    if text.isprintable() and not text.isspace():
        return f"`{text}` means nothing here", _HELP.get(text)
    return f"a character that cannot be seen here: {_called(text)}", _HELP.get(text, "delete it")


def _called(text: str) -> str:
    if text == "\r":
        return "carriage return, U+000D"
    from unicodedata import name  # a spec in ASCII starts sooner

    return f"{name(text, 'unnamed').lower()}, U+{ord(text):04X}"


def plain(text: str, start: int) -> list[tuple[int, str]]:
    """The look-alikes from an offset to the end of its line, outside of strings and comments, and what each of them means."""
    found: list[tuple[int, str]] = []
    quote = ""
    for at in range(start, len(text)):
        char = text[at]
        if char == "\n" or (char == "#" and not quote):
            break
        if char in ("'", '"') and quote in ("", char):
            quote = "" if quote else char
        elif char in _MEANT and not quote:
            found.append((at, _MEANT[char]))
    return found
