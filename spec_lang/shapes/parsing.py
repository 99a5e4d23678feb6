"""Dims from text, the inverse of `str`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spec_lang.shapes.dim import Dim, dim, maximum, minimum, opaque, symbol
from spec_lang.shapes.errors import ParseError, TooLarge

_TOKEN = re.compile(r"\s*(?:(\d[\d_]*)|([^\W\d]\w*)|(//|\*\*|[-+*%(),]))")
_DEPTH = 100


def parse(text: str, symbols: Mapping[str, Dim] | None = None) -> Dim:
    """The dim of an expression; names that `symbols` does not give are symbols of at least 1.

    `name[...]`, `name.attribute` and calls other than of `min` and `max` are uninterpreted terms.

    Raises:
        ParseError: no dim expression.
        TooLarge: over the limits.
    """
    parser = _Parser(text, symbols or {})
    result = parser.sum()
    if parser.peek() is not None:
        raise parser.error()
    return result


class _Parser:
    def __init__(self, text: str, symbols: Mapping[str, Dim]) -> None:
        self.text = text
        self.symbols = symbols
        self.at = 0
        self.depth = 0

    def error(self) -> ParseError:
        return ParseError(f"`{self.text}` is no dim expression: at {self.text[self.at :]!r}")

    def _match(self) -> re.Match[str] | None:
        return _TOKEN.match(self.text, self.at)

    def peek(self) -> str | None:
        """The next token, or None at the end."""
        if not self.text[self.at :].strip():
            return None
        found = self._match()
        return found.group(found.lastindex or 0) if found else self.text[self.at]

    def take(self, *tokens: str) -> str | None:
        """The next token if it is one of these, and pass it."""
        found = self._match()
        if found and found.group(3) in tokens:
            self.at = found.end()
            return found.group(3)
        return None

    def sum(self) -> Dim:
        self.depth += 1
        if self.depth > _DEPTH:
            raise TooLarge("a size that is nested too deeply")
        result = self.product()
        while sign := self.take("+", "-"):
            right = self.product()
            result = result + right if sign == "+" else result - right
        self.depth -= 1
        return result

    def product(self) -> Dim:
        result = self.unary()
        while sign := self.take("*", "//", "%"):
            right = self.unary()
            result = result * right if sign == "*" else result // right if sign == "//" else result % right
        return result

    def unary(self) -> Dim:
        negative = False
        while sign := self.take("-", "+"):
            negative ^= sign == "-"
        result = self.power()
        return -result if negative else result

    def power(self) -> Dim:
        base = self.primary()
        if self.take("**") is None:
            return base
        self.depth += 1
        if self.depth > _DEPTH:
            raise TooLarge("a size that is nested too deeply")
        exponent = self.unary()
        self.depth -= 1
        return base**exponent

    def primary(self) -> Dim:
        if self.take("("):
            result = self.sum()
            if self.take(")") is None:
                raise self.error()
            return result
        found = self._match()
        if found is None or found.group(3):
            raise self.error()
        start = found.start(found.lastindex or 0)
        self.at = found.end()
        if found.group(1):
            if len(found.group(1)) > 32:
                raise TooLarge("a size that does not fit 64 bits")
            return dim(int(found.group(1)))
        name = found.group(2)
        if name in ("min", "max") and self.take("("):
            return (minimum if name == "min" else maximum)(*self.arguments())
        if self.text[self.at : self.at + 1] in ("[", "(", "."):
            return self.uninterpreted(start)
        known = self.symbols.get(name)
        return symbol(name) if known is None else known

    def arguments(self) -> list[Dim]:
        result = [self.sum()]
        while self.take(","):
            result.append(self.sum())
        if self.take(")") is None:
            raise self.error()
        return result

    def uninterpreted(self, start: int) -> Dim:
        """The rest of a name with brackets, calls and attributes, by its text."""
        while True:
            attribute = re.compile(r"\.[^\W\d]\w*").match(self.text, self.at)
            if attribute:
                self.at = attribute.end()
            elif self.text[self.at : self.at + 1] in ("[", "("):
                self.at = self._closing()
            else:
                break
        text = self.text[start : self.at]
        known = self.symbols.get(text)
        return opaque(text) if known is None else known

    def _closing(self) -> int:
        depth = 0
        quote = ""
        for i in range(self.at, len(self.text)):
            c = self.text[i]
            if quote:
                quote = "" if c == quote else quote
            elif c in "\"'":
                quote = c
            else:
                depth += (c in "[(") - (c in "])")
                if depth == 0:
                    return i + 1
        raise self.error()
